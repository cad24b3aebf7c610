package index

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// plain finds by looking at every document.
func plain(documents map[int64]Document, q Query, tie int) (f Found) {
	type scored struct {
		Document
		score float64
	}
	var list []scored
	for _, d := range documents {
		has := func(t string) bool { return slices.Contains(d.Terms, t) }
		if !slices.ContainsFunc(q.All, func(group []string) bool { return !slices.ContainsFunc(group, has) }) {
			score := d.Keys[q.Column]
			if len(q.Words) > 0 {
				score = math.Log10(1 + score)
			}
			for _, w := range q.Words {
				if i := slices.IndexFunc(w, func(f Field) bool { return slices.ContainsFunc(f.Terms, has) }); i >= 0 {
					score += w[i].Weight
				}
			}
			list = append(list, scored{d, score})
		}
	}
	slices.SortFunc(list, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.Keys[tie], a.Keys[tie]), cmp.Compare(b.ID, a.ID))
	})
	f.Total = len(list)
	for _, d := range list {
		for _, t := range d.Terms {
			if slices.ContainsFunc(q.Count, func(prefix string) bool { return strings.HasPrefix(t, prefix) }) {
				if f.Counts == nil {
					f.Counts = map[string]int{}
				}
				f.Counts[t]++
			}
		}
	}
	if q.Take > 0 {
		for _, d := range list[min(q.Skip, len(list)):min(q.Skip+q.Take, len(list))] {
			f.IDs = append(f.IDs, d.ID)
		}
	}
	return f
}

// random makes documents and queries; term w0 is the most frequent.
type random struct{ *rand.Rand }

func (r random) term() string { return fmt.Sprintf("w%d", int(math.Exp2(r.Float64()*7))-1) }

func (r random) document(id int64) Document {
	d := Document{ID: id, Sum: r.Uint64(), Keys: []float64{float64(r.IntN(5)), math.Floor(math.Exp2(r.Float64() * 20)), float64(r.IntN(10))}}
	for range 1 + r.IntN(12) {
		d.Terms = append(d.Terms, r.term())
	}
	d.Terms = append(d.Terms, fmt.Sprintf("f%d", r.IntN(3)))
	if r.IntN(50) == 0 {
		d.Terms = append(d.Terms, fmt.Sprintf("f%d", 1000+r.IntN(1000)))
	}
	slices.Sort(d.Terms)
	d.Terms = slices.Compact(d.Terms)
	return d
}

func (r random) query() Query {
	q := Query{Column: r.IntN(3), Take: r.IntN(30), Count: []string{"f"}}
	if r.IntN(4) == 0 {
		q.Skip = r.IntN(3000)
	}
	for range r.IntN(3) {
		q.All = append(q.All, []string{r.term(), r.term()}[:1+r.IntN(2)])
	}
	if r.IntN(2) == 0 {
		q.Column = 1
		for range 1 + r.IntN(3) {
			q.Words = append(q.Words, Word{{4, []string{r.term()}}, {3, []string{r.term(), r.term()}}, {2, []string{"f1"}}})
		}
	}
	return q
}

func same(t *testing.T, x *Index, documents map[int64]Document, r random, queries int) {
	t.Helper()
	for range queries {
		q := r.query()
		if got, want := x.Find(q), plain(documents, q, 2); !slices.Equal(got.IDs, want.IDs) || got.Total != want.Total || !maps.Equal(got.Counts, want.Counts) {
			t.Fatalf("%+v of %d documents\nfinds %+v\n want %+v", q, len(documents), got, want)
		}
	}
	for range queries {
		term, others := r.term(), []string{r.term(), "f1"}[:r.IntN(3)]
		want := false
		for _, d := range documents {
			want = want || slices.Contains(d.Terms, term) && (len(others) == 0 || slices.ContainsFunc(others, func(t string) bool { return slices.Contains(d.Terms, t) }))
		}
		if got := x.Meets(term, others); got != want {
			t.Fatalf("%s with %q of %d documents: %v", term, others, len(documents), got)
		}
	}
	words := map[string]int{}
	x.Each("w1", func(term string, n int) bool { words[term] = n; return true })
	for _, d := range documents {
		for _, w := range d.Terms {
			if n, ok := words[w]; strings.HasPrefix(w, "w1") && (!ok || n == 0) {
				t.Fatalf("Each does not tell %s", w)
			}
		}
	}
}

