// Package near finds texts that are almost the same: copies with a word changed, a typing error mended, a signature
// added. They inflate figures when one copy is trained on and the other judged by, and they waste a labeller's time.
//
// How alike two texts are is the Jaccard similarity of their shingles, the short runs of characters that they are made
// of ([Jaccard]). Comparing all pairs of a million texts would take days; so candidates come from MinHash signatures cut
// into bands (Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman & Ullman, "Mining of
// Massive Datasets", chapter 3), and every candidate is compared shingle by shingle. What is reported is therefore never
// below the threshold; what is missed is a matter of chance that the number of bands keeps below half a percent.
//
//	groups, err := near.Groups(ctx, texts, near.Options{Threshold: 0.8})
//	for _, members := range groups.Groups { … } // indices into texts, the first one first
//
// [Groups] works on all texts at once; an [Index] takes them one by one, as they stream by.
//
// It knows nothing of meaning: "can I cancel a transfer" and "can I cancel a payment" are alike, "cheap" and "inexpensive"
// are not.
package near

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Options of Groups and Pairs.
type Options struct {
	Threshold float64                 // least Jaccard similarity, above 0 and up to 1
	Progress  func(done, total int64) // may be nil; called from the caller's goroutine
}

// Result is what Groups found.
type Result struct {
	Groups [][]int32 // of two texts or more: their indices, rising; groups by their first text
	Of     []int32   // for each text the first text of its group: itself where it is alone
	Work   Work
}

// Work tells what a search cost.
type Work struct {
	Bands      int   `json:"bands"`      // parts of a signature, each a chance to meet
	Rows       int   `json:"rows"`       // hashes that must agree in one
	Candidates int64 `json:"candidates"` // pairs that were compared
	Cut        int64 `json:"cut"`        // buckets too large to compare all their pairs; those of nearest length were
}

// Pair is two texts that are near doubles, A < B.
type Pair struct {
	A, B    int32
	Jaccard float64
}

// Groups joins near doubles, and the near doubles of those: within a group a chain of near doubles leads from each text
// to each other one, though its ends may differ by more than the threshold allows. Texts without a letter or digit are
// compared by all their characters; empty texts are nobody's double.
//
// Beside the texts it needs up to 128 MB for signatures and some 60 bytes a text, whatever the threshold; more where most texts
// are in groups.
func Groups(ctx context.Context, texts []string, o Options) (*Result, error) {
	s, err := newSearch(texts, o)
	if err != nil {
		return nil, err
	}
	r := &Result{Of: make([]int32, len(texts))}
	s.parent = make([]int32, len(texts))
	for i := range s.parent {
		s.parent[i] = int32(i)
	}
	if err := s.equals(ctx); err != nil {
		return nil, err
	}
	if err := s.run(ctx); err != nil {
		return nil, err
	}
	at := map[int32]int{}
	for i := range r.Of {
		root := s.root(int32(i))
		r.Of[i] = root
		if root == int32(i) {
			continue
		}
		g, ok := at[root]
		if !ok {
			g = len(r.Groups)
			at[root] = g
			r.Groups = append(r.Groups, []int32{root})
		}
		r.Groups[g] = append(r.Groups[g], int32(i))
	}
	slices.SortFunc(r.Groups, func(a, b []int32) int { return int(a[0] - b[0]) })
	r.Work = s.work
	return r, nil
}

// Pairs returns every pair of near doubles that the signatures bring together, in order. It is meant for small sets and
// for measuring: k copies of one text are k·(k−1)/2 pairs.
func Pairs(ctx context.Context, texts []string, o Options) ([]Pair, Work, error) {
	s, err := newSearch(texts, o)
	if err != nil {
		return nil, Work{}, err
	}
	s.pairs = map[Pair]bool{}
	if err := s.run(ctx); err != nil {
		return nil, Work{}, err
	}
	pairs := make([]Pair, 0, len(s.pairs))
	for p := range s.pairs {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(x, y Pair) int {
		if x.A != y.A {
			return int(x.A - y.A)
		}
		return int(x.B - y.B)
	})
	return pairs, s.work, nil
}

const (
	// keyMemory bounds the signatures that are held at once; where there are more, the texts are gone through again.
	keyMemory = 128 << 20
	// maxBucket is how many texts of one bucket are compared each with each; in larger ones each is compared with the
	// next nearWindow of its length.
	maxBucket  = 4096
	nearWindow = 512
)

// search is one run over all texts.
type search struct {
	texts     []string
	threshold float64
	progress  func(done, total int64)
	alive     []int32 // texts that take part: not empty, and the first of their equals
	hash      minhash
	parent    []int32       // of Groups: towards the first text of the group
	pairs     map[Pair]bool // of Pairs
	work      Work
}

func newSearch(texts []string, o Options) (*search, error) {
	if !(o.Threshold > 0 && o.Threshold <= 1) {
		return nil, hint.Errorf("give a similarity above 0 and up to 1, such as 0.8", "looking for near doubles: a threshold of %v", o.Threshold)
	}
	s := &search{texts: texts, threshold: o.Threshold, progress: o.Progress}
	if s.progress == nil {
		s.progress = func(int64, int64) {}
	}
	for i, t := range texts {
		if t != "" {
			s.alive = append(s.alive, int32(i))
		}
	}
	s.hash = newMinhash(choosePlan(o.Threshold, len(s.alive), s.background()))
	s.work.Bands, s.work.Rows = s.hash.bands, s.hash.rows
	return s, nil
}

