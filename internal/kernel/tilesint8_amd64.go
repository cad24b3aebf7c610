//go:build !noasm

package kernel

import "unsafe"

// packInt8Tiles quantises the columns of B.
func (p *PackedB) packInt8Tiles(b []float32, rs, cs int) {
	size := p.kBlocks() * tileBlock
	clear(p.tiles)
	p.scales = make([]float32, (p.n+63)/64*64)
	p.quantizeColumns(b, rs, cs, func(j int, ints []int8) {
		tile := p.tiles[j/32*size+j%32/16*1024+j%16*4:]
		for i, v := range ints {
			tile[i/64*tileBlock+i%64/4*64+i%4] = byte(v)
		}
	})
}

// findScales finds those of rows of A.
func (s *tileScratch) findScales(p *PackedB, rows int, a []float32, lda int, scales *[tileRowCount]float32) {
	absMaxRows(rows, (p.k+63)/64, &a[0], 4*lda, tailOf64(p.k), &scales[0])
	for r, top := range scales[:rows] {
		scales[r], s.inverses[r] = p.scaleOf(top)
	}
}

// quantize makes whole numbers of the first rows of A.
func (s *tileScratch) quantize(p *PackedB, rows int, a []float32, lda int) {
	s.findScales(p, rows, a, lda, &s.scales[0])
	quantizeRows(rows, p.kBlocks(), &a[0], 4*lda, &s.inverses[0], &s.a[0][0], 64, tileBlock, tailOf64(p.k), 0, order64)
}

// int8 multiplies rows of whole numbers, and prepares the next ones.
func (t *tileRows32) int8(kb int) {
	p, s := t.p, t.s
	acc, shapes, sums := flag(t.e.Accumulate), shapesOf[t.m].pointer(), (*byte)(unsafe.Pointer(&s.edge[0]))
	size := kb * tileBlock
	if t.m <= 16 {
		pairs := p.n / 64
		if pairs > 0 {
			tilesInt8Wide(pairs, kb, &t.a[0], &p.tiles[0], &t.c[0], 4*t.ldc, acc, shapes, t.m, &s.scales[0][0], &p.scales[0], sums, ^uint64(0), t.bias(0))
		}
		if rest := p.n % 64; rest > 0 {
			tilesInt8Wide(1, kb, &t.a[0], &p.tiles[2*pairs*size], &t.c[64*pairs], 4*t.ldc, acc, shapes, t.m, &s.scales[0][0], &p.scales[64*pairs], sums, 1<<rest-1, t.bias(64*pairs))
		}
		return
	}
	var next, inverses *float32
	var to *byte
	if t.nextRows > 0 {
		s.findScales(p, t.nextRows, t.next, t.lda, &s.scales[1])
		next, inverses, to = &t.next[0], &s.inverses[0], &s.a[1][0]
	}
	panels, count := p.n/32, t.nextRows
	if panels > 0 {
		tilesInt8(panels, kb, &t.a[0], &p.tiles[0], &t.c[0], 4*t.ldc, acc, shapes, t.m, &s.scales[0][0], &p.scales[0], sums, ^uint64(0), t.bias(0),
			(t.m+kb-1)/kb, next, 4*t.lda, inverses, to, count, (count+panels-1)/panels, tailOf64(p.k), order64)
		count = 0
	}
	if rest := p.n % 32; rest > 0 {
		tilesInt8(1, kb, &t.a[0], &p.tiles[panels*size], &t.c[32*panels], 4*t.ldc, acc, shapes, t.m, &s.scales[0][0], &p.scales[32*panels], sums, 1<<rest-1, t.bias(32*panels),
			0, next, 4*t.lda, inverses, to, count, count, tailOf64(p.k), order64)
	}
}

// bias is that of the columns from first on, or nil.
func (t *tileRows32) bias(first int) *float32 {
	if t.e.Bias == nil {
		return nil
	}
	return &t.e.Bias[first]
}
