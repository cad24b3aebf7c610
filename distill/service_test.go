package distill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// oracle is a chat API that finds texts with "good" in them good, and has faults.
type oracle struct {
	mu       sync.Mutex
	asked    map[string]int                                                        // times, by text
	fault    func(w http.ResponseWriter, r *http.Request, text string, n int) bool // answers in its place; n counts from 1
	reply    func(text string) string
	logprobs bool
	least    chat // the last request
	together atomic.Int32
	most     atomic.Int32
}

func (o *oracle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := o.together.Add(1)
	defer o.together.Add(-1)
	for most := o.most.Load(); now > most && !o.most.CompareAndSwap(most, now); most = o.most.Load() {
	}
	var c chat
	if body, _ := io.ReadAll(r.Body); r.URL.Path != "/v1/chat/completions" || json.Unmarshal(body, &c) != nil || len(c.Messages) != 1 {
		http.Error(w, "no such page", http.StatusNotFound)
		return
	}
	_, text, _ := strings.Cut(c.Messages[0].Content, "Text:\n")
	o.mu.Lock()
	o.asked[text]++
	n := o.asked[text]
	o.least = c
	o.mu.Unlock()
	if o.fault != nil && o.fault(w, r, text, n) {
		return
	}
	label := "B"
	if strings.Contains(text, "good") {
		label = "A"
	}
	content := label
	if o.reply != nil {
		content = o.reply(text)
	}
	choice := map[string]any{"message": message{"assistant", content}}
	if o.logprobs && c.Logprobs {
		other := map[string]string{"A": " B", "B": "A"}[label]
		choice["logprobs"] = map[string]any{"content": []any{map[string]any{"token": " " + label, "logprob": math.Log(0.8), "top_logprobs": []any{
			map[string]any{"token": " " + label, "logprob": math.Log(0.8)}, map[string]any{"token": other, "logprob": math.Log(0.1)}, map[string]any{"token": "The", "logprob": math.Log(0.05)}}}}}
	}
	json.NewEncoder(w).Encode(map[string]any{"choices": []any{choice}, "usage": map[string]int{"prompt_tokens": 50, "completion_tokens": 1}})
}

// serve starts an oracle and a teacher that asks it; pauses take no time and are noted.
func serve(t *testing.T, o *oracle, change func(s *Service)) (*service, *[]time.Duration) {
	t.Helper()
	o.asked = map[string]int{}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	s := Service{Model: "large", Logprobs: true, Certainty: 0.9, MaxTokens: 4, Concurrency: 3, Retries: 3, Timeout: 5, PriceIn: 2, PriceOut: 10}
	if change != nil {
		change(&s)
	}
	teacher, err := NewService(server.URL+"/v1", s, model.ClassHead, []string{"good", "bad"}, false)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var pauses []time.Duration
	service := teacher.(*service)
	service.pause = func(ctx context.Context, d time.Duration) error {
		mu.Lock()
		defer mu.Unlock()
		pauses = append(pauses, d)
		return ctx.Err()
	}
	return service, &pauses
}

func TestAServiceSaysHowLikelyLabelsAre(t *testing.T) {
	o := &oracle{logprobs: true}
	s, _ := serve(t, o, nil)
	said := ask(t, s, "a good room", "a loud street")
	for i, want := range []float64{0.8 / 0.9, 0.1 / 0.9} {
		if got := Probabilities(model.ClassHead, said[i].Logits)[0]; math.Abs(float64(got)-want) > 1e-3 {
			t.Errorf("text %d: good is %.3f, want %.3f", i, got, want)
		}
	}
	bill, ok := Bill(s)
	if !ok || bill.Requests != 2 || bill.TokensIn != 100 || bill.TokensOut != 2 || math.Abs(bill.Cost-(100*2+2*10)/1e6) > 1e-12 {
		t.Errorf("%+v", bill)
	}
	if o.least.Model != "large" || o.least.Top < 2 || o.least.MaxTokens != 4 || !strings.Contains(o.least.Messages[0].Content, "A. good\nB. bad") {
		t.Errorf("%+v", o.least)
	}
}

