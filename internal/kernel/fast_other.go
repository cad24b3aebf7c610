//go:build (!amd64 && !arm64 && !(wasm && simd128)) || noasm

package kernel

// There is but plain Go here.

var levelNames = [...]string{"go"}

func missing(level) string              { return "" }
func stripWidth(level) int              { return maxRows }
func panelWidth(_ level, n int) int     { return n }
func tileRows(level) int                { return maxRows }
func (*tile) run(_, _ []float32, _ int) {}

func inPlace(level, int, int, int, int) bool { return true }

func copyRows(level, int, int, []float32, int, int, int, []float32, int) {}
