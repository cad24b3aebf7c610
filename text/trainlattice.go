package text

import "math"

// latticeWork is memory for walking over all ways to cut a piece.
type latticeWork struct {
	arcs    []arc
	forward []float64
	back    []float64
	e       Encoding
}

// arc is a token that can stand in a piece.
type arc struct {
	from, to, id int32
	score        float64
}

// lattice collects the arcs of a piece in rising order of their beginnings. without leaves one token out, -1 none.
func (w *latticeWork) lattice(u *unigram, s string, without int32) {
	w.arcs = w.arcs[:0]
	for at := 0; at < len(s); {
		size := characterLength(s, at)
		single := false
		node := int32(0)
		for end := at; end < len(s); {
			r, n := runeAt(s, end)
			var id int32
			var ok bool
			if node, id, ok = u.trie.next(node, r); !ok {
				break
			}
			end += n
			if id >= 0 && id != without {
				w.arcs = append(w.arcs, arc{int32(at), int32(end), id, u.scores[id]})
				single = single || end-at == size
			}
		}
		if !single {
			w.arcs = append(w.arcs, arc{int32(at), int32(at + size), u.unk, u.lowest - unknownPenalty})
		}
		at += size
	}
}

// expect adds to sum how often each token stands in the piece on average over all ways to cut it, weighted by their
// probability: the forward and backward algorithm.
func (w *latticeWork) expect(u *unigram, s string, weight float64, sum []float64) {
	w.lattice(u, s, -1)
	n := len(s) + 1
	w.forward, w.back = fillInf(w.forward, n), fillInf(w.back, n)
	w.forward[0], w.back[n-1] = 0, 0
	for _, a := range w.arcs {
		w.forward[a.to] = logAdd(w.forward[a.to], w.forward[a.from]+a.score)
	}
	for i := len(w.arcs) - 1; i >= 0; i-- {
		a := &w.arcs[i]
		w.back[a.from] = logAdd(w.back[a.from], w.back[a.to]+a.score)
	}
	all := w.forward[n-1]
	for _, a := range w.arcs {
		sum[a.id] += weight * math.Exp(w.forward[a.from]+a.score+w.back[a.to]-all)
	}
}

// without returns the tokens of the best way to cut a token without itself, nil if there is none of known tokens.
func (w *latticeWork) without(u *unigram, token string, id int32) []int32 {
	w.lattice(u, token, id)
	n := len(token) + 1
	w.forward = fillInf(w.forward, n)
	w.forward[0] = 0
	best := make([]int32, n) // arcs
	for i, a := range w.arcs {
		if score := w.forward[a.from] + a.score; score > w.forward[a.to] {
			w.forward[a.to], best[a.to] = score, int32(i)
		}
	}
	var out []int32
	for at := int32(n - 1); at > 0; {
		a := w.arcs[best[at]]
		if a.id == u.unk {
			return nil
		}
		out = append(out, a.id)
		at = a.from
	}
	return out
}

// fillInf returns n times the logarithm of zero.
func fillInf(s []float64, n int) []float64 {
	if cap(s) < n {
		s = make([]float64, n, 2*n)
	}
	s = s[:n]
	for i := range s {
		s[i] = math.Inf(-1)
	}
	return s
}

// logAdd returns the logarithm of the sum of two numbers given by theirs.
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if b < a-40 || math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
