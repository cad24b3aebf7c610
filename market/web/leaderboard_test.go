package web_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
)

// measuredMarket is a market with models that were measured by the benchmark "reviews": number i has the score, the size
// and the latency that f gives it. The fourth is private.
func measuredMarket(t testing.TB, n int, f func(i int) (score float64, size int64, latency float64)) *httptest.Server {
	t.Helper()
	data := t.TempDir()
	m, err := market.Open(context.Background(), market.Options{Data: data, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(m)
	t.Cleanup(func() {
		s.Close()
		m.Close()
	})
	c := m.Depot.Catalogue
	ada, err := c.CreateAccount(t.Context(), catalogue.Account{Name: "ada"}, "")
	if err != nil {
		t.Fatal(err)
	}
	b := &catalogue.Benchmark{Name: "reviews", Title: "Reviews <b>", Task: "text-classification", Metric: catalogue.Accuracy, Labels: []string{"a", "b"}, Examples: 100, Digest: digest.FromString("x")}
	if err := c.AddBenchmark(t.Context(), "", b, []byte("rows")); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(data, depot.DatabaseFile))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	run := func(statement string, args ...any) {
		if _, err := tx.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	for i := 1; i <= n; i++ {
		score, size, latency := f(i)
		name, of := fmt.Sprintf("model-%d", i), digest.FromString(fmt.Sprint(i)).String()
		run("INSERT INTO repositories (id, owner_id, key, name, kind, private, created, updated) VALUES (?, ?, ?, ?, 'model', ?, 1, 1)", i, ada.ID, name, name, i == 4)
		run("INSERT INTO manifests (id, repository_id, digest, media_type, artifact_type, content, size, created) VALUES (?, ?, ?, 'm', 'a', 'c', ?, 1)", i, i, of, size)
		run("INSERT INTO refs (repository_id, name, kind, manifest_id, updated) VALUES (?, 'latest', 'branch', ?, 1)", i, i)
		run("INSERT INTO verifications (manifest_id, benchmark_id, wanted, asked, state, score, low, high, latency, size, at) VALUES (?, ?, FALSE, 1, 'done', ?, ?, ?, ?, ?, ?)",
			i, b.ID, score, score-.02, score+.02, latency, size, time.Now().UnixMicro())
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return s
}

func opened(t testing.TB, address string) string {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer.Status, err)
	}
	return string(body)
}

func TestALeaderboardRanksAndTellsTheFront(t *testing.T) {
	models := [][3]float64{{.9, 10e6, 5}, {.8, 20e6, 1}, {.8, 5e6, 7}, {.99, 1, .01}, {.7, 4e6, 9}, {.6, 30e6, 8}}
	s := measuredMarket(t, len(models), func(i int) (float64, int64, float64) {
		m := models[i-1]
		return m[0], int64(m[1]), m[2]
	})
	body := opened(t, s.URL+"/benchmarks/reviews?lang=en")
	if strings.Contains(body, "model-4") || !strings.Contains(body, "Reviews &lt;b&gt;") || strings.Count(body, "<svg") != 2 {
		t.Error("it tells of a private package, or has no charts")
	}
	row := regexp.MustCompile(`model-(\d)</a></th><td data-name="Accuracy">([^<]*)</td><td>[^<]*</td><td data-name="Size">([^<]*)(?: <abbr[^>]*>(★)</abbr>)?</td><td data-name="One text">([^<]*)(?: <abbr[^>]*>(★)</abbr>)?</td>`)
	var got []string
	for _, m := range row.FindAllStringSubmatch(body, -1) {
		got = append(got, m[1]+m[4]+"/"+m[6])
	}
	// The best is on both fronts; of equals the smaller comes first, and the faster is on the front of time.
	if want := "1★/★ 3★/ 2/★ 5★/ 6/"; strings.Join(got, " ") != want {
		t.Errorf("the ranks are %q, want %q", strings.Join(got, " "), want)
	}
	if body := opened(t, s.URL+"/benchmarks?lang=zh"); !strings.Contains(body, `href="/benchmarks/reviews"`) {
		t.Error("the list of benchmarks does not lead to it")
	}
	if answer, err := http.Get(s.URL + "/benchmarks/absent"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Error(answer.Status, err)
	}
}

// BenchmarkLeaderboard asks for the page of a benchmark by which 5,000 models were measured.
func BenchmarkLeaderboard(b *testing.B) {
	s := measuredMarket(b, 5000, func(i int) (float64, int64, float64) {
		x := float64(i*7919%5000) / 5000
		return .5 + x*.5, int64(1e6 + 1e8*x*float64(i%97)/97), .1 + 50*x*float64(i%89)/89
	})
	opened(b, s.URL+"/benchmarks/reviews")
	for b.Loop() {
		opened(b, s.URL+"/benchmarks/reviews")
	}
}
