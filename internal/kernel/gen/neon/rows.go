package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// rows writes the functions of rows, for any number of numbers.
func rows(f *file) {
	arithmetic(f)
	activations(f)
	softmax(f)
	norms(f)
	columns(f)
	cells(f)
	selections(f)
	conversions(f)
	adamw(f)
}

// elementwise writes a function that computes the row out, of n numbers, from the rows in, at the same place each.
func elementwise(file *file, name, doc, parameters string, in []string, out string, unroll int, hoist func(f *function), body func(f *function, x []vec) vec) *function {
	names := slices.Clone(in)
	if !slices.Contains(in, out) {
		names = append(names, out)
	}
	f := file.begin(name+"NEON", "func(n int, "+parameters+strings.Join(names, ", ")+" *float32)", "computes "+doc)
	n := f.arg("n")
	var pointers []reg
	for _, v := range names {
		pointers = append(pointers, f.arg(v))
	}
	if hoist != nil {
		hoist(f)
	}
	f.each(n, unroll, pointers, func(v view) {
		var x []vec
		for i := range in {
			x = append(x, v.load(pointers[i]))
		}
		v.store(body(f, x), pointers[slices.Index(names, out)])
	})
	f.end()
	return f
}

func arithmetic(file *file) {
	var alpha vec
	factor := func(f *function) { alpha = f.broadcast("alpha") }
	x, xy, xyz := []string{"x"}, []string{"x", "y"}, []string{"x", "y", "z"}
	elementwise(file, "axpy", "y += alpha·x", "alpha float32, ", xy, "y", 4, factor, func(f *function, x []vec) vec {
		f.on(fmla, x[1], x[0], alpha)
		return x[1]
	})
	elementwise(file, "scale", "x *= alpha", "alpha float32, ", x, "x", 4, factor, func(f *function, x []vec) vec { return f.do(fmul, x[0], alpha) })
	elementwise(file, "add", "y += x", "", xy, "y", 4, nil, func(f *function, x []vec) vec { return f.do(fadd, x[0], x[1]) })
	elementwise(file, "mul", "z = x·y", "", xy, "z", 4, nil, func(f *function, x []vec) vec { return f.do(fmul, x[0], x[1]) })
	elementwise(file, "mulAdd", "z += x·y", "", xyz, "z", 4, nil, func(f *function, x []vec) vec {
		f.on(fmla, x[2], x[0], x[1])
		return x[2]
	})
	elementwise(file, "round", "y = x rounded to bfloat16; NaN stays", "", x, "y", 1, nil, func(f *function, x []vec) vec {
		y := f.do(mov, x[0])
		f.on(bit, y, f.do(bic, f.roundBF16(x[0]), f.c(math.Float32frombits(0xffff))), f.do(fcmeq, x[0], x[0]))
		return y
	})
	reduce(file, "dot", "Σ x·y", xy, 0, fadd, faddp, func(v view, x []vec, sum vec) { v.on(fmla, sum, x[0], x[1]) })
	reduce(file, "squares", "Σ x²", x, 0, fadd, faddp, func(v view, x []vec, sum vec) { v.on(fmla, sum, x[0], x[0]) })
	reduce(file, "sum", "Σ x", x, 0, fadd, faddp, func(v view, x []vec, sum vec) { v.on(fadd, sum, sum, x[0]) })
	reduce(file, "max", "the largest number, NaN if one is", x, -inf, fmax, fmaxp, func(v view, x []vec, top vec) { v.raise(top, x[0]) })
}

// reduce joins what body gathers in four vectors, which begin with a constant.
func reduce(file *file, name, doc string, in []string, start float32, join, fold op, body func(v view, x []vec, sum vec)) {
	f := file.begin(name+"NEON", "func(n int, "+strings.Join(in, ", ")+" *float32) float32", "computes "+doc)
	n := f.arg("n")
	var pointers []reg
	for _, v := range in {
		pointers = append(pointers, f.arg(v))
	}
	sums := f.several(start)
	f.each(n, len(sums), pointers, func(v view) {
		var x []vec
		for _, p := range pointers {
			x = append(x, v.load(p))
		}
		body(v, x, sums[v.unit])
	})
	f.giveBack(f.fold(f.join(sums, join), fold))
	f.end()
}

// adamw is one step of Adam with decoupled weight decay. The table holds 1−rate·decay, 1−β₁, β₂, 1−β₂,
// rate/correction₁, 1/√correction₂, ε.
func adamw(file *file) {
	f := file.begin("adamwNEON", "func(n int, p, grad, m, v, table *float32)", "computes a step of AdamW")
	n, pp, pg, pm, pv, table := f.arg("n"), f.arg("p"), f.arg("grad"), f.arg("m"), f.arg("v"), f.arg("table")
	var c [7]vec
	for i := range c {
		c[i] = f.do(dup, f.do(op{text: fmt.Sprintf("FMOVS %d(%s), F%%[1]d", 4*i, table)}))
	}
	f.each(n, 1, []reg{pp, pg, pm, pv}, func(at view) {
		g, m, v := at.load(pg), at.load(pm), at.load(pv)
		f.on(fmla, m, f.do(fsub, g, m), c[1]) // m += (1−β₁)(g−m)
		at.store(m, pm)
		square := f.do(fmul, f.do(fmul, g, g), c[3])
		f.on(fmla, square, v, c[2]) // v = β₂v + (1−β₂)g²
		at.store(square, pv)
		root := f.do(mov, c[6])
		f.on(fmla, root, f.do(fsqrt, square), c[5]) // √v/√correction₂ + ε
		step := f.do(fdiv, f.do(fmul, m, c[4]), root)
		at.store(f.do(fsub, f.do(fmul, at.load(pp), c[0]), step), pp)
	})
	f.end()
}
