//go:build arm64 && !noasm

package kernel

func maxColumnsFast(l level, best []float32, from []int32, x []float32, rows, stride int, first int32) bool {
	if whole(l, rows*len(best)) > 0 {
		maxRowsNEON(rows, len(best), 4*stride, uint32(first), &x[0], &best[0], &from[0])
	}
	return l != levelGo
}

func dropoutFast(l level, d Dropout, dst, src []float32, first uint32, add bool) bool {
	keep := uint32(0)
	if add {
		keep = ^keep
	}
	if n := whole(l, len(src)); n > 0 {
		dropoutNEON(n, first, uint32(d.Key), uint32(d.Key>>32), d.Limit, d.Scale, keep, &src[0], &dst[0])
	}
	return l != levelGo
}
