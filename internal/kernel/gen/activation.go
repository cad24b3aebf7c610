package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel/gen/series"
)

func activations(s set) {
	unary := func(name, doc string, hoist func(), f func(x VecVirtual) VecVirtual) {
		elementwise(s, name, doc, "", []string{"x"}, "y", hoist, func(x []VecVirtual) VecVirtual { return f(x[0]) })
	}
	unary("exp", "y = eˣ", s.hoistExp, s.exp)
	unary("tanh", "y = tanh x", s.hoistTanh, s.tanh)
	unary("sigmoid", "y = 1/(1+e⁻ˣ)", s.hoistSigmoid, s.sigmoid)
	unary("relu", "y = max(x, 0)", nil, func(x VecVirtual) VecVirtual {
		VMAXPS(x, s.zero(), x) // NaN stays
		return x
	})
	unary("gelu", "y = x·Φ(x)", s.hoistNormal, func(x VecVirtual) VecVirtual {
		d, _ := s.normal(x)
		VMULPS(x, d, d)
		return d
	})
	unary("geluTanh", "y = x·sigmoid(√(8/π)·(x + 0.044715·x³))", func() {
		s.hoistExp()
		s.hoist(-series.GeluFactor, -series.GeluCube, 1)
	}, func(x VecVirtual) VecVirtual {
		v, u := s.vec(), s.register(-series.GeluCube)
		VMULPS(x, x, v)
		VFMADD213PS(s.c(-series.GeluFactor), v, u)
		VMULPS(x, u, u)
		e := s.exp(u)
		VADDPS(s.c(1), e, e)
		VDIVPS(e, x, e)
		return e
	})
	unary("silu", "y = x·sigmoid(x)", s.hoistSigmoid, func(x VecVirtual) VecVirtual {
		v := s.vec()
		s.xor(s.c(signBit), x, v)
		e := s.exp(v)
		VADDPS(s.c(1), e, e)
		VDIVPS(e, x, e)
		return e
	})
	derivatives(s)
}

func derivatives(s set) {
	binary := func(name, doc string, hoist func(), f func(x VecVirtual) VecVirtual) {
		elementwise(s, name+"Grad", doc, "", []string{"dy", "x"}, "dx", hoist, func(x []VecVirtual) VecVirtual {
			d := f(x[1])
			VMULPS(x[0], d, d)
			return d
		})
	}
	elementwise(s, "reluGrad", "dx = dy where x > 0, else 0", "", []string{"dy", "x"}, "dx", nil, func(x []VecVirtual) VecVirtual {
		if s.lanes == 16 {
			k := K()
			VCMPPS(U8(greater), s.zero(), x[1], k)
			VMOVAPS_Z(x[0], k, x[0])
			return x[0]
		}
		VCMPPS(U8(greater), s.zero(), x[1], x[1])
		VANDPS(x[0], x[1], x[1])
		return x[1]
	})
	binary("tanh", "dx = dy·(1−x²)", func() { s.hoist(1) }, func(x VecVirtual) VecVirtual {
		d := s.register(1)
		VFNMADD231PS(x, x, d)
		return d
	})
	binary("sigmoid", "dx = dy·x·(1−x)", nil, func(x VecVirtual) VecVirtual {
		VFNMADD213PS(x, x, x)
		return x
	})
	binary("gelu", "dx = dy·(Φ(x)+x·φ(x))", func() {
		s.hoistNormal()
		s.hoist(float32(1 / math.Sqrt(2*math.Pi)))
	}, func(x VecVirtual) VecVirtual {
		d, e := s.normal(x)
		VMULPS(s.c(float32(1/math.Sqrt(2*math.Pi))), e, e)
		VFMADD231PS(x, e, d)
		return d
	})
	binary("geluTanh", "dx = dy·GeluTanh'(x)", func() {
		s.hoistExp()
		s.hoist(-series.GeluFactor, -series.GeluCube, -3*series.GeluCube, 1, series.GeluEnd, -series.GeluEnd)
	}, func(x VecVirtual) VecVirtual {
		s.clamp(x, series.GeluEnd)
		square, u, slope := s.vec(), s.register(-series.GeluCube), s.register(-3*series.GeluCube)
		VMULPS(x, x, square)
		VFMADD213PS(s.c(-series.GeluFactor), square, u)
		VFMADD213PS(s.c(-series.GeluFactor), square, slope)
		VMULPS(x, u, u)
		VMULPS(x, slope, slope)
		return s.gateSlope(u, slope)
	})
	binary("silu", "dx = dy·Silu'(x)", func() {
		s.hoistSigmoid()
		s.hoist(series.SiluEnd, -series.SiluEnd)
	}, func(x VecVirtual) VecVirtual {
		s.clamp(x, series.SiluEnd)
		v := s.vec()
		s.xor(s.c(signBit), x, v)
		return s.gateSlope(v, v)
	})
}

// gateSlope is the derivative of x·y, y = sigmoid(−u), with slope = x·u': y − y·(1−y)·slope. 1−y is e·y, which keeps
// its digits where y is near 1.
func (s set) gateSlope(u, slope VecVirtual) VecVirtual {
	e, y, one := s.exp(u), s.vec(), s.register(1)
	VADDPS(one, e, y)
	VDIVPS(y, one, y)
	VMULPS(y, e, e)
	VMULPS(slope, e, e)
	VFNMADD213PS(y, y, e)
	return e
}

// clamp brings x between −end and end; NaN stays.
func (s set) clamp(x VecVirtual, end float32) {
	VMINPS(x, s.register(end), x)
	VMAXPS(x, s.register(-end), x)
}
