//go:build (!amd64 && !arm64) || noasm

package kernel

import "math"

// There is no assembly of functions of rows here.

func dotFast(level, []float32, []float32) (float32, int)                           { return 0, 0 }
func squaresFast(level, []float32) (float32, int)                                  { return 0, 0 }
func axpyFast(level, float32, []float32, []float32) int                            { return 0 }
func scaleFast(level, float32, []float32) int                                      { return 0 }
func addFast(level, []float32, []float32) int                                      { return 0 }
func mulFast(_ level, _, _, _ []float32) int                                       { return 0 }
func mulAddFast(_ level, _, _, _ []float32) int                                    { return 0 }
func mapFast(_ level, _ function, _, _ []float32) int                              { return 0 }
func adamWFast(_ level, _ *[7]float32, _, _, _, _ []float32) int                   { return 0 }
func sumFast(level, []float32) (float32, int)                                      { return 0, 0 }
func maxFast(level, []float32) (float32, int)                                      { return float32(math.Inf(-1)), 0 }
func slopeFast(_ level, _ function, _, _, _ []float32) int                         { return 0 }
func softmaxFast(_ level, _, _ []float32, _, _ int, _ float32, _ []float32) bool   { return false }
func softmaxAgainFast(_ level, _ []float32, _, _ int, _ float32, _ []float32) bool { return false }
func softmaxGradFast(_ level, _, _ []float32, _, _ int, _ float32) bool            { return false }
func addBiasFast(_ level, _ []float32, _, _ int, _ []float32) bool                 { return false }
func addColumnsFast(_ level, _, _ []float32, _, _, _ int) bool                     { return false }
func normFast(_ level, _ *Norm, _, _, _, _ []float32, _ int) bool                  { return false }
func normGradFast(_ level, _ *Norm, _, _, _ []float32, _ int, _ bool, _, _ []float32) bool {
	return false
}
