package web_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// hostile tries what a card must not do.
const hostile = `---
license: mit
language: [zh]
pipeline_tag: text-classification
---
# 情感分析 <script>alert(1)</script>

<img src=x onerror=alert(2)> <svg onload=alert(3)></svg> <iframe src="https://example.com"></iframe> <form action="/x"><input></form>
[run](javascript:alert(4)) [data](data:text/html,x) [local](/settings) [away](https://example.com "title") ![far](https://example.com/pixel.png)

<style>body { display: none }</style>

| a | b |
|:--|--:|
| 1 | **2** |
`

// publish publishes a data set with a card.
func publish(t testing.TB, m *markettest.Market, token, name, card string, private bool) {
	t.Helper()
	dir := t.TempDir()
	for file, content := range map[string]string{"README.md": card, "data.jsonl": `{"text":"好"}` + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Market: m.URL, Token: token, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := client.ParseReference(name)
	if err != nil {
		t.Fatal(err)
	}
	if private {
		if err := c.Create(t.Context(), client.NewPackage{Name: ref.Name, Private: true}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Push(t.Context(), p, ref, client.Watch{}); err != nil {
		t.Fatal(err)
	}
}

// get returns a page as a stranger's browser gets it.
func get(t *testing.T, m *markettest.Market, path, language string) (status int, head http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", m.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Language", language)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, a.Header, readAll(t, a)
}

func readAll(t *testing.T, a *http.Response) string {
	t.Helper()
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestPagesSayWhatThereIs(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	if _, _, body := get(t, m, "/", "en"); !strings.Contains(body, "xiaoyu push") {
		t.Error("an empty market does not say how to publish")
	}
	token := m.Token(t, "ada", catalogue.Write)
	publish(t, m, token, "ada/reviews:1.0.0", hostile, false)
	publish(t, m, token, "ada/reviews:1.1.0", strings.Replace(hostile, "情感分析", "情感分析二", 1), false)
	publish(t, m, token, "ada/secret:1.0.0", hostile, true)
	for _, c := range []struct {
		path, language string
		status         int
		has, hasNot    []string
	}{
		{"/", "en-GB", 200, []string{">New<", `href="/ada/reviews"`, `lang="en"`, "Text classification 1"}, []string{"secret", "Trending"}}, // nobody has taken any
		{"/", "zh-CN,en;q=0.5", 200, []string{"最新发布", `lang="zh-Hans"`, "/?lang=en"}, []string{">New<"}},
		{"/?lang=en", "zh-CN", 200, []string{">New<"}, nil},
		{"/search?q=sentiment", "en", 200, []string{"ada/reviews", "Text classification"}, []string{"secret"}},
		{"/search?q=%E6%83%85%E6%84%9F&licence=MIT", "zh", 200, []string{"ada/reviews", "文本分类", `class="on" href="/search?q=%E6%83%85%E6%84%9F"`}, []string{"secret"}},
		{"/search?q=absent", "en", 200, []string{"Nothing found"}, []string{"ada/"}},
		{"/search?q=%22%3E%3Cscript%3Ealert(1)", "en", 200, []string{"&lt;script&gt;alert(1)"}, []string{"<script>alert"}},
		{"/search?sort=beauty", "en", 400, []string{"This search cannot be made"}, nil},
		{"/search?offset=-5", "en", 200, []string{"ada/reviews"}, nil},
		{"/ada", "en", 200, []string{"ada/reviews"}, []string{"secret"}},
		{"/bob", "en", 404, []string{"Not found"}, nil},
		{"/ada/reviews", "en", 200, []string{"<small>1.1.0</small>", "情感分析二", "xiaoyu pull ada/reviews<", "data.jsonl", `?version=1.0.0`, "<strong>2</strong>"}, []string{"pipeline_tag"}},
		{"/ada/reviews?version=1.0.0", "en", 200, []string{"<small>1.0.0</small>", "xiaoyu pull ada/reviews:1.0.0<", "<h1>情感分析 "}, []string{"<h1>情感分析二"}},
		{"/ada/reviews?version=9.9.9", "en", 404, []string{"Not found"}, nil},
		{"/ada/secret", "en", 404, []string{"Not found"}, nil},
		{"/ada/absent", "zh", 404, []string{"没有找到"}, nil},
		{"/admin/absent", "zh", 404, []string{"没有找到"}, nil},
		{"/collections/a/b/c/d", "zh", 404, []string{"没有找到"}, nil},
		{"/-/absent.js", "en", 404, []string{"Not found"}, nil},
	} {
		status, _, body := get(t, m, c.path, c.language)
		if status != c.status {
			t.Errorf("%s: %d, want %d", c.path, status, c.status)
		}
		for _, s := range c.has {
			if !strings.Contains(body, s) {
				t.Errorf("%s in %s: no %q", c.path, c.language, s)
			}
		}
		for _, s := range c.hasNot {
			if strings.Contains(body, s) {
				t.Errorf("%s in %s: says %q", c.path, c.language, s)
			}
		}
	}
	// What people like is trending.
	c, err := client.New(client.Options{Market: m.URL, Token: token, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Like(t.Context(), "ada/reviews", true); err != nil {
		t.Fatal(err)
	}
	if _, _, body := get(t, m, "/", "zh"); !strings.Contains(body, "近期热门") {
		t.Error("what is liked is not said to be trending")
	}
	// The files of the page are those of the version that it shows.
	_, _, body := get(t, m, "/ada/reviews?version=1.0.0", "en")
	link := regexp.MustCompile(`href="([^"]+/README\.md)"`).FindStringSubmatch(body)
	if link == nil {
		t.Fatal("no link to the card")
	}
	if status, _, got := get(t, m, link[1], "en"); status != 200 || got != hostile {
		t.Errorf("%s: %d, %d bytes, want %d", link[1], status, len(got), len(hostile))
	}
}

func TestCardsCannotRunOrLoadAnything(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/reviews:1.0.0", hostile, false)
	_, head, body := get(t, m, "/ada/reviews", "en")
	_, card, found := strings.Cut(body, `<article class="card">`)
	card, _, _ = strings.Cut(card, "</article>")
	if !found || !strings.Contains(card, "情感分析") {
		t.Fatal("the page has no card")
	}
	for _, s := range []string{"<script", "<img", "<svg", "<iframe", "<form", "<input", "<style", "onerror", "onload", "javascript:", "data:", `href="/settings"`} {
		if strings.Contains(card, s) {
			t.Errorf("the card keeps %q", s)
		}
	}
	if !strings.Contains(card, `href="https://example.com"`) || !strings.Contains(card, "nofollow noreferrer") {
		t.Error("a link to another place is lost, or tells it more than it should")
	}
	if csp := head.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("the policy is %q", csp)
	}
}

func TestLongListsHavePages(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	const n = 23
	for i := range n {
		publish(t, m, token, fmt.Sprintf("ada/set%02d:1.0.0", i), hostile, false)
	}
	seen := map[string]bool{}
	path := "/search?q=set&sort=downloads"
	for pages := 0; path != ""; pages++ {
		if pages > 3 {
			t.Fatal("there is no last page")
		}
		_, _, body := get(t, m, path, "en")
		for _, name := range regexp.MustCompile(`href="/(ada/set\d+)"`).FindAllStringSubmatch(body, -1) {
			seen[name[1]] = true
		}
		path = ""
		if next := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(body); next != nil {
			path = strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	if len(seen) != n {
		t.Errorf("%d packages on all pages, want %d", len(seen), n)
	}
}
