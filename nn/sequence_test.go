package nn

import (
	"math"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

func TestCRFMatchesReference(t *testing.T) {
	c := golden.Open(t, "crf")
	tapes(t, func(t *testing.T, tape *Tape) {
		lengths, offsets := unpadded(c)
		padded, shape := c.Floats("in.emissions")
		x := pack(padded, shape, lengths)
		k := shape[2]
		crf := CRF{param(t, c, "transitions"), param(t, c, "start"), param(t, c, "end")}
		var tags []int32
		all := c.Ints("in.tags")
		for s, n := range lengths {
			tags = append(tags, all[s*shape[1]:s*shape[1]+n]...)
		}
		tape.Begin(Training, 1, 1)
		in := tape.Input(x, len(x)/k, k)
		loss := tape.CRFLoss(in, offsets, tags, crf, nil)
		want, _ := c.Floats("out")
		sum := float32(len(lengths)) // the reference adds up sequences, ours is their mean
		golden.Close(t, "loss", []float32{sum * loss.Data[0]}, want, tolerance)
		loss.Gradient()[0] = sum
		tape.BackwardFrom()
		g, _ := c.Floats("g.in.emissions")
		golden.Close(t, "gradient of the emissions", in.Grad, pack(g, shape, lengths), toleranceRNN)
		for _, p := range []*Param{crf.Transitions, crf.Start, crf.End} {
			expectGrad(t, c, p, toleranceRNN)
		}
		viterbi := c.Ints("out.viterbi")
		for s, n := range lengths {
			got := Decode(nil, x[int(offsets[s])*k:int(offsets[s+1])*k], k, &crf, nil)
			for i := range n {
				if got[i] != viterbi[s*shape[1]+i] {
					t.Fatalf("sequence %d: decoded %v, want %v", s, got, viterbi[s*shape[1]:s*shape[1]+n])
				}
			}
			for i, m := range crf.Marginals(x[int(offsets[s])*k : int(offsets[s+1])*k]) {
				if m < -1e-6 || m > 1+1e-5 {
					t.Fatalf("sequence %d: marginal %d is %v", s, i, m)
				}
			}
		}
	})
}

// TestDecodeEqualsSearch compares Viterbi's result with the best of all sequences that the rules allow.
func TestDecodeEqualsSearch(t *testing.T) {
	const k, n = 3, 5
	rules := &TagRules{Start: []bool{true, true, false}, End: []bool{true, false, true}, Follow: []bool{true, true, false, false, true, true, true, false, true}}
	for round := range 50 {
		emissions := make([]float32, n*k)
		for i := range emissions {
			emissions[i] = float32(weightOf(i + 31*round))
		}
		var ps Params
		crf := NewCRF(&ps, "crf", k)
		ps.Allocate(uint64(round))
		best, bestTags := math.Inf(-1), make([]int32, n)
		tags := make([]int32, n)
		for code := range 243 {
			allowed := true
			for i, c := 0, code; i < n; i, c = i+1, c/3 {
				tags[i] = int32(c % 3)
				allowed = allowed && (i == 0 || rules.Follow[tags[i-1]*k+tags[i]])
			}
			if allowed && rules.Start[tags[0]] && rules.End[tags[n-1]] {
				if s := hardTags(tags).score(crf, emissions, 0); s > best {
					best = s
					copy(bestTags, tags)
				}
			}
		}
		got := Decode(nil, emissions, k, &crf, rules)
		for i := range got {
			if got[i] != bestTags[i] {
				t.Fatalf("round %d: decoded %v, the best is %v", round, got, bestTags)
			}
		}
	}
}

func TestCertainTagsAreSoftTagsOfOneProbability(t *testing.T) {
	var ps Params
	crf := NewCRF(&ps, "crf", 3)
	ps.Allocate(1)
	tags, offsets := []int32{0, 2, 1, 1, 2}, []int32{0, 3, 3, 5}
	emissions, probabilities := make([]float32, 15), make([]float32, 15)
	for i, tag := range tags {
		probabilities[3*i+int(tag)] = 1
	}
	for i := range emissions {
		emissions[i] = float32(weightOf(i))
	}
	tape := NewTape(nil)
	tape.Begin(Inference, 0, 0)
	x := tape.Input(emissions, 5, 3)
	hard, soft := tape.CRFLoss(x, offsets, tags, crf, nil), tape.SoftCRFLoss(x, offsets, probabilities, crf, nil)
	if math.Abs(float64(hard.Data[0]-soft.Data[0])) > 1e-6 {
		t.Errorf("loss %v of tags, %v of certain probabilities", hard.Data[0], soft.Data[0])
	}
}

func TestDepthwiseSeparableConvMatchesPyTorch(t *testing.T) {
	c := golden.Open(t, "depthwise_conv")
	tapes(t, func(t *testing.T, tape *Tape) {
		x, shape := c.Floats("in.x")
		batch, length, dim := shape[0], shape[1], shape[2]
		offsets := []int32{0}
		for s := range batch {
			offsets = append(offsets, int32((s+1)*length))
		}
		transpose := func(name string, grad bool) *Param {
			prefix := "p."
			if grad {
				prefix = "g.p."
			}
			data, s := c.Floats(prefix + name)
			out := make([]float32, len(data))
			for i := range s[0] {
				for j := range s[2] {
					out[j*s[0]+i] = data[i*s[2]+j]
				}
			}
			return &Param{Name: name, Shape: []int{s[2], s[0]}, Data: out, Grad: make([]float32, len(out))}
		}
		depth, depthBias := transpose("depth.weight", false), param(t, c, "depth.bias")
		point, pointBias := param(t, c, "point.weight"), param(t, c, "point.bias")
		tape.Begin(Training, 1, 1)
		in := tape.Input(x, batch*length, dim)
		// The reference's order of activation is none: depthwise, then pointwise.
		y := tape.Linear(tape.DepthwiseConv(in, offsets, depth, depthBias), point, pointBias, Identity)
		want, _ := c.Floats("out")
		golden.Close(t, "output", y.Data, want, tolerance)
		backward(tape, c, y)
		gx, _ := c.Floats("g.in.x")
		golden.Close(t, "gradient of the input", in.Grad, gx, tolerance)
		golden.Close(t, "gradient of depth.weight", depth.Grad, transpose("depth.weight", true).Data, tolerance)
		expectGrad(t, c, depthBias, tolerance)
		expectGrad(t, c, point, tolerance)
		expectGrad(t, c, pointBias, tolerance)
	})
}

func TestLayerNormMatchesPyTorch(t *testing.T) {
	c := golden.Open(t, "layernorm")
	tapes(t, func(t *testing.T, tape *Tape) {
		x, shape := c.Floats("in.x")
		w, b := param(t, c, "weight"), param(t, c, "bias")
		tape.Begin(Training, 1, 1)
		in := tape.Input(x, shape[0], shape[1])
		y := tape.LayerNorm(in, w, b, 1e-12)
		want, _ := c.Floats("out")
		golden.Close(t, "output", y.Data, want, tolerance)
		backward(tape, c, y)
		gx, _ := c.Floats("g.in.x")
		golden.Close(t, "gradient of the input", in.Grad, gx, tolerance)
		expectGrad(t, c, w, tolerance)
		expectGrad(t, c, b, tolerance)
	})
}

// TestTransformerLayerMatchesPyTorch is BERT's layer: attention, residual, norm, feed-forward, residual, norm.
func TestTransformerLayerMatchesPyTorch(t *testing.T) {
	c := golden.Open(t, "bert_layer")
	tapes(t, func(t *testing.T, tape *Tape) {
		lengths, offsets := unpadded(c)
		padded, shape := c.Floats("in.x")
		x := pack(padded, shape, lengths)
		p := map[string]*Param{}
		for _, name := range []string{"q", "k", "v", "o", "up", "down", "ln1", "ln2"} {
			for _, part := range []string{".weight", ".bias"} {
				p[name+part] = param(t, c, name+part)
			}
		}
		tape.Begin(Training, 1, 1)
		in := tape.Input(x, len(x)/shape[2], shape[2])
		linear := func(x *Var, name string, a Activation) *Var {
			return tape.Linear(x, p[name+".weight"], p[name+".bias"], a)
		}
		qkv := tape.Concat(linear(in, "q", Identity), linear(in, "k", Identity), linear(in, "v", Identity))
		h := tape.LayerNorm(tape.Add(in, linear(tape.Attention(qkv, offsets, 4), "o", Identity)), p["ln1.weight"], p["ln1.bias"], 1e-12)
		y := tape.LayerNorm(tape.Add(h, linear(linear(h, "up", GELU), "down", Identity)), p["ln2.weight"], p["ln2.bias"], 1e-12)
		want, _ := c.Floats("out")
		golden.Close(t, "output", y.Data, pack(want, shape, lengths), toleranceRNN)
		g, _ := c.Floats("g.out")
		copy(y.Gradient(), pack(g, shape, lengths))
		tape.BackwardFrom()
		gx, _ := c.Floats("g.in.x")
		golden.Close(t, "gradient of the input", in.Grad, pack(gx, shape, lengths), toleranceRNN)
		for name, q := range p {
			if name == "k.bias" { // 0 in exact arithmetic, since it moves all scores of a query alike
				for i, g := range q.Grad {
					if math.Abs(float64(g)) > 1e-5 {
						t.Errorf("gradient %d of k.bias is %v", i, g)
					}
				}
				continue
			}
			expectGrad(t, c, q, toleranceRNN)
		}
	})
}

func TestLossesMatchPyTorch(t *testing.T) {
	for name, run := range map[string]func(tape *Tape, x *Var, target []float32) *Var{
		"loss_mse": func(tape *Tape, x *Var, target []float32) *Var { return tape.Regression(x, target, 0, nil) },
		"loss_distill_kl": func(tape *Tape, x *Var, teacher []float32) *Var {
			return tape.DistillLoss(x, teacher, Distill{Temperature: 2})
		},
		"loss_bce_logits": func(tape *Tape, x *Var, target []float32) *Var {
			sets := new(tensor.Packed)
			for r := range x.Rows {
				var classes []int32
				for c := range x.Cols {
					if target[r*x.Cols+c] == 1 {
						classes = append(classes, int32(c))
					}
				}
				sets.Append(classes)
			}
			return tape.BinaryCrossEntropy(x, sets, nil, nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := golden.Open(t, name)
			x, shape := c.Floats("in.x")
			target, _ := c.Floats("in.target")
			tape := NewTape(nil)
			tape.Begin(Training, 1, 1)
			in := tape.Input(x, shape[0], shape[1])
			loss := run(tape, in, target)
			want, _ := c.Floats("out")
			golden.Close(t, "loss", loss.Data, want, tolerance)
			tape.Backward(loss)
			g, _ := c.Floats("g.in.x")
			golden.Close(t, "gradient", in.Grad, g, tolerance)
		})
	}
}
