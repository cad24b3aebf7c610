package serve

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func open(t *testing.T) *model.Model {
	t.Helper()
	corpus := []string{"房间很干净", "<script> good 好吃"}
	tok, err := text.Train(context.Background(), slices.Values(corpus), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(model.Config{Family: "mlp", MaxTokens: 100, EmbedDim: 4, Hidden: 4, Layers: 1, Activation: "relu"}, text.CleanConfig{}, tok, []string{"好", "<b>", "c"}, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), `"quoted" <model>`)
	if _, err := m.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	if m, err = model.Open(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Package.Close() })
	return m
}

func TestRequests(t *testing.T) {
	server := New(open(t), Options{MaxBody: 1000, MaxTexts: 3, Examples: []string{"<i>试试</i>"}})
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		contains                 []string
		lacks                    []string
	}{
		{"one text", "POST", "/v1/predict", `{"texts":["房间"]}`, 200, []string{`"predictions":[{"label":`, `"scores"`}, []string{`"words"`}},
		{"text instead of texts", "POST", "/v1/predict", `{"text":"房间"}`, 200, []string{`"label"`}, nil},
		{"an empty text", "POST", "/v1/predict", `{"texts":[""]}`, 200, []string{`"label"`}, nil},
		{"explained", "POST", "/v1/predict", `{"texts":["房间 good"],"explain":true,"top_k":1}`, 200, []string{`"words":[{"start":0,"end":3,"text":"房"`}, nil},
		{"no text", "POST", "/v1/predict", `{"texts":[]}`, 400, []string{"there is no text"}, nil},
		{"no JSON", "POST", "/v1/predict", `hello`, 400, []string{"not JSON"}, nil},
		{"wrong key", "POST", "/v1/predict", `{"inputs":["a"]}`, 400, []string{"inputs"}, nil},
		{"too many texts", "POST", "/v1/predict", `{"texts":["a","b","c","d"]}`, 400, []string{"at most 3"}, nil},
		{"too large", "POST", "/v1/predict", `{"texts":["` + strings.Repeat("a", 2000) + `"]}`, 413, []string{"1000 bytes"}, nil},
		{"negative k", "POST", "/v1/predict", `{"texts":["a"],"top_k":-1}`, 400, []string{"top_k"}, nil},
		{"wrong method", "GET", "/v1/predict", "", 405, nil, nil},
		{"unknown path", "GET", "/nothing", "", 404, nil, nil},
		{"health", "GET", "/healthz", "", 200, []string{"ok"}, nil},
		{"ready", "GET", "/readyz", "", 200, []string{"ready"}, nil},
		{"facts", "GET", "/v1/model", "", 200, []string{`"family":"mlp"`, `"digest":"sha256:`}, nil},
		{"page", "GET", "/?lang=en", "", 200, []string{"Predict", "&lt;model&gt;", "&lt;i&gt;试试"}, []string{"<model>", "<i>"}},
		{"page in Chinese", "GET", "/?lang=zh", "", 200, []string{"预测", `lang="zh-CN"`}, nil},
		{"style", "GET", "/static/style.css", "", 200, []string{"color-scheme"}, nil},
		{"script", "GET", "/static/app.js", "", 200, []string{"/v1/predict"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			server.ServeHTTP(w, httptest.NewRequest(c.method, c.path, strings.NewReader(c.body)))
			if w.Code != c.status {
				t.Errorf("status %d, want %d: %s", w.Code, c.status, w.Body)
			}
			for _, s := range c.contains {
				if !strings.Contains(w.Body.String(), s) {
					t.Errorf("the answer lacks %q: %s", s, w.Body)
				}
			}
			for _, s := range c.lacks {
				if strings.Contains(w.Body.String(), s) {
					t.Errorf("the answer has %q", s)
				}
			}
			if strings.HasPrefix(c.path, "/v1") && c.status != 405 && !json.Valid(w.Body.Bytes()) {
				t.Errorf("no JSON: %s", w.Body)
			}
		})
	}
}

