package nn

import (
	"fmt"
	"math"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// network is a small computation whose gradients are compared with finite differences: it declares parameters and
// returns a function from an input [tokens, 5] in sequences of lengths 4, 1, 0, 7, 2 to any value.
type network func(ps *Params) func(t *Tape, x *Var, offsets []int32) *Var

var networks = map[string]network{
	"linear": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w, b := ps.Add("w", Xavier, 3, 5), ps.Add("b", Uniform(1), 3)
		return func(t *Tape, x *Var, _ []int32) *Var { return t.Linear(x, w, b, GELU) }
	},
	"linear with low-rank changes": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w, b := ps.Add("w", Xavier, 6, 5), ps.Add("b", Uniform(1), 6)
		w.Changes = []*LowRank{
			{A: ps.Add("a0", Uniform(1), 2, 5), B: ps.Add("b0", Uniform(1), 3, 2), From: 1, Scale: 0.7, Dropout: 0.3},
			{A: ps.Add("a1", Uniform(1), 1, 5), B: ps.Add("b1", Uniform(1), 2, 1), From: 4, Scale: -1.3},
		}
		return func(t *Tape, x *Var, _ []int32) *Var { return t.Linear(t.Activate(x, Tanh), w, b, GELU) }
	},
	"linear added, with low-rank changes": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w, b := ps.Add("w", Xavier, 5, 5), ps.Add("b", Uniform(0.5), 5)
		w.Changes = []*LowRank{{A: ps.Add("a0", Uniform(1), 2, 5), B: ps.Add("b0", Uniform(1), 5, 2), Scale: 0.7, Dropout: 0.2}}
		return func(t *Tape, x *Var, _ []int32) *Var {
			return t.LinearAdd(t.LinearAdd(x, t.Activate(x, Tanh), w, b, 0.3), x, w, nil, 0)
		}
	},
	"linear silu": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w := ps.Add("w", Xavier, 3, 5)
		return func(t *Tape, x *Var, _ []int32) *Var { return t.Linear(x, w, nil, SiLU) }
	},
	"activate": func(*Params) func(*Tape, *Var, []int32) *Var {
		return func(t *Tape, x *Var, _ []int32) *Var {
			return t.Concat(t.Activate(x, Tanh), t.Activate(x, Sigmoid), t.Activate(x, GELU), t.Activate(x, SiLU), x)
		}
	},
	"mean pool": func(*Params) func(*Tape, *Var, []int32) *Var {
		return func(t *Tape, x *Var, o []int32) *Var {
			return t.Concat(t.Pool(x, o, MeanPool), t.Pool(x, o, MaxPool), t.Pool(x, o, LastPool), t.Pool(x, o, FirstPool), t.Pool(x, o, RootMeanPool))
		}
	},
	"dropout": func(*Params) func(*Tape, *Var, []int32) *Var {
		return func(t *Tape, x *Var, _ []int32) *Var { return t.Dropout(t.Dropout(x, 0.3), 0.2) }
	},
	"conv tanh": convolution(Tanh),
	"conv gelu": convolution(GELU),
	"lstm":      recurrent(LSTM),
	"gru":       recurrent(GRU),
	"rnn":       recurrent(RNN),
	"conv same": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		c := Conv{ps.Add("w", Kaiming(1), 3, 3, 5), ps.Add("b", Uniform(0.5), 3)}
		return func(t *Tape, x *Var, o []int32) *Var { return t.ConvSame(x, o, c, Tanh) }
	},
	"depthwise": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w, b := ps.Add("w", Uniform(1), 3, 5), ps.Add("b", Uniform(0.5), 5)
		return func(t *Tape, x *Var, o []int32) *Var { return t.DepthwiseConv(x, o, w, b) }
	},
	"layer norm": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w, b := ps.Add("w", Uniform(1), 5), ps.Add("b", Uniform(0.5), 5)
		return func(t *Tape, x *Var, _ []int32) *Var { return t.LayerNorm(x, w, b, 1e-5) }
	},
	"layer norm without bias": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w := ps.Add("w", Uniform(1), 5)
		return func(t *Tape, x *Var, _ []int32) *Var { return t.LayerNorm(x, w, nil, 1e-5) }
	},
	"rms norm": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w := ps.Add("w", Uniform(1), 5)
		return func(t *Tape, x *Var, _ []int32) *Var { return t.RMSNorm(x, w, 1e-5) }
	},
	"norm of heads": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w := ps.Add("w", Uniform(1), 2)
		return func(t *Tape, x *Var, _ []int32) *Var { return t.NormHeads(t.Activate(x, Tanh), 1, 2, 2, w, 1e-3) }
	},
	"rotary": func(*Params) func(*Tape, *Var, []int32) *Var {
		return func(t *Tape, x *Var, o []int32) *Var {
			places := t.Positions(o)
			halves := t.Rotate(t.Activate(x, Tanh), t.Turns(places, Rotary{Frequencies: []float32{1, 0.3}}), 0, 1, 5)
			pairs := t.Rotate(t.Activate(x, Tanh), t.Turns(places, Rotary{Frequencies: []float32{0.7}, Interleaved: true}), 1, 2, 2)
			return t.Concat(halves, pairs)
		}
	},
	"gate": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w := ps.Add("w", Xavier, 6, 5)
		return func(t *Tape, x *Var, _ []int32) *Var { return t.Gate(t.Linear(x, w, nil, Identity), GELU) }
	},
	"attention, causal, fewer heads of keys": attending(8, Attention{Heads: 4, KeyHeads: 2, Size: 1, Causal: true}),
	"attention, near, some dropped":          attending(12, Attention{Heads: 2, Size: 2, Window: 1, Dropout: 0.3, Scale: 0.9}),
	"attention, biased by distance": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w, bias := ps.Add("w", Xavier, 12, 5), ps.Add("bias", Uniform(1), 3, 2)
		form := Attention{Heads: 2, Size: 2, Bias: bias, Bucket: func(d int) int { return min(max(d, -1), 1) + 1 }}
		return func(t *Tape, x *Var, o []int32) *Var { return t.Attend(t.Linear(x, w, nil, Identity), o, form) }
	},
	"attention, disentangled": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w, relative := ps.Add("w", Xavier, 12, 5), ps.Add("relative", Uniform(1), 8, 3)
		positions := []float32{1, 2, 3, -1, 0.5, 1, 0, 1, -2, 1, 1, 1}
		form := Attention{Heads: 2, Size: 2, Scale: 0.4, ToKey: true, ToQuery: true, Position: func(d int) int { return min(max(d, -2), 1) + 2 }}
		return func(t *Tape, x *Var, o []int32) *Var {
			form := form
			form.Relative = t.Linear(t.Input(positions, 4, 3), relative, nil, Identity)
			return t.Attend(t.Linear(x, w, nil, Identity), o, form)
		}
	},
	"attention": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w := ps.Add("w", Xavier, 12, 5)
		return func(t *Tape, x *Var, o []int32) *Var {
			return t.Attention(t.Linear(x, w, nil, Identity), o, 2)
		}
	},
	"linear added": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w, b := ps.Add("w", Xavier, 5, 5), ps.Add("b", Uniform(0.5), 5)
		return func(t *Tape, x *Var, _ []int32) *Var {
			return t.LinearAdd(t.LinearAdd(x, t.Activate(x, Tanh), w, b, 0.3), x, w, nil, 0)
		}
	},
	"pair features": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		return func(t *Tape, x *Var, _ []int32) *Var { return t.Add(t.PairFeatures(x), t.PairFeatures(x)) }
	},
	"unit rows": func(*Params) func(*Tape, *Var, []int32) *Var {
		return func(t *Tape, x *Var, _ []int32) *Var { return t.UnitRows(x) }
	},
	"inner products of pairs": func(*Params) func(*Tape, *Var, []int32) *Var {
		return func(t *Tape, x *Var, _ []int32) *Var { return t.PairDot(x) }
	},
	"embedding bag": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		table := ps.Add("table", Uniform(1), 4, 5)
		table.Rows = NewRowSet(4)
		bags := &tensor.Packed{IDs: []int32{0, 3, 3, 1, 2, 0, 1}, Offsets: []int32{0, 3, 3, 4, 7}}
		return func(t *Tape, _ *Var, _ []int32) *Var { return t.EmbeddingBag(table, bags) }
	},
	"embedding sum, some dropped": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		table := ps.Add("table", Uniform(1), 4, 5)
		table.Rows = NewRowSet(4)
		bags := &tensor.Packed{IDs: []int32{0, 3, 3, 1, 2, 0, 1}, Offsets: []int32{0, 3, 3, 4, 7}}
		return func(t *Tape, _ *Var, _ []int32) *Var { return t.EmbeddingSum(table, bags, 0.4) }
	},
	"embedding sum, scaled": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		table := ps.Add("table", Uniform(1), 4, 5)
		table.Rows = NewRowSet(4)
		bags := &tensor.Packed{IDs: []int32{0, 3, 3, 1, 2, 0, 1}, Offsets: []int32{0, 3, 3, 4, 7}}
		return func(t *Tape, _ *Var, _ []int32) *Var { return t.EmbeddingScaled(table, bags, 3) }
	},
	"gather": func(*Params) func(*Tape, *Var, []int32) *Var {
		return func(t *Tape, x *Var, _ []int32) *Var { return t.Gather(x, []int32{13, 2, 2, 0}) }
	},
	"vocabulary loss": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w, b := ps.Add("w", Uniform(1), 9, 5), ps.Add("b", Uniform(1), 9)
		return func(t *Tape, x *Var, _ []int32) *Var {
			return t.VocabularyLoss(t.Gather(x, []int32{1, 8, 4}), w, b, []int32{7, 0, 7})
		}
	},
	"crf": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		c := NewCRF(ps, "crf", 5)
		tags := []int32{0, 2, 2, 4, 1, 3, 3, 0, 1, 2, 4, 4, 1, 0}
		return func(t *Tape, x *Var, o []int32) *Var { return t.CRFLoss(x, o, tags, c, Weights{1, 0, 1, 0.3, 2}) }
	},
	"soft crf": func(ps *Params) func(*Tape, *Var, []int32) *Var {
		c := NewCRF(ps, "crf", 5)
		var probabilities []float32
		for range 14 {
			probabilities = append(probabilities, 0.1, 0, 0.5, 0.15, 0.25)
		}
		return func(t *Tape, x *Var, o []int32) *Var { return t.SoftCRFLoss(x, o, probabilities, c, nil) }
	},
}

