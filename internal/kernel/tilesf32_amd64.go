//go:build !noasm

package kernel

// Products of float32 in the tiles of AMX, as sums of six products of bfloat16 (gen/amxf32.go says how): as exact as those of
// vectors, and faster where a factor that was split is used by many rows. What is not finite, or rounds to an infinite
// bfloat16, has no such parts; rows or columns that hold such numbers, and the last rows if they are few, are left to vectors.
// Numbers below 2⁻¹¹⁰ lose digits, and those that are not normal count as zero.

const (
	splitBytes  = 3 * tileBlock // of a block
	splitRowsOf = 48            // rows of a product from which on it pays to split B for it alone
	splitWork   = 1 << 19       // … and products of numbers
	splitDepth  = 16            // blocks of k whose panels are split at once
	splitAtOnce = 192           // blocks of panels that are split at once: they stay in L2 while all rows pass
)

// splits says whether m rows are multiplied by parts.
func (p *PackedB) splits(m int) bool {
	if p.level < levelAMX || p.k < tileDepth || p.n < tileRowCount {
		return false
	}
	return m >= splitRowsOf && m*p.k*p.n >= splitWork || m > 16 && len(p.parts) > 0
}

// keepParts splits all of B, for as long as it stays as it is.
func (p *PackedB) keepParts() {
	if p.precision != F32 || p.level < levelAMX || p.k < tileDepth || p.n < tileRowCount {
		return
	}
	s := tileScratches.Get().(*tileScratch)
	p.parts = aligned(p.parts, (p.n+31)/32*p.depth()*splitBytes)
	p.wild = s.splitPanels(p, p.parts)
	tileScratches.Put(s)
}

// depth is how many blocks there are along k.
func (p *PackedB) depth() int { return (p.k + tileDepth - 1) / tileDepth }

// splitPanels splits panels of B, and tells that one holds a number that cannot be split.
func (s *tileScratch) splitPanels(p *PackedB, dst []byte) bool {
	size, whole := p.depth()*splitBytes, p.k/tileDepth
	var wild uint32
	for j := 0; j < p.n; j += 32 {
		src, to, cols := p.data[j/32*p.size:], dst[j/32*size:], min(32, p.n-j)
		if whole > 0 {
			splitPairs(whole, &src[0], 4*p.row, &to[0], maskOf(cols), &wild)
		}
		if p.k%tileDepth > 0 {
			s.corner(src[whole*tileDepth*p.row:], p.row, p.k%tileDepth, cols)
			splitPairs(1, &s.edge[0], 4*32, &to[whole*splitBytes], maskOf(cols), &wild)
		}
	}
	return wild != 0
}

// splitWalk goes over the tiles of a product by parts: blocks of k, groups of panels, and strips of rows in each.
type splitWalk struct {
	walk // rows of a strip are up to 32
	s    *tileScratch

	// Of the block of k and the group of panels in hand.
	k0, k1   int
	from, to int      // columns
	begin    Epilogue // what their products add to or begin with
	panels   PackedB  // B's, as float32
	b        []byte   // and in parts, with skip bytes behind each
	skip     int
	ready    int       // the first row of A that was split, or -1
	wild     [2]uint32 // one of the rows of A that were split, or of those being split, cannot be
}

// multiplySplit computes what multiply does.
func (p *PackedB) multiplySplit(m int, a []float32, rs, cs int, c []float32, ldc int, e *Epilogue) {
	strips := (m + tileRowCount - 1) / tileRowCount
	s := tileScratches.Get().(*tileScratch)
	w := splitWalk{walk: walk{p: p, m: m, a: a, rs: rs, cs: cs, c: c, ldc: ldc, e: e, rows: (m + strips - 1) / strips}, s: s}
	w.run()
	tileScratches.Put(s)
}

