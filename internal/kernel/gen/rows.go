package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rows writes the functions of rows. Each works on n numbers, a multiple of the lanes; the rest is done in Go.
func rows(s set) {
	binary(s, "axpy", "y += alpha·x", "func(n int, alpha float32, x, y *float32)", func(x, y, alpha VecVirtual) { VFMADD231PS(x, alpha, y) })
	binary(s, "add", "y += x", "func(n int, x, y *float32)", func(x, y, _ VecVirtual) { VADDPS(x, y, y) })
	scale(s)
	ternary(s, "mul", "z = x·y", func(x, y, z VecVirtual) { VMULPS(x, y, z) }, false)
	ternary(s, "mulAdd", "z += x·y", func(x, y, z VecVirtual) { VFMADD231PS(x, y, z) }, true)
	reduce(s, "dot", "Σ x·y", true)
	reduce(s, "squares", "Σ x²", false)
	unary(s, "exp", "y = eˣ", func(e *exponential, x VecVirtual) VecVirtual { return e.exp(x) })
	unary(s, "sigmoid", "y = 1/(1+e⁻ˣ)", func(e *exponential, x VecVirtual) VecVirtual { return e.sigmoid(x) })
	unary(s, "tanh", "y = tanh x", func(e *exponential, x VecVirtual) VecVirtual { return e.tanh(x) })
	adamw(s)
}

func begin(s set, name, doc, signature string) {
	TEXT(name+s.name, NOSPLIT, signature)
	Pragma("noescape")
	Doc(name + s.name + " computes " + doc + " for n numbers, a multiple of the lanes.")
}

func end() {
	VZEROUPPER()
	RET()
}

func broadcast(s set, name string) VecVirtual {
	v := s.vec()
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(p.Addr, v)
	return v
}

func binary(s set, name, doc, signature string, body func(x, y, alpha VecVirtual)) {
	begin(s, name, doc, signature)
	n, px, py := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64())
	var alpha VecVirtual
	if name == "axpy" {
		alpha = broadcast(s, "alpha")
	}
	s.loop(n, []Register{px, py}, func() {
		x, y := s.vec(), s.vec()
		VMOVUPS(Mem{Base: px}, x)
		VMOVUPS(Mem{Base: py}, y)
		body(x, y, alpha)
		VMOVUPS(y, Mem{Base: py})
	})
	end()
}

func scale(s set) {
	begin(s, "scale", "x *= alpha", "func(n int, alpha float32, x *float32)")
	n, px := Load(Param("n"), GP64()), Load(Param("x"), GP64())
	alpha := broadcast(s, "alpha")
	s.loop(n, []Register{px}, func() {
		x := s.vec()
		VMULPS(Mem{Base: px}, alpha, x)
		VMOVUPS(x, Mem{Base: px})
	})
	end()
}

func ternary(s set, name, doc string, body func(x, y, z VecVirtual), accumulate bool) {
	begin(s, name, doc, "func(n int, x, y, z *float32)")
	n := Load(Param("n"), GP64())
	px, py, pz := Load(Param("x"), GP64()), Load(Param("y"), GP64()), Load(Param("z"), GP64())
	s.loop(n, []Register{px, py, pz}, func() {
		x, y, z := s.vec(), s.vec(), s.vec()
		VMOVUPS(Mem{Base: px}, x)
		VMOVUPS(Mem{Base: py}, y)
		if accumulate {
			VMOVUPS(Mem{Base: pz}, z)
		}
		body(x, y, z)
		VMOVUPS(z, Mem{Base: pz})
	})
	end()
}

