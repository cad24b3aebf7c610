package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// site is a server for tests that remembers what it was asked.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func newSite(t *testing.T, pages map[string]http.HandlerFunc) *site {
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.URL.RequestURI())
		s.mu.Unlock()
		page, ok := pages[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		page(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// requests returns what was asked since the last call.
func (s *site) requests() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := strings.Join(s.asked, " ")
	s.asked = nil
	return list
}

func says(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		fmt.Fprint(w, body)
	}
}

// pageOf is a page with an article about something.
func pageOf(about string) string {
	return "<html><head><title>" + about + " - Site</title></head><body><nav><a href=/>home</a></nav><article><p>This is what there is to say about " + about + ", and it is quite long, so that it counts.</p></article></body></html>"
}

// clock is time that passes only by waiting.
type clock struct {
	at    time.Time
	waits []time.Duration
}

func (c *clock) options(t *testing.T) Options {
	c.at = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return Options{
		Out: filepath.Join(t.TempDir(), "out.jsonl"), AllowLocal: true, Timeout: 5 * time.Second,
		now: func() time.Time { return c.at },
		sleep: func(ctx context.Context, d time.Duration) error {
			c.at, c.waits = c.at.Add(d), append(c.waits, d)
			return ctx.Err()
		},
	}
}

func written(t *testing.T, path string) []Document {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []Document
	for _, line := range strings.Split(strings.TrimSpace(string(content)), "\n") {
		if line == "" {
			continue
		}
		var d Document
		if err := json.Unmarshal([]byte(line), &d); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		list = append(list, d)
	}
	return list
}

func fetch(t *testing.T, o Options, addresses ...string) *Report {
	t.Helper()
	r, err := Fetch(context.Background(), addresses, o)
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	return r
}

