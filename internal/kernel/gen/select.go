package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// selections writes what keeps some numbers and drops others: dropout, and the maxima of columns.
func selections(s set) {
	dropout(s)
	maxRows(s)
}

func (s set) words(values ...uint32) []VecVirtual {
	out := make([]VecVirtual, len(values))
	for i, v := range values {
		out[i] = s.register(integer(v))
	}
	return out
}

// xorShift computes x ^= x >> n.
func (s set) xorShift(x VecVirtual, n uint8) {
	y := s.vec()
	VPSRLD(U8(n), x, y)
	s.xor(y, x, x)
}

func dropout(s set) {
	begin(s, "dropout", "func(n int, first, key, keyHigh, limit uint32, scale float32, add uint32, x, y *float32)",
		"y = scale·x, added to y where add has all bits set and not where it has none, of the numbers whose random bits are at least limit, and 0 of others; first is the position of the first")
	p := s.span(param("n"))
	px, py := param("x"), param("y")
	position := s.vec()
	VMOVUPS(data("count", []uint32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}), position)
	key, high, limit := s.parameter("key"), s.parameter("keyHigh"), s.parameter("limit")
	VPADDD(s.parameter("first"), position, position)
	VPADDD(key, position, position)
	scale, add := s.parameter("scale"), s.parameter("add")
	c := s.words(0x7feb352d, 0x846ca68b, uint32(s.lanes))
	p.each(1, func(v view) {
		bits := s.vec()
		VMOVAPS(position, bits)
		VPADDD(c[2], position, position)
		s.xorShift(bits, 16)
		VPMULLD(c[0], bits, bits)
		s.xorShift(bits, 15)
		s.xor(high, bits, bits)
		VPMULLD(c[1], bits, bits)
		x, y := v.load(px), v.load(py)
		s.and(add, y, y)
		if s.lanes == 16 {
			k := K()
			VPCMPUD(U8(5), limit, bits, k) // not less
			VMOVAPS_Z(x, k, x)
		} else {
			m := s.vec()
			VPMAXUD(limit, bits, m)
			VPCMPEQD(bits, m, m)
			VANDPS(m, x, x)
		}
		VFMADD231PS(scale, x, y)
		v.store(y, py)
	})
	end()
}

func maxRows(s set) {
	begin(s, "maxRows", "func(rows, cols, stride int, first uint32, x, best *float32, from *int32)",
		"in best the larger of best and each row, and in from the number of its row, counted from first; the rows, of which there is one, are stride bytes apart")
	p, stride := s.span(param("cols")), param("stride")
	rows, px, pb, pf := param("rows"), param("x"), param("best"), param("from")
	first := s.parameter("first")
	one := s.register(integer(1))
	p.groups(4, func(group []view) {
		best, from := make([]VecVirtual, len(group)), make([]VecVirtual, len(group))
		for i, v := range group {
			best[i], from[i] = v.load(pb), v.load(pf)
		}
		number, row, left, loop := s.vec(), GP64(), GP64(), label("down")
		VMOVAPS(first, number)
		MOVQ(px, row)
		MOVQ(rows, left)
		Label(loop)
		for i, v := range group {
			x := v.load(row)
			if s.lanes == 16 {
				k := K()
				VCMPPS(U8(greater), best[i], x, k)
				VMOVAPS(x, k, best[i])
				VMOVAPS(number, k, from[i])
			} else {
				m := s.vec()
				VCMPPS(U8(greater), best[i], x, m)
				VBLENDVPS(m, x, best[i], best[i])
				VBLENDVPS(m, number, from[i], from[i])
			}
		}
		VPADDD(one, number, number)
		ADDQ(stride, row)
		DECQ(left)
		JNZ(LabelRef(loop))
		for i, v := range group {
			v.store(best[i], pb)
			v.store(from[i], pf)
		}
	})
	end()
}
