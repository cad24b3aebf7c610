package generate

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// shares draws often and returns how often each token came.
func shares(o Options, logits []float32, seen ...int32) []float64 {
	const draws = 20_000
	s := newSampler(o, len(logits))
	s.note(seen...)
	counts := make([]float64, len(logits))
	for range draws {
		counts[s.choose(logits)] += 1.0 / draws
	}
	return counts
}

func TestTokensComeAsOftenAsTheyShould(t *testing.T) {
	// Probabilities 0.5, 0.25, 0.125, 0.0625, 0.0625 and 0, in another order.
	logits := []float32{float32(math.Log(2)), 0, float32(math.Log(8)), float32(math.Log(4)), 0.0, float32(math.Inf(-1))}
	logits[1], logits[4] = 0, 0
	for name, c := range map[string]struct {
		options Options
		seen    []int32
		want    []float64
	}{
		"as they are":           {Options{Temperature: 1}, nil, []float64{0.125, 0.0625, 0.5, 0.25, 0.0625, 0}},
		"greedy":                {Options{}, nil, []float64{0, 0, 1, 0, 0, 0}},
		"cold":                  {Options{Temperature: 0.5}, nil, []float64{4. / 86, 1. / 86, 64. / 86, 16. / 86, 1. / 86, 0}},
		"the best two":          {Options{Temperature: 1, TopK: 2}, nil, []float64{0, 0, 2. / 3, 1. / 3, 0, 0}},
		"more than there are":   {Options{Temperature: 1, TopK: 99}, nil, []float64{0.125, 0.0625, 0.5, 0.25, 0.0625, 0}},
		"of equals the first":   {Options{Temperature: 1, TopK: 4}, nil, []float64{2. / 15, 1. / 15, 8. / 15, 4. / 15, 0, 0}},
		"a nucleus":             {Options{Temperature: 1, TopP: 0.7}, nil, []float64{0, 0, 2. / 3, 1. / 3, 0, 0}},
		"a nucleus of one":      {Options{Temperature: 1, TopP: 0.001}, nil, []float64{0, 0, 1, 0, 0, 0}},
		"a nucleus of the best": {Options{Temperature: 1, TopK: 3, TopP: 0.8}, nil, []float64{0, 0, 2. / 3, 1. / 3, 0, 0}},
		"repetition":            {Options{Temperature: 1, Repetition: 3}, []int32{2, 2}, []float64{0.2, 0.1, 0.2, 0.4, 0.1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			got := shares(c.options, logits, c.seen...)
			for id, want := range c.want {
				if math.Abs(got[id]-want) > 0.015 || (want == 0) != (got[id] == 0) {
					t.Errorf("token %d: %.4f, want %.4f", id, got[id], want)
				}
			}
		})
	}
}

func TestRepetitionMakesNegativeLogitsLower(t *testing.T) {
	s := newSampler(Options{Repetition: 2}, 2)
	s.note(1)
	if got := s.choose([]float32{-1.5, -1}); got != 0 {
		t.Errorf("token %d", got)
	}
}

// TestOfAManyTokensTheBestAreFound compares the heap and the shortcut of the nucleus with a sorted list.
func TestOfManyTokensTheBestAreFound(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		n := 1 + rng.IntN(300)
		logits := make([]float32, n)
		for i := range logits {
			logits[i] = float32(rng.IntN(9)) // with many equals
		}
		k, p := 1+rng.IntN(n), 0.05+0.9*rng.Float64()
		s := newSampler(Options{Temperature: 1, TopK: k, TopP: p}, n)
		copy(s.scores, logits)
		s.list()
		s.share()
		all := slices.SortedFunc(slices.Values(s.choice), better)
		var want []int32
		sum := float32(0)
		for _, c := range all {
			want = append(want, c.id)
			if sum += c.score; sum >= float32(p) {
				break
			}
		}
		s.cut()
		var got []int32
		for _, c := range s.choice {
			got = append(got, c.id)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("k %d, p %v: %v, want %v", k, p, got, want)
		}
		ids := make([]candidate, n)
		for i := range ids {
			ids[i] = candidate{int32(i), logits[i]}
		}
		slices.SortFunc(ids, better)
		for i, c := range all {
			if c.id != ids[i].id {
				t.Fatalf("the best %d: place %d has token %d, want %d", k, i, c.id, ids[i].id)
			}
		}
	}
}

func TestOptionsThatSayNothingSensibleAreRefused(t *testing.T) {
	for want, o := range map[string]Options{
		"-1 new tokens":           {MaxTokens: -1},
		"a temperature of -1":     {Temperature: -1},
		"a temperature of NaN":    {Temperature: math.NaN()},
		"the best -2 tokens":      {TopK: -2},
		"a probability of 1.5":    {TopP: 1.5},
		"penalty of +Inf":         {Repetition: math.Inf(1)},
		"empty string as the end": {Stop: []string{"x", ""}},
	} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := (&Options{MaxTokens: 5, Temperature: 0.8, TopK: 40, TopP: 0.9, Repetition: 1.1, Stop: []string{"."}}).Check(); err != nil {
		t.Error(err)
	}
}
