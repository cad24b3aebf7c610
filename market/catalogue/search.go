package catalogue

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Facets are what a search can be narrowed by: the values of a repository.
var Facets = map[string]func(*Repository) []string{
	"kind":     func(r *Repository) []string { return []string{string(r.Kind)} },
	"task":     func(r *Repository) []string { return some(r.Task) },
	Language:   func(r *Repository) []string { return r.Labels[Language] },
	"licence":  func(r *Repository) []string { return some(r.Licence) },
	"family":   func(r *Repository) []string { return some(r.Family) },
	"size":     func(r *Repository) []string { return []string{sizeClass(r.Size)} },
	"latency":  func(r *Repository) []string { return some(latencyClass(r.Latency)) },
	"owner":    func(r *Repository) []string { return []string{r.Owner} },
	"verified": func(r *Repository) []string { return r.Labels["verified"] },
	"signed":   func(r *Repository) []string { return r.Labels["signed"] },
}

// labelFacets are those whose values are labels; a search finds them in the column facets.
var labelFacets = []string{Language, "verified", "signed"}

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

// Classes of latencies that cards tell, for one text.
const (
	Under1ms   = "<1ms"
	Under10ms  = "<10ms"
	Under100ms = "<100ms"
	Over100ms  = ">100ms"
)

// latencyClass is "" where no latency is known.
func latencyClass(milliseconds float64) string {
	switch {
	case milliseconds <= 0:
		return ""
	case milliseconds < 1:
		return Under1ms
	case milliseconds < 10:
		return Under10ms
	case milliseconds < 100:
		return Under100ms
	}
	return Over100ms
}

// Most is up to how many packages a search ranks and counts all of what matches. Of more it ranks the best classes of its
// order (see tiers) and estimates the counts from a sample, so that a search for a word that half the market has is as
// fast as any other. Deep is up to where results can be paged through.
const (
	Most = 500
	Deep = 10_000

	sampled = 200 // packages of a sample, at most
	atOnce  = 8   // classes that are asked for at once
)

// ByRelevance sorts by where the words stand, and by downloads. ByLatency sorts by what cards tell, the fastest first.
const (
	ByRelevance Order = "relevance"
	ByLatency   Order = "latency"
)

// Orders are those of a search.
var Orders = []Order{ByRelevance, ByTrend, ByDownloads, ByUpdated, BySize, ByLatency}

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
	Estimated bool               // Total and Counts are about so many: more than Most match
	Counts    map[string][]Count // by facet, the most frequent value first
	Instead   string             // what was searched for in place of words that no package has, "" if all are known
}

// Search finds packages that who may see, by words in Chinese or English. ErrInvalid for an order or a facet that
// there is not.
func (c *Catalogue) Search(ctx context.Context, who Caller, s Query) (*Found, error) {
	s.Sort, s.Limit, s.Offset = cmp.Or(s.Sort, ByRelevance), cmp.Or(max(s.Limit, 0), 20), max(s.Offset, 0)
	if !slices.Contains(Orders, s.Sort) {
		return nil, hint.Errorf("it is relevance, trend, downloads, updated, size or latency", "the order %.40q: %w", s.Sort, ErrInvalid)
	}
	q := c.reading(ctx)
	terms, instead, err := c.terms(q, s)
	if err != nil {
		return nil, err
	}
	f := &Found{Counts: map[string][]Count{}, Instead: instead}
	if terms == nil || s.Offset >= Deep {
		return f, nil
	}
	find := &finder{c: c, q: q, who: who, terms: terms, sort: s.Sort}
	if find.seen, err = c.visibility(q, who); err != nil {
		return nil, wrap(err, "searching")
	}
	list, err := find.candidates(f, min(s.Offset+s.Limit, Deep))
	if err != nil {
		return nil, wrap(err, "searching")
	}
	rank(list, s.Sort, terms.words)
	lo := min(s.Offset, len(list))
	f.Packages, err = c.whole(q, who, list[lo:min(lo+s.Limit, len(list))])
	return f, wrap(err, "searching")
}

// candidate is what ranking and counting need of a repository: the fields of candidateColumns.
type candidate = Repository

const candidateColumns = "r.id, r.name, r.title, r.kind, r.task, r.licence, r.family, r.size, r.latency, r.downloads, r.trend, r.updated, r.facets"

