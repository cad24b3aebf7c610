package index

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// base is the part of an index that does not change: the documents of one merge, in the order of their numbers.
type base struct {
	slots  int
	words  string     // all terms, sorted, one after the other
	at     []uint32   // where each begins in words, and the end of the last
	lists  []byte     // of the slots of each term
	from   []uint64   // where each begins in lists, and the end of the last
	orders [][]uint32 // of each column the slots, the best first; none where nobody searches yet
	text   []byte     // words, while terms are added

	counted []string // beginnings of terms
}

func (b *base) terms() int { return max(len(b.at)-1, 0) }

func (b *base) term(i int) string { return b.words[b.at[i]:b.at[i+1]] }

func (b *base) list(i int) list { return b.lists[b.from[i]:b.from[i+1]] }

// find is the place of the first term that is not less than one, and whether it is that.
func (b *base) find(term string) (i int, is bool) {
	return sort.Find(b.terms(), func(i int) int { return -cmp.Compare(b.term(i), term) })
}

// each calls f for the terms with a beginning, until it returns false.
func (b *base) each(prefix string, f func(term string, l list) bool) {
	for i, _ := b.find(prefix); i < b.terms() && strings.HasPrefix(b.term(i), prefix); i++ {
		if !f(b.term(i), b.list(i)) {
			return
		}
	}
}

// add puts a term with its ascending slots behind all others.
func (b *base) add(term string, slots []uint32) {
	if len(b.at) == 0 {
		b.at, b.from = append(b.at, 0), append(b.from, 0)
	}
	b.text = append(b.text, term...)
	b.lists = appendList(b.lists, slots, b.slots, slices.ContainsFunc(b.counted, func(prefix string) bool { return strings.HasPrefix(term, prefix) }))
	b.at, b.from = append(b.at, uint32(len(b.text))), append(b.from, uint64(len(b.lists)))
}

// sortSlots makes the orders of columns; of two alike the one comes first that is better by the column tie, then the one
// with the higher number.
func (b *base) sortSlots(columns [][]float64, tie int) {
	b.orders = make([][]uint32, len(columns))
	for c, keys := range columns {
		order := make([]uint32, b.slots)
		for i := range order {
			order[i] = uint32(i)
		}
		ties := columns[tie]
		slices.SortFunc(order, func(i, j uint32) int {
			return cmp.Or(cmp.Compare(keys[j], keys[i]), cmp.Compare(ties[j], ties[i]), cmp.Compare(j, i))
		})
		b.orders[c] = order
	}
}
