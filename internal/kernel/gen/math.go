package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// The functions of vectors. Coefficients are minimax fits made for this program; each comment gives the error of the
// fit, to which a rounding or two are added.

var (
	inf      = float32(math.Inf(1))
	signBit  = integer(1 << 31)
	absolute = integer(1<<31 - 1)

	expLow, expHigh  = float32(-87.33654), float32(88.72283) // beyond: 0 and infinity
	log2e            = float32(math.Log2E)
	ln2High, ln2Low  = float32(0.693145751953125), float32(1.42860677e-6)
	toInteger        = float32(3 << 22) // x + toInteger has the whole number nearest to x in its low bits
	expCoefficients  = []float32{0.008312426238108, 0.041890988711608, 0.166671182263506, 0.499992258415270, 1, 1}
	expm1Coefficient = []float32{0.001388250754210, 0.008366647127394, 0.041667203784744, 0.166665426813500, 0.499999981331355}
)

// polynomial sums the series by Horner's rule, the highest power first.
func (s set) polynomial(x VecVirtual, coefficients []float32) VecVirtual {
	p := s.register(coefficients[0])
	for _, v := range coefficients[1:] {
		VFMADD213PS(s.c(v), x, p)
	}
	return p
}

func (s set) hoistExp() {
	s.hoist(expLow, float32(89), log2e, ln2High, ln2Low, toInteger)
	s.hoist(expCoefficients...)
}

// exp reduces x to r = x − n·ln 2 with |r| ≤ ln 2/2, sums a series for eʳ (error 1.1e-7), and multiplies by 2ⁿ. Below
// the smallest normal number it gives 0, beyond the largest infinity; NaN stays NaN, for which the order of the
// operands of MIN and the predicates matter.
func (s set) exp(x VecVirtual) VecVirtual {
	n, r := s.vec(), s.vec()
	if s.lanes == 16 {
		VMINPS(x, s.c(89), r)
		VMOVAPS(s.c(toInteger), n)
		VFMADD231PS(s.c(log2e), r, n)
		VSUBPS(s.c(toInteger), n, n)
		VFNMADD231PS(s.c(ln2High), n, r)
		VFNMADD231PS(s.c(ln2Low), n, r)
		p, k := s.polynomial(r, expCoefficients), K()
		VCMPPS(U8(notLess), s.c(expLow), x, k)
		VSCALEFPS_Z(n, p, k, p)
		return p
	}
	i := s.vec()
	VMULPS(s.c(log2e), x, n)
	VCVTPS2DQ(n, i) // 0 in the low bits for NaN
	VCVTDQ2PS(i, n)
	VMOVAPS(x, r)
	VFNMADD231PS(s.c(ln2High), n, r)
	VFNMADD231PS(s.c(ln2Low), n, r)
	p := s.polynomial(r, expCoefficients)
	VPSLLD(U8(23), i, i)
	VPADDD(i, p, p)
	VCMPPS(U8(less), s.c(expLow), x, i)
	VANDNPS(p, i, p)
	s.choose(greater, x, s.c(expHigh), s.register(inf), p)
	return p
}

// sigmoid is 1/(1+e⁻ˣ).
func (s set) sigmoid(x VecVirtual) VecVirtual {
	v := s.vec()
	s.xor(s.c(signBit), x, v)
	return s.logistic(s.exp(v))
}

func (s set) hoistSigmoid() {
	s.hoistExp()
	s.hoist(1, signBit)
}

// logistic returns 1/(1+e).
func (s set) logistic(e VecVirtual) VecVirtual {
	one := s.register(1)
	VADDPS(s.c(1), e, e)
	VDIVPS(e, one, e)
	return e
}

func (s set) hoistTanh() {
	s.hoist(tanhEnd, -tanhEnd, 2*log2e, toInteger, ln2High/2, ln2Low/2, 1, 2)
	s.hoist(expm1Coefficient...)
}

// tanhEnd is where tanh rounds to 1.
const tanhEnd = float32(9.02)

