package browser

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/export/web"
)

// A page of one file runs its model with the network cut off, by vectors, and says what the model says.
func TestThePageOfAnExport(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	dir := trained(t).Package
	path := filepath.Join(t.TempDir(), "model.html")
	m, err := xiaoyu.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r, err := web.ExportPage(context.Background(), m.Model, path, web.Options{Name: "quickstart", Examples: examples.ToTry("zh")})
	if err != nil {
		t.Fatal(err)
	}
	if r.Packed >= 3_000_000 {
		t.Errorf("the program in the page has %d bytes compressed; it is to stay under 3 MB", r.Packed)
	}
	ctx := browser(t) // whose time begins here
	seen := complaints(ctx)
	const text = "房间很干净，服务态度特别好，下次还来！<b>"
	want, err := m.Predict(context.Background(), text)
	if err != nil {
		t.Fatal(err)
	}
	// Elements are looked for by ByQuery: a search by text would find the page's own scripts.
	for _, c := range []struct {
		name, lang, scheme, heading string
		width                       int64
	}{
		{"page-zh-dark-narrow", "zh", "dark", "试一试", 360},
		{"page-en-light", "en", "light", "Try quickstart", 900},
	} {
		var heading, label, words, speed string
		err := chromedp.Run(ctx,
			network.Enable(),
			network.EmulateNetworkConditions(true, 0, 0, 0),
			view(c.width, c.scheme),
			chromedp.Navigate("file://"+path+"?lang="+c.lang),
			chromedp.Text("h1", &heading, chromedp.ByQuery),
			chromedp.SendKeys("#text", text, chromedp.ByQuery),
			chromedp.Click("button[type=submit]", chromedp.ByQuery),
			chromedp.WaitVisible("#result", chromedp.ByQuery),
			chromedp.Text("#label", &label, chromedp.ByQuery),
			chromedp.Text("#words", &words, chromedp.ByQuery),
			chromedp.Text("#speed", &speed, chromedp.ByQuery),
			picture(t, c.name),
		)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !strings.Contains(heading, c.heading) || label != want[0].Label || words != text {
			t.Errorf("%s: heading %q, label %q, want %q, words %q", c.name, heading, label, want[0].Label, words)
		}
		if !strings.Contains(speed, "ms") && !strings.Contains(speed, "毫秒") || !strings.Contains(speed, "simd128") {
			t.Errorf("%s: speed %q", c.name, speed)
		}
	}
	if len(*seen) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(*seen, "; "))
	}
	verifies(t, path, "page, by ")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(page); strings.Contains(s, "http://") && strings.Contains(s, "<link") {
		t.Error("the page names what it would have to load")
	}
}

// A folder for JavaScript runs in a browser too, and says what the model says.
func TestTheFolderOfAnExport(t *testing.T) {
	if testing.Short() {
		t.Skip("compiling the program for browsers takes its time")
	}
	browser(t) // or skip
	m, err := xiaoyu.Open(trained(t).Package)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	path := filepath.Join(t.TempDir(), "model")
	if _, err := web.ExportFolder(context.Background(), m.Model, path, web.Options{Name: "quickstart"}); err != nil {
		t.Fatal(err)
	}
	verifies(t, path, "folder for JavaScript, by ")
}

// verifies has `xiaoyu verify` compare what runs in a browser with the package that it carries.
func verifies(t *testing.T, path, kind string) {
	t.Helper()
	c, err := xiaoyu.Preset("cnn")
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path, c.Data.Text, c.Data.Label, c.Eval.Bootstrap = filepath.Join(t.TempDir(), "few.csv"), "text", "label", 0
	if err := os.WriteFile(c.Data.Path, []byte("text,label\n房间很干净,positive\n\"太吵了,\n一晚上没睡\",negative\nThe room was clean,positive\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	v, err := xiaoyu.VerifyProgram(context.Background(), path, "", nil, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.Texts != 3 || v.Agreement != 1 || v.Difference > 1e-4 || len(v.Export.Figures) == 0 || !strings.HasPrefix(v.Export.Kind, kind) {
		t.Errorf("verified: %+v", v)
	}
}