func feedOf(s *site, names ...string) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>News</title>`)
	for _, n := range names {
		fmt.Fprintf(&b, `<item><title>%s</title><link>/%s</link><description>&lt;p&gt;Summary of %s.&lt;/p&gt;</description><pubDate>Wed, 02 Oct 2024 08:00:00 GMT</pubDate></item>`, n, n, n)
	}
	return b.String() + "</channel></rss>"
}

func TestPagesAndFeedsAreFetchedOnce(t *testing.T) {
	var c clock
	o := c.options(t)
	var s *site
	conditional := 0
	s = newSite(t, map[string]http.HandlerFunc{
		"/robots.txt": says("text/plain", "User-agent: *\nDisallow: /private\nCrawl-delay: 3\n"),
		"/a":          says("text/html", pageOf("apples")),
		"/b":          says("text/html", pageOf("berries")),
		"/private/x":  says("text/html", pageOf("secrets")),
		"/plain":      says("text/plain; charset=utf-8", "只是文字\n"),
		"/image":      says("image/png", "\x89PNG"),
		"/feed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/rss+xml")
			w.Header().Set("ETag", `"1"`)
			if r.Header.Get("If-None-Match") == `"1"` {
				conditional++
				w.WriteHeader(http.StatusNotModified)
				return
			}
			if !strings.HasPrefix(r.UserAgent(), "xiaoyu ") {
				t.Errorf("the program calls itself %q", r.UserAgent())
			}
			fmt.Fprint(w, feedOf(s, "a", "b", "gone"))
		},
	})
	all := []string{s.URL + "/feed", s.URL + "/plain", s.URL + "/private/x", s.URL + "/image"}
	r := fetch(t, o, all...)
	if r.Documents != 4 || r.Feeds != 1 || len(r.Failed) != 2 {
		t.Errorf("report %+v", r)
	}
	docs := written(t, o.Out)
	if d := docs[0]; d.URL != s.URL+"/a" || d.Text != "Summary of a." || d.Date != "2024-10-02T08:00:00Z" || d.From != "feed" || d.Site != "News" || d.Feed != s.URL+"/feed" {
		t.Errorf("an entry is %+v", d)
	}
	for i, reason := range []string{"robots.txt of " + strings.TrimPrefix(s.URL, "http://") + " does not allow it", "it is image/png"} {
		if !strings.Contains(r.Failed[i].Reason, reason) {
			t.Errorf("failure %q, want %q", r.Failed[i].Reason, reason)
		}
	}
	if got := s.requests(); got != "/robots.txt /feed /plain /image" {
		t.Errorf("asked for %s", got)
	}
	for i, w := range c.waits {
		if want := []time.Duration{time.Second, 3 * time.Second}[min(i, 1)]; w != want {
			t.Errorf("wait %d is %s, want %s", i, w, want)
		}
	}
	// The same again asks for the feed alone, and only whether it has changed.
	if r = fetch(t, o, all...); r.Documents != 0 || r.Unchanged != 1 || r.Known != 1 || len(r.Failed) != 2 || s.requests() != "/robots.txt /feed" || conditional != 1 {
		t.Errorf("the second time: %+v, %d conditional requests", r, conditional)
	}
	// Whole pages of a feed whose entries are there already.
	o.Full = true
	o.Out = filepath.Join(t.TempDir(), "full.jsonl")
	r = fetch(t, o, s.URL+"/feed")
	docs = written(t, o.Out)
	if r.Documents != 2 || len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Reason, "404") || docs[0].From != "page" || docs[0].Title != "apples" || !strings.HasPrefix(docs[0].Text, "This is what there is to say about apples") {
		t.Errorf("whole pages: %+v, %+v", r, docs)
	}
	s.requests()
	if r = fetch(t, o, s.URL+"/feed", s.URL+"/a"); r.Documents != 0 || s.requests() != "/robots.txt /feed" {
		t.Errorf("whole pages, again: %+v", r)
	}
}

func TestWhatServersDoWrong(t *testing.T) {
	endless := func(contentType, start, more string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", contentType)
			fmt.Fprint(w, start)
			for r.Context().Err() == nil {
				if _, err := fmt.Fprint(w, more); err != nil {
					return
				}
			}
		}
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	var page int
	pages := map[string]http.HandlerFunc{
		"/circle": redirect("/circle2"), "/circle2": redirect("/circle"),
		"/elsewhere": redirect("ftp://example.org/x"),
		"/deeper": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/deeper?"+strings.Repeat("x", len(r.URL.RawQuery)+1), http.StatusFound)
		},
		"/endless-feed": endless("application/rss+xml", "<rss><channel>", "<item><title>again</title><guid isPermaLink='false'>x</guid><description>"+strings.Repeat("the same story, ", 400)+"</description></item>"),
		"/endless-page": endless("text/html", "<html><body><article>", "<p>this page goes on and on, and never comes to an end at all.</p>"),
		"/slow-feed": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/rss+xml")
			fmt.Fprint(w, "<rss><channel><item><title>one</title><description>the first story</description></item>")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
		"/turning-feed": func(w http.ResponseWriter, r *http.Request) {
			page++
			w.Header().Set("Content-Type", "application/atom+xml")
			fmt.Fprintf(w, `<feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><link rel="next" href="/turning-feed?page=%d"/><entry><title>e%d</title><id>urn:%d</id><summary>story %d</summary></entry></feed>`, page, page, page, page)
		},
		"/bomb": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			fmt.Fprint(z, "<html><body><article><p>"+strings.Repeat("bomb, ", 50)+"</p>")
			for range 200 {
				z.Write(bytes.Repeat([]byte("\n"), 1<<20))
			}
			z.Close()
		},
		"/damaged-feed": says("application/rss+xml", "<rss><channel><item><title>whole</title><description>text</description></item><item><title>half"),
		"/no-feed":      says("application/rss+xml", "<rss><channel><item><tit"),
		"/empty":        says("text/html", "<html><body><nav>menu</nav><script>x</script></body></html>"),
		"/gbk":          says("text/html; charset=utf-8", "<html><meta charset=iso-8859-1><body><p>"+string([]byte{0xb7, 0xbf, 0xbc, 0xe4, 0xba, 0xdc, 0xb8, 0xc9, 0xbe, 0xbb, 0xa3, 0xac, 0xb7, 0xfe, 0xce, 0xf1, 0xd2, 0xb2, 0xba, 0xdc, 0xba, 0xc3})+"</p></body></html>"),
		"/error":        func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	}
	for _, c := range []struct {
		path, text, reason, note string
		documents, requests      int
	}{
		{path: "/circle", reason: "redirects in a circle: ", requests: 2},
		{path: "/deeper", reason: "redirects more than 10 times", requests: 11},
		{path: "/elsewhere", reason: "ftp://example.org/x", requests: 1},
		{path: "/endless-feed", note: "it is cut after 100 kB", text: "the same story", documents: 1, requests: 1},
		{path: "/endless-page", note: "it is cut after 100 kB", text: "goes on and on", documents: 1, requests: 1},
		{path: "/slow-feed", note: "had not ended after", text: "the first story", documents: 1, requests: 1},
		{path: "/turning-feed", note: "more than 50 pages", text: "story 1", documents: 50, requests: 50},
		{path: "/bomb", note: "it is cut after 100 kB", text: "bomb, bomb", documents: 1, requests: 1},
		{path: "/damaged-feed", note: "damaged after 1 entries", text: "text", documents: 1, requests: 1},
		{path: "/no-feed", reason: "damaged before its first entry", requests: 1},
		{path: "/empty", reason: "no text on the page", requests: 1},
		{path: "/gbk", text: "房间很干净，服务也很好", documents: 1, requests: 1},
		{path: "/error", reason: "500 Internal Server Error", requests: 3},
		{path: "/missing", reason: "404", requests: 1},
	} {
		t.Run(c.path[1:], func(t *testing.T) {
			var clk clock
			o := clk.options(t)
			o.MaxBytes, o.Timeout = 100_000, 5*time.Second
			if c.path == "/slow-feed" {
				o.Timeout = 200 * time.Millisecond
			}
			s := newSite(t, pages)
			r := fetch(t, o, s.URL+c.path)
			var reasons []string
			for _, f := range r.Failed {
				reasons = append(reasons, f.Reason)
			}
			if got := strings.Join(reasons, " "); !strings.Contains(got, c.reason) || (got == "") != (c.reason == "") {
				t.Errorf("failed %q, want %q", got, c.reason)
			}
			if got := strings.Join(r.Notes, " "); !strings.Contains(got, c.note) || (got == "") != (c.note == "") {
				t.Errorf("notes %q, want %q", got, c.note)
			}
			docs := written(t, o.Out)
			if len(docs) != c.documents || c.documents > 0 && !strings.Contains(docs[0].Text, c.text) {
				t.Errorf("%d documents, want %d: %.200v", len(docs), c.documents, docs)
			}
			if got := len(strings.Fields(s.requests())) - 1; got != c.requests {
				t.Errorf("%d requests, want %d", got, c.requests)
			}
		})
	}
}

func TestServersAreWaitedFor(t *testing.T) {
	busy := 2
	var c clock
	o := c.options(t)
	s := newSite(t, map[string]http.HandlerFunc{
		"/a": func(w http.ResponseWriter, r *http.Request) {
			if busy--; busy >= 0 {
				w.Header().Set("Retry-After", "17")
				w.WriteHeader(http.StatusTooManyRequests)
				return
			}
			fmt.Fprint(w, pageOf("patience"))
		},
		"/later": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", c.at.Add(time.Hour).Format(http.TimeFormat))
			w.WriteHeader(http.StatusServiceUnavailable)
		},
	})
	r := fetch(t, o, s.URL+"/a")
	long := 0
	for _, w := range c.waits {
		if w == 17*time.Second {
			long++
		}
	}
	if r.Documents != 1 || long != 2 {
		t.Errorf("report %+v after waits %v", r, c.waits)
	}
	if r = fetch(t, o, s.URL+"/later"); len(r.Failed) != 1 || !strings.Contains(r.Failed[0].Reason, "asks to wait 1h0m0s") {
		t.Errorf("an hour: %+v", r)
	}
}

func TestHostsWhoseRobotsCannotBeHadAreLeftAlone(t *testing.T) {
	var c clock
	o := c.options(t)
	s := newSite(t, map[string]http.HandlerFunc{
		"/robots.txt": func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"/a":          says("text/html", pageOf("a")), "/b": says("text/html", pageOf("b")),
	})
	r := fetch(t, o, s.URL+"/a", s.URL+"/b")
	if r.Documents != 0 || len(r.Failed) != 2 || !strings.Contains(r.Failed[0].Reason, "robots.txt of") || s.requests() != "/robots.txt /robots.txt /robots.txt" {
		t.Errorf("%+v", r)
	}
}

func TestLocalAddressesAreRefused(t *testing.T) {
	s := newSite(t, map[string]http.HandlerFunc{"/a": says("text/html", pageOf("a"))})
	var c clock
	o := c.options(t)
	o.AllowLocal = false
	port := s.URL[strings.LastIndexByte(s.URL, ':'):]
	r := fetch(t, o, s.URL+"/a", "http://localhost"+port+"/a", "http://[::1]"+port+"/", "http://10.0.0.1/", "http://169.254.169.254/latest", "http://[::ffff:127.0.0.1]"+port+"/")
	if len(r.Failed) != 6 || s.requests() != "" {
		t.Fatalf("%+v", r)
	}
	for _, f := range r.Failed {
		if !strings.Contains(f.Reason, "--allow-local") {
			t.Errorf("%s: %s", f.URL, f.Reason)
		}
	}
}

func TestAnInterruptedFetchGoesOn(t *testing.T) {
	var c clock
	o := c.options(t)
	o.Full = true
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var s *site
	pages := map[string]http.HandlerFunc{"/feed": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Last-Modified", "Wed, 02 Oct 2024 08:00:00 GMT")
		if r.Header.Get("If-Modified-Since") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		says("text/xml", feedOf(s, "p0", "p1", "p2", "p3", "p4", "p5"))(w, r)
	}}
	for i := range 6 {
		pages[fmt.Sprint("/p", i)] = func(w http.ResponseWriter, r *http.Request) {
			if i == 3 {
				cancel()
			}
			fmt.Fprint(w, pageOf(fmt.Sprint("part ", i)))
		}
	}
	s = newSite(t, pages)
	_, err := Fetch(ctx, []string{s.URL + "/feed"}, o)
	if err == nil || !strings.Contains(hint.Way(err), "run the same command again") {
		t.Fatalf("interrupted: %v", err)
	}
	before := len(written(t, o.Out))
	if before < 3 || before > 4 {
		t.Fatalf("%d documents before the interruption", before)
	}
	// A kill between two bytes of a document.
	f, err := os.OpenFile(o.Out, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString(`{"url":"http://x/","text":"half of`)
	f.Close()
	s.requests()
	r := fetch(t, o, s.URL+"/feed")
	docs := written(t, o.Out)
	if r.Documents != 6-before || len(docs) != 6 {
		t.Errorf("%+v; %d documents in all", r, len(docs))
	}
	if asked := s.requests(); strings.Contains(asked, "/p0") || strings.Contains(asked, "/p2") || !strings.Contains(asked, "/p5") {
		t.Errorf("asked for %s", asked)
	}
	if r = fetch(t, o, s.URL+"/feed"); r.Unchanged != 1 || len(strings.Fields(s.requests())) != 2 {
		t.Errorf("a third time: %+v", r)
	}
}

