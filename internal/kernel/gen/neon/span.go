package main

import "fmt"

// view is one vector of rows in a loop over them, or a single number where fewer than four are left.
type view struct {
	*function
	at     map[reg]reg // where the rows are read, by their starts
	disp   int
	unit   int // place within an unrolled loop
	single bool
}

// each writes the loops over n numbers of rows that begin at the pointers: body once a vector, unroll of them a turn as
// long as there are so many, and once for each number of the rest.
func (f *function) each(n reg, unroll int, pointers []reg, body func(v view)) {
	left := f.reg()
	v := view{function: f, at: map[reg]reg{}}
	for _, p := range pointers {
		v.at[p] = f.reg()
		f.text("MOVD %s, %s", p, v.at[p])
	}
	advance := func(bytes int) {
		for _, p := range pointers {
			f.text("ADD $%d, %s, %s", bytes, v.at[p], v.at[p])
		}
	}
	one, rest, done := f.label("one"), f.label("rest"), f.label("done")
	f.text("SUBS $%d, %s, %s", 4*unroll, n, left)
	if unroll > 1 {
		f.text("BLT %s", one)
		f.loop(f.label("several"), "BGE", func() {
			for u := range unroll {
				v.unit, v.disp = u, 16*u
				body(v)
			}
			advance(16 * unroll)
			f.text("SUBS $%d, %s, %s", 4*unroll, left, left)
		})
		v.unit, v.disp = 0, 0
		f.text("%s:", one)
		f.text("ADDS $%d, %s, %s", 4*unroll-4, left, left)
	}
	f.text("BLT %s", rest)
	f.loop(f.label("vector"), "BGE", func() {
		body(v)
		advance(16)
		f.text("SUBS $4, %s, %s", left, left)
	})
	f.text("%s:", rest)
	f.text("ADDS $4, %s, %s", left, left)
	f.text("BEQ %s", done)
	v.single = true
	f.loop(f.label("single"), "BNE", func() {
		body(v)
		advance(4)
		f.text("SUBS $1, %s, %s", left, left)
	})
	f.text("%s:", done)
	f.drop(left)
	for _, p := range pointers {
		f.drop(v.at[p])
	}
}

// load reads the vector of a row; lanes beyond a single number are 0.
func (v view) load(row reg) vec {
	if v.single {
		return v.do(op{text: fmt.Sprintf("FMOVS (%s), F%%[1]d", v.at[row])})
	}
	return v.function.load(v.at[row], v.disp)
}

func (v view) store(x vec, row reg) {
	if v.single {
		v.on(op{text: fmt.Sprintf("FMOVS F%%[1]d, (%s)", v.at[row])}, x)
		return
	}
	v.function.store(x, v.at[row], v.disp)
}

// clear makes the lanes beyond a single number 0.
func (v view) clear(x vec) vec {
	if v.single {
		return v.do(low, x)
	}
	return x
}

// raise computes m = max(m, x), without the lanes beyond a single number; NaN if either is.
func (v view) raise(m, x vec) {
	if v.single {
		x = v.do(dup, x)
	}
	v.on(fmax, m, m, x)
}

// fold joins all lanes of x, pairwise by o, and leaves the result in every lane.
func (f *function) fold(x vec, o op) vec {
	x = f.do(o, x, x)
	return f.do(o, x, x)
}

// join adds up vectors of partial results, pairwise.
func (f *function) join(x []vec, o op) vec {
	for n := len(x) / 2; n > 0; n /= 2 {
		for i := range n {
			f.on(o, x[i], x[i], x[i+n])
		}
	}
	return x[0]
}

// several returns four vectors that hold a constant.
func (f *function) several(value float32) []vec {
	x := make([]vec, 4)
	for i := range x {
		x[i] = f.register(value)
	}
	return x
}

// eachRow writes a loop over rows, at least one; the pointers advance by stride bytes a row.
func (f *function) eachRow(rows, stride reg, pointers []reg, body func()) {
	f.loop(f.label("row"), "BNE", func() {
		body()
		for _, p := range pointers {
			f.text("ADD %s, %s, %s", stride, p, p)
		}
		f.text("SUBS $1, %s, %s", rows, rows)
	})
}