func scanCandidate(scan func(...any) error) (*candidate, error) {
	var r candidate
	var facets string
	err := scan(&r.ID, &r.Name, &r.Title, &r.Kind, &r.Task, &r.Licence, &r.Family, &r.Size, &r.Latency, &r.Downloads, &r.Trend, timeColumn{&r.Updated}, &facets)
	for facet := range strings.FieldsSeq(facets) {
		if r.Labels == nil {
			r.Labels = map[string][]string{}
		}
		name, value, _ := strings.Cut(facet, "=")
		r.Labels[name] = append(r.Labels[name], value)
	}
	return &r, err
}

// facetsColumn is what scanCandidate reads the facets of labels from.
func facetsColumn(labels map[string][]string) string {
	var list []string
	for _, name := range labelFacets {
		for _, v := range labels[name] {
			list = append(list, name+"="+strings.Join(strings.Fields(v), "_"))
		}
	}
	return strings.Join(list, " ")
}

// finder asks the database for candidates of one search.
type finder struct {
	c     *Catalogue
	q     queries
	who   Caller
	terms *terms
	seen  []string // one of these words has what who may see; none where that is all
	sort  Order
}

// candidates returns what is to be ranked, so that the first want are right, and counts it in found.
func (f *finder) candidates(found *Found, want int) ([]*candidate, error) {
	key := f.c.expression(append(slices.Clip(f.terms.groups), f.seen))
	crowd, known := f.c.crowds.get(key, f.c.now())
	if !known {
		ids, err := f.ids(f.terms.groups, Most+1)
		if err != nil {
			return nil, err
		}
		if len(ids) <= Most {
			list, err := f.load(ids)
			found.Total = len(list)
			found.count(list, 1)
			return list, err
		}
		if crowd, err = f.estimate(); err != nil {
			return nil, err
		}
	}
	found.Estimated = true
	found.Total, found.Counts = crowd.total, crowd.counts
	if ids := crowd.best[f.sort]; len(ids) >= want {
		return f.load(ids)
	}
	var list []*candidate
	var err error
	if f.terms.none() {
		list, err = f.first(max(want, sampled))
	} else {
		list, err = f.best(want)
	}
	if err == nil && want <= sampled {
		rank(list, f.sort, f.terms.words)
		if crowd.best = maps.Clone(crowd.best); crowd.best == nil {
			crowd.best = map[Order][]int64{}
		}
		crowd.best[f.sort] = nil
		for _, r := range list[:min(len(list), sampled)] {
			crowd.best[f.sort] = append(crowd.best[f.sort], r.ID)
		}
	}
	f.c.crowds.put(key, crowd)
	return list, err
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
	return f.rows("SELECT "+candidateColumns+" FROM repositories r WHERE "+strings.Join(append(where, "r.id"+listed(ids)), " AND "), args)
}

