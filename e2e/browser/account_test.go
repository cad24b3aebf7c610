package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// fill writes into a field of a form, in place of what stands there.
func fill(name, text string) chromedp.Action {
	return chromedp.SetValue(`main [name="`+name+`"]`, text, chromedp.ByQuery)
}

// submit sends the first form that goes to an address, as if by the Enter key, and waits for what comes.
func submit(form, next string) chromedp.Action {
	return chromedp.Tasks{chromedp.Submit(`form[action="`+form+`"]`, chromedp.ByQuery), chromedp.WaitVisible(next, chromedp.ByQuery)}
}

// TestPeopleOfAMarket signs up, makes a token, publishes with it, makes an organisation, signs out and in again: all that a
// newcomer does, with a real browser, in two languages.
func TestPeopleOfAMarket(t *testing.T) {
	ctx := browser(t)
	m := markettest.Start(t, market.Options{Web: web.Options{SignUp: web.Open}, Quota: depot.Quota{OwnerBytes: 1 << 30, OwnerPackages: 100}})
	said := complaints(ctx)
	var token string
	if err := chromedp.Run(ctx,
		view(1200, "light"), chromedp.Navigate(m.URL+"/?lang=en"), chromedp.Click(`header a[href="/signup"]`, chromedp.ByQuery), chromedp.WaitVisible(`main [name=password]`, chromedp.ByQuery), picture(t, "account-signup-light"),
		fill("name", "ada"), fill("password", "correct horse"), fill("full_name", "Ada Lovelace"), submit("/signup", `main [name=scope]`),
		fill("name", "laptop"), submit("/settings/tokens", "#secret"), picture(t, "account-token-light"), chromedp.Text("#secret", &token, chromedp.ByQuery),
		view(360, "dark"), chromedp.Navigate(m.URL+"/settings/tokens?lang=zh"), chromedp.WaitVisible(`main [name=scope]`, chromedp.ByQuery), picture(t, "account-tokens-dark-360"),
	); err != nil {
		t.Fatal(err)
	}
	pushAs(ctx, t, m, token)
	var name, owner, after string
	if err := chromedp.Run(ctx,
		chromedp.Navigate(m.URL+"/settings/usage"), chromedp.WaitVisible("progress", chromedp.ByQuery), picture(t, "account-usage-dark-360"),
		chromedp.Navigate(m.URL+"/settings/organisations"), chromedp.WaitVisible(`main [name=full_name]`, chromedp.ByQuery),
		fill("name", "lab"), fill("full_name", "The Lab"), submit("/settings/organisations", ".done"), chromedp.Click(`.rows a`, chromedp.ByQuery), chromedp.WaitVisible(`main h1`, chromedp.ByQuery), picture(t, "organisation-dark-360"),
		chromedp.Navigate(m.URL+"/organisations/lab"), chromedp.WaitVisible(`main [name=note]`, chromedp.ByQuery), picture(t, "organisation-settings-dark-360"),
		view(1200, "light"), chromedp.Navigate(m.URL+"/organisations/lab?lang=en"), chromedp.WaitVisible(`main [name=note]`, chromedp.ByQuery), picture(t, "organisation-settings-light"),
		chromedp.Navigate(m.URL+"/ada/hotel-reviews"), chromedp.WaitVisible(`article.card`, chromedp.ByQuery), chromedp.Click(`.like`, chromedp.ByQuery), chromedp.WaitVisible(`.like[aria-pressed=true]`, chromedp.ByQuery), picture(t, "package-liked-light"),
		chromedp.Navigate(m.URL+"/ada/hotel-reviews/settings"), chromedp.WaitVisible(`main [name=confirm]`, chromedp.ByQuery), picture(t, "package-settings-light"),
		chromedp.Navigate(m.URL+"/settings/sessions"), chromedp.WaitVisible(`.badge`, chromedp.ByQuery), picture(t, "account-sessions-light"),
		chromedp.Click(`.menu summary`, chromedp.ByQuery), chromedp.WaitVisible(`.menu ul`, chromedp.ByQuery), picture(t, "account-menu-light"), chromedp.Text(`.menu summary`, &name, chromedp.ByQuery),
		submit("/logout", `header a[href="/login"]`), chromedp.Navigate(m.URL+"/settings/tokens"), chromedp.WaitVisible(`main [name=password]`, chromedp.ByQuery), picture(t, "account-login-light"),
		fill("name", "ada"), fill("password", "wrong horse"), submit("/login", ".warning"), picture(t, "account-login-wrong-light"),
		fill("password", "correct horse"), submit("/login", `main [name=scope]`), chromedp.Text(`.menu summary`, &after, chromedp.ByQuery), chromedp.Text(`table.rows tbody td`, &owner, chromedp.ByQuery),
	); err != nil {
		t.Fatal(err)
	}
	if name != "ada" || after != "ada" || !strings.HasPrefix(owner, "laptop") {
		t.Errorf("signed in as %q, then as %q, with the token %q", name, after, owner)
	}
	for _, s := range *said {
		if !strings.Contains(s, "401") { // the wrong password
			t.Errorf("the browser complains: %s", s)
		}
	}
}

// pushAs publishes a data set with a token.
func pushAs(ctx context.Context, t *testing.T, m *markettest.Market, token string) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"README.md": hostileCard, "data.jsonl": `{"text":"好"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pack.Folder(ctx, dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Market: m.URL, Token: token, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(ctx, p, client.Reference{Name: "ada/hotel-reviews", Tag: "1.0.0"}, client.Watch{}); err != nil {
		t.Fatal(err)
	}
}
