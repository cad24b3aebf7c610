package main

// cells writes the steps of recurrent layers, for at least one row of one number. The gates of a row lie side by side.
func cells(file *file) {
	lstm(file)
	lstmGrad(file)
	gru(file)
	gruGrad(file)
}

// sideBySide returns the starts of the n parts of a row, each of width bytes.
func (f *function) sideBySide(start reg, width reg, n int) []reg {
	parts := []reg{start}
	for i := 1; i < n; i++ {
		parts = append(parts, f.reg())
		f.text("ADD %s, %s, %s", width, parts[i-1], parts[i])
	}
	return parts
}

// steps writes a loop over rows, in which body moves pointers on by width bytes; those of gates then skip the other parts
// of a row.
func (f *function) steps(rows, width reg, body func(), gates ...[]reg) {
	f.loop(f.label("row"), "BNE", func() {
		body()
		for _, group := range gates {
			for _, g := range group {
				for range len(group) - 1 {
					f.text("ADD %s, %s, %s", width, g, g)
				}
			}
		}
		f.text("SUBS $1, %s, %s", rows, rows)
	})
}

// unless skips body where p is nil.
func (f *function) unless(p reg, body func()) {
	skip := f.label("skip")
	f.text("CBZ %s, %s", p, skip)
	body()
	f.text("%s:", skip)
}

func lstm(file *file) {
	f := file.begin("lstmNEON", "func(rows, hidden int, gates, prev, c, tanhC, h *float32)", "computes a step of an LSTM; prev may be nil")
	rows, hidden, start, prev := f.arg("rows"), f.arg("hidden"), f.arg("gates"), f.arg("prev")
	pc, pt, ph := f.arg("c"), f.arg("tanhC"), f.arg("h")
	width, some := f.distance(hidden), f.reg()
	f.text("MOVD %s, %s", prev, some)
	gates := f.sideBySide(start, width, 4)
	f.hoistExp()
	f.steps(rows, width, func() {
		f.advance(hidden, append([]reg{prev, pc, pt, ph}, gates...), func(v view) {
			in, forget := f.sigmoid(v.load(gates[0])), f.sigmoid(v.load(gates[1]))
			candidate, out := f.tanh(v.load(gates[2])), f.sigmoid(v.load(gates[3]))
			for i, x := range []vec{in, forget, candidate, out} {
				v.store(x, gates[i])
			}
			c := f.do(fmul, in, candidate)
			f.unless(some, func() { f.on(fmla, c, forget, v.load(prev)) })
			v.store(c, pc)
			t := f.tanh(c)
			v.store(t, pt)
			v.store(f.do(fmul, out, t), ph)
		})
	}, gates)
	f.end()
}

// along returns a·b·(1−b).
func (f *function) along(a, b vec) vec {
	d := f.do(mov, b)
	f.on(fmls, d, b, b)
	return f.do(fmul, a, d)
}

// against returns a·(1−b²).
func (f *function) against(a, b vec) vec {
	d := f.register(1)
	f.on(fmls, d, b, b)
	return f.do(fmul, a, d)
}

func lstmGrad(file *file) {
	f := file.begin("lstmGradNEON", "func(rows, hidden int, gates, prev, tanhC, dh, dc *float32)", "computes the backward of a step of an LSTM; prev may be nil")
	rows, hidden, start, prev := f.arg("rows"), f.arg("hidden"), f.arg("gates"), f.arg("prev")
	pt, pdh, pdc := f.arg("tanhC"), f.arg("dh"), f.arg("dc")
	width, some := f.distance(hidden), f.reg()
	f.text("MOVD %s, %s", prev, some)
	gates := f.sideBySide(start, width, 4)
	f.steps(rows, width, func() {
		f.advance(hidden, append([]reg{prev, pt, pdh, pdc}, gates...), func(v view) {
			in, forget, candidate, out := v.load(gates[0]), v.load(gates[1]), v.load(gates[2]), v.load(gates[3])
			t, dh, dc := v.load(pt), v.load(pdh), v.load(pdc)
			f.on(fadd, dc, dc, f.against(f.do(fmul, dh, out), t))
			v.store(f.along(f.do(fmul, dh, t), out), gates[3])
			v.store(f.along(f.do(fmul, dc, candidate), in), gates[0])
			v.store(f.against(f.do(fmul, dc, in), candidate), gates[2])
			before := f.do(zero)
			f.unless(some, func() { f.on(mov, before, v.load(prev)) })
			v.store(f.along(f.do(fmul, dc, before), forget), gates[1])
			v.store(f.do(fmul, dc, forget), pdc)
		})
	}, gates)
	f.end()
}