// listed is the condition of being one of some numbers.
func listed(ids []int64) string {
	var b strings.Builder
	for i, id := range ids {
		b.WriteString(map[bool]string{true: " IN (", false: ", "}[i == 0])
		b.WriteString(strconv.FormatInt(id, 10))
	}
	return b.String() + ")"
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
func (f *finder) first(limit int) ([]*candidate, error) {
	where, args := visible(f.who)
	order := map[Order]string{ByRelevance: "r.downloads DESC, r.updated DESC", ByDownloads: "r.downloads DESC, r.updated DESC", ByTrend: "r.trend DESC, r.downloads DESC, r.updated DESC",
		ByUpdated: "r.updated DESC", BySize: "r.size, r.updated", ByLatency: "r.latency, r.updated"}[f.sort]
	if f.sort == ByLatency {
		where = append(where, "r.latency > 0")
	}
	return f.rows("SELECT "+candidateColumns+" FROM repositories r WHERE "+strings.Join(where, " AND ")+" ORDER BY "+order+" LIMIT ?", append(args, limit))
}

// best returns the best candidates of the order, n or more: class after class, until there are enough. All members of a
// class come in, but where it alone has more than that; there the newest do.
func (f *finder) best(n int) ([]*candidate, error) {
	steps, err := f.c.tiers(f.q, f.sort)
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	var ids []int64
	take := func(found []int64) {
		for _, id := range found {
			if !seen[id] {
				seen[id] = true
				ids = append(ids, id)
			}
		}
	}
	limit := max(n, sampled)
	var gather func(groups [][]string, classes []string, want int) error
	gather = func(groups [][]string, classes []string, want int) error {
		if len(ids) >= want || len(classes) == 0 {
			return nil
		}
		found, err := f.ids(append(slices.Clip(groups), classes), limit)
		if err != nil {
			return err
		}
		if len(found) < limit || len(classes) == 1 {
			take(found)
			return nil
		}
		half := len(classes) / 2 // so many that it matters which
		if err := gather(groups, classes[:half], want); err != nil {
			return err
		}
		return gather(groups, classes[half:], want)
	}
	all := func(groups [][]string, want int) error {
		for classes := range slices.Chunk(steps, atOnce) {
			if err := gather(groups, classes, want); err != nil {
				return err
			}
		}
		return nil
	}
	if f.sort == ByRelevance && len(f.terms.words) > 0 { // first those that have the words in their names
		if err := all(f.terms.inNames(), n); err != nil {
			return nil, err
		}
	}
	if err := all(f.terms.groups, max(n, len(ids)+1)); err != nil {
		return nil, err
	}
	return f.load(ids)
}

// estimate counts a sample of what matches, of one package in 64, 512 or 4,096.
func (f *finder) estimate() (crowd, error) {
	for i, every := range sampling {
		sample, err := f.ids(append(slices.Clip(f.terms.groups), []string{sampleWord(every)}), sampled+1)
		if err != nil {
			return crowd{}, err
		}
		if len(sample) > sampled && i < len(sampling)-1 {
			continue
		}
		list, err := f.load(sample)
		if err != nil {
			return crowd{}, err
		}
		found := &Found{Counts: map[string][]Count{}}
		found.count(list, every)
		return crowd{total: max(rounded(len(sample)*every), Most+1), counts: found.Counts, at: f.c.now()}, nil
	}
	return crowd{}, nil
}

// crowd is what is known of a search that matches more than Most packages: how many, how many of which values, and the
// best of each order that somebody has asked for.
type crowd struct {
	total  int
	counts map[string][]Count
	best   map[Order][]int64
	at     time.Time
}

// crowds remembers some for half a minute, by what was searched for: a package more or less makes no difference there.
// What it holds is never changed.
type crowds struct {
	mu sync.Mutex
	by map[string]crowd
}

const remembered = 30 * time.Second

func (c *crowds) get(key string, now time.Time) (crowd, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.by[key]
	return found, ok && now.Sub(found.at) < remembered
}

func (c *crowds) put(key string, x crowd) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.by) >= 1000 || c.by == nil {
		c.by = map[string]crowd{}
	}
	c.by[key] = x
}

