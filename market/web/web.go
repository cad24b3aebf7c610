// Package web is what a person sees of a market in a browser: the home page, search, packages and publishers. Pages are
// plain HTML that needs no JavaScript, in English and Chinese, light and dark. What strangers wrote, a card above all, is
// rendered without anything that could run, load or send.
//
// Who looks at a page is told by [visitor]: a stranger, or somebody whose session (account.go) or token came with the
// request. Pages show what that person may see; nothing is published here.
package web

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

//go:embed pages
var files embed.FS

// pageLength is how many packages a page of results has; homeLength how many each list of the home page.
const pageLength, homeLength = 20, 6

// Handler answers the pages of a market.
type Handler struct {
	depot    *depot.Depot
	desk     *try.Desk
	log      *slog.Logger
	options  Options
	mux      *routes
	guarded  http.Handler // the mux, for requests that come from pages of this market alone
	pages    *template.Template
	attempts attempts
	cards    rendered
	post     post
}

// New returns the handler of a depot's pages, whose models are asked at a desk. It expects to stand at the root.
func New(d *depot.Depot, desk *try.Desk, log *slog.Logger, o Options) *Handler {
	h := &Handler{depot: d, desk: desk, log: log, options: o, mux: &routes{}, attempts: newAttempts(), post: newPost()}
	h.pages = template.Must(template.New("").Funcs(template.FuncMap{
		"bytes": size.Bytes, "count": func(n int64) string { return size.Count(int(n)) }, "join": strings.Join,
		"pair":  func(p *page, list []*catalogue.Repository) cards { return cards{p, list} },
		"plus":  func(a, b int) int { return a + b },
		"stars": func(n int) string { return strings.Repeat("★", n) + strings.Repeat("☆", 5-n) },
		"tenth": func(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) },
		"short": func(s fmt.Stringer) string { return short(s.String()) }, "clip": clip, "drawn": drawn,
		"lists": func(p *page, l []*catalogue.Collection) listsOf { return listsOf{p, l} },
		"share": decimals, "duration": duration, "percent": func(x float64) float64 { return 100 * max(0, x) },
		"usage": func(p *page, u usage) usageOf { return usageOf{p, u} },
		"pages": func(p *page, body any) pageOf { return pageOf{Page: p, Body: body} },
		"of":    func(p *page, a *catalogue.Account) profileOf { return profileOf{p, a} },
		"list": func(p *page, list []catalogue.Invitation, to string) invitationsOf {
			return invitationsOf{p, list, to, time.Now()}
		},
	}).ParseFS(files, "pages/*.html"))
	h.handle("GET /{$}", h.home)
	h.handle("GET /", nowhere)
	h.handle("GET /collections/", nowhere)
	h.handle("GET /search", h.search)
	h.handle("GET /benchmarks", h.benchmarks)
	h.handle("GET /benchmarks/{name}", h.leaderboard)
	h.handle("GET /{owner}", h.publisher)
	h.handle("GET /{owner}/{name}", h.repository)
	h.handle("GET /{owner}/{name}/compare", h.compare)
	h.handle("GET /{owner}/{name}/file", h.file)
	h.handleWith("POST /{owner}/{name}/try", h.ask)
	h.public()
	for _, name := range []string{"style.css", "copy.js", "try.js", "icon.svg"} {
		h.mux.HandleFunc("GET /-/"+name, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "max-age=3600")
			http.ServeFileFS(w, r, files, "pages/"+name)
		})
	}
	h.mountAccounts()
	h.mountCollections()
	h.mountReviews()
	h.mountModeration()
	h.mountBenchmarks()
	return h
}

// short is the beginning of a digest.
func short(digest string) string {
	_, hex, _ := strings.Cut(digest, ":")
	return hex[:min(len(hex), 12)]
}

