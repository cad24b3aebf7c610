package web_test

import (
	"database/sql"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// TestThePageOfAPackageWithManyDependents logs how long it takes at the server.
func TestThePageOfAPackageWithManyDependents(t *testing.T) {
	const n = 1000
	dir := t.TempDir()
	m := markettest.Start(t, market.Options{Data: dir})
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/base:1.0.0", hostile, false)
	files, err := filepath.Glob(filepath.Join(dir, "*.db"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	db, err := sql.Open("sqlite", files[0]+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for i := range n { // as publishing leaves them, much faster
		name := fmt.Sprint("m", i)
		if _, err := tx.Exec("INSERT INTO repositories (id, owner_id, key, name, kind, downloads, created, updated) VALUES (?, 1, ?, ?, 'model', ?, 1, 1)", n+i, name, name, i); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("INSERT INTO labels (repository_id, facet, value) VALUES (?, 'base_model', 'ada/base')", n+i); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	var took []time.Duration
	for range 50 {
		w := httptest.NewRecorder()
		begun := time.Now()
		m.ServeHTTP(w, httptest.NewRequest("GET", "/ada/base", nil))
		took = append(took, time.Since(begun))
		if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, "and 992 more") || !strings.Contains(body, `href="/ada/m999"`) {
			t.Fatal(w.Code, body)
		}
	}
	slices.Sort(took)
	t.Logf("half within %v, nine of ten within %v", took[len(took)/2], took[len(took)*9/10])
}
