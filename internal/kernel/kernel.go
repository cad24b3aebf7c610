// Package kernel holds the inner loops of the engine: matrix products and functions of rows of float32 numbers.
//
// Every function exists in plain Go (plain.go), which says what it computes, and, where it counts, in assembly for the
// instruction sets of amd64 (AVX2 with FMA, AVX-512, its dot products of int8, called VNNI, and the tiles of AMX) and of
// arm64 (NEON). The variant is chosen once when the program starts, by what the processor has and after a small test
// against the plain twin; XIAOYU_KERNEL=go, avx2, avx512, vnni, amx or neon chooses another, and the build tag noasm
// leaves the assembly out. The assembly is written by the programs in gen:
//
// The functions run in the calling goroutine and allocate nothing; whoever calls them splits the work. They check
// lengths and panic on slices that are too short, which only a faulty caller can cause.
//
//go:generate sh -c "cd gen && go run . -part gemm -out ../gemm_amd64.s -stubs ../gemm_stub_amd64.go -pkg kernel && go run . -part rows -out ../rows_amd64.s -stubs ../rows_stub_amd64.go -pkg kernel && go run . -part amx -out ../amx_amd64.s -stubs ../amx_stub_amd64.go -pkg kernel && go run . -part reduced -out ../reduced_amd64.s -stubs ../reduced_stub_amd64.go -pkg kernel && go run ./neon -dir .."
package kernel

import (
	"fmt"
	"math"
	"os"
)

// level is a variant; higher ones need more of the processor, and use what lower ones have where they bring nothing of
// their own: compare with >=. Those of assembly stand in fast_amd64.go and fast_arm64.go, with the names of all.
type level int32

const levelGo level = 0

func (l level) String() string { return levelNames[l] }

// Variant is a set of implementations.
type Variant struct {
	Name      string
	Available bool   // this processor can run it, and it computes correctly
	Chosen    bool   // it is in use
	Why       string // it is not available, or was chosen
}

// current is the variant in use. It is set before main and by tests alone.
var (
	current  level
	variants []Variant
)

func init() { current, variants = choose(os.Getenv("XIAOYU_KERNEL")) }

// Name returns the name of the variant in use: go, avx2, avx512, vnni, amx or neon.
func Name() string { return current.String() }

// Variants returns all variants that this program was built with, and why one was chosen.
func Variants() []Variant { return variants }

// choose takes the best variant that works, or the one that is wanted if it works.
func choose(wanted string) (level, []Variant) {
	best := levelGo
	var list []Variant
	for l := levelGo; int(l) < len(levelNames); l++ {
		v := Variant{Name: l.String(), Available: true}
		if why := missing(l); why != "" {
			v.Available, v.Why = false, "there is no "+why
		} else if err := selfTest(l); err != nil {
			v.Available, v.Why = false, err.Error()
		} else {
			best = l
		}
		list = append(list, v)
	}
	why := "the best that works here"
	if wanted != "" {
		why = fmt.Sprintf("XIAOYU_KERNEL=%s is not available; the best that works here", wanted)
		for l := range list {
			if list[l].Name == wanted && list[l].Available {
				best, why = level(l), "asked for by XIAOYU_KERNEL"
			}
		}
	}
	list[best].Chosen, list[best].Why = true, why
	return best, list
}

// selfTest compares a variant with plain Go on small inputs that reach its remainders, in microseconds.
func selfTest(l level) error {
	if l == levelGo {
		return nil
	}
	const m, n, k = 15, 35, 7
	var a [m * k]float32
	var b [k * n]float32
	for i := range a {
		a[i] = float32(i%11) - 5
	}
	for i := range b {
		b[i] = float32(i%7) - 3
	}
	var got, want [m * n]float32
	plainGemm(m, n, k, a[:], k, 1, b[:], n, want[:], n)
	p := PackedB{level: l}
	p.packAs(F32, k, n, b[:], n, 1)
	p.multiply(m, a[:], k, 1, got[:], n, &Epilogue{})
	if got != want { // small whole numbers: exact
		return fmt.Errorf("its matrix product is wrong on this processor")
	}
	if err := selfTestReduced(l); err != nil {
		return err
	}
	x := b[:67]
	var y, z [67]float32
	for f := range functions {
		plainMap(function(f), z[:], x)
		copy(y[:], z[:]) // what the variant has no kernel for
		mapFast(l, function(f), y[:], x)
		for j := range y {
			if math.Abs(float64(y[j]-z[j])) > 1e-5*(1+math.Abs(float64(z[j]))) {
				return fmt.Errorf("its function %d is wrong on this processor", f)
			}
		}
	}
	return nil
}

// selfTestReduced compares products of reduced precision on whole numbers that it holds exactly, for many rows and for one.
func selfTestReduced(l level) error {
	const m, n, k = 18, 67, 33
	var a [m * k]float32
	var b [k * n]float32
	for i := range a {
		a[i] = float32(i%11) - 5
	}
	for i := range b {
		b[i] = float32(i%7) - 3
	}
	for _, prec := range []Precision{BF16, INT8} {
		var got, want [m * n]float32
		plain, p := PackedB{level: levelGo}, PackedB{level: l}
		plain.packAs(prec, k, n, b[:], n, 1)
		plain.product(m, a[:], k, 1, want[:], n, false)
		p.packAs(prec, k, n, b[:], n, 1)
		p.product(m, a[:], k, 1, got[:], n, false)
		if got != want {
			return fmt.Errorf("its product of many rows in %v is wrong on this processor", prec)
		}
		clear(got[:n])
		p.product(1, a[:], k, 1, got[:], n, false)
		if got != want {
			return fmt.Errorf("its product of one row in %v is wrong on this processor", prec)
		}
	}
	return nil
}
