package catalogue

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/market/index"
)

// What terms of the index in memory begin with: a word of a package, one of its name, of its title, of its task; a value
// of a facet in lower case, and as it is written where that is something else; who may see it.
const (
	inAll    = "w"
	inName   = "n"
	inTitle  = "t"
	inTask   = "k"
	inFacet  = "f"
	asIs     = "c"
	forSight = "v"
)

func facetTerm(kind, facet, value string) string { return kind + facet + "\x00" + value }

// rules changes when terms do: an index that was saved by other rules is made anew.
var rules = sync.OnceValue(func() string {
	const version = 1
	h := fnv.New64a()
	fmt.Fprint(h, version, Tasks, pairs)
	return hex.EncodeToString(h.Sum(nil))
})

// sum is of all that a package's terms are made of.
func sum(r *Repository) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%q", []string{r.Owner, r.Name, r.Title, r.Description, r.Task, r.Library, r.Family, r.Licence, string(r.Kind), sizeClass(r.Size), latencyClass(r.Latency)})
	fmt.Fprintf(h, "%d %t %q", r.OwnerID, r.Private, r.Labels)
	return h.Sum64()
}

// document is a package as the index has it.
func document(r *Repository) (index.Document, error) {
	d := index.Document{ID: r.ID, Sum: sum(r), Keys: keys(r)}
	words, err := wordsOf(r)
	if err != nil {
		return d, err
	}
	for _, w := range words {
		d.Terms = append(d.Terms, inAll+w)
	}
	for _, part := range [][2]string{{inName, r.Name}, {inTitle, r.Title}, {inTask, taskText(r.Task)}} {
		words, err := cut(part[1], true)
		if err != nil {
			return d, err
		}
		for _, w := range words {
			d.Terms = append(d.Terms, part[0]+w)
		}
	}
	for facet, values := range Facets {
		for _, v := range values(r) {
			lower := strings.ToLower(v)
			if d.Terms = append(d.Terms, facetTerm(inFacet, facet, lower)); v != lower {
				d.Terms = append(d.Terms, facetTerm(asIs, facet, v))
			}
		}
	}
	for _, w := range sight(r) {
		d.Terms = append(d.Terms, forSight+w)
	}
	slices.Sort(d.Terms)
	d.Terms = slices.Compact(d.Terms)
	return d, nil
}

// find counts in found what matches, and returns the numbers of the page that is asked for.
func (l *live) find(found *Found, t *terms, seen []string, s Query) []int64 {
	q := index.Query{All: sightTerms(seen), Skip: s.Offset, Take: s.Limit}
	if q.Column = slices.Index(columns, s.Sort); q.Column < 0 {
		q.Column = slices.Index(columns, ByDownloads)
	}
	for _, group := range t.words {
		q.All = append(q.All, l.terms(inAll, group))
		if s.Sort == ByRelevance {
			q.Words = append(q.Words, index.Word{{Weight: nameWeight, Terms: l.terms(inName, group)}, {Weight: titleWeight, Terms: l.terms(inTitle, group)}, {Weight: taskWeight, Terms: l.terms(inTask, group)}})
		}
	}
	for facet, value := range s.Facets {
		q.All = append(q.All, []string{facetTerm(inFacet, facet, strings.ToLower(value))})
	}
	for facet := range Facets {
		if facet != "owner" {
			q.Count = append(q.Count, facetTerm(inFacet, facet, ""), facetTerm(asIs, facet, ""))
		}
	}
	f := l.index.Find(q)
	found.Total = f.Total
	written := map[string]int{} // in other letters than lower case
	for term, n := range f.Counts {
		facet, value, _ := strings.Cut(term[1:], "\x00")
		if term[:1] == asIs {
			found.Counts[facet] = append(found.Counts[facet], Count{strings.Clone(value), n})
			written[facetTerm(inFacet, facet, strings.ToLower(value))] += n
		}
	}
	for term, n := range f.Counts {
		facet, value, _ := strings.Cut(term[1:], "\x00")
		if n -= written[term]; term[:1] == inFacet && n > 0 {
			found.Counts[facet] = append(found.Counts[facet], Count{strings.Clone(value), n})
		}
	}
	for facet := range found.Counts {
		found.sort(facet)
	}
	return f.IDs
}

// sightTerms is the condition of being one of what somebody may see.
func sightTerms(seen []string) [][]string {
	if len(seen) == 0 {
		return nil
	}
	return [][]string{sightOf(seen)}
}

func sightOf(seen []string) []string {
	list := make([]string, len(seen))
	for i, w := range seen {
		list[i] = forSight + w
	}
	return list
}

// terms are words of one kind; of one with a star, all that begin with it.
func (l *live) terms(kind string, words []string) (list []string) {
	for _, w := range words {
		begin, open := strings.CutSuffix(w, "*")
		if !open {
			list = append(list, kind+w)
			continue
		}
		l.index.Each(kind+begin, func(term string, _ int) bool {
			list = append(list, term)
			return true
		})
	}
	return list
}

// similar returns the rarest of a package's words, and packages that share one of them or the task; some of them twice.
func (l *live) similar(of *Repository, words, seen []string) (rare []string, ids []int64) {
	count := map[string]int{}
	for _, w := range words {
		count[w] = l.index.Documents(inAll + w)
	}
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Compare(count[a], count[b]) })
	rare = words[:min(similarWords, len(words))]
	for _, any := range [][]string{l.terms(inAll, rare), {facetTerm(inFacet, "task", strings.ToLower(of.Task))}} {
		all := append(sightTerms(seen), any, []string{facetTerm(inFacet, "kind", string(of.Kind))})
		ids = append(ids, l.index.Find(index.Query{All: all, Column: slices.Index(columns, ByUpdated), Take: similarMost - len(ids)}).IDs...)
	}
	return rare, ids
}

// wordsInMemory is the vocabulary of an index, as far as somebody may see the packages.
type wordsInMemory struct {
	index *index.Index
	seen  []string
}

func (v *wordsInMemory) has(word string) (bool, error) {
	return v.index.Meets(inAll+word, sightOf(v.seen)), nil
}

// begin leaves out words that only packages have which one must not know of, unless they begin with what was typed: those
// are never told, and their packages not found.
func (v *wordsInMemory) begin(prefix string, most int, merit func(word string) float64) (words []string, packages float64, err error) {
	var list ranking
	v.index.Each(inAll+prefix, func(term string, documents int) bool {
		word := term[len(inAll):]
		packages += float64(documents)
		if list.add(word, math.Log2(float64(max(documents, 1))), merit(word)); len(list) == lookedAt {
			list.sort()
			list = list[:lookedAt/10]
		}
		return true
	})
	list.sort()
	for _, e := range list {
		if len(words) == most {
			break
		}
		if known, _ := v.has(e.word); known || len(prefix) > 1 {
			words = append(words, strings.Clone(e.word))
		}
	}
	return words, packages, nil
}
