package nn

import "math"

// Rotary says how positions turn the numbers of a head (Su et al. 2021, "RoFormer"): pair i of them by the angle
// position·Frequencies[i]. What of a head is beyond the pairs stays.
type Rotary struct {
	Frequencies []float32 // [pairs]
	Table       []float32 // [positions, 2·pairs]: sines and cosines of each position to take instead; nil: computed
	Interleaved bool      // a pair are neighbours, as in RoFormer; else its halves lie as far apart as there are pairs, as in GPT-NeoX and Llama
}

// RotaryFrequencies returns the usual frequencies for heads of a size: theta to the power of −2i/size.
func RotaryFrequencies(theta float64, size int) []float32 {
	f := make([]float32, size/2)
	for i := range f {
		f[i] = float32(math.Pow(theta, -2*float64(i)/float64(size)))
	}
	return f
}

// Llama3Scaling stretches the positions of a model to longer texts (Llama 3.1): waves longer than Original/LowFactor
// tokens are slowed by Factor, those shorter than Original/HighFactor are left, and between them it changes smoothly.
type Llama3Scaling struct {
	Factor, LowFactor, HighFactor float64
	Original                      int // tokens of the texts that the model was trained on first
}

// Scale changes frequencies in place.
func (s Llama3Scaling) Scale(frequencies []float32) {
	for i, f := range frequencies {
		wave := 2 * math.Pi / float64(f)
		smooth := (float64(s.Original)/wave - s.LowFactor) / (s.HighFactor - s.LowFactor)
		smooth = min(max(smooth, 0), 1)
		frequencies[i] = float32(float64(f) * ((1-smooth)/s.Factor + smooth))
	}
}

// Turns are the sines and cosines of rows at positions: they serve every layer of a pass.
type Turns struct {
	values      []float32 // [rows, 2·pairs]
	interleaved bool
}

// Turns computes the sines and cosines of positions, one of each row. They lie in the tape's memory.
func (t *Tape) Turns(positions []int32, r Rotary) Turns {
	turns := Turns{t.arena.Raw(2 * len(r.Frequencies) * len(positions)), r.Interleaved}
	r.sincos(turns.values, positions)
	return turns
}

// Rotate turns so many heads of a size, which lie side by side in the columns of x from column on, by the position of
// each row. The result takes the place of x, which must not be used any more; other columns stay.
func (t *Tape) Rotate(x *Var, turns Turns, column, heads, size int) *Var {
	y := t.replacing(x)
	t.rotate(y.Data, x.Cols, turns.values, column, heads, size, turns.interleaved, 1)
	if t.training() {
		t.record(y, nil, func() {
			t.rotate(y.Grad, x.Cols, turns.values, column, heads, size, turns.interleaved, -1)
			y.passGradient(x)
		})
	}
	return y
}

// sincos fills in the sines and cosines of positions.
func (r Rotary) sincos(turns []float32, positions []int32) {
	n := len(r.Frequencies)
	for row, p := range positions {
		at := turns[row*2*n:][:2*n]
		if r.Table != nil {
			copy(at, r.Table[int(p)*2*n:])
			continue
		}
		for i, f := range r.Frequencies {
			sin, cos := math.Sincos(float64(float32(p) * f))
			at[i], at[n+i] = float32(sin), float32(cos)
		}
	}
}

// rotate turns heads of the rows of x, which are cols wide; with sign −1 it turns them back.
func (t *Tape) rotate(x []float32, cols int, turns []float32, column, heads, size int, interleaved bool, sign float32) {
	rows := len(x) / cols
	if t.serial() {
		rotateRows(x, cols, turns, column, heads, size, interleaved, sign, 0, rows)
		return
	}
	t.pool.For(rows, grain(4*heads*size), func(lo, hi int) {
		rotateRows(x, cols, turns, column, heads, size, interleaved, sign, lo, hi)
	})
}

func rotateRows(x []float32, cols int, turns []float32, column, heads, size int, interleaved bool, sign float32, lo, hi int) {
	n := len(turns) / max(len(x)/cols, 1) / 2
	second, step := n, 1
	if interleaved {
		second, step = 1, 2
	}
	for row := lo; row < hi; row++ {
		sin, cos := turns[row*2*n:][:n], turns[row*2*n+n:][:n]
		for h := range heads {
			first := x[row*cols+column+h*size:][:size]
			for i, c := range cos {
				s := sign * sin[i]
				a, b := first[i*step], first[i*step+second]
				first[i*step], first[i*step+second] = a*c-b*s, b*c+a*s
			}
		}
	}
}

// Gate makes of each row of x, [rows, 2·width], the first half under an activation times the second (Shazeer 2020, "GLU
// Variants Improve Transformer"): [rows, width].
func (t *Tape) Gate(x *Var, a Activation) *Var {
	y := t.value(x.Rows, x.Cols/2)
	active := t.arena.Raw(len(y.Data))
	if t.serial() {
		gate(y, x, active, a, 0, x.Rows)
	} else {
		t.pool.For(x.Rows, grain(8*y.Cols), func(lo, hi int) { gate(y, x, active, a, lo, hi) })
	}
	if t.training() {
		t.record(y, nil, func() {
			dx, fresh := x.gradient()
			if fresh {
				clear(dx)
			}
			t.pool.For(x.Rows, grain(8*y.Cols), func(lo, hi int) { gateGradient(dx, y, x, active, a, lo, hi) })
		})
	}
	return y
}

func gate(y, x *Var, active []float32, a Activation, lo, hi int) {
	width := y.Cols
	for r := lo; r < hi; r++ {
		row, act, out := x.Row(r), active[r*width:(r+1)*width], y.Row(r)
		a.Apply(act, row[:width])
		for i, up := range row[width:] {
			out[i] = act[i] * up
		}
	}
}

// gateGradient adds the gradient of the rows [lo, hi) to dx.
func gateGradient(dx []float32, y, x *Var, active []float32, a Activation, lo, hi int) {
	width := y.Cols
	d := make([]float32, width)
	for r := lo; r < hi; r++ {
		row, act, out := x.Row(r), active[r*width:(r+1)*width], dx[r*x.Cols:(r+1)*x.Cols]
		for i, g := range y.Grad[r*width : (r+1)*width] {
			d[i] = g * row[width+i]
			out[width+i] += g * act[i]
		}
		a.Grad(d, d, row[:width], act)
		for i, g := range d {
			out[i] += g
		}
	}
}
