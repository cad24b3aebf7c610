package main

import "math"

// The functions of vectors.

var inf = float32(math.Inf(1))

// polynomial sums a series in x by Horner's rule, the highest power first.
func (f *function) polynomial(x vec, coefficients []float32) vec {
	p := f.register(coefficients[0])
	for _, c := range coefficients[1:] {
		next := f.register(c)
		f.on(fmla, next, p, x)
		p = next
	}
	return p
}

const expLow, expHigh = float32(-87.33654), float32(88.72283) // beyond: 0 and infinity

var expSeries = []float32{1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 0.5, 1, 1}

// exp reduces x to r = x − n·ln 2 with |r| ≤ ln 2/2, sums a series for eʳ, and adds n to the exponent. Below the
// smallest normal number it gives 0, beyond the largest infinity; NaN stays NaN.
func (f *function) exp(x vec) vec {
	i := f.do(fcvtns, f.do(fmul, x, f.c(math.Log2E))) // 0 for NaN
	n := f.do(scvtf, i)
	r := f.do(mov, x)
	f.on(fmls, r, n, f.c(0.693145751953125)) // ln 2 in two parts, the first of which is exact in products with n
	f.on(fmls, r, n, f.c(1.42860677e-6))
	p := f.do(add, f.polynomial(r, expSeries), f.do(shl23, i))
	p = f.do(bic, p, f.do(fcmgt, f.c(expLow), x))
	f.on(bit, p, f.c(inf), f.do(fcmgt, x, f.c(expHigh)))
	return p
}

// sigmoid is 1/(1+e⁻ˣ).
func (f *function) sigmoid(x vec) vec {
	one := f.c(1)
	return f.do(fdiv, one, f.do(fadd, one, f.exp(f.do(fneg, x))))
}

var tanhSeries = []float32{-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1}

// tanh is 1 − 2/(1+e²ˣ), and near 0, where that would cancel, x + x³·P(x²) (Cephes' coefficients).
func (f *function) tanh(x vec) vec {
	one := f.c(1)
	p := f.do(fsub, one, f.do(fdiv, f.c(2), f.do(fadd, one, f.exp(f.do(fadd, x, x)))))
	square := f.do(fmul, x, x)
	near := f.do(mov, x)
	f.on(fmla, near, f.do(fmul, square, f.polynomial(square, tanhSeries)), x)
	f.on(bit, p, near, f.do(fcmgt, f.c(0.625), f.do(fabs, x)))
	return p
}
