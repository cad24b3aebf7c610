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

// hostileCard would show itself by a title, a request or a page that is too wide.
const hostileCard = `---
license: mit
language: [zh]
pipeline_tag: text-classification
---
# 酒店评论情感分析

<script>document.title = "run"</script><img src="/x" onerror="document.title = 'run'"><svg onload="document.title = 'run'"></svg>
<style>body { display: none }</style><iframe src="/"></iframe> [run](javascript:document.title='run')

| 一个很长的列标题 | another long heading | and one more heading | 最后一列 |
|---|---|---|---|
| 0.9123456789 | 0.9123456789 | 0.9123456789 | 0.9123456789 |

    a line of code that is much longer than a narrow window has room for, and must scroll by itself
`

func TestTheMarketsPages(t *testing.T) {
	ctx := browser(t)
	m := markettest.Start(t, market.Options{})
	dir := t.TempDir()
	for name, content := range map[string]string{"README.md": hostileCard, strings.Repeat("a-long-name-", 6) + ".jsonl": `{"text":"好"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Market: m.URL, Token: m.Token(t, "ada", catalogue.Write), Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(t.Context(), p, client.Reference{Name: "ada/hotel-reviews", Tag: "1.0.0"}, client.Watch{}); err != nil {
		t.Fatal(err)
	}

	said := complaints(ctx)
	var title, card, button string
	if err := chromedp.Run(ctx,
		view(360, "dark"), chromedp.Navigate(m.URL+"/?lang=zh"), picture(t, "market-home-dark-360"),
		// A search by hand, from the home page to the package.
		chromedp.SendKeys(`input[type=search]`, "情感\r", chromedp.ByQuery), chromedp.WaitVisible(`.orders`, chromedp.ByQuery), picture(t, "market-search-dark-360"),
		chromedp.Click(`.cards .name`, chromedp.ByQuery), chromedp.WaitVisible(`article.card`, chromedp.ByQuery), picture(t, "market-package-dark-360"),
		chromedp.Title(&title), chromedp.Text(`article.card`, &card, chromedp.ByQuery), chromedp.Text(`button[data-copy]`, &button, chromedp.ByQuery),
		view(1200, "light"), picture(t, "market-package-light"),
		chromedp.Click(`.note a`, chromedp.ByQuery), chromedp.WaitVisible(`.cards`, chromedp.ByQuery), picture(t, "market-publisher-light"),
	); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(title, "ada/hotel-reviews") {
		t.Errorf("the title is %q", title)
	}
	if !strings.Contains(card, "酒店评论情感分析") || button != "复制" {
		t.Errorf("the card says %q, the button %q", card, button)
	}
	for _, s := range *said {
		t.Errorf("the browser complains: %s", s)
	}
}
