package catalogue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// keepIndex has a catalogue search in memory until the test ends.
func keepIndex(t testing.TB, c *Catalogue) {
	t.Helper()
	keepIndexIn(t, c, filepath.Join(t.TempDir(), "search.index"))
}

// keepIndexIn is keepIndex with a file; the result ends it early.
func keepIndexIn(t testing.TB, c *Catalogue, file string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.KeepIndex(ctx, file, slog.New(slog.DiscardHandler))
	}()
	stop = func() {
		cancel()
		<-done
	}
	t.Cleanup(stop)
	for c.live.Load() == nil {
		time.Sleep(time.Millisecond)
	}
	return stop
}

// eachWay runs a test on each database, where that searches and where the index in memory does.
func eachWay(t *testing.T, f func(t *testing.T, c *Catalogue)) {
	each(t, f)
	t.Run("memory", func(t *testing.T) {
		each(t, func(t *testing.T, c *Catalogue) {
			keepIndex(t, c)
			f(t, c)
		})
	})
}

// plainly searches by looking at every package: words as they are typed, each of which is a whole one or the last.
func plainly(t *testing.T, all []*Repository, who Caller, member []int64, s Query) *Found {
	t.Helper()
	type scored struct {
		*Repository
		score float64
	}
	typed, err := cut(s.Text, false)
	if err != nil {
		t.Fatal(err)
	}
	has := func(words []string, w string) bool {
		return slices.ContainsFunc(words, func(v string) bool {
			return v == w || strings.HasPrefix(v, w) && utf8.RuneCountInString(w) > 1 && strings.HasSuffix(folded(s.Text), w)
		})
	}
	words := func(text string) []string {
		list, err := cut(text, true)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	var list []scored
	for _, r := range all {
		sees := !r.Private || who.Account != nil && (who.Account.Operator || who.Account.ID == r.OwnerID || slices.Contains(member, r.OwnerID))
		for facet, v := range s.Facets {
			sees = sees && slices.ContainsFunc(Facets[facet](r), func(is string) bool { return strings.EqualFold(is, v) })
		}
		said, err := wordsOf(r)
		if err != nil {
			t.Fatal(err)
		}
		if !sees || r.Kind == "" || slices.ContainsFunc(typed, func(w string) bool { return !has(said, w) }) {
			continue
		}
		score := map[Order]float64{ByRelevance: math.Log10(1 + float64(r.Downloads)), ByDownloads: float64(r.Downloads), ByTrend: trending(r), ByUpdated: float64(stamp(r.Updated)),
			BySize: -float64(r.Size), ByLatency: fastest(r.Latency), ByRating: r.Rating}[s.Sort]
		for _, w := range typed {
			switch {
			case s.Sort != ByRelevance:
			case has(words(r.Name), w):
				score += nameWeight
			case has(words(r.Title), w):
				score += titleWeight
			case has(words(taskText(r.Task)), w):
				score += taskWeight
			}
		}
		list = append(list, scored{r, score})
	}
	slices.SortFunc(list, func(a, b scored) int {
		return cmp.Or(cmp.Compare(b.score, a.score), b.Updated.Compare(a.Updated), cmp.Compare(b.ID, a.ID))
	})
	found := &Found{Total: len(list), Counts: map[string][]Count{}}
	for _, r := range list {
		found.Packages = append(found.Packages, r.Repository)
	}
	found.count(found.Packages)
	found.Packages = found.Packages[min(s.Offset, len(list)):min(s.Offset+s.Limit, len(list))]
	return found
}

func TestTheIndexInMemoryFindsWhatLookingAtAllFinds(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		random := rand.New(rand.NewPCG(5, 6))
		pick := func(list ...string) string { return list[random.IntN(len(list))] }
		ada, bob, root := person(t, c, "ada"), person(t, c, "bob"), person(t, c, "root")
		root.Account.Operator = true
		team, err := c.CreateOrganisation(t.Context(), bob, "team", "")
		if err != nil {
			t.Fatal(err)
		}
		stop := keepIndexIn(t, c, filepath.Join(t.TempDir(), "search.index"))
		l := c.live.Load()
		facts := func() Facts {
			return Facts{Title: pick("Sentiment", "News", "情感分析", "垃圾邮件", "") + " " + pick("of hotels", "分类", "small"), Description: pick("", "about 新闻 and sentiments", "Newspapers"), Licence: pick("mit", "MIT", "apache-2.0", ""),
				Task: pick("text-classification", "token-classification", "own-task", ""), Family: pick("bert", "cnn"), Size: int64(random.IntN(4) * 5e6), Latency: float64(random.IntN(3) * 5), Labels: map[string][]string{Language: {pick("zh", "en")}, Tag: {pick("hotel", "新闻")}}}
		}
		compare := func(n int) {
			t.Helper()
			all, err := readWhole(c.reading(t.Context()), "1 = 1")
			if err != nil {
				t.Fatal(err)
			}
			for range n {
				s := Query{Text: pick("", "sentiment", "senti", "news", "新闻", "情感", "情感 分类", "hotel 新闻", "sentiment small", "ada", "absent", "own-task"), Sort: Orders[random.IntN(len(Orders))], Limit: 1 + random.IntN(20), Offset: random.IntN(2) * random.IntN(50), Facets: map[string]string{}}
				if random.IntN(2) == 0 {
					facet := pick("licence", "kind", Language, "size", "latency", "owner", "family", "task")
					s.Facets[facet] = pick("mit", "model", "zh", Under10MB, Under10ms, "ada", "team", "bert", "own-task")
				}
				who := []Caller{{}, ada, bob, root}[random.IntN(4)]
				got, err := c.Search(t.Context(), who, s)
				if err != nil {
					t.Fatal(err)
				}
				var member []int64
				if who.Account != nil && who.Name() == "bob" {
					member = []int64{team.ID}
				}
				want := plainly(t, all, who, member, s)
				if !slices.Equal(names(got.Packages), names(want.Packages)) || got.Total != want.Total || !reflect.DeepEqual(got.Counts, want.Counts) {
					t.Fatalf("%+v for %q of %d\nfinds %d: %q %v\n want %d: %q %v", s, who.Name(), len(all), got.Total, names(got.Packages), got.Counts, want.Total, names(want.Packages), want.Counts)
				}
			}
		}
		var list []*Repository
		for i := range 80 {
			who, owner := ada, "ada"
			if random.IntN(2) == 0 {
				who, owner = bob, pick("bob", "team")
			}
			list = append(list, describeAs(t, c, who, fmt.Sprintf("%s/%s-%d", owner, pick("news", "sentiment", "x"), i), random.IntN(3) == 0, facts()))
		}
		compare(60)
		for range 40 {
			at := random.IntN(len(list))
			r, err := c.Repository(t.Context(), root, list[at].FullName())
			if err != nil {
				t.Fatal(err)
			}
			switch random.IntN(5) {
			case 0:
				err = c.DeleteRepository(t.Context(), root, r)
				list = slices.Delete(list, at, at+1)
			case 1:
				private := !r.Private
				err = c.Configure(t.Context(), root, r, Settings{Private: &private})
			case 2:
				err = c.CountDownload(t.Context(), r, fmt.Sprint(random.IntN(1000)))
			case 3:
				to := fmt.Sprintf("%s/moved-%d", pick("ada", "bob", "team"), random.IntN(1e9))
				if err = c.MoveRepository(t.Context(), root, r, to); err == nil {
					list[at], err = c.Repository(t.Context(), root, to)
				}
			case 4:
				p := publication(t, c, r, fmt.Sprintf("2.%d.0", random.IntN(1e9)), fmt.Sprint(random.Uint64()))
				f := facts()
				f.Kind, p.Package = pack.Model, &f
				_, err = c.Publish(t.Context(), root, r, p)
			}
			if err != nil {
				t.Fatal(err)
			}
			if random.IntN(20) == 0 {
				l.index.Merge(true)
			}
			compare(3)
		}
		stop()
		l.build(t.Context())
		c.live.Store(l)
		compare(60)
		c.live.Store(nil)
	})
}