// reduce adds up products in four vectors of sums; out receives the lanes, which are added in Go in a fixed order.
func reduce(s set, name, doc string, two bool) {
	signature := "func(n int, x, out *float32)"
	if two {
		signature = "func(n int, x, y, out *float32)"
	}
	begin(s, name, doc, signature)
	n, px := Load(Param("n"), GP64()), Load(Param("x"), GP64())
	pointers := []Register{px}
	py := px
	if two {
		py = Load(Param("y"), GP64())
		pointers = append(pointers, py)
	}
	var sums [4]VecVirtual
	for i := range sums {
		sums[i] = s.zero()
	}
	Label("four")
	CMPQ(n, U8(4*s.lanes))
	JL(LabelRef("loop"))
	for i := range sums {
		x := s.vec()
		VMOVUPS(Mem{Base: px, Disp: i * s.bytes()}, x)
		if two {
			VFMADD231PS(Mem{Base: py, Disp: i * s.bytes()}, x, sums[i])
		} else {
			VFMADD231PS(x, x, sums[i])
		}
	}
	for _, p := range pointers {
		ADDQ(I32(4*s.bytes()), p)
	}
	SUBQ(U8(4*s.lanes), n)
	JMP(LabelRef("four"))
	s.loop(n, pointers, func() {
		x := s.vec()
		VMOVUPS(Mem{Base: px}, x)
		if two {
			VFMADD231PS(Mem{Base: py}, x, sums[0])
		} else {
			VFMADD231PS(x, x, sums[0])
		}
	})
	VADDPS(sums[1], sums[0], sums[0])
	VADDPS(sums[3], sums[2], sums[2])
	VADDPS(sums[2], sums[0], sums[0])
	out := Load(Param("out"), GP64())
	VMOVUPS(sums[0], Mem{Base: out})
	end()
}

func unary(s set, name, doc string, body func(e *exponential, x VecVirtual) VecVirtual) {
	begin(s, name, doc, "func(n int, x, y, table *float32)")
	n, px, py := Load(Param("n"), GP64()), Load(Param("x"), GP64()), Load(Param("y"), GP64())
	e := &exponential{s, Load(Param("table"), GP64())}
	s.loop(n, []Register{px, py}, func() {
		x := s.vec()
		VMOVUPS(Mem{Base: px}, x)
		VMOVUPS(body(e, x), Mem{Base: py})
	})
	end()
}

// exponential computes eˣ and what follows from it, with constants from a table that Go holds (see constants in
// rows_amd64.go, which names the places).
type exponential struct {
	set
	table Register
}

// Places of the constants.
const (
	cLow = iota
	cHigh
	cLog2e
	cLn2High
	cLn2Low
	cInf
	cOne
	cTwo
	cMinusOne
	cAbs
	cSmall
	cExp0              // 1/0! … of eʳ, from the highest power down
	cTanh0 = cExp0 + 7 // of tanh x near 0
)

func (e *exponential) c(i int) VecVirtual {
	v := e.vec()
	VBROADCASTSS(Mem{Base: e.table, Disp: 4 * i}, v)
	return v
}

// exp reduces x to r = x − n·ln 2 with |r| ≤ ln 2/2, sums the series of eʳ, and adds n to the exponent. Beyond the
// range of float32 it gives 0 and infinity; NaN stays NaN, for which the order of the operands of MIN and MAX matters.
func (e *exponential) exp(x VecVirtual) VecVirtual {
	v := e.vec()
	VMINPS(x, e.c(cHigh), v)
	VMAXPS(v, e.c(cLow), v)
	n := e.vec()
	VMULPS(e.c(cLog2e), v, n)
	i := e.vec()
	VCVTPS2DQ(n, i)
	VCVTDQ2PS(i, n)
	r := e.vec()
	VMOVAPS(v, r)
	VFNMADD231PS(e.c(cLn2High), n, r)
	VFNMADD231PS(e.c(cLn2Low), n, r)
	p := e.c(cExp0)
	for k := 1; k < 7; k++ {
		VFMADD213PS(e.c(cExp0+k), r, p)
	}
	VPSLLD(U8(23), i, i)
	VPADDD(i, p, p)
	e.blend(x, e.c(cLow), 1, e.zero(), p)    // x < low
	e.blend(x, e.c(cHigh), 14, e.c(cInf), p) // x > high
	return p
}

