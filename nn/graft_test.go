package nn

import (
	"slices"
	"testing"
)

func TestGraftKeepsWhatWasLearntInItsRowsAndColumns(t *testing.T) {
	for _, c := range []struct {
		name     string
		to, from []int
		src      []float32
		want     []float32 // 9 where nothing was
	}{
		{"the same shape", []int{2, 2}, []int{2, 2}, []float32{1, 2, 3, 4}, []float32{1, 2, 3, 4}},
		{"more rows", []int{3, 2}, []int{2, 2}, []float32{1, 2, 3, 4}, []float32{1, 2, 3, 4, 9, 9}},
		{"more columns", []int{2, 3}, []int{2, 2}, []float32{1, 2, 3, 4}, []float32{1, 2, 9, 3, 4, 9}},
		{"more of both", []int{3, 3}, []int{2, 2}, []float32{1, 2, 3, 4}, []float32{1, 2, 9, 3, 4, 9, 9, 9, 9}},
		{"a vector", []int{3}, []int{2}, []float32{1, 2}, []float32{1, 2, 9}},
		{"three dimensions", []int{1, 2, 3}, []int{1, 2, 2}, []float32{1, 2, 3, 4}, []float32{1, 2, 9, 3, 4, 9}},
	} {
		dst := slices.Repeat([]float32{9}, size(c.to))
		if Graft(dst, c.to, c.src, c.from); !slices.Equal(dst, c.want) {
			t.Errorf("%s: %v, want %v", c.name, dst, c.want)
		}
	}
}
