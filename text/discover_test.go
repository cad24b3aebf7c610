package text

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"strings"
	"testing"
)

// reviews yields texts in which 钛鲸 stands between changing neighbours, 镍虾 only before 座, and 质量很好 is said often,
// beside others of random characters.
func reviews(n int) iter.Seq2[string, error] {
	others := []rune("买用看选换送带装修试快慢贵轻重大小新旧亮钛鲸镍虾座质量好")
	return func(yield func(string, error) bool) {
		random := rand.New(rand.NewPCG(1, 1))
		other := func() rune { return others[random.IntN(len(others))] }
		for range n {
			if !yield(fmt.Sprintf("我%c钛鲸%c，质量很好。坐镍虾座%c", other(), other(), other()), nil) {
				return
			}
			noise := []rune{}
			for range 30 {
				noise = append(noise, other(), '。')
				if random.IntN(2) == 0 {
					noise[len(noise)-1] = other()
				}
			}
			if !yield(string(noise), nil) {
				return
			}
		}
	}
}

func TestNewWordsCohereBetweenChangingNeighbours(t *testing.T) {
	found, err := Discover(context.Background(), reviews(200), segmenter(t), Discovery{Cohesion: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, c := range found {
		list = append(list, c.Word)
		if c.Count < 10 || c.Cohesion < 2 || c.Left < 1.2 || c.Right < 1.2 || len(c.Examples) == 0 || !strings.Contains(c.Examples[0], c.Word) {
			t.Errorf("%+v", c)
		}
	}
	if got := " " + strings.Join(list, " ") + " "; !strings.Contains(got, " 钛鲸 ") || strings.Contains(got, " 镍虾 ") || strings.Contains(got, "很") || strings.Contains(got, "质量") {
		t.Errorf("found %s", got)
	}
	known := segmenter(t, WithDictionary(NewDictionary(DictionaryWord{Word: "钛鲸"})))
	found, err = Discover(context.Background(), reviews(200), known, Discovery{Cohesion: 2, Limit: 1}, nil)
	if err != nil || len(found) > 1 || len(found) == 1 && found[0].Word == "钛鲸" {
		t.Errorf("with the word in a dictionary: %+v, %v", found, err)
	}
}

func TestDiscoveryOfNothingFindsNothing(t *testing.T) {
	for name, texts := range map[string]iter.Seq2[string, error]{
		"no texts":   func(func(string, error) bool) {},
		"no Chinese": func(yield func(string, error) bool) { yield(strings.Repeat("abc def ", 100)+"\xff\xfe", nil) },
	} {
		if found, err := Discover(context.Background(), texts, segmenter(t), Discovery{}, nil); err != nil || len(found) != 0 {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	broken := errors.New("line 7")
	if _, err := Discover(context.Background(), func(yield func(string, error) bool) { yield("", broken) }, segmenter(t), Discovery{}, nil); err != broken {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Discover(ctx, reviews(5), segmenter(t), Discovery{}, nil); err != context.Canceled {
		t.Error(err)
	}
}