func TestAnswersAreReadAsPeopleWriteThem(t *testing.T) {
	s, _ := serve(t, &oracle{}, func(s *Service) { s.Names = []string{"bad=not good at all"} })
	for answer, want := range map[string]int{
		"A": 0, " b. ": 1, "good": 0, "Good.": 0, "**bad**": 1, "not good at all": 1, "A. good": 0, `{"label": "bad"}`: 1, "“good”": 0, "The label is: good": 0,
		"": -1, "C": -1, "either": -1, "It is good, or not good at all": -1, "{}": -1,
	} {
		if got := s.find(answer); got != want {
			t.Errorf("%q is label %d, want %d", answer, got, want)
		}
	}
	for token, want := range map[string]int{" A": 0, "goo": 0, "not": 1, "b": 1, "x": -1, "": -1} {
		if got := s.begins(token); got != want {
			t.Errorf("the token %q begins label %d, want %d", token, got, want)
		}
	}
}

// Where a service names a label and no probability, it is as sure as distill.service.certainty says; what names none is no
// opinion, and is not asked again.
func TestALabelWithoutProbabilityIsRatherCertain(t *testing.T) {
	o := &oracle{reply: func(text string) string {
		if text == "unclear" {
			return "I would rather not say."
		}
		return "bad"
	}}
	s, _ := serve(t, o, nil)
	dir := t.TempDir()
	c := open(t, s, dir)
	said := ask(t, c, "x", "unclear")
	if p := Probabilities(model.ClassHead, said[0].Logits); math.Abs(float64(p[1])-0.9) > 1e-4 || said[1].Logits != nil {
		t.Errorf("%v, %v", p, said[1])
	}
	if bill, _ := Bill(c); bill.Unclear != 1 || bill.Requests != 2 {
		t.Errorf("%+v", bill)
	}
	ask(t, c, "unclear")
	if o.asked["unclear"] != 1 {
		t.Errorf("asked %d times", o.asked["unclear"])
	}
}

func TestAServiceIsAskedAgainWhereThatHelps(t *testing.T) {
	o := &oracle{fault: func(w http.ResponseWriter, _ *http.Request, text string, n int) bool {
		switch {
		case text == "busy" && n == 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case text == "broken" && n < 3:
			w.WriteHeader(http.StatusBadGateway)
		case text == "torn" && n == 1:
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, `{"choices": [`)
		case text == "page" && n == 1:
			io.WriteString(w, "<html>a proxy's page</html>")
		case text == "gone" && n == 1:
			panic(http.ErrAbortHandler)
		default:
			return false
		}
		return true
	}}
	s, pauses := serve(t, o, nil)
	said := ask(t, s, "busy", "broken", "torn", "page", "gone", "plain")
	for i, one := range said {
		if len(one.Logits) != 2 {
			t.Errorf("no opinion of text %d", i)
		}
	}
	var longest time.Duration
	for _, d := range *pauses {
		longest = max(longest, d)
	}
	if longest != 7*time.Second || len(*pauses) != 6 {
		t.Errorf("pauses %v", *pauses)
	}
	if o.most.Load() > 3 {
		t.Errorf("%d questions at a time", o.most.Load())
	}
}

