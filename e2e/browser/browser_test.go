// Package browser tries the pages in a real browser: Chromium, headless, named by XIAOYU_CHROMIUM or found on the path.
// With XIAOYU_SCREENSHOTS=DIR it leaves pictures of what it saw.
package browser

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/serve"
)

// browser starts Chromium, or skips the test where there is none.
func browser(t *testing.T) context.Context {
	t.Helper()
	return browserFor(t, 90*time.Second)
}

// browserFor is browser for a test that may take so long.
func browserFor(t *testing.T, long time.Duration) context.Context {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time")
	}
	path := os.Getenv("XIAOYU_CHROMIUM")
	if path == "" {
		var err error
		if path, err = exec.LookPath("chromium"); err != nil {
			t.Skip("needs chromium, which is not here")
		}
	}
	profile, err := os.MkdirTemp("", "xiaoyu-browser-")
	if err != nil {
		t.Fatal(err)
	}
	// A browser's helpers outlive it by a moment, in which they may write there again; what is left then is no failure.
	t.Cleanup(func() {
		_ = os.RemoveAll(profile)
		time.Sleep(50 * time.Millisecond)
		_ = os.RemoveAll(profile)
	})
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(profile))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, long)
	t.Cleanup(cancel)
	return ctx
}

// TestMain removes what several tests have shared.
func TestMain(m *testing.M) {
	markettest.Worker()
	code := m.Run()
	if shared != "" {
		_ = os.RemoveAll(shared)
	}
	os.Exit(code)
}

// shared is a folder that lasts as long as the tests do; "" until something is in it.
var shared string

// theQuickstart is trained once for all tests, which only read it.
var theQuickstart = sync.OnceValues(func() (*xiaoyu.Result, error) {
	dir, err := os.MkdirTemp("", "xiaoyu-browser-")
	if err != nil {
		return nil, err
	}
	shared = dir
	sample, err := examples.Reviews("zh")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "reviews.csv")
	if err := os.WriteFile(data, sample, 0o644); err != nil {
		return nil, err
	}
	c, err := xiaoyu.Preset("cnn")
	if err != nil {
		return nil, err
	}
	c.Name, c.Data.Path, c.Out, c.Runs = "quickstart", data, filepath.Join(dir, "quickstart"), filepath.Join(dir, "runs")
	c.Train.Epochs, c.Train.Patience = 20, 8
	return xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
})

// trained is what `xiaoyu quickstart` trains.
func trained(t *testing.T) *xiaoyu.Result {
	t.Helper()
	result, err := theQuickstart()
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// quickstart serves what `xiaoyu quickstart` trains.
func quickstart(t *testing.T) (url, report string) {
	t.Helper()
	result := trained(t)
	m, err := xiaoyu.Open(result.Package)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serve.New(m.Model, serve.Options{Examples: examples.ToTry("zh")}))
	t.Cleanup(func() { server.Close(); m.Close() })
	return server.URL, result.ReportFile
}

// complaints collects what the browser logs: errors of scripts, blocked requests.
func complaints(ctx context.Context) *[]string {
	var list []string
	chromedp.ListenTarget(ctx, func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			list = append(list, e.ExceptionDetails.Error())
		case *log.EventEntryAdded:
			if e.Entry.Level == log.LevelError {
				list = append(list, e.Entry.Text)
			}
		}
	})
	return &list
}

func view(width int64, scheme string) chromedp.Tasks {
	return chromedp.Tasks{
		chromedp.EmulateViewport(width, 900),
		chromedp.ActionFunc(func(ctx context.Context) error {
			return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}).Do(ctx)
		}),
	}
}

