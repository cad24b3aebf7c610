package text

import (
	"math/rand/v2"
	"testing"
	"unicode"
	"unicode/utf8"
)

func checkRunes(t *testing.T, s string) {
	t.Helper()
	for at := range len(s) {
		want, length := utf8.DecodeRuneInString(s[at:])
		if r, n := runeAt(s, at); r != want || n != length {
			t.Fatalf("%q at %d is %q of %d bytes, want %q of %d", s, at, r, n, want, length)
		}
		if in := want >= 0x3000 && want <= 0x9fff; eastern(s, at) != in {
			t.Fatalf("%q at %d: eastern is %v", s, at, !in)
		}
	}
	if _, n := runeAt(s, len(s)); n != 0 {
		t.Fatalf("%q has a character of %d bytes at its end", s, n)
	}
}

// Characters are what the standard library says, also of what is no UTF-8.
func TestRuneAt(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if s := string(r); r < 0x3100 || r > 0x9f00 && r < 0xa100 || r%97 == 0 {
			checkRunes(t, s)
			checkRunes(t, "a"+s[:len(s)-1])
		}
		if r >= 0x3000 && r <= 0x9fff && unicode.ToLower(r) != r {
			t.Fatalf("%q has a lower case", r)
		}
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 20_000 {
		b := make([]byte, rng.IntN(8))
		for i := range b {
			b[i] = []byte{'a', 0x80, 0xbf, 0xc3, 0xe0, 0xe2, 0xe3, 0xe9, 0xea, 0xed, 0xf0}[rng.IntN(11)]
		}
		checkRunes(t, string(b))
	}
}

// Tokens are found by their text, whole and of whatever length; of equal ones the last counts.
func TestVocab(t *testing.T) {
	tokens := []string{"a", "", "中文", "eight by", "eight bytes", "eight bytesx", "a\x00", "twice", "\x00", "twice"}
	v := newVocab(tokens)
	for i, s := range tokens {
		id, ok := v.id(s)
		switch want := int32(i); {
		case s == "":
			if ok {
				t.Error("an empty token is found")
			}
		case s == "twice" && i == 7:
			if id != 9 {
				t.Errorf("%q is token %d, want the last", s, id)
			}
		case !ok || id != want:
			t.Errorf("%q is token %d (%v), want %d", s, id, ok, want)
		}
	}
	for _, s := range []string{"b", "aa", "eight b", "eight bytesy", "eight byteX", "\x00\x00", "中"} {
		if v.has(s) {
			t.Errorf("%q is found", s)
		}
	}
	none := newVocab(nil)
	if none.has("a") {
		t.Error("a token is found where there is none")
	}
}