// rounded keeps two digits: an estimate has no more.
func rounded(n int) int {
	unit := 1
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// whole returns repositories with all their fields, in the order of a list.
func (c *Catalogue) whole(q queries, who Caller, list []*candidate) ([]*Repository, error) {
	if len(list) == 0 {
		return nil, nil
	}
	ids := make([]any, len(list))
	at := map[int64]int{}
	for i, r := range list {
		ids[i], at[r.ID] = r.ID, i
	}
	in := " IN (?" + strings.Repeat(", ?", len(list)-1) + ")"
	full := make([]*Repository, len(list))
	err := q.rows("SELECT "+repositoryColumns+repositoryTables+" WHERE r.id"+in, ids, func(scan func(...any) error) error {
		r, err := scanRepository(scan)
		if err == nil {
			r.Labels = map[string][]string{}
			full[at[r.ID]] = r
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = q.rows("SELECT repository_id, facet, value FROM labels WHERE repository_id"+in+" ORDER BY repository_id, facet, value", ids, func(scan func(...any) error) error {
		var id int64
		var facet, value string
		err := scan(&id, &facet, &value)
		if r := full[at[id]]; r != nil {
			r.Labels[facet] = append(r.Labels[facet], value)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	full = slices.DeleteFunc(full, func(r *Repository) bool { return r == nil }) // deleted just now
	for _, r := range full {
		if r.May, err = c.rights(q, who, r); err != nil {
			return nil, err
		}
	}
	return full, nil
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

// rank sorts in place; the newer of equals comes first.
func rank(list []*candidate, by Order, words [][]string) {
	scores := make(map[int64]float64, len(list))
	for _, r := range list {
		switch by {
		case ByRelevance:
			scores[r.ID] = relevance(r, words)
		case ByTrend:
			scores[r.ID] = float64(r.Trend) + math.Log10(1+float64(r.Downloads))/100
		case ByDownloads:
			scores[r.ID] = float64(r.Downloads)
		case ByUpdated:
			scores[r.ID] = float64(stamp(r.Updated))
		case BySize:
			scores[r.ID] = -float64(r.Size)
		case ByLatency:
			if scores[r.ID] = -r.Latency; r.Latency == 0 {
				scores[r.ID] = math.Inf(-1)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b *candidate) int {
		return cmp.Or(cmp.Compare(scores[b.ID], scores[a.ID]), b.Updated.Compare(a.Updated))
	})
}

// relevance is higher where the words stand in the name than in the title, there than in the task, and elsewhere; a
// word in the name weighs as much as 10,000 times the downloads. Each word is one of several that will do.
func relevance(r *Repository, words [][]string) float64 {
	score := math.Log10(1 + float64(r.Downloads))
	task := Tasks[r.Task]
	fields := []struct {
		text   string
		weight float64
	}{{folded(r.Name), 4}, {folded(r.Title), 3}, {strings.ToLower(r.Task + " " + task[0] + " " + task[1]), 2}}
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

// count counts the values of the facets in a list of which each stands for several packages.
func (f *Found) count(list []*candidate, each int) {
	for facet, values := range Facets {
		if facet == "owner" { // too many to choose from
			continue
		}
		n := map[string]int{}
		for _, r := range list {
			for _, v := range values(r) {
				n[v] += each
			}
		}
		for v, k := range n {
			if each > 1 {
				k = rounded(k)
			}
			f.Counts[facet] = append(f.Counts[facet], Count{v, k})
		}
		slices.SortFunc(f.Counts[facet], func(a, b Count) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Value, b.Value)) })
	}
}

// tiers are the classes of an order, best first, as words that packages of the class have.
func (c *Catalogue) tiers(q queries, by Order) (steps []string, err error) {
	column := map[Order]string{ByRelevance: "downloads", ByTrend: "trend", ByDownloads: "downloads", ByUpdated: "updated", BySize: "size", ByLatency: "latency"}[by]
	up := by == BySize || by == ByLatency
	ends := [2]float64{}
	for i, order := range []string{"", " DESC"} {
		if err := q.row(fmt.Sprintf("SELECT CAST(COALESCE((SELECT %s FROM repositories ORDER BY %[1]s%s LIMIT 1), 0) AS DOUBLE PRECISION)", column, order), nil, &ends[i]); err != nil {
			return nil, err
		}
	}
	lo, hi := classOf(column, ends[0]), classOf(column, ends[1])
	for class := lo; class <= hi; class++ {
		steps = append(steps, classWord(column, class))
	}
	if !up {
		slices.Reverse(steps)
	} else if by == ByLatency && lo == 0 { // those that tell none come last
		steps = append(steps[1:], steps[0])
	}
	return steps, nil
}

// classOf numbers the class of a value: twice as many downloads, bytes or microseconds are the next class, as is the next
// month.
func classOf(column string, v float64) int {
	switch column {
	case "updated":
		t := when(int64(v))
		return t.Year()*12 + int(t.Month()) - 1
	case "latency":
		v *= 1000
	}
	if v < 1 {
		return 0
	}
	return int(math.Log2(v)) + 1
}

func classWord(column string, class int) string { return fmt.Sprintf("xclass%s%d", column, class) }

// sampling is of which parts of all packages there are samples: one in so many. A smaller sample is part of a larger one.
var sampling = []int{64, 512, 4096}

func sampleWord(every int) string { return fmt.Sprintf("xsample%d", every) }

// classWords are the words by which a repository is found that have to do with ranking, counting and rights alone.
func classWords(r *Repository) (list []string) {
	if r.Kind != "" {
		if list = append(list, ownerWord(r.OwnerID)); !r.Private {
			list = append(list, publicWord)
		}
	}
	for column, v := range map[string]float64{"downloads": float64(r.Downloads), "trend": float64(r.Trend), "size": float64(r.Size), "latency": r.Latency, "updated": float64(stamp(r.Updated))} {
		list = append(list, classWord(column, classOf(column, v)))
	}
	hash := uint64(r.ID) * 0x9E3779B97F4A7C15 >> 32 // numbers that come one after the other have hashes that do not
	for _, every := range sampling {
		if hash%uint64(every) == 0 {
			list = append(list, sampleWord(every))
		}
	}
	return list
}
