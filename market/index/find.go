package index

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
)

// Query says what to find. Documents have one term of each group; a document that has a term of a field gets its weight
// on top of log₁₀(1 + key), once for each word, of the best field.
type Query struct {
	All    [][]string
	Words  []Word   // none: sorted by the column's keys as they are
	Column int      // sorted by
	Skip   int      // documents
	Take   int      // documents; 0 only counts
	Count  []string // beginnings of terms; of each that goes on, how many of the documents have it
}

// Word is one that makes documents better by where it stands: fields, the one with the highest weight first.
type Word []Field

// Field is a place where a word, or one that does in its stead, may stand.
type Field struct {
	Weight float64
	Terms  []string
}

// Found is what a query finds.
type Found struct {
	IDs    []int64
	Total  int
	Counts map[string]int // by term; those that none has are left out. Not to be changed: others have the same map
}

// hit is a slot with what it is sorted by.
type hit struct {
	score, tie float64
	slot       uint32
}

// better sorts the best first; of two that are alike in all, the one with the higher number.
func (x *Index) better(a, b hit) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.tie, a.tie), cmp.Compare(x.ids[b.slot], x.ids[a.slot]))
}

// small is up to how many documents are scored one by one.
const small = 20_000

// Find finds documents.
func (x *Index) Find(q Query) Found {
	x.mu.RLock()
	defer x.mu.RUnlock()
	s := searching{x: x, q: q, best: q.Skip + q.Take}
	defer s.end()
	all := s.set()
	if len(q.All) == 0 {
		copy(all, x.live)
	}
	for i, group := range q.All {
		any, with := all, x.live
		if i > 0 {
			any, with = s.set(), all
		}
		for _, t := range group {
			x.addTo(any, t)
		}
		if any.and(with); i > 0 {
			s.free(all)
			all = any
		}
	}
	f := Found{Total: all.count()}
	if f.Total == 0 {
		return f
	}
	if len(q.Count) > 0 {
		f.Counts = x.counted.of(fmt.Sprintf("%q%q", q.All, q.Count), x.version, func() map[string]int { return s.counts(all, f.Total) })
	}
	if q.Take == 0 {
		return f
	}
	switch {
	case len(q.Words) == 0:
		s.collect(all, f.Total, 0)
	case f.Total <= small:
		s.score(all)
	default:
		s.classes(all)
	}
	f.IDs = s.page()
	return f
}

// searching is one search: its sets, which come from a pool, and the best hits so far.
type searching struct {
	x    *Index
	q    Query
	best int   // how many hits are wanted
	hits []hit // of the run that is being made
	full bool  // the first of hits are as many as are wanted, and sorted
	runs []run
	made []set
	sets []set // those of them that are free
}

// run is hits of one weight, the best first: a list, or those of a set along the order of the column.
type run struct {
	list   []hit
	slots  set
	order  []uint32
	weight float64
	head   hit
}

var pool sync.Pool

// set returns an empty one.
func (s *searching) set() set {
	n := len(s.x.live)
	var x set
	if k := len(s.sets); k > 0 {
		x, s.sets = s.sets[k-1], s.sets[:k-1]
		clear(x)
		return x
	}
	if p, _ := pool.Get().(*set); p != nil && cap(*p) >= n {
		x = (*p)[:n]
		clear(x)
	} else {
		x = make(set, n, n+n/8)
	}
	s.made = append(s.made, x)
	return x
}

func (s *searching) free(x set) { s.sets = append(s.sets, x) }

func (s *searching) end() {
	for _, x := range s.made {
		pool.Put(&x)
	}
}

// counts counts the documents of all by the terms that the query wants counted.
func (s *searching) counts(all set, n int) map[string]int {
	counts := map[string]int{}
	var few []uint32
	if n <= len(all) {
		few = make([]uint32, 0, n)
		all.each(func(slot uint32) { few = append(few, slot) })
	}
	for _, prefix := range s.q.Count {
		s.x.each(prefix, func(term string, l list, late []uint32) bool {
			n := 0
			if few != nil {
				n = l.among(few, all)
			} else {
				n = l.common(all)
			}
			for _, slot := range late {
				if all.has(slot) {
					n++
				}
			}
			if n > 0 {
				counts[term] = n
			}
			return true
		})
	}
	return counts
}

// cut keeps the best hits, sorted.
func (s *searching) cut() {
	slices.SortFunc(s.hits, s.x.better)
	s.hits = s.hits[:min(s.best, len(s.hits))]
	s.full = len(s.hits) == s.best
}

// worse tells a hit that is not among the best.
func (s *searching) worse(h hit) bool { return s.full && s.x.better(h, s.hits[s.best-1]) > 0 }

func (s *searching) add(h hit) {
	if s.worse(h) {
		return
	}
	if s.hits = append(s.hits, h); len(s.hits) >= 2*s.best+1000 {
		s.cut()
	}
}

