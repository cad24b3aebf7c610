package catalogue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

func names(list []*Repository) (out []string) {
	for _, r := range list {
		out = append(out, r.Name)
	}
	return out
}

func TestWordsAreFoundAsPeopleTypeThem(t *testing.T) {
	eachWay(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		describeAs(t, c, ada, "ada/hotel-reviews", false, Facts{Title: "酒店評論情感分析", Task: "text-classification", Licence: "mit", Latency: 0.4})
		describeAs(t, c, ada, "ada/entities", false, Facts{Title: "Names in news", Task: "token-classification", Licence: "mit", Latency: 20, Labels: map[string][]string{Language: {"en", "zh"}}})
		describeAs(t, c, ada, "ada/other", false, Facts{Title: "Something else", Licence: "mit"})
		for _, s := range []struct {
			text string
			want []string
			near string
		}{
			{"情感", []string{"hotel-reviews"}, ""},
			{"情感分析", []string{"hotel-reviews"}, ""},
			{"評論", []string{"hotel-reviews"}, ""},
			{"评论", []string{"hotel-reviews"}, ""},
			{"sentiment", []string{"hotel-reviews"}, ""},
			{"Ｓｅｎｔｉｍｅｎｔ", []string{"hotel-reviews"}, ""},
			{"SENTI", []string{"hotel-reviews"}, ""},
			{"sentimant", []string{"hotel-reviews"}, "sentiment"},
			{"setniment", []string{"hotel-reviews"}, "sentiment"},
			{"hotl", []string{"hotel-reviews"}, "hotel"},
			{"ner", []string{"entities"}, ""},
			{"实体", []string{"entities"}, ""},
			{"entties", []string{"entities"}, "entities"},
			{"zzzzzz", nil, ""},
		} {
			found, err := c.Search(t.Context(), Caller{}, Query{Text: s.text})
			if err != nil {
				t.Fatal(err)
			}
			if got := names(found.Packages); !slices.Equal(got, s.want) || found.Instead != s.near {
				t.Errorf("%s finds %q in place of %q, want %q and %q", s.text, got, found.Instead, s.want, s.near)
			}
		}
		found, err := c.Search(t.Context(), Caller{}, Query{Sort: ByLatency})
		if err != nil || !slices.Equal(names(found.Packages), []string{"hotel-reviews", "entities", "other"}) {
			t.Errorf("the fastest: %q, %v", names(found.Packages), err)
		}
		found, err = c.Search(t.Context(), Caller{}, Query{Facets: map[string]string{"latency": Under1ms}})
		if err != nil || len(found.Packages) != 1 || !slices.Contains(found.Counts["latency"], Count{Under1ms, 1}) {
			t.Errorf("under a millisecond: %q, %v, %v", names(found.Packages), found.Counts, err)
		}
		found, err = c.Search(t.Context(), Caller{}, Query{})
		if err != nil || !slices.Contains(found.Counts[Language], Count{"zh", 1}) {
			t.Errorf("languages: %v, %v", found.Counts[Language], err)
		}
	})
}

