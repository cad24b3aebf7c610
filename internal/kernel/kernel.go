// Package kernel holds the inner loops of the engine: matrix products and functions of rows of float32 numbers.
//
// Every function exists in plain Go (plain.go), which says what it computes, and, where it counts, in assembly for the
// instruction sets of amd64 (AVX2 with FMA, AVX-512, its dot products of int8, called VNNI, and the tiles of AMX) and of
// arm64 (NEON). The variant is chosen once when the program starts, by what the processor has and after a small test
// against the plain twin (choose.go); XIAOYU_KERNEL=go, avx2, avx512, vnni, amx or neon chooses another, and the build tag noasm
// leaves the assembly out. The assembly is written by the programs in gen (go generate).
//
// The functions run in the calling goroutine and allocate nothing; whoever calls them splits the work. They check
// lengths and panic on slices that are too short, which only a faulty caller can cause.
//
//go:generate sh -c "cd gen && go run . -part gemm -out ../gemm_amd64.s -stubs ../gemm_stub_amd64.go -pkg kernel && go run . -part rows -out ../rows_amd64.s -stubs ../rows_stub_amd64.go -pkg kernel && go run . -part amx -out ../amx_amd64.s -stubs ../amx_stub_amd64.go -pkg kernel && go run . -part reduced -out ../reduced_amd64.s -stubs ../reduced_stub_amd64.go -pkg kernel && go run ./neon -dir .."
package kernel

// level is a variant; higher ones need more of the processor, and use what lower ones have where they bring nothing of
// their own: compare with >=. Those of assembly stand in fast_amd64.go and fast_arm64.go, with the names of all.
type level int32

const levelGo level = 0

func (l level) String() string { return levelNames[l] }
