package main

import (
	"fmt"
	"math"
)

// rows writes the functions of rows. Each works on n numbers, a multiple of the lanes and not 0; the rest is done in Go.
func rows(f *file) {
	binary(f, "add", "y += x", func(f *function, x, y vec) vec { return f.do(fadd, x, y) })
	axpy(f)
	scale(f)
	ternary(f, "mul", "z = x·y", false, func(f *function, x, y, _ vec) vec { return f.do(fmul, x, y) })
	ternary(f, "mulAdd", "z += x·y", true, func(f *function, x, y, z vec) vec { f.on(fmla, z, x, y); return z })
	reduce(f, "dot", "Σ x·y", "y")
	reduce(f, "squares", "Σ x²", "x")
	unary(f, "exp", "y = eˣ", (*function).exp)
	unary(f, "sigmoid", "y = 1/(1+e⁻ˣ)", (*function).sigmoid)
	unary(f, "tanh", "y = tanh x", (*function).tanh)
	adamw(f)
}

func (f *file) row(name, doc string, params ...string) *function {
	return f.begin(name+"NEON", "computes "+doc+" for n numbers, a multiple of 4 and not 0.", append([]string{"n int"}, params...)...)
}

// vectors runs body on all vectors of n numbers, several in one turn as long as there are as many. It is given the
// distance from the pointers, which advance.
func (f *function) vectors(n reg, several int, pointers []reg, body func(at int)) {
	turn := func(vectors int) {
		for i := range vectors {
			body(16 * i)
		}
		for _, p := range pointers {
			f.text("ADD $%d, %s, %s", 16*vectors, p, p)
		}
		f.text("SUBS $%d, %s, %s", 4*vectors, n, n)
	}
	if several > 1 {
		f.text("SUBS $%d, %s, %s", 4*several, n, n)
		f.text("BLT rest")
		f.loop("several", "BGE", func() { turn(several) })
		f.text("rest:")
		f.text("ADDS $%d, %s, %s", 4*several, n, n)
		f.text("BEQ done")
	}
	f.loop("loop", "BNE", func() { turn(1) })
	f.text("done:")
}

func unary(file *file, name, doc string, body func(f *function, x vec) vec) {
	f := file.row(name, doc, "x *float32", "y *float32")
	n, x, y := f.arg("n"), f.arg("x"), f.arg("y")
	f.vectors(n, 1, []reg{x, y}, func(at int) { f.store(body(f, f.load(x, at)), y, at) })
	f.end()
}

func binary(file *file, name, doc string, body func(f *function, x, y vec) vec) {
	f := file.row(name, doc, "x *float32", "y *float32")
	n, x, y := f.arg("n"), f.arg("x"), f.arg("y")
	f.vectors(n, 4, []reg{x, y}, func(at int) { f.store(body(f, f.load(x, at), f.load(y, at)), y, at) })
	f.end()
}

func axpy(file *file) {
	f := file.row("axpy", "y += alpha·x", "alpha float32", "x *float32", "y *float32")
	n, x, y := f.arg("n"), f.arg("x"), f.arg("y")
	alpha := f.broadcast("alpha")
	f.vectors(n, 4, []reg{x, y}, func(at int) {
		sum := f.load(y, at)
		f.on(fmla, sum, f.load(x, at), alpha)
		f.store(sum, y, at)
	})
	f.end()
}

func scale(file *file) {
	f := file.row("scale", "x *= alpha", "alpha float32", "x *float32")
	n, x := f.arg("n"), f.arg("x")
	alpha := f.broadcast("alpha")
	f.vectors(n, 4, []reg{x}, func(at int) { f.store(f.do(fmul, f.load(x, at), alpha), x, at) })
	f.end()
}

func ternary(file *file, name, doc string, readsZ bool, body func(f *function, x, y, z vec) vec) {
	f := file.row(name, doc, "x *float32", "y *float32", "z *float32")
	n, x, y, z := f.arg("n"), f.arg("x"), f.arg("y"), f.arg("z")
	f.vectors(n, 4, []reg{x, y, z}, func(at int) {
		var old vec
		if readsZ {
			old = f.load(z, at)
		}
		f.store(body(f, f.load(x, at), f.load(y, at), old), z, at)
	})
	f.end()
}