// root returns the first text of i's group. It changes nothing, so that many goroutines may ask while none joins.
func (s *search) root(i int32) int32 {
	for s.parent[i] != i {
		i = s.parent[i]
	}
	return i
}

// join makes two groups one, whose root is the smaller index.
func (s *search) join(a, b int32) {
	a, b = s.root(a), s.root(b)
	if a > b {
		a, b = b, a
	}
	s.parent[b] = a
}

// flatten lets every text point to its root.
func (s *search) flatten() {
	for i := range s.parent {
		s.parent[i] = s.parent[s.parent[i]] // roots are smaller: they are flat already
	}
}

// equals joins texts that are equal but for case, punctuation and space, and leaves the first of them to take part, so that a thousand copies cost no
// more than one.
func (s *search) equals(ctx context.Context) error {
	type keyed struct {
		key uint64
		id  int32
	}
	order := make([]keyed, len(s.alive))
	err := s.each(ctx, len(s.alive), func(sh *shingler, i int) {
		h := uint64(len(s.alive))
		for _, c := range sh.codes(s.texts[s.alive[i]]) {
			h = mix(h ^ c)
		}
		order[i] = keyed{h, s.alive[i]}
	})
	if err != nil {
		return err
	}
	slices.SortFunc(order, func(a, b keyed) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.id, b.id)) })
	first := 0
	for i := 1; i < len(order); i++ {
		if order[i].key != order[first].key {
			first = i
		} else if Fold(s.texts[order[first].id]) == Fold(s.texts[order[i].id]) {
			s.parent[order[i].id] = order[first].id
		}
	}
	s.alive = slices.DeleteFunc(s.alive, func(id int32) bool { return s.parent[id] != id })
	return nil
}

// run goes through the bands, as many at once as keyMemory allows.
func (s *search) run(ctx context.Context) error {
	n := len(s.alive)
	if n < 2 {
		return nil
	}
	at := max(1, min(s.hash.bands, keyMemory/(4*n)))
	keys := make([]uint32, at*n) // [band][text]
	order := make([]uint64, n)
	for from := 0; from < s.hash.bands; from += at {
		bands := min(at, s.hash.bands-from)
		err := s.each(ctx, n, func(sh *shingler, i int) {
			sh.sketch = s.hash.sketch(sh.sketch, sh.codes(s.texts[s.alive[i]]))
			for b := range bands {
				keys[b*n+i] = s.hash.key(sh.sketch, from+b)
			}
		})
		if err != nil {
			return err
		}
		for b := range bands {
			for i := range n {
				order[i] = uint64(keys[b*n+i])<<32 | uint64(i)
			}
			slices.Sort(order)
			if err := s.band(ctx, order); err != nil {
				return err
			}
			s.progress(int64(n)*int64(from+b+1)/int64(s.hash.bands), int64(n))
		}
	}
	return nil
}

// each calls f for 0…n-1, with a shingler for each goroutine.
func (s *search) each(ctx context.Context, n int, f func(sh *shingler, i int)) error {
	parts := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	for p := range parts {
		wg.Go(func() {
			var sh shingler
			for i := n * p / parts; i < n*(p+1)/parts; i++ {
				if i%1024 == 0 && ctx.Err() != nil {
					return
				}
				f(&sh, i)
			}
		})
	}
	wg.Wait()
	return interrupted(ctx)
}

// band compares the texts whose keys in one band are equal. order is sorted: the key, and the place in alive.
func (s *search) band(ctx context.Context, order []uint64) error {
	parts := runtime.GOMAXPROCS(0)
	workers := make([]bucketWorker, parts)
	var wg sync.WaitGroup
	start := 0
	for p := range parts {
		end := len(order) * (p + 1) / parts
		for end > start && end < len(order) && order[end]>>32 == order[end-1]>>32 {
			end++ // a bucket belongs to one worker
		}
		part, w := order[start:max(end, start)], &workers[p]
		w.search = s
		wg.Go(func() { w.run(ctx, part) })
		start = max(end, start)
	}
	wg.Wait()
	for i := range workers {
		w := &workers[i]
		s.work.Candidates += w.candidates
		s.work.Cut += w.cut
		for _, p := range w.found {
			if s.pairs != nil {
				s.pairs[p] = true
			} else {
				s.join(p.A, p.B)
			}
		}
	}
	if s.pairs == nil {
		s.flatten()
	}
	return interrupted(ctx)
}

func interrupted(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("looking for near doubles: %w", err)
	}
	return nil
}

// AllPairs compares every pair of texts: what Pairs is judged by. Ten thousand texts take some seconds.
func AllPairs(texts []string, threshold float64) []Pair {
	sets := make([][]uint64, len(texts))
	var sh shingler
	for i, t := range texts {
		sets[i] = slices.Clone(sh.set(t))
	}
	var pairs []Pair
	for i, a := range sets {
		for j := i + 1; j < len(sets); j++ {
			if s := jaccard(a, sets[j], threshold); s >= threshold {
				pairs = append(pairs, Pair{int32(i), int32(j), s})
			}
		}
	}
	return pairs
}
