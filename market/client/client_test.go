package client

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func TestReferences(t *testing.T) {
	digest := "sha256:" + strings.Repeat("ab", 32)
	for text, at := range map[string]string{"ada/m": "latest", "market://ada/m:1.0.0": "1.0.0", "Ada/my.model-2:beta": "beta", "ada/m@" + digest: digest, "ada/m:1.0.0@" + digest: digest} {
		r, err := ParseReference(text)
		if err != nil || r.at() != at || r.String() != strings.TrimPrefix(text, Scheme) || r.path() != strings.ToLower(r.path()) {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "m", "ada/", "/m", "a/b/c", "ada/m:", "ada/m:-1", "ada/m@sha256:ab", "ada/../m", "ada/m:a b", strings.Repeat("a", 200) + "/m"} {
		if _, err := ParseReference(text); err == nil || hint.Way(err) == "" {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]string{"localhost:8088": "http://localhost:8088", "127.0.0.1:1": "http://127.0.0.1:1", "market.example.org": "https://market.example.org", "HTTP://Market.Example.org/": "http://market.example.org", "https://m:8443": "https://m:8443"} {
		if u, err := Address(text); err != nil || u.String() != want {
			t.Errorf("%s: %v, %v", text, u, err)
		}
	}
	for _, text := range []string{"", "ftp://m", "http://u:p@m", "http://m/path", "http://m?x=1", "http://"} {
		if u, err := Address(text); err == nil || hint.Way(err) == "" {
			t.Errorf("%q: %v, %v", text, u, err)
		}
	}
}

// connected is a client of a handler, which does not wait between tries.
func connected(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	t.Setenv("XIAOYU_TOKEN", "")
	c, err := New(Options{Market: s.URL, Token: "xy_token", Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	c.wait = func(context.Context, time.Duration) error { return nil }
	return c
}

func TestLoginsAreKeptForTheirMarketAloneAndForTheUserAlone(t *testing.T) {
	c := connected(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer xy_mine" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Write([]byte(`{"name":"ada"}`))
	})
	if _, err := c.LogIn(t.Context(), "xy_wrong"); !errors.Is(err, ErrUnauthorized) || !strings.Contains(hint.Way(err), "xiaoyu login") {
		t.Errorf("a wrong token: %v; %s", err, hint.Way(err))
	}
	who, err := c.LogIn(t.Context(), "xy_mine")
	if err != nil || who.Name != "ada" {
		t.Fatal(who, err)
	}
	file := filepath.Join(c.home, credentialsFile)
	if info, err := os.Stat(file); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	t.Setenv("XIAOYU_MARKET", "")
	same, err := New(Options{Home: c.home})
	if err != nil || same.token != "xy_mine" || same.Market() != c.Market() {
		t.Errorf("%+v, %v", same, err)
	}
	if other, err := New(Options{Home: c.home, Market: "other.example.org"}); err != nil || other.token != "" {
		t.Errorf("another market has the token %q, %v", other.token, err)
	}
	if err := c.LogOut(); err != nil {
		t.Fatal(err)
	}
	if same, err = New(Options{Home: c.home}); err != nil || same.token != "" {
		t.Errorf("after the end: %q, %v", same.token, err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Home: c.home}); err == nil || hint.Way(err) == "" {
		t.Errorf("a torn file: %v", err)
	}
}

func TestTheTokenIsNotSentToWhereAMarketRedirects(t *testing.T) {
	var got string
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = "-" + r.Header.Get("Authorization") }))
	t.Cleanup(elsewhere.Close)
	c := connected(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
	})
	answer, err := c.send(t.Context(), "GET", "/v2/ada/m/blobs/x", nil, nil, http.StatusOK)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if got != "-" {
		t.Errorf("it came as %q", got)
	}
}

func TestOnlyWhatMayPassIsTriedAgain(t *testing.T) {
	for _, c := range []struct {
		status, asked int
		code          string
	}{{503, tries, "UNAVAILABLE"}, {429, tries, ""}, {500, tries, ""}, {409, 1, "DENIED"}, {404, 1, ""}, {403, 1, ""}, {507, 1, ""}} {
		asked := 0
		m := connected(t, func(w http.ResponseWriter, r *http.Request) {
			asked++
			w.WriteHeader(c.status)
			w.Write([]byte(`{"errors":[{"code":"` + c.code + `","message":"it is so; do otherwise"}]}`))
		})
		_, err := m.retry(t.Context(), func() (*http.Response, error) { return m.send(t.Context(), "GET", "/x", nil, nil, http.StatusOK) })
		if err == nil || asked != c.asked || !strings.Contains(err.Error(), "it is so") || hint.Way(err) != "do otherwise" {
			t.Errorf("%d: %v after %d requests, want %d", c.status, err, asked, c.asked)
		}
	}
}

func TestAMarketThatIsNotThereIsSaidSo(t *testing.T) {
	c := connected(t, nil)
	c.base.Host = "127.0.0.1:1"
	if _, err := c.WhoAmI(t.Context()); !errors.Is(err, ErrUnreachable) || hint.Way(err) == "" {
		t.Error(err)
	}
}
