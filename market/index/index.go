// Package index is an inverted index in memory, of documents that are found by terms and sorted by numbers.
//
//	x := index.New(2, 1)                                    // two columns to sort by; the second one where the first is alike
//	x.Put(index.Document{ID: 7, Terms: []string{"small", "model"}, Keys: []float64{12, 1700000000}})
//	found := x.Find(index.Query{All: [][]string{{"model", "models"}}, Column: 0, Take: 20})
//
// A document has a slot. Most slots are in the base, which does not change: terms are sorted, and of each there is a list
// of slots in distances or bits, some 100 bytes a document in all. What came later has slots behind those of the base and
// lists of plain numbers; Merge makes a base of both. A search adds and intersects sets of bits, one for each slot, so
// that a frequent word costs hardly more than a rare one, and counts are exact. Its order has been made when the base
// was: a search that finds much walks along it until it has enough, and only documents that changed since are looked at
// one by one.
//
// One million documents of 60 terms take some 200 MB, and a search about a millisecond.
package index

import (
	"slices"
	"sort"
	"strings"
	"sync"
)

// Document is what is found.
type Document struct {
	ID    int64
	Sum   uint64    // of all that Terms are made of, for Update
	Terms []string  // each once
	Keys  []float64 // of each column; the highest comes first
}

// Index may be used by several goroutines.
type Index struct {
	tie     int // column
	count   []string
	counted tallies

	mu      sync.RWMutex
	base    *base
	ids     []int64 // of slots
	sums    []uint64
	columns [][]float64
	live    set                 // slots whose documents are there
	loose   set                 // slots that the orders of the base are not right about
	late    map[string][]uint32 // terms of slots that are not in the base
	slots   map[int64]uint32    // of those
	fresh   []string            // terms that the base has not, sorted
	sorted  bool                // whether fresh is
	changed int                 // documents since the last merge
	version int                 // grows when documents come, go or get other terms
	log     []func(*Index)      // what changes while a merge runs; nil while none does
	merging bool
	merge   sync.Mutex // held by who merges
}

// New returns an empty index with so many columns. Where documents are alike in the one that is sorted by, tie decides.
// Terms that begin with one of counted are those that searches count.
func New(columns, tie int, counted ...string) *Index {
	return &Index{tie: tie, count: counted, base: &base{}, columns: make([][]float64, columns), late: map[string][]uint32{}, slots: map[int64]uint32{}, sorted: true}
}

// Len is how many documents there are.
func (x *Index) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.live.count()
}

// Put adds documents, in place of those with the same number.
func (x *Index) Put(documents ...Document) { x.change(func(x *Index) { x.put(documents) }) }

// Update gives a document other keys if it is there and has the sum, and tells whether it was so; else it wants to be Put.
func (x *Index) Update(id int64, sum uint64, keys []float64) (same bool) {
	x.change(func(x *Index) {
		slot, ok := x.slot(id)
		if same = ok && x.sums[slot] == sum; same {
			x.update(slot, keys)
		}
	})
	return same
}

// Remove removes documents. Those that are not there do not matter.
func (x *Index) Remove(ids ...int64) { x.change(func(x *Index) { x.remove(ids) }) }

// Changed is how many documents have come or changed since the last merge.
func (x *Index) Changed() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.changed
}

func (x *Index) change(f func(*Index)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f(x)
	if x.merging {
		x.log = append(x.log, f)
	}
}

// slot finds a document.
func (x *Index) slot(id int64) (slot uint32, ok bool) {
	if slot, ok = x.slots[id]; ok {
		return slot, x.live.has(slot)
	}
	i, ok := slices.BinarySearch(x.ids[:x.base.slots], id)
	return uint32(i), ok && x.live.has(uint32(i))
}

