package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// pack writes the kernel that copies rows of a matrix into panels of one or two vectors.
func pack(s set, vectors int) {
	name := [...]string{1: "packNarrow", 2: "pack"}[vectors] + s.name
	TEXT(name, NOSPLIT, "func(k, panels int, src *float32, stride, step int, dst *float32, size int)")
	Pragma("noescape")
	Doc(
		name+" copies k rows into panels, row by row: whole vectors from src + row·stride + panel·step bytes to",
		"dst + panel·size, where rows follow each other.")
	k, panels := Load(Param("k"), GP64()), Load(Param("panels"), GP64())
	src, stride, step := Load(Param("src"), GP64()), Load(Param("stride"), GP64()), Load(Param("step"), GP64())
	dst, size := Load(Param("dst"), GP64()), Load(Param("size"), GP64())
	ahead := GP64() // rows that will be read soon: they lie too far apart for the processor to guess
	MOVQ(stride, ahead)
	SHLQ(U8(3), ahead)
	Label("row")
	from, to, n := GP64(), GP64(), GP64()
	MOVQ(src, from)
	MOVQ(dst, to)
	MOVQ(panels, n)
	Label("panel")
	PREFETCHT0(Mem{Base: from, Index: ahead, Scale: 1})
	if vectors*s.bytes() > 64 {
		PREFETCHT0(Mem{Base: from, Index: ahead, Scale: 1, Disp: 64})
	}
	for j := range vectors {
		x := s.vec()
		VMOVUPS(Mem{Base: from, Disp: j * s.bytes()}, x)
		VMOVUPS(x, Mem{Base: to, Disp: j * s.bytes()})
	}
	ADDQ(step, from)
	ADDQ(size, to)
	DECQ(n)
	JNZ(LabelRef("panel"))
	ADDQ(stride, src)
	ADDQ(U32(vectors*s.bytes()), dst)
	DECQ(k)
	JNZ(LabelRef("row"))
	end()
}

// transpose writes the kernel that turns as many rows as a vector has lanes into columns, in square blocks.
//
// Vectors are put together from quarters of 16 bytes as they are loaded: vector q of a group of four holds, in its
// quarter i, four numbers of row 4i+q. Transposing the 4×4 blocks within the quarters then makes whole columns.
func transpose(s set) {
	TEXT("transpose"+s.name, NOSPLIT, "func(blocks int, src *float32, rows *[16]int, dst *float32, stride int)")
	Pragma("noescape")
	Doc(
		"transpose"+s.name+" writes the number in row r and column p, at src + rows[r] + 4·p bytes, to dst + p·stride + 4·r,",
		"for as many rows as a vector has lanes, and blocks of as many columns.")
	blocks, src, rows := Load(Param("blocks"), GP64()), Load(Param("src"), GP64()), Load(Param("rows"), GP64())
	dst, stride := Load(Param("dst"), GP64()), Load(Param("stride"), GP64())
	var masks [4]OpmaskVirtual
	if s.lanes == 16 {
		for i := 1; i < 4; i++ {
			bits := GP32()
			masks[i] = K()
			MOVL(U32(0xf<<(4*i)), bits)
			KMOVW(bits, masks[i])
		}
	}
	// All groups at once where there are registers, so that each line of the source is touched once.
	chunks := s.lanes / 4
	if s.lanes == 8 {
		chunks = 1
	}
	Label("block")
	for first := 0; first < s.lanes/4; first += chunks {
		groups := make([][4]VecVirtual, chunks)
		for c := range groups {
			for q := range 4 {
				groups[c][q] = s.vec()
			}
		}
		for i := range s.lanes / 4 {
			for q := range 4 {
				row := GP64()
				MOVQ(Mem{Base: rows, Disp: 8 * (4*i + q)}, row)
				for c, g := range groups {
					at := Mem{Base: src, Index: row, Scale: 1, Disp: 16 * (first + c)}
					switch {
					case i == 0:
						VMOVUPS(at, g[q].AsX())
					case s.lanes == 16:
						VBROADCASTF32X4(at, masks[i], g[q])
					default:
						VINSERTF128(U8(i), at, g[q], g[q])
					}
				}
			}
		}
		for _, g := range groups {
			quarters(s, g, dst, stride)
		}
	}
	ADDQ(U8(s.bytes()), src)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	end()
}

// quarters transposes the 4×4 blocks of four vectors and writes them, stride bytes apart; dst advances.
func quarters(s set, v [4]VecVirtual, dst, stride Register) {
	lo, hi := [2]VecVirtual{}, [2]VecVirtual{}
	for i := range 2 {
		lo[i], hi[i] = s.vec(), s.vec()
		VUNPCKLPS(v[2*i+1], v[2*i], lo[i])
		VUNPCKHPS(v[2*i+1], v[2*i], hi[i])
	}
	for _, pair := range [][2]VecVirtual{lo, hi} {
		x, y := s.vec(), s.vec()
		VUNPCKLPD(pair[1], pair[0], x)
		VUNPCKHPD(pair[1], pair[0], y)
		VMOVUPS(x, Mem{Base: dst})
		VMOVUPS(y, Mem{Base: dst, Index: stride, Scale: 1})
		LEAQ(Mem{Base: dst, Index: stride, Scale: 2}, dst)
	}
}
