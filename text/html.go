package text

import (
	stdhtml "html"
	"io"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// htmlEdits drops tags, comments, scripts and styles, and decodes entities. Only elements that HTML knows are tags:
// "<3" and "<好评>" are text.
func htmlEdits(s string) (edits []edit) {
	if !strings.ContainsAny(s, "<&") {
		return nil
	}
	if !strings.Contains(s, "<") {
		return entityEdits(s, 0, nil)
	}
	z := html.NewTokenizer(strings.NewReader(s))
	z.SetMaxBuf(0)
	at, hidden := 0, atom.Atom(0) // hidden: within a script or style
	for {
		kind := z.Next()
		n := len(z.Raw())
		if kind == html.ErrorToken {
			if z.Err() == io.EOF && at < len(s) { // a tag that never ends is text
				edits = entityEdits(s[at:], at, edits)
			}
			return edits
		}
		from, to := at, at+n
		at = to
		switch kind {
		case html.TextToken:
			if hidden != 0 {
				edits = append(edits, edit{from, to, ""})
			} else {
				edits = entityEdits(s[from:to], from, edits)
			}
		case html.CommentToken, html.DoctypeToken:
			if strings.HasPrefix(s[from:], "<!") {
				edits = append(edits, edit{from, to, ""})
			}
		default:
			name, _ := z.TagName()
			a := atom.Lookup(name)
			if a == 0 {
				continue
			}
			if a == atom.Script || a == atom.Style {
				hidden = 0
				if kind == html.StartTagToken {
					hidden = a
				}
			}
			edits = append(edits, edit{from, to, spaceFor(a)})
		}
	}
}

// spaceFor returns what stands for a tag: a space where the element begins a new line.
func spaceFor(a atom.Atom) string {
	switch a {
	case atom.A, atom.Abbr, atom.B, atom.Em, atom.Font, atom.I, atom.Mark, atom.S, atom.Small, atom.Span, atom.Strong, atom.Sub, atom.Sup, atom.U, atom.Wbr:
		return ""
	}
	return " "
}

// entityEdits appends edits that decode the entities of s, which begins at offset base.
func entityEdits(s string, base int, edits []edit) []edit {
	const longest = 33 // of HTML's names, with & and ;
	for at := 0; ; {
		i := strings.IndexByte(s[at:], '&')
		if i < 0 {
			return edits
		}
		at += i
		end := strings.IndexByte(s[at:min(len(s), at+longest)], ';')
		if end < 0 {
			at++
			continue
		}
		entity := s[at : at+end+1]
		if decoded := stdhtml.UnescapeString(entity); decoded != entity && !strings.HasSuffix(decoded, ";") {
			edits = append(edits, edit{base + at, base + at + end + 1, decoded})
			at += end + 1
			continue
		}
		at++
	}
}
