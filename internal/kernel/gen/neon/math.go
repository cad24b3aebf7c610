package main

import "math"

// The functions of vectors. The series are those of ../math.go, which says how far off they are.

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

const (
	expLow, expHigh = float32(-87.33654), float32(88.72283) // beyond, eˣ is 0 and infinity
	log2e           = float32(math.Log2E)
	ln2High, ln2Low = float32(0.693145751953125), float32(1.42860677e-6) // the first is exact in products with n
)

var expSeries = []float32{0.008312426238108, 0.041890988711608, 0.166671182263506, 0.499992258415270, 1, 1}

// exp reduces x to r = x − n·ln 2 with |r| ≤ ln 2/2, sums a series for eʳ, and adds n to the exponent. Below the
// smallest normal number it gives 0, beyond the largest infinity; NaN stays NaN.
func (f *function) exp(x vec) vec {
	i := f.do(fcvtns, f.do(fmul, x, f.c(log2e))) // 0 for NaN
	n := f.do(scvtf, i)
	r := f.do(mov, x)
	f.on(fmls, r, n, f.c(ln2High))
	f.on(fmls, r, n, f.c(ln2Low))
	p := f.do(add, f.polynomial(r, expSeries), f.do(shl23, i))
	p = f.do(bic, p, f.do(fcmgt, f.c(expLow), x))
	f.on(bit, p, f.c(inf), f.do(fcmgt, x, f.c(expHigh)))
	return p
}

func (f *function) hoistExp() { f.hoist(log2e, ln2High, ln2Low, expLow, expHigh, inf, 1) }

// logistic returns 1/(1+e).
func (f *function) logistic(e vec) vec { return f.do(fdiv, f.c(1), f.do(fadd, f.c(1), e)) }

// sigmoid is 1/(1+e⁻ˣ).
func (f *function) sigmoid(x vec) vec { return f.logistic(f.exp(f.do(fneg, x))) }

// tanhEnd is where tanh rounds to 1.
const tanhEnd = float32(9.02)

var expm1Series = []float32{0.001388250754210, 0.008366647127394, 0.041667203784744, 0.166665426813500, 0.499999981331355}

// tanh is m/(m+2) for m = e²ˣ−1. As in exp, e²ˣ = 2ⁿ·eʳ; q = eʳ−1 keeps the digits of small x, and m = 2ⁿ·q + (2ⁿ−1).
func (f *function) tanh(x vec) vec {
	half := f.clamp(x, tanhEnd)
	i := f.do(fcvtns, f.do(fmul, half, f.c(2*log2e)))
	n := f.do(scvtf, i)
	f.on(fmls, half, n, f.c(ln2High/2))
	f.on(fmls, half, n, f.c(ln2Low/2))
	r := f.do(fadd, half, half)
	q := f.do(mov, r)
	f.on(fmla, q, f.polynomial(r, expm1Series), f.do(fmul, r, r))
	power := f.do(add, f.do(shl23, i), f.c(1))
	m := f.do(fsub, power, f.c(1))
	f.on(fmla, m, q, power)
	return f.do(fdiv, m, f.do(fadd, m, f.c(2)))
}

var tailSeries = []float32{0.0522020160202, -0.238752717378, 0.315723015765, 0.030993192733, 0.182187875867, 0.157646449045}

// normal returns Φ(x), the distribution function of the normal distribution, and e^(−x²/2). Its upper tail is
// e^(−a²/2)·t·P(t) with t = 1/(1+0.4·a) for a ≥ 0.
func (f *function) normal(x vec) (distribution, density vec) {
	t := f.register(1)
	f.on(fmla, t, f.do(fabs, x), f.c(0.4))
	t = f.do(fdiv, f.c(1), t)
	density = f.exp(f.do(fmul, f.do(fmul, x, x), f.c(-0.5)))
	tail := f.do(fmul, f.do(fmul, f.polynomial(t, tailSeries), t), density)
	distribution = f.do(fsub, f.c(1), tail)
	f.on(bit, distribution, tail, f.do(fcmgt, f.c(0), x))
	return distribution, density
}

var logSeries = []float32{0.0867342471608, -0.143808026839, 0.14978375237, -0.165642207388, 0.199548200054, -0.250017043495, 0.333341674105}

// log returns the logarithm of a positive normal number, NaN for infinity and NaN: x = 2ⁿ·(1+y) with √½ ≤ 1+y < √2, and
// ln(1+y) = y − y²/2 + y³·P(y).
func (f *function) log(x vec) vec {
	n := f.do(sshr23, f.do(sub, x, f.c(float32(math.Sqrt(0.5)))))
	y := f.do(fsub, f.do(sub, x, f.do(shl23, n)), f.c(1))
	series := f.register(-0.5)
	f.on(fmla, series, f.polynomial(y, logSeries), y)
	f.on(fmla, y, f.do(fmul, y, y), series)
	f.on(fmla, y, f.do(scvtf, n), f.c(math.Ln2))
	return f.do(fadd, y, f.do(fsub, x, x))
}
