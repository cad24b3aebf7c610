// Package web is what a person sees of a market in a browser: the home page, search, packages and publishers. Pages are
// plain HTML that needs no JavaScript, in English and Chinese, light and dark. What strangers wrote, a card above all, is
// rendered without anything that could run, load or send.
//
// It shows what everybody may see; it publishes nothing and signs nobody in.
package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

//go:embed pages
var files embed.FS

// pageLength is how many packages a page of results has; homeLength how many each list of the home page.
const pageLength, homeLength = 20, 6

// Handler answers the pages of a market.
type Handler struct {
	depot *depot.Depot
	desk  *try.Desk
	log   *slog.Logger
	mux   *http.ServeMux
	pages *template.Template
}

// New returns the handler of a depot's pages, whose models are asked at a desk. It expects to stand at the root.
func New(d *depot.Depot, desk *try.Desk, log *slog.Logger) *Handler {
	h := &Handler{depot: d, desk: desk, log: log, mux: http.NewServeMux()}
	h.pages = template.Must(template.New("").Funcs(template.FuncMap{
		"bytes": size.Bytes, "count": func(n int64) string { return size.Count(int(n)) }, "join": strings.Join,
		"pair":  func(p *page, list []*catalogue.Repository) cards { return cards{p, list} },
		"short": func(s fmt.Stringer) string { return short(s.String()) }, "clip": clip,
	}).ParseFS(files, "pages/*.html"))
	h.handle("GET /{$}", h.home)
	h.handle("GET /search", h.search)
	h.handle("GET /{owner}", h.publisher)
	h.handle("GET /{owner}/{name}", h.repository)
	h.handleWith("POST /{owner}/{name}/try", h.ask)
	for _, name := range []string{"style.css", "copy.js", "try.js", "icon.svg"} {
		h.mux.HandleFunc("GET /-/"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "max-age=3600")
			http.ServeFileFS(w, r, files, "pages/"+name)
		})
	}
	return h
}

// short is the beginning of a digest.
func short(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(len(hex), 12)]
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// page is what every template gets.
type page struct {
	words
	Title string
	Query string // of the search field
	Here  string // path and query, but lang: where the other language is
	Body  any
}

// cards are what the template of lists gets.
type cards struct {
	Page *page
	List []*catalogue.Repository
}

// handle answers with a template and what f has found.
func (h *Handler) handle(pattern string, f func(*http.Request) (name, title string, body any, err error)) {
	h.handleWith(pattern, func(_ http.ResponseWriter, r *http.Request) (string, string, any, error) { return f(r) })
}

// handleWith is handle for what sets headers of its own.
func (h *Handler) handleWith(pattern string, f func(http.ResponseWriter, *http.Request) (name, title string, body any, err error)) {
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		lang := lang(r)
		p := page{words: vocabulary[lang], Here: here(r)}
		status := http.StatusOK
		name, title, body, err := f(w, r)
		if p.Title, p.Body = title, body; err != nil {
			if r.Context().Err() != nil {
				return
			}
			name, status, p.Title = "error", http.StatusInternalServerError, p.words.Failed
			switch {
			case errors.Is(err, catalogue.ErrNotFound):
				status, p.Title = http.StatusNotFound, p.words.NotFound
			case errors.Is(err, catalogue.ErrInvalid):
				status, p.Title, p.Body = http.StatusBadRequest, p.words.Invalid, err.Error()
			default:
				if depot.Unavailable(err) {
					status = http.StatusServiceUnavailable
					w.Header().Set("Retry-After", depot.RetryAfter)
				}
				h.log.Error("a page failed", "path", r.URL.Path, "error", err)
			}
		}
		p.Query = r.URL.Query().Get("q")
		var out bytes.Buffer
		if err := h.pages.ExecuteTemplate(&out, name+".html", &p); err != nil {
			h.log.Error("a page failed", "path", r.URL.Path, "error", err)
			http.Error(w, p.words.Failed, http.StatusInternalServerError)
			return
		}
		head := w.Header()
		head.Set("Content-Type", "text/html; charset=utf-8")
		head.Set("Content-Language", lang)
		head.Set("Vary", "Accept-Language, Cookie")
		head.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		head.Set("X-Content-Type-Options", "nosniff")
		head.Set("Referrer-Policy", "same-origin")
		if name == "answer" {
			head.Set("X-Part", name)
		}
		if r.URL.Query().Has("lang") {
			http.SetCookie(w, &http.Cookie{Name: "lang", Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode, HttpOnly: true})
		}
		w.WriteHeader(status)
		out.WriteTo(w)
	})
}

