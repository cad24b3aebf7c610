//go:build !noasm

package kernel

import (
	"sync"
	"unsafe"
)

// Products in the tiles of AMX, which hold 16 rows of 64 bytes. Both factors lie in blocks of 2 KB, two tiles (gen/amx.go
// says how); C is made 32 rows at a time, and what an epilogue does with them follows at once.

const (
	tileRowCount = 32   // rows of C of a call, and columns of a panel of B
	tileBlock    = 2048 // bytes of two tiles
	tileDepth    = 32   // bf16 numbers of a row of a tile
	turnedRows   = 128  // rows of a transposed A that are turned at once
	tileBlocks   = 16   // blocks of A that are multiplied with all panels before the next ones, so that they stay in L1

)

// tileShapes is the operand of LDTILECFG.
type tileShapes struct {
	palette, start byte
	_              [14]byte
	rowBytes       [16]uint16
	rows           [16]uint8
}

// shapesOf has the shapes for each number of rows: up to 16 the tiles 0 to 3 are sums and 4 is A, beyond 0 to 3 are two by
// two sums and 4 and 5 are A. The others are B.
var shapesOf = func() (all [tileRowCount + 1]tileShapes) {
	for m := range all {
		s := &all[m]
		s.palette = 1
		low := uint8(max(m-16, 0))
		rows := [8]uint8{16, 16, low, low, 16, low, 16, 16}
		if m <= 16 {
			top := uint8(m)
			rows = [8]uint8{top, top, top, top, top, 16, 16, 16}
		}
		for t, r := range rows {
			s.rows[t], s.rowBytes[t] = r, 64
		}
	}
	return all
}()

func (s *tileShapes) pointer() *byte { return (*byte)(unsafe.Pointer(s)) }

// pairOrder lays the halves of a vector of 32 numbers of 16 bits in pairs.
var pairOrder = func() (order [32]uint16) {
	for i := range order {
		order[i] = uint16(i/2 + i%2*16)
	}
	return order
}()

// tileScratch is what a product needs beside its factors.
type tileScratch struct {
	a        [2][]byte                  // rows of A in blocks: those being multiplied and the next; of a transposed A turnedRows at once
	edge     [32 * tileRowCount]float32 // the last columns of C, a corner of a factor filled up with zeros, or sums of INT8
	scales   [2][tileRowCount]float32   // of INT8, for rows of A likewise
	inverses [tileRowCount]float32
	bias     [64]float32 // of the last columns
	rows     []float32   // the last rows of a transposed B, filled up with zeros

	b     []byte // of float32: panels of B in parts
	split int    // where in a[0] the rows of A that are being multiplied begin
}

var tileScratches = sync.Pool{New: func() any { return new(tileScratch) }}

// aligned returns size bytes from b's memory or from new memory, at an address that is a multiple of 64.
func aligned(b []byte, size int) []byte {
	if cap(b) < size {
		b = make([]byte, size+63)
		off := -uintptr(unsafe.Pointer(&b[0])) & 63
		b = b[off : off+uintptr(size)]
	}
	return b[:size]
}

// tiled says whether the factors are kept for tiles.
func (p *PackedB) tiled() bool { return p.level >= levelAMX && p.precision != F32 }

// kBlocks is how many blocks a panel has.
func (p *PackedB) kBlocks() int {
	if p.precision == INT8 {
		return (p.k + 63) / 64
	}
	return (p.k + tileDepth - 1) / tileDepth
}

// maskOf has a bit for each of n numbers.
func maskOf(n int) uint32 { return uint32(1<<n - 1) }

// lastMask is that of the numbers in the last block of k.
func lastMask(k int) uint32 { return maskOf((k-1)%tileDepth + 1) }

// reserveTiles makes room for panels of 32 columns, an even number of them.
func (p *PackedB) reserveTiles() {
	p.tiles = aligned(p.tiles, (p.n+63)/64*2*p.kBlocks()*tileBlock)
}

// fillTiles packs the columns [lo, hi).
func (p *PackedB) fillTiles(lo, hi int, b []float32, rs, cs int) {
	if p.precision == INT8 {
		p.packInt8Tiles(b, rs, cs)
		return
	}
	size := p.kBlocks() * tileBlock
	s := tileScratches.Get().(*tileScratch)
	for j := lo / 32; j < (hi+63)/64*2; j++ {
		dst := p.tiles[j*size : (j+1)*size]
		cols := min(max(p.n-32*j, 0), 32)
		switch {
		case cols == 0:
			clear(dst)
		case cs == 1:
			s.packRows(dst, p.k, cols, b[32*j:], rs)
		default:
			for half := range 2 {
				s.packColumns(dst[1024*half:], p.k, min(max(cols-16*half, 0), 16), b, (32*j+16*half)*cs, cs)
			}
		}
	}
	tileScratches.Put(s)
}

