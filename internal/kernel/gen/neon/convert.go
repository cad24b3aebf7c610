package main

import (
	"fmt"
	"math"
)

// conversions writes those between float32 and its halves, for n numbers, a multiple of 4 and not 0.
func conversions(file *file) {
	widening(file, "fromBF16", "y = x for bfloat16 numbers x", shll)
	widening(file, "fromF16", "y = x for binary16 numbers x", fcvtl)
	narrowing(file, "toF16", "y = x rounded to binary16, ties to even", func(f *function, x vec) vec { return f.do(fcvtn, x) })
	narrowing(file, "toBF16", "y = x rounded to bfloat16, ties to even", func(f *function, x vec) vec {
		quiet := f.do(orr, x, f.c(math.Float32frombits(1<<22))) // the upper half of a NaN alone may look like an infinity
		f.on(bit, quiet, f.roundBF16(x), f.do(fcmeq, x, x))
		return f.do(shrn16, quiet)
	})
}

// roundBF16 rounds numbers that are not NaN to bfloat16; the lower halves are left as they come.
func (f *function) roundBF16(x vec) vec {
	odd := f.do(and, f.do(ushr16, x), f.c(math.Float32frombits(1))) // ties go to even
	return f.do(add, f.do(add, x, odd), f.c(math.Float32frombits(0x7fff)))
}

func widening(file *file, name, doc string, widen op) {
	convert(file, name, "func(n int, x *uint16, y *float32)", doc, "FMOVD.P 8(%s), F%%[1]d", "FMOVQ.P F%%[1]d, 16(%s)", func(f *function, x vec) vec { return f.do(widen, x) })
}

func narrowing(file *file, name, doc string, body func(f *function, x vec) vec) {
	convert(file, name, "func(n int, x *float32, y *uint16)", doc, "FMOVQ.P 16(%s), F%%[1]d", "FMOVD.P F%%[1]d, 8(%s)", body)
}

func convert(file *file, name, signature, doc, load, store string, body func(f *function, x vec) vec) {
	f := file.begin(name+"NEON", signature, "computes "+doc+", for n numbers, a multiple of 4 and not 0")
	n, px, py := f.arg("n"), f.arg("x"), f.arg("y")
	f.loop("loop", "BNE", func() {
		x := f.do(op{text: fmt.Sprintf(load, px)})
		f.on(op{text: fmt.Sprintf(store, py)}, body(f, x))
		f.text("SUBS $4, %s, %s", n, n)
	})
	f.end()
}
