package web_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// link is the path of an invitation that a page shows.
func link(t *testing.T, m *markettest.Market, p page) string {
	t.Helper()
	found := regexp.MustCompile(regexp.QuoteMeta(m.URL) + `(/join/[\w-]+)</code>`).FindStringSubmatch(p.body)
	if found == nil {
		t.Fatalf("there is no link in %s", p.body)
	}
	return found[1]
}

func TestOrganisationsAndTheirMembers(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	for _, name := range []string{"ada", "bob", "eve"} {
		person(t, m, name)
	}
	ada, bob, eve := as(t, m, "ada"), as(t, m, "bob"), as(t, m, "eve")
	ada.wants(ada.post("/settings/organisations", "name", "bob"), http.StatusBadRequest, "cannot be taken")
	ada.wants(ada.post("/settings/organisations", "name", "Lab", "full_name", "The Lab"), http.StatusSeeOther)
	ada.wants(ada.get("/settings/organisations"), 200, "The Lab")
	ada.wants(ada.get("/organisations/lab"), 200, "ada")
	bob.wants(bob.get("/organisations/lab"), http.StatusNotFound)
	bob.wants(bob.get("/lab"), http.StatusNotFound)
	bob.wants(bob.post("/organisations/lab", "action", "member", "name", "eve", "role", "write"), http.StatusForbidden)
	bob.wants(bob.post("/organisations/lab", "action", "member", "name", "bob", "role", "admin"), http.StatusForbidden)

	ada.wants(ada.post("/organisations/lab", "action", "member", "name", "bob", "role", "write"), http.StatusSeeOther)
	ada.wants(ada.post("/organisations/lab", "action", "member", "name", "nobody", "role", "write"), http.StatusBadRequest, "nobody called")
	bob.wants(bob.get("/organisations/Lab"), 200, "ada", "bob", "Leave")
	bob.wants(bob.post("/organisations/lab", "action", "invite", "role", "admin"), http.StatusForbidden)
	bob.wants(bob.post("/organisations/lab", "action", "profile", "about", "mine"), http.StatusForbidden)
	ada.wants(ada.post("/organisations/lab", "action", "profile", "about", "Small models."), http.StatusSeeOther)
	stranger := browse(t, m)
	p := stranger.wants(stranger.get("/lab"), 200, "Small models.")
	if strings.Contains(p.body, "bob") {
		t.Error("a stranger learns who is in it")
	}
	ada.wants(ada.post("/organisations/lab", "action", "remove", "name", "ada"), http.StatusBadRequest, "no administrator")

	// A token of somebody who is a member no longer sees and publishes no more.
	token := m.Token(t, "bob", catalogue.Write)
	publish(t, m, token, "Lab/secret:1.0.0", hostile, true)
	bob.wants(bob.get("/lab/secret"), 200)
	eve.wants(eve.get("/lab/secret"), http.StatusNotFound)
	ada.wants(ada.post("/organisations/lab", "action", "remove", "name", "bob"), http.StatusSeeOther)
	bob.wants(bob.get("/lab/secret"), http.StatusNotFound)
	who, err := m.Depot.Catalogue.Authenticate(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Depot.Catalogue.ForPush(t.Context(), who, "lab/secret"); err == nil {
		t.Error("the token of a former member still publishes")
	}
	ada.wants(ada.get("/organisations/lab/audit"), 200, "member", "bob none", "Lab/secret")
	eve.wants(eve.get("/organisations/lab/audit"), http.StatusForbidden)
	eve.wants(eve.get("/admin/audit"), http.StatusForbidden)
}

func TestInvitationsToOrganisations(t *testing.T) {
	m := markettest.Start(t, market.Options{Web: web.Options{SignUp: web.Invited}})
	for _, name := range []string{"ada", "bob", "eve"} {
		person(t, m, name)
	}
	ada, bob, eve := as(t, m, "ada"), as(t, m, "bob"), as(t, m, "eve")
	ada.wants(ada.post("/settings/organisations", "name", "lab"), http.StatusSeeOther)
	join := link(t, m, ada.wants(ada.post("/organisations/lab", "action", "invite", "role", "write", "note", "Bob"), 200))
	ada.wants(ada.get("/organisations/lab"), 200, "not yet")
	bob.wants(bob.get(join), 200, "lab", "Accept")
	bob.wants(bob.post(join), http.StatusSeeOther)
	bob.wants(bob.get("/organisations/lab"), 200)
	eve.wants(eve.post(join), http.StatusNotFound, "not valid")
	eve.wants(eve.get("/organisations/lab"), http.StatusNotFound)

	// Who has no account signs up by the link, and is a member at once.
	join = link(t, m, ada.wants(ada.post("/organisations/lab", "action", "invite", "role", "read"), 200))
	code := strings.TrimPrefix(join, "/join/")
	carol := browse(t, m)
	carol.wants(carol.get(join), 200, "/signup?invitation="+code)
	carol.wants(carol.post(join), http.StatusSeeOther) // to sign in
	carol.wants(carol.post("/signup", "name", "carol", "password", "correct horse", "invitation", code), http.StatusSeeOther)
	carol.wants(carol.get("/organisations/lab"), 200)

	// What somebody has invited to who may no longer, or has taken back, is not valid.
	ada.wants(ada.post("/organisations/lab", "action", "member", "name", "bob", "role", "admin"), http.StatusSeeOther)
	join = link(t, m, bob.wants(bob.post("/organisations/lab", "action", "invite", "role", "admin"), 200))
	ada.wants(ada.post("/organisations/lab", "action", "remove", "name", "bob"), http.StatusSeeOther)
	eve.wants(eve.post(join), http.StatusNotFound)
	bob.wants(bob.post(join), http.StatusNotFound)
	p := ada.wants(ada.post("/organisations/lab", "action", "invite", "role", "read"), 200)
	id := regexp.MustCompile(`name="uninvite" value="(\d+)"`).FindStringSubmatch(p.body)[1]
	eve.wants(eve.post("/organisations/lab", "uninvite", id), http.StatusForbidden)
	ada.wants(ada.post("/organisations/lab", "uninvite", id), http.StatusSeeOther)
	eve.wants(eve.get(link(t, m, p)), http.StatusNotFound)
}

func TestInvitationsToSignUpAreUsedOnce(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	ada := as(t, m, "ada")
	join := link(t, m, ada.wants(ada.post("/settings/invitations", "note", "Bob"), 200))
	code := strings.TrimPrefix(join, "/join/")
	for i, want := range []int{http.StatusSeeOther, http.StatusBadRequest} {
		v := browse(t, m)
		v.wants(v.post("/signup", "name", []string{"bob", "eve"}[i], "password", "correct horse", "invitation", code), want)
	}
	ada.wants(ada.get("/settings/invitations"), 200, `href="/bob"`)
}

func TestSettingsOfPackages(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	for _, name := range []string{"ada", "eve"} {
		person(t, m, name)
	}
	token := m.Token(t, "ada", catalogue.Write)
	publish(t, m, token, "ada/reviews:1.0.0", hostile, false)
	publish(t, m, token, "ada/reviews:1.1.0", strings.Replace(hostile, "情感分析", "二", 1), false)
	ada, eve, stranger := as(t, m, "ada"), as(t, m, "eve"), browse(t, m)
	const at = "/ada/reviews/settings"
	stranger.wants(stranger.get(at), http.StatusSeeOther)
	eve.wants(eve.get(at), http.StatusForbidden)
	for _, form := range [][]string{{"action", "settings", "private", "1"}, {"action", "delete", "confirm", "ada/reviews"}, {"action", "move", "to", "eve/reviews"}, {"action", "version", "version", "1.0.0", "state", "yanked", "reason", "x"}, {"action", "unpublish", "version", "1.0.0"}} {
		eve.wants(eve.post(at, form...), http.StatusForbidden)
	}
	ada.wants(ada.get("/ada/reviews"), 200, at)
	ada.wants(ada.get(at), 200, "1.1.0")
	ada.wants(ada.post(at, "action", "settings", "private", "1", "gated", ""), http.StatusSeeOther)
	stranger.wants(stranger.get("/ada/reviews"), http.StatusNotFound)
	ada.wants(ada.post(at, "action", "settings", "gated", "manual"), http.StatusSeeOther)
	file := regexp.MustCompile(`href="(/datasets/ada/reviews/resolve/[^"]+/data.jsonl)"`).FindStringSubmatch(stranger.wants(stranger.get("/ada/reviews"), 200, "on request").body)[1]
	eve.wants(eve.get(file), http.StatusForbidden)
	eve.wants(eve.get("/ada/reviews"), 200, "Ask for access")
	for _, v := range []*visitor{eve, stranger} { // a page that shows a file shows it to those alone who may have it
		v.wants(v.get("/ada/reviews/file?path=data.jsonl"), http.StatusForbidden, "asked for access")
		v.wants(v.get("/ada/reviews/file?path=README.md"), 200)
	}
	eve.wants(eve.post("/ada/reviews/access"), http.StatusSeeOther)
	eve.wants(eve.get("/ada/reviews"), 200, "The owner decides")
	ada.wants(ada.get(at), 200, "Let in", "eve")
	ada.wants(ada.post(at, "action", "access", "name", "eve", "state", "accepted"), http.StatusSeeOther)
	eve.wants(eve.get(file), 200) // by the session alone
	eve.wants(eve.get("/ada/reviews/file?path=data.jsonl"), 200)
	stranger.wants(stranger.get(file), http.StatusUnauthorized)

	ada.wants(ada.post(at, "action", "version", "version", "1.1.0", "state", "yanked"), http.StatusBadRequest, "no reason")
	ada.wants(ada.post(at, "action", "version", "version", "1.1.0", "state", "yanked", "reason", "wrong labels", "successor", "1.0.0"), http.StatusSeeOther)
	stranger.wants(stranger.get("/ada/reviews?version=1.1.0"), 200, "wrong labels")
	ada.wants(ada.post(at, "action", "describe", "description", "Reviews of hotels."), http.StatusSeeOther)
	ada.wants(ada.get(at), 200, "Reviews of hotels.")
	ada.wants(ada.post(at, "action", "unpublish", "version", "1.1.0"), http.StatusSeeOther)
	stranger.wants(stranger.get("/ada/reviews?version=1.1.0"), http.StatusNotFound)

	ada.wants(ada.post(at, "action", "move", "to", "eve/reviews"), http.StatusForbidden)
	ada.wants(ada.post(at, "action", "move", "to", "hotels"), http.StatusSeeOther)
	ada.wants(ada.post("/ada/hotels/settings", "action", "delete", "confirm", "hotels"), http.StatusBadRequest, "not confirmed")
	ada.wants(ada.post("/ada/hotels/settings", "action", "delete", "confirm", "ada/hotels"), http.StatusSeeOther)
	ada.wants(ada.get("/ada/hotels"), http.StatusNotFound)
}

func TestLikesAreOneForEach(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	publish(t, m, m.Token(t, "bob", catalogue.Write), "bob/reviews:1.0.0", hostile, false)
	v := as(t, m, "ada")
	likes := func() int64 {
		r, err := m.Depot.Catalogue.Repository(t.Context(), catalogue.Caller{}, "bob/reviews")
		if err != nil {
			t.Fatal(err)
		}
		return r.Likes
	}
	for range 2 {
		v.wants(v.post("/bob/reviews/like", "like", "1"), http.StatusSeeOther)
	}
	if n := likes(); n != 1 {
		t.Errorf("%d likes, want 1", n)
	}
	v.wants(v.get("/bob/reviews"), 200, `aria-pressed="true"`)
	v.wants(v.post("/bob/reviews/like", "like", "0"), http.StatusSeeOther)
	if n := likes(); n != 0 {
		t.Errorf("%d likes, want 0", n)
	}
	stranger := browse(t, m)
	if to := stranger.wants(stranger.do("POST", "/bob/reviews/like", url.Values{"like": {"1"}}, map[string]string{"Referer": m.URL + "/bob/reviews"}), http.StatusSeeOther).Header.Get("Location"); to != "/login?next=%2Fbob%2Freviews" {
		t.Errorf("a stranger is sent to %s", to)
	}
}

func TestSettingsShowWhatIsUsed(t *testing.T) {
	m := markettest.Start(t, market.Options{Quota: depot.Quota{OwnerBytes: 4 << 20, OwnerPackages: 3, File: 1 << 20}})
	person(t, m, "ada")
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/reviews:1.0.0", hostile, false)
	v := as(t, m, "ada")
	v.wants(v.get("/settings/usage"), 200, "4.19 MB", "1 / 3 packages", "1.05 MB")
}

func TestOperatorsReadTheAuditLog(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	if _, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "root", Operator: true}, "correct horse"); err != nil {
		t.Fatal(err)
	}
	person(t, m, "ada")
	v := as(t, m, "root")
	v.wants(v.get("/admin/audit"), 200, "log in", "account", "ada")
	p := v.wants(v.get("/admin/audit?actor=root"), 200, "root")
	if strings.Contains(p.body, "<td>ada</td>") {
		t.Error("it shows what others have done")
	}
}
