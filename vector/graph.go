package vector

import (
	"context"
	"runtime"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Graph finds neighbours by walking from row to row: a hierarchical navigable small world graph (Malkov & Yashunin 2016,
// https://arxiv.org/abs/1603.09320). Every row is in layer 0, a 16th of them in layer 1, and so on; a search goes down
// the layers, each time from the nearest row that it has found.
type Graph struct {
	set    *Set
	links  []int32   // layer 0: [rows, bottomLinks], the rest of a row's are −1
	upper  [][]int32 // [rows]: of a row's layers from 1 on, topLinks each; nil for most
	entry  int32     // where searches begin: a row of the top layer
	levels int       // above layer 0
}

const (
	topLinks    = 16           // neighbours of a row in a layer
	bottomLinks = 2 * topLinks // in layer 0
	buildWidth  = 128          // rows that a search keeps in view while the graph is built
	searchWidth = 128          // and later, at least
)

// Search returns about the k rows that are nearest to a question, nearest first.
func (g *Graph) Search(question []float32, k int) ([]Hit, error) {
	q, err := unit(question, g.set.dim)
	if err != nil {
		return nil, err
	}
	return g.searcher().search(q, k), nil
}

// neighbours returns the links of a row in a layer; −1 ends them.
func (g *Graph) neighbours(row int32, layer int) []int32 {
	if layer == 0 {
		return g.links[int(row)*bottomLinks : (int(row)+1)*bottomLinks]
	}
	return g.upper[row][(layer-1)*topLinks : layer*topLinks]
}

// searcher is the memory of one search at a time.
type searcher struct {
	*Graph
	seen   []uint32 // by row: the search that saw it last
	round  uint32
	row    []float32
	chosen []float32 // vectors of the neighbours that are being chosen, [bottomLinks, dim]
}

func (g *Graph) searcher() *searcher {
	return &searcher{Graph: g, seen: make([]uint32, g.set.Len()), row: make([]float32, g.set.dim), chosen: make([]float32, bottomLinks*g.set.dim)}
}

// search finds the k nearest rows.
func (w *searcher) search(question []float32, k int) []Hit {
	if w.set.Len() == 0 || k < 1 {
		return nil
	}
	at := w.descend(question, 0)
	hits := w.around(question, []Hit{at}, 0, max(searchWidth, 2*k))
	return hits[:min(k, len(hits))]
}

// descend goes down to the layer, and returns the nearest row that it met above it.
func (w *searcher) descend(question []float32, layer int) Hit {
	at := Hit{int(w.entry), w.cosine(question, w.entry)}
	for l := w.levels; l > layer; l-- {
		for moved := true; moved; {
			moved = false
			for _, n := range w.neighbours(int32(at.Row), l) {
				if n < 0 {
					break
				}
				if c := w.cosine(question, n); c > at.Cosine {
					at, moved = Hit{int(n), c}, true
				}
			}
		}
	}
	return at
}

// around widens a search in one layer: it returns the rows nearest to the question, nearest first, width at most.
func (w *searcher) around(question []float32, from []Hit, layer, width int) []Hit {
	if w.round++; w.round == 0 {
		clear(w.seen)
		w.round = 1
	}
	found := nearest{k: width}
	var open frontier
	for _, h := range from {
		w.seen[h.Row] = w.round
		found.offer(h)
		open.push(h)
	}
	for len(open) > 0 {
		next := open.pop()
		if found.refuses(next.Cosine) {
			break
		}
		for _, n := range w.neighbours(int32(next.Row), layer) {
			if n < 0 {
				break
			}
			if w.seen[n] == w.round {
				continue
			}
			w.seen[n] = w.round
			if c := w.cosine(question, n); !found.refuses(c) {
				found.offer(Hit{int(n), c})
				open.push(Hit{int(n), c})
			}
		}
	}
	return found.sorted()
}

func (w *searcher) cosine(question []float32, row int32) float32 {
	kernel.FromBF16(w.row, w.set.row(int(row)))
	return kernel.Dot(question, w.row)
}

// frontier is a heap of rows whose neighbours were not looked at, the nearest on top.
type frontier []Hit

func (f *frontier) push(h Hit) {
	*f = append(*f, h)
	s := *f
	for i := len(s) - 1; i > 0; {
		parent := (i - 1) / 2
		if compareHits(s[i], s[parent]) >= 0 {
			break
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

func (f *frontier) pop() Hit {
	s := *f
	top := s[0]
	s[0] = s[len(s)-1]
	s = s[:len(s)-1]
	for i := 0; ; {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(s); child++ {
			if compareHits(s[child], s[first]) < 0 {
				first = child
			}
		}
		if first == i {
			break
		}
		s[i], s[first] = s[first], s[i]
		i = first
	}
	*f = s
	return top
}

// BuildGraph makes the graph of a set, to the same links every time. progress hears of rows that are in it, of all.
func BuildGraph(ctx context.Context, s *Set, progress func(done, total int64)) (*Graph, error) {
	n := s.Len()
	g := &Graph{set: s, links: make([]int32, n*bottomLinks), upper: make([][]int32, n)}
	for i := range g.links {
		g.links[i] = -1
	}
	for row := range n {
		if l := levelOf(row); l > 0 {
			g.upper[row] = slices.Repeat([]int32{-1}, l*topLinks)
		}
	}
	workers := make([]*searcher, runtime.GOMAXPROCS(0))
	for i := range workers {
		workers[i] = g.searcher()
	}
	for done := 0; done < n; {
		// Rows of one batch do not see each other: it stays small beside what is there.
		batch := min(max(1, done/32), 2048, n-done)
		if err := g.insert(ctx, workers, done, done+batch); err != nil {
			return nil, err
		}
		done += batch
		if progress != nil {
			progress(int64(done), int64(n))
		}
	}
	return g, nil
}

// levelOf draws the top layer of a row: each further one with a probability of 1/topLinks.
func levelOf(row int) int {
	x := uint64(row) + 0x9e3779b97f4a7c15 // SplitMix64 (Steele, Lea & Flood 2014)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	level := 0
	for ; x%topLinks == 0 && level < 8; x /= topLinks {
		level++
	}
	return level
}

// link is one from a row that was there to a new one.
type link struct {
	layer    int
	from, to int32
	cosine   float32
}

// insert links the rows [lo, hi) to those before them: all look for neighbours at once, then the links are made.
func (g *Graph) insert(ctx context.Context, workers []*searcher, lo, hi int) error {
	back := make([][]link, hi-lo)
	if lo > 0 {
		err := split(ctx, lo, hi, 1, func(part, from, to int) {
			question := make([]float32, g.set.dim)
			for row := from; row < to && ctx.Err() == nil; row++ {
				g.set.Vector(question, row)
				back[row-lo] = workers[part].settle(question, int32(row))
			}
		})
		if err != nil {
			return err
		}
	}
	links := slices.Concat(back...)
	slices.SortFunc(links, func(a, b link) int {
		if a.layer != b.layer {
			return a.layer - b.layer
		}
		if a.from != b.from {
			return int(a.from - b.from)
		}
		return int(a.to - b.to)
	})
	var starts []int // of each row's links
	for i := range links {
		if i == 0 || links[i].from != links[i-1].from || links[i].layer != links[i-1].layer {
			starts = append(starts, i)
		}
	}
	err := split(ctx, 0, len(starts), 1, func(part, from, to int) {
		for i := from; i < to; i++ {
			end := len(links)
			if i+1 < len(starts) {
				end = starts[i+1]
			}
			workers[part].addLinks(links[starts[i]:end])
		}
	})
	for row := lo; row < hi; row++ {
		if l := len(g.upper[row]) / topLinks; l > g.levels || row == 0 {
			g.entry, g.levels = int32(row), l
		}
	}
	return err
}

// settle chooses the neighbours of a new row in each of its layers, and returns the links back.
func (w *searcher) settle(question []float32, row int32) (back []link) {
	top := min(len(w.upper[row])/topLinks, w.levels)
	from := []Hit{w.descend(question, top)}
	for layer := top; layer >= 0; layer-- {
		from = w.around(question, from, layer, buildWidth)
		to := w.neighbours(row, layer)
		for i, h := range w.choose(from, topLinks) {
			to[i] = int32(h.Row)
			back = append(back, link{layer, int32(h.Row), row, h.Cosine})
		}
	}
	return back
}

// addLinks gives a row new neighbours; where there is no room, the best of all stay.
func (w *searcher) addLinks(links []link) {
	row := links[0].from
	have := w.neighbours(row, links[0].layer)
	n := slices.Index(have, -1)
	if n < 0 {
		n = len(have)
	}
	if n+len(links) <= len(have) {
		for _, l := range links {
			have[n] = l.to
			n++
		}
		return
	}
	question := make([]float32, w.set.dim)
	w.set.Vector(question, int(row))
	var all []Hit
	for _, r := range have[:n] {
		all = append(all, Hit{int(r), w.cosine(question, r)})
	}
	for _, l := range links {
		all = append(all, Hit{int(l.to), l.cosine})
	}
	slices.SortFunc(all, compareHits)
	for i := range have {
		have[i] = -1
	}
	for i, h := range w.choose(all, len(have)) {
		have[i] = int32(h.Row)
	}
}

// choose picks at most n neighbours, in different directions (algorithm 4 of the paper): one that is nearer to a neighbour
// chosen before than to the row itself can be reached through that. Places that stay free are for rows to come.
func (w *searcher) choose(candidates []Hit, n int) []Hit {
	dim := w.set.dim
	var chosen []Hit
	for _, c := range candidates {
		if len(chosen) == n {
			break
		}
		candidate := w.chosen[len(chosen)*dim:][:dim]
		w.set.Vector(candidate, c.Row)
		near := false
		for i := 0; i < len(chosen) && !near; i++ {
			near = kernel.Dot(candidate, w.chosen[i*dim:][:dim]) > c.Cosine
		}
		if !near {
			chosen = append(chosen, c)
		}
	}
	return chosen
}