// attending is attention of a form over a projection of the input to rows of so many numbers.
func attending(width int, form Attention) network {
	return func(ps *Params) func(*Tape, *Var, []int32) *Var {
		w := ps.Add("w", Xavier, width, 5)
		return func(t *Tape, x *Var, o []int32) *Var { return t.Attend(t.Linear(x, w, nil, Identity), o, form) }
	}
}

func convolution(a Activation) network {
	return func(ps *Params) func(*Tape, *Var, []int32) *Var {
		var convs []Conv
		for _, width := range []int{1, 2, 5} {
			convs = append(convs, Conv{ps.Add(fmt.Sprint("w", width), Kaiming(1), 3, width, 5), ps.Add(fmt.Sprint("b", width), Uniform(0.5), 3)})
		}
		return func(t *Tape, x *Var, o []int32) *Var { return t.ConvMax(x, o, convs, a) }
	}
}

func recurrent(cell Cell) network {
	return func(ps *Params) func(*Tape, *Var, []int32) *Var {
		var directions []Recurrent
		for d := range 2 {
			name := func(s string) string { return fmt.Sprint(s, d) }
			g := cell.gates() * 3
			directions = append(directions, Recurrent{
				ps.Add(name("wih"), Uniform(0.7), g, 5), ps.Add(name("whh"), Uniform(0.7), g, 3),
				ps.Add(name("bih"), Uniform(0.7), g), ps.Add(name("bhh"), Uniform(0.7), g)})
		}
		return func(t *Tape, x *Var, o []int32) *Var {
			states, final := t.Recurrent(cell, x, o, directions)
			return t.Concat(t.Pool(states, o, MeanPool), final)
		}
	}
}

