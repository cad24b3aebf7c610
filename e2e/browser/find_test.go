package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// TestFindingsPages goes from a search with its filters by lineage and comparison to a collection, in narrow and wide
// windows, light and dark, in both languages.
func TestFindingsPages(t *testing.T) {
	v := visits(t, market.Options{})
	v.account(catalogue.Account{Name: "ada"})
	ada, noticeable := v.client("ada"), rows(`{"text":"打 13812345678"}`)
	v.publish(ada, "ada/hotel-reviews", "1.0.0", noticeable)
	noticeable["README.md"] += "\nOne more line, which is as long as a paragraph of a card is mostly, and wider than a narrow window.\n"
	v.publish(ada, "ada/hotel-reviews", "1.1.0", noticeable)
	v.publish(ada, "ada/hotel-model", "1.0.0", map[string]string{"config.json": `{"model_type": "bert"}`, "model.safetensors": string(markettest.Weights([]byte("weights"))),
		"README.md": strings.Replace(hostileCard, "license: mit\n", "license: mit\ndatasets: [ada/hotel-reviews]\n", 1)})
	var before, noticed, first, note, title, at string
	v.run(
		// Filters stand below the results of a narrow window; a link leads there.
		view(360, "dark"), v.open("/search?q=%E9%85%92%E5%BA%97&lang=zh", `.jump a`), text(`section > .note`, &before), picture(t, "find-search-dark-360"),
		chromedp.Click(`.jump a`, chromedp.ByQuery), click(`.facets a[href*="kind=model"]`, `.facets a.on`), picture(t, "find-filtered-dark-360"),
		// From the model to its data, to what came of them, and back.
		click(`.cards .name`, `.lineage`), picture(t, "find-lineage-dark-360"), click(`.lineage a[href="/ada/hotel-reviews"]`, `.lineage a[href="/ada/hotel-model"]`),
		text(`main`, &noticed), picture(t, "find-dependents-dark-360"),
		click(`a[href*="/compare?"]`, `.diff`), picture(t, "find-compare-dark-360"), view(1200, "light"), picture(t, "find-compare-light"),
		v.open("/ada/hotel-reviews/file?path=README.md&lang=en", `.file`), picture(t, "find-file-light"), view(360, "light"), picture(t, "find-file-light-360"),
		// A collection, by way of the sign-in page.
		v.open("/ada/hotel-model", `article.card`), click(`a[href="/ada/hotel-model/collect"]`, `main [name=password]`), picture(t, "find-login-light-360"),
		fill("name", "ada"), fill("password", password), submit("/login", `main [name=title]`), picture(t, "find-collect-light-360"),
		fill("title", "客服常用 Models"), chromedp.SetValue(`main [name=note]`, "small and quick", chromedp.ByQuery), submit("/ada/hotel-model/collect", ".remark"), picture(t, "find-collection-light-360"),
		v.open("/ada/hotel-reviews/collect", `main select[name=collection]`), chromedp.Submit(`main form select[name=collection]`, chromedp.ByQuery), visible(`.cards li:nth-child(2)`),
		click(`a[href$="/edit"]`, `main [name=description]`), picture(t, "find-arrange-light-360"), view(1200, "dark"), picture(t, "find-arrange-dark"),
		chromedp.Click(`.cards li:nth-child(2) button[name=to]`, chromedp.ByQuery), visible(`.cards li:first-child[id="ada/hotel-reviews"]`), text(`.cards li:first-child .name`, &first),
		v.open("/collections?lang=zh", `.cards .name`), picture(t, "find-collections-dark"), click(`.cards .name`, `.remark`), text(`.remark`, &note), chromedp.Title(&title), picture(t, "find-collection-dark"),
		v.open("/ada/hotel-model", `aside a[href^="/collections/ada/"]`), v.open("/ada", `.cards a[href^="/collections/ada/"]`), picture(t, "find-owner-dark"), chromedp.Location(&at),
	)
	if !strings.Contains(before, "共 2 个包") {
		t.Errorf("the search says %q", before)
	}
	if !strings.Contains(noticed, "1 个电话号码（第 1 行）") {
		t.Error("what was noticed is not said in Chinese")
	}
	if first != "ada/hotel-reviews" || note != "small and quick" || !strings.HasPrefix(title, "客服常用 Models") {
		t.Errorf("first %q, note %q, title %q", first, note, title)
	}
}
