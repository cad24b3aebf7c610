//go:build (!amd64 && !arm64) || noasm

package kernel

// There is no assembly of conversions here.

func fromBF16Fast(level, []float32, []uint16) int { return 0 }
func toBF16Fast(level, []uint16, []float32) int   { return 0 }
func fromF16Fast(level, []float32, []uint16) int  { return 0 }
func toF16Fast(level, []uint16, []float32) int    { return 0 }
