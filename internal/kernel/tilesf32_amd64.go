//go:build !noasm

package kernel

// Products of float32 in the tiles of AMX, as sums of six products of bfloat16 (gen/amxf32.go says how): as exact as those of
// vectors, and faster where a factor that was split is used by many rows. What is not finite, or rounds to an infinite
// bfloat16, has no such parts; rows or columns that hold such numbers, and the last rows if they are few, are left to vectors.
// Numbers below 2⁻¹¹⁰ lose digits, and those that are not normal count as zero.

const (
	splitBytes  = 3 * tileBlock // of a block
	splitRowsOf = 33            // rows of a product from which on it pays: two calls' worth
	splitDepth  = 16            // blocks of k whose panels are split at once
	splitAtOnce = 192           // blocks of panels that are split at once: they stay in L2 while all rows pass
)

// splits says whether m rows are multiplied by parts.
func (p *PackedB) splits(m int) bool {
	return p.level >= levelAMX && m >= splitRowsOf && p.k >= tileDepth && p.n >= tileRowCount
}

// splitWalk goes over the tiles of a product by parts: blocks of k, groups of panels, and strips of rows in each.
type splitWalk struct {
	p      *PackedB
	s      *tileScratch
	m      int
	a      []float32
	rs, cs int
	c      []float32
	ldc    int
	e      *Epilogue
	rows   int // of a strip, up to 32

	// Of the block of k and the group of panels in hand.
	k0, k1   int
	from, to int     // columns
	panels   PackedB // the same numbers, for vectors
	ready    int     // the first row of A that was split, or -1
	wild     [2]uint32
}

// multiplySplit computes what multiply does.
func (p *PackedB) multiplySplit(m int, a []float32, rs, cs int, c []float32, ldc int, e *Epilogue) {
	strips := (m + tileRowCount - 1) / tileRowCount
	s := tileScratches.Get().(*tileScratch)
	w := splitWalk{p: p, s: s, m: m, a: a, rs: rs, cs: cs, c: c, ldc: ldc, e: e, rows: (m + strips - 1) / strips}
	w.run()
	tileScratches.Put(s)
}

func (w *splitWalk) run() {
	p := w.p
	depth := splitDepth
	if w.cs != 1 && p.n > splitAtOnce/splitDepth*tileRowCount {
		depth = splitDepth / 2 // A is turned for each group: twice as many panels at once
	}
	kb := (p.k + tileDepth - 1) / tileDepth
	parts := (kb + depth - 1) / depth
	for part := range parts {
		first, end := kb*part/parts, kb*(part+1)/parts
		w.k0, w.k1 = first*tileDepth, min(end*tileDepth, p.k)
		width := splitAtOnce / (end - first) * tileRowCount
		for w.from = 0; w.from < p.n; w.from = w.to {
			w.to = min(w.from+width, p.n)
			w.group(part == parts-1)
		}
	}
}

// group multiplies all rows with the panels in hand.
func (w *splitWalk) group(last bool) {
	p := w.p
	w.panels = PackedB{k: w.k1 - w.k0, n: w.to - w.from, panel: p.panel, row: p.row, size: p.size, level: p.level}
	w.panels.data = p.data[w.from/p.panel*p.size+w.k0*p.row:]
	wild := w.splitPanels()
	w.ready = -1
	for lo := 0; lo < w.m; lo += w.rows {
		hi := min(lo+w.rows, w.m)
		if wild || hi-lo <= 16 || !w.prepare(lo, hi) {
			w.vectors(lo, hi)
		} else {
			w.tiles(lo, hi)
		}
		if last {
			w.e.finish(lo, hi, w.from, w.to, w.c, w.ldc)
		}
	}
}

// blocks is how many there are along the k in hand.
func (w *splitWalk) blocks() int { return (w.k1 - w.k0 + tileDepth - 1) / tileDepth }

// splitPanels splits the panels in hand, and tells that one holds a number that cannot be split.
func (w *splitWalk) splitPanels() bool {
	q, s := &w.panels, w.s
	kb, whole := w.blocks(), q.k/tileDepth
	s.b = aligned(s.b, (q.n+31)/32*kb*splitBytes)
	w.wild[0] = 0
	for j := 0; j < q.n; j += 32 {
		src, cols := q.data[j/32*q.size:], min(32, q.n-j)
		dst := s.b[j/32*kb*splitBytes:]
		if whole > 0 {
			splitPairs(whole, &src[0], 4*q.row, &dst[0], maskOf(cols), &w.wild[0])
		}
		if q.k%tileDepth > 0 {
			s.corner(src[whole*tileDepth*q.row:], q.row, q.k%tileDepth, cols)
			splitPairs(1, &s.edge[0], 4*32, &dst[whole*splitBytes], maskOf(cols), &w.wild[0])
		}
	}
	return w.wild[0] != 0
}

