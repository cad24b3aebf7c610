package catalogue

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"
)

// LastRepository is the highest number that a repository has had.
func (c *Catalogue) LastRepository(ctx context.Context) (id int64, err error) {
	return id, wrap(c.reading(ctx).row("SELECT COALESCE(MAX(id), 0) FROM repositories", nil, &id), "listing packages")
}

// EachPublic calls f for each repository that everybody may see, of those with the numbers from on to below to.
func (c *Catalogue) EachPublic(ctx context.Context, from, to int64, f func(fullName string, updated time.Time) error) error {
	where, args := visible(Caller{})
	return wrap(c.reading(ctx).rows("SELECT a.name, r.name, r.updated"+repositoryTables+" WHERE "+strings.Join(where, " AND ")+" AND r.id >= ? AND r.id < ? ORDER BY r.id", append(args, from, to), func(scan func(...any) error) error {
		var owner, name string
		var updated time.Time
		if err := scan(&owner, &name, timeColumn{&updated}); err != nil {
			return err
		}
		return f(owner+"/"+name, updated)
	}), "listing packages")
}

// Others that are like a package are looked for by so many of its words, the rarest, and so many are compared: the newest
// that have one of those, and then the newest of the task.
const (
	similarWords = 6
	similarMost  = 60
)

// Similar lists repositories of the same kind that who may see and that share words of title, name and tags, their task,
// family, language or origin with one; the one that shares the most comes first.
func (c *Catalogue) Similar(ctx context.Context, who Caller, of *Repository, limit int) ([]*Repository, error) {
	q := c.reading(ctx)
	words, err := cut(strings.Join(append([]string{of.Name, of.Title}, of.Labels[Tag]...), "\n"), false)
	if err != nil || len(words) == 0 {
		return nil, err
	}
	memory, err := c.memory(ctx)
	if err != nil {
		return nil, wrap(err, "what is like %s", of.FullName())
	}
	find := &finder{c: c, q: q, who: who}
	if find.seen, err = c.visibility(q, who); err != nil {
		return nil, wrap(err, "what is like %s", of.FullName())
	}
	words = slices.DeleteFunc(words, func(w string) bool { return len(w) < 2 })
	var ids []int64
	if memory != nil {
		words, ids = memory.similar(of, words, find.seen)
	} else if words, ids, err = find.similar(of, words); err != nil {
		return nil, wrap(err, "what is like %s", of.FullName())
	}
	list, err := find.load(ids)
	if err != nil {
		return nil, wrap(err, "what is like %s", of.FullName())
	}
	list = slices.DeleteFunc(list, func(r *Repository) bool { return r.ID == of.ID })
	likeness := map[int64]int{}
	for _, r := range list {
		likeness[r.ID] = alike(of, r, words)
	}
	slices.SortStableFunc(list, func(a, b *Repository) int {
		return cmp.Or(cmp.Compare(likeness[b.ID], likeness[a.ID]), cmp.Compare(b.Downloads, a.Downloads))
	})
	ids = ids[:0]
	for _, r := range list[:min(limit, len(list))] {
		ids = append(ids, r.ID)
	}
	full, err := c.whole(q, who, ids)
	return full, wrap(err, "what is like %s", of.FullName())
}

// alike counts what two repositories share; words are those of the first.
func alike(a, b *Repository, words []string) (n int) {
	text := folded(b.Name + " " + b.Title)
	for _, w := range words {
		if strings.Contains(text, w) {
			n += 2
		}
	}
	if a.Task != "" && a.Task == b.Task {
		n += 2
	}
	if a.Family != "" && a.Family == b.Family {
		n++
	}
	if slices.ContainsFunc(a.Labels[Language], func(l string) bool { return slices.Contains(b.Labels[Language], l) }) {
		n++
	}
	return n
}

// similar returns the rarest of a package's words, and packages that share one of them or the task; some of them twice.
func (f *finder) similar(of *Repository, words []string) (rare []string, ids []int64, err error) {
	levels := map[string]int{}
	args := []any{""}
	for _, w := range words {
		args = append(args, w)
	}
	err = f.q.rows("SELECT word, level FROM vocabulary WHERE word IN (?"+strings.Repeat(", ?", len(words))+")", args, func(scan func(...any) error) error {
		var w string
		var level int
		err := scan(&w, &level)
		levels[w] = level
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Compare(levels[a], levels[b]) })
	rare = words[:min(similarWords, len(words))]
	for _, any := range [][]string{rare, {facetWord("task", of.Task)}} {
		if len(any) == 0 {
			continue
		}
		more, err := f.ids([][]string{any, {facetWord("kind", string(of.Kind))}}, similarMost-len(ids))
		if err != nil {
			return nil, nil, err
		}
		ids = append(ids, more...)
	}
	return rare, ids, nil
}
