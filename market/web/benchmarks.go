package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// longestUpload bounds what the form of a new benchmark may send, in bytes; longestInMemory what of it is kept there.
const (
	longestUpload   = 64 << 20
	longestInMemory = 1 << 20
)

// Where benchmarks are made, and where one is changed: its name stands in the query, for a part of the path would be taken for
// the page of a package.
const benchmarksPath, benchmarkPath = "/admin/benchmarks", "/admin/benchmark"

func (h *Handler) mountBenchmarks() {
	h.operating("GET "+benchmarksPath, func(r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.benchmarksPage(r, benchmarksPage{Done: r.URL.Query().Get("done")})
	})
	h.operating("GET "+benchmarkPath, func(r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.benchmarkPage(r, benchmarkPage{Done: r.URL.Query().Get("done")})
	})
	h.operating("POST "+benchmarkPath, h.changeBenchmark)
	h.mux.HandleFunc("POST "+benchmarksPath, func(w http.ResponseWriter, r *http.Request) {
		a, err := h.addBenchmark(w, r)
		h.answer(w, r, a, err)
	})
}

// operating is signedIn for who runs the market.
func (h *Handler) operating(pattern string, f func(*http.Request, catalogue.Caller) (*reply, error)) {
	h.signedIn(pattern, func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		if err := who.Operates(); err != nil {
			return nil, err
		}
		return f(r, who)
	})
}

// benchmarksPage lists benchmarks, and has the form of a new one.
type benchmarksPage struct {
	List    []listedBenchmark
	Kinds   []*verify.Kind
	Metrics []string
	Tasks   []string
	Typed   url.Values // what stood in the form
	Problem string
	Done    string // what was
}

// listedBenchmark is one with what it has found.
type listedBenchmark struct {
	*catalogue.Benchmark
	Of catalogue.Measurements
}

func (h *Handler) benchmarksPage(r *http.Request, p benchmarksPage) (*reply, error) {
	list, err := h.depot.Catalogue.Benchmarks(r.Context())
	if err != nil {
		return nil, err
	}
	counts, err := h.depot.Catalogue.Measured(r.Context())
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		l := listedBenchmark{Benchmark: b}
		if n := counts[b.ID]; n != nil {
			l.Of = *n
		}
		p.List = append(p.List, l)
	}
	p.Kinds, p.Metrics, p.Tasks = verify.Kinds, verify.Metrics(), verify.Tasks()
	a := &reply{name: "admin-benchmarks", title: vocabulary[lang(r)].T("Benchmarks"), body: &p}
	if p.Problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

