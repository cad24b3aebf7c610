package distill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Service says how a service with an OpenAI-style chat API is asked (https://platform.openai.com/docs/api-reference/chat):
// the part `distill.service` of xiaoyu.yaml.
type Service struct {
	Model       string   `yaml:"model" json:"model,omitempty" doc:"which of its models a service is asked for, where distill.teacher is an address such as https://api.example.com/v1" default:""`
	Key         string   `yaml:"key" json:"key,omitempty" doc:"name of the environment variable that holds the key of the service; empty for none" default:""`
	Prompt      string   `yaml:"prompt" json:"prompt,omitempty" doc:"what a service is asked: {labels} stands for the labels, each with a letter, {text} and {pair} for the texts; empty for a plain question" default:""`
	Names       []string `yaml:"names" json:"names,omitempty" doc:"what labels are called when a service is asked, such as 0=negative,1=positive; those that are not named are called as they are" default:""`
	Logprobs    bool     `yaml:"logprobs" json:"logprobs,omitempty" doc:"ask how likely each answer is; set it to false for services that do not tell" default:"true"`
	Certainty   float64  `yaml:"certainty" json:"certainty,omitempty" doc:"probability of a label that a service names without telling how likely it is; the others share the rest" default:"0.9" min:"0.01" max:"1"`
	MaxTokens   int      `yaml:"max_tokens" json:"max_tokens,omitempty" doc:"longest answer, in tokens" default:"16" min:"1" max:"100000"`
	Concurrency int      `yaml:"concurrency" json:"concurrency,omitempty" doc:"questions that are under way at a time" default:"4" min:"1" max:"256"`
	Retries     int      `yaml:"retries" json:"retries,omitempty" doc:"times that a question is asked again when the service fails or is busy, after a pause that grows or that it asks for" default:"6" min:"0" max:"100"`
	Timeout     int      `yaml:"timeout" json:"timeout,omitempty" doc:"seconds to wait for an answer" default:"60" min:"1" max:"3600"`
	PriceIn     float64  `yaml:"price_in" json:"price_in,omitempty" doc:"what a million tokens of questions cost, to tell what was spent" default:"0" min:"0" max:"1000000"`
	PriceOut    float64  `yaml:"price_out" json:"price_out,omitempty" doc:"what a million tokens of answers cost" default:"0" min:"0" max:"1000000"`
}

// Spent is what a service was asked for since it was opened.
type Spent struct {
	Requests  int     // those that failed included
	TokensIn  int     // as the service counts them
	TokensOut int     //
	Unclear   int     // answers that named no label, or several
	Cost      float64 // by Service.PriceIn and PriceOut
}

// service is a teacher behind an address.
type service struct {
	Service
	about  About
	url    string
	secret string
	names  []string // of the labels
	client *http.Client
	pause  func(ctx context.Context, d time.Duration) error

	mu    sync.Mutex
	spent Spent
}

const plainQuestion = "Which label fits the text? Answer with the letter of one label and nothing else.\n\nLabels:\n{labels}\n\nText:\n{text}"

const plainPairQuestion = plainQuestion + "\n\nSecond text:\n{pair}"

// NewService makes a teacher of the service at an address, the one below which /chat/completions lies. It answers with
// one of labels.
func NewService(address string, s Service, head string, labels []string, pair bool) (Teacher, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, hint.Errorf("write it as https://api.example.com/v1", "the teacher %s is no address of a service", address)
	}
	name := u.Scheme + "://" + u.Host + u.Path // without a password
	switch {
	case head != model.ClassHead:
		return nil, hint.Errorf("choose a model as the teacher", "the teacher %s: a service can be asked for one of several labels, the task is %s", name, taskOf(head))
	case s.Model == "":
		return nil, hint.Errorf("set distill.service.model", "the teacher %s: which of the service's models is to be asked?", name)
	}
	t := &service{Service: s, url: strings.TrimSuffix(address, "/") + "/chat/completions", pause: sleep}
	if t.names, err = s.named(labels); err != nil {
		return nil, err
	}
	if t.Prompt == "" {
		t.Prompt = plainQuestion
		if pair {
			t.Prompt = plainPairQuestion
		}
	}
	if !strings.Contains(t.Prompt, "{text}") || pair && !strings.Contains(t.Prompt, "{pair}") {
		return nil, hint.Errorf("write {text} where the text belongs, and {pair} for the second one of a pair", "distill.service.prompt does not say where the text stands")
	}
	if s.Key != "" {
		if t.secret = os.Getenv(s.Key); t.secret == "" {
			return nil, hint.Errorf("set it, or leave distill.service.key empty", "the teacher %s: the environment variable %s, which should hold its key, is empty", name, s.Key)
		}
	}
	t.client = &http.Client{Timeout: time.Duration(s.Timeout) * time.Second}
	// What an answer follows from; how often and how patiently it is asked for decides nothing.
	what, err := json.Marshal([]any{name, s.Model, t.Prompt, t.names, labels, s.Logprobs, s.Certainty, s.MaxTokens})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(what)
	t.about = About{Name: s.Model + " at " + name, Digest: "sha256:" + hex.EncodeToString(sum[:]), Head: head, Labels: slices.Clone(labels), Pair: pair, Slow: true}
	return t, nil
}