// picture saves what is seen, and checks that nothing is wider than the window.
func picture(t *testing.T, name string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		var over bool
		if err := chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth`, &over).Do(ctx); err != nil {
			return err
		}
		if over {
			t.Errorf("%s: the page is wider than the window", name)
		}
		dir := os.Getenv("XIAOYU_SCREENSHOTS")
		if dir == "" {
			return nil
		}
		var png []byte
		if err := chromedp.FullScreenshot(&png, 100).Do(ctx); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name+".png"), png, 0o644)
	})
}

func TestTheQuickstartPage(t *testing.T) {
	ctx := browser(t)
	url, report := quickstart(t)
	seen := complaints(ctx)
	for _, c := range []struct {
		name, lang, scheme, heading string
		width                       int64
	}{
		{"try-zh-light", "zh", "light", "试一试", 900},
		{"try-zh-dark-narrow", "zh", "dark", "试一试", 360},
		{"try-en-dark", "en", "dark", "Try quickstart", 900},
		{"try-en-light-narrow", "en", "light", "Try quickstart", 360},
	} {
		var heading, label, words, background string
		var scores, marks int
		err := chromedp.Run(ctx,
			view(c.width, c.scheme),
			chromedp.Navigate(url+"/?lang="+c.lang),
			chromedp.Text("h1", &heading),
			chromedp.SendKeys("#text", "房间很干净，服务态度特别好，下次还来！<b>"),
			chromedp.Click("button[type=submit]"),
			chromedp.WaitVisible("#result"),
			chromedp.Text("#label", &label),
			chromedp.Text("#words", &words),
			chromedp.Evaluate(`document.querySelectorAll("#scores li").length`, &scores),
			chromedp.Evaluate(`document.querySelectorAll("#words mark[class]").length`, &marks),
			chromedp.Evaluate(`getComputedStyle(document.body).backgroundColor`, &background),
			picture(t, c.name),
		)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !strings.Contains(heading, c.heading) || label == "" || scores != 3 || marks == 0 || words != "房间很干净，服务态度特别好，下次还来！<b>" {
			t.Errorf("%s: heading %q, label %q, %d scores, %d marks, words %q", c.name, heading, label, scores, marks, words)
		}
		if dark := strings.HasPrefix(background, "rgb(20"); dark != (c.scheme == "dark") {
			t.Errorf("%s: background %s", c.name, background)
		}
	}
	// An example by one click, and an empty text refused by the form itself.
	var text string
	if err := chromedp.Run(ctx, view(900, "light"), chromedp.Navigate(url+"/?lang=zh"), chromedp.Click(".example"), chromedp.WaitVisible("#result"),
		chromedp.Value("#text", &text), picture(t, "try-example")); err != nil {
		t.Fatal(err)
	}
	if text != examples.ToTry("zh")[0] {
		t.Errorf("the example filled in %q", text)
	}
	for _, c := range []struct {
		name, scheme, click, shown string
		width                      int64
	}{{"report-en-light", "light", "en", "Confusion matrix", 1000}, {"report-zh-dark-narrow", "dark", "zh", "混淆矩阵", 360}} {
		var body string
		err := chromedp.Run(ctx, view(c.width, c.scheme), chromedp.Navigate("file://"+report), chromedp.Click(c.click, chromedp.ByID), chromedp.Text("body", &body, chromedp.ByQuery), picture(t, c.name))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if !strings.Contains(body, c.shown) {
			t.Errorf("%s lacks %q", c.name, c.shown)
		}
	}
	if len(*seen) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(*seen, "; "))
	}
}

func TestAServerThatStoppedIsSaid(t *testing.T) {
	ctx := browser(t)
	url, _ := quickstart(t)
	var message string
	err := chromedp.Run(ctx,
		chromedp.Navigate(url+"/?lang=en"),
		chromedp.Evaluate(`fetch = () => Promise.reject(new TypeError("gone"))`, nil),
		chromedp.SendKeys("#text", "good"),
		chromedp.Click("button[type=submit]"),
		chromedp.WaitVisible("#error"),
		chromedp.Text("#error", &message),
	)
	if err != nil || !strings.Contains(message, "does not answer") {
		t.Error(fmt.Sprint(message, err))
	}
}
