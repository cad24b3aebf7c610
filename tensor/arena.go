package tensor

// Arena hands out scratch slices that live until the next Reset. After a few rounds of the same work it owns one
// slab of the right size and allocates nothing more. An Arena belongs to one goroutine.
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

// slab is one block of memory filled from the front, and the blocks that a round needed beyond it.
type slab[T float32 | int32] struct {
	block []T
	used  int // of the block, or beyond its end
	most  int // that was used since the last reset
	spill [][]T
}

func (s *slab[T]) take(n int) []T {
	want := (n + align - 1) / align * align
	at := s.used
	s.used += want
	s.most = max(s.most, s.used)
	if s.used <= len(s.block) {
		return s.block[at : at+n : at+want]
	}
	out := make([]T, want)
	s.spill = append(s.spill, out)
	return out[:n:want]
}

func (s *slab[T]) rewind(to int) { s.used = to }

// reset grows the block to what the last round needed.
func (s *slab[T]) reset() {
	if s.most > len(s.block) {
		s.block = make([]T, s.most+s.most/4)
		s.spill = nil
	}
	s.used, s.most = 0, 0
}

func (s *slab[T]) held() int {
	n := len(s.block)
	for _, b := range s.spill {
		n += len(b)
	}
	return n
}
