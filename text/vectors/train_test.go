package vectors

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// topics yields sentences of two topics: words of one stand beside each other and never beside those of the other.
// Each topic has a head word that its sentences share.
func topics(n int) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		random := rand.New(rand.NewPCG(1, 1))
		for i := range n {
			sentence := []string{}
			for range 8 {
				sentence = append(sentence, string(rune('a'+random.IntN(6)+13*(i%2))))
			}
			if !yield(append(sentence, []string{"tea", "oil"}[i%2]), nil) {
				return
			}
		}
	}
}

func TestWordsUsedAlikeComeNear(t *testing.T) {
	for _, cbow := range []bool{false, true} {
		s, err := Train(context.Background(), topics(2000), Config{CBOW: cbow, Dim: 10, Epochs: 5, Threads: 2, Seed: 3, LearningRate: 0.05, Sample: -1}, TrainOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if s.Len() != 14 {
			t.Fatalf("words %q", s.Words)
		}
		near, err := s.Nearest("tea", 6)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range near {
			if !strings.Contains("abcdef", n.Word) {
				t.Errorf("CBOW %v: near tea: %v", cbow, near)
				break
			}
		}
	}
}

func TestOneThreadAndOneSeedGiveTheSameBits(t *testing.T) {
	c := Config{Dim: 7, Epochs: 2, Threads: 1, Seed: 5}
	a, err := Train(context.Background(), topics(300), c, TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := Train(context.Background(), topics(300), c, TrainOptions{})
	if err != nil || !slices.Equal(a.Words, b.Words) || !slices.Equal(a.Values, b.Values) {
		t.Errorf("two trainings differ (%v)", err)
	}
	c.Seed++
	if other, err := Train(context.Background(), topics(300), c, TrainOptions{}); err != nil || slices.Equal(a.Values, other.Values) {
		t.Errorf("another seed gives the same (%v)", err)
	}
}

func TestAnInterruptedTrainingGoesOnToTheSameVectors(t *testing.T) {
	c := Config{Dim: 7, Epochs: 12, Threads: 1, Seed: 5}
	want, err := Train(context.Background(), topics(3000), c, TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "checkpoint")
	ctx, cancel := context.WithCancel(context.Background())
	_, err = Train(ctx, topics(3000), c, TrainOptions{Checkpoint: path, Every: time.Nanosecond, Progress: func(p Progress) {
		if p.Training && p.Done > p.Total/2 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || !strings.Contains(hint.Way(err), "--resume") {
		t.Fatalf("interrupted: %v", err)
	}
	first := int64(-1)
	got, err := Train(context.Background(), topics(3000), c, TrainOptions{Checkpoint: path, Resume: true, Progress: func(p Progress) {
		if p.Training && first < 0 {
			first = p.Done
		}
	}})
	if err != nil || !slices.Equal(want.Values, got.Values) {
		t.Errorf("the resumed training differs (%v)", err)
	}
	if first < 3000*9*6 {
		t.Errorf("it began anew: %d words after the first round", first)
	}
	c.Window = 3
	if _, err := Train(context.Background(), topics(3000), c, TrainOptions{Checkpoint: path, Resume: true}); err == nil || !strings.Contains(err.Error(), "another training") {
		t.Errorf("a checkpoint of other settings: %v", err)
	}
	if err := os.WriteFile(path, []byte("no checkpoint"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Train(context.Background(), topics(3000), c, TrainOptions{Checkpoint: path, Resume: true}); err == nil || hint.Way(err) == "" {
		t.Errorf("a damaged checkpoint: %v", err)
	}
}

func TestTrainingLeavesNoFiles(t *testing.T) {
	dir := t.TempDir()
	if _, err := Train(context.Background(), topics(50), Config{Dim: 3, Epochs: 1}, TrainOptions{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v are left", left)
	}
}

func TestImpossibleTrainingsAreRefused(t *testing.T) {
	broken := errors.New("no such column")
	for _, c := range []struct {
		name      string
		sentences iter.Seq2[[]string, error]
		config    Config
		message   string
	}{
		{"no text", func(func([]string, error) bool) {}, Config{}, "0 words occur 5 times"},
		{"all words rare", topics(3), Config{MinCount: 100}, "0 words occur 100 times"},
		{"a broken file", func(yield func([]string, error) bool) { yield(nil, broken) }, Config{}, broken.Error()},
		{"negative width", topics(3), Config{Dim: -1}, "--dim -1"},
		{"no end", topics(3), Config{LearningRate: 1e9}, "--learning-rate 1e+09"},
		{"a share above 1", topics(3), Config{Sample: 2}, "--sample 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Train(context.Background(), c.sentences, c.config, TrainOptions{})
			if err == nil || !strings.Contains(err.Error(), c.message) {
				t.Errorf("%v, want %q", err, c.message)
			}
		})
	}
}

func TestNeighboursAndAnalogies(t *testing.T) {
	s := New(3)
	for word, v := range map[string][]float32{"king": {1, 1, 0}, "man": {1, 0, 0}, "woman": {0.1, 0, 1}, "queen": {0.1, 1, 1}, "nothing": {0, 0, 0}, "房间": {-1, 0, 0}, "房子": {-1, 0.1, 0}} {
		s.Append(word, v)
	}
	near, err := s.Nearest("房间", 2)
	if err != nil || len(near) != 2 || near[0].Word != "房子" || near[0].Similarity < 0.99 {
		t.Errorf("%v, %v", near, err)
	}
	answer, err := s.Analogy("man", "king", "woman", 1)
	if err != nil || len(answer) != 1 || answer[0].Word != "queen" {
		t.Errorf("%v, %v", answer, err)
	}
	if all, err := s.Nearest("King", 100); err != nil || len(all) != 5 {
		t.Errorf("%d neighbours, %v", len(all), err) // not itself, not the word without a direction
	}
	if same, err := s.Similarity("man", "房间"); err != nil || same > -0.999 {
		t.Errorf("%v, %v", same, err)
	}
	for asked, meant := range map[string]string{"womann": "woman", "kingg": "king", "房": "房", "xyzxyz": ""} {
		_, err := s.Nearest(asked, 1)
		if err == nil || !strings.Contains(hint.Way(err), meant) || !strings.Contains(err.Error(), asked) {
			t.Errorf("%q: %v; %s", asked, err, hint.Way(err))
		}
	}
}

// TestAliasDrawsByWeight counts draws.
func TestAliasDrawsByWeight(t *testing.T) {
	count := []int64{1000, 100, 10, 1}
	a, g, got := newAlias(count), generator{1}, [4]int{}
	const n = 200_000
	for range n {
		got[a.draw(&g)]++
	}
	for i, want := range []float64{177.8 / 216.1, 31.6 / 216.1, 5.62 / 216.1, 1 / 216.1} {
		if share := float64(got[i]) / n; share < 0.9*want || share > 1.1*want {
			t.Errorf("word %d is drawn with %.4f, want %.4f", i, share, want)
		}
	}
}
