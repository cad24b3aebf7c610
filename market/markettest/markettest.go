// Package markettest has a market for tests: a whole one, on a port of this machine.
package markettest

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/http/httptest"
	"os"
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

// blank is a database of SQLite with all tables and nothing in them. It is made once, and markets begin with copies:
// migrations would take longer than most tests, by the race detector ten times as long.
var blank = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "xiaoyu-blank-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, depot.DatabaseFile)
	c, err := catalogue.Open(context.Background(), file)
	if err == nil {
		err = c.Close()
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
})

// begin puts a blank database in a folder that has none.
func begin(data string) error {
	file := filepath.Join(data, depot.DatabaseFile)
	if _, err := os.Stat(file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	content, err := blank()
	if err == nil {
		err = os.MkdirAll(data, 0o755)
	}
	if err == nil {
		err = os.WriteFile(file, content, 0o644)
	}
	return err
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
	if o.Try.Command == nil {
		o.Try.Command = workerCommand()
	}
	if o.Database == "" {
		if err := begin(o.Data); err != nil {
			t.Fatal(err)
		}
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

// Unsent is a web.Mailer for markets whose pages speak of mail: what it is given goes nowhere.
type Unsent struct{}

// Send does nothing.
func (Unsent) Send(context.Context, string, string, string) error { return nil }
