//go:build (!amd64 && !arm64) || noasm

package kernel

// There is no assembly of products in whole numbers and of transposing here.

func (*PackedB) dots() bool                                                         { return false }
func narrows(level) bool                                                            { return false }
func (*PackedB) packDots(_, _ int, _ []float32, _, _ int)                           {}
func (*PackedB) multiplyDots(_ int, _ []float32, _ int, _ []float32, _ int, _ bool) {}
func absMaxFast(level, []float32) (float32, int)                                    { return 0, 0 }
func quantizeFast(level, []int8, []float32, float32) int                            { return 0 }

func transposeRows(level, int, int, []float32, int, []float32, int) int { return 0 }
