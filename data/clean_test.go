package data

import (
	"slices"
	"strings"
	"testing"
)

func TestRowsOfOtherLanguagesAndOfSymbolsGo(t *testing.T) {
	c := config()
	c.Rows.Languages, c.Rows.MaxSymbols = []string{"zh", "en"}, 0.5
	c.Clean.StopWords = "en"
	p, err := NewPass(c)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for i, s := range []string{"房间很干净", "Great room", "部屋はとてもきれいでした", "12345", "好！？……!?", "Das Zimmer ist nicht sauber und nicht groß", "好!", "the che of the che and the più"} {
		e := Example{Text: s, Label: "1", Line: i + 1}
		if p.Clean(&e) {
			kept = append(kept, s)
		}
	}
	if want := []string{"房间很干净", "Great room", "12345", "好!", "the che of the che and the più"}; !slices.Equal(kept, want) {
		t.Errorf("kept %q", kept)
	}
	if p.Report.Language != 2 || p.Report.Symbols != 1 || p.Report.Out != 5 {
		t.Errorf("%+v", p.Report)
	}
	var b strings.Builder
	p.Report.Text(&b)
	for _, want := range []string{"dropped: another language          2\n    line 3: 部屋", "dropped: too many symbols          1\n    line 5: "} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, b.String())
		}
	}
	c.Rows.Languages = []string{"zh", "klingon"}
	if _, err := NewPass(c); err == nil || !strings.Contains(err.Error(), `unknown language "klingon"`) {
		t.Errorf("got %v", err)
	}
}

func TestChangesAreMarked(t *testing.T) {
	long := strings.Repeat("好", 200)
	for _, c := range []struct{ text, step, want string }{
		{"<b>很好</b>", "html", "[-<b>-]很好[-</b>-]"},
		{"ＡＢ好", "full_width", "[-ＡＢ-]{+AB+}好"},
		{"a\u200bb", "control", `a[-\u200b-]b`},
		{"a\n\tb", "space", `a[-\n\t-]{+ +}b`},
		{long[:90] + "，" + long, "full_width", "…" + long[:72] + "[-，-]{+,+}" + long[:72] + "…"},
		{strings.Repeat("a", 100), "repeats", "aaa[-" + strings.Repeat("a", 40) + "…-]"},
		{"a\xff", "encoding", `a[-\xff-]{+` + "\ufffd+}"},
	} {
		p, err := NewPass(config())
		if err != nil {
			t.Fatal(err)
		}
		e := Example{Text: c.text, Label: "1"}
		p.Clean(&e)
		i := slices.IndexFunc(p.Report.Examples, func(x Change) bool { return x.Step == c.step })
		if i < 0 {
			t.Errorf("%q: no example of %s in %+v", c.text, c.step, p.Report.Examples)
		} else if got := p.Report.Examples[i].Marked; got != c.want {
			t.Errorf("%q: marked %q, want %q", c.text, got, c.want)
		}
	}
}