// hit makes one of a slot.
func (s *searching) hit(slot uint32, weight float64) hit {
	key := s.x.columns[s.q.Column][slot]
	if len(s.q.Words) > 0 {
		key = math.Log10(1+key) + weight
	}
	return hit{key, s.x.columns[s.x.tie][slot], slot}
}

// tallies keeps counts of late searches: people turn pages and try orders, of the same documents.
type tallies struct {
	mu      sync.Mutex
	version int // of the documents that they are counts of
	by      map[string]map[string]int
}

// So many tallies are kept, of searches that are not too long; then all of them are forgotten.
const (
	mostTallies = 1000
	longestKey  = 2000
)

func (t *tallies) of(key string, version int, count func() map[string]int) map[string]int {
	t.mu.Lock()
	if t.version != version || len(t.by) >= mostTallies || t.by == nil {
		t.version, t.by = version, map[string]map[string]int{}
	}
	counts, known := t.by[key]
	t.mu.Unlock()
	if known {
		return counts
	}
	counts = count()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.version == version && len(key) < longestKey {
		t.by[key] = counts
	}
	return counts
}

// scanning is how many steps along an order take as long as one slot that is scored and sorted among others.
const scanning = 50

// collect makes runs of the best of n slots that have the same weight: along the order, where there are many, or of all.
func (s *searching) collect(slots set, n int, weight float64) {
	x := s.x
	steps := min(float64(s.best)/float64(n), 1) * float64(len(x.ids)) // along the order
	if x.base.orders == nil || float64(n)*scanning < steps {
		slots.each(func(slot uint32) { s.add(s.hit(slot, weight)) })
		s.endRun()
		return
	}
	s.runs = append(s.runs, run{slots: slots, order: x.base.orders[s.q.Column], weight: weight})
	loose := s.set()
	copy(loose, x.loose)
	loose.and(slots)
	loose.each(func(slot uint32) { s.add(s.hit(slot, weight)) })
	s.free(loose)
	s.endRun()
}

// endRun makes a run of the hits that were added.
func (s *searching) endRun() {
	s.cut()
	s.runs, s.hits, s.full = append(s.runs, run{list: s.hits}), nil, false
}

// next goes to the next hit of a run, and tells whether there is one.
func (s *searching) next(r *run) bool {
	if r.slots == nil {
		if len(r.list) == 0 {
			return false
		}
		r.head, r.list = r.list[0], r.list[1:]
		return true
	}
	for i, slot := range r.order {
		if r.slots.has(slot) && !s.x.loose.has(slot) {
			r.head, r.order = s.hit(slot, r.weight), r.order[i+1:]
			return true
		}
	}
	return false
}

// page merges the runs, and returns the documents of the page.
func (s *searching) page() (ids []int64) {
	left := s.runs[:0]
	for _, r := range s.runs {
		if s.next(&r) {
			left = append(left, r)
		}
	}
	for k := 0; k < s.best && len(left) > 0; k++ {
		best := 0
		for i := 1; i < len(left); i++ {
			if s.x.better(left[i].head, left[best].head) < 0 {
				best = i
			}
		}
		if k >= s.q.Skip {
			ids = append(ids, s.x.ids[left[best].head.slot])
		}
		if !s.next(&left[best]) {
			left = slices.Delete(left, best, best+1)
		}
	}
	return ids
}

// fields returns the slots of a word's fields, for the caller to free.
func (s *searching) fields(w Word) []set {
	sets := make([]set, len(w))
	for i, f := range w {
		sets[i] = s.set()
		for _, t := range f.Terms {
			s.x.addTo(sets[i], t)
		}
	}
	return sets
}

// score weighs slots one by one.
func (s *searching) score(all set) {
	var slots []uint32
	all.each(func(slot uint32) { slots = append(slots, slot) })
	weights := make([]float64, len(slots))
	for _, w := range s.q.Words {
		sets := s.fields(w)
		for i, slot := range slots {
			for k, f := range w {
				if sets[k].has(slot) {
					weights[i] += f.Weight
					break
				}
			}
		}
		for _, f := range sets {
			s.free(f)
		}
	}
	for i, slot := range slots {
		s.add(s.hit(slot, weights[i]))
	}
	s.endRun()
}

// classes parts the slots by their weight.
func (s *searching) classes(all set) {
	by := map[float64]set{0: all}
	for _, w := range s.q.Words {
		sets := s.fields(w)
		next := map[float64]set{}
		for weight, slots := range by {
			for k, f := range w {
				some := s.set()
				copy(some, sets[k])
				if some.take(slots) == 0 {
					s.free(some)
					continue
				}
				s.join(next, weight+f.Weight, some)
			}
			s.join(next, weight, slots)
		}
		by = next
		for _, f := range sets {
			s.free(f)
		}
	}
	for weight, slots := range by {
		if n := slots.count(); n > 0 {
			s.collect(slots, n, weight)
		}
	}
}

func (s *searching) join(by map[float64]set, weight float64, slots set) {
	if other := by[weight]; other != nil {
		other.or(slots)
		s.free(slots)
		return
	}
	by[weight] = slots
}
