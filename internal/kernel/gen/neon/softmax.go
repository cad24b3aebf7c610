package main

// softmax writes the functions of SoftmaxRows and its gradient, for at least one row of at least one number.
func softmax(file *file) {
	f := file.begin("softmaxNEON", "func(rows, cols int, scale float32, x, dst, sums *float32)",
		"computes softmax(scale·x) of rows, and where sums is not nil ln Σ e^(scale·x) of each")
	rows, cols, px, pd, sums := f.arg("rows"), f.arg("cols"), f.arg("x"), f.arg("dst"), f.arg("sums")
	scale, stride := f.broadcast("scale"), f.distance(cols)
	f.hoistExp()
	f.eachRow(rows, stride, []reg{px, pd}, func() {
		tops := f.several(-inf)
		f.each(cols, 4, []reg{px}, func(v view) { v.raise(tops[v.unit], v.load(px)) })
		top := f.do(fmul, f.fold(f.join(tops, fmax), fmaxp), scale)
		sum := f.do(zero)
		f.each(cols, 1, []reg{px, pd}, func(v view) {
			e := v.clear(f.exp(f.do(fsub, f.do(fmul, v.load(px), scale), top)))
			v.store(e, pd)
			f.on(fadd, sum, sum, e)
		})
		total := f.fold(sum, faddp)
		inverse := f.do(fdiv, f.c(1), total)
		f.each(cols, 4, []reg{pd}, func(v view) { v.store(f.do(fmul, v.load(pd), inverse), pd) })
		f.keep(f.do(fadd, top, f.log(total)), sums)
	})
	f.end()

	f = file.begin("softmaxAgainNEON", "func(rows, cols int, scale float32, x, sums *float32)", "computes x = e^(scale·x − sum) of rows")
	rows, cols, px, sums = f.arg("rows"), f.arg("cols"), f.arg("x"), f.arg("sums")
	scale, stride = f.broadcast("scale"), f.distance(cols)
	f.hoistExp()
	f.eachRow(rows, stride, []reg{px}, func() {
		sum := f.next(sums)
		f.each(cols, 1, []reg{px}, func(v view) { v.store(f.exp(f.do(fsub, f.do(fmul, v.load(px), scale), sum)), px) })
	})
	f.end()

	f = file.begin("softmaxGradNEON", "func(rows, cols int, scale float32, p, d *float32)", "computes d = scale·p·(d − Σ d·p) of rows")
	rows, cols, pp, pd := f.arg("rows"), f.arg("cols"), f.arg("p"), f.arg("d")
	scale, stride = f.broadcast("scale"), f.distance(cols)
	f.eachRow(rows, stride, []reg{pp, pd}, func() {
		parts := f.several(0)
		f.each(cols, 4, []reg{pp, pd}, func(v view) { f.on(fmla, parts[v.unit], v.load(pp), v.load(pd)) })
		along := f.fold(f.join(parts, fadd), faddp)
		f.each(cols, 1, []reg{pp, pd}, func(v view) {
			v.store(f.do(fmul, f.do(fmul, v.load(pp), scale), f.do(fsub, v.load(pd), along)), pd)
		})
	})
	f.end()
}