// What another server publishes is found within a second, and a file of an earlier run is caught up with.
func TestAnIndexFollowsOthersAndItsFile(t *testing.T) {
	test := func(t *testing.T, source string) {
		c, other := open(t, source), open(t, source)
		ada := person(t, c, "ada")
		crowded(t, c, ada, worthSaving+10)
		file := filepath.Join(t.TempDir(), "search.index")
		stop := keepIndexIn(t, other, file)
		r := describeAs(t, c, ada, "ada/fresh", false, Facts{Title: "Weather", Licence: "mit"})
		finds := func(text string, want int) {
			t.Helper()
			for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				found, err := other.Search(t.Context(), Caller{}, Query{Text: text})
				if err != nil {
					t.Fatal(err)
				}
				if found.Total == want {
					return
				}
				if time.Now().After(end) {
					t.Fatalf("%s finds %d, want %d", text, found.Total, want)
				}
			}
		}
		finds("weather", 1)
		stop()
		before, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		describeAs(t, c, ada, "ada/climate", false, Facts{Title: "Weather", Licence: "mit"})
		if err := c.DeleteRepository(t.Context(), ada, r); err != nil {
			t.Fatal(err)
		}
		stop = keepIndexIn(t, other, file)
		finds("weather", 1)
		finds("fresh", 0)
		stop()
		if after, err := os.Stat(file); err != nil || !after.ModTime().Equal(before.ModTime()) {
			t.Errorf("the index was made anew: %v, %v", after, err)
		}
		if err := os.WriteFile(file, []byte("no index"), 0o644); err != nil {
			t.Fatal(err)
		}
		keepIndexIn(t, other, file)
		finds("climate", 1)
	}
	t.Run("sqlite", func(t *testing.T) { test(t, filepath.Join(t.TempDir(), "market.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, postgres(t)) })
}

// Several transactions of PostgreSQL end in another order than they began.
func TestAChangeThatIsCommittedLateIsSeen(t *testing.T) {
	c := open(t, postgres(t))
	ada := person(t, c, "ada")
	first := describeAs(t, c, ada, "ada/first", false, Facts{Title: "Weather", Licence: "mit"})
	keepIndex(t, c)
	slow, err := c.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := slow.Exec("UPDATE repositories SET title = 'Climate', downloads = 7 WHERE id = $1", first.ID); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		describeAs(t, c, ada, fmt.Sprintf("ada/later%d", i), false, Facts{Title: "Weather", Licence: "mit"})
		if found, err := c.Search(t.Context(), Caller{}, Query{Text: "weather"}); err != nil || found.Total != i+2 {
			t.Fatalf("%+v, %v", found, err)
		}
	}
	if err := slow.Commit(); err != nil {
		t.Fatal(err)
	}
	c.written.Add(1) // which the transaction would have done, had it been update's
	if found, err := c.Search(t.Context(), Caller{}, Query{Text: "climate"}); err != nil || found.Total != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
}

// A search that comes while the index is catching up waits for that, where this server has written something before.
func TestASearchWaitsForARefreshUnderWay(t *testing.T) {
	c := open(t, postgres(t))
	ada := person(t, c, "ada")
	l := &live{c: c, log: slog.New(slog.DiscardHandler)}
	if err := l.build(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.live.Store(l)
	describeAs(t, c, ada, "ada/fresh", false, Facts{Title: "Weather", Licence: "mit"})
	lock, err := c.write.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Rollback()
	if _, err := lock.Exec("LOCK TABLE changes"); err != nil {
		t.Fatal(err)
	}
	refreshed, searched := make(chan error, 1), make(chan error, 1)
	go func() { refreshed <- l.refresh(t.Context()) }() // as the clock has it do
	for waiting := 0; waiting == 0; time.Sleep(time.Millisecond) {
		if err := c.read.QueryRow("SELECT COUNT(*) FROM pg_locks WHERE relation = 'changes'::regclass AND NOT granted").Scan(&waiting); err != nil {
			t.Fatal(err)
		}
	}
	go func() {
		found, err := c.Search(t.Context(), Caller{}, Query{Text: "weather", Limit: 10})
		if err == nil && found.Total != 1 {
			err = fmt.Errorf("%d are found", found.Total)
		}
		searched <- err
	}()
	select {
	case err := <-searched:
		t.Fatalf("the search has not waited: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := errors.Join(lock.Rollback(), <-searched, <-refreshed); err != nil {
		t.Error(err)
	}
}
