//go:build (!amd64 && !arm64) || noasm

package kernel

// There is no assembly of the steps of recurrent cells here.

func lstmFast(_ level, _, _ int, _, _, _, _, _ []float32) bool                     { return false }
func lstmGradFast(_ level, _, _ int, _, _, _, _, _ []float32) bool                 { return false }
func gruFast(_ level, _, _ int, _, _, _ []float32, _ int, _, _ []float32) bool     { return false }
func gruGradFast(_ level, _, _ int, _, _, _ []float32, _ int, _, _ []float32) bool { return false }
