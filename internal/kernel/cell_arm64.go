//go:build arm64 && !noasm

package kernel

import "unsafe"

func lstmFast(l level, rows, hidden int, gates, prev, c, tanhC, h []float32) bool {
	if whole(l, rows*hidden) > 0 {
		lstmNEON(rows, hidden, &gates[0], unsafe.SliceData(prev), &c[0], &tanhC[0], &h[0])
	}
	return l != levelGo
}

func lstmGradFast(l level, rows, hidden int, gates, prev, tanhC, dh, dc []float32) bool {
	if whole(l, rows*hidden) > 0 {
		lstmGradNEON(rows, hidden, &gates[0], unsafe.SliceData(prev), &tanhC[0], &dh[0], &dc[0])
	}
	return l != levelGo
}

func gruFast(l level, rows, hidden int, gates, product, prev []float32, ld int, nProduct, h []float32) bool {
	if whole(l, rows*hidden) > 0 {
		gruNEON(rows, hidden, &gates[0], &product[0], unsafe.SliceData(prev), 4*ld, &nProduct[0], &h[0])
	}
	return l != levelGo
}

func gruGradFast(l level, rows, hidden int, gates, dproduct, prev []float32, ld int, nProduct, dh []float32) bool {
	if whole(l, rows*hidden) > 0 {
		gruGradNEON(rows, hidden, &gates[0], &dproduct[0], unsafe.SliceData(prev), 4*ld, &nProduct[0], &dh[0])
	}
	return l != levelGo
}
