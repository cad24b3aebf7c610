package main

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel/gen/series"
)

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

// exp reduces x to r = x − n·ln 2 with |r| ≤ ln 2/2, sums a series for eʳ, and adds n to the exponent. Below the
// smallest normal number it gives 0, beyond the largest infinity; NaN stays NaN.
func (f *function) exp(x vec) vec {
	i := f.do(fcvtns, f.do(fmul, x, f.c(series.Log2E))) // 0 for NaN
	n := f.do(scvtf, i)
	r := f.do(mov, x)
	f.on(fmls, r, n, f.c(series.Ln2High))
	f.on(fmls, r, n, f.c(series.Ln2Low))
	p := f.do(add, f.polynomial(r, series.Exp), f.do(shl23, i))
	p = f.do(bic, p, f.do(fcmgt, f.c(series.ExpLow), x))
	f.on(bit, p, f.c(inf), f.do(fcmgt, x, f.c(series.ExpHigh)))
	return p
}

func (f *function) hoistExp() {
	f.hoist(series.Log2E, series.Ln2High, series.Ln2Low, series.ExpLow, series.ExpHigh, inf, 1)
}

// logistic returns 1/(1+e).
func (f *function) logistic(e vec) vec { return f.do(fdiv, f.c(1), f.do(fadd, f.c(1), e)) }

// sigmoid is 1/(1+e⁻ˣ).
func (f *function) sigmoid(x vec) vec { return f.logistic(f.exp(f.do(fneg, x))) }

// tanh is m/(m+2) for m = e²ˣ−1. As in exp, e²ˣ = 2ⁿ·eʳ; q = eʳ−1 keeps the digits of small x, and m = 2ⁿ·q + (2ⁿ−1).
func (f *function) tanh(x vec) vec {
	half := f.clamp(x, series.TanhEnd)
	i := f.do(fcvtns, f.do(fmul, half, f.c(2*series.Log2E)))
	n := f.do(scvtf, i)
	f.on(fmls, half, n, f.c(series.Ln2High/2))
	f.on(fmls, half, n, f.c(series.Ln2Low/2))
	r := f.do(fadd, half, half)
	q := f.do(mov, r)
	f.on(fmla, q, f.polynomial(r, series.Expm1), f.do(fmul, r, r))
	power := f.do(add, f.do(shl23, i), f.c(1))
	m := f.do(fsub, power, f.c(1))
	f.on(fmla, m, q, power)
	return f.do(fdiv, m, f.do(fadd, m, f.c(2)))
}

// normal returns Φ(x), the distribution function of the normal distribution, and e^(−x²/2). Its upper tail is
// e^(−a²/2)·t·P(t) with t = 1/(1+0.4·a) for a ≥ 0.
func (f *function) normal(x vec) (distribution, density vec) {
	t := f.register(1)
	f.on(fmla, t, f.do(fabs, x), f.c(series.TailScale))
	t = f.do(fdiv, f.c(1), t)
	density = f.exp(f.do(fmul, f.do(fmul, x, x), f.c(-0.5)))
	tail := f.do(fmul, f.do(fmul, f.polynomial(t, series.Tail), t), density)
	distribution = f.do(fsub, f.c(1), tail)
	f.on(bit, distribution, tail, f.do(fcmgt, f.c(0), x))
	return distribution, density
}

// log returns the logarithm of a positive normal number, NaN for infinity and NaN: x = 2ⁿ·(1+y) with √½ ≤ 1+y < √2, and
// ln(1+y) = y − y²/2 + y³·P(y).
func (f *function) log(x vec) vec {
	n := f.do(sshr23, f.do(sub, x, f.c(float32(math.Sqrt(0.5)))))
	y := f.do(fsub, f.do(sub, x, f.do(shl23, n)), f.c(1))
	p := f.register(-0.5)
	f.on(fmla, p, f.polynomial(y, series.Log), y)
	f.on(fmla, y, f.do(fmul, y, y), p)
	f.on(fmla, y, f.do(scvtf, n), f.c(math.Ln2))
	return f.do(fadd, y, f.do(fsub, x, x))
}
