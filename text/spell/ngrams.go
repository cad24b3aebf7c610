package spell

import "math"

// ngrams counts sequences of up to four symbols, and how many different symbols follow each. A sequence is a number:
// its symbols, none of them 0, in 16 bits each. The table is open addressing over powers of two.
type ngrams struct {
	slots []slot
	n     int
	total float64
	kinds float64 // different symbols
}

type slot struct {
	key       uint64
	count     uint32
	followers uint32 // different symbols behind it
}

const order = 4

// key returns the number of a sequence.
func key(symbols ...uint16) (k uint64) {
	for _, s := range symbols {
		k = k<<16 | uint64(s)
	}
	return k
}

func (g *ngrams) find(k uint64) *slot {
	mask := uint64(len(g.slots) - 1)
	h := k * 0x9e3779b97f4a7c15
	for at := (h ^ h>>29) & mask; ; at = (at + 1) & mask {
		if s := &g.slots[at]; s.key == k || s.key == 0 {
			return s
		}
	}
}

// count returns how often a sequence occurs.
func (g *ngrams) count(k uint64) int { return int(g.find(k).count) }

// add counts a sequence and tells whether it is new.
func (g *ngrams) add(k uint64) bool {
	if 3*(g.n+1) > 2*len(g.slots) {
		old := g.slots
		g.slots = make([]slot, max(1<<12, 2*len(old)))
		for _, s := range old {
			if s.key != 0 {
				*g.find(s.key) = s
			}
		}
	}
	s := g.find(k)
	s.count++
	if s.key != 0 {
		return false
	}
	s.key = k
	g.n++
	return true
}

// addAll counts the sequences that begin at one of the first n places of a stream.
func (g *ngrams) addAll(stream []uint16, n int) {
	for i := range n {
		k := uint64(0)
		for j := i; j < min(i+order, len(stream)); j++ {
			before := k
			k = k<<16 | uint64(stream[j])
			if g.add(k) && before != 0 {
				g.find(before).followers++
			} else if before == 0 && g.count(k) == 1 {
				g.kinds++
			}
		}
		g.total++
	}
}

// window is a place in the stream and its neighbours; the place itself is in the middle.
type window [2*order - 1]uint16

const middle = order - 1

// score is the log probability of the symbols that depend on the middle one, each given the three before it.
// original tells that the middle is as the corpus has it.
func (g *ngrams) score(w *window, original bool) (sum float64) {
	for j := middle; j < len(w); j++ {
		sum += g.logProbability(w[:j+1], func(from, to int) bool { return original || from > middle || to <= middle })
	}
	return sum
}

// stretch is the log probability of symbols that the corpus has, without what stands before them.
func (g *ngrams) stretch(symbols []uint16) (sum float64) {
	for j := range symbols {
		sum += g.logProbability(symbols[:j+1], func(int, int) bool { return true })
	}
	return sum
}

// logProbability is that of the last symbol behind the others, by interpolation after Witten and Bell (1991):
// P(w|h) = (c(hw) + t(h)·P(w|h')) / (c(h) + t(h)), t(h) being the number of different symbols behind h. What the corpus
// has at this very place is left out of all counts: an error must not vouch for itself. here tells of the symbols from
// from to to whether the corpus has them here.
func (g *ngrams) logProbability(symbols []uint16, here func(from, to int) bool) float64 {
	p := 1 / (g.kinds + 1)
	last := len(symbols) - 1
	for from := last; from >= max(0, last-order+1); from-- { // growing contexts
		history, whole := g.context(symbols[from:last]), g.find(key(symbols[from:]...))
		count, followers, seen := history.count, float64(history.followers), float64(whole.count)
		if from == last {
			count, followers = g.total, g.kinds
		} else if here(from, last) {
			count--
		}
		if here(from, last+1) {
			if seen--; seen == 0 && from < last {
				followers--
			}
		}
		if count <= 0 || followers < 0 {
			break
		}
		p = (max(seen, 0) + max(followers, 1)*p) / (count + max(followers, 1))
	}
	return math.Log(p)
}

type history struct {
	count     float64
	followers uint32
}

func (g *ngrams) context(symbols []uint16) history {
	if len(symbols) == 0 {
		return history{}
	}
	s := g.find(key(symbols...))
	return history{float64(s.count), s.followers}
}
