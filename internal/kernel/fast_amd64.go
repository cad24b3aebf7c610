//go:build amd64 && !noasm

package kernel

import "golang.org/x/sys/cpu"

const (
	levelAVX2 level = iota + 1
	levelAVX512
	levelVNNI // AVX-512 with dot products of int8
	levelAMX  // and tiles for bf16 and int8
)

var levelNames = [...]string{"go", "avx2", "avx512", "vnni", "amx"}

// missing names what a variant needs and the processor or the system lacks.
func missing(l level) string {
	x := &cpu.X86
	switch {
	case l >= levelAVX2 && !(x.HasAVX2 && x.HasFMA):
		return "AVX2 or FMA"
	case l >= levelAVX512 && !(x.HasAVX512F && x.HasAVX512DQ && x.HasAVX512BW && x.HasAVX512VL):
		return "AVX-512 (F, DQ, BW, VL)"
	case l >= levelVNNI && !x.HasAVX512VNNI:
		return "AVX-512 VNNI"
	case l >= levelAMX && !(x.HasAMXTile && x.HasAMXBF16 && x.HasAMXInt8 && x.HasAVX512BF16):
		return "AMX (tiles, bf16, int8) or AVX-512 BF16"
	case l >= levelAMX && !permitTiles():
		return "permission of the system to use the tiles of AMX"
	}
	return ""
}
