package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Article is the text of a page and what the page says about it.
type Article struct {
	Title, Text, Date, Author, Site, Language string
}

// Extract finds the article of a page.
//
// Every stretch of text speaks for the element around it, and half as much for the one around that: by its length, its
// commas, and the less of it is links. The element with the most votes is the article, with those of its neighbours that
// have as much text; menus, comments and the like are taken out before, by what their elements and classes are called.
// That is the idea of Readability (Arc90, 2009); a Chinese character counts for two and a half Latin ones here.
func Extract(page []byte, base *url.URL) (Article, error) {
	root, err := html.Parse(bytes.NewReader(page))
	if err != nil {
		return Article{}, err
	}
	m := readMeta(root)
	a := Article{Site: cmp.Or(m.first("og:site_name"), base.Hostname()), Language: m.language}
	prune(root, false)
	body := find(root, atom.Body)
	if body == nil {
		body = root
	}
	weights := measure(root)
	a.Text = weights.articleText(weights.bestElement(body))
	heading := ""
	if h := find(body, atom.H1); h != nil {
		heading = squeeze(textOf(h))
	}
	a.Title = cmp.Or(m.first("og:title"), titleOf(m.title, heading, a.Site), heading)
	top := textOf(body)
	top = strings.ToValidUTF8(top[:min(len(top), 32<<10)], "") // date and author stand above an article
	a.Date = cmp.Or(m.date(), isoDate(dateLike.FindString(top)))
	a.Author = cmp.Or(m.author(), byline(top))
	// The title is often the article's first line as well.
	if rest, ok := strings.CutPrefix(a.Text, a.Title+"\n"); ok && a.Title != "" {
		a.Text = rest
	}
	return a, nil
}

// plainText is the text of a piece of HTML, such as a feed's summary.
func plainText(fragment string) string {
	root, err := html.Parse(strings.NewReader(fragment))
	if err != nil {
		return ""
	}
	prune(root, true)
	return measure(root).articleText(root)
}

// dropped are elements that never hold an article.
var dropped = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Noscript: true, atom.Template: true, atom.Svg: true, atom.Iframe: true, atom.Form: true, atom.Nav: true,
	atom.Aside: true, atom.Footer: true, atom.Button: true, atom.Select: true, atom.Textarea: true, atom.Object: true, atom.Canvas: true, atom.Audio: true, atom.Video: true, atom.Head: true,
}

// furniture names what stands around an article, article what it is called itself: in classes and ids.
var (
	furniture = regexp.MustCompile(`(?i)\b(comments?|foot(er)?|nav(bar|igation)?|side(bar)?|share|sharing|social|related|recommend\w*|ads?|advert\w*|promo\w*|breadcrumbs?|cookie\w*|subscri\w*|newsletter|copyright|menu|popup|modal|banner|toolbar|pager|pagination|tags?|login|qrcode|hot(news|list)?|rank\w*|disclaimer)\b`)
	article   = regexp.MustCompile(`(?i)(article|content|post|entry|story|main|text|body|正文)`)
	words     = regexp.MustCompile(`[-_]+|([a-z])([A-Z])`)
)

// prune takes out what is no article; of a fragment only what is never shown.
func prune(n *html.Node, fragment bool) {
	for c := n.FirstChild; c != nil; {
		next := c.NextSibling
		switch {
		case c.Type == html.CommentNode, c.Type == html.ElementNode && isFurniture(c, fragment):
			n.RemoveChild(c)
		default:
			prune(c, fragment)
		}
		c = next
	}
}

func isFurniture(n *html.Node, fragment bool) bool {
	if dropped[n.DataAtom] {
		return true
	}
	if value(n, "hidden") != "" || hasAttribute(n, "hidden") || value(n, "aria-hidden") == "true" || strings.Contains(strings.ReplaceAll(value(n, "style"), " ", ""), "display:none") {
		return true
	}
	if fragment || n.DataAtom == atom.Body || n.DataAtom == atom.Html || n.DataAtom == atom.Article || n.DataAtom == atom.Main {
		return false
	}
	switch value(n, "role") {
	case "navigation", "banner", "contentinfo", "complementary", "search", "dialog":
		return true
	}
	named := words.ReplaceAllString(value(n, "class")+" "+value(n, "id"), "$1 $2")
	return furniture.MatchString(named) && !article.MatchString(named)
}