// named are the names of labels by Names.
func (s *Service) named(labels []string) ([]string, error) {
	names := slices.Clone(labels)
	for _, n := range s.Names {
		label, name, ok := strings.Cut(n, "=")
		at := slices.Index(labels, label)
		if !ok || at < 0 || name == "" {
			return nil, hint.Errorf("write label=name, with labels of the data: "+strings.Join(labels[:min(len(labels), 5)], ", "), "distill.service.names: %q", n)
		}
		names[at] = name
	}
	return names, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *service) About() *About { return &t.about }

func (t *service) Close() error {
	t.client.CloseIdleConnections()
	return nil
}

// Opinions asks several questions at a time. Beside an error come the answers before the first one that failed.
func (t *service) Opinions(ctx context.Context, queries []model.Query) ([]data.Opinion, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, errs := make([]data.Opinion, len(queries)), make([]error, len(queries))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(t.Concurrency, len(queries)) {
		wg.Go(func() {
			for i := range next {
				if out[i], errs[i] = t.ask(ctx, queries[i]); errs[i] != nil {
					cancel()
				}
			}
		})
	}
	for i := range queries {
		select {
		case next <- i:
		case <-ctx.Done():
			errs[i] = ctx.Err()
		}
	}
	close(next)
	wg.Wait()
	good := slices.IndexFunc(errs, func(err error) bool { return err != nil })
	if good < 0 {
		return out, nil
	}
	// The cause is what failed first in time: what came after it was called off.
	cause := errs[good]
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			cause = err
			break
		}
	}
	return out[:good], cause
}

// Bill returns what a teacher has cost since it was opened, with those whose answers are averaged in it; ok tells whether
// there is a service among them.
func Bill(t Teacher) (s Spent, ok bool) {
	switch t := t.(type) {
	case *service:
		t.mu.Lock()
		defer t.mu.Unlock()
		s = t.spent
		s.Cost = (float64(s.TokensIn)*t.PriceIn + float64(s.TokensOut)*t.PriceOut) / 1e6
		return s, true
	case *cached:
		return Bill(t.Teacher)
	case *averaged:
		for _, one := range t.teachers {
			if b, has := Bill(one); has {
				s.Requests, s.TokensIn, s.TokensOut, s.Unclear, s.Cost, ok = s.Requests+b.Requests, s.TokensIn+b.TokensIn, s.TokensOut+b.TokensOut, s.Unclear+b.Unclear, s.Cost+b.Cost, true
			}
		}
	}
	return s, ok
}

// chat is what is sent, and answer what comes back: the keys that matter here.
type chat struct {
	Model       string    `json:"model"`
	Messages    []message `json:"messages"`
	Temperature float64   `json:"temperature"`
	MaxTokens   int       `json:"max_tokens"`
	Logprobs    bool      `json:"logprobs,omitempty"`
	Top         int       `json:"top_logprobs,omitempty"`
}

type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type answer struct {
	Choices []struct {
		Message  message `json:"message"`
		Logprobs struct {
			Content []spoken `json:"content"`
		} `json:"logprobs"`
	} `json:"choices"`
	Usage struct {
		In  int `json:"prompt_tokens"`
		Out int `json:"completion_tokens"`
	} `json:"usage"`
	Error struct {
		Message string `json:"message"`
	} `json:"error"`
}

// spoken is a token of an answer, with those that might have stood in its place.
type spoken struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"`
	Top     []struct {
		Token   string  `json:"token"`
		Logprob float64 `json:"logprob"`
	} `json:"top_logprobs"`
}

// question is the prompt about a query.
func (t *service) question(q model.Query) string {
	var list []string
	for i, name := range t.names {
		list = append(list, letterOf(i)+". "+name)
	}
	return strings.NewReplacer("{labels}", strings.Join(list, "\n"), "{text}", q.Text, "{pair}", q.Pair).Replace(t.Prompt)
}

// letterOf is what stands for label i: a letter, or its number where there are more labels than letters.
func letterOf(i int) string {
	if i < 26 {
		return string(rune('A' + i))
	}
	return strconv.Itoa(i + 1)
}

