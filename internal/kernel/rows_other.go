//go:build !amd64 || noasm

package kernel

// The functions of rows that have assembly on amd64 alone.

func addBiasFast(_ level, _ []float32, _, _ int, _ []float32) bool { return false }
func addColumnsFast(_ level, _, _ []float32, _, _, _ int) bool     { return false }
func normFast(_ level, _ *Norm, _, _, _, _ []float32, _ int) bool  { return false }
func normGradFast(_ level, _ *Norm, _, _, _ []float32, _ int, _ bool, _, _ []float32) bool {
	return false
}
