package eval

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestWhatIsResampledOfAllExamplesIsTheFigure takes each example once: what is resampled is then the figure itself, and its
// interval is about it.
func TestWhatIsResampledOfAllExamplesIsTheFigure(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	const n = 60
	o := Options{Rounds: 300, Seed: 1}
	labels := []string{"a", "b", "c", "never"}
	var sets, found [][]int
	var probabilities [][]float32
	var spans, tagged [][]Span
	var truth, guess []float64
	for range n {
		var set, said []int
		p := make([]float32, len(labels))
		for c := range 3 {
			if r.IntN(2+c) == 0 {
				set = append(set, c)
			}
			if p[c] = r.Float32(); p[c] > .5 {
				said = append(said, c)
			}
		}
		sets, found, probabilities = append(sets, set), append(found, said), append(probabilities, p)
		a := []Span{{Start: 0, End: 2, Label: labels[r.IntN(3)]}, {Start: 3, End: 5, Label: labels[r.IntN(3)]}}
		b := []Span{a[0], {Start: 3, End: 5 + r.IntN(2), Label: labels[r.IntN(3)]}}
		spans, tagged = append(spans, a), append(tagged, b)
		x := r.NormFloat64()
		truth, guess = append(truth, x), append(guess, x+r.NormFloat64())
	}
	report := func(r *Report, err error) *Report {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for task, c := range map[string]struct {
		*Report
		keys []string
	}{
		"sets":       {report(JudgeSets(labels, sets, found, probabilities, o)), []string{"micro_f1", "macro_f1", "accuracy"}},
		"entities":   {report(JudgeEntities(labels, spans, tagged, o)), []string{"micro_f1", "macro_f1"}},
		"numbers":    {report(JudgeNumbers(truth, guess, o)), []string{"mae", "r2", "spearman", "pearson"}},
		"similarity": {report(JudgeSimilarity(truth, guess, o)), []string{"spearman", "pearson"}},
	} {
		all := make([]int32, n)
		for i := range all {
			all[i] = int32(i)
		}
		measures := c.measures()
		if len(measures) != len(c.keys) {
			t.Errorf("%s: %d are resampled", task, len(measures))
		}
		for i, m := range measures {
			if m.Key != c.keys[i] || math.Abs(m.of(all)-m.Value) > 1e-12 {
				t.Errorf("%s: %s of all examples is %v, the figure %v", task, m.Key, m.of(all), m.Value)
			}
			if x := c.Intervals[m.Key]; !(x.Low < m.Value && m.Value < x.High) {
				t.Errorf("%s: the interval of %s, %v, is %+v", task, m.Key, m.Value, x)
			}
		}
	}
}