func (x *Index) put(documents []Document) {
	first := len(x.ids)
	x.version++
	var fresh []string
	x.live, x.loose = x.live.grown(first+len(documents)), x.loose.grown(first+len(documents))
	for _, d := range documents {
		if old, ok := x.slot(d.ID); ok {
			x.live.remove(old)
		}
		slot := uint32(len(x.ids))
		x.ids, x.sums = append(x.ids, d.ID), append(x.sums, d.Sum)
		for c := range x.columns {
			x.columns[c] = append(x.columns[c], d.Keys[c])
		}
		x.live.add(slot)
		x.loose.add(slot)
		x.slots[d.ID] = slot
		x.changed++
		for _, t := range d.Terms {
			slots, known := x.late[t]
			if !known {
				t = strings.Clone(t) // not all of the text that it was cut out of
				if _, known = x.base.find(t); !known {
					fresh = append(fresh, t)
				}
			}
			x.late[t] = append(slots, slot)
		}
	}
	x.addFresh(fresh)
}

// addFresh adds terms to those that the base has not. They are not sorted while an index is filled: nobody searches yet.
func (x *Index) addFresh(terms []string) {
	switch {
	case len(terms) == 0:
	case x.base.orders == nil && len(x.ids) >= small:
		x.fresh, x.sorted = append(x.fresh, terms...), false
	case !x.sorted:
		x.fresh = append(x.fresh, terms...)
		slices.Sort(x.fresh)
		x.sorted = true
	default:
		slices.Sort(terms)
		all := make([]string, 0, len(x.fresh)+len(terms))
		for _, t := range x.fresh {
			for len(terms) > 0 && terms[0] < t {
				all, terms = append(all, terms[0]), terms[1:]
			}
			all = append(all, t)
		}
		x.fresh = append(all, terms...)
	}
}

func (x *Index) update(slot uint32, keys []float64) {
	for c := range x.columns {
		x.columns[c][slot] = keys[c]
	}
	if !x.loose.has(slot) {
		x.loose.add(slot)
		x.changed++
	}
}

func (x *Index) remove(ids []int64) {
	x.version++
	for _, id := range ids {
		if slot, ok := x.slot(id); ok {
			x.live.remove(slot)
			x.changed++
		}
	}
}

// addTo adds the slots that have a term to a set.
func (x *Index) addTo(s set, term string) {
	if i, ok := x.base.find(term); ok {
		x.base.list(i).addTo(s)
	}
	for _, slot := range x.late[term] {
		s.add(slot)
	}
}

// Documents is how many documents have a term; some of them may be gone.
func (x *Index) Documents(term string) (n int) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if i, ok := x.base.find(term); ok {
		n = x.base.list(i).len()
	}
	return n + len(x.late[term])
}

// Meets tells whether a document has a term and one of others; one that has the term alone where there are no others.
func (x *Index) Meets(term string, others []string) (meets bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	lists, late := make([]list, len(others)), make([][]uint32, len(others))
	for k, t := range others {
		if i, ok := x.base.find(t); ok {
			lists[k] = x.base.list(i)
		}
		late[k] = x.late[t]
	}
	check := func(slot uint32) bool {
		meets = x.live.has(slot) && len(others) == 0
		for k := 0; k < len(others) && !meets && x.live.has(slot); k++ {
			if int(slot) < x.base.slots {
				meets = lists[k].has(slot)
			} else {
				_, meets = slices.BinarySearch(late[k], slot)
			}
		}
		return !meets
	}
	if i, ok := x.base.find(term); ok {
		x.base.list(i).each(check)
	}
	for _, slot := range x.late[term] {
		if meets || !check(slot) {
			break
		}
	}
	return meets
}

// Each calls f for all terms with a beginning, sorted but for those that have come since the last merge, with how many
// documents have them; some of those may be gone. It ends when f returns false. Whoever keeps
// terms for long clones them.
func (x *Index) Each(prefix string, f func(term string, documents int) bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	x.each(prefix, func(term string, l list, late []uint32) bool { return f(term, l.len()+len(late)) })
}

// each calls f with the slots of each term, in the base and behind it, until it returns false.
func (x *Index) each(prefix string, f func(term string, l list, late []uint32) bool) {
	going := true
	x.base.each(prefix, func(term string, l list) bool {
		going = f(term, l, x.late[term])
		return going
	})
	for i := sort.SearchStrings(x.fresh, prefix); going && i < len(x.fresh) && strings.HasPrefix(x.fresh[i], prefix); i++ {
		going = f(x.fresh[i], nil, x.late[x.fresh[i]])
	}
}
