//go:build !amd64 || noasm

package kernel

// There are no tiles here.

func (*PackedB) tiled() bool                                                                 { return false }
func (*PackedB) reserveTiles()                                                               {}
func (*PackedB) fillTiles(_, _ int, _ []float32, _, _ int)                                   {}
func (*PackedB) multiplyTiles(_ int, _ []float32, _, _ int, _ []float32, _ int, _ *Epilogue) {}
func (*PackedB) splits(_ int) bool                                                           { return false }
func (*PackedB) multiplySplit(_ int, _ []float32, _, _ int, _ []float32, _ int, _ *Epilogue) {}
func (*PackedB) keepParts()                                                                  {}
