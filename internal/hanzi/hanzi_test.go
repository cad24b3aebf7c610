package hanzi

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func simplified(s string) string {
	var b strings.Builder
	at := 0
	Simplify(s, func(from, to int, with rune) {
		b.WriteString(s[at:from])
		b.WriteRune(with)
		at = to
	})
	return b.String() + s[at:]
}

func TestSimplifyDecidesByPhrase(t *testing.T) {
	for s, want := range map[string]string{
		"":         "",
		"服務態度很好":   "服务态度很好",
		"乾淨的乾坤":    "干净的乾坤",
		"瞭解不瞭解":    "了解不了解",
		"简体不变, ok": "简体不变, ok",
		"頭髮和發展":    "头发和发展",
		"蕭乾, 萧乾":   "萧乾, 萧乾",
		"過於單調":     "过于单调",
		"\xe4乾":    "\xe4干",
	} {
		if got := simplified(s); got != want {
			t.Errorf("%q became %q, want %q", s, got, want)
		}
	}
}

func TestWhatIsSimpleStays(t *testing.T) {
	f := loadForms()
	for from, to := range f.simple {
		if once := simplified(string(to)); once != string(to) {
			t.Errorf("%c becomes %c, and that becomes %s", from, to, once)
		}
	}
	for _, list := range f.phrases {
		for _, p := range list {
			if utf8.RuneCountInString(p[0]) != utf8.RuneCountInString(p[1]) {
				t.Errorf("%s and %s differ in length", p[0], p[1])
			}
			if once := simplified(p[0]); once != p[1] || simplified(once) != once {
				t.Errorf("%s becomes %s, and that becomes %s", p[0], once, simplified(once))
			}
		}
	}
}

func TestConfusions(t *testing.T) {
	for _, c := range []struct {
		r, other rune
		kind     Kind
	}{{'在', '再', SameSound}, {'买', '卖', SameSyllable}, {'是', '四', NearSound}, {'因', '英', NearSound}, {'未', '末', LookAlike}, {'己', '已', LookAlike}} {
		if !slices.Contains(Confusions(c.r), Confusion{c.other, c.kind}) {
			t.Errorf("%c and %c: no confusion of the kind %v", c.r, c.other, c.kind)
		}
	}
	if len(Confusions('a')) > 0 || len(Readings('好')) == 0 {
		t.Error("a letter has confusions, or 好 no reading")
	}
	n := 0
	for r := range loadConfusions() {
		for _, c := range Confusions(r) {
			n++
			if c.Rune == r || c.Kind < SameSound || c.Kind > LookAlike {
				t.Errorf("%c: %c %v", r, c.Rune, c.Kind)
			}
		}
	}
	if n < 100_000 {
		t.Errorf("only %d confusions", n)
	}
}
