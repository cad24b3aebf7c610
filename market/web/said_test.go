package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// TestWhoHasSaidSomethingHasAPage: a name below a review leads somewhere, and tells nothing that its reader may not see.
func TestWhoHasSaidSomethingHasAPage(t *testing.T) {
	m := markettest.Start(t, market.Options{Reviews: catalogue.ReviewRules{Age: -1}})
	for _, name := range []string{"ada", "bob", "eve", "lab"} {
		person(t, m, name)
	}
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/one:1.0.0", hostile, false)
	ada, bob, eve, stranger := as(t, m, "ada"), as(t, m, "bob"), as(t, m, "eve"), browse(t, m)
	for _, name := range []string{"bob", "eve"} {
		pull(t, m, "ada/one:1.0.0", name)
		stranger.wants(stranger.get("/"+name), http.StatusNotFound)
	}
	bob.wants(bob.post("/ada/one/rate", "stars", "2", "version", "1.0.0", "text", "Rather slow.\n"+evil), http.StatusSeeOther)
	eve.wants(eve.post("/ada/one/rate", "stars", "5", "version", "1.0.0"), http.StatusSeeOther) // no text: nobody reads the name
	stranger.wants(stranger.get("/eve"), http.StatusNotFound)
	p := stranger.wants(stranger.get("/bob"), 200, "Rather slow.", "&lt;script&gt;", "★★☆☆☆", `href="/ada/one"`, `href="/ada/one/reviews/1"`)
	if strings.Contains(p.body, "<script>document") || strings.Contains(p.body, "Nothing is published") {
		t.Errorf("the page says too much:\n%s", p.body)
	}
	bob.wants(bob.post("/ada/one/reviews/1", "action", "reply", "text", "Faster since."), http.StatusSeeOther)
	stranger.wants(stranger.get("/bob"), 200, "Faster since.", `href="/ada/one/reviews/1#reply1"`)
	// What is taken down, or about a package that has become private, is no longer there for others.
	ada.wants(ada.post("/ada/one/settings", "action", "settings", "private", "on"), http.StatusSeeOther)
	stranger.wants(stranger.get("/bob"), http.StatusNotFound)
	ada.wants(ada.get("/bob"), 200, "Rather slow.")
}