// prepare splits the rows [lo, hi) of A if that has not been done, and tells that they can be.
func (w *splitWalk) prepare(lo, hi int) bool {
	s, size := w.s, w.blocks()*splitBytes
	switch {
	case w.cs != 1:
		at := lo / w.rows % (turnedRows / tileRowCount)
		if at == 0 {
			w.turn(lo, min(lo+turnedRows/tileRowCount*w.rows, w.m))
		}
		s.split = s.a[0][at*size:]
	case w.ready != lo:
		s.a[0] = aligned(s.a[0], size)
		w.wild[0] = 0
		splitRows(hi-lo, w.blocks(), &w.a[lo*w.rs+w.k0], 4*w.rs, &s.a[0][0], lastMask(w.k1-w.k0), &w.wild[0])
		fallthrough
	default:
		s.split = s.a[0]
	}
	return w.wild[0] == 0
}

// turn splits the rows [lo, hi) of A, which is given as its transpose: each strip to blocks of its own.
func (w *splitWalk) turn(lo, hi int) {
	s, k := w.s, w.k1-w.k0
	kb, whole := w.blocks(), k/tileDepth
	s.a[0] = aligned(s.a[0], turnedRows/tileRowCount*kb*splitBytes)
	w.wild[0] = 0
	for r := lo; r < hi; r += w.rows {
		cols := min(w.rows, hi-r)
		src, dst := w.a[r+w.k0*w.cs:], s.a[0][(r-lo)/w.rows*kb*splitBytes:]
		if whole > 0 {
			splitColumns(whole, cols, &src[0], 4*w.cs, &dst[0], 0, &w.wild[0])
		}
		if k%tileDepth > 0 {
			s.corner(src[whole*tileDepth*w.cs:], w.cs, k%tileDepth, cols)
			splitColumns(1, cols, &s.edge[0], 4*32, &dst[whole*splitBytes], 0, &w.wild[0])
		}
	}
}

// vectors multiplies rows as numbers of 32 bits.
func (w *splitWalk) vectors(lo, hi int) {
	e := Epilogue{Accumulate: w.e.Accumulate || w.k0 > 0}
	if w.k0 == 0 && w.e.Bias != nil {
		e.Bias = w.e.Bias[w.from:w.to]
	}
	v := walk{p: &w.panels, m: hi - lo, a: w.a[lo*w.rs+w.k0*w.cs:], rs: w.rs, cs: w.cs, c: w.c[lo*w.ldc+w.from:], ldc: w.ldc, e: &e}
	v.run()
}

// tiles multiplies rows that were split, and splits the next ones.
func (w *splitWalk) tiles(lo, hi int) {
	s, q, kb := w.s, &w.panels, w.blocks()
	shapes, c := shapesOf[hi-lo].pointer(), w.c[lo*w.ldc+w.from:]
	panels, rest := q.n/32, q.n%32
	size := kb * splitBytes
	next := min(w.m-hi, w.rows)
	if w.cs != 1 || panels == 0 || next <= 16 {
		next = 0
	}
	s.a[1] = aligned(s.a[1], size)
	w.wild[1] = 0
	if panels > 0 {
		var src *float32
		if next > 0 {
			src = &w.a[hi*w.rs+w.k0]
		}
		start, distance := w.start(c)
		tilesF32(panels, kb, &s.split[0], &s.b[0], 0, &c[0], 4*w.ldc, start, distance, shapes,
			src, 4*w.rs, &s.a[1][0], next, (next+panels-1)/panels, lastMask(q.k), &w.wild[1])
	}
	if rest > 0 {
		var start *float32
		if w.k0 == 0 && w.e.Bias != nil {
			copy(s.bias[:], w.e.Bias[w.from+32*panels:w.to])
			start = &s.bias[0]
		}
		tilesF32(1, kb, &s.split[0], &s.b[panels*size], 0, &s.edge[0], 4*32, start, 0, shapes, nil, 0, nil, 0, 0, 0, &w.wild[1])
		storeWhole(s.edge[:], 32, hi-lo, c[32*panels:], w.ldc, rest, w.e.Accumulate || w.k0 > 0)
	}
	if next > 0 {
		s.a[0], s.a[1] = s.a[1], s.a[0]
		w.wild[0], w.ready = w.wild[1], hi
	}
}

// start is what whole panels of C begin with, and the distance of its rows.
func (w *splitWalk) start(c []float32) (x *float32, distance int) {
	switch {
	case w.e.Accumulate || w.k0 > 0:
		return &c[0], 4 * w.ldc
	case w.e.Bias != nil:
		return &w.e.Bias[w.from], 0
	}
	return nil, 0
}
