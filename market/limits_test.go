package market_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// send sends a request with a token and returns status, headers and what is said.
func send(t *testing.T, m *markettest.Market, token, method, path string, body io.Reader, head ...string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, m.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i+1 < len(head); i += 2 {
		r.Header.Set(head[i], head[i+1])
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header, string(b)
}

// blobs sends n bytes to a repository in each of the ways that there are, and returns what the market has answered.
func blobs(t *testing.T, m *markettest.Market, token, name string, n int, fill byte) map[string]int {
	t.Helper()
	got := map[string]int{}
	content := func(way byte) ([]byte, string) {
		b := bytes.Repeat([]byte{fill, way}, n/2)
		return b, digest.FromBytes(b).String()
	}
	uploads := "/v2/" + name + "/blobs/uploads/"
	b, d := content('a')
	got["in one piece"], _, _ = send(t, m, token, "POST", uploads+"?digest="+d, bytes.NewReader(b))
	b, d = content('b')
	got["without a length"], _, _ = send(t, m, token, "POST", uploads+"?digest="+d, struct{ io.Reader }{bytes.NewReader(b)})
	b, _ = content('c')
	status, head, _ := send(t, m, token, "POST", uploads, nil)
	if status == http.StatusAccepted {
		status, _, _ = send(t, m, token, "PATCH", head.Get("Location"), bytes.NewReader(b))
	}
	got["in parts"] = status
	b, d = content('d')
	oid := strings.TrimPrefix(d, "sha256:")
	status, _, body := send(t, m, token, "POST", "/"+name+".git/info/lfs/objects/batch", strings.NewReader(fmt.Sprintf(`{"operation":"upload","objects":[{"oid":%q,"size":%d}]}`, oid, len(b))))
	if _, rest, ok := strings.Cut(body, `"upload":{"href":"`+m.URL); ok {
		path, _, _ := strings.Cut(rest, `"`)
		status, _, _ = send(t, m, token, "PUT", path, bytes.NewReader(b))
	}
	got["by LFS"] = status
	return got
}

func TestFilesAndOwnersHaveBounds(t *testing.T) {
	m := markettest.Start(t, market.Options{Quota: depot.Quota{File: 10_000, OwnerBytes: 25_000}})
	token := m.Token(t, "ada", catalogue.Write)
	if status, _, body := send(t, m, token, "POST", "/api/v1/packages", strings.NewReader(`{"name":"ada/model"}`)); status != http.StatusCreated {
		t.Fatal(status, body)
	}
	for way, status := range blobs(t, m, token, "ada/model", 20_000, 'x') {
		if status != http.StatusRequestEntityTooLarge {
			t.Errorf("a file that is too large, %s: %d, want 413", way, status)
		}
	}
	for way, status := range blobs(t, m, token, "ada/model", 6_000, 'x') { // three of them make 18,000
		if status >= 300 {
			t.Errorf("a file that is small enough, %s: %d", way, status)
		}
	}
	for way, status := range blobs(t, m, token, "ada/model", 8_000, 'y') {
		if status != http.StatusForbidden {
			t.Errorf("a file beyond the quota, %s: %d, want 403", way, status)
		}
	}
	// What the owner has already takes no room.
	b := bytes.Repeat([]byte("xa"), 3000)
	if status, _, body := send(t, m, token, "POST", "/v2/ada/other/blobs/uploads/?digest="+digest.FromBytes(b).String(), bytes.NewReader(b)); status != http.StatusCreated {
		t.Errorf("a file that the owner has: %d %s", status, body)
	}
	// Nor is the quota a matter of where a file comes from.
	other := m.Token(t, "bob", catalogue.Write)
	b = bytes.Repeat([]byte("z"), 9000)
	d := digest.FromBytes(b).String()
	if status, _, _ := send(t, m, other, "POST", "/v2/bob/model/blobs/uploads/?digest="+d, bytes.NewReader(b)); status != http.StatusCreated {
		t.Fatal(status)
	}
	if status, _, body := send(t, m, token, "POST", "/v2/ada/model/blobs/uploads/?mount="+d+"&from=bob/model", nil); status != http.StatusForbidden || !strings.Contains(body, "quota") {
		t.Errorf("a mount beyond the quota: %d %s", status, body)
	}
}

func TestPackagesHaveBounds(t *testing.T) {
	m := markettest.Start(t, market.Options{Quota: depot.Quota{Package: 10_000}})
	token := m.Token(t, "ada", catalogue.Write)
	c := connect(t, m.URL, token)
	packed := func(bytes int) *pack.Packed {
		p, err := pack.Folder(t.Context(), folder(t, uint64(bytes), bytes), pack.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if _, err := c.Push(t.Context(), packed(5_000), reference(t, "ada/model:1.0.0"), client.Watch{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(t.Context(), packed(20_000), reference(t, "ada/model:2.0.0"), client.Watch{}); err == nil || !strings.Contains(err.Error(), "of 10.0 kB at most") && !strings.Contains(err.Error(), "of 10 kB at most") {
		t.Errorf("a version that is too large: %v", err)
	}
	// By the hub's API each commit makes a version of all files.
	if status, _, body := send(t, m, token, "POST", "/api/repos/create", strings.NewReader(`{"name":"texts","organization":"ada","type":"model"}`)); status != http.StatusOK {
		t.Fatal(status, body)
	}
	for i, want := range []int{http.StatusOK, http.StatusRequestEntityTooLarge} {
		line := fmt.Sprintf(`{"key":"file","value":{"path":"part%d.txt","encoding":"base64","content":%q}}`, i, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("a line of text\n"), 400)))
		status, _, body := send(t, m, token, "POST", "/api/models/ada/texts/commit/main", strings.NewReader(`{"key":"header","value":{"summary":"x"}}`+"\n"+line+"\n"))
		if status != want {
			t.Errorf("commit %d: %d %s, want %d", i, status, body, want)
		}
	}
	if info, err := c.Info(t.Context(), "ada/model", ""); err != nil || len(info.Versions) != 2 {
		t.Errorf("%+v, %v", info, err)
	}
}

func TestOwnersHaveSoManyPackages(t *testing.T) {
	m := markettest.Start(t, market.Options{Quota: depot.Quota{OwnerPackages: 1}})
	token := m.Token(t, "ada", catalogue.Write)
	for i, want := range []int{http.StatusAccepted, http.StatusForbidden} {
		if status, _, body := send(t, m, token, "POST", fmt.Sprintf("/v2/ada/model%d/blobs/uploads/", i), nil); status != want {
			t.Errorf("package %d: %d, want %d: %s", i, status, want, body)
		}
	}
	if status, _, body := send(t, m, token, "POST", "/api/repos/create", strings.NewReader(`{"name":"another","type":"model"}`)); status != http.StatusForbidden || !strings.Contains(body, "1 at most") {
		t.Errorf("by the hub's API: %d %s", status, body)
	}
	if status, _, _ := send(t, m, token, "POST", "/v2/ada/model0/blobs/uploads/", nil); status != http.StatusAccepted {
		t.Errorf("one that is there: %d", status)
	}
}

func TestWhoAsksTooOftenHasToWait(t *testing.T) {
	m := markettest.Start(t, market.Options{Rate: 0.01, Burst: 2, MaxRequest: 1000, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	paths := []string{"/", "/v2/", "/api/models"}
	for i, path := range paths {
		from := fmt.Sprintf("192.0.2.%d", i)
		for n, want := range []bool{true, true, false} {
			status, head, body := send(t, m, "", "GET", path, nil, "X-Forwarded-For", "198.51.100.1, "+from)
			if limited := status == http.StatusTooManyRequests; limited == want {
				t.Fatalf("%s, request %d: %d", path, n, status)
			}
			if !want && (head.Get("Retry-After") == "" || !strings.Contains(body, "try again")) {
				t.Errorf("%s: %v %s", path, head, body)
			}
		}
	}
	token := m.Token(t, "ada", catalogue.Write)
	b := bytes.Repeat([]byte("z"), 2000)
	status, _, body := send(t, m, token, "POST", "/v2/ada/model/blobs/uploads/?digest="+digest.FromBytes(b).String(), bytes.NewReader(b), "X-Forwarded-For", "192.0.2.9")
	if status != http.StatusRequestEntityTooLarge || !strings.Contains(body, "in parts") {
		t.Errorf("a large request: %d %s", status, body)
	}
}

func TestOnlyTrustedProxiesSpeakForClients(t *testing.T) {
	m := markettest.Start(t, market.Options{Rate: 0.01, Burst: 1, Proxies: []netip.Prefix{}})
	for i, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		if status, _, _ := send(t, m, "", "GET", "/", nil, "X-Forwarded-For", fmt.Sprintf("192.0.2.%d", i)); status != want {
			t.Errorf("request %d: %d, want %d", i, status, want)
		}
	}
}
