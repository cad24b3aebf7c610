package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel/gen/series"
)

// The functions of vectors.

var (
	inf       = float32(math.Inf(1))
	signBit   = integer(1 << 31)
	absolute  = integer(1<<31 - 1)
	toInteger = float32(3 << 22) // x + toInteger has the whole number nearest to x in its low bits
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
	s.hoist(series.ExpLow, float32(89), series.Log2E, series.Ln2High, series.Ln2Low, toInteger)
	s.hoist(series.Exp...)
}

// exp reduces x to r = x − n·ln 2 with |r| ≤ ln 2/2, sums a series for eʳ, and multiplies by 2ⁿ. Below
// the smallest normal number it gives 0, beyond the largest infinity; NaN stays NaN, for which the order of the
// operands of MIN and the predicates matter.
func (s set) exp(x VecVirtual) VecVirtual {
	n, r := s.vec(), s.vec()
	if s.lanes == 16 {
		VMINPS(x, s.c(89), r)
		VMOVAPS(s.c(toInteger), n)
		VFMADD231PS(s.c(series.Log2E), r, n)
		VSUBPS(s.c(toInteger), n, n)
		VFNMADD231PS(s.c(series.Ln2High), n, r)
		VFNMADD231PS(s.c(series.Ln2Low), n, r)
		p, k := s.polynomial(r, series.Exp), K()
		VCMPPS(U8(notLess), s.c(series.ExpLow), x, k)
		VSCALEFPS_Z(n, p, k, p)
		return p
	}
	i := s.vec()
	VMULPS(s.c(series.Log2E), x, n)
	VCVTPS2DQ(n, i) // 0 in the low bits for NaN
	VCVTDQ2PS(i, n)
	VMOVAPS(x, r)
	VFNMADD231PS(s.c(series.Ln2High), n, r)
	VFNMADD231PS(s.c(series.Ln2Low), n, r)
	p := s.polynomial(r, series.Exp)
	VPSLLD(U8(23), i, i)
	VPADDD(i, p, p)
	VCMPPS(U8(less), s.c(series.ExpLow), x, i)
	VANDNPS(p, i, p)
	s.choose(greater, x, s.c(series.ExpHigh), s.register(inf), p)
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
	s.hoist(series.TanhEnd, -series.TanhEnd, 2*series.Log2E, toInteger, series.Ln2High/2, series.Ln2Low/2, 1, 2)
	s.hoist(series.Expm1...)
}

// tanh is m/(m+2) for m = e²ˣ−1. As in exp, e²ˣ = 2ⁿ·eʳ; q = eʳ−1 keeps the digits of small x, and
// m = 2ⁿ·q + (2ⁿ−1).
func (s set) tanh(x VecVirtual) VecVirtual {
	r, n, p := s.vec(), s.vec(), s.vec()
	VMINPS(x, s.register(series.TanhEnd), r) // NaN stays
	VMAXPS(r, s.register(-series.TanhEnd), r)
	n = s.register(toInteger)
	VFMADD231PS(s.c(2*series.Log2E), r, n)
	VPSLLD(U8(23), n, p)
	VSUBPS(s.c(toInteger), n, n)
	VFNMADD231PS(s.c(series.Ln2High/2), n, r) // half of r
	VFNMADD231PS(s.c(series.Ln2Low/2), n, r)
	VADDPS(r, r, r)
	q, square := s.polynomial(r, series.Expm1), s.vec()
	VMULPS(r, r, square)
	VFMADD213PS(r, square, q)
	VPADDD(s.c(1), p, p) // 2ⁿ
	VSUBPS(s.c(1), p, n) // 2ⁿ−1
	VFMADD213PS(n, p, q) // m
	VADDPS(s.c(2), q, n)
	VDIVPS(n, q, q)
	return q
}

func (s set) hoistNormal() {
	s.hoistExp()
	s.hoist(absolute, series.TailScale, 1, -0.5)
	s.hoist(series.Tail...)
}

// normal returns Φ(x), the distribution function of the normal distribution, and e^(−x²/2).
func (s set) normal(x VecVirtual) (distribution, density VecVirtual) {
	t, e := s.vec(), s.vec()
	s.and(s.c(absolute), x, t)
	one := s.register(1)
	VFMADD213PS(one, s.register(series.TailScale), t)
	VDIVPS(t, one, t)
	VMULPS(x, x, e)
	VMULPS(s.c(-0.5), e, e)
	e = s.exp(e)
	p := s.polynomial(t, series.Tail)
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

// log returns the logarithm of a positive normal number, NaN for infinity and NaN.
func (s set) log(x VecVirtual) VecVirtual {
	n, f := s.vec(), s.vec()
	rootHalf := s.register(float32(math.Sqrt(0.5)))
	VPSUBD(rootHalf, x, n)
	VPSRAD(U8(23), n, n)
	VPSLLD(U8(23), n, f)
	VPSUBD(f, x, f) // √½ ≤ f < √2
	VCVTDQ2PS(n, n)
	VSUBPS(s.c(1), f, f)
	p, square := s.polynomial(f, series.Log), s.vec()
	VMULPS(f, f, square)
	VMULPS(f, p, p)
	VADDPS(s.c(-0.5), p, p)
	VFMADD213PS(f, square, p) // f − f²/2 + f³·P(f)
	VFMADD231PS(s.c(float32(math.Ln2)), n, p)
	VSUBPS(x, x, f)
	VADDPS(f, p, p)
	return p
}
