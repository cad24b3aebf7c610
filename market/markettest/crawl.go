package markettest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Page is what a market answers at an address.
type Page struct {
	Path   string // with its query
	Status int
	Head   http.Header
	Body   []byte
	HTML   *html.Node // nil for what is no HTML
	// Redirects are the answers that led here, the first one first.
	Redirects []*http.Response
}

// Visitor is somebody with a browser that keeps cookies.
type Visitor struct {
	*http.Client
	m *Market
}

// Visit opens a browser of a stranger, "", or of one of those whom Populate brings. Its requests go by a transport.
func (m *Market) Visit(t *testing.T, name string, by http.RoundTripper) *Visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	v := &Visitor{&http.Client{Jar: jar, Transport: by}, m}
	if name != "" {
		a, err := v.PostForm(m.URL+"/login", url.Values{"name": {name}, "password": {Password}})
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode != http.StatusOK {
			t.Fatalf("signing in as %s: %s", name, a.Status)
		}
	}
	return v
}

// mostQueries is how many addresses of one path a crawl follows: searches can be narrowed without end.
const mostQueries = 12

// Crawl visits whatever links, forms that ask, styles, scripts and pictures of this market lead to, beginning with the paths
// that are given. Links to the other language are left out.
func (v *Visitor) Crawl(t *testing.T, from ...string) (pages []*Page) {
	t.Helper()
	seen, queries := map[string]bool{}, map[string]int{}
	for queue := from; len(queue) > 0; queue = queue[1:] {
		path := queue[0]
		name, _, _ := strings.Cut(path, "?")
		if seen[path] || queries[name] >= mostQueries {
			continue
		}
		seen[path] = true
		queries[name]++
		p, err := v.Get(t, path)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, p)
		if p.HTML != nil {
			base, err := url.Parse(v.m.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			queue = append(queue, links(p.HTML, base)...)
		}
	}
	return pages
}

// Get asks for a path.
func (v *Visitor) Get(t *testing.T, path string) (*Page, error) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, v.m.URL+path, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept-Language", "en")
	p := &Page{Path: path}
	c := *v.Client
	c.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if len(via) > 5 {
			return fmt.Errorf("%s leads round in circles", path)
		}
		p.Redirects = append(p.Redirects, next.Response)
		return nil
	}
	a, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer a.Body.Close()
	p.Status, p.Head = a.StatusCode, a.Header
	if p.Body, err = io.ReadAll(a.Body); err != nil {
		return nil, err
	}
	if strings.HasPrefix(a.Header.Get("Content-Type"), "text/html") {
		p.HTML, err = html.Parse(bytes.NewReader(p.Body))
	}
	return p, err
}

// Attribute returns one of an element, "" where it has none.
func Attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// links are the paths of a market that an element and those within it lead to.
func links(root *html.Node, base *url.URL) (list []string) {
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		to := ""
		switch n.Data {
		case "a", "link":
			to = Attribute(n, "href")
		case "img", "script":
			to = Attribute(n, "src")
		case "form":
			if !strings.EqualFold(Attribute(n, "method"), "post") {
				to = Attribute(n, "action") + "?" + Fields(n).Encode()
			}
		}
		u, err := base.Parse(to)
		if to == "" || err != nil || u.Host != base.Host {
			continue
		}
		q := u.Query()
		if q.Has("lang") {
			continue
		}
		list = append(list, strings.TrimSuffix(u.EscapedPath()+"?"+q.Encode(), "?"))
	}
	return list
}

// Fields are what a form sends as it stands.
func Fields(form *html.Node) url.Values {
	q := url.Values{}
	for n := range form.Descendants() {
		if name := Attribute(n, "name"); n.Type == html.ElementNode && name != "" && n.Data != "button" {
			q.Set(name, Attribute(n, "value"))
		}
	}
	return q
}
