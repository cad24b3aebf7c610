// Package serve answers predictions of a model over HTTP, with a page to try it.
//
//	GET  /            the page
//	POST /v1/predict  {"texts": ["…"], "top_k": 3, "explain": true}, or {"question": "…", "context": "…"}
//	GET  /v1/model    what model this is
//	GET  /healthz     the process lives
//	GET  /readyz      it takes requests; 503 while it drains
//
// [Server.Run] serves until its context ends, then stops taking requests and finishes those under way.
package serve

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/answer"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Options change what a server does; the zero value is sound.
type Options struct {
	Name     string   // of the model, shown on the page; the folder's name if empty
	Examples []string // texts to try, shown on the page
	Drain    time.Duration
	MaxBody  int64 // bytes of a request; 8 MiB if 0
	MaxTexts int   // texts of a request; 1,024 if 0

	Pages map[string][]byte // the page by language, rendered beforehand by Page; nil to render it when it is asked for
}

// Server is an HTTP handler for one model.
type Server struct {
	model    *model.Model
	options  Options
	mux      *http.ServeMux
	draining atomic.Bool
}

// New returns a server of m.
func New(m *model.Model, o Options) *Server {
	if o.MaxBody == 0 {
		o.MaxBody = 8 << 20
	}
	if o.MaxTexts == 0 {
		o.MaxTexts = 1024
	}
	if o.Drain == 0 {
		o.Drain = 10 * time.Second
	}
	s := &Server{model: m, options: o, mux: http.NewServeMux()}
	s.mux.HandleFunc("GET /{$}", s.page)
	s.mux.Handle("GET /static/", static())
	s.mux.HandleFunc("POST /v1/predict", s.predict)
	s.mux.HandleFunc("GET /v1/model", s.facts)
	s.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	s.mux.HandleFunc("GET /readyz", s.ready)
	return s
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Listen opens the address to serve on, such as "127.0.0.1:8080"; port 0 means any free one.
func Listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, hint.Errorf("choose another with --addr, for example --addr 127.0.0.1:0 for any free one", "listening on %s: the port is in use", address)
	}
	if err != nil {
		return nil, hint.Wrap(err, "choose another address with --addr", "listening on %s", address)
	}
	return l, nil
}

// Run serves on l until ctx ends; then requests under way get Options.Drain to finish.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       time.Minute,
		IdleTimeout:       2 * time.Minute,
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	s.draining.Store(true)
	drain, cancel := context.WithTimeout(context.Background(), s.options.Drain)
	defer cancel()
	if err := server.Shutdown(drain); err != nil {
		server.Close()
		return fmt.Errorf("stopping: some requests did not finish within %v", s.options.Drain)
	}
	return nil
}

func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	if s.draining.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// predictRequest is the body of POST /v1/predict.
type predictRequest struct {
	Texts []string `json:"texts"`
	Text  *string  `json:"text"`  // instead of texts, for one
	Pairs []string `json:"pairs"` // the second text of each, for models of pairs

	Question *string `json:"question"` // instead of pairs, and context instead of texts, for models that answer questions
	Context  *string `json:"context"`

	TopK    int  `json:"top_k"`
	Explain bool `json:"explain"` // with the words that mattered
}

type predictResponse struct {
	Predictions []answer.View `json:"predictions"`
}

func (s *Server) predict(w http.ResponseWriter, r *http.Request) {
	req, status, err := s.readRequest(w, r)
	if err != nil {
		writeError(w, status, err)
		return
	}
	queries := make([]model.Query, len(req.Texts))
	for i, t := range req.Texts {
		queries[i].Text = t
		if i < len(req.Pairs) {
			queries[i].Pair = req.Pairs[i]
		}
	}
	views, err := answer.Views(r.Context(), s.model, queries, req.TopK, req.Explain)
	if err != nil {
		writeError(w, http.StatusServiceUnavailable, err)
		return
	}
	writeJSON(w, http.StatusOK, predictResponse{views})
}

// maxExplained bounds the texts of one request that are explained: each costs hundreds of predictions.
const maxExplained = 16

func (s *Server) readRequest(w http.ResponseWriter, r *http.Request) (req predictRequest, status int, err error) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, s.options.MaxBody))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&req)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return req, http.StatusRequestEntityTooLarge, fmt.Errorf("the request has more than %d bytes; send fewer texts at once", s.options.MaxBody)
	case err != nil:
		return req, http.StatusBadRequest, fmt.Errorf(`the body is not JSON of the form {"texts": ["…"]}: %v`, err)
	}
	if req.Text != nil {
		req.Texts = append(req.Texts, *req.Text)
	}
	asks := s.model.Config.Head == model.AnswerHead
	if req.Question != nil && req.Context != nil && asks {
		req.Texts, req.Pairs = append(req.Texts, *req.Context), append(req.Pairs, *req.Question)
	}
	switch {
	case (req.Question != nil || req.Context != nil) && !asks:
		err = errors.New(`this model answers no questions; send {"texts": ["…"]}`)
	case asks && len(req.Texts) == 0:
		err = errors.New(`there is no question; send {"question": "…", "context": "…"}`)
	case asks && len(req.Texts) != len(req.Pairs):
		err = fmt.Errorf(`%d contexts and %d questions; send {"question": "…", "context": "…"}, or many as {"texts": [contexts], "pairs": [questions]}`, len(req.Texts), len(req.Pairs))
	case len(req.Texts) == 0:
		err = errors.New(`there is no text; send {"texts": ["…"]}`)
	case len(req.Texts) > s.options.MaxTexts:
		err = fmt.Errorf("%d texts, at most %d in one request", len(req.Texts), s.options.MaxTexts)
	case req.Explain && len(req.Texts) > maxExplained:
		err = fmt.Errorf("%d texts to explain, at most %d in one request", len(req.Texts), maxExplained)
	case s.model.Config.Pair && len(req.Pairs) != len(req.Texts):
		err = fmt.Errorf(`%d texts and %d pairs: this model compares two texts; send {"texts": ["…"], "pairs": ["…"]}`, len(req.Texts), len(req.Pairs))
	case !s.model.Config.Pair && len(req.Pairs) > 0:
		err = errors.New("this model reads one text, not pairs")
	case req.TopK < 0:
		err = errors.New("top_k is negative")
	}
	for i, t := range slices.Concat(req.Texts, req.Pairs) {
		if err == nil && !utf8.ValidString(t) {
			err = fmt.Errorf("text %d is not UTF-8", i)
		}
	}
	return req, http.StatusBadRequest, err
}

func (s *Server) facts(w http.ResponseWriter, _ *http.Request) {
	m := s.model
	facts := map[string]any{
		"name":       s.options.Name,
		"family":     m.Config.Family,
		"task":       cmp.Or(m.Config.Head, "class"),
		"pair":       m.Config.Pair,
		"labels":     m.Labels,
		"parameters": m.Parameters(),
		"vocabulary": m.Tokenizer.VocabSize(),
	}
	if m.Package != nil {
		facts["digest"], facts["bytes"] = m.Package.Digest, m.Package.Size
	}
	writeJSON(w, http.StatusOK, facts)
}

func writeError(w http.ResponseWriter, status int, err error) {
	writeJSON(w, status, map[string]string{"error": err.Error()})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(data)+1))
	w.WriteHeader(status)
	// The client may have gone: there is nobody left to tell.
	_, _ = w.Write(append(data, '\n'))
}
