package kernel

const (
	blockK      = 512 // rows of B that are multiplied before the next ones: a strip of A of this length stays in L1
	blockPanels = 16  // panels of B that are multiplied by each strip of A in turn: they stay in L2
	maxRows     = 14  // of a tile
	groupStrips = 8   // strips of A that are copied at once, so that whole lines of a transposed A are read
)

// walk goes over the tiles of a product: blocks of k, groups of strips, blocks of panels, and strips in each.
type walk struct {
	p      *PackedB
	m      int
	a      []float32
	rs, cs int
	c      []float32
	ldc    int
	e      *Epilogue
	rows   int // of a strip
}

func (w *walk) run() {
	p := w.p
	strips := (w.m + tileRows(p.level) - 1) / tileRows(p.level)
	w.rows = (w.m + strips - 1) / strips // as many in each, but for the last
	blocks := (p.k + blockK - 1) / blockK
	copies, group := w.copies(), w.m
	var buffer []float32
	if copies != copyNone {
		strips = min(strips, groupStrips)
		group = strips * w.rows
		scratch := scratchFloats(strips * max(maxRows, stripWidth(p.level)) * ((p.k+blocks-1)/blocks + gap))
		defer floats.Put(scratch)
		buffer = *scratch
	}
	for block := range blocks {
		k0, k1 := p.k*block/blocks, p.k*(block+1)/blocks
		for r0 := 0; r0 < w.m; r0 += group {
			rows := min(group, w.m-r0)
			t, next := w.strip(copies, buffer, rows, k1-k0, w.a[r0*w.rs+k0*w.cs:])
			t.acc = w.e.Accumulate || block > 0
			w.multiply(t, next, r0, r0+rows, k0, block == blocks-1)
		}
	}
}

// multiply does it for the rows [lo, hi) and the block of k that begins at k0. The first strip is given, and where the
// next one lies.
func (w *walk) multiply(t tile, next, lo, hi, k0 int, last bool) {
	p, a := w.p, t.a
	width := blockPanels * p.panel
	for j := 0; j < p.n; j += width {
		cols := min(width, p.n-j)
		if last && w.e.Bias != nil {
			t.bias = w.e.Bias[j : j+cols]
		}
		b := p.data[j/p.panel*p.size+k0*p.row:]
		t.a = a
		for r := lo; r < hi; r += w.rows {
			t.rows = min(w.rows, hi-r)
			t.run(b, w.c[r*w.ldc+j:], cols)
			if last {
				w.e.finish(r, r+t.rows, j, j+cols, w.c, w.ldc)
			}
			t.a = t.a[min(next, len(t.a)):]
		}
	}
}

// How strips of A are copied.
const (
	copyNone       = iota
	copySpread     // rows whose distance is a large power of two fall into one set of the cache and push each other out
	copyTransposed // [k][stripWidth], where the rows lie side by side
)

// gap keeps what is copied from lying a power of two apart.
const gap = 16

func (w *walk) copies() int {
	switch {
	case w.cs == 1 && w.rs > 0 && w.rs%1024 == 0 && w.m > 4:
		return copySpread
	case w.rs == 1 && w.cs > 1 && w.p.n > w.p.panel && w.m > 1:
		return copyTransposed
	}
	return copyNone
}

// strip returns the first strip of a group of rows of A, copied to buffer where that pays, and the distance to the next.
func (w *walk) strip(copies int, buffer []float32, rows, k int, a []float32) (t tile, next int) {
	t = tile{level: w.p.level, k: k, ldb: w.p.row, size: w.p.size, ldc: w.ldc, a: buffer}
	switch copies {
	case copySpread:
		t.rs, t.cs = k+gap, 1
		for r := range rows {
			copy(buffer[r*t.rs:r*t.rs+k], a[r*w.rs:])
		}
		return t, w.rows * t.rs
	case copyTransposed:
		t.rs, t.cs = 1, stripWidth(t.level)
		next = k*t.cs + gap
		copyPanels(t.level, k, rows, a, w.cs, w.rows, t.cs, buffer, next)
		return t, next
	}
	t.a, t.rs, t.cs = a, w.rs, w.cs
	return t, w.rows * t.rs
}

// tile is some rows of A, to be multiplied with panels of B.
type tile struct {
	level     level
	rows, k   int
	a         []float32
	rs, cs    int
	ldb, size int // distances between the rows of a panel of B, and between panels
	ldc       int
	acc       bool
	bias      []float32
}

// storeWhole brings the columns that count from a whole tile, of the given width, into C.
func storeWhole(whole []float32, width, rows int, c []float32, ldc, cols int, acc bool) {
	for r := range rows {
		dst, src := c[r*ldc:r*ldc+cols], whole[r*width:r*width+cols]
		if acc {
			plainAdd(dst, src)
		} else {
			copy(dst, src)
		}
	}
}
