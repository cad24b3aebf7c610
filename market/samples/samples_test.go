package samples_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/samples"
)

// observer hears of the work, and ends it where a test wants that.
type observer struct {
	notes []string
	stop  string
	end   context.CancelFunc
}

func (o *observer) Stage(string, int64, string) {}
func (o *observer) Progress(int64, string)      {}
func (o *observer) Note(format string, args ...any) {
	text := strings.TrimSpace(format)
	for _, a := range args {
		if s, ok := a.(string); ok {
			text += " " + s
		}
	}
	if o.notes = append(o.notes, text); o.stop != "" && strings.Contains(text, o.stop) {
		o.end()
	}
}

func TestANewMarketHasSomethingInIt(t *testing.T) {
	if testing.Short() {
		t.Skip("trains three models")
	}
	m := markettest.Start(t, market.Options{})
	c, err := client.New(client.Options{Market: m.URL, Token: m.Token(t, "xiaoyu", catalogue.Write), Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "work")
	publish := func(ctx context.Context, o *observer) (samples.Published, error) {
		return samples.Publish(ctx, samples.Options{Client: c, Owner: "xiaoyu", Dir: dir, Observer: o})
	}

	// Interrupted in the middle, it goes on where it was; and then there is nothing left to do.
	ctx, cancel := context.WithCancel(t.Context())
	first, err := publish(ctx, &observer{stop: "xiaoyu/review-sentiment-en", end: cancel})
	if !errors.Is(err, context.Canceled) || len(first) != 3 {
		t.Fatalf("%v, %v", first, err)
	}
	second, err := publish(t.Context(), &observer{})
	if err != nil || strings.Join(second, " ") != "xiaoyu/review-sentiment-en xiaoyu/review-topic-zh xiaoyu/review-desk" {
		t.Fatalf("%v, %v", second, err)
	}
	o := &observer{}
	if third, err := publish(t.Context(), o); err != nil || len(third) > 0 || len(o.notes) > 0 {
		t.Errorf("%v, %v, %q", third, err, o.notes)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of the work is left: %v", err)
	}

	found, err := c.Search(t.Context(), client.Search{})
	if err != nil || found.Counts["kind"]["model"] != 3 || found.Counts["kind"]["dataset"] != 2 || found.Counts["kind"]["application"] != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	for _, p := range found.Packages {
		info, err := c.Info(t.Context(), p.Name, "")
		if err != nil || len(info.Findings) > 0 || info.Licence != "apache-2.0" || info.Description == "" || len(info.Labels["language"]) == 0 {
			t.Errorf("%+v, %v", info, err)
		}
	}
	if desk, err := c.Info(t.Context(), "xiaoyu/review-desk", ""); err != nil || strings.Join(desk.Labels["dependency"], " ") != "xiaoyu/review-sentiment-zh xiaoyu/review-topic-zh xiaoyu/reviews" {
		t.Errorf("%+v, %v", desk, err)
	}

	// The models work, and their cards have the figures that were measured.
	for _, name := range []string{"review-sentiment-zh", "review-sentiment-en", "review-topic-zh"} {
		folder, err := c.Resolve(t.Context(), client.Reference{Name: "xiaoyu/" + name}, client.Watch{}, t.Logf)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := xiaoyu.Open(folder)
		if err != nil {
			t.Fatal(err)
		}
		got, err := opened.Predict(t.Context(), "The staff were lovely, 房间也宽敞, 总体满意！")
		if err != nil || len(got) != 1 || got[0].Label == "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		opened.Close()
		card, err := os.ReadFile(filepath.Join(folder, "README.md"))
		if err != nil || !strings.Contains(string(card), "accuracy | 0.") || strings.Count(string(card), "{type: accuracy,") != 1 || strings.Contains(string(card), "%!") || strings.Contains(string(card), "OWNER") {
			t.Errorf("%s: %v\n%s", name, err, card)
		}
	}
	answer, err := http.Get(m.URL + "/?lang=zh")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	if err != nil || !strings.Contains(string(page), "中文点评情感分析") || !strings.Contains(string(page), "review-desk") {
		t.Errorf("the home page shows nothing of it: %v", err)
	}
}
