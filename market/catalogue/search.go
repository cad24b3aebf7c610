package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Facets are what a search can be narrowed by, beside Language: the values of a repository.
var Facets = map[string]func(*Repository) []string{
	"kind":    func(r *Repository) []string { return []string{string(r.Kind)} },
	"task":    func(r *Repository) []string { return some(r.Task) },
	Language:  func(r *Repository) []string { return r.Labels[Language] },
	"licence": func(r *Repository) []string { return some(r.Licence) },
	"family":  func(r *Repository) []string { return some(r.Family) },
	"size":    func(r *Repository) []string { return []string{sizeClass(r.Size)} },
	"owner":   func(r *Repository) []string { return []string{r.Owner} },
}

func some(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

// Classes of sizes of packages, in bytes of all files.
const (
	Under1MB   = "<1MB"
	Under10MB  = "<10MB"
	Under100MB = "<100MB"
	Over100MB  = ">100MB"
)

func sizeClass(n int64) string {
	switch {
	case n < 1e6:
		return Under1MB
	case n < 10e6:
		return Under10MB
	case n < 100e6:
		return Under100MB
	}
	return Over100MB
}

// Most is how many packages a search ranks and counts: of those that match, the newest; without words and facets, the
// first of the order wanted. It keeps a search for a word that half the market has as fast as any other.
const Most = 1000

// ByRelevance sorts by where the words stand, and by downloads.
const ByRelevance Order = "relevance"

// Query is what to search for. Zero fields do not matter.
type Query struct {
	Text   string
	Facets map[string]string // by the names of Facets
	Sort   Order             // ByRelevance, ByTrend, ByDownloads, ByUpdated, BySize (smallest first); ByRelevance if ""
	Offset int
	Limit  int // 20 if 0
}

// Count is how many packages of a search have a value.
type Count struct {
	Value string
	N     int
}

// Found is what a search has found.
type Found struct {
	Packages []*Repository // this page of them
	Total    int
	Capped   bool               // there are more than Total, which are not ranked
	Counts   map[string][]Count // by facet but Language, the most frequent value first
}

// Search finds packages that who may see, by words in Chinese or English. ErrInvalid for an order or a facet that
// there is not.
func (c *Catalogue) Search(ctx context.Context, who Caller, s Query) (*Found, error) {
	if s.Sort == "" {
		s.Sort = ByRelevance
	}
	if s.Limit <= 0 {
		s.Limit = 20
	}
	if len(s.Text) > 1000 {
		return nil, hint.Errorf("use fewer words", "a search of %d bytes: %w", len(s.Text), ErrInvalid)
	}
	words, err := cut(s.Text, false)
	if err != nil {
		return nil, wrap(err, "searching")
	}
	if len(words) > 12 {
		return nil, hint.Errorf("use 12 at most", "a search for %d words: %w", len(words), ErrInvalid)
	}
	if len(words) == 0 && strings.TrimSpace(s.Text) != "" {
		return &Found{}, nil
	}
	var facets []string
	for facet, value := range s.Facets {
		if Facets[facet] == nil {
			return nil, hint.Errorf("see catalogue.Facets", "the facet %.40q: %w", facet, ErrInvalid)
		}
		facets = append(facets, facetWord(facet, value))
	}
	trend, err := c.candidates(ctx, who, s.Sort, c.matching(words, facets))
	if err != nil {
		return nil, wrap(err, "searching")
	}
	f := &Found{Total: len(trend), Capped: len(trend) > Most, Counts: map[string][]Count{}}
	if f.Capped {
		trend = trend[:Most]
		f.Total = Most
	}
	rank(trend, s.Sort, words)
	f.count(trend)
	lo := min(max(s.Offset, 0), len(trend))
	for _, t := range trend[lo:min(lo+s.Limit, len(trend))] {
		t.May, err = c.rights(c.reading(ctx), who, t.Repository)
		if err == nil {
			t.Labels, err = c.labels(c.reading(ctx), t.ID)
		}
		if err != nil {
			return nil, wrap(err, "searching")
		}
		f.Packages = append(f.Packages, t.Repository)
	}
	return f, nil
}

// candidate is a repository with its downloads and likes of the last week.
type candidate struct {
	*Repository
	trend int64
}

// candidates returns up to Most+1 repositories that match and that who may see.
func (c *Catalogue) candidates(ctx context.Context, who Caller, by Order, match string) (list []candidate, err error) {
	where, args := visible(who)
	from, order := repositoryTables, map[Order]string{ByRelevance: "r.downloads DESC", ByTrend: "r.downloads DESC", ByDownloads: "r.downloads DESC", ByUpdated: "r.updated DESC", BySize: "r.size"}[by]
	if order == "" {
		return nil, hint.Errorf("it is relevance, trend, downloads, updated or size", "the order %.40q: %w", by, ErrInvalid)
	}
	trending := fmt.Sprintf("(SELECT COALESCE(SUM(n), 0) FROM downloads_by_day d WHERE d.repository_id = r.id AND d.day > %d)", day(c.now())-7)
	if by != ByTrend {
		trending = "0"
	}
	switch {
	case match != "" && c.postgres:
		from, order = " FROM words w JOIN repositories r ON r.id = w.repository_id JOIN accounts a ON a.id = r.owner_id", "r.id DESC"
		where = append(where, "w.text @@ CAST(? AS TSQUERY)")
		args = append(args, match)
	case match != "":
		from, order = " FROM words w CROSS JOIN repositories r ON r.id = w.rowid CROSS JOIN accounts a ON a.id = r.owner_id", "w.rowid DESC"
		where = append(where, "words MATCH ?")
		args = append(args, match)
	case by == ByTrend:
		from = fmt.Sprintf(" FROM (SELECT repository_id, SUM(n) AS n FROM downloads_by_day WHERE day > %d GROUP BY repository_id ORDER BY n DESC LIMIT %d) t JOIN repositories r ON r.id = t.repository_id JOIN accounts a ON a.id = r.owner_id", day(c.now())-7, 2*Most)
		order = "t.n DESC"
	}
	statement := fmt.Sprintf("SELECT %s, %s AS trend%s WHERE %s ORDER BY %s LIMIT %d", repositoryColumns, trending, from, strings.Join(where, " AND "), order, Most+1)
	q := c.reading(ctx)
	err = q.rows(statement, args, func(scan func(...any) error) error {
		var t candidate
		t.Repository, err = scanRepository(func(into ...any) error { return scan(append(into, &t.trend)...) })
		list = append(list, t)
		return err
	})
	if err != nil || by != ByTrend || match != "" || len(list) > Most {
		return list, err
	}
	// What nobody has downloaded of late comes after all that somebody has.
	others, err := c.candidates(ctx, who, ByDownloads, "")
	for _, o := range others {
		if len(list) <= Most && !slices.ContainsFunc(list, func(t candidate) bool { return t.ID == o.ID }) {
			list = append(list, o)
		}
	}
	return list, err
}

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

// rank sorts in place; the newer of equals comes first.
func rank(list []candidate, by Order, words []string) {
	scores := make(map[int64]float64, len(list))
	for _, t := range list {
		switch by {
		case ByRelevance:
			scores[t.ID] = relevance(t.Repository, words)
		case ByTrend:
			scores[t.ID] = float64(t.trend)
		case ByDownloads:
			scores[t.ID] = float64(t.Downloads)
		case ByUpdated:
			scores[t.ID] = float64(stamp(t.Updated))
		case BySize:
			scores[t.ID] = -float64(t.Size)
		}
	}
	slices.SortStableFunc(list, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(scores[b.ID], scores[a.ID]), b.Updated.Compare(a.Updated))
	})
}

// relevance is higher where the words stand in the name than in the title, there than in the task, and elsewhere; a
// word in the name weighs as much as 10,000 times the downloads.
func relevance(r *Repository, words []string) float64 {
	score := math.Log10(1 + float64(r.Downloads))
	task := Tasks[r.Task]
	fields := []struct {
		text   string
		weight float64
	}{{strings.ToLower(r.Name), 4}, {strings.ToLower(r.Title), 3}, {strings.ToLower(r.Task + " " + task[0] + " " + task[1]), 2}, {strings.ToLower(r.Description), 1}}
	for _, w := range words {
		for _, f := range fields {
			if strings.Contains(f.text, w) {
				score += f.weight
				break
			}
		}
	}
	return score
}

// count counts the values of the facets that a row of the table has; those of labels would cost a query a package.
func (f *Found) count(list []candidate) {
	for facet, values := range Facets {
		n := map[string]int{}
		for _, t := range list {
			for _, v := range values(t.Repository) {
				n[v]++
			}
		}
		for v, k := range n {
			f.Counts[facet] = append(f.Counts[facet], Count{v, k})
		}
		slices.SortFunc(f.Counts[facet], func(a, b Count) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Value, b.Value)) })
	}
}