func value(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func hasAttribute(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}

// weight is the length of a text in Latin characters.
func weight(s string) float64 {
	n := 0.0
	for _, r := range s {
		switch {
		case unicode.Is(unicode.Han, r):
			n += 2.5
		case !unicode.IsSpace(r):
			n++
		}
	}
	return n
}

// masses are the weights of the text under each element, and of the links in it.
type masses map[*html.Node]struct{ all, links float64 }

// measure weighs every element once: pages are as deep as they like.
func measure(root *html.Node) masses {
	m := masses{}
	var visit func(n *html.Node)
	visit = func(n *html.Node) {
		sum := m[n]
		if n.Type == html.TextNode {
			sum.all = weight(n.Data)
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			visit(c)
			sum.all += m[c].all
			sum.links += m[c].links
		}
		if n.DataAtom == atom.A {
			sum.links = sum.all
		}
		m[n] = sum
	}
	visit(root)
	return m
}

// linkShare is the part of an element's text that is links.
func (m masses) linkShare(n *html.Node) float64 {
	if m[n].all == 0 {
		return 0
	}
	return m[n].links / m[n].all
}

// leastText is the weight of a stretch of text that votes.
const leastText = 25

// bestElement counts the votes.
func (m masses) bestElement(body *html.Node) *html.Node {
	votes := map[*html.Node]float64{}
	var order []*html.Node // of first votes: of equals the first wins
	vote := func(n *html.Node, v float64) {
		if n == nil || n.Type != html.ElementNode {
			return
		}
		if _, ok := votes[n]; !ok {
			order = append(order, n)
			if n.DataAtom == atom.Article || n.DataAtom == atom.Main || value(n, "itemprop") == "articleBody" {
				v += 25
			} else if article.MatchString(value(n, "class") + " " + value(n, "id")) {
				v += 10
			}
		}
		votes[n] += v
	}
	walk(body, func(n *html.Node) bool {
		if !isBlock(n) {
			return true
		}
		text := squeeze(ownText(n))
		w := weight(text)
		if w < leastText {
			return true
		}
		v := 1 + min(w/100, 3)
		for _, r := range text {
			if strings.ContainsRune(",，、。；", r) {
				v++
			}
		}
		parent := n.Parent
		if n.DataAtom == atom.Div || n.DataAtom == atom.Section || n.DataAtom == atom.Article || n.DataAtom == atom.Td || n.DataAtom == atom.Main {
			parent = n // text that stands in it without a paragraph
		}
		v *= 1 - m.linkShare(n)
		vote(parent, v)
		if parent != nil {
			vote(parent.Parent, v/2)
		}
		return true
	})
	best, most := body, 0.0
	for _, n := range order {
		if v := votes[n] * (1 - m.linkShare(n)); v > most {
			best, most = n, v
		}
	}
	// An article may be cut into several parts beside each other: then the parent of all is it.
	if p := best.Parent; p != nil && best != body {
		beside := 0.0
		for c := p.FirstChild; c != nil; c = c.NextSibling {
			if c != best {
				beside += votes[c]
			}
		}
		if beside > most/2 && m.linkShare(p) < 0.3 {
			best = p
		}
	}
	return best
}

var blocks = map[atom.Atom]bool{
	atom.P: true, atom.Div: true, atom.Section: true, atom.Article: true, atom.Main: true, atom.Li: true, atom.Td: true, atom.Th: true, atom.Pre: true, atom.Blockquote: true,
	atom.H1: true, atom.H2: true, atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true, atom.Ul: true, atom.Ol: true, atom.Dl: true, atom.Dt: true, atom.Dd: true, atom.Tr: true,
	atom.Table: true, atom.Header: true, atom.Figure: true, atom.Figcaption: true, atom.Br: true, atom.Hr: true, atom.Body: true, atom.Center: true, atom.Address: true, atom.Details: true, atom.Summary: true,
}

func isBlock(n *html.Node) bool { return n.Type == html.ElementNode && blocks[n.DataAtom] }

// ownText is the text of a block without that of the blocks in it.
func ownText(n *html.Node) string {
	var b strings.Builder
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, func(c *html.Node) bool {
			if c.Type == html.TextNode {
				b.WriteString(c.Data)
			}
			return !isBlock(c) || c.DataAtom == atom.Br
		})
	}
	return b.String()
}

// articleText writes an element's text, a block a line, without the blocks that are lists of links.
func (m masses) articleText(n *html.Node) string {
	var lines []string
	var line strings.Builder
	flush := func() {
		if s := squeeze(line.String()); s != "" {
			lines = append(lines, s)
		}
		line.Reset()
	}
	var visit func(n *html.Node)
	visit = func(n *html.Node) {
		switch {
		case n.Type == html.TextNode:
			line.WriteString(n.Data)
			return
		case isBlock(n):
			flush()
			if n.DataAtom != atom.Body && n.DataAtom != atom.Br && m.linkShare(n) > 0.6 && m[n].all < 400 {
				return
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			visit(c)
		}
		if isBlock(n) {
			flush()
		}
	}
	visit(n)
	flush()
	return strings.Join(lines, "\n")
}

func textOf(n *html.Node) string {
	var b strings.Builder
	walk(n, func(c *html.Node) bool {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		} else if isBlock(c) {
			b.WriteByte('\n')
		}
		return true
	})
	return b.String()
}

// walk visits n and what is under it, where visit says so.
func walk(n *html.Node, visit func(*html.Node) (deeper bool)) {
	if !visit(n) {
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		walk(c, visit)
	}
}

