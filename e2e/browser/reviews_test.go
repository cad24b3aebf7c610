package browser

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

// hostileReview would show itself by a title, an element, a request, or a page that is empty or too wide.
var hostileReview = `<script>document.title = "run"</script><svg onload="document.title = 'run'"></svg><img src="/x" onerror="document.title = 'run'"><a id="trap" href="javascript:document.title='run'">here</a>` +
	"\n[here](javascript:document.title='run') http://evil.example/ </p></li></ul></main><style>body { display: none }</style>\u202e" + strings.Repeat("宽W", 300)

// TestHostileReviewsAreText shows a review, a reply, a report and an advisory that want to run, on each page that has them.
func TestHostileReviewsAreText(t *testing.T) {
	v := visits(t, market.Options{Reviews: catalogue.ReviewRules{Age: -1}})
	v.account(catalogue.Account{Name: "root", Operator: true})
	ada, bob := v.client("ada"), v.client("bob")
	v.publish(ada, "ada/rows", "1.0.0", rows(`{"text":"好"}`))
	if _, err := bob.Pull(t.Context(), client.Reference{Name: "ada/rows"}, filepath.Join(t.TempDir(), "out"), false, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	review, err := bob.Rate(t.Context(), "ada/rows", client.NewReview{Stars: 1, Text: hostileReview})
	if err == nil {
		err = ada.ReplyTo(t.Context(), "ada/rows", review.ID, hostileReview)
	}
	if err == nil {
		_, err = ada.Advise(t.Context(), "ada/rows", client.NewAdvisory{Severity: "low", Title: "<svg onload=alert(1)>", Text: hostileReview, Affected: "*"})
	}
	if err == nil {
		err = ada.Report(t.Context(), "ada/rows", client.Complaint{Kind: "review", ID: review.ID, Reason: hostileReview})
	}
	if err != nil {
		t.Fatal(err)
	}
	v.run(view(360, "dark"), chromedp.Navigate(v.URL+"/?lang=zh"), v.signIn("root"))
	for _, path := range []string{"/ada/rows", "/ada/rows/reviews", "/ada/rows/reviews/1", "/ada/rows/report?kind=review&id=1", "/admin/moderation"} {
		var title, body string
		var traps, wide int
		v.run(v.open(path, `main h1`), picture(t, "market"+strings.NewReplacer("/", "-", "?", "-", "&", "-", "=", "-").Replace(path)),
			chromedp.Title(&title), text(`main`, &body), chromedp.Evaluate(`document.querySelectorAll('#trap, main svg[onload], main script, main style, a[href^="javascript"], a[href*="evil.example"]').length`, &traps),
			chromedp.Evaluate(`document.documentElement.scrollWidth - innerWidth`, &wide))
		if title == "run" || traps != 0 || wide > 0 {
			t.Errorf("%s: the title %q, %d elements of the review's, %d pixels too wide", path, title, traps, wide)
		}
		if !strings.Contains(path, "report") && !strings.Contains(body, `<script>document.title = "run"</script>`) {
			t.Errorf("%s does not show it as text: %s", path, body)
		}
	}
}
