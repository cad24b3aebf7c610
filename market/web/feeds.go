package web

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// feed is an Atom feed (RFC 4287).
type feed struct {
	XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string   `xml:"id"`
	Title   string   `xml:"title"`
	Updated string   `xml:"updated"`
	Links   []link   `xml:"link"`
	Author  string   `xml:"author>name"`
	Entries []entry  `xml:"entry"`
}

type link struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
	Href string `xml:"href,attr"`
}

type entry struct {
	ID       string     `xml:"id"`
	Title    string     `xml:"title"`
	Updated  string     `xml:"updated"`
	Author   string     `xml:"author>name"`
	Link     link       `xml:"link"`
	Summary  string     `xml:"summary"`
	Category []category `xml:"category"`
}

type category struct {
	Term string `xml:"term,attr"`
}

// feedLength is how many entries a feed has.
const feedLength = 50

// newFeed returns a feed without entries; self and page are paths with their query.
func newFeed(origin, title, self, page string) *feed {
	return &feed{ID: origin + self, Title: title, Updated: moment(time.Unix(0, 0)), Author: "Xiaoyu 小语",
		Links: []link{{"self", "application/atom+xml", origin + self}, {"alternate", "text/html", origin + page}}}
}

// moment is a date as RFC 3339 has it.
func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// add appends an entry; the feed is as new as the newest of them.
func (f *feed) add(e entry, at time.Time) {
	e.Updated = moment(at)
	f.Updated = max(f.Updated, e.Updated) // dates of one form sort as text
	f.Entries = append(f.Entries, e)
}

// plain answers with something that is no page; f writes it, or fails before it has written anything.
func (h *Handler) plain(pattern, kind string, f func(w http.ResponseWriter, r *http.Request) error) {
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "max-age=300")
		err := f(w, r)
		if err == nil || r.Context().Err() != nil {
			return
		}
		w.Header().Del("Cache-Control")
		switch {
		case errors.Is(err, catalogue.ErrNotFound):
			http.Error(w, "not found", http.StatusNotFound)
		case errors.Is(err, catalogue.ErrInvalid):
			http.Error(w, err.Error(), http.StatusBadRequest)
		default:
			h.log.Error("a request failed", "path", r.URL.Path, "error", err)
			http.Error(w, "the market has failed", http.StatusInternalServerError)
		}
	})
}

// public mounts what programs read of a market without an account: feeds, the map of the site, pictures.
func (h *Handler) public() {
	h.plain("GET /search.atom", "application/atom+xml; charset=utf-8", h.searchFeed)
	h.plain("GET /{owner}/{name}/versions.atom", "application/atom+xml; charset=utf-8", h.packageFeed)
	h.plain("GET /{owner}/{name}/preview.png", "image/png", h.preview)
	h.plain("GET /sitemap.xml", "application/xml; charset=utf-8", h.sitemap)
	h.plain("GET /robots.txt", "text/plain; charset=utf-8", h.robots)
}

func writeXML(w http.ResponseWriter, v any) error {
	b, err := xml.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, b)
	return err
}

func (h *Handler) searchFeed(w http.ResponseWriter, r *http.Request) error {
	asked := r.URL.Query()
	q := catalogue.Query{Text: asked.Get("q"), Sort: catalogue.Order(asked.Get("sort")), Facets: map[string]string{}, Limit: feedLength}
	if q.Sort == "" {
		q.Sort = catalogue.ByUpdated
	}
	keep := url.Values{}
	for name := range catalogue.Facets {
		if v := asked.Get(name); v != "" {
			q.Facets[name] = v
		}
	}
	for k := range asked {
		if v := asked.Get(k); v != "" && (k == "q" || k == "sort" || q.Facets[k] != "") {
			keep.Set(k, v)
		}
	}
	found, err := h.list(r, q)
	if err != nil {
		return err
	}
	origin := auth.Origin(r)
	query := strings.TrimSuffix("?"+keep.Encode(), "?")
	f := newFeed(origin, strings.TrimSuffix("Xiaoyu 小语: "+q.Text, ": "), "/search.atom"+query, "/search"+query)
	for _, p := range found.Packages {
		at := origin + "/" + p.FullName()
		e := entry{ID: at, Title: p.FullName(), Author: p.Owner, Link: link{"alternate", "text/html", at}, Summary: strings.TrimPrefix(p.Title+"\n"+p.Description, "\n")}
		for _, term := range []string{string(p.Kind), p.Task, p.Licence} {
			if term != "" {
				e.Category = append(e.Category, category{term})
			}
		}
		f.add(e, p.Updated)
	}
	return writeXML(w, f)
}

