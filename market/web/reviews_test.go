package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// evil is what somebody writes who wants it to run, load or lead away.
const evil = `<script>document.title="owned"</script><svg onload=alert(1)><a href="javascript:alert(1)">x</a> [y](javascript:alert(2)) <img src=https://example.org/p.png onerror=alert(3)>` + "\n</p></li></ul><style>*{display:none}</style>"

// pull installs a package as somebody does by the command line.
func pull(t *testing.T, m *markettest.Market, name, who string) {
	t.Helper()
	c, err := client.New(client.Options{Market: m.URL, Token: m.Token(t, who, catalogue.Write), Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	from, err := client.ParseReference(name)
	if err == nil {
		_, err = c.Pull(t.Context(), from, t.TempDir()+"/out", false, client.Watch{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestPeopleRateWhatTheyHaveInstalled goes the way of a person: from the package's page to a rating, a reply, and back.
func TestPeopleRateWhatTheyHaveInstalled(t *testing.T) {
	m := markettest.Start(t, market.Options{Reviews: catalogue.ReviewRules{Age: -1}})
	for _, name := range []string{"ada", "bob", "eve"} {
		person(t, m, name)
	}
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/one:1.0.0", hostile, false)
	ada, bob, stranger := as(t, m, "ada"), as(t, m, "bob"), browse(t, m)
	stranger.wants(stranger.get("/ada/one"), 200, "Nobody has rated it yet.")
	stranger.wants(stranger.get("/ada/one/reviews"), 200, "Sign in to rate it.")
	ada.wants(ada.get("/ada/one/reviews"), 200, "This package is yours")
	bob.wants(bob.get("/ada/one/reviews"), 200, "xiaoyu pull ada/one")
	bob.wants(bob.post("/ada/one/rate", "stars", "5", "version", "1.0.0"), http.StatusForbidden)
	pull(t, m, "ada/one:1.0.0", "bob")
	bob.wants(bob.get("/ada/one/reviews"), 200, `<option>1.0.0</option>`)
	bob.wants(bob.post("/ada/one/rate", "stars", "9", "version", "1.0.0", "text", "kept <b>"), http.StatusBadRequest, "write a number from 1 to 5", "kept &lt;b&gt;")
	bob.wants(bob.post("/ada/one/rate", "stars", "2", "version", "1.0.0", "text", evil), http.StatusSeeOther)
	for _, path := range []string{"/ada/one", "/ada/one/reviews", "/ada/one/reviews?stars=2", "/ada/one/reviews/1"} {
		p := stranger.wants(stranger.get(path), 200, "★★☆☆☆", "bob", "&lt;script&gt;", "[y](javascript:alert(2))")
		for _, text := range []string{"<script>document", "<svg onload", `href="javascript`, "<img src=https", "<style>"} {
			if strings.Contains(p.body, text) {
				t.Errorf("%s has %s", path, text)
			}
		}
	}
	stranger.wants(stranger.get("/ada/one"), 200, `<a href="#reviews"><span class="star" aria-hidden="true">★</span> 2.0</a> (1)`)
	stranger.wants(stranger.get("/search?sort=rating"), 200, "★ 2.0 (1)")
	stranger.wants(stranger.get("/ada/one/reviews?stars=5"), 200, "There are no reviews with these stars.")
	ada.wants(ada.post("/ada/one/reviews/1", "action", "reply", "text", "Which version?\n"+evil), http.StatusSeeOther)
	bob.wants(bob.post("/ada/one/reviews/1", "action", "reply", "text", "1.0.0"), http.StatusSeeOther)
	stranger.wants(stranger.get("/ada/one/reviews"), 200, "Which version?\n&lt;script&gt;", "Publisher")
	eve := as(t, m, "eve")
	eve.wants(eve.post("/ada/one/reviews/1", "action", "reply", "text", "spam"), http.StatusForbidden)
	eve.wants(eve.post("/ada/one/reviews/1", "action", "other"), http.StatusBadRequest)
	for _, path := range []string{"/ada/one/reviews/99", "/ada/one/reviews/x", "/ada/none/reviews"} {
		stranger.wants(stranger.get(path), http.StatusNotFound)
	}
	if p := stranger.post("/ada/one/rate", "stars", "5"); p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/login") {
		t.Errorf("a stranger rates: %d", p.StatusCode)
	}
	// No form works from another site.
	for path, form := range map[string]url.Values{"/ada/one/rate": {"stars": {"1"}, "version": {"1.0.0"}}, "/ada/one/reviews/1": {"action": {"reply"}, "text": {"x"}}} {
		for _, head := range []map[string]string{{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "", "Origin": "https://evil.example"}} {
			bob.wants(bob.do("POST", path, form, head), http.StatusForbidden, "another site")
		}
	}
	bob.wants(bob.post("/ada/one/rate", "undo", "1", "version", "1.0.0"), http.StatusSeeOther)
	stranger.wants(stranger.get("/ada/one"), 200, "Nobody has rated it yet.")
}

func TestReviewsComeInPages(t *testing.T) {
	m := markettest.Start(t, market.Options{Reviews: catalogue.ReviewRules{Age: -1, Burst: -1}})
	ctx, c := t.Context(), m.Depot.Catalogue
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/one:1.0.0", hostile, false)
	r, err := c.Repository(ctx, catalogue.Caller{}, "ada/one")
	if err != nil {
		t.Fatal(err)
	}
	version, err := c.Resolve(ctx, r, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	const people = 45
	for i := range people {
		a, err := c.CreateAccount(ctx, catalogue.Account{Name: fmt.Sprintf("p%02d", i)}, "")
		if err == nil {
			err = c.RecordInstall(ctx, a, r, version.Manifest.Digest)
		}
		if err == nil {
			_, err = c.Rate(ctx, catalogue.Caller{Account: a, Scope: catalogue.Write}, r, catalogue.NewReview{Stars: 4, Text: fmt.Sprintf("text %02d.", i)})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	v := browse(t, m)
	seen, path := 0, "/ada/one/reviews"
	for pages := 0; path != ""; pages++ {
		p := v.wants(v.get(path), 200)
		seen += strings.Count(p.body, `<p class="said">text `)
		_, rest, more := strings.Cut(p.body, `<p><a href="/ada/one/reviews?before=`)
		if path = ""; more {
			at, _, _ := strings.Cut(rest, `"`)
			path = "/ada/one/reviews?before=" + at
		}
		if pages > 5 {
			t.Fatal("the pages have no end")
		}
	}
	if seen != people {
		t.Errorf("%d of %d reviews are on the pages", seen, people)
	}
	v.wants(v.get("/ada/one"), 200, "text 44.", "text 42.", "(45)")
}
