package nn

// buffers are the gradients of values: a gradient is dead as soon as its operation's backward has used it, so that a
// few buffers, still in cache, serve a whole pass.
type buffers struct {
	free [][]float32
	held int // numbers in all, free and out
}

// maxFree is how many free buffers are kept.
const maxFree = 32

// take returns n numbers of undefined content: of the free buffers, the smallest that holds them without wasting most
// of itself.
func (b *buffers) take(n int) []float32 {
	best := -1
	for i, f := range b.free {
		if cap(f) >= n && cap(f) <= 4*n+1024 && (best < 0 || cap(f) < cap(b.free[best])) {
			best = i
		}
	}
	if best < 0 {
		size := n + n/8 // the next batch is often a little larger
		b.held += size
		return make([]float32, n, size)
	}
	return b.remove(best)[:n]
}

// remove takes a buffer out of the free ones; the last one takes its place.
func (b *buffers) remove(i int) []float32 {
	f, last := b.free[i], len(b.free)-1
	b.free[i] = b.free[last]
	b.free = b.free[:last]
	return f
}

// put takes a buffer back; nil is none. Of too many, the smallest goes.
func (b *buffers) put(f []float32) {
	if f == nil {
		return
	}
	b.free = append(b.free, f)
	if len(b.free) <= maxFree {
		return
	}
	least := 0
	for i, f := range b.free {
		if cap(f) < cap(b.free[least]) {
			least = i
		}
	}
	b.held -= cap(b.remove(least))
}

func (b *buffers) bytes() int64 { return 4 * int64(b.held) }
