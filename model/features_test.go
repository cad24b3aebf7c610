package model

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// featuresOf returns those of token i of a text cut into words or characters.
func featuresOf(t *testing.T, kind, s string, i int) (own, around []int32) {
	t.Helper()
	tok, err := text.Train(context.Background(), slices.Values([]string{s}), text.Config{Kind: kind, Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	e := tok.Encode(s)
	h := featureHasher{&Features{Buckets: 1 << 30}, &e, s, true}
	return h.own(nil, i), h.around(nil, i)
}

func shared(a, b []int32) (n int) {
	for _, x := range a {
		if slices.Contains(b, x) {
			n++
		}
	}
	return n
}

func TestFeaturesTellWhatWordsHaveInCommon(t *testing.T) {
	for _, c := range []struct {
		name, a, b string
		least, all int // features shared, and how many the first has
	}{
		{"the same word", "Walking", "Walking", 11, 11},
		{"another case: the form and what begins and ends it", "Walking", "walking", 9, 11},
		{"a common end: four suffixes", "Walking", "Talking", 4 + 1, 11}, // and the shape
		{"a common beginning", "Walking", "Walker", 4 + 1, 11},
		{"nothing but the shape", "Walking", "Spot", 1, 11},
		{"numbers of one shape", "1987", "2024", 1, 11},
	} {
		a, _ := featuresOf(t, "word", c.a, 0)
		b, _ := featuresOf(t, "word", c.b, 0)
		if len(a) != c.all || shared(a, b) != c.least {
			t.Errorf("%s: %q has %d features, of which %q shares %d; want %d and %d", c.name, c.a, len(a), c.b, shared(a, b), c.all, c.least)
		}
	}
}

func TestFeaturesOfCharactersArePairs(t *testing.T) {
	a, aroundA := featuresOf(t, "char", "北京大学", 1)
	b, aroundB := featuresOf(t, "char", "南京大学", 1)
	if len(a) != 3 || shared(a, b) != 1 { // 京大
		t.Errorf("own %v and %v", a, b)
	}
	if shared(aroundA, aroundB) != 5 { // itself, 大, 学, the end beyond nothing, 京大学
		t.Errorf("around %v and %v share %d", aroundA, aroundB, shared(aroundA, aroundB))
	}
}

func TestFeaturesAtTheEndsOfAText(t *testing.T) {
	for _, s := range []string{"a", "。", "京", "ab cd"} {
		own, around := featuresOf(t, "word", s, 0)
		if len(own) == 0 || len(around) < 5 {
			t.Errorf("%q: %v, %v", s, own, around)
		}
	}
}

func TestWhatFeaturesAreChosen(t *testing.T) {
	for _, c := range []struct {
		family, head, tokenizer string
		want                    Features
	}{
		{"lstm", TokensHead, "word", Features{32, "yes", 50, 9}},
		{"lstm", TokensHead, "char", Features{32, "yes", 0, 9}},
		{"lstm", ClassHead, "word", Features{0, "no", 0, 9}},
		{EncoderFamily, TokensHead, "word", Features{0, "no", 0, 9}},
	} {
		f := Features{-1, "auto", -1, 9}
		if f.Resolve(c.family, c.head, c.tokenizer); f != c.want {
			t.Errorf("%s of %s: %+v", c.head, c.tokenizer, f)
		}
	}
	f := Features{7, "no", 5, 9}
	if f.Resolve("lstm", TokensHead, "word"); f != (Features{7, "no", 5, 9}) {
		t.Errorf("what is set was changed: %+v", f)
	}
}

func TestCharactersOfAWord(t *testing.T) {
	for _, c := range []struct {
		word string
		want []int32
	}{
		{"", []int32{wordBegin, wordEnd}},
		{"Ab", []int32{wordBegin, 'A', 'b', wordEnd}},
		{"é", []int32{wordBegin, 'é', wordEnd}},
	} {
		if got := characterIDs(nil, []byte(c.word)); !slices.Equal(got, c.want) {
			t.Errorf("%q: %v", c.word, got)
		}
	}
	long := characterIDs(nil, bytes.Repeat([]byte("京"), 1000))
	if id := long[1]; len(long) != 42 || id < 256 || id >= characterRows || long[40] != id || long[41] != wordEnd {
		t.Errorf("a long word: %v", long)
	}
}
