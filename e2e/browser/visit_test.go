package browser

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// password is everybody's.
const password = "correct horse"

// visit is a browser that looks at a market.
type visit struct {
	*markettest.Market
	t   *testing.T
	ctx context.Context // the browser's
}

// visits starts a market and a browser, or skips the test where there is none. When the test ends the browser must have
// complained of nothing, but for what has one of the texts in permitted, as "401" where somebody writes a wrong password.
func visits(t *testing.T, o market.Options, permitted ...string) *visit {
	t.Helper()
	ctx := browser(t)
	v := &visit{markettest.Start(t, o), t, ctx}
	said := complaints(ctx)
	t.Cleanup(func() {
		for _, s := range *said {
			if !slices.ContainsFunc(permitted, func(text string) bool { return strings.Contains(s, text) }) {
				t.Errorf("the browser complains: %s", s)
			}
		}
	})
	return v
}

// run has the browser do something; where it cannot, the test ends.
func (v *visit) run(actions ...chromedp.Action) {
	v.t.Helper()
	if err := chromedp.Run(v.ctx, actions...); err != nil {
		var at string
		_ = chromedp.Run(v.ctx, chromedp.Location(&at))
		v.t.Fatalf("%v, at %s", err, at)
	}
}

// open goes to a path of the market, and waits for something there.
func (v *visit) open(path, selector string) chromedp.Action {
	return chromedp.Tasks{chromedp.Navigate(v.URL + path), visible(selector)}
}

// account makes one whose password is known.
func (v *visit) account(a catalogue.Account) *catalogue.Account {
	v.t.Helper()
	made, err := v.Depot.Catalogue.CreateAccount(v.t.Context(), a, password)
	if err != nil {
		v.t.Fatal(err)
	}
	return made
}

// signIn signs in as the page has people do.
func (v *visit) signIn(name string) chromedp.Action {
	return chromedp.Tasks{v.open("/login", `main [name=password]`), fill("name", name), fill("password", password), submit("/login", `.menu summary`)}
}

// client is somebody's command line, who is given an account if need be.
func (v *visit) client(name string) *client.Client {
	v.t.Helper()
	return v.clientBy(v.Token(v.t, name, catalogue.Write))
}

func (v *visit) clientBy(token string) *client.Client {
	v.t.Helper()
	c, err := client.New(client.Options{Market: v.URL, Token: token, Home: v.t.TempDir()})
	if err != nil {
		v.t.Fatal(err)
	}
	return c
}

// rows are the files of a data set of one row, with a card that is hostile.
func rows(row string) map[string]string {
	return map[string]string{"README.md": hostileCard, "data.jsonl": row}
}

// publish pushes files, by name, as a version of a package.
func (v *visit) publish(by *client.Client, name, version string, files map[string]string) {
	v.t.Helper()
	dir := v.t.TempDir()
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			v.t.Fatal(err)
		}
	}
	p, err := pack.Folder(v.t.Context(), dir, pack.Options{})
	if err != nil {
		v.t.Fatal(err)
	}
	if _, err := by.Push(v.t.Context(), p, client.Reference{Name: name, Tag: version}, client.Watch{}); err != nil {
		v.t.Fatal(err)
	}
}

func visible(selector string) chromedp.Action {
	return chromedp.WaitVisible(selector, chromedp.ByQuery)
}

// click clicks on something and waits for what comes.
func click(selector, next string) chromedp.Action {
	return chromedp.Tasks{chromedp.Click(selector, chromedp.ByQuery), visible(next)}
}

// text reads what stands in the first of some elements.
func text(selector string, into *string) chromedp.Action {
	return chromedp.Text(selector, into, chromedp.ByQuery)
}

// fill writes into a field of a form, in place of what stands there.
func fill(name, text string) chromedp.Action {
	return chromedp.SetValue(`main [name="`+name+`"]`, text, chromedp.ByQuery)
}

// submit sends the first form that goes to an address, as if by the Enter key, and waits for what comes.
func submit(form, next string) chromedp.Action {
	return chromedp.Tasks{chromedp.Submit(`form[action="`+form+`"]`, chromedp.ByQuery), visible(next)}
}
