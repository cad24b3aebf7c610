package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// hostileReview would show itself by a title, an element, a request, or a page that is empty or too wide.
var hostileReview = `<script>document.title = "run"</script><svg onload="document.title = 'run'"></svg><img src="/x" onerror="document.title = 'run'"><a id="trap" href="javascript:document.title='run'">here</a>` +
	"\n[here](javascript:document.title='run') http://evil.example/ </p></li></ul></main><style>body { display: none }</style>\u202e" + strings.Repeat("宽W", 300)

// TestHostileReviewsAreText shows a review, a reply, a report and an advisory that want to run, on each page that has them.
func TestHostileReviewsAreText(t *testing.T) {
	ctx := browser(t)
	m := markettest.Start(t, market.Options{Reviews: catalogue.ReviewRules{Age: -1}})
	dir := t.TempDir()
	for name, content := range map[string]string{"README.md": hostileCard, "rows.jsonl": `{"text":"好"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	as := func(name string) *client.Client {
		c, err := client.New(client.Options{Market: m.URL, Token: m.Token(t, name, catalogue.Write), Home: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ada, bob := as("ada"), as("bob")
	if _, err := ada.Push(t.Context(), p, client.Reference{Name: "ada/rows", Tag: "1.0.0"}, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	if _, err := bob.Pull(t.Context(), client.Reference{Name: "ada/rows"}, filepath.Join(t.TempDir(), "out"), false, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	v, err := bob.Rate(t.Context(), "ada/rows", client.NewReview{Stars: 1, Text: hostileReview})
	if err == nil {
		err = ada.ReplyTo(t.Context(), "ada/rows", v.ID, hostileReview)
	}
	if err == nil {
		_, err = ada.Advise(t.Context(), "ada/rows", client.Advisory{Severity: "low", Title: "<svg onload=alert(1)>", Text: hostileReview, Affected: "*"})
	}
	if err == nil {
		err = ada.Report(t.Context(), "ada/rows", client.Complaint{Kind: "review", ID: v.ID, Reason: hostileReview})
	}
	if err == nil {
		_, err = m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "root", Operator: true}, "correct horse")
	}
	if err != nil {
		t.Fatal(err)
	}
	said := complaints(ctx)
	if err := chromedp.Run(ctx, view(360, "dark"), chromedp.Navigate(m.URL+"/login?lang=zh"), chromedp.SendKeys(`main input[name=name]`, "root", chromedp.ByQuery),
		chromedp.SendKeys(`main input[name=password]`, "correct horse\r", chromedp.ByQuery), chromedp.WaitVisible(`.menu`, chromedp.ByQuery)); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/ada/rows", "/ada/rows/reviews", "/ada/rows/reviews/1", "/ada/rows/report?kind=review&id=1", "/admin/moderation"} {
		var title, body string
		var traps, wide int
		if err := chromedp.Run(ctx, chromedp.Navigate(m.URL+path), chromedp.WaitVisible(`main h1`, chromedp.ByQuery), picture(t, "market"+strings.NewReplacer("/", "-", "?", "-", "&", "-", "=", "-").Replace(path)),
			chromedp.Title(&title), chromedp.Text(`main`, &body, chromedp.ByQuery), chromedp.Evaluate(`document.querySelectorAll('#trap, main svg[onload], main script, main style, a[href^="javascript"], a[href*="evil.example"]').length`, &traps),
			chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &wide)); err != nil {
			t.Fatal(path, err)
		}
		if title == "run" || traps != 0 || wide > 0 {
			t.Errorf("%s: the title %q, %d elements of the review's, %d pixels too wide", path, title, traps, wide)
		}
		if !strings.Contains(path, "report") && !strings.Contains(body, `<script>document.title = "run"</script>`) {
			t.Errorf("%s does not show it as text: %s", path, body)
		}
	}
	for _, s := range *said {
		t.Errorf("the browser complains: %s", s)
	}
}
