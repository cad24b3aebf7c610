//go:build (!amd64 && !arm64) || noasm

package kernel

// There is no assembly here.

var levelNames = [...]string{"go"}

func missing(level) string              { return "" }
func stripWidth(level) int              { return maxRows }
func panelWidth(_ level, n int) int     { return n }
func tileRows(level) int                { return maxRows }
func (*tile) run(_, _ []float32, _ int) {}

func (*PackedB) dots() bool                                                         { return false }
func (*PackedB) packDots(_, _ int, _ []float32, _, _ int)                           {}
func (*PackedB) multiplyDots(_ int, _ []float32, _ int, _ []float32, _ int, _ bool) {}
func absMaxFast(level, []float32) (float32, int)                                    { return 0, 0 }
func quantizeFast(level, []int8, []float32, float32) int                            { return 0 }

func inPlace(level, int, int, int) bool                                  { return true }
func copyRows(level, int, int, []float32, int, int, int, []float32, int) {}
func transposeRows(level, int, int, []float32, int, []float32, int) int  { return 0 }
