package web_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// TestModeratorsDecideOnPages goes the way of a review that is reported, taken down, appealed and shown again; and of a
// package with an advisory.
func TestModeratorsDecideOnPages(t *testing.T) {
	m := markettest.Start(t, market.Options{Reviews: catalogue.ReviewRules{Age: -1}})
	for _, name := range []string{"ada", "bob", "eve"} {
		person(t, m, name)
	}
	for _, name := range []string{"root", "other"} {
		if _, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: name, Operator: true}, "correct horse"); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/one:1.0.0", hostile, false)
	pull(t, m, "ada/one:1.0.0", "bob")
	ada, bob, eve, root, other, stranger := as(t, m, "ada"), as(t, m, "bob"), as(t, m, "eve"), as(t, m, "root"), as(t, m, "other"), browse(t, m)
	bob.wants(bob.post("/ada/one/rate", "stars", "1", "version", "1.0.0", "text", evil), http.StatusSeeOther)
	ada.wants(ada.get("/ada/one"), 200, "/ada/one/report?kind=review&amp;id=1", `href="/ada/one/report"`)
	eve.wants(eve.get("/ada/one/report?kind=review&id=1"), 200, "Its author does not learn who you are.")
	eve.wants(eve.post("/ada/one/report", "kind", "review", "id", "1", "reason", ""), http.StatusBadRequest, "no reason is given")
	for _, form := range [][]string{{"kind", "review", "id", "1", "reason", evil}, {"kind", "package", "reason", "copied"}} {
		p := eve.wants(eve.post("/ada/one/report", form...), http.StatusSeeOther)
		eve.wants(eve.get(p.Header.Get("Location")), 200, "A moderator will look at it.")
	}
	eve.wants(eve.post("/ada/one/report", "kind", "review", "id", "77", "reason", "x"), http.StatusNotFound)
	for _, v := range []*visitor{ada, bob} {
		for _, path := range []string{"/admin/moderation", "/admin/moderation/decisions"} {
			v.wants(v.get(path), http.StatusForbidden)
		}
		v.wants(v.post("/admin/moderation", "kind", "review", "id", "1", "action", "down", "reason", "x"), http.StatusForbidden)
	}
	p := root.wants(root.get("/admin/moderation"), 200, "2 waiting", "Reported by eve", "copied", "&lt;script&gt;document")
	if strings.Contains(p.body, "<script>document") || strings.Contains(p.body, "<svg onload") {
		t.Error("what was reported runs on the moderators' page")
	}
	// No form works from another site.
	for path, form := range map[string]url.Values{
		"/admin/moderation": {"kind": {"review"}, "id": {"1"}, "action": {"down"}, "reason": {"x"}}, "/ada/one/report": {"kind": {"package"}, "reason": {"x"}}, "/ada/one/appeal": {"kind": {"package"}, "reason": {"x"}},
	} {
		for _, head := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}} {
			root.wants(root.do("POST", path, form, head), http.StatusForbidden, "another site")
		}
	}
	root.wants(root.post("/admin/moderation", "kind", "review", "id", "1", "action", "down"), http.StatusBadRequest, "no reason is given")
	root.wants(root.post("/admin/moderation", "kind", "review", "id", "1", "action", "down", "reason", "against the rules"), http.StatusSeeOther)
	stranger.wants(stranger.get("/ada/one/reviews"), 200, "Nobody has rated it yet.")
	stranger.wants(stranger.get("/ada/one/reviews/1"), http.StatusNotFound)
	bob.wants(bob.get("/ada/one/reviews"), 200, "taken down", "against the rules", "/ada/one/appeal?kind=review&amp;id=1")
	bob.wants(bob.get("/ada/one/appeal?kind=review&id=1"), 200, "Another moderator answers")
	bob.wants(bob.post("/ada/one/appeal", "kind", "review", "id", "1", "reason", "only a joke"), http.StatusSeeOther)
	root.wants(root.post("/admin/moderation", "kind", "review", "id", "1", "action", "show", "reason", "x"), http.StatusForbidden)
	other.wants(other.get("/admin/moderation"), 200, "only a joke")
	other.wants(other.post("/admin/moderation", "kind", "review", "id", "1", "action", "show", "reason", "a joke indeed"), http.StatusSeeOther)
	stranger.wants(stranger.get("/ada/one/reviews/1"), 200, "★☆☆☆☆")
	root.wants(root.get("/admin/moderation/decisions"), 200, "against the rules", "only a joke", "a joke indeed")
	// The package itself.
	root.wants(root.post("/admin/moderation", "kind", "package", "id", fmt.Sprint(packageID(t, m, "ada/one")), "action", "down", "reason", "copied indeed"), http.StatusSeeOther)
	stranger.wants(stranger.get("/ada/one"), http.StatusNotFound)
	ada.wants(ada.get("/ada/one"), 200, "A moderator has taken this package down", "copied indeed", `href="/ada/one/appeal"`)
	ada.wants(ada.post("/ada/one/settings", "action", "settings", "gated", ""), http.StatusForbidden)
	root.wants(root.post("/admin/moderation", "kind", "package", "id", fmt.Sprint(packageID(t, m, "ada/one")), "action", "show", "reason", "no"), http.StatusSeeOther)
	r, err := m.Depot.Catalogue.Repository(t.Context(), owner(t, m, "ada"), "ada/one")
	if err == nil {
		_, err = m.Depot.Catalogue.Advise(t.Context(), owner(t, m, "ada"), r, catalogue.Advisory{Severity: "high", Title: "leaks <b>", Text: evil, Affected: "<2.0.0", Fixed: "2.0.0"})
	}
	if err != nil {
		t.Fatal(err)
	}
	stranger.wants(stranger.get("/ada/one"), 200, "Security advisory (high): leaks &lt;b&gt;", "&lt;2.0.0", "&lt;script&gt;document")
}

