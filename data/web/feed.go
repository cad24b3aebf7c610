package web

import (
	"bytes"
	"cmp"
	"encoding/xml"
	"io"
	"net/url"
	"strings"
	"time"
)

// feed is what RSS 0.9x, 1.0 and 2.0 and Atom (RFC 4287) have in common.
type feed struct {
	title   string
	next    string // address of the next page: RFC 5005
	entries []entry
	cut     bool // it ends within an entry, or is damaged there
}

// entry is an article of a feed.
type entry struct {
	link, id, title, author, date string
	html                          string // content, or else the summary
}

// looksFeed tells whether a document is a feed: by its first element.
func looksFeed(body []byte) bool {
	d := newXML(body[:min(len(body), 8192)])
	for {
		token, err := d.Token()
		if err != nil {
			return false
		}
		if start, ok := token.(xml.StartElement); ok {
			name := strings.ToLower(start.Name.Local)
			return name == "rss" || name == "feed" || name == "rdf"
		}
	}
}

func newXML(body []byte) *xml.Decoder {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict = false
	d.Entity = xml.HTMLEntity
	d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // it is UTF-8 by now
	return d
}

// maxEntries bounds the entries that are taken from one document.
const maxEntries = 10_000

// parseFeed reads a feed as far as it goes: what is damaged or cut off ends it.
func parseFeed(body []byte, base *url.URL) *feed {
	f := &feed{}
	d := newXML(body)
	for {
		token, err := d.Token()
		if err != nil {
			f.cut = err != io.EOF
			return f
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch strings.ToLower(start.Name.Local) {
		case "item", "entry":
			var e xmlEntry
			if err := d.DecodeElement(&e, &start); err != nil || len(f.entries) == maxEntries {
				f.cut = true
				return f
			}
			f.entries = append(f.entries, e.entry(base))
		case "title":
			var title string
			if d.DecodeElement(&title, &start) == nil && f.title == "" {
				f.title = squeeze(title)
			}
		case "link":
			if attr(start, "rel") == "next" {
				f.next = resolve(base, attr(start, "href"))
			}
		}
	}
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// xmlEntry is an item or entry as it stands in the file, in the words of all formats.
type xmlEntry struct {
	Titles []struct {
		Space xml.Name
		Text  string `xml:",chardata"`
		Inner string `xml:",innerxml"`
		Type  string `xml:"type,attr"`
	} `xml:"title"`
	Links []struct {
		Href string `xml:"href,attr"`
		Rel  string `xml:"rel,attr"`
		Text string `xml:",chardata"`
	} `xml:"link"`
	GUID struct {
		Text      string `xml:",chardata"`
		Permalink string `xml:"isPermaLink,attr"`
	} `xml:"guid"`
	ID          string      `xml:"id"`
	Description markup      `xml:"description"`
	Encoded     markup      `xml:"encoded"`
	Content     []markup    `xml:"content"` // Atom's; media:content is called so as well
	Summary     markup      `xml:"summary"`
	PubDate     string      `xml:"pubDate"`
	Date        string      `xml:"date"` // Dublin Core
	Published   string      `xml:"published"`
	Updated     string      `xml:"updated"`
	Creator     string      `xml:"creator"` // Dublin Core
	Author      []xmlAuthor `xml:"author"`
}

type xmlAuthor struct {
	Name string `xml:"name"`
	Text string `xml:",chardata"`
}

// markup is HTML: escaped, in CDATA, or in Atom as elements.
type markup struct {
	Type  string `xml:"type,attr"`
	Text  string `xml:",chardata"`
	Inner string `xml:",innerxml"`
}

func (m *markup) html() string {
	if m.Type == "xhtml" {
		return m.Inner
	}
	if m.Type == "text" {
		return escape(m.Text)
	}
	return strings.TrimSpace(m.Text)
}

func escape(text string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(text)); err != nil {
		return ""
	}
	return b.String()
}

func (x *xmlEntry) entry(base *url.URL) entry {
	e := entry{id: strings.TrimSpace(cmp.Or(x.GUID.Text, x.ID))}
	if len(x.Titles) > 0 {
		e.title = squeeze(plainText(cmp.Or(strings.TrimSpace(x.Titles[0].Text), x.Titles[0].Inner)))
	}
	for _, l := range x.Links {
		if to := strings.TrimSpace(cmp.Or(l.Href, l.Text)); to != "" && (l.Rel == "" || l.Rel == "alternate") {
			e.link = resolve(base, to)
			break
		}
	}
	if e.link == "" && x.GUID.Permalink != "false" && strings.HasPrefix(e.id, "http") {
		e.link = resolve(base, e.id)
	}
	contents := []string{x.Encoded.html()}
	for i := range x.Content {
		contents = append(contents, x.Content[i].html())
	}
	e.html = cmp.Or(append(contents, x.Description.html(), x.Summary.html())...)
	if len(x.Author) > 0 {
		e.author = cmp.Or(x.Author[0].Name, x.Author[0].Text)
	}
	e.author = squeeze(cmp.Or(strings.TrimSpace(x.Creator), e.author))
	e.date = isoDate(cmp.Or(x.PubDate, x.Published, x.Date, x.Updated))
	return e
}

// resolve makes an absolute address; "" if it is none that can be fetched.
func resolve(base *url.URL, to string) string {
	u, err := base.Parse(strings.TrimSpace(to))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return ""
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String()
}

var dateLayouts = []string{
	time.RFC1123Z, time.RFC1123, "Mon, 2 Jan 2006 15:04:05 -0700", "Mon, 2 Jan 2006 15:04:05 MST", "2 Jan 2006 15:04:05 -0700", "2 Jan 2006 15:04:05 MST",
	time.RFC3339, "2006-01-02T15:04:05-0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly,
	"2006/01/02 15:04:05", "2006/01/02 15:04", "2006/01/02", "2006年1月2日 15:04:05", "2006年1月2日 15:04", "2006年1月2日15:04", "2006年1月2日", "January 2, 2006", "Jan 2, 2006", "2 January 2006",
}

// isoDate writes a date in ISO 8601, with the time where there is one; "" if it is none.
func isoDate(s string) string {
	s = squeeze(s)
	for _, layout := range dateLayouts {
		t, err := time.Parse(layout, s)
		if err != nil {
			continue
		}
		switch {
		case !strings.Contains(layout, "15:04"):
			return t.Format(time.DateOnly)
		case strings.Contains(layout, "MST") || strings.Contains(layout, "07"):
			return t.Format(time.RFC3339)
		}
		return t.Format("2006-01-02T15:04:05")
	}
	return ""
}
