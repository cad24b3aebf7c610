package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Deep is up to where results can be paged through.
const Deep = 10_000

// ByRelevance sorts by where the words stand, and by downloads. ByLatency sorts by what cards tell, the fastest first.
// ByRating sorts by what people think, those that nobody has rated last.
const (
	ByRelevance Order = "relevance"
	ByLatency   Order = "latency"
	ByRating    Order = "rating"
)

// Orders are those of a search.
var Orders = []Order{ByRelevance, ByTrend, ByDownloads, ByRating, ByUpdated, BySize, ByLatency}

// Query is what to search for. Zero fields do not matter.
type Query struct {
	Text   string
	Facets map[string]string // by the names of Facets
	Sort   Order             // one of Orders; ByRelevance if ""
	Offset int               // up to Deep
	Limit  int               // 20 if 0
}

// Count is how many packages of a search have a value.
type Count struct {
	Value string
	N     int
}

// Found is what a search has found.
type Found struct {
	Packages  []*Repository // this page of them
	Total     int
	Estimated bool               // there are more than Total, and Counts are about those: the index is not ready yet
	Counts    map[string][]Count // by facet, the most frequent value first
	Instead   string             // what was searched for in place of words that no package has, "" if all are known
}

// Search finds packages that who may see, by words in Chinese or English: in the index in memory where KeepIndex has one
// ready, else in the database. ErrInvalid for an order or a facet that there is not.
func (c *Catalogue) Search(ctx context.Context, who Caller, s Query) (*Found, error) {
	s.Sort, s.Limit, s.Offset = cmp.Or(s.Sort, ByRelevance), cmp.Or(max(s.Limit, 0), 20), max(s.Offset, 0)
	if !slices.Contains(Orders, s.Sort) {
		return nil, hint.Errorf("it is relevance, trend, downloads, rating, updated, size or latency", "the order %.40q: %w", s.Sort, ErrInvalid)
	}
	s.Limit = min(s.Limit, max(Deep-s.Offset, 0))
	q := c.reading(ctx)
	seen, err := c.visibility(q, who)
	if err != nil {
		return nil, wrap(err, "searching")
	}
	memory, err := c.memory(ctx)
	if err != nil {
		return nil, wrap(err, "searching")
	}
	var known vocabulary = tableOfWords{q}
	if memory != nil {
		known = &wordsInMemory{memory.index, seen}
	}
	t, err := readTerms(known, s)
	if err != nil {
		return nil, err
	}
	f := &Found{Counts: map[string][]Count{}}
	if t == nil || s.Limit == 0 {
		return f, nil
	}
	f.Instead = t.instead
	var ids []int64
	if memory != nil {
		ids = memory.find(f, t, seen, s)
	} else if ids, err = (&finder{c: c, q: q, who: who, seen: seen}).find(f, t, s); err != nil {
		return nil, wrap(err, "searching")
	}
	f.Packages, err = c.whole(q, who, ids)
	return f, wrap(err, "searching")
}

// whole returns repositories with all their fields, in the order of their numbers in a list; only what who may see,
// whatever an index says.
func (c *Catalogue) whole(q queries, who Caller, list []int64) ([]*Repository, error) {
	if len(list) == 0 {
		return nil, nil
	}
	where, args := visible(who)
	in, numbers := listed(list)
	found, err := readWhole(q, strings.Join(append(where, "r.id"+in), " AND "), append(args, numbers...)...)
	if err != nil {
		return nil, err
	}
	at := map[int64]int{}
	for i, id := range list {
		at[id] = i
	}
	slices.SortFunc(found, func(a, b *Repository) int { return at[a.ID] - at[b.ID] })
	return found, c.allow(q, who, found)
}

// visibility returns words, one of which all repositories have that who may see; none for who may see all.
func (c *Catalogue) visibility(q queries, who Caller) ([]string, error) {
	words := []string{publicWord}
	switch {
	case who.Account == nil || who.Scope < Read:
		return words, nil
	case who.Account.Operator:
		return nil, nil
	}
	words = append(words, ownerWord(who.Account.ID))
	err := q.rows("SELECT organisation_id FROM members WHERE account_id = ?", []any{who.Account.ID}, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		words = append(words, ownerWord(id))
		return err
	})
	return words, err
}

// publicWord is a word of all repositories that everybody may see.
const publicWord = "xpublic"

// ownerWord is one of all of an owner's where something has been published.
func ownerWord(id int64) string { return fmt.Sprintf("xowner%d", id) }

// visible is the condition of repositories that who may see and where something has been published.
func visible(who Caller) (where []string, args []any) {
	where = []string{"r.kind <> ''"}
	switch {
	case who.Account == nil || who.Scope < Read:
		where = append(where, "NOT r.private")
	case !who.Account.Operator:
		where = append(where, "(NOT r.private OR r.owner_id = ? OR r.owner_id IN (SELECT organisation_id FROM members WHERE account_id = ?))")
		args = []any{who.Account.ID, who.Account.ID}
	}
	return where, args
}
