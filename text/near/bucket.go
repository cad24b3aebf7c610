package near

import (
	"cmp"
	"context"
	"slices"
)

// bucketWorker compares the texts of buckets. It reads the search's groups and writes to none: what it found is joined
// when all workers are done.
type bucketWorker struct {
	*search
	shingler   shingler
	members    []member
	arena      []uint64 // sets of the members
	parent     []int32  // of members within the bucket
	found      []Pair
	candidates int64
	cut        int64
}

// member is a text of a bucket.
type member struct {
	id       int32
	root     int32 // of its group so far
	from, to int   // of its set in the arena
}

func (m *member) size() int { return m.to - m.from }

func (w *bucketWorker) run(ctx context.Context, order []uint64) {
	for at, n := 0, 0; at < len(order); n++ {
		end := at + 1
		for end < len(order) && order[end]>>32 == order[at]>>32 {
			end++
		}
		if end-at > 1 {
			w.fill(order[at:end])
			w.compare(ctx)
		}
		if at = end; n%256 == 0 && ctx.Err() != nil {
			return
		}
	}
}

// fill collects the members of a bucket, shortest first; none where they are one group already.
func (w *bucketWorker) fill(order []uint64) {
	w.members, w.arena = w.members[:0], w.arena[:0]
	same := w.pairs == nil
	for _, o := range order {
		m := member{id: w.alive[uint32(o)]}
		if w.pairs == nil {
			m.root = w.root(m.id)
		}
		w.members = append(w.members, m)
		same = same && m.root == w.members[0].root
	}
	if same {
		w.members = w.members[:0]
		return
	}
	for i := range w.members {
		m := &w.members[i]
		m.from = len(w.arena)
		w.arena = append(w.arena, w.shingler.set(w.texts[m.id])...)
		m.to = len(w.arena)
	}
	slices.SortFunc(w.members, func(a, b member) int { return cmp.Or(cmp.Compare(a.size(), b.size()), cmp.Compare(a.id, b.id)) })
}

// compare finds the near doubles among the members. Those that are known to be of one group need no comparison.
func (w *bucketWorker) compare(ctx context.Context) {
	window := len(w.members)
	if window > maxBucket {
		window = nearWindow
		w.cut++
	}
	w.parent = w.parent[:0]
	for i := range w.members {
		w.parent = append(w.parent, int32(i))
	}
	for i := range w.members {
		if i%64 == 0 && ctx.Err() != nil {
			return
		}
		a := &w.members[i]
		for j := i + 1; j < min(len(w.members), i+1+window); j++ {
			b := &w.members[j]
			if float64(a.size()) < w.threshold*float64(b.size()) {
				break // the longer ones have too much that a lacks
			}
			if w.pairs == nil && (a.root == b.root || w.local(i) == w.local(j)) {
				continue
			}
			w.candidates++
			similarity := jaccard(w.arena[a.from:a.to], w.arena[b.from:b.to], w.threshold)
			if similarity < w.threshold {
				continue
			}
			w.found = append(w.found, Pair{min(a.id, b.id), max(a.id, b.id), similarity})
			w.parent[w.local(j)] = w.local(i)
		}
	}
}

// local returns the root of a member within the bucket.
func (w *bucketWorker) local(i int) int32 {
	at := int32(i)
	for w.parent[at] != at {
		w.parent[at] = w.parent[w.parent[at]]
		at = w.parent[at]
	}
	return at
}
