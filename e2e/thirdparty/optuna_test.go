package thirdparty

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// TestSearchIsNotFarBehindOptunas keeps our search near Optuna's at equal trials; bench/tune compares them in full. Both
// are the same at every run, so that the limit can be close.
func TestSearchIsNotFarBehindOptunas(t *testing.T) {
	const trials, seeds, least = 40, 7, 0.397887
	var peer []float64
	if err := json.Unmarshal([]byte(python(t, "optuna_check.py", strconv.Itoa(trials), strconv.Itoa(seeds))), &peer); err != nil {
		t.Fatal(err)
	}
	space := tune.Space{{Name: "x", Kind: tune.Float, Low: -5, High: 10}, {Name: "y", Kind: tune.Float, High: 15}}
	objectives := []tune.Objective{{Name: "value"}}
	var ours []float64
	for seed := range seeds {
		var list []tune.Trial
		best := math.Inf(1)
		for n := 1; n <= trials; n++ {
			params := tune.TPE{}.Suggest(space, objectives, list, tune.Draw{Seed: uint64(seed), Number: n})
			x, _ := strconv.ParseFloat(params["x"], 64)
			y, _ := strconv.ParseFloat(params["y"], 64)
			a := y - 5.1/(4*math.Pi*math.Pi)*x*x + 5/math.Pi*x - 6
			value := a*a + 10*(1-1/(8*math.Pi))*math.Cos(x) + 10
			best = min(best, value)
			list = append(list, tune.Trial{Number: n, State: tune.Complete, Params: params, Values: []float64{value}})
		}
		ours = append(ours, best)
	}
	slices.Sort(ours)
	slices.Sort(peer)
	if len(peer) != seeds || ours[seeds/2]-least > 1.2*(peer[seeds/2]-least) {
		t.Errorf("the median of the best values is %.4f, Optuna's %.4f, the minimum %.4f", ours[seeds/2], peer[seeds/2], least)
	}
}