// here is the address of a request without its language, ready for another parameter.
func here(r *http.Request) string {
	q := r.URL.Query()
	q.Del("lang")
	if len(q) == 0 {
		return r.URL.EscapedPath() + "?"
	}
	return r.URL.EscapedPath() + "?" + q.Encode() + "&"
}

// list finds packages that everybody may see.
func (h *Handler) list(r *http.Request, q catalogue.Query) (*catalogue.Found, error) {
	return h.depot.Catalogue.Search(r.Context(), catalogue.Caller{}, q)
}

type home struct {
	New      []*catalogue.Repository
	Trending []*catalogue.Repository
	Kinds    []catalogue.Count
}

func (h *Handler) home(r *http.Request) (string, string, any, error) {
	recent, err := h.list(r, catalogue.Query{Sort: catalogue.ByUpdated, Limit: homeLength})
	if err != nil {
		return "", "", nil, err
	}
	trending, err := h.list(r, catalogue.Query{Sort: catalogue.ByTrend, Limit: homeLength})
	if err != nil {
		return "", "", nil, err
	}
	return "home", "", &home{New: recent.Packages, Trending: trending.Packages, Kinds: recent.Counts["kind"]}, nil
}

// choice is a value that a search can be narrowed by, or the way back from it.
type choice struct {
	Label string
	N     int
	Link  string
	On    bool
}

type results struct {
	*catalogue.Found
	Facets         []facet
	Orders         []choice
	First, Last    int
	Previous, Next string // links; "" for none
}

type facet struct {
	Name    string
	Choices []choice
}

// facetNames are those that the page shows, in its order, and mostChoices how many values of each.
var facetNames = []string{"kind", "task", "licence", "family", "size"}

const mostChoices = 8

func (h *Handler) search(r *http.Request) (string, string, any, error) {
	asked := r.URL.Query()
	offset, err := strconv.Atoi(asked.Get("offset"))
	if err != nil || offset < 0 {
		offset = 0
	}
	q := catalogue.Query{Text: asked.Get("q"), Sort: catalogue.Order(asked.Get("sort")), Facets: map[string]string{}, Offset: offset, Limit: pageLength}
	for name := range catalogue.Facets {
		if v := asked.Get(name); v != "" {
			q.Facets[name] = v
		}
	}
	found, err := h.list(r, q)
	if err != nil {
		return "", "", nil, err
	}
	link := func(key, value string) string {
		to := url.Values{}
		for k, v := range asked {
			if k != "offset" && k != "lang" && len(v) > 0 && v[0] != "" {
				to.Set(k, v[0])
			}
		}
		if to.Set(key, value); value == "" {
			to.Del(key)
		}
		return "/search?" + to.Encode()
	}
	out := &results{Found: found, First: offset + 1, Last: offset + len(found.Packages)}
	w := vocabulary[lang(r)]
	for _, name := range facetNames {
		f := facet{Name: w.Facets[name]}
		for _, c := range found.Counts[name] {
			if on := strings.EqualFold(q.Facets[name], c.Value); on {
				f.Choices = append(f.Choices, choice{Label: w.value(name, c.Value), N: c.N, On: true, Link: link(name, "")})
			} else if c.Value != "" && len(f.Choices) < mostChoices {
				f.Choices = append(f.Choices, choice{Label: w.value(name, c.Value), N: c.N, Link: link(name, c.Value)})
			}
		}
		if len(f.Choices) > 0 {
			out.Facets = append(out.Facets, f)
		}
	}
	for _, o := range []catalogue.Order{catalogue.ByRelevance, catalogue.ByTrend, catalogue.ByDownloads, catalogue.ByUpdated, catalogue.BySize} {
		out.Orders = append(out.Orders, choice{Label: w.Orders[o], Link: link("sort", string(o)), On: o == q.Sort || q.Sort == "" && o == catalogue.ByRelevance})
	}
	if offset > 0 {
		out.Previous = link("offset", strconv.Itoa(max(offset-pageLength, 0)))
	}
	if out.Last < found.Total {
		out.Next = link("offset", strconv.Itoa(out.Last))
	}
	return "search", q.Text, out, nil
}

