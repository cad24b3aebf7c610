package nn

import (
	"math"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

// changed is a layer from 40 to 30 with changes in rows 3 to 12 and 20 to 29.
func changed(ps *Params) (w, b *Param) {
	w, b = ps.Add("w", Xavier, 30, 40), ps.Add("b", Uniform(1), 30)
	w.Layer, b.Layer = 1, 1
	for i, from := range []int{3, 20} {
		name := string(rune('a' + i))
		w.Changes = append(w.Changes, &LowRank{
			A: ps.Add("A"+name, Uniform(1), 4, 40), B: ps.Add("B"+name, Uniform(1), 10, 4), From: from, Scale: 0.5, Dropout: 0.5,
		})
	}
	ps.Allocate(1)
	return w, b
}

func TestChangesMergedAndAddedAreTheSame(t *testing.T) {
	var ps Params
	w, b := changed(&ps)
	pool := parallel.New(2)
	defer pool.Close()
	tape := NewTape(pool)
	x := make([]float32, 50*40)
	for i := range x {
		x[i] = float32(weightOf(i))
	}
	run := func() (plain, sum []float32) {
		tape.Begin(Inference, 0, 0)
		in := tape.Input(x, 50, 40)
		y := tape.Linear(in, w, b, SiLU)
		residual := tape.Input(make([]float32, 50*30), 50, 30)
		return append([]float32(nil), y.Data...), append([]float32(nil), tape.LinearAdd(residual, in, w, b, 0.5).Data...)
	}
	added, addedSum := run()
	before := append([]float32(nil), w.Data...)
	for _, l := range w.Changes {
		l.Merge(w.Data, 1)
	}
	changes := w.Changes
	w.Changes = nil
	merged, mergedSum := run()
	near := func(what string, a, b []float32, tolerance float64) {
		t.Helper()
		for i := range a {
			if math.Abs(float64(a[i]-b[i])) > tolerance {
				t.Fatalf("%s: number %d is %v and %v", what, i, a[i], b[i])
			}
		}
	}
	near("a layer", added, merged, 1e-4)
	near("a layer that is added", addedSum, mergedSum, 1e-4)
	for _, l := range changes {
		l.Merge(w.Data, -1)
	}
	near("weights merged and taken back", before, w.Data, 1e-5)
}

func TestFrozenLayersHaveNoGradientsAndStayInTheirFile(t *testing.T) {
	var ps Params
	w, b := changed(&ps)
	w.Frozen, b.Frozen = true, true
	beside := ps.Add("scale", Constant(1), 1)
	beside.Frozen, beside.Data = true, []float32{3}
	file, bias := w.Data, b.Data
	ps.AllocateGradients()
	if w.Grad != nil || b.Grad != nil || &w.Data[0] != &file[0] || &b.Data[0] != &bias[0] {
		t.Error("frozen weights were moved or have gradients")
	}
	if n := 2*(4*40+10*4) + 1; len(ps.Values()) != n {
		t.Errorf("%d values may change, want %d", len(ps.Values()), n)
	}
	if beside.Data[0] != 3 || &beside.Data[0] != &ps.Values()[len(ps.Values())-1] {
		t.Error("what is frozen outside of layers has no memory of its own")
	}
	tape := NewTape(nil)
	tape.Begin(Training, 1, 1)
	ps.ZeroGradients()
	y := tape.Linear(tape.Input(make([]float32, 40), 1, 40), w, b, Tanh)
	y.Gradient()[5] = 1
	tape.BackwardFrom()
	if g := w.Changes[0].B.Grad; len(g) != 40 {
		t.Errorf("gradient of B has %d numbers", len(g))
	}
}

func TestRemovedParametersAreGone(t *testing.T) {
	var ps Params
	w, _ := changed(&ps)
	for _, l := range w.Changes {
		ps.Remove(l.A, l.B)
	}
	if len(ps.All()) != 2 || ps.Get("Aa") != nil || ps.Get("w") != w {
		t.Errorf("%d parameters are left", len(ps.All()))
	}
	ps.AllocateGradients()
	if len(ps.Values()) != 30*41 {
		t.Errorf("%d values", len(ps.Values()))
	}
}
