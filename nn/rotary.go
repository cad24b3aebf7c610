package nn

import "math"

// Rotary says how positions turn the numbers of a head (Su et al. 2021, "RoFormer"): pair i of them by the angle
// position·Frequencies[i]. What of a head is beyond the pairs stays.
type Rotary struct {
	Frequencies []float32 // [pairs]
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

// Rotate turns so many heads of a size, which lie side by side in the columns of x from column on, by the position of
// each row. The result takes the place of x, which must not be used any more; other columns stay.
func (t *Tape) Rotate(x *Var, positions []int32, column, heads, size int, r Rotary) *Var {
	y := t.replacing(x)
	turns := t.arena.Raw(2 * len(r.Frequencies) * x.Rows) // cosines and sines of each row
	for row, p := range positions {
		at := turns[row*2*len(r.Frequencies):]
		for i, f := range r.Frequencies {
			sin, cos := math.Sincos(float64(float32(p) * f))
			at[2*i], at[2*i+1] = float32(cos), float32(sin)
		}
	}
	turn := func(data []float32, sign float32) {
		for row := range x.Rows {
			for h := range heads {
				r.turn(data[row*x.Cols+column+h*size:], turns[row*2*len(r.Frequencies):], sign)
			}
		}
	}
	turn(y.Data, 1)
	if t.training() {
		t.record(y, nil, func() {
			turn(y.Grad, -1)
			y.passGradient(x)
		})
	}
	return y
}

// turn rotates one head; sign −1 turns back.
func (r *Rotary) turn(head, turns []float32, sign float32) {
	n := len(r.Frequencies)
	first, second, step := 0, n, 1
	if r.Interleaved {
		second, step = 1, 2
	}
	for i := range n {
		cos, sin := turns[2*i], sign*turns[2*i+1]
		a, b := head[first+i*step], head[second+i*step]
		head[first+i*step], head[second+i*step] = a*cos-b*sin, b*cos+a*sin
	}
}

// Gate makes of each row of x, [rows, 2·width], the first half under an activation times the second (Shazeer 2020, "GLU
// Variants Improve Transformer"): [rows, width].
func (t *Tape) Gate(x *Var, a Activation) *Var {
	width := x.Cols / 2
	y := t.value(x.Rows, width)
	active := t.arena.Raw(x.Rows * width)
	run := func(lo, hi int) {
		for r := lo; r < hi; r++ {
			row, act := x.Row(r), active[r*width:(r+1)*width]
			a.Apply(act, row[:width])
			for i, up := range row[width:] {
				y.Data[r*width+i] = act[i] * up
			}
		}
	}
	t.pool.For(x.Rows, grain(8*width), run)
	if t.training() {
		t.record(y, nil, func() {
			dx, fresh := x.gradient()
			if fresh {
				clear(dx)
			}
			t.pool.For(x.Rows, grain(8*width), func(lo, hi int) {
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
			})
		})
	}
	return y
}