// What was answered before a failure is kept: the same command goes on from there.
func TestAServiceThatFailsLosesNothing(t *testing.T) {
	down := true
	o := &oracle{}
	o.fault = func(w http.ResponseWriter, _ *http.Request, text string, n int) bool {
		if text == "text 3" && down {
			http.Error(w, `{"error": {"message": "overloaded"}}`, http.StatusServiceUnavailable)
			return true
		}
		return false
	}
	s, _ := serve(t, o, func(s *Service) { s.Concurrency = 1 })
	dir := t.TempDir()
	c := open(t, s, dir)
	var texts []string
	for i := range 6 {
		texts = append(texts, fmt.Sprint("text ", i))
	}
	_, err := c.Opinions(context.Background(), queriesOf(texts...))
	if err == nil || !strings.Contains(err.Error(), "overloaded") || !strings.Contains(hint.Way(err), "what it has said is kept") {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	if o.asked["text 3"] != 4 {
		t.Errorf("asked %d times", o.asked["text 3"])
	}
	down = false
	ask(t, c, texts...)
	if Known(c) != 3 || o.asked["text 0"] != 1 || o.asked["text 5"] != 1 {
		t.Errorf("%d were known; asked %v", Known(c), o.asked)
	}
}

func TestAnInterruptedQuestionIsCalledOff(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	o := &oracle{fault: func(_ http.ResponseWriter, r *http.Request, text string, n int) bool {
		cancel()
		<-r.Context().Done()
		return true
	}}
	s, _ := serve(t, o, nil)
	if _, err := s.Opinions(ctx, queriesOf("a", "b", "c", "d", "e")); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestAServiceThatRefusesIsNamedWithTheWayOut(t *testing.T) {
	t.Setenv("ORACLE_KEY", "sk-secret")
	for name, c := range map[string]struct {
		status int
		body   string
		after  string
		want   string
	}{
		"key":      {401, `{"error": {"message": "sk-secret is no key"}}`, "", "check the key in the environment variable ORACLE_KEY"},
		"model":    {404, `{"error": {"message": "no such model"}}`, "", "distill.service.model"},
		"logprobs": {400, `{"error": {"message": "logprobs are not supported"}}`, "", "set distill.service.logprobs to false"},
		"other":    {400, "what?", "", "check distill.service"},
		"long":     {429, "", "7200", "later, in 2h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := serve(t, &oracle{fault: func(w http.ResponseWriter, r *http.Request, _ string, _ int) bool {
				if r.Header.Get("Authorization") != "Bearer sk-secret" {
					t.Errorf("authorization %q", r.Header.Get("Authorization"))
				}
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
				return true
			}}, func(s *Service) { s.Key = "ORACLE_KEY" })
			_, err := s.Opinions(context.Background(), queriesOf("x"))
			if err == nil || !strings.Contains(hint.Way(err), c.want) || strings.Contains(err.Error(), "sk-secret") {
				t.Errorf("%v; %s", err, hint.Way(err))
			}
		})
	}
}

func TestAServiceThatCannotBeAskedIsRefusedAtOnce(t *testing.T) {
	good := Service{Model: "m", Certainty: 0.9, MaxTokens: 1, Concurrency: 1, Timeout: 1}
	with := func(change func(s *Service)) Service { s := good; change(&s); return s }
	for want, c := range map[string]struct {
		address string
		service Service
		head    string
		pair    bool
	}{
		"is no address":            {"https:///v1", good, "", false},
		"which of the service's":   {"https://a.example/v1", with(func(s *Service) { s.Model = "" }), "", false},
		"the task is tokens":       {"https://a.example/v1", good, model.TokensHead, false},
		"variable NOT_SET_AT_ALL,": {"https://a.example/v1", with(func(s *Service) { s.Key = "NOT_SET_AT_ALL" }), "", false},
		"does not say where":       {"https://a.example/v1", with(func(s *Service) { s.Prompt = "Which?" }), "", false},
		"distill.service.prompt":   {"https://a.example/v1", with(func(s *Service) { s.Prompt = "Which? {text}" }), "", true},
		"distill.service.names":    {"https://a.example/v1", with(func(s *Service) { s.Names = []string{"other=x"} }), "", false},
	} {
		_, err := NewService(c.address, c.service, c.head, []string{"good", "bad"}, c.pair)
		if err == nil || !strings.Contains(err.Error(), want) || hint.Way(err) == "" {
			t.Errorf("%s: %v; %s", want, err, hint.Way(err))
		}
	}
}

// Whatever a service sends, reading it gives probabilities that sum to 1, or none.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`{"choices":[{"message":{"content":"A"},"logprobs":{"content":[{"token":"A","logprob":-0.1,"top_logprobs":[{"token":"A","logprob":-0.1},{"token":"B","logprob":1e9}]}]}}]}`))
	f.Add([]byte(`{"choices":[{"message":{"content":"{\"label\":\"bad\"}"}}]}`))
	teacher, err := NewService("http://a.example", Service{Model: "m", Certainty: 0.9, MaxTokens: 1, Concurrency: 1, Timeout: 1}, model.ClassHead, []string{"good", "bad", "so so"}, false)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var a answer
		if json.Unmarshal(body, &a) != nil || len(a.Choices) == 0 {
			return
		}
		p := teacher.(*service).read(&a)
		if p == nil {
			return
		}
		sum := float32(0)
		for _, v := range p {
			if !(v >= 0 && v <= 1) {
				t.Fatalf("%v", p)
			}
			sum += v
		}
		if sum < 0.999 || sum > 1.001 {
			t.Fatalf("%v sum to %v", p, sum)
		}
	})
}
