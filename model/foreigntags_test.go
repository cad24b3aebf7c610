package model

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func TestSchemesOfOthersAreUnderstood(t *testing.T) {
	const s = "Ann Lee met Bo"
	places := []text.Span{{}, {Start: 0, End: 3}, {Start: 4, End: 7}, {Start: 8, End: 11}, {Start: 12, End: 14}, {}}
	for name, c := range map[string]struct {
		labels []string
		tags   []string
		want   []string
	}{
		"BIO":                  {[]string{"O", "B-PER", "I-PER"}, []string{"B-PER", "I-PER", "O", "B-PER"}, []string{"Ann Lee", "Bo"}},
		"IOB1":                 {[]string{"B-PER", "I-PER", "O"}, []string{"I-PER", "I-PER", "O", "I-PER"}, []string{"Ann Lee", "Bo"}},
		"IOB1, neighbours":     {[]string{"B-PER", "I-PER", "O"}, []string{"I-PER", "B-PER", "O", "I-PER"}, []string{"Ann", "Lee", "Bo"}},
		"BIOES":                {[]string{"O", "B-PER", "I-PER", "E-PER", "S-PER"}, []string{"B-PER", "E-PER", "O", "S-PER"}, []string{"Ann Lee", "Bo"}},
		"BMES behind the type": {[]string{"PER-B", "PER-M", "PER-E", "PER-S", "O"}, []string{"PER-B", "PER-E", "O", "PER-S"}, []string{"Ann Lee", "Bo"}},
		"BILOU":                {[]string{"O", "B_PER", "I_PER", "L_PER", "U_PER"}, []string{"B_PER", "L_PER", "U_PER", "U_PER"}, []string{"Ann Lee", "met", "Bo"}},
		"types alone":          {[]string{"LABEL_0", "LABEL_1"}, []string{"LABEL_1", "LABEL_1", "LABEL_0", "LABEL_1"}, []string{"Ann Lee", "met", "Bo"}},
		"an end alone":         {[]string{"O", "B-PER", "I-PER", "E-PER", "S-PER"}, []string{"E-PER", "B-PER", "I-PER", "E-PER"}, []string{"Ann", "Lee met Bo"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newForeignTags(c.labels)
			tags := []int32{0}
			for _, tag := range c.tags {
				tags = append(tags, int32(slices.Index(c.labels, tag)))
			}
			var got []string
			for _, span := range f.spans(append(tags, 0), s, places) {
				got = append(got, s[places[span.From].Start:places[span.To-1].End])
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestPiecesOfAWordFollowTheFirst has a word in three pieces, of which the others say something else.
func TestPiecesOfAWordFollowTheFirst(t *testing.T) {
	const s = "Washington 北京"
	places := []text.Span{{Start: 0, End: 4}, {Start: 4, End: 7}, {Start: 7, End: 10}, {Start: 11, End: 14}, {Start: 14, End: 17}}
	f := newForeignTags([]string{"O", "B-LOC", "I-LOC", "B-PER"})
	got := f.spans([]int32{1, 0, 3, 1, 2}, s, places)
	if want := []TagSpan{{0, 3, 0}, {3, 5, 0}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := f.spans([]int32{0, 1, 1, 0, 0}, s, places); len(got) != 0 {
		t.Errorf("pieces behind an O are %v", got)
	}
}

// TestTaggersOfOthersPredictEntities opens checkpoints with tags of several schemes, and compares with their own logits.
func TestTaggersOfOthersPredictEntities(t *testing.T) {
	for _, name := range []string{"bert_tokcls", "xlmroberta_tokcls"} {
		m := smallEncoder(t, name)
		if !m.ForeignTags() || len(m.Types()) != len(m.Labels) {
			t.Fatalf("%s: labels %q, types %q", name, m.Labels, m.Types())
		}
		dir := m.Package.Dir
		var config map[string]any
		data, err := os.ReadFile(filepath.Join(dir, ConfigFile))
		if err == nil {
			err = json.Unmarshal(data, &config)
		}
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]string{}
		for i, l := range []string{"O", "B-PER", "I-PER", "B-LOC", "I-LOC"}[:len(m.Labels)] {
			names[string(rune('0'+i))] = l
		}
		config["id2label"] = names
		delete(config, "label2id")
		if data, err = json.Marshal(config); err != nil {
			t.Fatal(err)
		}
		renamed := t.TempDir()
		for _, file := range []string{WeightsFile, TokenizerFile} {
			if err := os.Link(filepath.Join(dir, file), filepath.Join(renamed, file)); err != nil {
				t.Skip(err)
			}
		}
		if err := os.WriteFile(filepath.Join(renamed, ConfigFile), data, 0o644); err != nil {
			t.Fatal(err)
		}
		o, err := Open(renamed)
		if err != nil {
			t.Fatal(name, err)
		}
		defer o.Package.Close()
		s := "a b c d e f g h i j k"
		p, err := o.Predict(context.Background(), []string{s})
		if err != nil {
			t.Fatal(err)
		}
		// The same by hand: the best tag of each token, and runs of one type.
		var in Input
		var e Sample
		o.EncodeAligned(&in, &e, s, "")
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		v := o.Forward(tape, &in)
		var want []string
		before := ""
		for i, place := range e.Text.Spans {
			if place.Start >= place.End {
				continue
			}
			best := 0
			for c, x := range v.Row(i) {
				if x > v.Row(i)[best] {
					best = c
				}
			}
			letter, kind, _ := strings.Cut(o.Labels[best], "-")
			switch {
			case letter == "O":
				kind = ""
			case letter == "I" && kind == before:
				want[len(want)-1] += s[e.Text.Spans[i-1].End:place.End]
			default:
				want = append(want, kind+" "+s[place.Start:place.End])
			}
			before = kind
		}
		var got []string
		for _, e := range p[0].Entities {
			got = append(got, e.Label+" "+e.Text)
			if e.Text != s[e.Start:e.End] || e.Probability <= 0 || e.Probability > 1 {
				t.Errorf("%s: %+v", name, e)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		packed := filepath.Join(t.TempDir(), "m")
		if _, err := o.Save(packed, nil); err != nil {
			t.Fatal(err)
		}
		again, err := Open(packed)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Package.Close()
		q, err := again.Predict(context.Background(), []string{s})
		if err != nil || !slices.Equal(q[0].Entities, p[0].Entities) {
			t.Errorf("%s: saved and opened: %v, want %v (%v)", name, q, p[0].Entities, err)
		}
		if _, err := again.TagProbabilities(context.Background(), []Query{{Text: s}}); err == nil {
			t.Errorf("%s: teaches with tags of others", name)
		}
	}
}