// addBenchmark takes the form of a new benchmark, with its file: it is larger than what other forms may send, and is read by
// nobody but an operator.
func (h *Handler) addBenchmark(w http.ResponseWriter, r *http.Request) (*reply, error) {
	who := visitor(r)
	if who.Account == nil {
		return &reply{to: "/login?" + url.Values{"next": {benchmarksPath}}.Encode()}, nil
	}
	if err := who.Operates(); err != nil {
		return nil, err
	}
	r.Body = http.MaxBytesReader(w, r.Body, longestUpload)
	err := r.ParseMultipartForm(longestInMemory)
	if r.MultipartForm != nil {
		defer r.MultipartForm.RemoveAll()
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, err
	case err != nil:
		return nil, hint.Errorf("send the form again", "reading a form: %w: %w", err, catalogue.ErrInvalid)
	}
	b, err := h.sealed(r, who)
	if err == nil {
		return &reply{to: benchmarksPath + "?" + url.Values{"done": {b.Name}}.Encode()}, nil
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	return h.benchmarksPage(r, benchmarksPage{Problem: problem, Typed: url.Values(r.MultipartForm.Value)})
}

// sealed adds the benchmark of a form.
func (h *Handler) sealed(r *http.Request, who catalogue.Caller) (*catalogue.Benchmark, error) {
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	b := &catalogue.Benchmark{Name: field("name"), Title: field("title"), Description: typedText(r, "description"), Kind: field("kind"), Task: field("task"), Language: field("language"), Metric: field("metric")}
	if b.Title == "" {
		b.Title = b.Name
	}
	kind, err := verify.KindOf(b.Kind)
	if err != nil {
		return nil, err
	}
	file, head, err := r.FormFile("file")
	if err != nil {
		return nil, hint.Errorf("choose a file of examples", "no file was sent: %w", catalogue.ErrInvalid)
	}
	defer file.Close()
	rows, err := readUpload(r.Context(), kind, file, head.Filename, data.Columns{Text: field("text"), Pair: field("pair"), Label: field("label"), Separator: field("separator")})
	if err != nil {
		return nil, err
	}
	return b, verify.Add(r.Context(), h.depot.Catalogue, who.Name(), b, rows)
}

// readUpload reads the rows of a file that was sent, by way of one of this machine's: formats that are read from their end
// want one. Its errors name the file as its sender does.
func readUpload(ctx context.Context, kind *verify.Kind, from io.Reader, name string, c data.Columns) ([]verify.Row, error) {
	dir, err := os.MkdirTemp("", "xiaoyu-benchmark-")
	if err != nil {
		return nil, fmt.Errorf("keeping a file that was sent: %w", err)
	}
	defer os.RemoveAll(dir)
	name = filepath.Base(filepath.Clean("/" + strings.ReplaceAll(strings.ToValidUTF8(name, ""), `\`, "/")))
	if name == "/" || strings.ContainsRune(name, 0) || len(name) > 120 {
		name = "file"
	}
	path := filepath.Join(dir, name)
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keeping a file that was sent: %w", err)
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Close()); err != nil {
		return nil, fmt.Errorf("keeping a file that was sent: %w", err)
	}
	rows, err := kind.ReadRows(ctx, path, c)
	if err != nil {
		way := strings.ReplaceAll(hint.Way(err), path, name)
		return nil, hint.Errorf(way, "reading the examples: %s: %w", strings.TrimSuffix(strings.ReplaceAll(err.Error(), path, name), ": "+catalogue.ErrInvalid.Error()), catalogue.ErrInvalid)
	}
	return rows, nil
}

// benchmarkPage is where one is changed.
type benchmarkPage struct {
	*catalogue.Benchmark
	Of            catalogue.Measurements
	Problem, Done string
}

func (h *Handler) benchmarkPage(r *http.Request, p benchmarkPage) (*reply, error) {
	var err error
	if p.Benchmark, err = h.depot.Catalogue.Benchmark(r.Context(), r.URL.Query().Get("name")); err != nil {
		return nil, err
	}
	counts, err := h.depot.Catalogue.Measured(r.Context())
	if err != nil {
		return nil, err
	}
	if n := counts[p.ID]; n != nil {
		p.Of = *n
	}
	a := &reply{name: "admin-benchmark", title: p.Title, body: &p}
	if p.Problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

func (h *Handler) changeBenchmark(r *http.Request, who catalogue.Caller) (*reply, error) {
	c, name, action := h.depot.Catalogue, r.URL.Query().Get("name"), r.PostFormValue("action")
	var err error
	done := action
	switch action {
	case "save":
		title, description := strings.TrimSpace(r.PostFormValue("title")), typedText(r, "description")
		_, err = c.ConfigureBenchmark(r.Context(), who.Name(), name, catalogue.BenchmarkSettings{Title: &title, Description: &description})
	case "retire", "restore":
		retired := action == "retire"
		_, err = c.ConfigureBenchmark(r.Context(), who.Name(), name, catalogue.BenchmarkSettings{Retired: &retired})
	case "again":
		if _, err = c.Remeasure(r.Context(), who.Name(), name, strings.TrimSpace(r.PostFormValue("package"))); errors.Is(err, catalogue.ErrNotFound) && r.PostFormValue("package") != "" {
			err = hint.Errorf("write owner/name", "there is no package %.120q: %w", r.PostFormValue("package"), catalogue.ErrInvalid)
		}
	case "remove":
		if !strings.EqualFold(strings.TrimSpace(r.PostFormValue("confirm")), name) {
			err = hint.Errorf("write "+name, "the name was not confirmed: %w", catalogue.ErrInvalid)
		} else if err = c.RemoveBenchmark(r.Context(), who.Name(), name); err == nil {
			return &reply{to: benchmarksPath + "?done"}, nil
		}
	default:
		err = hint.Errorf("use the forms of the page", "the action %.40q: %w", action, catalogue.ErrInvalid)
	}
	if err == nil {
		return &reply{to: benchmarkPath + "?" + url.Values{"name": {name}, "done": {done}}.Encode()}, nil
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	return h.benchmarkPage(r, benchmarkPage{Problem: problem})
}
