package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// TestPeopleOfAMarket signs up, makes a token, publishes with it, makes an organisation, signs out and in again: all that a
// newcomer does, with a real browser, in two languages.
func TestPeopleOfAMarket(t *testing.T) {
	v := visits(t, market.Options{Web: web.Options{SignUp: web.Open}, Quota: depot.Quota{OwnerBytes: 1 << 30, OwnerPackages: 100}}, "401") // for a wrong password
	var token string
	v.run(
		view(1200, "light"), chromedp.Navigate(v.URL+"/?lang=en"), click(`header a[href="/signup"]`, `main [name=password]`), picture(t, "account-signup-light"),
		fill("name", "ada"), fill("password", password), fill("full_name", "Ada Lovelace"), submit("/signup", `main [name=scope]`),
		fill("name", "laptop"), submit("/settings/tokens", "#secret"), picture(t, "account-token-light"), text("#secret", &token),
		view(360, "dark"), v.open("/settings/tokens?lang=zh", `main [name=scope]`), picture(t, "account-tokens-dark-360"),
	)
	v.publish(v.clientBy(token), "ada/hotel-reviews", "1.0.0", rows(`{"text":"好"}`))
	var name, owner, after string
	v.run(
		v.open("/settings/usage", "progress"), picture(t, "account-usage-dark-360"),
		v.open("/settings/organisations", `main [name=full_name]`),
		fill("name", "lab"), fill("full_name", "The Lab"), submit("/settings/organisations", ".done"), click(`.rows a`, `main h1`), picture(t, "organisation-dark-360"),
		v.open("/organisations/lab", `main [name=note]`), picture(t, "organisation-settings-dark-360"),
		view(1200, "light"), v.open("/organisations/lab?lang=en", `main [name=note]`), picture(t, "organisation-settings-light"),
		v.open("/ada/hotel-reviews", `article.card`), click(`.like`, `.like[aria-pressed=true]`), picture(t, "package-liked-light"),
		v.open("/ada/hotel-reviews/settings", `main [name=confirm]`), picture(t, "package-settings-light"),
		v.open("/settings/sessions", `.badge`), picture(t, "account-sessions-light"),
		click(`.menu summary`, `.menu ul`), picture(t, "account-menu-light"), text(`.menu summary`, &name),
		submit("/logout", `header a[href="/login"]`), v.open("/settings/tokens", `main [name=password]`), picture(t, "account-login-light"),
		fill("name", "ada"), fill("password", "wrong horse"), submit("/login", ".warning"), picture(t, "account-login-wrong-light"),
		fill("password", password), submit("/login", `main [name=scope]`), text(`.menu summary`, &after), text(`table.rows tbody td`, &owner),
	)
	if name != "ada" || after != "ada" || !strings.HasPrefix(owner, "laptop") {
		t.Errorf("signed in as %q, then as %q, with the token %q", name, after, owner)
	}
}
