package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// rows writes the functions of rows. Each works on any number of numbers.
func rows(s set) {
	arithmetic(s)
	activations(s)
	maximum(s)
	softmax(s)
	norms(s)
	columns(s)
	cells(s)
	selections(s)
	conversions(s)
	adamw(s)
}

// elementwise writes a function that computes the row out, of n numbers, from the rows in, at the same place each.
func elementwise(s set, name, doc, parameters string, in []string, out string, hoist func(), body func(x []VecVirtual) VecVirtual) {
	rows := ""
	for _, v := range in {
		rows += v + ", "
	}
	signature := "func(n int, " + parameters + rows + out + " *float32)"
	if in[len(in)-1] == out {
		signature = "func(n int, " + parameters + rows[:len(rows)-2] + " *float32)"
	}
	begin(s, name, signature, doc)
	p := s.span(param("n"))
	pointers := map[string]GPVirtual{}
	for _, v := range append(in, out) {
		if pointers[v] == nil {
			pointers[v] = param(v)
		}
	}
	if hoist != nil {
		hoist()
	}
	p.each(1, func(v view) {
		x := make([]VecVirtual, len(in))
		for i := range x {
			x[i] = v.load(pointers[in[i]])
		}
		v.store(body(x), pointers[out])
	})
	end()
}

func arithmetic(s set) {
	var alpha VecVirtual
	factor := func() { alpha = s.parameter("alpha") }
	x, xy, xyz := []string{"x"}, []string{"x", "y"}, []string{"x", "y", "z"}
	elementwise(s, "axpy", "y += alpha·x", "alpha float32, ", xy, "y", factor, func(x []VecVirtual) VecVirtual {
		VFMADD231PS(x[0], alpha, x[1])
		return x[1]
	})
	elementwise(s, "scale", "x *= alpha", "alpha float32, ", x, "x", factor, func(x []VecVirtual) VecVirtual {
		VMULPS(x[0], alpha, x[0])
		return x[0]
	})
	elementwise(s, "add", "y += x", "", xy, "y", nil, func(x []VecVirtual) VecVirtual {
		VADDPS(x[0], x[1], x[1])
		return x[1]
	})
	elementwise(s, "mul", "z = x·y", "", xy, "z", nil, func(x []VecVirtual) VecVirtual {
		VMULPS(x[0], x[1], x[1])
		return x[1]
	})
	elementwise(s, "mulAdd", "z += x·y", "", xyz, "z", nil, func(x []VecVirtual) VecVirtual {
		VFMADD231PS(x[0], x[1], x[2])
		return x[2]
	})
	reduce(s, "dot", "Σ x·y", xy, func(x []VecVirtual, sum VecVirtual) { VFMADD231PS(x[0], x[1], sum) })
	reduce(s, "squares", "Σ x²", x, func(x []VecVirtual, sum VecVirtual) { VFMADD231PS(x[0], x[0], sum) })
	reduce(s, "sum", "Σ x", x, func(x []VecVirtual, sum VecVirtual) { VADDPS(x[0], sum, sum) })
}

// reduce adds up what body adds to four vectors of sums.
func reduce(s set, name, doc string, in []string, body func(x []VecVirtual, sum VecVirtual)) {
	signature := "func(n int, x *float32) float32"
	if len(in) == 2 {
		signature = "func(n int, x, y *float32) float32"
	}
	begin(s, name, signature, doc)
	p := s.span(param("n"))
	pointers := make([]GPVirtual, len(in))
	for i, v := range in {
		pointers[i] = param(v)
	}
	sums := several(4, s.zero)
	p.each(4, func(v view) {
		x := make([]VecVirtual, len(in))
		for i := range x {
			x[i] = v.load(pointers[i])
		}
		body(x, sums[v.unit])
	})
	sum := join(sums, VADDPS)
	s.fold(sum, VADDPS)
	giveBack(sum)
	end()
}

// adamw is one step of Adam with decoupled weight decay. The table holds 1−rate·decay, 1−β₁, β₂, 1−β₂,
// rate/correction₁, 1/√correction₂, ε.
func adamw(s set) {
	begin(s, "adamw", "func(n int, p, grad, m, v, table *float32)", "a step of AdamW")
	span := s.span(param("n"))
	pp, pg, pm, pv := param("p"), param("grad"), param("m"), param("v")
	table := param("table")
	c := make([]VecVirtual, 7)
	for i := range c {
		c[i] = s.vec()
		VBROADCASTSS(Mem{Base: table, Disp: 4 * i}, c[i])
	}
	span.each(1, func(at view) {
		d, x, m, v, p := s.vec(), at.load(pg), at.load(pm), at.load(pv), at.load(pp)
		VSUBPS(m, x, d)
		VFMADD231PS(c[1], d, m) // m += (1-β₁)(g-m)
		at.store(m, pm)
		VMULPS(x, x, x)
		VMULPS(c[3], x, x)
		VFMADD213PS(x, c[2], v) // v = β₂v + (1-β₂)g²
		at.store(v, pv)
		VSQRTPS(v, v)
		VFMADD213PS(c[6], c[5], v) // √v/√correction₂ + ε
		VMULPS(c[4], m, m)
		VDIVPS(v, m, m)
		VMULPS(p, c[0], p)
		VSUBPS(m, p, p)
		at.store(p, pp)
	})
	end()
}
