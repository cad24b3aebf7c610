package browser

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/serve"
)

// served trains a model of a task on a file and serves it.
func served(t *testing.T, family, task, file, content string) (url, report string) {
	t.Helper()
	dir := t.TempDir()
	c, err := xiaoyu.Preset(family)
	if err != nil {
		t.Fatal(err)
	}
	c.Name, c.Task, c.Data.Path, c.Out, c.Runs = task, task, filepath.Join(dir, file), filepath.Join(dir, "model"), filepath.Join(dir, "runs")
	c.Data.Split.Near, c.Eval.Bootstrap = 0, 50                                                                                             // sentences of one pattern are alike
	for key, value := range map[string]string{"train.epochs": "40", "train.batch_size": "4", "train.average": "0", "train.patience": "0"} { // little data
		if family == "ngram" {
			break
		}
		if err := conf.Set(c, key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(c.Data.Path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	result, err := xiaoyu.Train(context.Background(), c, xiaoyu.TrainOptions{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := xiaoyu.Open(result.Package)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(serve.New(m.Model, serve.Options{}))
	t.Cleanup(func() { server.Close(); m.Close() })
	return server.URL, result.ReportFile
}

// people is a file of columns in which names are people and cities are places.
func people() string {
	var b strings.Builder
	column := func(word, tag string) {
		for i, r := range []rune(word) {
			switch {
			case tag == "":
				fmt.Fprintf(&b, "%c O\n", r)
			case i == 0:
				fmt.Fprintf(&b, "%c B-%s\n", r, tag)
			default:
				fmt.Fprintf(&b, "%c I-%s\n", r, tag)
			}
		}
	}
	for _, name := range []string{"王芳", "李雷", "张伟", "刘洋", "陈静", "杨帆", "赵敏", "周涛"} {
		for _, city := range []string{"北京", "上海", "广州", "成都", "杭州", "武汉"} {
			column(name, "人名")
			column("去年在", "")
			column(city, "地名")
			column("工作。", "")
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func TestThePageShowsEveryTask(t *testing.T) {
	reviews := func(label func(room, food, good bool) string) string {
		var b strings.Builder
		b.WriteString("text,label\n")
		for i := range 160 {
			room, food, good := i%2 == 0, i%3 == 0, i%5 < 3
			text := fmt.Sprintf("第%d次来，", i)
			if room {
				text += "住了房间，"
			}
			if food {
				text += "吃了早餐，"
			}
			text += map[bool]string{true: "很满意", false: "太失望"}[good]
			fmt.Fprintf(&b, "%s,%s\n", text, label(room, food, good))
		}
		return b.String()
	}
	names := func(room, food, _ bool) string {
		return strings.Trim(map[bool]string{true: "房间|"}[room]+map[bool]string{true: "餐饮"}[food], "|")
	}
	stars := func(_, _, good bool) string { return map[bool]string{true: "5", false: "1"}[good] }
	for _, c := range []struct {
		name, family, task, file, content, typed string
		label, marks, report                     string // what the page answers, which stretches it marks, a word of the report
	}{
		{"tokens", "lstm", "tokens", "people.conll", people(), "周涛去年在北京工作。", "2", "周涛 人名,北京 地名", "F1"},
		{"multilabel", "ngram", "multilabel", "reviews.csv", reviews(names), "住了房间，吃了早餐", "房间, 餐饮", "", "F1"},
		{"regression", "ngram", "regression", "reviews.csv", reviews(stars), "很满意", "", "", "R²"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := browser(t)
			url, report := served(t, c.family, c.task, c.file, c.content)
			seen := complaints(ctx)
			for _, v := range []struct {
				lang, scheme string
				width        int64
			}{{"zh", "dark", 360}, {"en", "light", 900}} {
				var label, page string
				var marks []string
				err := chromedp.Run(ctx, view(v.width, v.scheme), chromedp.Navigate(url+"/?lang="+v.lang),
					chromedp.SendKeys("#text", c.typed), chromedp.Click("button[type=submit]"), chromedp.WaitVisible("#result"),
					chromedp.Text("#label", &label),
					chromedp.Evaluate(`[...document.querySelectorAll("#words mark.for")].map((m) => m.textContent)`, &marks),
					picture(t, c.name+"-"+v.lang),
					chromedp.Navigate("file://"+report), chromedp.Text("body", &page, chromedp.ByQuery), picture(t, c.name+"-report-"+v.lang))
				if err != nil {
					t.Fatalf("%s: %v", v.lang, err)
				}
				if os.Getenv("XIAOYU_NPM") != "" {
					unblamed(t, ctx, axe(t), url, c.typed, mode{v.lang, v.scheme, v.width})
				}
				if c.label != "" && label != c.label || c.marks != "" && strings.Join(marks, ",") != c.marks || !strings.Contains(page, c.report) {
					t.Errorf("%s: answer %q, marked %q; the report has %q: %v", v.lang, label, marks, c.report, strings.Contains(page, c.report))
				}
				if score := 0.0; c.task == "regression" {
					if _, err := fmt.Sscan(label, &score); err != nil || score < 3 || score > 6 {
						t.Errorf("%s: the number is %q", v.lang, label)
					}
				}
			}
			if len(*seen) > 0 {
				t.Errorf("the browser complains: %s", strings.Join(*seen, "; "))
			}
		})
	}
}