func (w *splitWalk) run() {
	p := w.p
	depth := splitDepth
	if w.cs != 1 && p.n > splitAtOnce/splitDepth*tileRowCount {
		depth = splitDepth / 2 // A is turned for each group: twice as many panels at once
	}
	kb := p.depth()
	parts := (kb + depth - 1) / depth
	for part := range parts {
		first, end := kb*part/parts, kb*(part+1)/parts
		w.k0, w.k1 = first*tileDepth, min(end*tileDepth, p.k)
		panels, most := (p.n+tileRowCount-1)/tileRowCount, splitAtOnce/(end-first)
		groups := (panels + most - 1) / most
		width := (panels + groups - 1) / groups * tileRowCount // as many in each, but for the last
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
	if w.begin = (Epilogue{Accumulate: w.e.Accumulate || w.k0 > 0}); !w.begin.Accumulate && w.e.Bias != nil {
		w.begin.Bias = w.e.Bias[w.from:w.to]
	}
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

// splitPanels finds the panels in hand in parts or splits them, and tells that one holds a number that cannot be split.
func (w *splitWalk) splitPanels() bool {
	q, s, all := &w.panels, w.s, w.p.depth()
	if len(w.p.parts) > 0 {
		w.b, w.skip = w.p.parts[(w.from/32*all+w.k0/tileDepth)*splitBytes:], (all-q.depth())*splitBytes
		return w.p.wild
	}
	s.b = aligned(s.b, (q.n+31)/32*q.depth()*splitBytes)
	w.b, w.skip = s.b, 0
	return s.splitPanels(q, s.b)
}

// prepare splits the rows [lo, hi) of A if that has not been done, and tells that they can be.
func (w *splitWalk) prepare(lo, hi int) bool {
	s, size := w.s, w.panels.depth()*splitBytes
	s.split = 0
	switch {
	case w.ready == lo:
	case w.cs == 1:
		s.a[0] = aligned(s.a[0], size)
		w.wild[0] = 0
		splitRows(hi-lo, w.panels.depth(), &w.a[lo*w.rs+w.k0], 4*w.rs, &s.a[0][0], lastMask(w.k1-w.k0), &w.wild[0])
	case w.turnsAhead():
		w.turn(lo, hi)
	default:
		at := lo / w.rows % (turnedRows / tileRowCount)
		if at == 0 {
			w.turn(lo, min(lo+turnedRows/tileRowCount*w.rows, w.m))
		}
		s.split = at * size
	}
	return w.wild[0] == 0
}

// turnsAhead tells that rows of A which are given as its transpose are split while those before them are multiplied: where there
// are only whole blocks, and panels enough.
func (w *splitWalk) turnsAhead() bool {
	return w.cs != 1 && w.panels.k%tileDepth == 0 && w.panels.n >= 2*tileRowCount
}

// turn splits the rows [lo, hi) of A, which is given as its transpose: each strip to blocks of its own.
func (w *splitWalk) turn(lo, hi int) {
	s, k := w.s, w.k1-w.k0
	kb, whole := w.panels.depth(), k/tileDepth
	s.a[0] = aligned(s.a[0], turnedRows/tileRowCount*kb*splitBytes)
	w.wild[0] = 0
	for r := lo; r < hi; r += w.rows {
		cols := min(w.rows, hi-r)
		src, dst := w.a[r+w.k0*w.cs:], s.a[0][(r-lo)/w.rows*kb*splitBytes:]
		if whole > 0 {
			splitColumns(whole, cols, &src[0], 4*w.cs, &dst[0], &w.wild[0])
		}
		if k%tileDepth > 0 {
			s.corner(src[whole*tileDepth*w.cs:], w.cs, k%tileDepth, cols)
			splitColumns(1, cols, &s.edge[0], 4*32, &dst[whole*splitBytes], &w.wild[0])
		}
	}
}

// vectors multiplies rows as numbers of 32 bits.
func (w *splitWalk) vectors(lo, hi int) {
	v := walk{p: &w.panels, m: hi - lo, a: w.a[lo*w.rs+w.k0*w.cs:], rs: w.rs, cs: w.cs, c: w.c[lo*w.ldc+w.from:], ldc: w.ldc, e: &w.begin}
	v.run()
}

// tiles multiplies rows that were split, and splits the next ones.
func (w *splitWalk) tiles(lo, hi int) {
	s, q, kb := w.s, &w.panels, w.panels.depth()
	shapes, c := shapesOf[hi-lo].pointer(), w.c[lo*w.ldc+w.from:]
	panels, rest := q.n/32, q.n%32
	size := kb * splitBytes
	a := &s.a[0][s.split]
	next := min(w.m-hi, w.rows)
	if panels == 0 || next <= 16 || w.cs != 1 && !w.turnsAhead() {
		next = 0
	}
	s.a[1] = aligned(s.a[1], size)
	w.wild[1] = 0
	if panels > 0 {
		var src *float32
		if next > 0 {
			src = &w.a[hi*w.rs+w.k0*w.cs]
		}
		start, distance := w.begin.start(c, w.ldc)
		if w.cs == 1 {
			tilesF32(panels, kb, a, &w.b[0], w.skip, &c[0], 4*w.ldc, start, distance, shapes,
				src, 4*w.rs, &s.a[1][0], next, (next+panels-1)/panels, lastMask(q.k), &w.wild[1])
		} else {
			tilesF32Turns(panels, kb, a, &w.b[0], w.skip, &c[0], 4*w.ldc, start, distance, shapes,
				src, 4*w.cs, &s.a[1][0], 2*kb*min(next, 1), maskOf(next), &w.wild[1])
		}
	}
	if rest > 0 {
		tilesF32(1, kb, a, &w.b[panels*(size+w.skip)], 0, &s.edge[0], 4*32, s.edgeStart(&w.begin, 32*panels), 0, shapes, nil, 0, nil, 0, 0, 0, &w.wild[1])
		storeWhole(s.edge[:], 32, hi-lo, c[32*panels:], w.ldc, rest, w.begin.Accumulate)
	}
	if next > 0 {
		s.a[0], s.a[1] = s.a[1], s.a[0]
		w.wild[0], w.ready = w.wild[1], hi
	}
}
