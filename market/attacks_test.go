package market_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

const plainCard = "---\nlicense: mit\nlanguage: en\ntask_categories: [text-classification]\n---\n# Rows\n"

// TestARemovedMembersTokenOpensNothing asks by every protocol for what a member could read and write, before and after he
// was removed; his token itself stays good.
func TestARemovedMembersTokenOpensNothing(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	ctx, c := t.Context(), m.Depot.Catalogue
	ada, bob := m.Token(t, "ada", catalogue.Admin), m.Token(t, "bob", catalogue.Admin)
	admin, err := c.Authenticate(ctx, ada)
	if err != nil {
		t.Fatal(err)
	}
	lab, err := c.CreateOrganisation(ctx, admin, "lab", "")
	if err != nil {
		t.Fatal(err)
	}
	member, err := c.Account(ctx, "bob")
	if err == nil {
		err = c.SetMember(ctx, admin, lab, member, catalogue.Admin)
	}
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"README.md": plainCard, "rows.jsonl": `{"text": "a"}`}
	if err := connect(t, m.URL, bob).Create(ctx, client.NewPackage{Name: "lab/secret", Private: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := tryPush(t, connect(t, m.URL, bob), files, "lab/secret:1.0.0"); err != nil {
		t.Fatal(err)
	}
	reads := []string{"/v2/lab/secret/manifests/1.0.0", "/v2/lab/secret/tags/list", "/api/v1/packages/lab/secret", "/api/datasets/lab/secret", "/datasets/lab/secret/resolve/main/README.md", "/lab/secret", "/lab/secret/reviews", "/organisations/lab", "/api/v1/organisations/lab"}
	for _, path := range reads {
		if a, body := request(t, "GET", m.URL+path, bob, "", nil); a.StatusCode != 200 {
			t.Fatalf("a member gets %s of %s: %s", a.Status, path, body)
		}
	}
	if err := c.SetMember(ctx, admin, lab, member, catalogue.None); err != nil {
		t.Fatal(err)
	}
	for _, path := range reads {
		a, body := request(t, "GET", m.URL+path, bob, "", nil)
		if a.StatusCode != 401 && a.StatusCode != 403 && a.StatusCode != 404 || strings.Contains(body, "Rows") {
			t.Errorf("who was removed gets %s of %s: %s", a.Status, path, body)
		}
	}
	for _, x := range [][3]string{
		{"PUT", "/api/v1/packages/lab/secret/versions/1.0.0/state", `{"state":"yanked","reason":"x"}`}, {"PATCH", "/api/v1/packages/lab/secret", `{"private":false}`}, {"DELETE", "/api/v1/packages/lab/secret", ""},
		{"PUT", "/api/v1/organisations/lab/members/bob", `{"role":"admin"}`}, {"POST", "/api/v1/organisations/lab/invitations", `{"role":"admin"}`}, {"POST", "/v2/lab/secret/blobs/uploads/", ""}, {"POST", "/v2/lab/other/blobs/uploads/", ""},
		{"POST", "/api/v1/packages", `{"name":"lab/new"}`}, {"POST", "/api/v1/packages/lab/secret/advisories", `{"severity":"high","title":"t","affected":"*"}`},
	} {
		if a, body := request(t, x[0], m.URL+x[1], bob, "application/json", []byte(x[2])); a.StatusCode < 400 {
			t.Errorf("who was removed %s %s: %s %s", x[0], x[1], a.Status, body)
		}
	}
	if who, err := connect(t, m.URL, bob).WhoAmI(ctx); err != nil || len(who.Organisations) != 0 {
		t.Errorf("%+v, %v", who, err)
	}
}

// raw sends bytes to a market as no client would, and returns what it answers until it is silent.
func raw(t *testing.T, m *markettest.Market, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(m.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("%q: %v after %q", text, err, b)
	}
	return string(b)
}

// TestPathsOfFilesLeadNowhereElse asks for files of other folders, of other packages and of the machine, written in all the
// ways in which a path is.
func TestPathsOfFilesLeadNowhereElse(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	if _, err := tryPush(t, connect(t, m.URL, token), map[string]string{"README.md": plainCard, "rows.jsonl": `{"text": "a"}`, "sub/deep.jsonl": `{"text": "b"}`}, "ada/rows:1.0.0"); err != nil {
		t.Fatal(err)
	}
	if err := connect(t, m.URL, token).Create(t.Context(), client.NewPackage{Name: "ada/secret", Private: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := tryPush(t, connect(t, m.URL, token), map[string]string{"README.md": plainCard, "rows.jsonl": `{"text": "sesame"}`}, "ada/secret:1.0.0"); err != nil {
		t.Fatal(err)
	}
	if got := raw(t, m, "GET /datasets/ada/rows/resolve/main/sub/deep.jsonl HTTP/1.0\r\n\r\n"); !strings.Contains(got, " 200 ") || !strings.HasSuffix(got, `{"text": "b"}`) {
		t.Fatalf("a plain path: %q", got)
	}
	tricks := []string{"../market.db", "..%2fmarket.db", "%2e%2e/%2e%2e/market.db", "..%5c..%5cmarket.db", "....//market.db", "/etc/passwd", "//etc/passwd", "%2fetc%2fpasswd", "..%252f..%252fetc%252fpasswd", "%c0%ae%c0%ae/etc/passwd", "rows.jsonl%00.png", "rows.jsonl/.", "sub/../../../ada/secret/resolve/main/rows.jsonl", "sub/%2e%2e/rows.jsonl", "./rows.jsonl", "C:%5cWindows%5cwin.ini", "sub//deep.jsonl", "%ff", "", "sub"}
	for _, begin := range []string{"/datasets/ada/rows/resolve/main/", "/datasets/ada/rows/raw/main/", "/datasets/ada/rows/resolve/..%2f..%2fsecret/", "/api/datasets/ada/rows/tree/main/", "/ada/rows/file?path="} {
		for _, trick := range tricks {
			got := raw(t, m, "GET "+begin+trick+" HTTP/1.0\r\n\r\n")
			status := strings.SplitN(got, "\r\n", 2)[0]
			if strings.Contains(got, "sesame") || strings.Contains(got, "root:") || strings.Contains(got, "SQLite format") || strings.Contains(status, " 5") && !strings.Contains(status, " 501 ") {
				t.Errorf("%s%s: %q", begin, trick, got)
			}
			if strings.Contains(begin, "resolve/main/") && strings.Contains(status, " 200 ") {
				t.Errorf("%s%s is a file: %q", begin, trick, got)
			}
		}
	}
}

// TestNothingThatIsSentBecomesAHeader writes line ends into whatever comes back in headers: names of files, addresses to go
// to, languages, errors.
func TestNothingThatIsSentBecomesAHeader(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	if _, err := tryPush(t, connect(t, m.URL, token), map[string]string{"README.md": plainCard, "rows.jsonl": `{"text": "a"}`}, "ada/rows:1.0.0"); err != nil {
		t.Fatal(err)
	}
	const inject = "%0d%0aX-Injected:%20yes%0d%0aSet-Cookie:%20xiaoyu_session=chosen"
	for _, path := range []string{
		"/login?next=/" + inject, "/" + inject, "/?lang=en" + inject, "/search?q=" + inject, "/datasets/ada/rows/resolve/main/" + inject, "/datasets/ada/rows/resolve/" + inject + "/rows.jsonl", "/datasets/ada" + inject + "/rows/resolve/main/rows.jsonl",
		"/api/datasets/ada/" + inject, "/v2/ada/rows/manifests/" + inject, "/v2/ada/rows/blobs/" + inject, "/api/v1/packages/ada/" + inject, "/ada/rows?version=" + inject, "/ada/rows/reviews?before=" + inject, "/ada/rows/reviews/" + inject, "/join/" + inject,
	} {
		head, _, _ := strings.Cut(raw(t, m, "GET "+path+" HTTP/1.0\r\nAccept-Language: en\r\n\r\n"), "\r\n\r\n")
		for line := range strings.SplitSeq(head, "\r\n") {
			if strings.HasPrefix(line, "X-Injected") || strings.Contains(line, "chosen") && strings.HasPrefix(line, "Set-Cookie") || strings.ContainsAny(line, "\r\n") {
				t.Errorf("%s answers %q", path, head)
			}
		}
	}
	// A session is never one that somebody else has chosen, and a host that was made up leads nowhere by a redirect.
	head := raw(t, m, "POST /login HTTP/1.0\r\nHost: evil.example\r\nCookie: xiaoyu_session=chosen\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 0\r\n\r\n")
	if strings.Contains(head, "Location: http") {
		t.Errorf("%q", head)
	}
}

// TestCardsMakeTheMarketAskNobody publishes a card that names addresses wherever one could be, looks at every page of the
// package, and counts who asks there: nobody.
func TestCardsMakeTheMarketAskNobody(t *testing.T) {
	var asked atomic.Int64
	trap := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer trap.Close()
	at := func(n int) string { return fmt.Sprintf("%s/%d", trap.URL, n) }
	card := "---\nlicense: mit\nlanguage: en\ntask_categories: [text-classification]\nthumbnail: " + at(1) + "\ndatasets: ['" + at(2) + "']\nbase_model: '" + at(3) + "'\nlicense_link: " + at(4) + "\n---\n# Rows\n" +
		"![a](" + at(5) + ") <img src='" + at(6) + "'> <link rel=stylesheet href='" + at(7) + "'> <svg><image href='" + at(8) + "'/></svg> [x]: " + at(9) + " ![b][x] <object data='" + at(10) + "'></object> <!DOCTYPE a [<!ENTITY b SYSTEM '" + at(11) + "'>]>\n"
	m := markettest.Start(t, market.Options{})
	if _, err := tryPush(t, connect(t, m.URL, m.Token(t, "ada", catalogue.Write)), map[string]string{"README.md": card, "rows.jsonl": `{"text": "` + at(12) + `"}`}, "ada/rows:1.0.0"); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/ada/rows", "/ada/rows?lang=zh", "/ada/rows/preview.png", "/ada/rows/versions.atom", "/ada/rows/file?path=README.md", "/ada/rows/reviews", "/api/v1/packages/ada/rows", "/api/v1/packages/ada/rows/bom", "/api/datasets/ada/rows", "/search?q=rows"} {
		a, body := request(t, "GET", m.URL+path, "", "", nil)
		if a.StatusCode != 200 {
			t.Errorf("%s: %s", path, a.Status)
		}
		if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
			for _, tag := range []string{"src=\"" + trap.URL, "src='" + trap.URL, "<image", "<object", "rel=stylesheet href='"} {
				if strings.Contains(body, tag) {
					t.Errorf("%s would make a browser ask: %s", path, tag)
				}
			}
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("the market has asked %d times", n)
	}
}

// TestBombsAreRefusedUnread sends archives that are a thousand times as large when they are unpacked, one within another too,
// and a body that says it is compressed.
func TestBombsAreRefusedUnread(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	zeros := make([]byte, 32<<20)
	var packed, zipped, twice bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(zeros)
	archive := zip.NewWriter(&zipped)
	w, createErr := archive.Create("rows.jsonl")
	if err = errors.Join(err, z.Close(), createErr); err == nil {
		_, err = w.Write(zeros)
	}
	outer := gzip.NewWriter(&twice)
	if err = errors.Join(err, archive.Close()); err == nil {
		_, err = outer.Write(zipped.Bytes())
	}
	if err = errors.Join(err, outer.Close()); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"rows.gz": packed.String(), "rows.zip": zipped.String(), "rows.zip.gz": twice.String()} {
		_, err := tryPush(t, connect(t, m.URL, token), map[string]string{"README.md": plainCard, name: content}, "ada/bomb:1.0.0")
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", m.URL+"/api/v1/packages", bytes.NewReader(packed.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Encoding", "gzip")
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != 400 {
		t.Errorf("a compressed body: %s", a.Status)
	}
}

// TestSlowClientsAreCutOff begins requests and never ends them: those that send nothing any longer are cut off, while others
// are answered.
func TestSlowClientsAreCutOff(t *testing.T) {
	m, err := market.Open(t.Context(), market.Options{Data: t.TempDir(), Stall: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx, l) }()
	defer func() {
		stop()
		if err := errors.Join(<-done, m.Close()); err != nil {
			t.Error(err)
		}
	}()
	token := (&markettest.Market{Market: m}).Token(t, "ada", catalogue.Write)
	var slow []net.Conn
	for i := range 40 {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		begun := []string{"GET / HTTP/1.1\r\nHost: x\r\nX-A: ", "POST /login HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nname=a",
			"PUT /api/v1/packages/ada/rows/rating HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 50\r\n\r\n{\"stars\":", "POST /v2/ada/rows/blobs/uploads/?digest=sha256:" + strings.Repeat("0", 64) + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token + "\r\nContent-Length: 50\r\n\r\nabc"}[i%4]
		if _, err := io.WriteString(conn, begun); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, conn)
	}
	if a, err := http.Get("http://" + l.Addr().String() + "/healthz"); err != nil || a.StatusCode != 200 {
		t.Fatal(a, err)
	} else {
		a.Body.Close()
	}
	for i, conn := range slow {
		conn.SetReadDeadline(time.Now().Add(30 * time.Second))
		if _, err := io.Copy(io.Discard, bufio.NewReader(conn)); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				t.Fatalf("client %d is still waited for", i)
			}
		}
	}
}
