package tensor

// Arena hands out scratch slices that live until the next Reset. After a round of the same work it owns memory
// enough and allocates nothing more. An Arena belongs to one goroutine.
type Arena struct {
	floats slab[float32]
	ints   slab[int32]
}

// Floats returns n zeros.
func (a *Arena) Floats(n int) []float32 {
	s := a.floats.take(n)
	clear(s)
	return s
}

// Raw returns n floats of undefined content, for buffers that are written before they are read.
func (a *Arena) Raw(n int) []float32 { return a.floats.take(n) }

// Ints returns n zeros.
func (a *Arena) Ints(n int) []int32 {
	s := a.ints.take(n)
	clear(s)
	return s
}

// RawInts returns n integers of undefined content.
func (a *Arena) RawInts(n int) []int32 { return a.ints.take(n) }

// Mark is a place up to which an arena is in use.
type Mark struct{ floats, ints int }

// Mark returns the present place.
func (a *Arena) Mark() Mark { return Mark{a.floats.used, a.ints.used} }

// Rewind takes back what was handed out since m.
func (a *Arena) Rewind(m Mark) {
	a.floats.rewind(m.floats)
	a.ints.rewind(m.ints)
}

// Reset takes everything back: slices handed out before must not be used any more.
func (a *Arena) Reset() {
	a.floats.reset()
	a.ints.reset()
}

// Bytes returns the memory that the arena holds.
func (a *Arena) Bytes() int64 { return 4 * int64(a.floats.held()+a.ints.held()) }

// align is the granularity in elements: 64 bytes, a cache line and a zmm register.
const align = 16

// leastBlock is the least size of a block, in elements.
const leastBlock = 1 << 14

// slab is memory filled from the front. It grows by blocks, which stay: what a round needed, the next one finds, and a
// round that rewinds needs no more than its widest place.
type slab[T float32 | int32] struct {
	blocks []block[T]
	used   int // place at which the next slice begins; places count through all blocks
}

// block is a piece of a slab.
type block[T float32 | int32] struct {
	at   int // place of its first element
	data []T
}

func (s *slab[T]) take(n int) []T {
	want := (n + align - 1) / align * align
	end := 0
	for i := range s.blocks {
		b := &s.blocks[i]
		end = b.at + len(b.data)
		if at := max(s.used, b.at); at+want <= end {
			s.used = at + want
			return b.data[at-b.at:][:n:want]
		}
	}
	size := max(want, end/4/align*align, leastBlock)
	s.blocks = append(s.blocks, block[T]{end, make([]T, size)})
	s.used = end + want
	return s.blocks[len(s.blocks)-1].data[:n:want]
}

func (s *slab[T]) rewind(to int) { s.used = to }

func (s *slab[T]) reset() { s.used = 0 }

func (s *slab[T]) held() int {
	if len(s.blocks) == 0 {
		return 0
	}
	last := s.blocks[len(s.blocks)-1]
	return last.at + len(last.data)
}