// page is what every template gets.
type page struct {
	words
	Title  string
	Query  string             // of the search field
	Here   string             // path and query, but lang: where the other language is
	Who    *catalogue.Account // who looks at it; nil for a stranger
	Join   bool               // strangers may sign up
	Origin string             // address of the market
	About  string             // one line, for those who link to the page
	Image  string             // address of a picture that stands for it; "" for none
	At     string             // address of the page, without the language
	Feed   string             // path of its feed; "" for none
	Body   any
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
		name, title, body, err := f(w, r)
		h.answer(w, r, &reply{name: name, title: title, body: body}, err)
	})
}

// reply is a page, or where to find it.
type reply struct {
	name, title string
	body        any
	status      int    // 200 if 0
	to          string // address to go to instead
}

// answer sends a page, or one that says what went wrong.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, a *reply, err error) {
	if err != nil {
		if r.Context().Err() != nil {
			return
		}
		a = h.failure(w, r, err)
	}
	if a.to != "" {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, a.to, http.StatusSeeOther)
		return
	}
	lang := lang(r)
	p := page{words: vocabulary[lang], Here: here(r), Title: a.title, Body: a.body, Query: r.URL.Query().Get("q"), Who: visitor(r).Account, Join: h.options.SignUp == Open, Origin: auth.Origin(r)}
	p.tell(r)
	var out bytes.Buffer
	if err := h.pages.ExecuteTemplate(&out, a.name+".html", &p); err != nil {
		h.log.Error("a page failed", "path", r.URL.Path, "error", err)
		http.Error(w, p.words.Failed, http.StatusInternalServerError)
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Language", lang)
	head.Set("Vary", "Accept-Language, Cookie")
	if p.Who != nil {
		head.Set("Cache-Control", "private, no-store")
	}
	for name, value := range protection {
		head.Set(name, value)
	}
	if a.name == "answer" {
		head.Set("X-Part", a.name)
	}
	if r.URL.Query().Has("lang") {
		http.SetCookie(w, &http.Cookie{Name: "lang", Value: lang, Path: "/", MaxAge: 365 * 24 * 3600, SameSite: http.SameSiteLaxMode, HttpOnly: true, Secure: strings.HasPrefix(auth.Origin(r), "https:")})
	}
	w.WriteHeader(cmp.Or(a.status, http.StatusOK))
	out.WriteTo(w)
}

// protection are the headers of every page: it runs and shows what comes from here alone, in no frame, tells other sites
// nothing, shares no process with them, and needs nothing of the machine.
var protection = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"X-Content-Type-Options":       "nosniff",
	"Referrer-Policy":              "same-origin",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

// failure is the page for an error.
func (h *Handler) failure(w http.ResponseWriter, r *http.Request, err error) *reply {
	say := vocabulary[lang(r)]
	a := &reply{name: "error", status: http.StatusInternalServerError, title: say.Failed}
	var often *tooOften
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &often):
		w.Header().Set("Retry-After", strconv.Itoa(often.seconds()))
		a.status, a.title, a.body = http.StatusTooManyRequests, say.T("Too many attempts"), fmt.Sprintf(say.T("Please try again in %d seconds."), often.seconds())
	case errors.Is(err, catalogue.ErrUnauthenticated):
		a.status, a.title, a.body = http.StatusUnauthorized, say.T("Sign in"), say.T("This needs somebody who is signed in.")
	case errors.Is(err, catalogue.ErrNotFound):
		a.status, a.title = http.StatusNotFound, say.NotFound
	case errors.Is(err, catalogue.ErrQuota):
		a.status, a.title, a.body = http.StatusForbidden, say.T("Not permitted"), say.sentence(err)
	case errors.Is(err, catalogue.ErrGated):
		a.status, a.title, a.body = http.StatusForbidden, say.T("Not permitted"), say.T("Its files are for those who have asked for access.")
	case errors.Is(err, catalogue.ErrForbidden):
		a.status, a.title, a.body = http.StatusForbidden, say.T("Not permitted"), say.T("You may not do this. Ask an administrator.")
	case errors.As(err, &large):
		a.status, a.title, a.body = http.StatusRequestEntityTooLarge, say.T("Too much"), say.T("What was sent is too long.")
	case errors.Is(err, catalogue.ErrInvalid):
		a.status, a.title, a.body = http.StatusBadRequest, say.T("This cannot be done"), say.sentence(err)
		if r.URL.Path == "/search" {
			a.title = say.Invalid
		}
	default:
		if depot.Unavailable(err) {
			a.status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", depot.RetryAfter)
		}
		h.log.Error("a page failed", "path", r.URL.Path, "error", err)
	}
	return a
}

