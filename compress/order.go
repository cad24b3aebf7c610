package compress

import (
	"cmp"
	"slices"
	"strconv"
)

func itoa(n int) string { return strconv.Itoa(n) }

func number(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// largest returns the numbers of the n largest values, the largest first.
func largest(values []float64, n int) []int32 {
	order := make([]int32, len(values))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(values[b], values[a]) })
	return order[:min(max(n, 1), len(order))]
}
