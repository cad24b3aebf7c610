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
	used  int // of block
	spill [][]T
	extra int // elements in spill
}

func (s *slab[T]) take(n int) []T {
	want := (n + align - 1) / align * align
	if s.used+want <= len(s.block) {
		out := s.block[s.used : s.used+n : s.used+want]
		s.used += want
		return out
	}
	out := make([]T, want)
	s.spill = append(s.spill, out)
	s.extra += want
	return out[:n:want]
}

// reset grows the block to what the last round needed in all.
func (s *slab[T]) reset() {
	if s.extra > 0 {
		need := s.used + s.extra
		s.block = make([]T, need+need/4)
		s.spill, s.extra = nil, 0
	}
	s.used = 0
}

func (s *slab[T]) held() int { return len(s.block) + s.extra }
