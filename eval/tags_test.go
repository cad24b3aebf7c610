package eval

import (
	"fmt"
	"strings"
	"testing"
)

func TestEachSchemeReadsTagsInItsWay(t *testing.T) {
	for _, c := range []struct {
		tags, lenient, iob2, iobes string
	}{
		{"B-A I-A O", "A0-2", "A0-2", ""},
		{"I-A I-A O", "A0-2", "", ""},
		{"B-A E-A S-B", "A0-2 B2-3", "?", "A0-2 B2-3"},
		{"B-A M-A E-A", "A0-3", "?", "A0-3"}, // BMES
		{"B-A L-A U-B", "A0-2 B2-3", "?", "A0-2 B2-3"},
		{"B-A I-B", "A0-1 B1-2", "A0-1", ""},
		{"B-A B-A", "A0-1 A1-2", "A0-1 A1-2", ""},
		{"B I O", "_0-2", "_0-2", ""},
		{"S-A I-A", "A0-1 A1-2", "?", "A0-1"},
		{"O O", "", "", ""},
		{"", "", "", ""},
	} {
		for scheme, want := range map[Scheme]string{Lenient: c.lenient, IOB2: c.iob2, IOBES: c.iobes} {
			spans, err := TagSpans(strings.Fields(c.tags), scheme)
			if want == "?" {
				if err == nil {
					t.Errorf("%s as %s: accepted", c.tags, scheme)
				}
				continue
			}
			var got []string
			for _, s := range spans {
				got = append(got, fmt.Sprintf("%s%d-%d", s.Label, s.Start, s.End))
			}
			if err != nil || strings.Join(got, " ") != want {
				t.Errorf("%s as %s: %v, want %s (%v)", c.tags, scheme, got, want, err)
			}
		}
	}
}

func TestTagsOfNoSchemeAreRefused(t *testing.T) {
	for _, tags := range [][]string{{""}, {"X-PER"}, {"BPER"}, {"人名"}, {"-"}} {
		for _, scheme := range []Scheme{Lenient, IOBES, "iob3"} {
			if spans, err := TagSpans(tags, scheme); err == nil {
				t.Errorf("%q as %s: %v", tags, scheme, spans)
			}
		}
	}
	if _, err := TagSpans([]string{"O"}, "iob3"); err == nil {
		t.Error("an unknown scheme is accepted")
	}
	if _, err := JudgeTags([][]string{{"O", "O"}}, [][]string{{"O"}}, Lenient, Options{}); err == nil {
		t.Error("sequences of other lengths are compared")
	}
}

func FuzzTags(f *testing.F) {
	f.Add("B-A I-A O")
	f.Add("E-A S- O B")
	f.Fuzz(func(t *testing.T, s string) {
		tags := strings.Fields(s)
		for _, scheme := range []Scheme{Lenient, IOB2, IOBES} {
			spans, err := TagSpans(tags, scheme)
			if err != nil {
				continue
			}
			end := 0
			for _, span := range spans {
				if span.Start < end || span.End <= span.Start || span.End > len(tags) || span.Label == "" {
					t.Fatalf("%q as %s: %+v", tags, scheme, spans)
				}
				end = span.End
			}
		}
	})
}

func TestMistakesWithEntitiesAreOfFourKinds(t *testing.T) {
	text := "王明在北京大学读书"
	at := func(word, label string) Span {
		i := strings.Index(text, word)
		return Span{Start: i, End: i + len(word), Label: label, Probability: .9}
	}
	r, err := JudgeEntities([]string{"LOC", "ORG", "PER"},
		[][]Span{{at("王明", "PER"), at("北京大学", "ORG")}, {at("王明", "PER")}, {at("北京大学", "ORG")}},
		[][]Span{{at("王明", "LOC"), at("北京", "ORG")}, {}, {at("北京大学", "ORG"), at("读书", "ORG")}},
		Options{Texts: []string{text, text, text}, Mistakes: 10})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range r.Mistakes {
		got = append(got, fmt.Sprintf("%s: %s / %s", m.Kind, m.Target, m.Predicted))
	}
	want := "type: PER 王明 / LOC 王明\nbounds: ORG 北京大学 / ORG 北京\nmissed: PER 王明 / –\nspurious: – / ORG 读书"
	if strings.Join(got, "\n") != want {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if r.Errors[Type] != 1 || r.Errors[Missed] != 1 || r.MicroF1 != 2*1.0/(4+4) {
		t.Errorf("%+v, F1 %v", r.Errors, r.MicroF1)
	}
	few, err := JudgeEntities([]string{"LOC", "ORG", "PER"}, [][]Span{{at("王明", "PER")}, {}}, [][]Span{{}, {at("读书", "ORG"), at("北京", "ORG")}}, Options{Mistakes: 2})
	if err != nil || len(few.Mistakes) != 2 || few.Mistakes[0].Kind != Missed {
		t.Errorf("each kind has a place: %+v, %v", few.Mistakes, err)
	}
}
