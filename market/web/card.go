package web

import (
	"bytes"
	"html/template"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

var markdown = goldmark.New(goldmark.WithExtensions(extension.GFM))

// policy lets through what text needs. Pictures are left out: they would tell their host who reads.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "em", "strong", "del", "code", "pre", "blockquote", "ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("th", "td")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowAttrs("href").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(false)
	p.RequireParseableURLs(true)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	return p
})

// front is the front matter of a card, which the page shows elsewhere.
var front = regexp.MustCompile(`(?s)\A\x{FEFF}?---\r?\n.*?\n---[ \t]*(\r?\n|\z)`)

// card renders Markdown that a stranger has written.
func card(text []byte) template.HTML {
	var out bytes.Buffer
	if err := markdown.Convert(front.ReplaceAll(text, nil), &out); err != nil {
		return ""
	}
	return template.HTML(reachable.Replace(policy().Sanitize(out.String())))
}

// reachable lets the keyboard scroll what may be wider than the window.
var reachable = strings.NewReplacer("<pre>", `<pre tabindex="0">`, "<table>", `<table tabindex="0">`)

// readCard is a card as a page shows it.
type readCard struct {
	html template.HTML
	card *pack.Card // nil where it cannot be read
}

// rendered keeps cards that have been shown, by their digests: rendering one takes longer than the rest of its page.
type rendered struct {
	mu   sync.Mutex
	by   map[digest.Digest]readCard
	size int // of all HTML, in bytes
}

// mostRendered is how many bytes of HTML are kept; then all of it is forgotten.
const mostRendered = 32 << 20

// of returns the card among a package's files, which text reads.
func (r *rendered) of(files []catalogue.File, text func() ([]byte, error)) (c readCard, err error) {
	var key digest.Digest
	if i := slices.IndexFunc(files, func(f catalogue.File) bool { return f.Path == pack.CardFile }); i >= 0 {
		key = files[i].Digest
	}
	r.mu.Lock()
	c, known := r.by[key]
	r.mu.Unlock()
	if known {
		return c, nil
	}
	content, err := text()
	if err != nil {
		return c, err
	}
	c.html = card(content)
	if c.card, err = pack.ReadCard(content); err != nil {
		c.card = nil // it was published before cards were checked
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil || r.size > mostRendered || len(r.by) > 10_000 {
		r.by, r.size = map[digest.Digest]readCard{}, 0
	}
	r.by[key] = c
	r.size += len(c.html)
	return c, nil
}
