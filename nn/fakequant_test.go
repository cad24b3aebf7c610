package nn

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// roundRows is how weights of width numbers a row are kept as int8.
func roundRows(width int) func(dst, src []float32) {
	return func(dst, src []float32) {
		ints := make([]int8, width)
		for r := 0; r < len(src); r += width {
			scale := kernel.QuantizeRow(ints, src[r:r+width])
			for i, q := range ints {
				dst[r+i] = scale * float32(q)
			}
		}
	}
}

// drawnRows are numbers below 1 but for the first of each row, which is 1: it decides the scale, 1/127.
func drawnRows(r *rand.Rand, rows, width int) []float32 {
	x := make([]float32, rows*width)
	for i := range x {
		if x[i] = float32(1.8*r.Float64() - 0.9); i%width == 0 {
			x[i] = 1
		}
	}
	return x
}

// TestGradientsPassThroughRounding compares the gradients of a layer that computes with rounded weights and inputs with
// finite differences over whole steps: a number that is moved by its scale moves the rounded one by as much, so that the
// rounded function is, from step to step, the line that the backward pass takes it for. Its loss is quadratic, for which the
// central difference is exact. Beyond the limit of its inputs nothing moves.
func TestGradientsPassThroughRounding(t *testing.T) {
	const rows, in, out = 4, 6, 3
	for _, limit := range []float32{0, 0.5} {
		r := rand.New(rand.NewPCG(9, 9))
		ps := new(Params)
		w, b := ps.Add("w", Xavier, out, in), ps.Add("b", Uniform(0.5), out)
		ps.Allocate(1)
		ps.AllocateGradients()
		copy(w.Data, drawnRows(r, out, in))
		w.Fake, w.Limit = &Fake{Round: roundRows(in), Inputs: true}, limit
		x, target := drawnRows(r, rows, in), drawnRows(r, rows, out)
		tape := NewTape(nil)
		tape.Fakes(ps)
		pass := func() (loss float64, dx []float32) {
			tape.Begin(Training, 1, 0)
			input := tape.Input(x, rows, in)
			y := tape.Linear(input, w, b, Identity)
			g := y.Gradient()
			for i, v := range y.Data {
				d := v - target[i]
				loss += float64(d) * float64(d) / 2
				g[i] = d
			}
			tape.BackwardFrom()
			return loss, append([]float32(nil), input.Gradient()...)
		}
		exact := append([]float32(nil), w.Data...)
		ps.ZeroGradients()
		_, dx := pass()
		dw := append([]float32(nil), w.Gradient()...)
		if w.Data[1] != exact[1] {
			t.Fatal("the exact weights are not there after the backward pass")
		}
		const step = 1.0 / 127
		difference := func(at *float32, step float32) float64 {
			was := *at
			defer func() { *at = was }()
			*at = was + step
			up, _ := pass()
			*at = was - step
			down, _ := pass()
			return (up - down) / (2 * float64(step))
		}
		check := func(what string, i int, got float32, want float64) {
			if math.Abs(float64(got)-want) > 1e-3*(1+math.Abs(want)) {
				t.Errorf("limit %v, %s[%d]: gradient %v, finite difference %v", limit, what, i, got, want)
			}
		}
		for i := range exact {
			if i%in > 0 { // the first decides the scale
				check("w", i, dw[i], difference(&w.Data[i], step))
			}
		}
		for i := range x {
			inputStep := float32(step)
			if limit > 0 {
				inputStep = limit / 127
			}
			switch v := x[i]; {
			case limit == 0 && i%in == 0:
			case limit > 0 && (v > limit+inputStep || v < -limit-inputStep):
				if dx[i] != 0 || difference(&x[i], inputStep) != 0 {
					t.Errorf("%v is beyond %v and has a gradient of %v", v, limit, dx[i])
				}
			case limit == 0 || v < limit-2*inputStep && v > -limit+2*inputStep:
				check("x", i, dx[i], difference(&x[i], inputStep))
			}
		}
	}
}

// TestRoundedWeightsAreComputedWith compares a pass with one whose weights and inputs were rounded beforehand: the same
// result and the same gradients, of tables that are looked up too.
func TestRoundedWeightsAreComputedWith(t *testing.T) {
	run := func(fake bool) (y, table, weights []float32) {
		r := rand.New(rand.NewPCG(4, 4))
		ps := new(Params)
		e, w := ps.AddTable("e", Normal(1), 5, 8), ps.Add("w", Xavier, 3, 8)
		ps.Allocate(1)
		ps.AllocateGradients()
		copy(e.Data, drawnRows(r, 5, 8))
		copy(w.Data, drawnRows(r, 3, 8))
		tape := NewTape(nil)
		if fake {
			e.Fake, w.Fake = &Fake{Round: roundRows(8)}, &Fake{Round: roundRows(8), Inputs: true}
			tape.Fakes(ps)
		} else {
			roundRows(8)(e.Data, append([]float32(nil), e.Data...))
			roundRows(8)(w.Data, append([]float32(nil), w.Data...))
		}
		ps.ZeroGradients()
		tape.Begin(Training, 1, 0)
		out := tape.Linear(tape.Embedding(e, []int32{1, 4, 1}), w, nil, Tanh)
		for i := range out.Gradient() {
			out.Grad[i] = float32(i) - 4
		}
		y = append(y, out.Data...)
		tape.BackwardFrom()
		return y, append(table, e.Gradient()...), append(weights, w.Gradient()...)
	}
	y, table, weights := run(true)
	wantY, wantTable, wantWeights := run(false)
	for _, c := range [][2][]float32{{y, wantY}, {table, wantTable}, {weights, wantWeights}} {
		for i, v := range c[0] {
			if math.Abs(float64(v-c[1][i])) > 1e-5 {
				t.Fatalf("number %d is %v, want %v", i, v, c[1][i])
			}
		}
	}
}

// TestInputsStayWithinTheirLimit predicts by whole numbers within a limit.
func TestInputsStayWithinTheirLimit(t *testing.T) {
	ps := new(Params)
	w := ps.Add("w", Xavier, 16, 16)
	ps.Allocate(1)
	w.Limit = 0.5
	ps.Freeze(INT8)
	var seen []float32
	tape := NewTape(nil)
	tape.Watch = func(p *Param, x []float32) { seen = append(seen, x...) }
	result := func(v float32) []float32 {
		tape.Begin(Inference, 0, 0)
		x := make([]float32, 16)
		for i := range x {
			x[i] = v
		}
		return append([]float32(nil), tape.Linear(tape.Input(x, 1, 16), w, nil, Identity).Data...)
	}
	steps := 127.0
	if name := kernel.Name(); name == "avx2" || name == "avx512" { // which keep inputs in 7 bits
		steps = 63
	}
	at, beyond, half := result(0.5), result(9), result(0.25)
	for i := range at {
		if at[i] != beyond[i] {
			t.Errorf("output %d is %v at the limit and %v beyond", i, at[i], beyond[i])
		}
		// 0.25 is 63.5 steps, or 31.5, and rounds to an even number of them.
		if want := at[i] * float32(math.RoundToEven(steps/2)/steps); math.Abs(float64(half[i]-want)) > 1e-5 {
			t.Errorf("output %d is %v at half of the limit, want %v", i, half[i], want)
		}
	}
	if len(seen) != 48 || seen[16] != 9 {
		t.Errorf("%d numbers were seen", len(seen))
	}
}
