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

// publish pushes a folder of files as a version.
func publish(t *testing.T, m *markettest.Market, token, name, version string, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for file, content := range files {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Market: m.URL, Token: token, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(t.Context(), p, client.Reference{Name: name, Tag: version}, client.Watch{}); err != nil {
		t.Fatal(err)
	}
}

// TestFindingsPages goes from a search with its filters by lineage and comparison to a collection, in narrow and wide
// windows, light and dark, in both languages.
func TestFindingsPages(t *testing.T) {
	ctx := browser(t)
	m := markettest.Start(t, market.Options{})
	if _, err := m.Depot.Catalogue.CreateAccount(t.Context(), catalogue.Account{Name: "ada"}, "correct horse"); err != nil {
		t.Fatal(err)
	}
	token := m.Token(t, "ada", catalogue.Write)
	rows := map[string]string{"README.md": hostileCard, "data.jsonl": `{"text":"打 13812345678"}`}
	publish(t, m, token, "ada/hotel-reviews", "1.0.0", rows)
	rows["README.md"] += "\nOne more line, which is as long as a paragraph of a card is mostly, and wider than a narrow window.\n"
	publish(t, m, token, "ada/hotel-reviews", "1.1.0", rows)
	publish(t, m, token, "ada/hotel-model", "1.0.0", map[string]string{"config.json": `{"model_type": "bert"}`, "model.safetensors": string(markettest.Weights([]byte("weights"))),
		"README.md": strings.Replace(hostileCard, "license: mit\n", "license: mit\ndatasets: [ada/hotel-reviews]\n", 1)})
	said := complaints(ctx)
	visible := func(selector string) chromedp.Action { return chromedp.WaitVisible(selector, chromedp.ByQuery) }
	click := func(selector, next string) chromedp.Action {
		return chromedp.Tasks{chromedp.Click(selector, chromedp.ByQuery), visible(next)}
	}
	var before, noticed, first, note, title, at string
	if err := chromedp.Run(ctx,
		// Filters stand below the results of a narrow window; a link leads there.
		view(360, "dark"), chromedp.Navigate(m.URL+"/search?q=%E9%85%92%E5%BA%97&lang=zh"), visible(`.jump a`), chromedp.Text(`section > .note`, &before, chromedp.ByQuery), picture(t, "find-search-dark-360"),
		chromedp.Click(`.jump a`, chromedp.ByQuery), click(`.facets a[href*="kind=model"]`, `.facets a.on`), picture(t, "find-filtered-dark-360"),
		// From the model to its data, to what came of them, and back.
		click(`.cards .name`, `.lineage`), picture(t, "find-lineage-dark-360"), click(`.lineage a[href="/ada/hotel-reviews"]`, `.lineage a[href="/ada/hotel-model"]`),
		chromedp.Text(`main`, &noticed, chromedp.ByQuery), picture(t, "find-dependents-dark-360"),
		click(`a[href*="/compare?"]`, `.diff`), picture(t, "find-compare-dark-360"), view(1200, "light"), picture(t, "find-compare-light"),
		chromedp.Navigate(m.URL+"/ada/hotel-reviews/file?path=README.md&lang=en"), visible(`.file`), picture(t, "find-file-light"), view(360, "light"), picture(t, "find-file-light-360"),
		// A collection, by way of the sign-in page.
		chromedp.Navigate(m.URL+"/ada/hotel-model"), visible(`article.card`), click(`a[href="/ada/hotel-model/collect"]`, `main [name=password]`), picture(t, "find-login-light-360"),
		fill("name", "ada"), fill("password", "correct horse"), submit("/login", `main [name=title]`), picture(t, "find-collect-light-360"),
		fill("title", "客服常用 Models"), chromedp.SetValue(`main [name=note]`, "small and quick", chromedp.ByQuery), submit("/ada/hotel-model/collect", ".remark"), picture(t, "find-collection-light-360"),
		chromedp.Navigate(m.URL+"/ada/hotel-reviews/collect"), visible(`main select[name=collection]`), chromedp.Submit(`main form select[name=collection]`, chromedp.ByQuery), visible(`.cards li:nth-child(2)`),
		click(`a[href$="/edit"]`, `main [name=description]`), picture(t, "find-arrange-light-360"), view(1200, "dark"), picture(t, "find-arrange-dark"),
		chromedp.Click(`.cards li:nth-child(2) button[name=to]`, chromedp.ByQuery), visible(`.cards li:first-child[id="ada/hotel-reviews"]`), chromedp.Text(`.cards li:first-child .name`, &first, chromedp.ByQuery),
		chromedp.Navigate(m.URL+"/collections?lang=zh"), visible(`.cards .name`), picture(t, "find-collections-dark"), click(`.cards .name`, `.remark`), chromedp.Text(`.remark`, &note, chromedp.ByQuery), chromedp.Title(&title), picture(t, "find-collection-dark"),
		chromedp.Navigate(m.URL+"/ada/hotel-model"), visible(`aside a[href^="/collections/ada/"]`), chromedp.Navigate(m.URL+"/ada"), visible(`.cards a[href^="/collections/ada/"]`), picture(t, "find-owner-dark"), chromedp.Location(&at),
	); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(before, "共 2 个包") {
		t.Errorf("the search says %q", before)
	}
	if !strings.Contains(noticed, "1 个电话号码（第 1 行）") {
		t.Error("what was noticed is not said in Chinese")
	}
	if first != "ada/hotel-reviews" || note != "small and quick" || !strings.HasPrefix(title, "客服常用 Models") {
		t.Errorf("first %q, note %q, title %q", first, note, title)
	}
	for _, s := range *said {
		t.Errorf("the browser complains: %s", s)
	}
}