// TestGradientsMatchFiniteDifferences compares every gradient of every operation with central differences of the
// weighted sum of its outputs, computed with one worker and with three.
func TestGradientsMatchFiniteDifferences(t *testing.T) {
	offsets := []int32{0, 4, 5, 5, 12, 14}
	for name, build := range networks {
		for _, workers := range []int{1, 3} {
			t.Run(fmt.Sprint(name, " ", workers), func(t *testing.T) {
				pool := parallel.New(workers)
				defer pool.Close()
				var ps Params
				run := build(&ps)
				ps.Add("x", Uniform(1), int(offsets[len(offsets)-1]), 5)
				ps.Allocate(7)
				ps.AllocateGradients()
				tape := NewTape(pool)
				sum := func() (*Var, float64) {
					tape.Begin(Training, 3, 1)
					x := ps.Get("x")
					in := tape.Input(x.Data, x.Shape[0], x.Shape[1])
					y := run(tape, in, offsets)
					total := 0.0
					for i, v := range y.Data {
						total += float64(v) * weightOf(i)
					}
					for i := range y.Data {
						y.Gradient()[i] = float32(weightOf(i))
					}
					return in, total
				}
				in, _ := sum()
				tape.BackwardFrom()
				copy(ps.Get("x").Grad, in.Grad)
				const eps = 4e-3
				for _, p := range ps.All() {
					for i := range p.Data {
						old := p.Data[i]
						p.Data[i] = old + eps
						_, up := sum()
						p.Data[i] = old - eps
						_, down := sum()
						p.Data[i] = old
						want := (up - down) / (2 * eps)
						if got := float64(p.Grad[i]); math.Abs(got-want) > 2e-3*math.Max(1, math.Abs(want)) {
							t.Errorf("%s[%d]: gradient %v, finite difference %v", p.Name, i, got, want)
						}
					}
				}
			})
		}
	}
}