func gru(file *file) {
	f := file.begin("gruNEON", "func(rows, hidden int, gates, product, prev *float32, ld int, nProduct, h *float32)",
		"computes a step of a GRU; ld is the distance of the rows of prev, which may be nil, in bytes")
	rows, hidden, startG, startP, prev := f.arg("rows"), f.arg("hidden"), f.arg("gates"), f.arg("product"), f.arg("prev")
	pn, ph, gap := f.arg("nProduct"), f.arg("h"), f.arg("ld")
	width, some := f.distance(hidden), f.reg()
	f.text("MOVD %s, %s", prev, some)
	f.text("SUB %s, %s, %s", width, gap, gap)
	gates, products := f.sideBySide(startG, width, 3), f.sideBySide(startP, width, 3)
	f.hoistExp()
	f.steps(rows, width, func() {
		f.advance(hidden, append(append([]reg{prev, pn, ph}, gates...), products...), func(v view) {
			reset := f.sigmoid(f.do(fadd, v.load(gates[0]), v.load(products[0])))
			update := f.sigmoid(f.do(fadd, v.load(gates[1]), v.load(products[1])))
			n, candidate := v.load(products[2]), v.load(gates[2])
			f.on(fmla, candidate, reset, n)
			candidate = f.tanh(candidate)
			for i, x := range []vec{reset, update, candidate} {
				v.store(x, gates[i])
			}
			v.store(n, pn)
			h := f.do(fmul, f.do(fsub, f.c(1), update), candidate)
			f.unless(some, func() { f.on(fmla, h, update, v.load(prev)) })
			v.store(h, ph)
		})
		f.text("ADD %s, %s, %s", gap, prev, prev)
	}, gates, products)
	f.end()
}

func gruGrad(file *file) {
	f := file.begin("gruGradNEON", "func(rows, hidden int, gates, dproduct, prev *float32, ld int, nProduct, dh *float32)",
		"computes the backward of a step of a GRU; ld is the distance of the rows of prev, which may be nil, in bytes")
	rows, hidden, startG, startP, prev := f.arg("rows"), f.arg("hidden"), f.arg("gates"), f.arg("dproduct"), f.arg("prev")
	pn, pdh, gap := f.arg("nProduct"), f.arg("dh"), f.arg("ld")
	width, some := f.distance(hidden), f.reg()
	f.text("MOVD %s, %s", prev, some)
	f.text("SUB %s, %s, %s", width, gap, gap)
	gates, products := f.sideBySide(startG, width, 3), f.sideBySide(startP, width, 3)
	f.hoist(1)
	f.steps(rows, width, func() {
		f.advance(hidden, append(append([]reg{prev, pn, pdh}, gates...), products...), func(v view) {
			reset, update, candidate, dh := v.load(gates[0]), v.load(gates[1]), v.load(gates[2]), v.load(pdh)
			dn := f.against(f.do(fmul, dh, f.do(fsub, f.c(1), update)), candidate)
			before := f.do(zero)
			f.unless(some, func() { f.on(mov, before, v.load(prev)) })
			dz := f.along(f.do(fmul, dh, f.do(fsub, before, candidate)), update)
			dr := f.along(f.do(fmul, dn, v.load(pn)), reset)
			for i, x := range []vec{dr, dz, dn} {
				v.store(x, gates[i])
			}
			for i, x := range []vec{dr, dz, f.do(fmul, dn, reset)} {
				v.store(x, products[i])
			}
			v.store(f.do(fmul, dh, update), pdh)
		})
		f.text("ADD %s, %s, %s", gap, prev, prev)
	}, gates, products)
	f.end()
}