func TestThePageSpeaksTheBrowsersLanguage(t *testing.T) {
	for header, want := range map[string]string{"zh-CN,zh;q=0.9": "zh", "en-US": "en", "fr,zh": "zh", "": "en"} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept-Language", header)
		if got := language(r); got != want {
			t.Errorf("%q gives %s, want %s", header, got, want)
		}
	}
}

func TestAPortInUseIsExplained(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := Listen(l.Addr().String()); err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(hint.Way(err), "--addr") {
		t.Errorf("%v; %s", err, hint.Way(err))
	}
	if _, err := Listen("nonsense"); err == nil || hint.Way(err) == "" {
		t.Errorf("no address: %v", err)
	}
}

func TestStoppingFinishesWhatIsUnderWay(t *testing.T) {
	s := New(open(t), Options{})
	entered, leave := make(chan bool), make(chan bool)
	s.mux.HandleFunc("GET /slow", func(w http.ResponseWriter, _ *http.Request) {
		entered <- true
		<-leave
		fmt.Fprint(w, "done")
	})
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	stopped, answer := make(chan error, 1), make(chan string, 1)
	go func() { stopped <- s.Run(ctx, l) }()
	go func() {
		r, err := http.Get("http://" + l.Addr().String() + "/slow")
		if err != nil {
			answer <- err.Error()
			return
		}
		defer r.Body.Close()
		body, _ := io.ReadAll(r.Body)
		answer <- string(body)
	}()
	<-entered
	cancel()
	for !s.draining.Load() {
		time.Sleep(time.Millisecond)
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/readyz", nil))
	if w.Code != 503 {
		t.Errorf("readyz gives %d while stopping", w.Code)
	}
	leave <- true
	if got := <-answer; got != "done" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestQuestionsAreAnswered asks a model that answers questions about texts.
func TestQuestionsAreAnswered(t *testing.T) {
	tok, err := text.Train(context.Background(), slices.Values([]string{"面馆在哪里？😀邮局对面"}), text.Config{Kind: "char", MinFrequency: 1, VocabSize: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.New(model.Config{Family: "gru", Head: model.AnswerHead, Pair: true, MaxTokens: 100, EmbedDim: 4, Hidden: 4, Layers: 1, Pooling: "max"}, text.CleanConfig{}, tok, nil, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	server := New(m, Options{})
	ask := func(method, path, body string) (int, string) {
		w := httptest.NewRecorder()
		server.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		return w.Code, w.Body.String()
	}
	const context = "😀面馆在邮局对面"
	status, body := ask("POST", "/v1/predict", `{"question":"面馆在哪里？","context":"`+context+`","explain":true}`)
	var answer struct {
		Predictions []struct {
			Answer     string
			Start, End int
			Answers    []struct{ Answer string }
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); status != 200 || err != nil || len(answer.Predictions) != 1 {
		t.Fatalf("%d: %s", status, body)
	}
	p := answer.Predictions[0]
	if p.Answer == "" || p.Answer != string([]rune(context)[p.Start:p.End]) || len(p.Answers) == 0 {
		t.Errorf("the answer is %s", body)
	}
	if status, body := ask("POST", "/v1/predict", `{"texts":["面馆","邮局"],"pairs":["哪里？","哪里？"]}`); status != 200 || strings.Count(body, `"answers":`) != 2 {
		t.Errorf("two questions: %d %s", status, body)
	}
	for request, want := range map[string]string{
		`{"question":"面馆？"}`:                     "there is no question",
		`{"texts":["面馆"]}`:                       "1 contexts and 0 questions",
		`{"texts":["面馆"],"pairs":["哪里？","哪里？"]}`: "1 contexts and 2 questions",
	} {
		if status, body := ask("POST", "/v1/predict", request); status != 400 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", request, status, body)
		}
	}
	for lang, want := range map[string]string{"en": "Text that may answer it", "zh": "从这段文字中寻找答案"} {
		if status, body := ask("GET", "/?lang="+lang, ""); status != 200 || !strings.Contains(body, want) || strings.Index(body, `id="pair"`) > strings.Index(body, `id="text"`) {
			t.Errorf("the page in %s: %d", lang, status)
		}
	}
}
