// Command gen writes the assembly of package kernel:
//
//	go generate ./internal/kernel
//
// It is a module of its own, so that the generator's libraries are no dependency of the product. gemm.go and pack.go
// hold the matrix products, the others the functions of rows, each written once for both widths of vectors.
package main

import (
	"flag"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/reg"
)

// set is an instruction set.
type set struct {
	name  string // suffix of the functions
	lanes int    // float32 numbers of a vector
	rows  int    // of a tile of C
	vec   func() VecVirtual
}

var (
	avx2   = set{"AVX2", 8, 6, YMM}
	avx512 = set{"AVX512", 16, 14, ZMM}
)

func main() {
	part := flag.String("part", "", "gemm, reduced, amx or rows")
	// avo reads its own flags (-out, -stubs, -pkg) in Generate, from the same command line.
	flag.Parse()
	ConstraintExpr("amd64")
	ConstraintExpr("!noasm")
	switch *part {
	case "reduced":
		reduced()
	case "amx":
		amx()
	default:
		vectorSets(*part)
	}
	Generate()
}

func vectorSets(part string) {
	for _, s := range []set{avx2, avx512} {
		if part == "gemm" {
			for vectors := 1; vectors <= 2; vectors++ {
				gemm(s, vectors)
				pack(s, vectors)
			}
			transpose(s)
			continue
		}
		rows(s)
	}
}

// bytes returns the size of a vector.
func (s set) bytes() int { return 4 * s.lanes }

// zero returns a vector of zeros.
func (s set) zero() VecVirtual {
	v := s.vec()
	s.clear(v)
	return v
}

func (s set) clear(v VecVirtual) {
	if s.lanes == 16 {
		VPXORQ(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
}
