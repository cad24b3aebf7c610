package main

// norms writes LayerNorm, and RMSNorm, which leaves the mean and the bias out, for at least one row of one number.
func norms(file *file) {
	norm(file, "layerNorm", true)
	norm(file, "rmsNorm", false)
	normGrad(file, "layerNormGrad", true)
	normGrad(file, "rmsNormGrad", false)
}

func norm(file *file, name string, center bool) {
	f := file.begin(name+"NEON", "func(rows, dim int, share, eps float32, x, residual, h, y, gain, bias, mean, inverse *float32)",
		"computes y = gain·(h−mean)·inverse + bias of rows, of h = x + residual, or of x where residual is nil; share is 1/dim")
	rows, dim, px, pr, ph, py := f.arg("rows"), f.arg("dim"), f.arg("x"), f.arg("residual"), f.arg("h"), f.arg("y")
	pgain, pbias, pmean, pinverse := f.arg("gain"), f.arg("bias"), f.arg("mean"), f.arg("inverse")
	share, eps, stride := f.broadcast("share"), f.broadcast("eps"), f.distance(dim)
	f.hoist(1)
	f.eachRow(rows, stride, []reg{px, ph, py}, func() {
		plain, ready := f.label("plain"), f.label("ready")
		f.text("CBZ %s, %s", pr, plain)
		f.each(dim, 4, []reg{px, pr, ph}, func(v view) { v.store(f.do(fadd, v.load(px), v.load(pr)), ph) })
		f.text("ADD %s, %s, %s", stride, pr, pr)
		f.text("B %s", ready)
		f.text("%s:", plain)
		f.text("MOVD %s, %s", px, ph)
		f.text("%s:", ready)
		var mean vec
		if center {
			sums := f.several(0)
			f.each(dim, 4, []reg{ph}, func(v view) { f.on(fadd, sums[v.unit], sums[v.unit], v.load(ph)) })
			mean = f.do(fmul, f.fold(f.join(sums, fadd), faddp), share)
			f.keep(mean, pmean)
		}
		centered := func(v view) vec {
			if !center {
				return v.load(ph)
			}
			return f.do(fsub, v.load(ph), mean)
		}
		squares := f.several(0)
		f.each(dim, 4, []reg{ph}, func(v view) {
			d := v.clear(centered(v))
			f.on(fmla, squares[v.unit], d, d)
		})
		variance := f.do(mov, eps)
		f.on(fmla, variance, f.fold(f.join(squares, fadd), faddp), share)
		inverse := f.do(fdiv, f.c(1), f.do(fsqrt, variance))
		f.keep(inverse, pinverse)
		pointers := []reg{ph, py, pgain}
		if center {
			pointers = append(pointers, pbias)
		}
		f.each(dim, 1, pointers, func(v view) {
			y := f.do(fmul, centered(v), inverse)
			if !center {
				v.store(f.do(fmul, y, v.load(pgain)), py)
				return
			}
			shifted := v.load(pbias)
			f.on(fmla, shifted, y, v.load(pgain))
			v.store(shifted, py)
		})
	})
	f.end()
}

func normGrad(file *file, name string, center bool) {
	f := file.begin(name+"NEON", "func(rows, dim int, share float32, add uint32, dy, h, gain, mean, inverse, dx, dgain, dbias *float32)",
		"computes the gradients of a norm: dgain += dy·x̂, dbias += dy, and dx, which they are added to where add has all bits set and not where it has none, = inverse·(d − mean(d) − x̂·mean(d·x̂)) of d = dy·gain and x̂ = (h−mean)·inverse")
	rows, dim, pdy, ph, pgain, pmean := f.arg("rows"), f.arg("dim"), f.arg("dy"), f.arg("h"), f.arg("gain"), f.arg("mean")
	pinverse, pdx, pdgain, pdbias := f.arg("inverse"), f.arg("dx"), f.arg("dgain"), f.arg("dbias")
	share, keep, stride := f.broadcast("share"), f.broadcast("add"), f.distance(dim)
	f.eachRow(rows, stride, []reg{pdy, ph, pdx}, func() {
		inverse := f.next(pinverse)
		var mean vec
		if center {
			mean = f.next(pmean)
		}
		scaled := func(v view) vec {
			x := v.load(ph)
			if center {
				x = f.do(fsub, x, mean)
			}
			return f.do(fmul, x, inverse)
		}
		sums, along := f.several(0), f.several(0)
		f.each(dim, 4, []reg{pdy, ph, pgain}, func(v view) {
			d := f.do(fmul, v.load(pdy), v.load(pgain))
			if center {
				f.on(fadd, sums[v.unit], sums[v.unit], d)
			}
			f.on(fmla, along[v.unit], scaled(v), d)
		})
		a := f.do(fmul, f.fold(f.join(along, fadd), faddp), share)
		b := f.do(fmul, f.fold(f.join(sums, fadd), faddp), share)
		pointers := []reg{pdy, ph, pgain, pdx, pdgain}
		if center {
			pointers = append(pointers, pdbias)
		}
		f.each(dim, 1, pointers, func(v view) {
			x, dy, dgain := scaled(v), v.load(pdy), v.load(pdgain)
			f.on(fmla, dgain, x, dy)
			v.store(dgain, pdgain)
			if center {
				v.store(f.do(fadd, v.load(pdbias), dy), pdbias)
			}
			d := f.do(fmul, dy, v.load(pgain))
			if center {
				d = f.do(fsub, d, b)
			}
			f.on(fmls, d, x, a)
			dx := f.do(and, v.load(pdx), keep)
			f.on(fmla, dx, d, inverse)
			v.store(dx, pdx)
		})
	})
	f.end()
}

// columns writes what goes down the columns of rows, of which there is at least one.
func columns(file *file) {
	f := file.begin("addBiasNEON", "func(rows, cols int, x, bias *float32)", "computes x += bias in every row")
	rows, cols, px, pb := f.arg("rows"), f.arg("cols"), f.arg("x"), f.arg("bias")
	f.eachRow(rows, f.distance(cols), []reg{px}, func() {
		f.each(cols, 4, []reg{px, pb}, func(v view) { v.store(f.do(fadd, v.load(px), v.load(pb)), px) })
	})
	f.end()

	f = file.begin("columnSumsNEON", "func(rows, cols, stride int, x, sums *float32)", "computes sums += Σ x over rows at a distance in bytes")
	rows, cols, px, stride, psums := f.arg("rows"), f.arg("cols"), f.arg("x"), f.arg("stride"), f.arg("sums")
	f.groups(cols, 8, []reg{px, psums}, func(group []view) {
		sums := make([]vec, len(group))
		for i, v := range group {
			sums[i] = v.load(psums)
		}
		f.down(rows, stride, px, group, func(i int, x vec) { f.on(fadd, sums[i], sums[i], x) }, nil)
		for i, v := range group {
			v.store(sums[i], psums)
		}
	})
	f.end()
}

// down writes a loop down rows, whose numbers under a group of vectors are given to each; end, if not nil, ends a row.
func (f *function) down(rows, stride, start reg, group []view, each func(i int, x vec), end func()) {
	row, left := f.reg(), f.reg()
	f.text("MOVD %s, %s", group[0].at[start], row)
	f.text("MOVD %s, %s", rows, left)
	f.eachRow(left, stride, []reg{row}, func() {
		for i, v := range group {
			v.at = map[reg]reg{start: row}
			each(i, v.load(start))
		}
		if end != nil {
			end()
		}
	})
	f.drop(row, left)
}
