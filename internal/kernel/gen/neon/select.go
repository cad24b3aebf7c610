package main

import "math"

// selections writes what keeps some numbers and drops others: dropout, and the maxima of columns.
func selections(file *file) {
	dropout(file)
	maxRows(file)
}

func dropout(file *file) {
	f := file.begin("dropoutNEON", "func(n int, first, key, keyHigh, limit uint32, scale float32, add uint32, x, y *float32)",
		"computes y = scale·x, added to y where add has all bits set and not where it has none, of the numbers whose random bits are at least limit, and 0 of others; first is the position of the first")
	n, px, py := f.arg("n"), f.arg("x"), f.arg("y")
	high, limit, scale, keep := f.broadcast("keyHigh"), f.broadcast("limit"), f.broadcast("scale"), f.broadcast("add")
	position := f.do(add, f.do(add, f.words([4]uint32{0, 1, 2, 3}), f.broadcast("first")), f.broadcast("key"))
	word := func(v uint32) vec { return f.c(math.Float32frombits(v)) }
	shifted := func(x vec, o op) vec { return f.do(eor, x, f.do(o, x)) }
	f.each(n, 1, []reg{px, py}, func(v view) {
		bits := f.do(mul, shifted(position, ushr16), word(0x7feb352d))
		bits = f.do(mul, f.do(eor, shifted(bits, ushr15), high), word(0x846ca68b))
		y := f.do(and, v.load(py), keep)
		f.on(fmla, y, f.do(and, v.load(px), f.do(cmhs, bits, limit)), scale)
		v.store(y, py)
		next := uint32(4)
		if v.single {
			next = 1
		}
		f.on(add, position, position, word(next))
	})
	f.end()
}

// maxRows is for at least one row.
func maxRows(file *file) {
	f := file.begin("maxRowsNEON", "func(rows, cols, stride int, first uint32, x, best *float32, from *int32)",
		"computes in best the larger of best and each row, and in from the number of its row, counted from first; rows are stride bytes apart")
	rows, cols, stride, px, pb, pf := f.arg("rows"), f.arg("cols"), f.arg("stride"), f.arg("x"), f.arg("best"), f.arg("from")
	first := f.broadcast("first")
	f.hoist(math.Float32frombits(1))
	f.groups(cols, 4, []reg{px, pb, pf}, func(group []view) {
		best, from := make([]vec, len(group)), make([]vec, len(group))
		for i, v := range group {
			best[i], from[i] = v.load(pb), v.load(pf)
		}
		number := f.do(mov, first)
		f.down(rows, stride, px, group, func(i int, x vec) {
			larger := f.do(fcmgt, x, best[i])
			f.on(bit, best[i], x, larger)
			f.on(bit, from[i], number, larger)
		}, func() { f.on(add, number, number, f.c(math.Float32frombits(1))) })
		for i, v := range group {
			v.store(best[i], pb)
			v.store(from[i], pf)
		}
	})
	f.end()
}
