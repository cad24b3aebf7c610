package tune

import (
	"math"
	"slices"
	"strconv"
	"testing"
)

func value(params map[string]string, name string) float64 {
	v, err := strconv.ParseFloat(params[name], 64)
	if err != nil {
		panic(err)
	}
	return v
}

// valley is a function of a rate, a choice, and a number that belongs to one choice; its minimum is 0.
func valley(params map[string]string) float64 {
	rate := math.Log10(value(params, "rate")) + 2
	if params["kind"] == "b" {
		deep := value(params, "deep") - 0.7
		return rate*rate + deep*deep
	}
	return rate*rate + 0.3
}

func valleySpace(t *testing.T) Space {
	t.Helper()
	s, err := ParseSpace(map[string]string{"rate": "log:1e-5..1.0", "kind": "a,b,c", "deep": "0.0..1.0 if kind=b"})
	if err != nil {
		t.Fatal(err)
	}
	for i := range s {
		if s[i].Kind == Int {
			s[i].Kind = Float
		}
	}
	return s
}

// run searches one function and returns all trials.
func run(sampler Sampler, s Space, objectives []Objective, seed uint64, n int, f func(map[string]string) []float64) []Trial {
	var trials []Trial
	for i := 1; i <= n; i++ {
		params := sampler.Suggest(s, objectives, trials, Draw{Seed: seed, Number: i})
		trials = append(trials, Trial{Number: i, State: Complete, Params: params, Values: f(params)})
	}
	return trials
}

func TestTPEFindsWhatChanceDoesNot(t *testing.T) {
	s, objectives := valleySpace(t), []Objective{{Name: "v"}}
	median := func(sampler Sampler) float64 {
		var best []float64
		for seed := range uint64(9) {
			trials := run(sampler, s, objectives, seed, 50, func(p map[string]string) []float64 { return []float64{valley(p)} })
			best = append(best, Ranked(trials, objectives)[0].Values[0])
		}
		slices.Sort(best)
		return best[4]
	}
	tpe, random := median(TPE{}), median(Random{})
	if tpe > 0.01 || tpe > random/3 {
		t.Errorf("after 50 trials tpe is at %.4f, random at %.4f; the minimum is 0", tpe, random)
	}
}

func TestTPEFollowsAFront(t *testing.T) {
	s := valleySpace(t)
	objectives := []Objective{{Name: "a"}, {Name: "b", Maximise: true}}
	trials := run(TPE{}, s, objectives, 1, 80, func(p map[string]string) []float64 {
		rate := math.Log10(value(p, "rate"))
		return []float64{(rate + 2) * (rate + 2), -(rate + 3) * (rate + 3)}
	})
	front, late := Front(trials, objectives), 0
	for i, f := range front {
		if rate := math.Log10(value(f.Params, "rate")); rate < -3.01 || rate > -1.99 {
			t.Errorf("trial %d with rate %g is on the front", f.Number, rate)
		}
		if i > 0 && front[i-1].Values[0] > f.Values[0] {
			t.Error("the front is not in the order of its first objective")
		}
		if f.Number > 40 {
			late++
		}
	}
	if len(front) < 10 || late < 5 {
		t.Errorf("%d trials on the front, %d of the second half", len(front), late)
	}
}

func TestRankedPutsCompleteBeforePrunedBeforeFailed(t *testing.T) {
	trials := []Trial{
		{Number: 1, State: Failed}, {Number: 2, State: Complete, Values: []float64{0.5}}, {Number: 3, State: Pruned, Steps: []Step{{2, 0.9}}},
		{Number: 4, State: Complete, Values: []float64{0.7}}, {Number: 5, State: Pruned, Steps: []Step{{2, 0.3}, {6, 0.4}}}, {Number: 6, State: Running},
		{Number: 7, State: Complete, Values: []float64{math.NaN()}}, {Number: 8, State: Pruned, Steps: []Step{{2, 0.95}}},
	}
	var got []int
	for _, trial := range Ranked(trials, []Objective{{"accuracy", true}}) {
		got = append(got, trial.Number)
	}
	if want := []int{4, 2, 7, 5, 8, 3, 1, 6}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestFrontIsWhatNobodyBeats(t *testing.T) {
	var trials []Trial
	for i, v := range [][]float64{{1, 5}, {2, 4}, {2, 6}, {3, 4}, {4, 1}, {1, 5}} {
		trials = append(trials, Trial{Number: i + 1, State: Complete, Values: v})
	}
	var got []int
	for _, trial := range Front(trials, []Objective{{Name: "a"}, {Name: "b"}}) {
		got = append(got, trial.Number)
	}
	if want := []int{1, 6, 2, 5}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestASHAGivesUpTheWorse(t *testing.T) {
	o := Objective{"accuracy", true}
	trial := func(n int, values ...float64) Trial {
		t := Trial{Number: n}
		for i, v := range values {
			t.Steps = append(t.Steps, Step{i + 1, v})
		}
		return t
	}
	others := []Trial{trial(1, 0.5, 0.6), trial(2, 0.5, 0.7), trial(3, 0.4, 0.8, 0.8, 0.8, 0.8, 0.9), trial(4, 0.9)}
	for _, c := range []struct {
		name  string
		own   Trial
		prune bool
	}{
		{"before the first rung", trial(9, 0.1), false},
		{"among the worse at a rung", trial(9, 0.5, 0.65), true},
		{"the best at a rung", trial(9, 0.5, 0.85), false},
		{"the best earlier counts", trial(9, 0.85, 0.1), false},
		{"between rungs", trial(9, 0.1, 0.1, 0.1), false},
		{"worse at the second rung", trial(9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.89), true},
		{"nothing reported", Trial{Number: 9}, false},
	} {
		if got := (ASHA{}).Prune(o, &c.own, append(others, c.own)); got != c.prune {
			t.Errorf("%s: prune is %v", c.name, got)
		}
	}
	first := trial(1, 0.1, 0.1)
	if (ASHA{}).Prune(o, &first, []Trial{first}) {
		t.Error("the first trial at a rung was given up")
	}
}

func TestImportanceNamesWhatMatters(t *testing.T) {
	s, err := ParseSpace(map[string]string{"much": "0.0..1.5", "little": "0.0..1.5", "none": "0.0..1.5", "kind": "a,b"})
	if err != nil {
		t.Fatal(err)
	}
	objectives := []Objective{{Name: "v"}}
	trials := run(Random{}, s, objectives, 1, 200, func(p map[string]string) []float64 {
		v := 3*value(p, "much") + value(p, "little")
		if p["kind"] == "b" {
			v += 2
		}
		return []float64{v}
	})
	// The variances of the summands: 9·1.5²/12, 1.5²/12, and 1, of 2.875 together.
	want := map[string]float64{"much": 0.587, "little": 0.065, "none": 0, "kind": 0.348}
	for name, share := range Importance(s, objectives, trials, 0) {
		if math.Abs(share-want[name]) > 0.08 {
			t.Errorf("%s explains %.3f, want about %.3f", name, share, want[name])
		}
	}
	if Importance(s, objectives, trials[:9], 0) != nil {
		t.Error("nine trials tell nothing")
	}
}
