package kernel

import "math"

// Dot returns Σ x·y.
func Dot(x, y []float32) float32 {
	y = y[:len(x)]
	s, n := dotFast(current, x, y)
	return s + plainDot(x[n:], y[n:])
}

// Sum returns Σ x, added up in double precision.
func Sum(x []float32) float32 {
	s := 0.0
	for _, v := range x {
		s += float64(v)
	}
	return float32(s)
}

// SumSquares returns Σ x². Blocks of it are added up in double precision.
func SumSquares(x []float32) float64 {
	const block = 4096
	s := 0.0
	for len(x) > 0 {
		part := x[:min(block, len(x))]
		sum, n := squaresFast(current, part)
		s += float64(sum) + plainSquares(part[n:])
		x = x[len(part):]
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

// ArgMax returns the place of the largest number, the first of equals; 0 of none.
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
func Axpy(alpha float32, x, y []float32) {
	y = y[:len(x)]
	n := axpyFast(current, alpha, x, y)
	plainAxpy(alpha, x[n:], y[n:])
}

// ShortAxpy is Axpy for rows that are often short, such as those of two or three labels: there, choosing a variant costs
// more than the work.
func ShortAxpy(alpha float32, x, y []float32) {
	if len(x) > 8 {
		Axpy(alpha, x, y)
		return
	}
	for i, v := range x {
		y[i] += alpha * v
	}
}

// Scale computes x *= alpha.
func Scale(alpha float32, x []float32) {
	n := scaleFast(current, alpha, x)
	plainScale(alpha, x[n:])
}

// Add computes dst += x.
func Add(dst, x []float32) {
	dst = dst[:len(x)]
	n := addFast(current, dst, x)
	plainAdd(dst[n:], x[n:])
}

// Mul computes dst = x·y.
func Mul(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	n := mulFast(current, dst, x, y)
	plainMul(dst[n:], x[n:], y[n:])
}

// MulAdd computes dst += x·y.
func MulAdd(dst, x, y []float32) {
	x, y = x[:len(dst)], y[:len(dst)]
	n := mulAddFast(current, dst, x, y)
	plainMulAdd(dst[n:], x[n:], y[n:])
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

// Exp computes dst = eˣ; dst may be x.
func Exp(dst, x []float32) {
	dst = dst[:len(x)]
	n := expFast(current, dst, x)
	plainExp(dst[n:], x[n:])
}

// Tanh computes dst = tanh(x); dst may be x.
func Tanh(dst, x []float32) {
	dst = dst[:len(x)]
	n := tanhFast(current, dst, x)
	plainTanh(dst[n:], x[n:])
}

// Sigmoid computes dst = 1/(1+e⁻ˣ); dst may be x.
func Sigmoid(dst, x []float32) {
	dst = dst[:len(x)]
	n := sigmoidFast(current, dst, x)
	plainSigmoid(dst[n:], x[n:])
}

// Relu computes dst = max(x, 0); NaN stays NaN.
func Relu(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = max(v, 0)
	}
}

// Gelu computes dst = x·Φ(x), with the error function.
func Gelu(dst, x []float32) {
	each(dst, x, func(v float64) float64 { return v * normalCDF(v) })
}

// GeluTanh computes dst = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))).
func GeluTanh(dst, x []float32) {
	each(dst, x, func(v float64) float64 { return v / 2 * (1 + math.Tanh(geluInner(v))) })
}

func geluInner(x float64) float64 { return math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }

// GeluTanhGrad computes dx = dy·GeluTanh'(x).
func GeluTanhGrad(dx, dy, x []float32) {
	grad(dx, dy, x, func(v float64) float64 {
		t := math.Tanh(geluInner(v))
		return (1+t)/2 + v/2*(1-t*t)*math.Sqrt(2/math.Pi)*(1+3*0.044715*v*v)
	})
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
func TanhGrad(dx, dy, y []float32) {
	dx, y = dx[:len(dy)], y[:len(dy)]
	for i, d := range dy {
		dx[i] = d * (1 - y[i]*y[i])
	}
}

// SigmoidGrad computes dx = dy·y·(1−y) for y = Sigmoid(x).
func SigmoidGrad(dx, dy, y []float32) {
	dx, y = dx[:len(dy)], y[:len(dy)]
	for i, d := range dy {
		dx[i] = d * y[i] * (1 - y[i])
	}
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

// Softmax computes dst = eˣ/Σeˣ of one row; dst may be x.
func Softmax(dst, x []float32) {
	dst = dst[:len(x)]
	top := Max(x)
	for i, v := range x {
		dst[i] = v - top
	}
	Exp(dst, dst)
	Scale(1/Sum(dst), dst)
}

// AdamW is one step of Adam with decoupled weight decay (Loshchilov & Hutter 2019), in PyTorch's order of operations.
// The corrections are 1−βᵗ for the step t counted from 1.
type AdamW struct{ LR, Beta1, Beta2, Eps, WeightDecay, Correction1, Correction2 float32 }

// Step updates weights p and moments m and v by the gradient g.
func (h *AdamW) Step(p, g, m, v []float32) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	c := [7]float32{1 - h.LR*h.WeightDecay, 1 - h.Beta1, h.Beta2, 1 - h.Beta2, h.LR / h.Correction1, float32(1 / math.Sqrt(float64(h.Correction2))), h.Eps}
	n := adamWFast(current, &c, p, g, m, v)
	plainAdamW(&c, p[n:], g[n:], m[n:], v[n:])
}
