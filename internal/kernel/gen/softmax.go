package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// eachRow writes a loop over rows; the pointers advance by stride bytes a row.
func eachRow(rows, stride GPVirtual, pointers []GPVirtual, body func()) {
	loop, done := label("row"), label("end")
	Label(loop)
	DECQ(rows)
	JL(LabelRef(done))
	body()
	for _, p := range pointers {
		ADDQ(stride, p)
	}
	JMP(LabelRef(loop))
	Label(done)
}

// distance returns the bytes of a row of n numbers.
func distance(n GPVirtual) GPVirtual {
	d := GP64()
	MOVQ(n, d)
	SHLQ(U8(2), d)
	return d
}

// raise computes m = max(m, x), without the lanes beyond the end.
func (v view) raise(x, m VecVirtual) {
	switch {
	case !v.masked:
		VMAXPS(x, m, m)
	case v.lanes == 16:
		VMAXPS(x, m, v.mask, m)
	default:
		lowest := v.register(-inf)
		VBLENDVPS(v.mask, x, lowest, x)
		VMAXPS(x, m, m)
	}
}

func softmax(s set) {
	begin(s, "softmax", "func(rows, cols int, scale float32, x, dst, sums *float32)",
		"softmax(scale·x) of rows, and where sums is not nil ln Σ e^(scale·x) of each")
	cols := param("cols")
	p, stride := s.span(cols), distance(cols)
	rows, px, pd, sums := param("rows"), param("x"), param("dst"), param("sums")
	scale := s.parameter("scale")
	s.hoistExp()
	eachRow(rows, stride, []GPVirtual{px, pd}, func() {
		tops := several(4, func() VecVirtual { return s.register(-inf) })
		p.each(4, func(v view) { v.raise(v.load(px), tops[v.unit]) })
		top := join(tops, VMAXPS)
		s.fold(top, VMAXPS)
		VMULPS(scale, top, top)
		sum := s.zero()
		p.each(1, func(v view) {
			x := v.load(px)
			VFMSUB213PS(top, scale, x)
			e := s.exp(x)
			v.clear(e)
			v.store(e, pd)
			VADDPS(e, sum, sum)
		})
		s.fold(sum, VADDPS)
		inverse := s.register(1)
		VDIVPS(sum, inverse, inverse)
		p.each(1, func(v view) {
			e := v.load(pd)
			VMULPS(e, inverse, e)
			v.store(e, pd)
		})
		skip := label("skip")
		TESTQ(sums, sums)
		JZ(LabelRef(skip))
		sum = s.log(sum)
		VADDPS(top, sum, sum)
		VMOVSS(sum.AsX(), Mem{Base: sums})
		ADDQ(U8(4), sums)
		Label(skip)
	})
	end()

	begin(s, "softmaxAgain", "func(rows, cols int, scale float32, x, sums *float32)", "x = e^(scale·x − sum) of rows")
	cols = param("cols")
	p, stride = s.span(cols), distance(cols)
	rows, px, sums = param("rows"), param("x"), param("sums")
	scale = s.parameter("scale")
	s.hoistExp()
	eachRow(rows, stride, []GPVirtual{px}, func() {
		sum := s.vec()
		VBROADCASTSS(Mem{Base: sums}, sum)
		ADDQ(U8(4), sums)
		p.each(1, func(v view) {
			x := v.load(px)
			VFMSUB213PS(sum, scale, x)
			v.store(s.exp(x), px)
		})
	})
	end()

	begin(s, "softmaxGrad", "func(rows, cols int, scale float32, p, d *float32)", "d = scale·p·(d − Σ d·p) of rows")
	cols = param("cols")
	p, stride = s.span(cols), distance(cols)
	rows = param("rows")
	pp, pd := param("p"), param("d")
	scale = s.parameter("scale")
	eachRow(rows, stride, []GPVirtual{pp, pd}, func() {
		parts := several(4, s.zero)
		p.each(4, func(v view) { VFMADD231PS(v.read(pp), v.load(pd), parts[v.unit]) })
		along := join(parts, VADDPS)
		s.fold(along, VADDPS)
		p.each(1, func(v view) {
			p, d := v.load(pp), v.load(pd)
			VSUBPS(along, d, d)
			VMULPS(scale, p, p)
			VMULPS(p, d, d)
			v.store(d, pd)
		})
	})
	end()
}

// maximum writes Max. MAX forgets a NaN that is not in its second place, so they are watched for beside it.
func maximum(s set) {
	begin(s, "max", "func(n int, x *float32) float32", "the largest number, NaN if one is")
	p, px := s.span(param("n")), param("x")
	tops := several(4, func() VecVirtual { return s.register(-inf) })
	bad := s.zero() // all ones, which is a NaN, in lanes that met one
	p.each(4, func(v view) {
		x, m := v.load(px), s.vec()
		if s.lanes == 16 {
			k := K()
			VCMPPS(U8(unordered), x, x, k)
			VPMOVM2D(k, m)
			VPORD(m, bad, bad)
		} else {
			VCMPPS(U8(unordered), x, x, m)
			VORPS(m, bad, bad)
		}
		v.raise(x, tops[v.unit])
	})
	top := join(tops, VMAXPS)
	s.fold(top, VMAXPS)
	s.fold(bad, func(x ...Op) { s.or(x[0], x[1].(VecVirtual), x[2].(VecVirtual)) })
	s.or(bad, top, top)
	giveBack(top)
	end()
}
