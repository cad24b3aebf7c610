package nn

import (
	"slices"
	"testing"
)

// block is a layer of a transformer with dropout.
type block struct{ norm, qkv, out, up, down *Param }

func newBlock(ps *Params, name string, dim int) block {
	return block{ps.Add(name+"norm", Uniform(1), dim), ps.Add(name+"qkv", Xavier, 3*dim, dim), ps.Add(name+"out", Xavier, dim, dim),
		ps.Add(name+"up", Xavier, 8*dim, dim), ps.Add(name+"down", Xavier, dim, 4*dim)}
}

func (b block) forward(t *Tape, x *Var, offsets []int32) *Var {
	qkv := t.Rotate(t.Linear(t.RMSNorm(x, b.norm, 1e-5), b.qkv, nil, Identity), t.Turns(t.Positions(offsets), Rotary{Frequencies: []float32{1, 0.1}}), 0, 4, 4)
	x = t.LinearAdd(x, t.Attend(qkv, offsets, Attention{Heads: 4, Size: 4, Dropout: 0.2}), b.out, nil, 0.3)
	return t.LinearAdd(x, t.Dropout(t.Gate(t.Linear(x, b.up, nil, Identity), SiLU), 0.1), b.down, nil, 0.3)
}

// TestRecomputedLayersGiveTheSameGradientsInLessMemory runs a deep network, of whose layers two share their weights, in
// both ways.
func TestRecomputedLayersGiveTheSameGradientsInLessMemory(t *testing.T) {
	const dim, depth, tokens = 16, 9, 300
	var ps Params
	table := ps.AddTable("table", Normal(1), 10, dim)
	var layers []block
	for i := range depth - 1 {
		layers = append(layers, newBlock(&ps, string(rune('a'+i)), dim))
	}
	layers = append(layers, layers[2])
	classes := ps.Add("classes", Xavier, 3, dim)
	ps.Allocate(1)
	ps.AllocateGradients()
	ids, offsets, targets := make([]int32, tokens), []int32{0, 7, 7, 190, 191, tokens}, []int32{0, 1, 2, 1, 0}
	for i := range ids {
		ids[i] = int32(i * i % 10)
	}
	run := func(tape *Tape, recompute bool) (loss float32, grads []float32) {
		tape.Recompute = recompute
		for range 2 { // the second pass finds memory that the first has used
			ps.ZeroGradients()
			tape.Begin(Training, 3, 4)
			x := tape.Dropout(tape.Embedding(table, ids), 0.1)
			for i, l := range layers {
				x = tape.Checkpoint(x, func(x *Var) *Var {
					if i == 1 { // a part within a part
						x = tape.Checkpoint(x, func(x *Var) *Var { return tape.Dropout(tape.Activate(x, Tanh), 0.2) })
					}
					return l.forward(tape, x, offsets)
				})
			}
			y := tape.Linear(tape.Pool(tape.Dropout(x, 0.1), offsets, MeanPool), classes, nil, Identity)
			l := tape.CrossEntropy(y, targets, CrossEntropy{})
			tape.Backward(l)
			loss, grads = l.Data[0], grads[:0]
			for _, p := range ps.All() {
				grads = append(grads, p.Gradient()...)
			}
		}
		return loss, grads
	}
	tapes(t, func(t *testing.T, tape *Tape) {
		loss, grads := run(tape, false)
		all := tape.Bytes()
		fresh := NewTape(tape.pool)
		again, regrads := run(fresh, true)
		if again != loss || !slices.Equal(regrads, grads) {
			t.Error("recomputing changes loss or gradients")
		}
		if fresh.Bytes() > all/3 {
			t.Errorf("recomputing takes %d bytes of %d", fresh.Bytes(), all)
		}
	})
}

func TestAPartThatIsNotTrainedIsNotRunTwice(t *testing.T) {
	tape := NewTape(nil)
	tape.Recompute = true
	for name, begin := range map[string]func(){
		"inference": func() { tape.Begin(Inference, 0, 0) },
		"still":     func() { tape.Begin(Training, 0, 0); tape.Still(true) },
	} {
		begin()
		runs := 0
		y := tape.Checkpoint(tape.Input([]float32{1, 2}, 1, 2), func(x *Var) *Var {
			runs++
			return tape.Activate(x, ReLU)
		})
		tape.Still(false)
		loss := tape.CrossEntropy(y, []int32{1}, CrossEntropy{})
		if name == "still" {
			tape.Backward(loss)
		}
		if runs != 1 {
			t.Errorf("%s: the part ran %d times", name, runs)
		}
	}
}
