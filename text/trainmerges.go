package text

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// mergeTrainer learns merges (Sennrich, Haddow and Birch 2016): again and again the pair of symbols that stands side by
// side most often in the counted pieces becomes a symbol. WordPiece learns its vocabulary so as well, as Hugging Face's
// trainer does. Ties go to the pair whose symbols are older, so that the same counts give the same merges.
type mergeTrainer struct {
	prefix string // of symbols that continue a word, "" for none
	tokens []string
	ids    map[string]int32
	merges [][2]string
	made   []int32 // the tokens that the merges make

	symbols []int32 // of all words, end to end; a word that shrinks leaves a hole behind it
	words   []mergeWord
	pairs   map[uint64]int32 // into stats
	stats   []pairStat
	queue   pairQueue
}

type mergeWord struct {
	start, size int32
	count       int64
}

// pairStat is how often a pair stands in the words, and in which: some of them may have lost it since.
type pairStat struct {
	pair  uint64
	count int64
	words []int32
}

// noSymbol stands for a character outside the alphabet; nothing merges with it.
const noSymbol = -1

// train learns until there are size tokens or no pair stands least times. The tokens that are there already are the
// special ones; alphabet are the first symbols.
func (t *mergeTrainer) train(ctx context.Context, pieces []string, counts []int64, alphabet []string, least, size int, step func(done int64)) error {
	t.ids = make(map[string]int32, size)
	for i, s := range t.tokens {
		t.ids[s] = int32(i)
	}
	for _, s := range alphabet {
		t.token(s)
	}
	t.pairs = map[uint64]int32{}
	for i, p := range pieces {
		t.add(p, counts[i])
	}
	for i := range t.stats {
		if t.stats[i].count >= int64(least) {
			t.queue.push(queued{t.stats[i].count, t.stats[i].pair, int32(i)})
		}
	}
	for len(t.tokens) < size && len(t.queue) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		top := t.queue.pop()
		if now := t.stats[top.stat].count; now != top.count {
			if now >= int64(least) {
				t.queue.push(queued{now, top.pair, top.stat})
			}
			continue
		}
		t.merge(top, int64(least))
		if step != nil {
			step(int64(len(t.tokens)))
		}
	}
	return nil
}

// token returns the number of a token, a new one if need be.
func (t *mergeTrainer) token(s string) int32 {
	id, ok := t.ids[s]
	if !ok {
		id = int32(len(t.tokens))
		t.tokens = append(t.tokens, s)
		t.ids[s] = id
	}
	return id
}

// add appends a piece's symbols and counts its pairs.
func (t *mergeTrainer) add(piece string, count int64) {
	start := len(t.symbols)
	for at, r := range piece {
		s := string(r)
		if at > 0 {
			s = t.prefix + s
		}
		id, ok := t.ids[s]
		if !ok {
			id = noSymbol
		}
		t.symbols = append(t.symbols, id)
	}
	word := int32(len(t.words))
	t.words = append(t.words, mergeWord{int32(start), int32(len(t.symbols) - start), count})
	for i := start; i+1 < len(t.symbols); i++ {
		t.change(t.symbols[i], t.symbols[i+1], count, word)
	}
}

// change adds to the count of a pair. It returns the pair's place, -1 for no pair.
func (t *mergeTrainer) change(left, right int32, count int64, word int32) int32 {
	if left == noSymbol || right == noSymbol {
		return -1
	}
	key := uint64(uint32(left))<<32 | uint64(uint32(right))
	at, ok := t.pairs[key]
	if !ok {
		at = int32(len(t.stats))
		t.pairs[key] = at
		t.stats = append(t.stats, pairStat{pair: key})
	}
	s := &t.stats[at]
	s.count += count
	if n := len(s.words); count > 0 && (n == 0 || s.words[n-1] != word) {
		s.words = append(s.words, word)
	}
	return at
}

// merge makes a token of a pair wherever it stands.
func (t *mergeTrainer) merge(top queued, least int64) {
	left, right := int32(top.pair>>32), int32(top.pair&0xffffffff)
	a, b := t.tokens[left], t.tokens[right]
	id := t.token(a + strings.TrimPrefix(b, t.prefix))
	t.merges = append(t.merges, [2]string{a, b})
	t.made = append(t.made, id)
	words := t.stats[top.stat].words
	t.stats[top.stat].words, t.stats[top.stat].count = nil, 0
	var grown []int32 // pairs with the new token
	for _, w := range words {
		word := &t.words[w]
		s := t.symbols[word.start : word.start+word.size]
		to := 0
		for from := 0; from < len(s); from++ {
			if s[from] != left || from+1 >= len(s) || s[from+1] != right {
				s[to] = s[from]
				to++
				continue
			}
			if to > 0 {
				t.change(s[to-1], left, -word.count, w)
				grown = append(grown, t.change(s[to-1], id, word.count, w))
			}
			if from+2 < len(s) {
				t.change(right, s[from+2], -word.count, w)
				grown = append(grown, t.change(id, s[from+2], word.count, w))
			}
			s[to] = id
			to++
			from++
		}
		word.size = int32(to)
	}
	t.stats[top.stat].count = 0
	slices.Sort(grown)
	for _, at := range slices.Compact(grown) {
		if at >= 0 && t.stats[at].count >= least {
			t.queue.push(queued{t.stats[at].count, t.stats[at].pair, at})
		}
	}
}

// queued is a pair that waits, with the count that it had then.
type queued struct {
	count int64
	pair  uint64
	stat  int32
}

func (q queued) before(o queued) bool {
	return q.count > o.count || q.count == o.count && q.pair < o.pair
}

// pairQueue is a heap, the most frequent pair first.
type pairQueue []queued

func (h *pairQueue) push(q queued) {
	*h = append(*h, q)
	s := *h
	for i := len(s) - 1; i > 0 && s[i].before(s[(i-1)/2]); i = (i - 1) / 2 {
		s[i], s[(i-1)/2] = s[(i-1)/2], s[i]
	}
}

func (h *pairQueue) pop() queued {
	s := *h
	top, n := s[0], len(s)-1
	s[0] = s[n]
	s = s[:n]
	*h = s
	for i := 0; ; {
		child := 2*i + 1
		if child >= n {
			return top
		}
		if child+1 < n && s[child+1].before(s[child]) {
			child++
		}
		if !s[child].before(s[i]) {
			return top
		}
		s[i], s[child] = s[child], s[i]
		i = child
	}
}

// characterCounts counts the characters of pieces, in the form in which they stand: with prefix where they continue.
func characterCounts(pieces []string, counts []int64, prefix string) map[string]int64 {
	all := map[string]int64{}
	for i, p := range pieces {
		for at, r := range p {
			s := string(r)
			if at > 0 {
				s = prefix + s
			}
			all[s] += counts[i]
		}
	}
	return all
}

// mostFrequent returns the strings that were counted least times, at most limit, the most frequent first.
func mostFrequent(all map[string]int64, least int64, limit int) []string {
	var out []string
	for s, n := range all {
		if n >= least {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b string) int { return cmp.Or(cmp.Compare(all[b], all[a]), cmp.Compare(a, b)) })
	return out[:min(len(out), max(limit, 0))]
}
