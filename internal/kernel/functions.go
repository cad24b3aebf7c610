package kernel

import "math"

// function is a function of one number, applied to each of a row.
type function uint8

const (
	fnExp function = iota
	fnTanh
	fnSigmoid
	fnRelu
	fnGelu
	fnGeluTanh
	fnSilu
)

// functions are the plain twins. What assembly computes differs by 4e-7 at most, of the result or of 1, whichever is
// more; Exp, Tanh and Sigmoid by 4e-7 of the result. Where that is below the smallest normal number, it may give 0.
var functions = [...]func(x float64) float64{
	fnExp:      math.Exp,
	fnTanh:     math.Tanh,
	fnSigmoid:  sigmoid,
	fnRelu:     func(x float64) float64 { return max(x, 0) },
	fnGelu:     func(x float64) float64 { return x * normalCDF(x) },
	fnGeluTanh: func(x float64) float64 { return x * sigmoid(2*geluInner(x)) },
	fnSilu:     func(x float64) float64 { return x * sigmoid(x) },
}

// slopes are the twins of the derivatives, times d: by the result y of Relu, Tanh and Sigmoid, by the input of others.
var slopes = [...]func(d, v float64) float64{
	fnTanh:    func(d, y float64) float64 { return d * (1 - y*y) },
	fnSigmoid: func(d, y float64) float64 { return d * (y - y*y) },
	fnRelu: func(d, y float64) float64 {
		if y > 0 {
			return d
		}
		return 0
	},
	fnGelu: func(d, x float64) float64 {
		return d * (normalCDF(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi))
	},
	fnGeluTanh: func(d, x float64) float64 {
		x = max(min(x, 100), -100) // the derivative is 0 or 1 long before; infinities would give NaN
		s := sigmoid(2 * geluInner(x))
		return d * (s + x*s*(1-s)*2*math.Sqrt(2/math.Pi)*(1+3*0.044715*x*x))
	},
	fnSilu: func(d, x float64) float64 {
		x = max(min(x, 100), -100)
		s := sigmoid(x)
		return d * s * (1 + x*(1-s))
	},
}

func sigmoid(x float64) float64   { return 1 / (1 + math.Exp(-x)) }
func normalCDF(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }
func geluInner(x float64) float64 { return math.Sqrt(2/math.Pi) * (x + 0.044715*x*x*x) }

func plainMap(f function, dst, x []float32) {
	for i, v := range x {
		dst[i] = float32(functions[f](float64(v)))
	}
}

func plainSlope(f function, dx, dy, v []float32) {
	for i, d := range dy {
		dx[i] = float32(slopes[f](float64(d), float64(v[i])))
	}
}

func (f function) apply(dst, x []float32) {
	dst = dst[:len(x)]
	n := mapFast(current, f, dst, x)
	plainMap(f, dst[n:], x[n:])
}

func (f function) slope(dx, dy, v []float32) {
	dx, v = dx[:len(dy)], v[:len(dy)]
	n := slopeFast(current, f, dx, dy, v)
	plainSlope(f, dx[n:], dy[n:], v[n:])
}

// Exp computes dst = eˣ; dst may be x.
func Exp(dst, x []float32) { fnExp.apply(dst, x) }

// Tanh computes dst = tanh(x); dst may be x.
func Tanh(dst, x []float32) { fnTanh.apply(dst, x) }

// Sigmoid computes dst = 1/(1+e⁻ˣ); dst may be x.
func Sigmoid(dst, x []float32) { fnSigmoid.apply(dst, x) }

// Relu computes dst = max(x, 0); NaN stays NaN; dst may be x.
func Relu(dst, x []float32) { fnRelu.apply(dst, x) }

// Gelu computes dst = x·Φ(x), with the error function; dst may be x.
func Gelu(dst, x []float32) { fnGelu.apply(dst, x) }

// GeluTanh computes dst = x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))); dst may be x.
func GeluTanh(dst, x []float32) { fnGeluTanh.apply(dst, x) }

// Silu computes dst = x·sigmoid(x); dst may be x.
func Silu(dst, x []float32) { fnSilu.apply(dst, x) }

// ReluGrad computes dx = dy where y > 0, else 0, for y = Relu(x); dx may be dy.
func ReluGrad(dx, dy, y []float32) { fnRelu.slope(dx, dy, y) }

// TanhGrad computes dx = dy·(1−y²) for y = Tanh(x); dx may be dy.
func TanhGrad(dx, dy, y []float32) { fnTanh.slope(dx, dy, y) }

// SigmoidGrad computes dx = dy·y·(1−y) for y = Sigmoid(x); dx may be dy.
func SigmoidGrad(dx, dy, y []float32) { fnSigmoid.slope(dx, dy, y) }

// GeluGrad computes dx = dy·Gelu'(x); dx may be dy.
func GeluGrad(dx, dy, x []float32) { fnGelu.slope(dx, dy, x) }

// GeluTanhGrad computes dx = dy·GeluTanh'(x); dx may be dy.
func GeluTanhGrad(dx, dy, x []float32) { fnGeluTanh.slope(dx, dy, x) }

// SiluGrad computes dx = dy·Silu'(x); dx may be dy.
func SiluGrad(dx, dy, x []float32) { fnSilu.slope(dx, dy, x) }
