package nn

import (
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// What an attention's scores have beside the products of queries and keys: places that are not seen, and what the
// distance says.

// tileQueries is how many queries are done at once.
const tileQueries = 64

// attentionScratch is the memory of one worker.
type attentionScratch struct {
	keys, values, keysT kernel.PackedB
	scores, grad, kept  []float32 // [tileQueries, length]

	// Of a head, with Attention.Bias: the number to add by distance.
	byDistance []float32
	// Of a head, with Attention.Relative: the rows of positions, packed, as keys and as queries, and what they make of
	// queries (of a tile) and of keys (of the sequence), with their gradients; [tokens, positions].
	asKeys, asQueries           kernel.PackedB
	ofQueries, ofKeys           []float32
	ofQueriesGrad, ofKeysGrad   []float32
	asKeysPlain, asQueriesPlain kernel.PackedB
}

var attentionScratches = sync.Pool{New: func() any { return new(attentionScratch) }}

// reserve makes room for a sequence of so many tokens.
func (w *attentionScratch) reserve(a *attention, length int) {
	n := tileQueries * length
	if len(w.scores) < n {
		w.scores, w.grad = make([]float32, n), make([]float32, n)
	}
	if a.Dropout > 0 && len(w.kept) < n {
		w.kept = make([]float32, n)
	}
	if a.Bias != nil && len(w.byDistance) < len(a.rows) {
		w.byDistance = make([]float32, len(a.rows))
	}
	if a.Relative == nil {
		return
	}
	if n := tileQueries * a.Relative.Rows; len(w.ofQueries) < n {
		w.ofQueries, w.ofQueriesGrad = make([]float32, n), make([]float32, n)
	}
	if n := length * a.Relative.Rows; len(w.ofKeys) < n {
		w.ofKeys, w.ofKeysGrad = make([]float32, n), make([]float32, n)
	}
}

// place prepares what the distance says to a head.
func (a *attention) place(w *attentionScratch, h head) {
	if a.Bias != nil {
		for i, row := range a.rows {
			w.byDistance[i] = a.Bias.Data[int(row)*a.Heads+h.number] / a.Scale
		}
	}
	r := a.Relative
	if r == nil {
		return
	}
	asQuery := h.number * a.Size
	asKey := a.dim + asQuery
	if a.ToKey {
		w.asKeys.PackT(kernel.F32, a.Size, r.Rows, r.Data[asKey:], r.Cols)
		if a.sums != nil {
			w.asKeysPlain.Pack(kernel.F32, r.Rows, a.Size, r.Data[asKey:], r.Cols)
		}
	}
	if a.ToQuery {
		w.asQueries.PackT(kernel.F32, a.Size, r.Rows, r.Data[asQuery:], r.Cols)
		kernel.GemmPacked(h.length, a.qkv[h.k:], a.stride, &w.asQueries, w.ofKeys, r.Rows, kernel.Epilogue{})
		clear(w.ofKeysGrad[:h.length*r.Rows])
	}
}

// unseen is the score of a place that is not seen: far below all others, and still a number times any scale.
const unseen = -1e30

// adjust changes the scores of the queries [first, first+rows) and the keys [lo, hi), before they are scaled.
func (a *attention) adjust(w *attentionScratch, scores []float32, h head, first, rows, lo, hi int) {
	n := hi - lo
	if a.ToKey {
		kernel.GemmPacked(rows, a.qkv[h.q+first*a.stride:], a.stride, &w.asKeys, w.ofQueries, a.Relative.Rows, kernel.Epilogue{})
	}
	for r := range rows {
		i, row := first+r, scores[r*n:(r+1)*n]
		if a.Bias != nil { // from query to key
			kernel.Add(row, w.byDistance[lo-i+a.longest-1:][:n])
		}
		if a.Relative != nil {
			positions := a.Relative.Rows
			for c := range row {
				at := int(a.rows[i-(lo+c)+a.longest-1])
				if a.ToKey {
					row[c] += w.ofQueries[r*positions+at]
				}
				if a.ToQuery {
					row[c] += w.ofKeys[(lo+c)*positions+at]
				}
			}
		}
		if a.Causal {
			fill(row, i+1-lo, n)
		}
		if a.Window > 0 {
			fill(row, 0, i-a.Window-lo)
			fill(row, i+a.Window+1-lo, n)
		}
	}
}

// fill makes the places [from, to) of row unseen, as far as they are there.
func fill(row []float32, from, to int) {
	for c := max(from, 0); c < min(to, len(row)); c++ {
		row[c] = unseen
	}
}

// adjustGradient takes from the gradient d of scores before scaling what belongs to the distances. Places that are not
// seen have none.
func (a *attention) adjustGradient(w *attentionScratch, d []float32, h head, g *attentionGradient, first, rows, lo, hi int) {
	n := hi - lo
	if g.bias != nil {
		for r := range rows {
			for c, v := range d[r*n : (r+1)*n] {
				g.bias[int(a.rows[lo+c-(first+r)+a.longest-1])*a.Heads+h.number] += v / a.Scale
			}
		}
	}
	rel := a.Relative
	if rel == nil {
		return
	}
	dA := w.ofQueriesGrad[:rows*rel.Rows]
	clear(dA)
	for r := range rows {
		for c, v := range d[r*n : (r+1)*n] {
			at := int(a.rows[first+r-(lo+c)+a.longest-1])
			dA[r*rel.Rows+at] += v
			if a.ToQuery {
				w.ofKeysGrad[(lo+c)*rel.Rows+at] += v
			}
		}
	}
	if a.ToKey {
		column := a.dim + h.number*a.Size
		kernel.GemmPacked(rows, dA, rel.Rows, &w.asKeysPlain, g.qkv[h.q+first*a.stride:], a.stride, kernel.Epilogue{Accumulate: true})
		kernel.GemmTN(kernel.F32, rel.Rows, a.Size, rows, dA, rel.Rows, a.qkv[h.q+first*a.stride:], a.stride, g.relative[column:], rel.Cols, true)
	}
}

// placeGradient ends a head: what its keys have from the positions.
func (a *attention) placeGradient(w *attentionScratch, h head, g *attentionGradient) {
	if !a.ToQuery {
		return
	}
	rel, column := a.Relative, h.number*a.Size
	dB := w.ofKeysGrad[:h.length*rel.Rows]
	w.asQueriesPlain.Pack(kernel.F32, rel.Rows, a.Size, rel.Data[column:], rel.Cols)
	kernel.GemmPacked(h.length, dB, rel.Rows, &w.asQueriesPlain, g.qkv[h.k:], a.stride, kernel.Epilogue{Accumulate: true})
	kernel.GemmTN(kernel.F32, rel.Rows, a.Size, h.length, dB, rel.Rows, a.qkv[h.k:], a.stride, g.relative[column:], rel.Cols, true)
}
