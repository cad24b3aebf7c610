package catalogue

import (
	"errors"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// describeAs publishes a package that says something of itself.
func describeAs(t *testing.T, c *Catalogue, who Caller, name string, private bool, f Facts) *Repository {
	t.Helper()
	r := repository(t, c, who, name, private)
	p := publication(t, c, r, "1.0.0", name)
	f.Kind = pack.Model
	p.Package = &f
	if _, err := c.Publish(t.Context(), who, r, p); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestPackagesAreFoundInBothLanguages(t *testing.T) {
	eachWay(t, func(t *testing.T, c *Catalogue) {
		ada, bob := person(t, c, "ada"), person(t, c, "bob")
		describeAs(t, c, ada, "ada/reviews", false, Facts{Title: "中文情感分析", Task: "text-classification", Licence: "mit", Size: 2e6, Labels: map[string][]string{Language: {"zh"}}})
		english := describeAs(t, c, ada, "ada/moods", false, Facts{Title: "Sentiment of tweets", Task: "text-classification", Licence: "apache-2.0", Size: 50, Labels: map[string][]string{Language: {"en"}}})
		describeAs(t, c, ada, "ada/names", false, Facts{Title: "It's O'Neil's \\ names", Task: "token-classification", Licence: "mit", Size: 3e8, Labels: map[string][]string{Language: {"en", "zh"}}})
		describeAs(t, c, ada, "ada/hidden", true, Facts{Title: "情感", Licence: "mit"})
		if err := c.CountDownload(t.Context(), english, "someone"); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			who  Caller
			q    Query
			want []string
		}{
			{Caller{}, Query{Text: "情感"}, []string{"reviews", "moods"}},
			{Caller{}, Query{Text: "sentiment"}, []string{"moods", "reviews"}},
			{Caller{}, Query{Text: "Sentim"}, []string{"moods", "reviews"}},
			{Caller{}, Query{Text: "情感分析"}, []string{"reviews"}},
			{Caller{}, Query{Text: "序列标注"}, []string{"names"}},
			{Caller{}, Query{Text: "O'Neil's \\ \" OR * names"}, nil},
			{Caller{}, Query{Text: "o'neil's names"}, []string{"names"}},
			{Caller{}, Query{Text: "!?"}, nil},
			{Caller{}, Query{Text: "absent"}, nil},
			{bob, Query{Text: "情感", Facets: map[string]string{"licence": "mit"}}, []string{"reviews"}},
			{ada, Query{Text: "情感", Facets: map[string]string{"licence": "MIT"}, Sort: BySize}, []string{"hidden", "reviews"}},
			{Caller{}, Query{Facets: map[string]string{Language: "zh"}, Sort: BySize}, []string{"reviews", "names"}},
			{Caller{}, Query{Facets: map[string]string{"size": Over100MB}}, []string{"names"}},
			{Caller{}, Query{Sort: BySize, Limit: 1, Offset: 1}, []string{"reviews"}},
			{Caller{}, Query{Sort: ByUpdated}, []string{"names", "moods", "reviews"}},
			{Caller{}, Query{Sort: ByTrend, Limit: 1}, []string{"moods"}},
			{Caller{}, Query{Sort: ByTrend, Limit: 1, Offset: 9}, nil},
		} {
			found, err := c.Search(t.Context(), test.who, test.q)
			if err != nil {
				t.Fatalf("%+v: %v", test.q, err)
			}
			var got []string
			for _, r := range found.Packages {
				got = append(got, r.Name)
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("%+v for %q found %q, want %q", test.q, test.who.Name(), got, test.want)
			}
		}
		found, err := c.Search(t.Context(), Caller{}, Query{Sort: ByTrend})
		if err != nil || found.Total != 3 || !slices.Equal(found.Counts["licence"], []Count{{"mit", 2}, {"apache-2.0", 1}}) {
			t.Errorf("%+v, %v", found, err)
		}
		for _, q := range []Query{{Sort: "beauty"}, {Facets: map[string]string{"colour": "red"}}} {
			if _, err := c.Search(t.Context(), Caller{}, q); !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v: %v", q, err)
			}
		}
		r, err := c.Repository(t.Context(), ada, "ada/moods")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.MoveRepository(t.Context(), ada, r, "ada/feelings"); err != nil {
			t.Fatal(err)
		}
		if found, err := c.Search(t.Context(), Caller{}, Query{Text: "moods"}); err != nil || len(found.Packages) != 0 {
			t.Errorf("found by its old name: %+v, %v", found, err)
		}
		if err := c.DeleteRepository(t.Context(), ada, r); err != nil {
			t.Fatal(err)
		}
		if found, err := c.Search(t.Context(), Caller{}, Query{Text: "feelings"}); err != nil || len(found.Packages) != 0 {
			t.Errorf("found when it is gone: %+v, %v", found, err)
		}
	})
}