// packRows packs a panel of B that lies as it is.
func (s *tileScratch) packRows(dst []byte, k, cols int, b []float32, ldb int) {
	whole := k / tileDepth
	if whole > 0 {
		pairRows(whole, &b[0], 4*ldb, &dst[0], maskOf(cols), &pairOrder[0])
	}
	if k%tileDepth > 0 {
		s.corner(b[whole*tileDepth*ldb:], ldb, k%tileDepth, cols)
		pairRows(1, &s.edge[0], 4*32, &dst[whole*tileBlock], maskOf(cols), &pairOrder[0])
	}
}

// corner copies some rows into the square of 32 by 32 numbers, which is filled up with zeros.
func (s *tileScratch) corner(x []float32, stride, rows, cols int) {
	clear(s.edge[:])
	for i := range rows {
		copy(s.edge[32*i:32*i+cols], x[i*stride:])
	}
}

// packColumns packs up to 16 columns of a panel of B that lies transposed, from b[first] on.
func (s *tileScratch) packColumns(dst []byte, k, cols int, b []float32, first, ldb int) {
	if cols == 16 {
		turnRows((k+tileDepth-1)/tileDepth, &b[first], 4*ldb, &dst[0], lastMask(k))
		return
	}
	s.rows = append(s.rows[:0], make([]float32, 16*k)...)
	for c := range cols {
		copy(s.rows[c*k:(c+1)*k], b[first+c*ldb:])
	}
	turnRows((k+tileDepth-1)/tileDepth, &s.rows[0], 4*k, &dst[0], lastMask(k))
}

// turn rounds rows of A, which is given as its transpose with rows at distance lda, into one block of blocks after the other.
func (s *tileScratch) turn(k, rows int, a []float32, lda int) {
	whole := k / tileDepth
	size := (k + tileDepth - 1) / tileDepth * tileBlock
	if whole > 0 {
		turnColumns(whole, rows, &a[0], 4*lda, &s.a[0][0], size, &pairOrder[0])
	}
	if k%tileDepth == 0 {
		return
	}
	for r := 0; r < rows; r += tileRowCount {
		cols := min(tileRowCount, rows-r)
		s.corner(a[whole*tileDepth*lda+r:], lda, k%tileDepth, cols)
		turnColumns(1, cols, &s.edge[0], 4*32, &s.a[0][r/tileRowCount*size+whole*tileBlock], size, &pairOrder[0])
	}
}

// multiplyTiles computes C = A·B and what e says. The element of A in row r and column p is a[r*rs+p*cs].
func (p *PackedB) multiplyTiles(m int, a []float32, rs, cs int, c []float32, ldc int, e *Epilogue) {
	if m == 0 || p.n == 0 {
		return
	}
	s := tileScratches.Get().(*tileScratch)
	size := p.kBlocks() * tileBlock
	blocks := 1
	if cs != 1 {
		blocks = turnedRows / tileRowCount
	}
	s.a[0], s.a[1] = aligned(s.a[0], blocks*size), aligned(s.a[1], size)
	for lo := 0; lo < m; lo += tileRowCount {
		hi := min(lo+tileRowCount, m)
		t := tileRows32{p: p, s: s, m: hi - lo, c: c[lo*ldc:], ldc: ldc, e: e}
		switch {
		case p.k == 0:
		case cs != 1:
			if lo%turnedRows == 0 {
				s.turn(p.k, min(turnedRows, m-lo), a[lo:], cs)
			}
			t.a = s.a[0][lo%turnedRows/tileRowCount*size:]
		default:
			if lo == 0 {
				s.first(p, hi, a, rs)
			}
			t.a, t.lda = s.a[0], rs
			if hi < m {
				t.next, t.nextRows = a[hi*rs:], min(tileRowCount, m-hi)
			}
		}
		t.run()
		e.finish(lo, hi, 0, p.n, c, ldc)
		if cs == 1 {
			s.a[0], s.a[1] = s.a[1], s.a[0]
			s.scales[0], s.scales[1] = s.scales[1], s.scales[0]
		}
	}
	tileScratches.Put(s)
}