func weightOf(i int) float64 { return math.Sin(float64(3*i + 1)) }

func TestLossGradientsMatchFiniteDifferences(t *testing.T) {
	targets := []int32{2, 0, 1, 1}
	sets := &tensor.Packed{IDs: []int32{0, 2, 1}, Offsets: []int32{0, 2, 2, 3, 3}}
	scores := []float32{0.5, -1, 2, 0, 0, 0.1, 3, 1, -0.5, 0.3, 0.2, 0.9}
	examples := Weights{1, 0, 0.3, 2}
	losses := map[string]func(t *Tape, x *Var) *Var{
		"cross entropy": func(t *Tape, x *Var) *Var {
			return t.CrossEntropy(x, targets, CrossEntropy{Weights: []float32{1, 3, 0.5}, Smoothing: 0.2, Rows: examples})
		},
		"focal": func(t *Tape, x *Var) *Var {
			return t.CrossEntropy(x, targets, CrossEntropy{Weights: []float32{1, 3, 0.5}, Focus: 2, Rows: examples})
		},
		"binary":        func(t *Tape, x *Var) *Var { return t.BinaryCrossEntropy(x, sets, nil, nil) },
		"weighted":      func(t *Tape, x *Var) *Var { return t.BinaryCrossEntropy(x, sets, Weights{1, 3, 0.5}, examples) },
		"mse":           func(t *Tape, x *Var) *Var { return t.Regression(x, scores, 0, nil) },
		"huber":         func(t *Tape, x *Var) *Var { return t.Regression(x, scores, 1, examples) },
		"r-drop":        func(t *Tape, x *Var) *Var { return t.Divergence(x, false) },
		"r-drop binary": func(t *Tape, x *Var) *Var { return t.Divergence(x, true) },
		"sum": func(t *Tape, x *Var) *Var {
			return t.Sum(t.SquaredHinge(x, targets, nil, nil), t.CrossEntropy(x, targets, CrossEntropy{}), 0.7)
		},
		"in-batch negatives": func(t *Tape, x *Var) *Var {
			return t.InBatchNegatives(t.UnitRows(x), InBatch{Each: 2, Scale: 3})
		},
		"in-batch negatives, both ways": func(t *Tape, x *Var) *Var {
			return t.InBatchNegatives(t.UnitRows(x), InBatch{Each: 2, Scale: 3, Symmetric: true})
		},
		"a hard negative": func(t *Tape, x *Var) *Var {
			return t.InBatchNegatives(t.UnitRows(x), InBatch{Each: 4, Scale: 3, Symmetric: true})
		},
		"cosent": func(t *Tape, x *Var) *Var {
			return t.CoSENT(t.PairDot(t.UnitRows(x)), []float32{0.2, 0.9}, 5)
		},
		"contrastive pairs": func(t *Tape, x *Var) *Var {
			return t.ContrastivePairs(t.PairDot(t.UnitRows(x)), []float32{1, 0}, 1.9)
		},
		"hinge":          func(t *Tape, x *Var) *Var { return t.SquaredHinge(x, targets, nil, nil) },
		"weighted hinge": func(t *Tape, x *Var) *Var { return t.SquaredHinge(x, targets, Weights{1, 3, 0.5}, examples) },
		"distill":        func(t *Tape, x *Var) *Var { return t.DistillLoss(x, scores, Distill{Temperature: 2, Rows: examples}) },
		"distill binary": func(t *Tape, x *Var) *Var { return t.DistillLoss(x, scores, Distill{Temperature: 3, Binary: true}) },
		"cosine":         func(t *Tape, x *Var) *Var { return t.CosineDistance(x, scores) },
		"relations": func(t *Tape, x *Var) *Var {
			return t.RelationLoss(x, scores, []int32{0, 3, 3, 4}, Relation{Heads: 1, Width: 3, Of: 1, OfWidth: 2, TeacherColumn: 3})
		},
		"relations of parts": func(t *Tape, x *Var) *Var {
			teacher := append(append([]float32{}, scores...), scores[:4]...)
			return t.RelationLoss(x, teacher, []int32{0, 4}, Relation{Heads: 2, From: 1, Width: 2, OfWidth: 4, TeacherColumn: 4})
		},
	}
	for name, loss := range losses {
		t.Run(name, func(t *testing.T) {
			data := make([]float32, 12)
			for i := range data {
				data[i] = float32(2 * weightOf(i))
			}
			tape := NewTape(nil)
			eval := func() (*Var, *Var) {
				tape.Begin(Training, 1, 1)
				x := tape.Input(data, 4, 3)
				return x, loss(tape, x)
			}
			x, l := eval()
			tape.Backward(l)
			grad := append([]float32(nil), x.Grad...)
			for i := range data {
				const eps = 1e-2
				old := data[i]
				data[i] = old + eps
				_, up := eval()
				upv := float64(up.Data[0])
				data[i] = old - eps
				_, down := eval()
				want := (upv - float64(down.Data[0])) / (2 * eps)
				data[i] = old
				if math.Abs(float64(grad[i])-want) > 2e-3 {
					t.Errorf("logit %d: gradient %v, finite difference %v", i, grad[i], want)
				}
			}
		})
	}
}

