package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/xiaoyu-slm/xiaoyu/market"
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
	v := visits(t, market.Options{})
	v.publish(v.client("ada"), "ada/hotel-reviews", "1.0.0", map[string]string{"README.md": hostileCard, strings.Repeat("a-long-name-", 6) + ".jsonl": `{"text":"好"}`})
	var title, card, button string
	v.run(
		view(360, "dark"), chromedp.Navigate(v.URL+"/?lang=zh"), picture(t, "market-home-dark-360"),
		// A search by hand, from the home page to the package.
		chromedp.SendKeys(`input[type=search]`, "情感\r", chromedp.ByQuery), visible(`.orders`), picture(t, "market-search-dark-360"),
		click(`.cards .name`, `article.card`), picture(t, "market-package-dark-360"),
		chromedp.Title(&title), text(`article.card`, &card), text(`button[data-copy]`, &button),
		view(1200, "light"), picture(t, "market-package-light"),
		click(`.note a`, `.cards`), picture(t, "market-publisher-light"),
	)
	if !strings.HasPrefix(title, "ada/hotel-reviews") {
		t.Errorf("the title is %q", title)
	}
	if !strings.Contains(card, "酒店评论情感分析") || button != "复制" {
		t.Errorf("the card says %q, the button %q", card, button)
	}
}
