package nn

import (
	"strconv"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

const (
	tolerance    = 1e-5 // of single operations, relative to the largest magnitude
	toleranceRNN = 1e-4 // of recurrences, whose errors add up over steps
)

// param makes a parameter of a golden case's tensor.
func param(t *testing.T, c *golden.Case, name string) *Param {
	data, shape := c.Floats("p." + name)
	p := &Param{Name: name, Shape: shape, Data: data, Grad: make([]float32, len(data))}
	return p
}

// tapes runs a test on one worker and on three.
func tapes(t *testing.T, f func(t *testing.T, tape *Tape)) {
	for _, workers := range []int{1, 3} {
		t.Run(strconv.Itoa(workers)+" workers", func(t *testing.T) {
			pool := parallel.New(workers)
			defer pool.Close()
			f(t, NewTape(pool))
		})
	}
}

// backward propagates the case's output gradient from y.
func backward(tape *Tape, c *golden.Case, y *Var) {
	g, _ := c.Floats("g.out")
	copy(y.Gradient(), g)
	tape.BackwardFrom()
}

func expectGrad(t *testing.T, c *golden.Case, p *Param, tol float64) {
	t.Helper()
	want, _ := c.Floats("g.p." + p.Name)
	golden.Close(t, "gradient of "+p.Name, p.Grad, want, tol)
}

func TestLinearMatchesPyTorch(t *testing.T) {
	c := golden.Open(t, "linear")
	tapes(t, func(t *testing.T, tape *Tape) {
		x, shape := c.Floats("in.x")
		w, b := param(t, c, "weight"), param(t, c, "bias")
		tape.Begin(Training, 1, 1)
		in := tape.Input(x, shape[0], shape[1])
		y := tape.Linear(in, w, b, Identity)
		want, _ := c.Floats("out")
		golden.Close(t, "output", y.Data, want, tolerance)
		backward(tape, c, y)
		gx, _ := c.Floats("g.in.x")
		golden.Close(t, "gradient of the input", in.Grad, gx, tolerance)
		expectGrad(t, c, w, tolerance)
		expectGrad(t, c, b, tolerance)
	})
}

func TestActivationsMatchPyTorch(t *testing.T) {
	for name, a := range map[string]Activation{"relu": ReLU, "tanh": Tanh, "sigmoid": Sigmoid, "gelu_erf": GELU, "silu": SiLU} {
		t.Run(name, func(t *testing.T) {
			c := golden.Open(t, "act_"+name)
			x, shape := c.Floats("in.x")
			tape := NewTape(nil)
			tape.Begin(Training, 1, 1)
			in := tape.Input(x, shape[0], shape[1])
			y := tape.Activate(in, a)
			want, _ := c.Floats("out")
			golden.Close(t, "output", y.Data, want, tolerance)
			backward(tape, c, y)
			gx, _ := c.Floats("g.in.x")
			golden.Close(t, "gradient", in.Grad, gx, tolerance)
		})
	}
}

func TestEmbeddingMatchesPyTorch(t *testing.T) {
	c := golden.Open(t, "embedding")
	tapes(t, func(t *testing.T, tape *Tape) {
		w := param(t, c, "weight")
		w.Rows = NewRowSet(w.Shape[0])
		ids := c.Ints("in.ids")
		tape.Begin(Training, 1, 1)
		y := tape.Embedding(w, ids)
		want, _ := c.Floats("out")
		golden.Close(t, "output", y.Data, want, 0)
		backward(tape, c, y)
		expectGrad(t, c, w, tolerance)
		used := map[int32]bool{}
		for _, id := range ids {
			used[id] = true
		}
		if len(w.Rows.List()) != len(used) {
			t.Errorf("%d rows touched, want %d", len(w.Rows.List()), len(used))
		}
	})
}

func TestConvMaxMatchesPyTorch(t *testing.T) {
	c := golden.Open(t, "textcnn")
	tapes(t, func(t *testing.T, tape *Tape) {
		x, shape := c.Floats("in.x") // [batch, time, dim]
		offsets := []int32{0}
		for range shape[0] {
			offsets = append(offsets, offsets[len(offsets)-1]+int32(shape[1]))
		}
		var convs []Conv
		for i := range 3 {
			w := param(t, c, "convs."+strconv.Itoa(i)+".weight")
			w.Data, w.Shape = swapLast(w.Data, w.Shape)
			convs = append(convs, Conv{w, param(t, c, "convs."+strconv.Itoa(i)+".bias")})
		}
		tape.Begin(Training, 1, 1)
		in := tape.Input(x, shape[0]*shape[1], shape[2])
		y := tape.ConvMax(in, offsets, convs, ReLU)
		want, _ := c.Floats("out")
		golden.Close(t, "output", y.Data, want, tolerance)
		backward(tape, c, y)
		gx, _ := c.Floats("g.in.x")
		golden.Close(t, "gradient of the input", in.Grad, gx, tolerance)
		for _, conv := range convs {
			expectGrad(t, c, conv.B, tolerance)
			conv.W.Grad, _ = swapLast(conv.W.Grad, conv.W.Shape)
			expectGrad(t, c, conv.W, tolerance)
		}
	})
}

// swapLast turns [a, b, c] into [a, c, b].
func swapLast(x []float32, shape []int) ([]float32, []int) {
	a, b, c := shape[0], shape[1], shape[2]
	out := make([]float32, len(x))
	for i := range a {
		for j := range b {
			for k := range c {
				out[(i*c+k)*b+j] = x[(i*b+j)*c+k]
			}
		}
	}
	return out, []int{a, c, b}
}

func TestRecurrentMatchesPyTorch(t *testing.T) {
	for _, test := range []struct {
		file       string
		cell       Cell
		layers     int
		directions int
	}{{"lstm_1", LSTM, 1, 1}, {"lstm_2_bi", LSTM, 2, 2}, {"gru_1", GRU, 1, 1}, {"gru_2_bi", GRU, 2, 2},
		{"rnn_1", RNN, 1, 1}, {"rnn_2_bi", RNN, 2, 2}} {
		t.Run(test.file, func(t *testing.T) {
			c := golden.Open(t, test.file)
			tapes(t, func(t *testing.T, tape *Tape) {
				lengths, offsets := unpadded(c)
				xPad, shape := c.Floats("in.x")
				x := pack(xPad, shape, lengths)
				var params []*Param
				layers := make([][]Recurrent, test.layers)
				for l := range layers {
					for d := range test.directions {
						suffix := "_l" + strconv.Itoa(l) + []string{"", "_reverse"}[d]
						r := Recurrent{param(t, c, "weight_ih"+suffix), param(t, c, "weight_hh"+suffix), param(t, c, "bias_ih"+suffix), param(t, c, "bias_hh"+suffix)}
						layers[l] = append(layers[l], r)
						params = append(params, r.WIH, r.WHH, r.BIH, r.BHH)
					}
				}
				tape.Begin(Training, 1, 1)
				in := tape.Input(x, len(x)/shape[2], shape[2])
				y := in
				for _, l := range layers {
					y, _ = tape.Recurrent(test.cell, y, offsets, l)
				}
				want, wantShape := c.Floats("out")
				golden.Close(t, "output", y.Data, pack(want, wantShape, lengths), toleranceRNN)
				g, gShape := c.Floats("g.out")
				copy(y.Gradient(), pack(g, gShape, lengths))
				tape.BackwardFrom()
				gx, _ := c.Floats("g.in.x")
				golden.Close(t, "gradient of the input", in.Grad, pack(gx, shape, lengths), toleranceRNN)
				for _, p := range params {
					expectGrad(t, c, p, toleranceRNN)
				}
			})
		})
	}
}

// unpadded returns the lengths of a case's sequences and their offsets when packed.
func unpadded(c *golden.Case) (lengths []int, offsets []int32) {
	offsets = []int32{0}
	for _, s := range strings.Split(c.Meta("lengths"), ",") {
		n, _ := strconv.Atoi(s)
		lengths = append(lengths, n)
		offsets = append(offsets, offsets[len(offsets)-1]+int32(n))
	}
	return lengths, offsets
}

// pack drops the padded rows of x, [batch, time, dim].
func pack(x []float32, shape, lengths []int) []float32 {
	var out []float32
	for b, n := range lengths {
		from := b * shape[1] * shape[2]
		out = append(out, x[from:from+n*shape[2]]...)
	}
	return out
}

func TestSoftmaxMatchesPyTorch(t *testing.T) {
	c := golden.Open(t, "softmax")
	x, shape := c.Floats("in.x")
	for r := range shape[0] {
		row := x[r*shape[1] : (r+1)*shape[1]]
		kernel.Softmax(row, row)
	}
	want, _ := c.Floats("out")
	golden.Close(t, "softmax", x, want, tolerance)
}

func TestCrossEntropyMatchesPyTorch(t *testing.T) {
	for file, options := range map[string]CrossEntropy{
		"loss_cross_entropy":          {},
		"loss_cross_entropy_smooth":   {Smoothing: 0.1},
		"loss_cross_entropy_weighted": {Weights: []float32{1, 3, 0.5}},
	} {
		t.Run(file, func(t *testing.T) {
			c := golden.Open(t, file)
			x, shape := c.Floats("in.x")
			tape := NewTape(nil)
			tape.Begin(Training, 1, 1)
			in := tape.Input(x, shape[0], shape[1])
			loss := tape.CrossEntropy(in, c.Ints("in.target"), options)
			want, _ := c.Floats("out")
			golden.Close(t, "loss", loss.Data, want, tolerance)
			tape.Backward(loss)
			gx, _ := c.Floats("g.in.x")
			golden.Close(t, "gradient", in.Grad, gx, tolerance)
		})
	}
}
