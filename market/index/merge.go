package index

import (
	"maps"
	"slices"
)

// gone is the new slot of a document that is no longer there.
const gone = ^uint32(0)

// Merge makes a base of all documents that are there. Searches and changes go on meanwhile. It tells false where another
// merge is under way. Without sorting, which is for indexes that are still filled, searches look at everything one by one.
func (x *Index) Merge(sorting bool) bool {
	if !x.merge.TryLock() {
		return false
	}
	defer x.merge.Unlock()
	x.mu.RLock() // searches go on, changes wait
	x.merging = true
	old := &Index{tie: x.tie, count: x.count, base: x.base, ids: x.ids, sums: x.sums, live: slices.Clone(x.live), late: maps.Clone(x.late), slots: maps.Clone(x.slots)}
	for _, keys := range x.columns {
		old.columns = append(old.columns, slices.Clone(keys))
	}
	x.mu.RUnlock()

	next := old.merged(sorting)

	x.mu.Lock()
	defer x.mu.Unlock()
	log := x.log
	x.base, x.ids, x.sums, x.columns, x.live, x.loose = next.base, next.ids, next.sums, next.columns, next.live, next.loose
	x.late, x.slots, x.fresh, x.sorted, x.changed, x.log, x.merging = next.late, next.slots, nil, true, 0, nil, false
	for _, f := range log {
		f(x)
	}
	return true
}

// merged is a new index of the same documents, all of them in its base.
func (x *Index) merged(sorting bool) *Index {
	next := New(len(x.columns), x.tie, x.count...)
	order, to := x.renumbered()
	n := len(order)
	next.ids, next.sums = make([]int64, n), make([]uint64, n)
	for c := range next.columns {
		next.columns[c] = make([]float64, n)
	}
	for slot, old := range order {
		next.ids[slot], next.sums[slot] = x.ids[old], x.sums[old]
		for c, keys := range x.columns {
			next.columns[c][slot] = keys[old]
		}
	}
	next.live, next.loose = newSet(n), newSet(n)
	for slot := range n {
		next.live.add(uint32(slot))
	}
	next.base = x.mergedTerms(n, to)
	if sorting {
		next.base.sortSlots(next.columns, x.tie)
	}
	return next
}

// renumbered sorts slots that are there by the numbers of their documents, and tells where each has gone.
func (x *Index) renumbered() (order, to []uint32) {
	var late []uint32
	x.live.each(func(slot uint32) {
		if int(slot) < x.base.slots {
			order = append(order, slot)
		} else {
			late = append(late, slot)
		}
	})
	if len(late) > 0 {
		order = append(order, late...)
		slices.SortFunc(order, func(a, b uint32) int { return int(min(max(x.ids[a]-x.ids[b], -1), 1)) })
	}
	to = make([]uint32, len(x.ids))
	for i := range to {
		to[i] = gone
	}
	for slot, old := range order {
		to[old] = uint32(slot)
	}
	return order, to
}

// mergedTerms is a base of n slots with all terms that a document still has, renumbered.
func (x *Index) mergedTerms(n int, to []uint32) *base {
	b := &base{slots: n, counted: x.count}
	terms := slices.Sorted(maps.Keys(x.late))
	b.text = make([]byte, 0, len(x.base.words)+1<<16)
	b.lists = make([]byte, 0, len(x.base.lists)+len(x.base.lists)/8)
	var slots []uint32
	add := func(term string, l list) {
		slots = slots[:0]
		if l != nil {
			slots = l.slots(slots)
		}
		slots = append(slots, x.late[term]...)
		kept, rising := slots[:0], true
		for _, s := range slots {
			if s = to[s]; s != gone {
				rising = rising && (len(kept) == 0 || kept[len(kept)-1] < s)
				kept = append(kept, s)
			}
		}
		if !rising {
			slices.Sort(kept)
		}
		if len(kept) > 0 {
			b.add(term, kept)
		}
	}
	for i := range x.base.terms() {
		term := x.base.term(i)
		for len(terms) > 0 && terms[0] < term {
			add(terms[0], nil)
			terms = terms[1:]
		}
		if len(terms) > 0 && terms[0] == term {
			terms = terms[1:]
		}
		add(term, x.base.list(i))
	}
	for _, t := range terms {
		add(t, nil)
	}
	b.words, b.text = string(b.text), nil
	return b
}