type publisher struct {
	Name     string
	Packages []*catalogue.Repository
	More     string
}

func (h *Handler) publisher(r *http.Request) (string, string, any, error) {
	owner := r.PathValue("owner")
	found, err := h.list(r, catalogue.Query{Facets: map[string]string{"owner": owner}, Sort: catalogue.ByUpdated, Limit: 100})
	if err != nil {
		return "", "", nil, err
	}
	if len(found.Packages) == 0 { // nobody learns whether there is an account that shows nothing
		return "", "", nil, catalogue.ErrNotFound
	}
	p := &publisher{Name: found.Packages[0].Owner, Packages: found.Packages}
	if found.Total > len(found.Packages) {
		p.More = "/search?" + url.Values{"owner": {p.Name}}.Encode()
	}
	return "publisher", p.Name, p, nil
}

type repository struct {
	*catalogue.Repository
	Asked    string // the version in the address
	Version  string // the one that is shown, "" if it has no name
	Digest   string
	Refs     []catalogue.Ref
	State    *catalogue.Ref // where the version is yanked or deprecated
	Files    []catalogue.File
	Findings []inspect.Finding
	Total    int64
	Card     template.HTML
	Install  string
	Download string // address of a file is this and its path
	Trial    *trial // nil where there is no model to ask
}

// clip is the beginning of a text, as long as a button may be.
func clip(s string) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= 24 {
		return string(r)
	}
	return string(r[:23]) + "…"
}

// longestCard bounds what is rendered, in bytes.
const longestCard = 1 << 20

func (h *Handler) repository(r *http.Request) (string, string, any, error) {
	p, err := h.describe(r)
	if err != nil {
		return "", "", nil, err
	}
	return "package", p.FullName(), p, nil
}

// describe finds out what the page of a package says.
func (h *Handler) describe(r *http.Request) (*repository, error) {
	ctx, c := r.Context(), h.depot.Catalogue
	found, err := c.Repository(ctx, catalogue.Caller{}, r.PathValue("owner")+"/"+r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	p := &repository{Repository: found, Asked: r.URL.Query().Get("version")}
	if p.Refs, err = c.Refs(ctx, found); err != nil {
		return nil, err
	}
	p.Install = "xiaoyu pull " + found.FullName()
	if p.Asked != "" {
		p.Install += ":" + p.Asked
	}
	t, err := c.Resolve(ctx, found, p.Asked)
	if errors.Is(err, catalogue.ErrNotFound) && p.Asked == "" { // nothing has been published yet
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	p.Version, p.Digest = t.Name, t.Manifest.Digest.String()
	for i, ref := range p.Refs {
		if ref.Kind == "version" && ref.Digest == t.Manifest.Digest {
			p.Version = ref.Name
			if ref.State != "" {
				p.State = &p.Refs[i]
			}
			break
		}
	}
	if p.Files, err = c.Files(ctx, &t.Manifest); err != nil {
		return nil, err
	}
	if p.Findings, err = c.Findings(ctx, &t.Manifest); err != nil {
		return nil, err
	}
	for _, f := range p.Files {
		p.Total += f.Size
	}
	if t.Revision != nil {
		prefix := map[string]string{"dataset": "/datasets"}[string(found.Kind)]
		p.Download = prefix + "/" + found.FullName() + "/resolve/" + t.Revision.Commit + "/"
	}
	text, err := h.text(ctx, p, pack.CardFile, longestCard)
	if err != nil {
		return nil, err
	}
	about, err := pack.ReadCard(text)
	if err != nil {
		about = nil // it was published before cards were checked
	}
	p.Card, p.Trial = card(text), trialOf(p, about)
	return p, nil
}

// text returns the beginning of a file of a package; nil if there is none.
func (h *Handler) text(ctx context.Context, p *repository, path string, most int64) ([]byte, error) {
	i := slices.IndexFunc(p.Files, func(f catalogue.File) bool { return f.Path == path })
	if i < 0 {
		return nil, nil
	}
	content, err := h.depot.Open(ctx, p.Repository, p.Files[i].Digest)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	text, err := io.ReadAll(io.LimitReader(content, most))
	if err != nil {
		return nil, fmt.Errorf("reading %s of %s: %w", path, p.FullName(), err)
	}
	return text, nil
}