// change changes an index and what it should hold.
func change(x *Index, documents map[int64]Document, r random) {
	id := int64(r.IntN(2 * (len(documents) + 10)))
	switch old, there := documents[id]; r.IntN(4) {
	case 0:
		delete(documents, id)
		x.Remove(id)
	case 1:
		if there {
			old.Keys = r.document(id).Keys
			documents[id] = old
			x.Update(id, old.Sum, old.Keys)
		}
	default:
		d := r.document(id)
		documents[id] = d
		x.Put(d)
	}
}

func TestAnIndexFindsWhatLookingAtAllFinds(t *testing.T) {
	for seed := range uint64(6) {
		r := random{rand.New(rand.NewPCG(seed, 1))}
		x, documents := New(3, 2, "f"), map[int64]Document{}
		same(t, x, documents, r, 3)
		for id := range int64(r.IntN(4000)) {
			documents[id*2] = r.document(id * 2)
			x.Put(documents[id*2])
		}
		same(t, x, documents, r, 10)
		for round := range 3 {
			x.Merge(round != 1)
			same(t, x, documents, r, 20)
			for range r.IntN(1000) {
				change(x, documents, r)
			}
			same(t, x, documents, r, 20)
		}
	}
}

func TestClassesOfWeightsAreWhatScoringOneByOneIs(t *testing.T) {
	r := random{rand.New(rand.NewPCG(7, 1))}
	x, documents := New(3, 2, "f"), map[int64]Document{}
	var all []Document
	for id := range int64(small + 5000) {
		documents[id] = r.document(id)
		all = append(all, documents[id])
	}
	x.Put(all...)
	x.Merge(true)
	for range 200 {
		change(x, documents, r)
	}
	for range 8 {
		q := r.query()
		q.All, q.Take, q.Column = nil, 25, 1
		if len(q.Words) == 0 {
			q.Words = []Word{{{4, []string{"w0"}}}}
		}
		if got, want := x.Find(q), plain(documents, q, 2); !slices.Equal(got.IDs, want.IDs) || got.Total != want.Total {
			t.Fatalf("%+v finds\n%v, want\n%v", q, got.IDs, want.IDs)
		}
	}
}

func TestChangesDuringAMergeAreKept(t *testing.T) {
	r := random{rand.New(rand.NewPCG(8, 1))}
	x, documents := New(3, 2, "f"), map[int64]Document{}
	for id := range int64(3000) {
		documents[id] = r.document(id)
		x.Put(documents[id])
	}
	for range 5 {
		done := make(chan bool)
		go func() { done <- x.Merge(true) }()
		for merged := false; !merged; {
			change(x, documents, r)
			same(t, x, documents, r, 1)
			select {
			case merged = <-done:
			default:
			}
		}
		same(t, x, documents, r, 10)
	}
}

func TestUpdateTellsOtherDocuments(t *testing.T) {
	x := New(1, 0)
	x.Put(Document{ID: 1, Sum: 2, Terms: []string{"a"}, Keys: []float64{3}})
	if x.Update(1, 3, []float64{4}) || x.Update(2, 2, []float64{4}) || !x.Update(1, 2, []float64{4}) {
		t.Error("a document with another sum or number is taken for the same")
	}
	x.Remove(1)
	if x.Update(1, 2, []float64{5}) || x.Len() != 0 {
		t.Error("a document that was removed is still there")
	}
}

func TestAFileBringsTheIndexBack(t *testing.T) {
	r := random{rand.New(rand.NewPCG(9, 1))}
	x, documents := New(3, 2, "f"), map[int64]Document{}
	for id := range int64(2000) {
		documents[id] = r.document(id)
		x.Put(documents[id])
	}
	x.Merge(true)
	var file bytes.Buffer
	if err := x.WriteTo(&file, "of today"); err != nil {
		t.Fatal(err)
	}
	read := func(b []byte, note string) (*Index, error) {
		y := New(3, 2, "f")
		return y, y.Read(bytes.NewReader(b), int64(len(b)), func(n string) bool { return n == note })
	}
	y, err := read(file.Bytes(), "of today")
	if err != nil {
		t.Fatal(err)
	}
	same(t, y, documents, r, 20)
	for range 100 {
		change(y, documents, r)
	}
	same(t, y, documents, r, 20)
	if _, err := read(file.Bytes(), "of yesterday"); !errors.Is(err, ErrStale) {
		t.Errorf("another note: %v", err)
	}
	for range 50 {
		b := slices.Clone(file.Bytes())
		at := r.IntN(len(b))
		b[at] ^= 1 << r.IntN(8)
		if _, err := read(b, "of today"); err == nil {
			t.Fatalf("a bit of byte %d is another, and nobody minds", at)
		}
		if _, err := read(b[:at], "of today"); err == nil {
			t.Fatalf("it ends after %d bytes, and nobody minds", at)
		}
	}
}