func (h *Handler) packageFeed(w http.ResponseWriter, r *http.Request) error {
	found, err := h.depot.Catalogue.Repository(r.Context(), catalogue.Caller{}, r.PathValue("owner")+"/"+r.PathValue("name"))
	if err != nil {
		return err
	}
	refs, err := h.depot.Catalogue.Refs(r.Context(), found)
	if err != nil {
		return err
	}
	origin, full := auth.Origin(r), found.FullName()
	f := newFeed(origin, full, "/"+full+"/versions.atom", "/"+full)
	f.Author = found.Owner
	for _, ref := range refs {
		if ref.Kind != "version" || len(f.Entries) == feedLength {
			continue
		}
		at := origin + "/" + full + "?version=" + url.QueryEscape(ref.Name)
		e := entry{ID: at, Title: full + " " + ref.Name, Author: found.Owner, Link: link{"alternate", "text/html", at}, Summary: found.Title}
		if ref.State != "" {
			e.Summary = ref.State + ": " + ref.Reason
		}
		f.add(e, ref.Updated)
	}
	return writeXML(w, f)
}

// sitemapPart is how many pages a part of the map names: as many as the protocol permits (https://www.sitemaps.org/protocol.html).
const sitemapPart = 50_000

// siteMap is a list of sitemaps.org that begins with its first entry, so that what fails before that is still an error.
type siteMap struct {
	w     io.Writer
	root  string // urlset or sitemapindex
	begun bool
}

func (m *siteMap) add(format string, args ...any) error {
	if !m.begun {
		m.begun = true
		fmt.Fprintf(m.w, `%s<%s xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">`+"\n", xml.Header, m.root)
	}
	_, err := fmt.Fprintf(m.w, format, args...)
	return err
}

// end ends the list, unless an entry has failed.
func (m *siteMap) end(err error) error {
	if err == nil {
		err = m.add("</%s>\n", m.root)
	}
	return err
}

// sitemap writes the map of the site: its parts, or one of them, that of the packages or the collections of so many numbers.
func (h *Handler) sitemap(w http.ResponseWriter, r *http.Request) error {
	c, ctx, origin := h.depot.Catalogue, r.Context(), escaped(auth.Origin(r))
	part := func(kind string) (from, to int64, ok bool) {
		n, err := strconv.ParseInt(r.URL.Query().Get(kind), 10, 32)
		return n * sitemapPart, (n + 1) * sitemapPart, err == nil
	}
	m := &siteMap{w: w, root: "urlset"}
	page := func(path string, updated time.Time) error {
		return m.add("<url><loc>%s%s</loc><lastmod>%s</lastmod></url>\n", origin, path, moment(updated))
	}
	if from, to, ok := part("part"); ok {
		return m.end(c.EachPublic(ctx, from, to, func(name string, updated time.Time) error { return page("/"+name, updated) }))
	}
	if from, to, ok := part("collections"); ok {
		return m.end(c.EachPublicCollection(ctx, from, to, func(owner, slug string, updated time.Time) error {
			return page("/collections/"+owner+"/"+url.PathEscape(slug), updated)
		}))
	}
	packages, err := c.LastRepository(ctx)
	if err != nil {
		return err
	}
	collections, err := c.LastCollection(ctx)
	if err != nil {
		return err
	}
	m.root = "sitemapindex"
	for n := range packages/sitemapPart + 1 {
		err = errors.Join(err, m.add("<sitemap><loc>%s/sitemap.xml?part=%d</loc></sitemap>\n", origin, n))
	}
	for n := int64(0); n*sitemapPart < collections+1 && collections > 0; n++ { // a part has a page at least
		err = errors.Join(err, m.add("<sitemap><loc>%s/sitemap.xml?collections=%d</loc></sitemap>\n", origin, n))
	}
	return m.end(err)
}

func escaped(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder does not fail
	return b.String()
}

func (h *Handler) robots(w http.ResponseWriter, r *http.Request) error {
	_, err := fmt.Fprintf(w, "User-agent: *\nDisallow: /search?\nDisallow: /api/\nDisallow: /v2/\nDisallow: /*/try\nDisallow: /*/compare\n\nSitemap: %s/sitemap.xml\n", auth.Origin(r))
	return err
}

// preview draws what stands for a package where a link to it is shown.
func (h *Handler) preview(w http.ResponseWriter, r *http.Request) error {
	p, err := h.describe(r)
	if err != nil {
		return err
	}
	en := vocabulary["en"]
	poster := chart.Poster{Over: p.Owner + "  /  " + en.KindName(p.Kind), Name: p.Name, Under: p.Title, Brand: "Xiaoyu market"}
	if p.Task != "" {
		poster.Facts = append(poster.Facts, en.TaskName(p.Task))
	}
	poster.Facts = append(poster.Facts, strings.Join(p.Labels[catalogue.Language], ", "), size.Bytes(p.Total), p.Licence, size.Count(int(p.Downloads))+" downloads")
	for _, f := range p.Figures {
		if f.Value >= 0 && f.Value <= 1 {
			poster.Bars = append(poster.Bars, chart.PosterBar{Name: f.Name, Text: decimal(f), Share: f.Value})
		}
	}
	return poster.WritePNG(w)
}

func decimal(f pack.Figure) string { return strconv.FormatFloat(f.Value, 'f', 3, 64) }
