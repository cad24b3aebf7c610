package nn

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Cache is what causal attention needs of the tokens of one text so far, for those that follow: the keys and values of
// each layer. A copy (Clone) lets several continuations share a beginning.
type Cache struct {
	tokens, room, width int
	layers              []cachedLayer
}

// cachedLayer is a layer's keys, [width, room], and values, [room, width]. Keys lie so that the scores of a query are a
// row times a matrix, and so does what the values add up to.
type cachedLayer struct{ keys, values []float32 }

// NewCache returns an empty cache of so many layers whose keys are so wide (Attention.KeyHeads·Size), with room for so
// many tokens; it grows when there are more.
func NewCache(layers, width, room int) *Cache {
	c := &Cache{width: width, layers: make([]cachedLayer, layers)}
	c.resize(max(room, 1))
	return c
}

// Tokens returns how many tokens the cache holds.
func (c *Cache) Tokens() int { return c.tokens }

// Keep makes the first n tokens those that the cache holds: fewer than before forgets the others; more takes in those
// that AttendCached has written since, once all layers have.
func (c *Cache) Keep(n int) {
	if n < 0 || n > c.room {
		panic(fmt.Sprintf("nn: %d tokens in a cache for %d", n, c.room))
	}
	c.tokens = n
}

// Clone returns a copy with room for so many tokens at least.
func (c *Cache) Clone(room int) *Cache {
	clone := &Cache{tokens: c.tokens, room: c.room, width: c.width, layers: append([]cachedLayer(nil), c.layers...)}
	clone.resize(max(room, c.tokens, 1))
	return clone
}

// resize moves the content to memory for so many tokens.
func (c *Cache) resize(room int) {
	for i := range c.layers {
		old, l := c.layers[i], cachedLayer{make([]float32, c.width*room), make([]float32, c.width*room)}
		for r := range c.width {
			copy(l.keys[r*room:], old.keys[r*c.room:][:c.tokens])
		}
		copy(l.values, old.values[:c.tokens*c.width])
		c.layers[i] = l
	}
	c.room = room
}

// AttendCached is Attend, causal and in inference, for texts of which earlier tokens have been seen: qkv has the tokens
// that are new, packed by offsets, and caches holds for each text what went before. It writes the keys and values of the
// new tokens to the caches, as those of the numbered layer; Cache.Keep counts them in, when every layer is done.
func (t *Tape) AttendCached(qkv *Var, offsets []int32, form Attention, layer int, caches []*Cache) *Var {
	if t.training() || form.Bias != nil || form.Relative != nil {
		panic("nn: attention to a cache knows no training and no distances")
	}
	form.Causal = true
	a := t.cached.next()
	a.begin(t, qkv, offsets, form)
	a.layer, a.caches = layer, caches
	for s, c := range caches {
		if need := c.tokens + int(offsets[s+1]-offsets[s]); need > c.room {
			c.resize(max(need, 2*c.room))
		}
	}
	y := t.value(qkv.Rows, a.dim)
	a.y = y.Data
	if n := a.units(); t.serial() {
		a.forwardCached(0, n)
	} else {
		t.pool.For(n, 1, a.forwardCached)
	}
	return y
}

// cachedAttention is one operation.
type cachedAttention struct {
	attention
	layer  int
	caches []*Cache
}

// forwardCached does the parts [lo, hi), each a head of keys within a text.
func (a *cachedAttention) forwardCached(lo, hi int) {
	w := attentionScratches.Get().(*attentionScratch)
	defer attentionScratches.Put(w)
	for i := lo; i < hi; i++ {
		s, _, first, last := a.unit(i)
		cache, keys := a.caches[s], i%a.KeyHeads
		h := a.head(s, first)
		a.store(cache, h, keys)
		w.reserve(&a.attention, cache.room)
		if h.length == 1 && last-first <= tileQueries { // the heads that share the keys are the rows of one product
			a.attendRows(w, cache, keys, h.q, a.Size, last-first, h.from*a.dim+first*a.Size, a.Size, cache.tokens, 0)
			continue
		}
		for ; first < last; first++ {
			h := a.head(s, first)
			for tile := 0; tile < h.length; tile += tileQueries {
				at := (h.from+tile)*a.dim + first*a.Size
				a.attendRows(w, cache, keys, h.q+tile*a.stride, a.stride, min(tileQueries, h.length-tile), at, a.dim, cache.tokens+tile, 1)
			}
		}
	}
}

// store writes the new tokens of a head of keys to the cache.
func (a *cachedAttention) store(c *Cache, h head, keys int) {
	l, column := c.layers[a.layer], keys*a.Size
	for i := range h.length {
		at := c.tokens + i
		for n, v := range a.qkv[h.k+i*a.stride:][:a.Size] {
			l.keys[(column+n)*c.room+at] = v
		}
		copy(l.values[at*c.width+column:], a.qkv[h.v+i*a.stride:][:a.Size])
	}
}

// attendRows computes rows of the result, at y[out], from queries at qkv[q]; both lie so far apart. The first one's
// token is number place of its text, and that of the next is number place+step.
func (a *cachedAttention) attendRows(w *attentionScratch, c *Cache, keys, q, apart, rows, out, outApart, place, step int) {
	lo, hi := a.keys(place, 1+step*(rows-1), c.room)
	n, l, column := hi-lo, c.layers[a.layer], keys*a.Size
	scores := w.scores[:rows*n]
	kernel.GemmNN(kernel.F32, rows, n, a.Size, a.qkv[q:], apart, l.keys[column*c.room+lo:], c.room, scores, n, false)
	for r := range rows {
		last := place + step*r
		row := scores[r*n : (r+1)*n]
		fill(row, last+1-lo, n)
		if a.Window > 0 {
			fill(row, 0, last-a.Window-lo)
		}
	}
	kernel.SoftmaxRows(scores, rows, n, a.Scale, nil)
	kernel.GemmNN(kernel.F32, rows, a.Size, n, scores, n, l.values[lo*c.width+column:], c.width, a.y[out:], outApart, false)
}
