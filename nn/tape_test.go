package nn

import (
	"math"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

func TestDropoutKeepsTheMeanAndDropsTheShare(t *testing.T) {
	x := make([]float32, 100_000)
	for i := range x {
		x[i] = 1
	}
	masks := map[int][]float32{}
	for _, workers := range []int{1, 3} {
		pool := parallel.New(workers)
		tape := NewTape(pool)
		tape.Begin(Training, 5, 9)
		y := tape.Dropout(tape.Input(x, 1000, 100), 0.3)
		zeros, sum := 0, 0.0
		for _, v := range y.Data {
			if v == 0 {
				zeros++
			}
			sum += float64(v)
		}
		if share := float64(zeros) / float64(len(x)); math.Abs(share-0.3) > 0.01 {
			t.Errorf("%.3f dropped, want 0.3", share)
		}
		if mean := sum / float64(len(x)); math.Abs(mean-1) > 0.01 {
			t.Errorf("mean %.3f, want 1", mean)
		}
		masks[workers] = append([]float32(nil), y.Data...)
		second := tape.Dropout(tape.Input(x, 1000, 100), 0.3)
		if equal(second.Data, y.Data) {
			t.Error("two dropouts of one step share their mask")
		}
		tape.Begin(Training, 5, 10)
		if equal(tape.Dropout(tape.Input(x, 1000, 100), 0.3).Data, masks[workers]) {
			t.Error("two steps share a mask")
		}
		tape.Begin(Inference, 5, 9)
		if in := tape.Input(x, 1000, 100); tape.Dropout(in, 0.3) != in {
			t.Error("dropout must do nothing in inference")
		}
		pool.Close()
	}
	if !equal(masks[1], masks[3]) {
		t.Error("the mask depends on the number of workers")
	}
}

func TestFreshWeightsFollowFromSeedAndName(t *testing.T) {
	make2 := func(seed uint64, extra bool) []float32 {
		var ps Params
		if extra {
			ps.Add("extra", Normal(1), 3)
		}
		p := ps.Add("w", Normal(2), 50, 100)
		ps.Allocate(seed)
		return p.Data
	}
	if !equal(make2(1, false), make2(1, true)) {
		t.Error("another parameter changes the weights")
	}
	a := make2(1, false)
	if equal(a, make2(2, false)) {
		t.Error("another seed gives the same weights")
	}
	sum, squares := 0.0, 0.0
	for _, v := range a {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	n := float64(len(a))
	if mean, dev := sum/n, math.Sqrt(squares/n); math.Abs(mean) > 0.15 || math.Abs(dev-2) > 0.1 {
		t.Errorf("mean %.3f, deviation %.3f; want 0 and 2", mean, dev)
	}
}

func TestBindRefusesWhatDoesNotFit(t *testing.T) {
	var ps Params
	ps.Add("w", Zeros, 2, 3)
	if err := ps.Bind("w", []int{2, 3}, make([]float32, 6)); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"unknown name":  ps.Bind("v", []int{2, 3}, make([]float32, 6)),
		"wrong shape":   ps.Bind("w", []int{3, 2}, make([]float32, 6)),
		"missing bytes": ps.Bind("w", []int{2, 3}, make([]float32, 5)),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestInferenceEqualsTrainingForward(t *testing.T) {
	var ps Params
	emb := ps.AddTable("emb", Normal(1), 20, 8)
	w, b := ps.Add("w", Xavier, 4, 8), ps.Add("b", Uniform(1), 4)
	ps.Allocate(3)
	ps.AllocateGradients()
	tape := NewTape(nil)
	run := func(mode Mode) []float32 {
		tape.Begin(mode, 1, 1)
		return append([]float32(nil), tape.Linear(tape.Embedding(emb, []int32{3, 3, 19}), w, b, Tanh).Data...)
	}
	trained := run(Training)
	if !equal(trained, run(Inference)) {
		t.Error("inference differs from training")
	}
	ps.Freeze(F32)
	if !equal(trained, run(Inference)) {
		t.Error("frozen weights give another result")
	}
	if n := testing.AllocsPerRun(50, func() {
		tape.Begin(Inference, 1, 1)
		tape.Linear(tape.Embedding(emb, []int32{3, 3, 19}), w, b, Tanh)
	}); n > 4 {
		t.Errorf("%v allocations a pass", n)
	}
}

func equal(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