// first brings the first rows of A into blocks; the others follow while these are multiplied.
func (s *tileScratch) first(p *PackedB, rows int, a []float32, lda int) {
	if p.precision == INT8 {
		s.quantize(p, rows, a, lda)
	} else {
		roundRows(rows, p.kBlocks(), &a[0], 4*lda, &s.a[0][0], lastMask(p.k))
	}
}

// tileRows32 is up to 32 rows of a product, and those of A that come next if they are to be prepared.
type tileRows32 struct {
	p        *PackedB
	s        *tileScratch
	m        int
	a        []byte
	c        []float32
	ldc      int
	e        *Epilogue
	next     []float32
	nextRows int
	lda      int
}

func (t *tileRows32) run() {
	kb := t.p.kBlocks()
	switch {
	case kb == 0:
		for i := range t.m {
			row := t.c[i*t.ldc:][:t.p.n]
			if t.e.Bias != nil {
				copy(row, t.e.Bias)
			} else if !t.e.Accumulate {
				clear(row)
			}
		}
	case t.p.precision == INT8:
		t.int8(kb)
	case t.m <= 16:
		t.narrow(kb)
	default:
		t.square(kb)
	}
}

// start is what whole panels of C begin with, and the distance of its rows.
func (e *Epilogue) start(c []float32, ldc int) (x *float32, distance int) {
	switch {
	case e.Accumulate:
		return &c[0], 4 * ldc
	case e.Bias != nil:
		return &e.Bias[0], 0
	}
	return nil, 0
}

// edgeStart is what the last columns begin with, from first on.
func (s *tileScratch) edgeStart(e *Epilogue, first int) *float32 {
	if e.Bias == nil {
		return nil
	}
	copy(s.bias[:], e.Bias[first:])
	return &s.bias[0]
}

// square multiplies more than 16 rows, tileBlocks at a time, and rounds the next ones.
func (t *tileRows32) square(kb int) {
	p, s := t.p, t.s
	panels := p.n / 32
	parts := (kb + tileBlocks - 1) / tileBlocks
	if panels == 0 {
		parts = 0
		if t.nextRows > 0 {
			roundRows(t.nextRows, kb, &t.next[0], 4*t.lda, &s.a[1][0], lastMask(p.k))
		}
	}
	for part := range parts {
		k0, k1 := kb*part/parts, kb*(part+1)/parts
		blocks, at := k1-k0, k0*tileBlock
		start, distance := t.e.start(t.c, t.ldc)
		if part > 0 {
			start, distance = &t.c[0], 4*t.ldc
		}
		var next *float32
		if t.nextRows > 0 {
			next = &t.next[k0*tileDepth]
		}
		mask := maskOf(tileDepth)
		if k1 == kb {
			mask = lastMask(p.k)
		}
		tilesBF16(panels, blocks, &t.a[at], &p.tiles[at], (kb-blocks)*tileBlock, &t.c[0], 4*t.ldc, start, distance, shapesOf[t.m].pointer(),
			next, 4*t.lda, &s.a[1][at], t.nextRows, (t.nextRows+panels-1)/panels, mask)
	}
	if rest := p.n % 32; rest > 0 {
		tilesBF16(1, kb, &t.a[0], &p.tiles[panels*kb*tileBlock], 0, &s.edge[0], 4*32, s.edgeStart(t.e, 32*panels), 0, shapesOf[t.m].pointer(), nil, 0, nil, 0, 0, 0)
		t.storeEdge(32*panels, rest, 32)
	}
}

// narrow multiplies up to 16 rows, which are the last.
func (t *tileRows32) narrow(kb int) {
	p, s := t.p, t.s
	pairs, size := p.n/64, kb*tileBlock
	if pairs > 0 {
		start, distance := t.e.start(t.c, t.ldc)
		tilesBF16Wide(pairs, kb, &t.a[0], &p.tiles[0], size, &t.c[0], 4*t.ldc, start, distance, shapesOf[t.m].pointer())
	}
	if rest := p.n % 64; rest > 0 {
		tilesBF16Wide(1, kb, &t.a[0], &p.tiles[2*pairs*size], size, &s.edge[0], 4*64, s.edgeStart(t.e, 64*pairs), 0, shapesOf[t.m].pointer())
		t.storeEdge(64*pairs, rest, 64)
	}
}

// storeEdge moves the last columns of C, from first on, from where whole tiles were stored.
func (t *tileRows32) storeEdge(first, cols, width int) {
	storeWhole(t.s.edge[:], width, t.m, t.c[first:], t.ldc, cols, t.e.Accumulate)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
