package web

import (
	"bytes"
	"html/template"
	"regexp"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
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
	return template.HTML(policy().SanitizeBytes(out.Bytes()))
}
