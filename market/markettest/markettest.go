// Package markettest has a market for tests: a whole one, on a port of this machine.
package markettest

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
)

// Market is one that runs until its test has ended.
type Market struct {
	*market.Market
	URL string
	log *slog.Logger
}

// Start starts a market; the zero Options will do, and keep its data in a folder of the test.
func Start(t *testing.T, o market.Options) *Market {
	t.Helper()
	if o.Data == "" {
		o.Data = t.TempDir()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.NewTextHandler(testWriter{t}, nil))
	}
	m, err := market.Open(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(m)
	t.Cleanup(func() {
		s.Close()
		m.Close()
	})
	return &Market{m, s.URL, o.Log}
}

// Token returns a token with a scope of an account, which is made if need be.
func (m *Market) Token(t *testing.T, name string, scope catalogue.Right) string {
	t.Helper()
	a, err := m.Depot.Catalogue.Account(t.Context(), name)
	if err != nil {
		a, err = m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: name}, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	token, err := m.Depot.Catalogue.CreateToken(t.Context(), a, "test", scope, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// KeepIndex has searches answered by the index in memory until the test ends, as a market that runs does.
func (m *Market) KeepIndex(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var kept sync.WaitGroup
	kept.Go(func() { m.Depot.Catalogue.KeepIndex(ctx, filepath.Join(t.TempDir(), depot.IndexFile), m.log) })
	t.Cleanup(func() {
		cancel()
		kept.Wait()
	})
	for !m.Depot.Catalogue.Indexed() {
		if err := ctx.Err(); err != nil {
			t.Fatal("waiting for the index of words: ", err)
		}
		time.Sleep(time.Millisecond)
	}
}

// testWriter sends what the market logs, which are failures, to the test.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", p)
	return len(p), nil
}
