// Package kernel holds the inner loops of the engine: matrix products and functions of rows of float32 numbers.
//
// The functions run in the calling goroutine and allocate nothing; whoever calls them splits the work. They check
// lengths and panic on slices that are too short, which only a faulty caller can cause.
package kernel

import "math"

// Name returns the name of the variant in use.
func Name() string { return "go" }

// Dot returns Σ x·y.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * y[i]
		s1 += x[i+1] * y[i+1]
		s2 += x[i+2] * y[i+2]
		s3 += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		s0 += x[i] * y[i]
	}
	return s0 + s1 + (s2 + s3)
}

// Sum returns Σ x.
func Sum(x []float32) float32 {
	s := float32(0)
	for _, v := range x {
		s += v
	}
	return s
}

// SumSquares returns Σ x², added up in double precision.
func SumSquares(x []float32) float64 {
	s := 0.0
	for _, v := range x {
		s += float64(v) * float64(v)
	}
	return s
}

// Max returns the largest number, -Inf of none.
func Max(x []float32) float32 {
	m := float32(math.Inf(-1))
	for _, v := range x {
		m = max(m, v)
	}
	return m
}

// ArgMax returns the place of the largest number, the first of equals.
func ArgMax(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// Axpy computes y += alpha·x.
func Axpy(alpha float32, x, y []float32) { axpy(alpha, x, y) }

func axpy(alpha float32, x, y []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += alpha * v
	}
}

// Scale computes x *= alpha.
func Scale(alpha float32, x []float32) {
	for i := range x {
		x[i] *= alpha
	}
}

// Add computes dst += x.
func Add(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] += v
	}
}

// Mul computes dst = x·y.
func Mul(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] = x[i] * y[i]
	}
}

// MulAdd computes dst += x·y.
func MulAdd(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	for i := range dst {
		dst[i] += x[i] * y[i]
	}
}

// AddBias adds bias, [cols], to every row of x, [rows, cols].
func AddBias(x []float32, rows, cols int, bias []float32) {
	for r := range rows {
		Add(x[r*cols:(r+1)*cols], bias[:cols])
	}
}

// HasNonFinite tells whether x holds an infinity or a NaN.
func HasNonFinite(x []float32) bool {
	for _, v := range x {
		if v-v != 0 {
			return true
		}
	}
	return false
}

// each computes dst = f(x); dst may be x.
func each(dst, x []float32, f func(float64) float64) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = float32(f(float64(v)))
	}
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// Exp computes dst = eˣ.
func Exp(dst, x []float32) { each(dst, x, math.Exp) }

// Tanh computes dst = tanh(x).
func Tanh(dst, x []float32) { each(dst, x, math.Tanh) }

// Sigmoid computes dst = 1/(1+e⁻ˣ).
func Sigmoid(dst, x []float32) { each(dst, x, sigmoid) }

// Relu computes dst = max(x, 0).
func Relu(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = max(v, 0)
	}
}

// Gelu computes dst = x·Φ(x) with the error function.
func Gelu(dst, x []float32) {
	each(dst, x, func(v float64) float64 { return v * normalCDF(v) })
}

// Silu computes dst = x·sigmoid(x).
func Silu(dst, x []float32) {
	each(dst, x, func(v float64) float64 { return v * sigmoid(v) })
}

func normalCDF(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }

// grad computes dx = dy·f(v).
func grad(dx, dy, v []float32, f func(float64) float64) {
	dx, v = dx[:len(dy)], v[:len(dy)]
	for i, d := range dy {
		dx[i] = float32(float64(d) * f(float64(v[i])))
	}
}

// ReluGrad computes dx = dy where y > 0, else 0, for y = Relu(x).
func ReluGrad(dx, dy, y []float32) {
	dx, y = dx[:len(dy)], y[:len(dy)]
	for i, d := range dy {
		if !(y[i] > 0) {
			d = 0
		}
		dx[i] = d
	}
}

// TanhGrad computes dx = dy·(1−y²) for y = Tanh(x).
func TanhGrad(dx, dy, y []float32) { grad(dx, dy, y, func(v float64) float64 { return 1 - v*v }) }

// SigmoidGrad computes dx = dy·y·(1−y) for y = Sigmoid(x).
func SigmoidGrad(dx, dy, y []float32) {
	grad(dx, dy, y, func(v float64) float64 { return v * (1 - v) })
}

// GeluGrad computes dx = dy·Gelu'(x).
func GeluGrad(dx, dy, x []float32) {
	grad(dx, dy, x, func(v float64) float64 {
		return normalCDF(v) + v*math.Exp(-v*v/2)/math.Sqrt(2*math.Pi)
	})
}

// SiluGrad computes dx = dy·Silu'(x).
func SiluGrad(dx, dy, x []float32) {
	grad(dx, dy, x, func(v float64) float64 { s := sigmoid(v); return s * (1 + v*(1-s)) })
}

// Softmax computes dst = eˣ/Σeˣ of one row.
func Softmax(dst, x []float32) {
	dst = dst[:len(x)]
	top, sum := Max(x), 0.0
	for i, v := range x {
		e := math.Exp(float64(v) - float64(top))
		dst[i] = float32(e)
		sum += e
	}
	Scale(float32(1/sum), dst)
}

// AdamW is one step of Adam with decoupled weight decay (Loshchilov & Hutter 2019), in PyTorch's order of operations.
// The corrections are 1−βᵗ for the step t counted from 1.
type AdamW struct{ LR, Beta1, Beta2, Eps, WeightDecay, Correction1, Correction2 float32 }

// Step updates weights p and moments m and v by the gradient g.
func (h *AdamW) Step(p, g, m, v []float32) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	decay, rate, root := 1-h.LR*h.WeightDecay, h.LR/h.Correction1, float32(1/math.Sqrt(float64(h.Correction2)))
	for i, d := range g {
		m[i] += (1 - h.Beta1) * (d - m[i])
		v[i] = h.Beta2*v[i] + (1-h.Beta2)*d*d
		p[i] = p[i]*decay - rate*m[i]/(float32(math.Sqrt(float64(v[i])))*root+h.Eps)
	}
}
