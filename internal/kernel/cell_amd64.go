//go:build amd64 && !noasm

package kernel

// stateBefore returns a pointer to the state before and all bits, or if there is none, something to read and no bits.
func stateBefore(before, other []float32) (*float32, uint32) {
	if before == nil {
		return &other[0], 0
	}
	return &before[0], ^uint32(0)
}

func lstmFast(l level, rows, hidden int, gates, prev, c, tanhC, h []float32) bool {
	if l == levelGo || len(h) == 0 {
		return l != levelGo
	}
	p, keep := stateBefore(prev, h)
	if l >= levelAVX512 {
		lstmAVX512(rows, hidden, keep, &gates[0], p, &c[0], &tanhC[0], &h[0])
	} else {
		lstmAVX2(rows, hidden, keep, &gates[0], p, &c[0], &tanhC[0], &h[0])
	}
	return true
}

func lstmGradFast(l level, rows, hidden int, gates, prev, tanhC, dh, dc []float32) bool {
	if l == levelGo || len(dh) == 0 {
		return l != levelGo
	}
	p, keep := stateBefore(prev, dh)
	if l >= levelAVX512 {
		lstmGradAVX512(rows, hidden, keep, &gates[0], p, &tanhC[0], &dh[0], &dc[0])
	} else {
		lstmGradAVX2(rows, hidden, keep, &gates[0], p, &tanhC[0], &dh[0], &dc[0])
	}
	return true
}

func gruFast(l level, rows, hidden int, gates, product, prev []float32, ld int, nProduct, h []float32) bool {
	if l == levelGo || len(h) == 0 {
		return l != levelGo
	}
	p, keep := stateBefore(prev, h)
	if l >= levelAVX512 {
		gruAVX512(rows, hidden, 4*ld, keep, &gates[0], &product[0], p, &nProduct[0], &h[0])
	} else {
		gruAVX2(rows, hidden, 4*ld, keep, &gates[0], &product[0], p, &nProduct[0], &h[0])
	}
	return true
}

func gruGradFast(l level, rows, hidden int, gates, dproduct, prev []float32, ld int, nProduct, dh []float32) bool {
	if l == levelGo || len(dh) == 0 {
		return l != levelGo
	}
	p, keep := stateBefore(prev, dh)
	if l >= levelAVX512 {
		gruGradAVX512(rows, hidden, 4*ld, keep, &gates[0], &dproduct[0], p, &nProduct[0], &dh[0])
	} else {
		gruGradAVX2(rows, hidden, 4*ld, keep, &gates[0], &dproduct[0], p, &nProduct[0], &dh[0])
	}
	return true
}
