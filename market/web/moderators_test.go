package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

func TestModeratorsHaveTheirPagesAlone(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	person(t, m, "ada")
	if err := m.Depot.Catalogue.SetModerator(t.Context(), "", person(t, m, "mod"), true); err != nil {
		t.Fatal(err)
	}
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/one:1.0.0", hostile, false)
	publish(t, m, m.Token(t, "ada", catalogue.Write), "ada/secret:1.0.0", hostile, true)
	ada, mod := as(t, m, "ada"), as(t, m, "mod")
	ada.wants(ada.post("/ada/one/report", "kind", "package", "reason", "copied"), http.StatusSeeOther)
	p := mod.wants(mod.get("/admin/moderation"), 200, "1 waiting", "copied", `href="/admin/moderation"`)
	for _, path := range []string{"/admin/audit", "/admin/benchmarks"} {
		if strings.Contains(p.body, `href="`+path) {
			t.Errorf("the page leads to %s", path)
		}
		mod.wants(mod.get(path), http.StatusForbidden)
	}
	if strings.Contains(ada.get("/").body, "/admin/moderation") {
		t.Error("the menu of others leads to moderation")
	}
	mod.wants(mod.post("/admin/moderation", "kind", "package", "id", "1", "action", "down", "reason", "not yours"), http.StatusSeeOther)
	mod.wants(mod.get("/ada/one"), 200, "ada/one", "owner and moderators alone", "not yours")
	ada.wants(ada.get("/ada/one"), 200, "shown to you alone", "/ada/one/appeal")
	mod.wants(mod.get("/ada/secret"), http.StatusNotFound)
	mod.wants(mod.get("/ada/one/settings"), http.StatusForbidden)
	mod.wants(mod.post("/admin/moderation", "kind", "package", "id", "1", "action", "show", "reason", "it was"), http.StatusSeeOther)
	stranger := browse(t, m)
	stranger.wants(stranger.get("/ada/one"), 200)
	mod.wants(mod.get("/admin/moderation/decisions?lang=zh"), 200, "not yours", "it was")
}
