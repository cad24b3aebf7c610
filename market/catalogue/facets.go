package catalogue

import (
	"cmp"
	"slices"
	"strings"
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

// count counts the values of the facets in a list.
func (f *Found) count(list []*candidate) {
	for facet, values := range Facets {
		if facet == "owner" { // too many to choose from
			continue
		}
		n := map[string]int{}
		for _, r := range list {
			for _, v := range values(r) {
				n[v]++
			}
		}
		for v, k := range n {
			f.Counts[facet] = append(f.Counts[facet], Count{v, k})
		}
		f.sort(facet)
	}
}

// sort sorts the counts of a facet.
func (f *Found) sort(facet string) {
	slices.SortFunc(f.Counts[facet], func(a, b Count) int { return cmp.Or(b.N-a.N, cmp.Compare(a.Value, b.Value)) })
}
