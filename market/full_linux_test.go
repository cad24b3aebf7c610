package market_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// TestAFullDiskRefusesAPushAndKeepsTheRest fills the market's disk, by what comes in parts and by what comes whole.
func TestAFullDiskRefusesAPushAndKeepsTheRest(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("none", disk, "tmpfs", 0, "size=8m"); err != nil {
		t.Skipf("needs the right to mount a small disk: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(disk, syscall.MNT_DETACH) })
	m := markettest.Start(t, market.Options{Data: filepath.Join(disk, "data"), Grace: 100 * time.Millisecond})
	token := m.Token(t, "ada", catalogue.Write)
	c := connect(t, m.URL, token)
	small := packed(t, 70, 1000)
	if _, err := c.Push(t.Context(), small, reference(t, "ada/small:1.0.0"), client.Watch{}); err != nil {
		t.Fatal(err)
	}
	large := packed(t, 71, 10<<20)
	_, err := c.Push(t.Context(), large, reference(t, "ada/large:1.0.0"), client.Watch{})
	if err == nil || !strings.Contains(err.Error(), blob.ErrFull.Error()) || !strings.Contains(hint.Way(err), "free some space") {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	ballast := filepath.Join(disk, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 8<<20), 0o644); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	r, err := http.NewRequest("POST", m.URL+"/v2/ada/large/blobs/uploads/?digest="+large.Files[2].Digest.String(), strings.NewReader(strings.Repeat("x", 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusInsufficientStorage {
		t.Errorf("%s, want 507", answer.Status)
	}
	if _, err := c.Info(t.Context(), "ada/large", "1.0.0"); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a package that did not fit is there: %v", err)
	}
	installed(t, m, "ada/small:1.0.0", small)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond)
	if _, err := m.Depot.Collect(t.Context()); err != nil {
		t.Fatal(err)
	}
	fits := packed(t, 72, 3<<20)
	if _, err := c.Push(t.Context(), fits, reference(t, "ada/large:1.0.0"), client.Watch{}); err != nil {
		t.Error(err)
	}
	installed(t, m, "ada/large:1.0.0", fits)
}