// crowded fills a catalogue with n packages without versions: what searches read, and nothing else. Every second one is
// about sentiment, the first of all is the most popular, and the later a package came the fewer downloads it has.
func crowded(t testing.TB, c *Catalogue, owner Caller, n int) {
	t.Helper()
	kinds, tasks, licences := []string{"model", "model", "model", "dataset", "application"}, []string{"text-classification", "token-classification", "sentence-similarity"}, []string{"mit", "apache-2.0", "cc-by-4.0"}
	titles := []string{"Sentiment of reviews", "Names in the news", "情感分析模型", "新闻分类", "客服意图识别", "Which questions are alike", "评论里的观点", "Spam in mails"}
	random := rand.New(rand.NewPCG(1, 2))
	for first := 0; first < n; first += 1000 {
		err := c.update(t.Context(), func(q queries) error {
			var list []*Repository
			for i := first; i < min(first+1000, n); i++ {
				r := &Repository{ID: int64(i + 1000), OwnerID: owner.Account.ID, Owner: owner.Name(), Name: fmt.Sprintf("pack-%d", i), Downloads: int64(float64(n) * 20 / float64(i+1)), Trend: int64(random.IntN(1000) / (1 + i%50)),
					Facts: Facts{Kind: Kind(kinds[i%5]), Title: titles[i%8], Task: tasks[i%3], Licence: licences[i%3], Size: int64(random.IntN(1 << 28)), Latency: random.Float64() * 50, Labels: map[string][]string{Language: {"zh"}}}}
				r.Created, r.Updated = c.now(), c.now().Add(-time.Duration(random.IntN(1000))*time.Hour)
				if i%2 == 0 {
					r.Title = "Sentiment " + r.Title
				}
				if _, err := q.exec("INSERT INTO repositories (id, owner_id, key, name, kind, title, licence, task, size, latency, downloads, trend, created, updated, facets) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
					r.ID, r.OwnerID, r.Name, r.Name, r.Kind, r.Title, r.Licence, r.Task, r.Size, r.Latency, r.Downloads, r.Trend, stamp(r.Created), stamp(r.Updated), facetsColumn(r.Labels)); err != nil {
					return err
				}
				list = append(list, r)
			}
			return c.indexAll(q, list)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if c.postgres {
		if _, err := c.write.Exec("ANALYZE"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.TidyIndex(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestManyMatchesAreRankedByAllOfThem(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		const n = 3000
		crowded(t, c, ada, n)
		keepIndex(t, c)
		best, err := c.Search(t.Context(), Caller{}, Query{Text: "sentiment", Sort: ByDownloads, Limit: 3})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(best.Packages); !slices.Equal(got, []string{"pack-0", "pack-2", "pack-4"}) {
			t.Errorf("the most downloaded are %q: they came first, and are not among the newest", got)
		}
		if want := n / 2; best.Estimated || best.Total != want {
			t.Errorf("%d of %d (estimated: %v)", best.Total, want, best.Estimated)
		}
		last := int64(-1)
		seen := map[string]bool{}
		for offset := 0; offset < 1200; offset += 100 {
			page, err := c.Search(t.Context(), Caller{}, Query{Text: "sentiment", Sort: BySize, Offset: offset, Limit: 100})
			if err != nil || len(page.Packages) != 100 {
				t.Fatalf("at %d: %d packages, %v", offset, len(page.Packages), err)
			}
			for _, r := range page.Packages {
				if r.Size < last || seen[r.Name] {
					t.Fatalf("at %d: %s of %d bytes comes after one of %d, or again", offset, r.Name, r.Size, last)
				}
				last, seen[r.Name] = r.Size, true
			}
		}
		for _, order := range Orders {
			found, err := c.Search(t.Context(), Caller{}, Query{Facets: map[string]string{"kind": "model"}, Sort: order})
			if err != nil || len(found.Packages) != 20 {
				t.Errorf("%s: %d packages, %v", order, len(found.Packages), err)
			}
		}
		if found, err := c.Search(t.Context(), Caller{}, Query{Text: "pack-77"}); err != nil || len(found.Packages) == 0 || found.Packages[0].Name != "pack-77" {
			t.Errorf("by its name: %v, %v", found, err)
		}
	})
}

func TestTrendsFollowTheDays(t *testing.T) {
	eachWay(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		old := describeAs(t, c, ada, "ada/old", false, Facts{Title: "a", Licence: "mit"})
		fresh := describeAs(t, c, ada, "ada/fresh", false, Facts{Title: "a", Licence: "mit"})
		start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		c.now = func() time.Time { return start }
		for i := range 5 {
			if err := c.CountDownload(t.Context(), old, strconv.Itoa(i)); err != nil {
				t.Fatal(err)
			}
		}
		c.now = func() time.Time { return start.AddDate(0, 0, 10) }
		if err := c.CountDownload(t.Context(), fresh, "x"); err != nil {
			t.Fatal(err)
		}
		first := func() string {
			found, err := c.Search(t.Context(), Caller{}, Query{Sort: ByTrend})
			if err != nil {
				t.Fatal(err)
			}
			return found.Packages[0].Name
		}
		if got := first(); got != "old" {
			t.Errorf("before: %s", got)
		}
		if err := c.RefreshTrends(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := first(); got != "fresh" {
			t.Errorf("a week later: %s", got)
		}
	})
}
