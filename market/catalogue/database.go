package catalogue

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// Most is up to how many matches are ranked and counted where the database searches; of more it takes the newest.
const Most = 500

// finder searches in the database: while a server's index in memory is not ready, and for programs that have none.
type finder struct {
	c    *Catalogue
	q    queries
	who  Caller
	seen []string // one of these words has what who may see; none where that is all
}

// find counts in found what matches, and returns the numbers of the page that is asked for.
func (f *finder) find(found *Found, t *terms, s Query) (page []int64, err error) {
	groups := slices.Clone(t.words)
	for facet, value := range s.Facets {
		groups = append(groups, []string{facetWord(facet, value)})
	}
	ids, err := f.ids(groups, Most+1)
	if err != nil {
		return nil, err
	}
	var list []*candidate
	if found.Estimated = len(ids) > Most; found.Estimated && len(groups) == 0 {
		list, err = f.first(s.Sort, max(s.Offset+s.Limit, Most))
	} else {
		list, err = f.load(ids)
	}
	if err != nil {
		return nil, err
	}
	rank(list, s.Sort, t.words)
	found.Total = min(len(list), Most)
	found.count(list)
	for _, r := range list[min(s.Offset, len(list)):min(s.Offset+s.Limit, len(list))] {
		page = append(page, r.ID)
	}
	return page, nil
}

// candidate is what ranking and counting need of a repository: the fields of candidateColumns.
type candidate = Repository

const candidateColumns = "r.id, r.name, r.title, r.kind, r.task, r.licence, r.family, r.size, r.latency, r.downloads, r.trend, r.rating, r.updated, r.facets"

func scanCandidate(scan func(...any) error) (*candidate, error) {
	var r candidate
	var facets string
	err := scan(&r.ID, &r.Name, &r.Title, &r.Kind, &r.Task, &r.Licence, &r.Family, &r.Size, &r.Latency, &r.Downloads, &r.Trend, &r.Rating, timeColumn{&r.Updated}, &facets)
	for facet := range strings.FieldsSeq(facets) {
		if r.Labels == nil {
			r.Labels = map[string][]string{}
		}
		name, value, _ := strings.Cut(facet, "=")
		r.Labels[name] = append(r.Labels[name], value)
	}
	return &r, err
}

// ids returns up to limit repositories that have a word of each group and that who may see. In SQLite they are the newest.
func (f *finder) ids(groups [][]string, limit int) (list []int64, err error) {
	if len(f.seen) > 0 {
		groups = append(slices.Clip(groups), f.seen)
	}
	statement, args := "SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?", []any{f.c.expression(groups), limit}
	switch {
	case len(groups) == 0:
		statement, args = "SELECT id FROM repositories WHERE kind <> '' LIMIT ?", args[1:]
	case f.c.postgres:
		statement = "SELECT repository_id FROM words WHERE text @@ CAST(? AS TSQUERY) LIMIT ?"
	}
	err = f.q.rows(statement, args, func(scan func(...any) error) error {
		var id int64
		err := scan(&id)
		list = append(list, id)
		return err
	})
	return list, err
}

// load returns repositories by their numbers, in no order; only what who may see, whatever the index says.
func (f *finder) load(ids []int64) ([]*candidate, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	where, args := visible(f.who)
	in, numbers := listed(ids)
	return f.rows("SELECT "+candidateColumns+" FROM repositories r WHERE "+strings.Join(append(where, "r.id"+in), " AND "), append(args, numbers...))
}

// listed is the condition of being one of some numbers, and those as its arguments: PostgreSQL reads a statement once
// that is the same for others.
func listed(ids []int64) (condition string, args []any) {
	for _, id := range ids {
		args = append(args, id)
	}
	return " IN (?" + strings.Repeat(", ?", len(ids)-1) + ")", args
}

func (f *finder) rows(statement string, args []any) (list []*candidate, err error) {
	err = f.q.rows(statement, args, func(scan func(...any) error) error {
		r, err := scanCandidate(scan)
		list = append(list, r)
		return err
	})
	return list, err
}

// first returns the first of an order that an index has, for searches without words and facets.
func (f *finder) first(by Order, limit int) ([]*candidate, error) {
	where, args := visible(f.who)
	order := map[Order]string{ByRelevance: "r.downloads DESC, r.updated DESC", ByDownloads: "r.downloads DESC, r.updated DESC", ByTrend: "r.trend DESC, r.downloads DESC, r.updated DESC",
		ByUpdated: "r.updated DESC", ByRating: "r.rating DESC, r.updated DESC", BySize: "r.size, r.updated", ByLatency: "r.latency, r.updated"}[by]
	if by == ByLatency {
		where = append(where, "r.latency > 0")
	}
	return f.rows("SELECT "+candidateColumns+" FROM repositories r WHERE "+strings.Join(where, " AND ")+" ORDER BY "+order+" LIMIT ?", append(args, limit))
}

// rank sorts in place; the newer of equals comes first, then the one with the higher number.
func rank(list []*candidate, by Order, words [][]string) {
	scores := make(map[int64]float64, len(list))
	for _, r := range list {
		switch by {
		case ByRelevance:
			scores[r.ID] = relevance(r, words)
		case ByTrend:
			scores[r.ID] = trending(r)
		case ByDownloads:
			scores[r.ID] = float64(r.Downloads)
		case ByUpdated:
			scores[r.ID] = float64(stamp(r.Updated))
		case BySize:
			scores[r.ID] = -float64(r.Size)
		case ByLatency:
			scores[r.ID] = fastest(r.Latency)
		case ByRating:
			scores[r.ID] = r.Rating
		}
	}
	slices.SortStableFunc(list, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(scores[b.ID], scores[a.ID]), b.Updated.Compare(a.Updated), cmp.Compare(b.ID, a.ID))
	})
}

// What a word weighs in a name, in a title and in a task, where a tenfold of downloads weighs 1.
const (
	nameWeight  = 4
	titleWeight = 3
	taskWeight  = 2
)

// relevance is higher where the words stand in the name than in the title, there than in the task, and elsewhere; a
// word in the name weighs as much as 10,000 times the downloads. Each word is one of several that will do.
func relevance(r *Repository, words [][]string) float64 {
	score := math.Log10(1 + float64(r.Downloads))
	fields := []struct {
		text   string
		weight float64
	}{{folded(r.Name), nameWeight}, {folded(r.Title), titleWeight}, {folded(taskText(r.Task)), taskWeight}}
	for _, group := range words {
		for _, f := range fields {
			if slices.ContainsFunc(group, func(w string) bool { return strings.Contains(f.text, strings.TrimSuffix(w, "*")) }) {
				score += f.weight
				break
			}
		}
	}
	return score
}

// trending is what is sorted by trend: of equals, the one with more downloads comes first.
func trending(r *Repository) float64 {
	return float64(r.Trend) + math.Log10(1+float64(r.Downloads))/100
}

// fastest is what is sorted by latency: what is not known comes last.
func fastest(latency float64) float64 {
	if latency == 0 {
		return math.Inf(-1)
	}
	return -latency
}