// find returns the first element of a kind.
func find(n *html.Node, kind atom.Atom) *html.Node {
	var found *html.Node
	walk(n, func(c *html.Node) bool {
		if found == nil && c.DataAtom == kind && c.Type == html.ElementNode {
			found = c
		}
		return found == nil
	})
	return found
}

// squeeze makes one space of any run of them.
func squeeze(s string) string { return strings.Join(strings.Fields(s), " ") }

// titleOf cuts the site's name off the page's title: "Title - Site", "标题_网站".
func titleOf(title, heading, site string) string {
	title = squeeze(title)
	if heading != "" && strings.HasPrefix(title, heading) {
		return heading
	}
	for _, between := range []string{" - ", " | ", "_", " – ", " — ", "-", "|"} {
		if at := strings.LastIndex(title, between); at > 0 {
			if rest := strings.TrimSpace(title[at+len(between):]); len([]rune(rest)) <= 12 && len(title[:at]) > len(rest) || strings.EqualFold(rest, site) {
				return strings.TrimSpace(title[:at])
			}
		}
	}
	return title
}

var (
	dateLike   = regexp.MustCompile(`(?:19|20)\d\d(?:-\d{1,2}-\d{1,2}|/\d{1,2}/\d{1,2}|年\d{1,2}月\d{1,2}日)(?:\s*\d{1,2}:\d{2}(?::\d{2})?)?`)
	bylineLike = regexp.MustCompile(`(?:(?:作者|记者)\s*[：:]|\s文\s*[／/])\s*([\p{Han}·A-Za-z]{2,20})|(?m:^\s*[Bb]y ([A-Z][\w.'-]+(?: [A-Z][\w.'-]+){0,3})\s*$)`)
)

func byline(text string) string {
	m := bylineLike.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	name := m[1]
	for _, next := range []string{"来源", "编辑", "责编", "发布", "时间", "日期"} {
		name, _, _ = strings.Cut(name, next) // it follows without a space
	}
	return cmp.Or(name, m[2])
}

// meta is what the head of a page says.
type meta struct {
	title, language string
	named           map[string][]string
}

func (m *meta) first(names ...string) string {
	for _, name := range names {
		for _, v := range m.named[name] {
			if v = squeeze(v); v != "" {
				return v
			}
		}
	}
	return ""
}

func (m *meta) date() string {
	for _, name := range []string{"article:published_time", "datepublished", "pubdate", "publishdate", "publish_date", "publish-date", "weibo: article:create_at", "og:published_time", "dc.date.issued", "dc.date", "date", "time"} {
		for _, v := range m.named[name] {
			if d := isoDate(v); d != "" {
				return d
			}
		}
	}
	return ""
}

func (m *meta) author() string {
	author := m.first("author", "article:author", "dc.creator", "byl")
	if strings.Contains(author, "://") { // an address of a profile
		return ""
	}
	return author
}

// readMeta collects meta elements, microdata, times, links to authors, and schema.org's JSON.
func readMeta(root *html.Node) *meta {
	m := &meta{named: map[string][]string{}}
	add := func(name, v string) {
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "" && v != "" && len(m.named[name]) < 8 {
			m.named[name] = append(m.named[name], v)
		}
	}
	walk(root, func(n *html.Node) bool {
		switch n.DataAtom {
		case atom.Html:
			m.language = value(n, "lang")
		case atom.Title:
			if m.title == "" && n.Namespace == "" {
				m.title = textOf(n)
			}
		case atom.Meta:
			for _, key := range []string{"property", "name", "itemprop"} {
				add(value(n, key), value(n, "content"))
			}
		case atom.Time:
			add("time", cmp.Or(value(n, "datetime"), textOf(n)))
		case atom.Script:
			if value(n, "type") == "application/ld+json" {
				var about any
				if json.Unmarshal([]byte(textOf(n)), &about) == nil {
					schemaOrg(about, add, 0)
				}
			}
		}
		if p := value(n, "itemprop"); p == "author" || p == "datePublished" {
			add(p, cmp.Or(value(n, "content"), value(n, "datetime"), textOf(n)))
		}
		if value(n, "rel") == "author" {
			add("author", textOf(n))
		}
		return true
	})
	return m
}

// schemaOrg finds author and date of an article in JSON-LD.
func schemaOrg(v any, add func(name, v string), depth int) {
	if depth > 6 {
		return
	}
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			schemaOrg(x, add, depth+1)
		}
	case map[string]any:
		if d, ok := v["datePublished"].(string); ok {
			add("datepublished", d)
		}
		switch author := v["author"].(type) {
		case string:
			add("author", author)
		case map[string]any:
			name, _ := author["name"].(string)
			add("author", name)
		case []any:
			for _, a := range author {
				if one, ok := a.(map[string]any); ok {
					name, _ := one["name"].(string)
					add("author", name)
				}
			}
		}
		schemaOrg(v["@graph"], add, depth+1)
	}
}