func TestALimitIsGoneOnFrom(t *testing.T) {
	var c clock
	o := c.options(t)
	o.Limit = 2
	var s *site
	s = newSite(t, map[string]http.HandlerFunc{"/feed": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", "x")
		if r.Header.Get("If-None-Match") == "x" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		says("text/xml", feedOf(s, "a", "b", "c", "d", "e"))(w, r)
	}})
	for i, want := range []int{2, 4, 5, 5} {
		r := fetch(t, o, s.URL+"/feed")
		if got := len(written(t, o.Out)); got != want {
			t.Errorf("call %d: %d documents, want %d: %+v", i, got, want, r)
		}
	}
}

func TestChangedPagesAreWrittenAgainWhenAsked(t *testing.T) {
	var c clock
	o := c.options(t)
	text := "first"
	s := newSite(t, map[string]http.HandlerFunc{"/a": func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, pageOf(text)) }})
	fetch(t, o, s.URL+"/a")
	text = "second"
	if r := fetch(t, o, s.URL+"/a"); r.Known != 1 {
		t.Errorf("not asked for: %+v", r)
	}
	o.Refresh = true
	if r := fetch(t, o, s.URL+"/a"); r.Documents != 1 {
		t.Errorf("changed: %+v", r)
	}
	if r := fetch(t, o, s.URL+"/a"); r.Documents != 0 || r.Unchanged != 1 {
		t.Errorf("not changed: %+v", r)
	}
}

func TestWrongCallsAreExplained(t *testing.T) {
	out := filepath.Join(t.TempDir(), "x.jsonl")
	for _, address := range []string{"example.org", "ftp://example.org/", "http://", "http://[", "file:///etc/passwd"} {
		if _, err := Fetch(context.Background(), []string{address}, Options{Out: out}); err == nil || hint.Way(err) == "" {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, foreign := range []string{"{\"text\":\"a\"}\n", "{\"text\":\"a\"}", "text,label\n", "something"} {
		if err := os.WriteFile(out, []byte(foreign), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Fetch(context.Background(), []string{"http://example.org/"}, Options{Out: out}); err == nil || hint.Way(err) == "" {
			t.Errorf("an output of another kind: %v", err)
		}
		if after, err := os.ReadFile(out); err != nil || string(after) != foreign {
			t.Errorf("a file of another kind was changed to %q", after)
		}
	}
}
