package web_test

import (
	"encoding/xml"
	"image/png"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// atom is what RFC 4287 demands of a feed.
type atom struct {
	XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string   `xml:"id"`
	Title   string   `xml:"title"`
	Updated string   `xml:"updated"`
	Author  string   `xml:"author>name"`
	Links   []struct {
		Rel  string `xml:"rel,attr"`
		Href string `xml:"href,attr"`
	} `xml:"link"`
	Entries []struct {
		ID      string `xml:"id"`
		Title   string `xml:"title"`
		Updated string `xml:"updated"`
	} `xml:"entry"`
}

func TestFeedsAreWhatReadersDemand(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	publish(t, m, token, "ada/reviews:1.0.0", hostile, false)
	publish(t, m, token, "ada/reviews:1.1.0", hostile+"more", false)
	publish(t, m, token, "ada/secret:1.0.0", hostile, true)
	for _, c := range []struct {
		path    string
		entries int
	}{{"/search.atom", 1}, {"/search.atom?q=sentiment&kind=dataset&noise=1", 1}, {"/search.atom?q=absent", 0}, {"/search.atom?q=%3Cb%3E%00", 0}, {"/ada/reviews/versions.atom", 2}} {
		status, head, body := get(t, m, c.path, "en")
		var f atom
		if err := xml.Unmarshal([]byte(body), &f); err != nil || status != 200 || !strings.HasPrefix(head.Get("Content-Type"), "application/atom+xml") {
			t.Errorf("%s: %d, %v\n%s", c.path, status, err, body)
			continue
		}
		if f.Title == "" || f.Author == "" || len(f.Entries) != c.entries {
			t.Errorf("%s: title %q, author %q, %d entries, want %d", c.path, f.Title, f.Author, len(f.Entries), c.entries)
		}
		ids, self := map[string]bool{}, 0
		for _, l := range f.Links {
			if l.Rel == "self" {
				self++
			}
		}
		dates := []string{f.Updated}
		addresses := []string{f.ID}
		for _, e := range f.Entries {
			dates, addresses = append(dates, e.Updated), append(addresses, e.ID)
			if e.Title == "" || ids[e.ID] {
				t.Errorf("%s: an entry without a title, or one twice: %s", c.path, e.ID)
			}
			ids[e.ID] = true
		}
		for _, d := range dates {
			if _, err := time.Parse(time.RFC3339, d); err != nil {
				t.Errorf("%s: the date %q", c.path, d)
			}
		}
		for _, a := range addresses {
			if u, err := url.Parse(a); err != nil || !u.IsAbs() {
				t.Errorf("%s: the id %q is no absolute address", c.path, a)
			}
		}
		if self != 1 || strings.Contains(body, "secret") {
			t.Errorf("%s: %d links to itself, or it tells of a private package", c.path, self)
		}
	}
	if status, _, _ := get(t, m, "/ada/secret/versions.atom", "en"); status != 404 {
		t.Errorf("the feed of a private package: %d", status)
	}
}

func TestTheMapOfTheSiteNamesWhatEverybodyMaySee(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	publish(t, m, token, "ada/reviews:1.0.0", hostile, false)
	publish(t, m, token, "ada/secret:1.0.0", hostile, true)
	var index struct {
		Maps []string `xml:"sitemap>loc"`
	}
	_, _, body := get(t, m, "/sitemap.xml", "en")
	if err := xml.Unmarshal([]byte(body), &index); err != nil || len(index.Maps) != 1 { // there is no collection
		t.Fatalf("%v\n%s", err, body)
	}
	var part struct {
		Pages []string `xml:"url>loc"`
		Dates []string `xml:"url>lastmod"`
	}
	_, _, body = get(t, m, strings.TrimPrefix(index.Maps[0], m.URL), "en")
	if err := xml.Unmarshal([]byte(body), &part); err != nil || len(part.Pages) != 1 || part.Pages[0] != m.URL+"/ada/reviews" || len(part.Dates) != 1 {
		t.Errorf("%v\n%s", err, body)
	}
	for title, private := range map[string]bool{"客服 Models": false, "Secret": true, "Empty": false} {
		c := m.Depot.Catalogue
		ada, err := c.Authenticate(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		l, err := c.CreateCollection(t.Context(), ada, catalogue.NewCollection{Owner: "ada", Title: title, Private: private})
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.Repository(t.Context(), ada, "ada/reviews")
		if err == nil && title != "Empty" {
			err = c.AddToCollection(t.Context(), ada, l, r, "")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	index.Maps, part.Pages = nil, nil
	if _, _, body = get(t, m, "/sitemap.xml", "en"); xml.Unmarshal([]byte(body), &index) != nil || len(index.Maps) != 2 {
		t.Fatal(body)
	}
	_, _, body = get(t, m, strings.TrimPrefix(index.Maps[1], m.URL), "en")
	if err := xml.Unmarshal([]byte(body), &part); err != nil || len(part.Pages) != 1 || part.Pages[0] != m.URL+"/collections/ada/"+url.PathEscape("客服-models") {
		t.Errorf("%v\n%s", err, body)
	}
	if status, _, _ := get(t, m, strings.TrimPrefix(part.Pages[0], m.URL), "en"); status != 200 {
		t.Errorf("%s: %d", part.Pages[0], status)
	}
	if _, _, body = get(t, m, "/sitemap.xml?part=7", "en"); xml.Unmarshal([]byte(body), &part) != nil {
		t.Errorf("an empty part is not well formed: %s", body)
	}
	if _, _, body := get(t, m, "/robots.txt", "en"); !strings.Contains(body, "Sitemap: "+m.URL+"/sitemap.xml") {
		t.Error(body)
	}
	m2 := markettest.Start(t, market.Options{})
	if _, _, body := get(t, m2, "/sitemap.xml?part=0", "en"); xml.Unmarshal([]byte(body), &part) != nil {
		t.Errorf("the map of an empty market: %s", body)
	}
}

const figuresCard = `---
license: mit
language: [zh]
pipeline_tag: text-classification
base_model: ada/base
datasets: [ada/reviews, elsewhere/data]
model-index:
- name: x
  results:
  - dataset: {name: test}
    metrics:
    - {type: accuracy, name: Accuracy, value: 0.91}
    - {type: latency, name: latency in ms, value: 1.5}
---
# A title

The first line.
Another line.
`

func TestVersionsAreComparedAndPackagesRelated(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	publish(t, m, token, "ada/reviews:1.0.0", hostile, false)
	publish(t, m, token, "ada/alike:1.0.0", hostile, false)
	publish(t, m, token, "ada/hidden:1.0.0", strings.Replace(figuresCard, "ada/base", "ada/reviews", 1), true)
	publish(t, m, token, "ada/made:1.0.0", figuresCard, false)
	publish(t, m, token, "ada/made:1.1.0", strings.NewReplacer("0.91", "0.95", "Another line.", "A new <b>line</b>.").Replace(figuresCard), false)
	for _, c := range []struct {
		path        string
		has, hasNot []string
	}{
		{"/ada/made/compare?from=1.0.0&to=1.1.0", []string{"0.910 → 0.950", "&#43;0.040", "− Another line.", "+ A new &lt;b&gt;line&lt;/b&gt;.", "~ README.md"}, []string{"data.jsonl"}},
		{"/ada/made/compare", []string{"1.0.0 → 1.1.0"}, nil},
		{"/ada/made/compare?from=1.1.0&to=1.1.0", []string{"The cards say the same"}, []string{"README.md"}},
		{"/ada/made", []string{`compare?from=1.0.0&amp;to=1.1.0`, "Accuracy", "0.950", `href="/ada/reviews"`, "elsewhere/data", `property="og:image" content="` + m.URL + `/ada/made/preview.png"`, `rel="canonical" href="` + m.URL + `/ada/made"`, `hreflang="zh"`}, []string{"ada/hidden"}},
		{"/ada/reviews", []string{"Trained on it", `href="/ada/made"`, "Similar packages"}, []string{"ada/hidden"}},
		{"/ada/made/file?path=README.md&version=1.0.0", []string{"Another line.", "license: mit"}, nil},
		{"/ada/made/file?path=data.jsonl", []string{"{&#34;text&#34;:"}, nil},
	} {
		status, _, body := get(t, m, c.path, "en")
		if status != 200 {
			t.Errorf("%s: %d", c.path, status)
		}
		for _, s := range c.has {
			if !strings.Contains(body, s) {
				t.Errorf("%s: no %q", c.path, s)
			}
		}
		for _, s := range c.hasNot {
			if strings.Contains(body, s) {
				t.Errorf("%s: says %q", c.path, s)
			}
		}
	}
	for _, path := range []string{"/ada/made/compare?from=9.9.9", "/ada/hidden/compare", "/ada/made/file?path=../x", "/ada/hidden/preview.png"} {
		if status, _, _ := get(t, m, path, "en"); status != 404 {
			t.Errorf("%s: %d", path, status)
		}
	}
	_, head, body := get(t, m, "/ada/made/preview.png", "en")
	if picture, err := png.Decode(strings.NewReader(body)); err != nil || picture.Bounds().Dx() != 1200 || head.Get("Content-Type") != "image/png" {
		t.Errorf("the picture: %v, %s", err, head.Get("Content-Type"))
	}
}

func TestAPackageWithoutAVersionLeftSaysSo(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/reviews:1.0.0", hostile, false)
	ada, err := m.Depot.Catalogue.Authenticate(t.Context(), m.Token(t, "ada", catalogue.Write))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Depot.Catalogue.Repository(t.Context(), ada, "ada/reviews")
	if err == nil {
		err = m.Depot.Catalogue.Retire(t.Context(), ada, r, "1.0.0", catalogue.Yanked, "wrong labels", "")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, _, body := get(t, m, "/ada/reviews", "en"); !strings.Contains(body, "All versions of this package were taken back") || !strings.Contains(body, "wrong labels") || strings.Contains(body, "xiaoyu pull") {
		t.Error("the page does not say that there is nothing to install")
	}
}
