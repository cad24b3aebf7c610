//go:build !amd64 || noasm

package kernel

import "math"

// The functions of rows that have assembly on amd64 alone.

func sumFast(level, []float32) (float32, int)                                      { return 0, 0 }
func maxFast(level, []float32) (float32, int)                                      { return float32(math.Inf(-1)), 0 }
func slopeFast(_ level, _ function, _, _, _ []float32) int                         { return 0 }
func softmaxFast(_ level, _, _ []float32, _, _ int, _ float32, _ []float32) bool   { return false }
func softmaxAgainFast(_ level, _ []float32, _, _ int, _ float32, _ []float32) bool { return false }
func softmaxGradFast(_ level, _, _ []float32, _, _ int, _ float32) bool            { return false }