// ask asks one question, again if the service fails in a way that passes.
func (t *service) ask(ctx context.Context, q model.Query) (data.Opinion, error) {
	body := chat{Model: t.Model, Messages: []message{{"user", t.question(q)}}, MaxTokens: t.MaxTokens, Logprobs: t.Logprobs}
	if t.Logprobs {
		body.Top = min(20, max(2*len(t.names), 5))
	}
	content, err := json.Marshal(body)
	if err != nil {
		return data.Opinion{}, err
	}
	for try := 0; ; try++ {
		a, err := t.post(ctx, content)
		if err == nil {
			p := t.read(a)
			if p == nil {
				t.mu.Lock()
				t.spent.Unclear++
				t.mu.Unlock()
				return data.Opinion{}, nil
			}
			return data.Opinion{Logits: model.LogProbabilities(p)}, nil
		}
		var passing *passingError
		if ctx.Err() != nil || !errors.As(err, &passing) {
			return data.Opinion{}, err
		}
		if try >= t.Retries || passing.wait > longestWait {
			return data.Opinion{}, hint.Wrap(err, fmt.Sprintf("run the same command again later%s: what it has said is kept", passing.in()), "asking %s, %d times", t.about.Name, try+1)
		}
		if err := t.pause(ctx, max(passing.wait, pauseBefore(try+1))); err != nil {
			return data.Opinion{}, err
		}
	}
}

// longestWait is how long a service may ask to wait before it is left for later.
const longestWait = 10 * time.Minute

// pauseBefore is the pause before a repetition, from one second on.
func pauseBefore(try int) time.Duration {
	return min(time.Duration(1<<min(try-1, 6))*time.Second, time.Minute)
}

// passingError may not come again when the question is repeated.
type passingError struct {
	error
	wait time.Duration // that the service asks for; 0 where it does not say
}

func (e *passingError) Unwrap() error { return e.error }

func (e *passingError) in() string {
	if e.wait == 0 {
		return ""
	}
	return fmt.Sprintf(", in %v", e.wait)
}

// largestAnswer, in bytes.
const largestAnswer = 8 << 20

func (t *service) post(ctx context.Context, content []byte) (*answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if t.secret != "" {
		request.Header.Set("Authorization", "Bearer "+t.secret)
	}
	t.mu.Lock()
	t.spent.Requests++
	t.mu.Unlock()
	response, err := t.client.Do(request)
	if err != nil {
		return nil, &passingError{error: fmt.Errorf("asking %s: %w", t.about.Name, unnamed(err))}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, largestAnswer))
	var a answer
	parsed := json.Unmarshal(body, &a)
	switch {
	case response.StatusCode >= 300:
		return nil, t.refused(response, &a)
	case err != nil:
		return nil, &passingError{error: fmt.Errorf("asking %s: the answer is cut short: %w", t.about.Name, err)}
	case parsed != nil || len(a.Choices) == 0:
		return nil, &passingError{error: fmt.Errorf("asking %s: the answer is none of a chat API: %.80q", t.about.Name, body)}
	}
	t.mu.Lock()
	t.spent.TokensIn += max(a.Usage.In, 0)
	t.spent.TokensOut += max(a.Usage.Out, 0)
	t.mu.Unlock()
	return &a, nil
}

// unnamed leaves the address out of an error of net/http, which may hold a password.
func unnamed(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

// refused is the error of an answer without content.
func (t *service) refused(r *http.Response, a *answer) error {
	what := r.Status
	if a.Error.Message != "" {
		what += ": " + a.Error.Message
	}
	if t.secret != "" {
		what = strings.ReplaceAll(what, t.secret, "…") // some services repeat the key that they refuse
	}
	err := fmt.Errorf("asking %s: %.300s", t.about.Name, what)
	switch {
	case r.StatusCode == http.StatusUnauthorized || r.StatusCode == http.StatusForbidden:
		way := "set distill.service.key to the environment variable that holds the key"
		if t.Key != "" {
			way = "check the key in the environment variable " + t.Key
		}
		return hint.Wrap(err, way, "the service refuses")
	case r.StatusCode == http.StatusNotFound:
		return hint.Wrap(err, "check the address, below which /chat/completions lies, and distill.service.model", "the service refuses")
	case r.StatusCode == http.StatusRequestTimeout || r.StatusCode == http.StatusTooManyRequests || r.StatusCode >= 500:
		return &passingError{err, retryAfter(r.Header.Get("Retry-After"), time.Now())}
	case t.Logprobs && strings.Contains(strings.ToLower(what), "logprob"):
		return hint.Wrap(err, "set distill.service.logprobs to false", "the service refuses")
	}
	return hint.Wrap(err, "check distill.service", "the service refuses")
}

// retryAfter reads how long a server asks to wait: seconds or a date (RFC 9110, 10.2.3).
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(value); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<20)) * time.Second
	}
	if date, err := http.ParseTime(value); err == nil {
		return max(0, date.Sub(now).Round(time.Second))
	}
	return 0
}