// reduce adds up products of x and another row in four vectors of sums; out receives the lanes, which are added in Go in a fixed order.
func reduce(file *file, name, doc, other string) {
	params := []string{"x *float32", "y *float32", "out *float32"}
	if other == "x" {
		params = []string{"x *float32", "out *float32"}
	}
	f := file.row(name, doc, params...)
	n, x := f.arg("n"), f.arg("x")
	pointers := []reg{x}
	if other == "y" {
		pointers = append(pointers, f.arg("y"))
	}
	sums := [4]vec{f.do(zero), f.do(zero), f.do(zero), f.do(zero)}
	f.vectors(n, len(sums), pointers, func(at int) {
		v := f.load(x, at)
		w := v
		if other == "y" {
			w = f.load(pointers[1], at)
		}
		f.on(fmla, sums[at/16], v, w)
	})
	for _, s := range sums[1:] {
		f.on(fadd, sums[0], sums[0], s)
	}
	f.store(sums[0], f.arg("out"), 0)
	f.end()
}

// polynomial sums a series in x by Horner's rule, from the highest power down.
func (f *function) polynomial(x vec, coefficients ...float32) vec {
	p := f.c(coefficients[0])
	for _, c := range coefficients[1:] {
		next := f.c(c)
		f.on(fmla, next, p, x)
		p = next
	}
	return p
}

// exp reduces x to r = x − n·ln 2 with |r| ≤ ln 2/2, sums the series of eʳ, and adds n to the exponent. Beyond the
// range of float32 it gives 0 and infinity; NaN stays NaN.
func (f *function) exp(x vec) vec {
	low, high := f.c(-87.33654), f.c(88.72283)
	r := f.do(fmax, f.do(fmin, x, high), low)
	i := f.do(fcvtns, f.do(fmul, r, f.c(math.Log2E)))
	n := f.do(scvtf, i)
	f.on(fmls, r, n, f.c(0.693145751953125)) // ln 2 in two parts, the first of which is exact in products with n
	f.on(fmls, r, n, f.c(1.42860677e-6))
	p := f.polynomial(r, 1.0/720, 1.0/120, 1.0/24, 1.0/6, 0.5, 1, 1)
	p = f.do(add, p, f.do(shl23, i))
	p = f.do(bic, p, f.do(fcmgt, low, x))
	f.on(bit, p, f.c(float32(math.Inf(1))), f.do(fcmgt, x, high))
	return p
}

func (f *function) sigmoid(x vec) vec {
	one := f.c(1)
	return f.do(fdiv, one, f.do(fadd, one, f.exp(f.do(fneg, x))))
}

// tanh is 1 − 2/(1+e²ˣ), and near 0, where that would cancel, x + x³·P(x²) (Cephes' coefficients).
func (f *function) tanh(x vec) vec {
	one := f.c(1)
	p := f.do(fsub, one, f.do(fdiv, f.c(2), f.do(fadd, one, f.exp(f.do(fadd, x, x)))))
	square := f.do(fmul, x, x)
	series := f.polynomial(square, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
	near := f.do(mov, x)
	f.on(fmla, near, f.do(fmul, square, series), x)
	f.on(bit, p, near, f.do(fcmgt, f.c(0.625), f.do(fabs, x)))
	return p
}

// adamw is one step of Adam with decoupled weight decay. The table holds 1−rate·decay, 1−β₁, β₂, 1−β₂,
// rate/correction₁, 1/√correction₂, ε.
func adamw(file *file) {
	f := file.row("adamw", "a step of AdamW", "p *float32", "grad *float32", "m *float32", "v *float32", "table *float32")
	n, pp, pg, pm, pv, table := f.arg("n"), f.arg("p"), f.arg("grad"), f.arg("m"), f.arg("v"), f.arg("table")
	var c [7]vec
	for i := range c {
		c[i] = f.do(op{text: fmt.Sprintf("FMOVS %d(%s), F%%[1]d", 4*i, table)})
		f.on(dup, c[i], c[i])
	}
	f.vectors(n, 1, []reg{pp, pg, pm, pv}, func(at int) {
		g, m := f.load(pg, at), f.load(pm, at)
		f.on(fmla, m, f.do(fsub, g, m), c[1]) // m += (1−β₁)(g−m)
		f.store(m, pm, at)
		v := f.do(fmul, f.do(fmul, g, g), c[3])
		f.on(fmla, v, f.load(pv, at), c[2]) // v = β₂v + (1−β₂)g²
		f.store(v, pv, at)
		root := f.do(mov, c[6])
		f.on(fmla, root, f.do(fsqrt, v), c[5]) // √v/√correction₂ + ε
		step := f.do(fdiv, f.do(fmul, m, c[4]), root)
		f.store(f.do(fsub, f.do(fmul, f.load(pp, at), c[0]), step), pp, at)
	})
	f.end()
}