func owner(t *testing.T, m *markettest.Market, name string) catalogue.Caller {
	t.Helper()
	a, err := m.Depot.Catalogue.Account(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return catalogue.Caller{Account: a, Scope: catalogue.Admin}
}

func packageID(t *testing.T, m *markettest.Market, name string) int64 {
	t.Helper()
	who := owner(t, m, "root")
	r, err := m.Depot.Catalogue.Repository(t.Context(), who, name)
	if err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// BenchmarkPackagePage answers the page of a package with 10,000 reviews, and the page of its reviews far back.
func BenchmarkPackagePage(b *testing.B) {
	data := b.TempDir()
	m, err := market.Open(b.Context(), market.Options{Data: data})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	manyReviews(b, m, filepath.Join(data, "market.db"), 10_000)
	for name, path := range map[string]string{"package": "/ada/one", "reviews": "/ada/one/reviews", "far": "/ada/one/reviews?before=300&stars=4"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				m.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
				if w.Code != 200 || !strings.Contains(w.Body.String(), "text ") {
					b.Fatal(w.Code, w.Body.String())
				}
			}
		})
	}
}

// manyReviews publishes ada/one and puts reviews by as many people into the database, of which the sums are those of the catalogue.
func manyReviews(b *testing.B, m *market.Market, file string, n int) {
	b.Helper()
	ctx, c := b.Context(), m.Depot.Catalogue
	ada, err := c.CreateAccount(ctx, catalogue.Account{Name: "ada"}, "")
	if err != nil {
		b.Fatal(err)
	}
	token, err := c.CreateToken(ctx, ada, "b", catalogue.Write, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	s := httptest.NewServer(m)
	defer s.Close()
	publish(b, &markettest.Market{Market: m, URL: s.URL}, token, "ada/one:1.0.0", hostile, false)
	db, err := sql.Open("sqlite", "file:"+file)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	const series = "WITH RECURSIVE k (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < ?) "
	for _, statement := range []string{
		"INSERT INTO accounts (key, name, created) " + series + "SELECT 'p' || i, 'p' || i, 1 FROM k",
		"INSERT INTO reviews (repository_id, account_id, digest, version, stars, counted, body, created, updated) " + series + "SELECT 1, a.id, 'd', '1.0.0', 1 + i % 5, 1 + i % 5, 'text ' || i || ' ' || hex(zeroblob(150)), i, i FROM k JOIN accounts a ON a.key = 'p' || i",
		"INSERT INTO rating_counts (repository_id, stars, n) SELECT 1, stars, COUNT(*) FROM reviews WHERE ? > 0 GROUP BY stars",
		"UPDATE repositories SET rating = 3, ratings = ? WHERE id = 1",
	} {
		if _, err := db.Exec(statement, n); err != nil {
			b.Fatal(statement, err)
		}
	}
}
