package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// norms writes LayerNorm, and RMSNorm, which leaves the mean and the bias out.
func norms(s set) {
	norm(s, "layerNorm", true)
	norm(s, "rmsNorm", false)
	normGrad(s, "layerNormGrad", true)
	normGrad(s, "rmsNormGrad", false)
}

// keep writes the first lane of x to where p points, if it is not nil, and moves on.
func keep(x VecVirtual, p GPVirtual) {
	skip := label("skip")
	TESTQ(p, p)
	JZ(LabelRef(skip))
	VMOVSS(x.AsX(), Mem{Base: p})
	ADDQ(U8(4), p)
	Label(skip)
}

func norm(s set, name string, center bool) {
	begin(s, name, "func(rows, dim int, share, eps float32, x, residual, h, y, gain, bias, mean, inverse *float32)",
		"y = gain·(h−mean)·inverse + bias of rows, of h = x + residual, or of x where residual is nil; share is 1/dim")
	dim := param("dim")
	p, stride := s.span(dim), distance(dim)
	rows, px, pr, ph, py := param("rows"), param("x"), param("residual"), param("h"), param("y")
	pgain, pmean, pinverse := param("gain"), GPVirtual(nil), param("inverse")
	pbias := pgain
	if center {
		pbias, pmean = param("bias"), param("mean")
	}
	share, eps := s.parameter("share"), s.parameter("eps")
	one := s.register(1)
	loop, plain, ready, done := label("row"), label("plain"), label("ready"), label("end")
	Label(loop)
	DECQ(rows)
	JL(LabelRef(done))
	TESTQ(pr, pr)
	JZ(LabelRef(plain))
	p.each(1, func(v view) {
		x := v.load(px)
		VADDPS(v.read(pr), x, x)
		v.store(x, ph)
	})
	ADDQ(stride, pr)
	JMP(LabelRef(ready))
	Label(plain)
	MOVQ(px, ph)
	Label(ready)
	mean := s.zero()
	if center {
		sums := several(4, s.zero)
		p.each(4, func(v view) { VADDPS(v.read(ph), sums[v.unit], sums[v.unit]) })
		mean = join(sums, VADDPS)
		s.fold(mean, VADDPS)
		VMULPS(share, mean, mean)
		keep(mean, pmean)
	}
	squares := several(4, s.zero)
	p.each(4, func(v view) {
		d := v.load(ph)
		if center {
			VSUBPS(mean, d, d)
			v.clear(d)
		}
		VFMADD231PS(d, d, squares[v.unit])
	})
	variance := join(squares, VADDPS)
	s.fold(variance, VADDPS)
	VFMADD213PS(eps, share, variance)
	VSQRTSS(variance.AsX(), variance.AsX(), variance.AsX())
	VDIVSS(variance.AsX(), one.AsX(), variance.AsX())
	inverse := s.spread(variance)
	keep(inverse, pinverse)
	VMULPS(inverse, mean, mean)
	p.each(2, func(v view) {
		d := v.load(ph)
		if center {
			VFMSUB213PS(mean, inverse, d)
			VFMADD132PS(v.read(pgain), v.load(pbias), d)
		} else {
			VMULPS(inverse, d, d)
			VMULPS(v.read(pgain), d, d)
		}
		v.store(d, py)
	})
	for _, q := range []GPVirtual{px, ph, py} {
		ADDQ(stride, q)
	}
	JMP(LabelRef(loop))
	Label(done)
	end()
}

func normGrad(s set, name string, center bool) {
	begin(s, name, "func(rows, dim int, share float32, add uint32, dy, h, gain, mean, inverse, dx, dgain, dbias *float32)",
		"the gradients of a norm: dgain += dy·x̂, dbias += dy, and dx, which they are added to where add has all bits set and not where it has none, = inverse·(d − mean(d) − x̂·mean(d·x̂)) of d = dy·gain and x̂ = (h−mean)·inverse")
	dim := param("dim")
	p, stride := s.span(dim), distance(dim)
	rows, pdy, ph, pgain, pinverse := param("rows"), param("dy"), param("h"), param("gain"), param("inverse")
	pdx, pdgain := param("dx"), param("dgain")
	pmean, pdbias := pinverse, pdgain
	if center {
		pmean, pdbias = param("mean"), param("dbias")
	}
	share, add := s.parameter("share"), s.parameter("add")
	eachRow(rows, stride, []GPVirtual{pdy, ph, pdx}, func() {
		mean, inverse := s.vec(), s.vec()
		VBROADCASTSS(Mem{Base: pinverse}, inverse)
		ADDQ(U8(4), pinverse)
		if center {
			VBROADCASTSS(Mem{Base: pmean}, mean)
			ADDQ(U8(4), pmean)
			VMULPS(inverse, mean, mean)
		}
		scaled := func(v view) VecVirtual {
			x := v.load(ph)
			if center {
				VFMSUB213PS(mean, inverse, x)
			} else {
				VMULPS(inverse, x, x)
			}
			return x
		}
		const sets = 2
		sums, along := several(sets, s.zero), several(sets, s.zero)
		p.each(sets, func(v view) {
			x, d := scaled(v), v.load(pdy)
			VMULPS(v.read(pgain), d, d)
			if center {
				VADDPS(d, sums[v.unit], sums[v.unit])
			}
			VFMADD231PS(x, d, along[v.unit])
		})
		a, b := join(along, VADDPS), join(sums, VADDPS)
		s.fold(a, VADDPS)
		VMULPS(share, a, a)
		if center {
			s.fold(b, VADDPS)
			VMULPS(share, b, b)
		}
		p.each(2, func(v view) {
			x, dy, d := scaled(v), v.load(pdy), v.load(pdgain)
			VFMADD231PS(x, dy, d)
			v.store(d, pdgain)
			if center {
				d = v.load(pdbias)
				VADDPS(dy, d, d)
				v.store(d, pdbias)
			}
			VMULPS(v.read(pgain), dy, dy)
			if center {
				VSUBPS(b, dy, dy)
			}
			VFNMADD231PS(x, a, dy)
			d = v.load(pdx)
			s.and(add, d, d)
			VFMADD231PS(inverse, dy, d)
			v.store(d, pdx)
		})
	})
	end()
}

// columns writes what goes down the columns of rows.
func columns(s set) {
	begin(s, "addBias", "func(rows, cols int, x, bias *float32)", "x += bias in every row")
	cols := param("cols")
	p, stride := s.span(cols), distance(cols)
	rows, px, pb := param("rows"), param("x"), param("bias")
	eachRow(rows, stride, []GPVirtual{px}, func() {
		p.each(1, func(v view) {
			x := v.load(px)
			VADDPS(v.read(pb), x, x)
			v.store(x, px)
		})
	})
	end()

	begin(s, "columnSums", "func(rows, cols, stride int, x, sums *float32)", "sums += Σ x over rows, of which there is one, at a distance in bytes")
	p, stride = s.span(param("cols")), param("stride")
	rows, px = param("rows"), param("x")
	psums := param("sums")
	p.groups(8, func(group []view) {
		sums := make([]VecVirtual, len(group))
		for i, v := range group {
			sums[i] = v.load(psums)
		}
		row, left, loop := GP64(), GP64(), label("down")
		MOVQ(px, row)
		MOVQ(rows, left)
		Label(loop)
		for i, v := range group {
			VADDPS(v.read(row), sums[i], sums[i])
		}
		ADDQ(stride, row)
		DECQ(left)
		JNZ(LabelRef(loop))
		for i, v := range group {
			v.store(sums[i], psums)
		}
	})
	end()
}
