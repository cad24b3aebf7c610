package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/web"
)

// axe is the source of axe-core, from the folder that XIAOYU_NPM names; without it the test is skipped.
func axe(t *testing.T) string {
	t.Helper()
	packages := os.Getenv("XIAOYU_NPM")
	if packages == "" {
		t.Skip("needs XIAOYU_NPM, a folder with the packages of e2e/thirdparty/npm/package.json")
	}
	source, err := os.ReadFile(filepath.Join(packages, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// violation is a rule that a page breaks.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// judge has axe look at the page that is shown, with all that can be unfolded. The debugger brings it in, which a page's
// content policy does not forbid.
func judge(ctx context.Context, source string) (list []violation, err error) {
	const run = `(async () => {
		document.querySelectorAll("main details").forEach((d) => d.open = true);
		const found = await axe.run(document, {resultTypes: ["violations"]});
		return JSON.stringify(found.violations);
	})()`
	var text string
	err = chromedp.Run(ctx, chromedp.Evaluate(source+";0", nil), chromedp.Evaluate(run, &text, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if err == nil {
		err = json.Unmarshal([]byte(text), &list)
	}
	return list, err
}

// mode is how a page is looked at.
type mode struct {
	lang, scheme string
	width        int64
}

func (m mode) String() string { return fmt.Sprint(m.lang, " ", m.scheme, " ", m.width) }

// modes of one page: two that differ in everything, of which each page has other ones, or all with XIAOYU_AXE=all.
func modes(i int) (list []mode) {
	for n := range 8 {
		if all := os.Getenv("XIAOYU_AXE") == "all"; all || n == i%4 || n == 7-i%4 {
			list = append(list, mode{[]string{"en", "zh"}[n&1], []string{"light", "dark"}[n>>1&1], []int64{360, 1280}[n>>2]})
		}
	}
	return list
}

// novel leaves out the pages that show nothing that an earlier one does not show: no kind of element within a kind of
// element, and no order of headings.
func novel(pages []*markettest.Page, seen map[string]bool) (list []string) {
	for _, p := range pages {
		if p.HTML == nil {
			continue
		}
		before := len(seen)
		var headings []string
		for n := range p.HTML.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			seen[kind(n.Parent)+">"+kind(n)] = true
			if len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] <= '6' && (len(headings) == 0 || headings[len(headings)-1] != n.Data) {
				headings = append(headings, n.Data)
			}
		}
		seen[strings.Join(headings, " ")] = true
		if len(seen) > before {
			list = append(list, p.Path)
		}
	}
	return list
}

// kind is what an element is for a page's style: its name, its classes, and which attributes it has.
func kind(n *html.Node) string {
	text := n.Data
	for _, a := range n.Attr {
		switch text += " " + a.Key; a.Key {
		case "class", "type", "role", "aria-pressed", "aria-current":
			text += "=" + a.Val
		}
	}
	return text
}

// TestAxeFindsNothing has axe-core look at every page of a market that shows something new, as a stranger, as people with
// accounts and as an operator, in both languages, light and dark, in narrow and wide windows.
func TestAxeFindsNothing(t *testing.T) {
	source := axe(t)
	ctx := browserFor(t, 10*time.Minute)
	m := markettest.Start(t, market.Options{Web: web.Options{SignUp: web.Open, Mailer: markettest.Unsent{}, URL: "https://market.example.org"}, Quota: markettest.Quota})
	m.Populate(t)
	looks, seen := 0, map[string]bool{}
	for _, who := range []string{"", markettest.Customer, markettest.Publisher, markettest.Operator} {
		v := m.Visit(t, who, nil)
		pages := novel(v.Crawl(t, "/", "/signup", "/login", "/password", "/absent", "/search?q=%00", "/join/absent", "/settings/mailbox?code=absent"), seen)
		if err := chromedp.Run(ctx, network.ClearBrowserCookies(), cookies(t, v, m.URL)); err != nil {
			t.Fatal(err)
		}
		for i, path := range pages {
			for _, look := range modes(i) {
				looks++
				complain(t, ctx, source, m.URL+path, fmt.Sprintf("%s as %q, %v", path, who, look), look)
			}
		}
		t.Logf("%q: %d pages", who, len(pages))
	}
	t.Logf("%d looks", looks)
	if looks < 100 {
		t.Errorf("axe has looked %d times alone", looks)
	}
}

// complain shows a page and reports what axe has against it: of any weight.
func complain(t *testing.T, ctx context.Context, source, address, name string, look mode) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Run(ctx, view(look.width, look.scheme), network.SetCookie("lang", look.lang).WithURL(u.Scheme+"://"+u.Host), chromedp.Navigate(address)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	blame(t, ctx, source, name)
}

// blame reports what axe has against the page that is shown.
func blame(t *testing.T, ctx context.Context, source, name string) {
	t.Helper()
	found, err := judge(ctx, source)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for _, f := range found {
		t.Errorf("%s: %s, %s: %s", name, f.Impact, f.ID, f.Help)
		for _, n := range f.Nodes[:min(len(f.Nodes), 2)] {
			t.Logf("    %.200s: %.300s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", " "))
		}
	}
}

// cookies gives a tab those of a visitor.
func cookies(t *testing.T, v *markettest.Visitor, address string) chromedp.Action {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	var list chromedp.Tasks
	for _, c := range v.Jar.Cookies(u) {
		list = append(list, network.SetCookie(c.Name, c.Value).WithURL(address).WithHTTPOnly(true).WithSameSite(network.CookieSameSiteLax))
	}
	return list
}

// TestAxeFindsNothingOnTheServersPage has it look at the page of `xiaoyu serve`, before and after a question.
func TestAxeFindsNothingOnTheServersPage(t *testing.T) {
	source := axe(t)
	ctx := browserFor(t, 5*time.Minute)
	at, _ := quickstart(t)
	for n := range 4 {
		for _, look := range modes(n) {
			unblamed(t, ctx, source, at, "房间很干净", look)
		}
	}
}

// unblamed asks a model on its server's page, and has axe look before and after.
func unblamed(t *testing.T, ctx context.Context, source, at, text string, look mode) {
	t.Helper()
	complain(t, ctx, source, at+"/?lang="+look.lang, fmt.Sprint("the page, ", look), look)
	if err := chromedp.Run(ctx, chromedp.SendKeys("#text", text), chromedp.Click("button[type=submit]"), chromedp.WaitVisible("#result")); err != nil {
		t.Fatal(err)
	}
	blame(t, ctx, source, fmt.Sprint("the answer, ", look))
}

// TestAxeFindsNothingOnAnAnswer has it look at the page of a package whose model has answered, and has been asked too much.
func TestAxeFindsNothingOnAnAnswer(t *testing.T) {
	source := axe(t)
	ctx := browserFor(t, 5*time.Minute)
	m := markettest.Start(t, market.Options{})
	p, err := pack.Folder(t.Context(), trained(t).Package, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Market: m.URL, Token: m.Token(t, "ada", catalogue.Write), Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(t.Context(), p, client.Reference{Name: "ada/hotel", Tag: "main"}, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	for n := range 2 {
		for i, look := range modes(n) {
			// A visitor of its own, whom the market does not hold to have asked enough.
			visitor := network.Headers{"X-Forwarded-For": fmt.Sprintf("198.51.100.%d", 10*n+i)}
			if err := chromedp.Run(ctx, network.SetExtraHTTPHeaders(visitor)); err != nil {
				t.Fatal(err)
			}
			complain(t, ctx, source, m.URL+"/ada/hotel", fmt.Sprint("the package, ", look), look)
			for text, shown := range map[string]string{"房间很干净": "#answer .bars", strings.Repeat("长", 6000): "#answer .warning"} {
				if err := chromedp.Run(ctx, chromedp.SetValue(".try textarea", text, chromedp.ByQuery), chromedp.Submit(".try form", chromedp.ByQuery), chromedp.WaitVisible(shown, chromedp.ByQuery)); err != nil {
					t.Fatalf("%.20q, %v: %v", text, look, err)
				}
				blame(t, ctx, source, fmt.Sprintf("the answer to %.20q, %v", text, look))
			}
		}
	}
}
