package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// conversions writes those between float32 and its halves, for n numbers, a multiple of the lanes.
func conversions(s set) {
	widening(s, "fromBF16", "y = x for bfloat16 numbers x", func(from Mem, y VecVirtual) {
		VPMOVZXWD(from, y)
		VPSLLD(U8(16), y, y)
	})
	widening(s, "fromF16", "y = x for binary16 numbers x", func(from Mem, y VecVirtual) { VCVTPH2PS(from, y) })
	narrowing(s, "toF16", "y = x rounded to binary16, ties to even", func(x VecVirtual, to Mem) { VCVTPS2PH(U8(0), x, to) })
	narrowing(s, "toBF16", "y = x rounded to bfloat16, ties to even", func(x VecVirtual, to Mem) {
		odd, quiet := s.vec(), s.vec()
		VPSRLD(U8(16), x, odd)
		s.and(s.c(integer(1)), odd, odd)
		VPADDD(s.c(integer(0x7fff)), odd, odd)
		VPADDD(x, odd, odd)
		s.or(s.c(integer(1<<22)), x, quiet)
		s.choose(unordered, x, x, quiet, odd)
		VPSRLD(U8(16), odd, odd)
		if s.lanes == 16 {
			VPMOVDW(odd, to)
			return
		}
		VPACKUSDW(odd, odd, odd)
		VPERMQ(U8(0x08), odd, odd)
		VMOVDQU(odd.AsX(), to)
	})
}

func widening(s set, name, doc string, body func(from Mem, y VecVirtual)) {
	begin(s, name, "func(n int, x *uint16, y *float32)", doc)
	p, px, py := s.span(param("n")), param("x"), param("y")
	p.each(1, func(v view) {
		if v.masked {
			return // there is no rest
		}
		y := s.vec()
		body(Mem{Base: px}, y)
		ADDQ(U8(2*s.lanes), px)
		v.store(y, py)
	})
	end()
}

func narrowing(s set, name, doc string, body func(x VecVirtual, to Mem)) {
	begin(s, name, "func(n int, x *float32, y *uint16)", doc)
	p, px, py := s.span(param("n")), param("x"), param("y")
	p.each(1, func(v view) {
		if v.masked {
			return
		}
		body(v.load(px), Mem{Base: py})
		ADDQ(U8(2*s.lanes), py)
	})
	end()
}