// blend puts value into the lanes of p where x compares to limit as the predicate says (1: less, 14: greater).
func (e *exponential) blend(x, limit VecVirtual, predicate int, value, p VecVirtual) {
	if e.lanes == 16 {
		k := K()
		VCMPPS(U8(predicate), limit, x, k)
		VMOVAPS(value, k, p)
		return
	}
	m := e.vec()
	VCMPPS(U8(predicate), limit, x, m)
	VBLENDVPS(m, value, p, p)
}

func (e *exponential) sigmoid(x VecVirtual) VecVirtual {
	v := e.vec()
	VMULPS(e.c(cMinusOne), x, v)
	p := e.exp(v)
	VADDPS(e.c(cOne), p, p)
	out := e.vec()
	VDIVPS(p, e.c(cOne), out)
	return out
}

// tanh is 1 − 2/(1+e²ˣ), and near 0, where that would cancel, x + x³·P(x²) (Cephes' coefficients).
func (e *exponential) tanh(x VecVirtual) VecVirtual {
	v := e.vec()
	VADDPS(x, x, v)
	p := e.exp(v)
	VADDPS(e.c(cOne), p, p)
	q := e.vec()
	VDIVPS(p, e.c(cTwo), q)
	VSUBPS(q, e.c(cOne), p)
	square, series := e.vec(), e.c(cTanh0)
	VMULPS(x, x, square)
	for k := 1; k < 5; k++ {
		VFMADD213PS(e.c(cTanh0+k), square, series)
	}
	VMULPS(square, series, series)
	VFMADD213PS(x, x, series)
	magnitude := e.vec()
	if e.lanes == 16 {
		VPANDD(e.c(cAbs), x, magnitude)
	} else {
		VANDPS(e.c(cAbs), x, magnitude)
	}
	e.blend(magnitude, e.c(cSmall), 1, series, p)
	return p
}

// adamw is one step of Adam with decoupled weight decay. The table holds 1−rate·decay, 1−β₁, β₂, 1−β₂,
// rate/correction₁, 1/√correction₂, ε.
func adamw(s set) {
	begin(s, "adamw", "a step of AdamW", "func(n int, p, grad, m, v, table *float32)")
	n := Load(Param("n"), GP64())
	pp, pg, pm, pv := Load(Param("p"), GP64()), Load(Param("grad"), GP64()), Load(Param("m"), GP64()), Load(Param("v"), GP64())
	table := Load(Param("table"), GP64())
	var c [7]VecVirtual
	for i := range c {
		c[i] = s.vec()
		VBROADCASTSS(Mem{Base: table, Disp: 4 * i}, c[i])
	}
	s.loop(n, []Register{pp, pg, pm, pv}, func() {
		p, g, m, v, d := s.vec(), s.vec(), s.vec(), s.vec(), s.vec()
		VMOVUPS(Mem{Base: pg}, g)
		VMOVUPS(Mem{Base: pm}, m)
		VSUBPS(m, g, d)
		VFMADD231PS(c[1], d, m) // m += (1-β₁)(g-m)
		VMOVUPS(m, Mem{Base: pm})
		VMULPS(g, g, g)
		VMULPS(c[3], g, g)
		VMOVUPS(Mem{Base: pv}, v)
		VFMADD213PS(g, c[2], v) // v = β₂v + (1-β₂)g²
		VMOVUPS(v, Mem{Base: pv})
		VSQRTPS(v, v)
		VFMADD213PS(c[6], c[5], v) // √v/√correction₂ + ε
		VMULPS(c[4], m, m)
		VDIVPS(v, m, m)
		VMULPS(Mem{Base: pp}, c[0], p)
		VSUBPS(m, p, p)
		VMOVUPS(p, Mem{Base: pp})
	})
	end()
}
