package web_test

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// TestACollectionIsMadeFromAPackagesPage goes the way of a person: from a package to a new collection, its arrangement, its
// finding and its end; and looks at each page as its owner, as somebody else and as a stranger.
func TestACollectionIsMadeFromAPackagesPage(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	person(t, m, "bob")
	token := m.Token(t, "ada", catalogue.Write)
	for _, name := range []string{"one", "two"} {
		publish(t, m, token, "ada/"+name+":1.0.0", hostile, false)
	}
	publish(t, m, token, "ada/secret:1.0.0", hostile, true)
	ada, bob, stranger := as(t, m, "ada"), as(t, m, "bob"), browse(t, m)
	stranger.wants(stranger.get("/collections"), 200, "There are no collections yet")
	if p := stranger.get("/ada/one/collect"); p.StatusCode != http.StatusSeeOther || !strings.HasPrefix(p.Header.Get("Location"), "/login?next=") {
		t.Fatalf("a stranger collects: %d %s", p.StatusCode, p.Header.Get("Location"))
	}
	ada.wants(ada.get("/ada/one"), 200, `href="/ada/one/collect"`)
	ada.wants(ada.get("/ada/one/collect"), 200, "Create and add")
	made := ada.post("/ada/one/collect", "title", "客服 <b>Models</b>", "note", "first\r\n<script>alert(1)</script>", "owner", "ada")
	at := made.Header.Get("Location")
	ada.wants(made, http.StatusSeeOther)
	if path, err := url.PathUnescape(at); err != nil || path != "/collections/ada/客服-b-models-b" {
		t.Fatal(at, err)
	}
	ada.wants(ada.post("/ada/one/collect", "title", "客服 b models b"), http.StatusBadRequest, "This name cannot be taken", `value="客服 b models b"`)
	ada.wants(ada.get("/ada/secret/collect"), 200, `<option value="ada/客服-b-models-b">`)
	for _, name := range []string{"secret", "two"} {
		ada.wants(ada.post("/ada/"+name+"/collect", "collection", "ada/客服-b-models-b"), http.StatusSeeOther)
	}
	ada.wants(ada.get(at), 200, "ada/secret", "3 packages", "/edit")
	for _, v := range []*visitor{bob, stranger} {
		p := v.wants(v.get(at), 200, "客服 &lt;b&gt;Models", "ada/one", "ada/two", "2 packages", "first\n&lt;script&gt;", "feed.atom")
		for _, text := range []string{"secret", "/edit", "<script>alert"} {
			if strings.Contains(p.body, text) {
				t.Errorf("somebody else is told %q", text)
			}
		}
	}
	// It is found.
	for _, path := range []string{"/collections?q=客服", "/collections/ada", "/ada", "/ada/two", "/", "/search?q=客服"} {
		u, _ := url.Parse(path)
		u.RawQuery = u.Query().Encode()
		stranger.wants(stranger.get(u.String()), 200, `href="`+at+`"`, "客服 &lt;b&gt;Models")
	}
	stranger.wants(stranger.get("/collections?q=absent"), 200, "No collection has these words")
	stranger.wants(stranger.get("/collections/bob"), http.StatusNotFound)
	stranger.wants(stranger.get("/collections/nobody"), http.StatusNotFound)
	bob.wants(bob.get("/collections/bob"), 200, "There are no collections yet")
	var feed struct {
		Entries []struct {
			Title   string `xml:"title"`
			Summary string `xml:"summary"`
		} `xml:"entry"`
	}
	if err := xml.Unmarshal([]byte(stranger.wants(stranger.get(at+"/feed.atom"), 200).body), &feed); err != nil || len(feed.Entries) != 2 || feed.Entries[0].Title != "ada/two" || !strings.HasPrefix(feed.Entries[1].Summary, "first") {
		t.Errorf("the feed: %+v, %v", feed, err)
	}
	// Its owner arranges it, and nobody else.
	for _, form := range [][]string{
		{"action", "settings", "title", "stolen"}, {"action", "place", "package", "ada/two", "to", "0"}, {"action", "note", "package", "ada/one", "note", "x"}, {"action", "remove", "package", "ada/one"},
		{"action", "add", "package", "ada/one"}, {"action", "delete", "confirm", "1"},
	} {
		bob.wants(bob.post(at+"/edit", form...), http.StatusForbidden)
		ada.wants(ada.do("POST", at+"/edit", url.Values{form[0]: {form[1]}}, map[string]string{"Sec-Fetch-Site": "cross-site"}), http.StatusForbidden, "another site")
	}
	bob.wants(bob.get(at+"/edit"), http.StatusForbidden)
	bob.wants(bob.post("/ada/one/collect", "collection", "ada/客服-b-models-b"), http.StatusForbidden)
	bob.wants(bob.post("/collections/new", "title", "x", "owner", "ada"), http.StatusForbidden)
	ada.wants(ada.post(at+"/edit", "action", "place", "package", "ada/two", "to", "0"), http.StatusSeeOther)
	ada.wants(ada.post(at+"/edit", "action", "remove", "package", "ada/secret"), http.StatusSeeOther)
	ada.wants(ada.post(at+"/edit", "action", "add", "package", "ada/absent"), http.StatusBadRequest, "there is no package")
	if p := ada.get(at + "/edit"); strings.Index(p.body, `id="ada/two"`) > strings.Index(p.body, `id="ada/one"`) {
		t.Error("ada/two does not come first")
	}
	ada.wants(ada.post(at+"/edit", "action", "settings", "title", "Desk", "description", "For the desk", "private", "1"), http.StatusSeeOther)
	ada.wants(ada.get(at), 200, "<h1>Desk</h1>", "For the desk", "private")
	for _, path := range []string{at, at + "/feed.atom", "/collections/ada"} {
		stranger.wants(stranger.get(path), http.StatusNotFound)
		bob.wants(bob.get(path), http.StatusNotFound)
	}
	if p := stranger.get("/ada/two"); strings.Contains(p.body, "Desk") {
		t.Error("the package tells of a private collection")
	}
	// What was taken back says so, what is deleted is gone.
	one, err := m.Depot.Catalogue.Repository(t.Context(), catalogue.Caller{}, "ada/one")
	if err != nil {
		t.Fatal(err)
	}
	ada.wants(ada.post("/ada/one/settings", "action", "version", "version", "1.0.0", "state", catalogue.Yanked, "reason", "wrong"), http.StatusSeeOther)
	ada.wants(ada.get(at), 200, "All versions of this package were taken back")
	ada.wants(ada.post("/"+one.FullName()+"/settings", "action", "delete", "confirm", "ada/one"), http.StatusSeeOther)
	ada.wants(ada.get(at), 200, "1 package<")
	ada.wants(ada.post(at+"/edit", "action", "delete"), http.StatusBadRequest, "tick the box")
	ada.wants(ada.post(at+"/edit", "action", "delete", "confirm", "1"), http.StatusSeeOther)
	ada.wants(ada.get(at), http.StatusNotFound)
}
