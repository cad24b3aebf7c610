package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// TestMain makes of this program what the market starts to try a model, and a model that hangs.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "try-hanging" {
		fmt.Println("{}")
		time.Sleep(time.Hour)
	}
	markettest.Worker()
	os.Exit(m.Run())
}

const modelCard = `---
license: mit
language: [zh]
pipeline_tag: text-classification
widget:
- text: 房间很干净，服务好
- {text: 太脏了, example_title: a complaint}
---
# 酒店评论

A small model.
`

// publishModel publishes a model of a family and a head.
func publishModel(t *testing.T, m *markettest.Market, token, name, head string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "model")
	if _, err := exporttest.Model(t, "cnn", head, nil).Save(dir, map[string][]byte{"README.md": []byte(modelCard)}); err != nil {
		t.Fatal(err)
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Market: m.URL, Token: token, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := client.ParseReference(name)
	if err == nil {
		_, err = c.Push(t.Context(), p, ref, client.Watch{})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func post(t *testing.T, address, kind, body string) (*http.Response, string) {
	t.Helper()
	a, err := http.Post(address, kind, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return a, readAll(t, a)
}

const form = "application/x-www-form-urlencoded"

func TestModelsAreTriedOnTheirPage(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	publishModel(t, m, token, "ada/hotel:1.0.0", "")
	publish(t, m, token, "ada/reviews:1.0.0", hostile, false)
	if _, _, body := get(t, m, "/ada/hotel", "en"); !strings.Contains(body, `action="/ada/hotel/try#answer"`) || !strings.Contains(body, "a complaint") {
		t.Error("the page has no form, or not the examples of the card")
	}
	if _, _, body := get(t, m, "/ada/reviews", "en"); strings.Contains(body, "reviews/try") {
		t.Error("a data set can be tried")
	}
	for _, c := range []struct{ form, has string }{
		{"text=" + url.QueryEscape("房间很干净"), `class="bars"`},
		{"example=0", "服务好</textarea>"},
		{"example=1&text=x", "太脏了</textarea>"},
		{"text=", "there is no text"},
		{"text=" + strings.Repeat("a", 6000), "5000 are the most"},
		{"text=" + url.QueryEscape("<script>alert(1)</script>"), "&lt;script&gt;"},
	} {
		a, body := post(t, m.URL+"/ada/hotel/try", form, c.form)
		if a.StatusCode != 200 || !strings.Contains(body, c.has) || strings.Contains(body, "<script>alert") || !strings.Contains(body, "<html") {
			t.Errorf("%.40s: %d, no %q", c.form, a.StatusCode, c.has)
		}
	}
	if a, body := post(t, m.URL+"/ada/hotel/try?version=1.0.0", form, "part=answer&text=abc"); a.StatusCode != 200 || strings.Contains(body, "<html") || !strings.Contains(body, `class="bars"`) {
		t.Errorf("the answer alone: %d %s", a.StatusCode, body)
	}
	if a, _ := post(t, m.URL+"/ada/reviews/try", form, "text=a"); a.StatusCode != 404 {
		t.Errorf("a data set answers: %d", a.StatusCode)
	}
	for _, c := range []struct {
		body   string
		status int
		has    string
	}{
		{`{"text":"房间很干净","explain":true}`, 200, `"words":[`},
		{`{"text":""}`, 400, "there is no text"},
		{`{"what":""}`, 400, "INVALID"},
	} {
		if a, body := post(t, m.URL+"/api/v1/packages/ada/hotel/predict", "application/json", c.body); a.StatusCode != c.status || !strings.Contains(body, c.has) {
			t.Errorf("%s: %d %s", c.body, a.StatusCode, body)
		}
	}
	busy := 0
	for range 25 {
		if a, _ := post(t, m.URL+"/api/v1/packages/ada/hotel/predict", "application/json", `{"text":""}`); a.StatusCode == http.StatusTooManyRequests {
			busy++
		}
	}
	if busy == 0 {
		t.Error("a client may ask as often as it likes")
	}
}

func TestAModelThatHangsIsStoppedAndThePageSaysSo(t *testing.T) {
	m := markettest.Start(t, market.Options{Try: try.Options{Command: []string{os.Args[0], "try-hanging"}, Answer: 300 * time.Millisecond}})
	publishModel(t, m, m.Token(t, "ada", catalogue.Write), "ada/hotel:1.0.0", "")
	if a, body := post(t, m.URL+"/ada/hotel/try", form, "text=abc"); a.StatusCode != 200 || !strings.Contains(body, "took too long and was stopped") {
		t.Errorf("%d, and no word of it", a.StatusCode)
	}
	if a, body := post(t, m.URL+"/api/v1/packages/ada/hotel/predict", "application/json", `{"text":"abc"}`); a.StatusCode != 422 || !strings.Contains(body, "took too long") {
		t.Errorf("%d %s", a.StatusCode, body)
	}
}
