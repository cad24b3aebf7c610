//go:build (!amd64 && !arm64) || noasm

package kernel

func roundFast(_ level, _, _ []float32) int { return 0 }