// tell says of the page what those need who link to it.
func (p *page) tell(r *http.Request) {
	origin := auth.Origin(r)
	p.At, p.About = origin+strings.TrimRight(p.Here, "?&"), p.Slogan
	switch b := p.Body.(type) {
	case *repository:
		p.Image, p.Feed = origin+"/"+b.FullName()+"/preview.png", "/"+b.FullName()+"/versions.atom"
		if about := strings.TrimSpace(b.Title + " " + b.Description); about != "" {
			p.About = about
		}
	case *results:
		p.Feed = b.Feed
	case *collectionPage:
		p.Feed = "/collections/" + b.FullName() + "/feed.atom"
		if b.Description != "" {
			p.About = b.Description
		}
	}
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

// list finds packages that the visitor may see.
func (h *Handler) list(r *http.Request, q catalogue.Query) (*catalogue.Found, error) {
	return h.depot.Catalogue.Search(r.Context(), visitor(r), q)
}

// nowhere answers for addresses that no page has.
func nowhere(*http.Request) (string, string, any, error) { return "", "", nil, catalogue.ErrNotFound }

type home struct {
	Collections []*catalogue.Collection
	New         []*catalogue.Repository
	Trending    []*catalogue.Repository // none while nobody has taken or liked anything
	Kinds       []catalogue.Count
	Tasks       []catalogue.Count // the commonest
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
	lists, _, err := h.depot.Catalogue.Collections(r.Context(), catalogue.Caller{}, catalogue.CollectionFilter{Limit: mostLists}) // none that only its owner cares for
	if err != nil {
		return "", "", nil, err
	}
	tasks := slices.DeleteFunc(slices.Clone(recent.Counts["task"]), func(c catalogue.Count) bool { return c.Value == "" })
	out := &home{Collections: lists, New: recent.Packages, Kinds: recent.Counts["kind"], Tasks: tasks[:min(len(tasks), mostChoices)]}
	if slices.ContainsFunc(trending.Packages, func(p *catalogue.Repository) bool { return p.Downloads+p.Likes > 0 }) {
		out.Trending = trending.Packages
	}
	return "home", "", out, nil
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
	Collections    []*catalogue.Collection // whose words match as well, on the first page
	Facets         []facet
	Orders         []choice
	First, Last    int
	Previous, Next string // links; "" for none
	Feed           string // address of the feed of this search
}

type facet struct {
	Name    string
	Choices []choice
}

// facetNames are those that the page shows, in its order, and mostChoices how many values of each.
var facetNames = []string{"kind", "task", catalogue.Language, "size", "latency", "licence", "family", "verified", "signed"}

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
	var lists []*catalogue.Collection
	if q.Text != "" && offset == 0 {
		if lists, _, err = h.depot.Catalogue.Collections(r.Context(), visitor(r), catalogue.CollectionFilter{Text: q.Text, Limit: mostLists}); err != nil {
			return "", "", nil, err
		}
	}
	out := &results{Found: found, Collections: lists, First: offset + 1, Last: offset + len(found.Packages)}
	out.Feed = strings.Replace(link("lang", ""), "/search", "/search.atom", 1)
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
	for _, o := range catalogue.Orders {
		out.Orders = append(out.Orders, choice{Label: w.Orders[o], Link: link("sort", string(o)), On: o == q.Sort || q.Sort == "" && o == catalogue.ByRelevance})
	}
	if offset > 0 {
		out.Previous = link("offset", strconv.Itoa(max(offset-pageLength, 0)))
	}
	if out.Last < min(found.Total, catalogue.Deep) && len(found.Packages) == pageLength {
		out.Next = link("offset", strconv.Itoa(out.Last))
	}
	return "search", q.Text, out, nil
}