func TestSparseLinearEqualsDense(t *testing.T) {
	for _, out := range []int{1, 2, 3} {
		t.Run(fmt.Sprintf("%d outputs", out), func(t *testing.T) { sparseLinearEqualsDense(t, out) })
	}
}

func sparseLinearEqualsDense(t *testing.T, out int) {
	var ps Params
	w, b := ps.AddTable("w", Uniform(1), 6, out), ps.Add("b", Uniform(1), out)
	ps.Allocate(1)
	ps.AllocateGradients()
	x := &Sparse{Cols: 6, Offsets: []int32{0, 2, 2, 5}, Index: []int32{1, 4, 0, 4, 5}, Value: []float32{0.5, 2, 1, -1, 3}}
	dense := make([]float32, 18)
	for r := range 3 {
		for j := x.Offsets[r]; j < x.Offsets[r+1]; j++ {
			dense[r*6+int(x.Index[j])] = x.Value[j]
		}
	}
	tape := NewTape(nil)
	tape.Begin(Training, 1, 1)
	y := tape.SparseLinear(x, w, b)
	for i := range y.Data {
		y.Gradient()[i] = float32(weightOf(i))
	}
	tape.BackwardFrom()
	for r := range 3 {
		for c := range out {
			want := float64(b.Data[c])
			for f := range 6 {
				want += float64(dense[r*6+f]) * float64(w.Data[f*out+c])
			}
			if math.Abs(want-float64(y.Data[r*out+c])) > 1e-5 {
				t.Errorf("output %d,%d is %v, want %v", r, c, y.Data[r*out+c], want)
			}
		}
	}
	for f := range 6 {
		for c := range out {
			want := 0.0
			for r := range 3 {
				want += float64(dense[r*6+f]) * weightOf(r*out+c)
			}
			if math.Abs(want-float64(w.Grad[f*out+c])) > 1e-5 {
				t.Errorf("gradient %d,%d is %v, want %v", f, c, w.Grad[f*out+c], want)
			}
		}
	}
	if n := len(w.Rows.List()); n != 4 {
		t.Errorf("%d rows touched, want 4", n)
	}
	ps.ZeroGradients()
	for i, g := range w.Grad {
		if g != 0 {
			t.Errorf("gradient %d survives ZeroGradients", i)
		}
	}
}
