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
	f.groups(n, unroll, pointers, func(group []view) {
		for _, v := range group {
			body(v)
		}
	})
}

// groups writes such loops with a body that is given many vectors at once, and where fewer are left, one.
func (f *function) groups(n reg, many int, pointers []reg, body func(group []view)) {
	at := map[reg]reg{}
	for _, p := range pointers {
		at[p] = f.reg()
		f.text("MOVD %s, %s", p, at[p])
	}
	f.walk(n, many, pointers, at, body)
	for _, p := range pointers {
		f.drop(at[p])
	}
}

// advance writes such loops, a vector at a time, in which the pointers themselves move on to the ends of their rows.
func (f *function) advance(n reg, pointers []reg, body func(v view)) {
	at := map[reg]reg{}
	for _, p := range pointers {
		at[p] = p
	}
	f.walk(n, 1, pointers, at, func(group []view) { body(group[0]) })
}

func (f *function) walk(n reg, many int, pointers []reg, at map[reg]reg, body func(group []view)) {
	left := f.reg()
	advance := func(bytes int) {
		for _, p := range pointers {
			f.text("ADD $%d, %s, %s", bytes, at[p], at[p])
		}
	}
	one, rest, done := f.label("one"), f.label("rest"), f.label("done")
	f.text("SUBS $%d, %s, %s", 4*many, n, left)
	if many > 1 {
		f.text("BLT %s", one)
		f.loop(f.label("several"), "BGE", func() {
			group := make([]view, many)
			for u := range group {
				group[u] = view{function: f, at: at, disp: 16 * u, unit: u}
			}
			body(group)
			advance(16 * many)
			f.text("SUBS $%d, %s, %s", 4*many, left, left)
		})
		f.text("%s:", one)
		f.text("ADDS $%d, %s, %s", 4*many-4, left, left)
	}
	f.text("BLT %s", rest)
	f.loop(f.label("vector"), "BGE", func() {
		body([]view{{function: f, at: at}})
		advance(16)
		f.text("SUBS $4, %s, %s", left, left)
	})
	f.text("%s:", rest)
	f.text("ADDS $4, %s, %s", left, left)
	f.text("BEQ %s", done)
	f.loop(f.label("single"), "BNE", func() {
		body([]view{{function: f, at: at, single: true}})
		advance(4)
		f.text("SUBS $1, %s, %s", left, left)
	})
	f.text("%s:", done)
	f.drop(left)
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

// keep writes the first lane of x to where p points, if it is not nil, and moves on.
func (f *function) keep(x vec, p reg) {
	skip := f.label("skip")
	f.text("CBZ %s, %s", p, skip)
	f.on(op{text: fmt.Sprintf("FMOVS.P F%%[1]d, 4(%s)", p)}, x)
	f.text("%s:", skip)
}

// next reads the number that p points to into every lane, and moves on.
func (f *function) next(p reg) vec {
	return f.do(dup, f.do(op{text: fmt.Sprintf("FMOVS.P 4(%s), F%%[1]d", p)}))
}

// distance returns the bytes of a row of n numbers.
func (f *function) distance(n reg) reg {
	d := f.reg()
	f.text("LSL $2, %s, %s", n, d)
	return d
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