// tanh is m/(m+2) for m = e²ˣ−1. As in exp, e²ˣ = 2ⁿ·eʳ; q = eʳ−1 keeps the digits of small x (error 1.3e-8), and
// m = 2ⁿ·q + (2ⁿ−1).
func (s set) tanh(x VecVirtual) VecVirtual {
	r, n, p := s.vec(), s.vec(), s.vec()
	VMINPS(x, s.register(tanhEnd), r) // NaN stays
	VMAXPS(r, s.register(-tanhEnd), r)
	n = s.register(toInteger)
	VFMADD231PS(s.c(2*log2e), r, n)
	VPSLLD(U8(23), n, p)
	VSUBPS(s.c(toInteger), n, n)
	VFNMADD231PS(s.c(ln2High/2), n, r) // half of r
	VFNMADD231PS(s.c(ln2Low/2), n, r)
	VADDPS(r, r, r)
	q, square := s.polynomial(r, expm1Coefficient), s.vec()
	VMULPS(r, r, square)
	VFMADD213PS(r, square, q)
	VPADDD(s.c(1), p, p) // 2ⁿ
	VSUBPS(s.c(1), p, n) // 2ⁿ−1
	VFMADD213PS(n, p, q) // m
	VADDPS(s.c(2), q, n)
	VDIVPS(n, q, q)
	return q
}

// The upper tail of the normal distribution, Q(a) = e^(−a²/2)·t·P(t) with t = 1/(1+0.4·a) for a ≥ 0; a·Q(a) has an
// error of 8.4e-8.
var tailCoefficients = []float32{0.0522020160202, -0.238752717378, 0.315723015765, 0.030993192733, 0.182187875867, 0.157646449045}

func (s set) hoistNormal() {
	s.hoistExp()
	s.hoist(absolute, 0.4, 1, -0.5)
	s.hoist(tailCoefficients...)
}

// normal returns Φ(x), the distribution function of the normal distribution, and e^(−x²/2).
func (s set) normal(x VecVirtual) (distribution, density VecVirtual) {
	t, e := s.vec(), s.vec()
	s.and(s.c(absolute), x, t)
	one := s.register(1)
	VFMADD213PS(one, s.register(0.4), t)
	VDIVPS(t, one, t)
	VMULPS(x, x, e)
	VMULPS(s.c(-0.5), e, e)
	e = s.exp(e)
	p := s.polynomial(t, tailCoefficients)
	VMULPS(t, p, p)
	VMULPS(e, p, p) // Q(|x|)
	other := s.vec()
	if s.lanes == 16 {
		k := K()
		VPMOVD2M(x, k)
		VSUBPS(p, one, other)
		VMOVAPS(p, k, other)
	} else {
		VSUBPS(p, s.register(1), other)
		VBLENDVPS(x, p, other, other)
	}
	return other, e
}

// log returns the logarithm of a positive normal number, NaN for infinity and NaN (error 6.9e-9 of the series).
var logCoefficients = []float32{0.0867342471608, -0.143808026839, 0.14978375237, -0.165642207388, 0.199548200054, -0.250017043495, 0.333341674105}

func (s set) log(x VecVirtual) VecVirtual {
	n, f := s.vec(), s.vec()
	rootHalf := s.register(float32(math.Sqrt(0.5)))
	VPSUBD(rootHalf, x, n)
	VPSRAD(U8(23), n, n)
	VPSLLD(U8(23), n, f)
	VPSUBD(f, x, f) // √½ ≤ f < √2
	VCVTDQ2PS(n, n)
	VSUBPS(s.c(1), f, f)
	p, square := s.polynomial(f, logCoefficients), s.vec()
	VMULPS(f, f, square)
	VMULPS(f, p, p)
	VADDPS(s.c(-0.5), p, p)
	VFMADD213PS(f, square, p) // f − f²/2 + f³·P(f)
	VFMADD231PS(s.c(float32(math.Ln2)), n, p)
	VSUBPS(x, x, f)
	VADDPS(f, p, p)
	return p
}
