package text

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// metaspace writes spaces as a visible character and, if asked, cuts before each, as SentencePiece does (Kudo and
// Richardson 2018).
type metaspace struct {
	Replacement string `json:"replacement"`
	Scheme      string `json:"prepend_scheme"` // whether pieces get one in front: always, first (of the text) or never
	Split       bool   `json:"split"`

	// What older files have in place of Scheme.
	AddPrefix *bool `json:"add_prefix_space,omitempty"`
}

func (t *metaspace) prepare() error {
	if t.AddPrefix != nil && t.Scheme == "" {
		t.Scheme = "never"
		if *t.AddPrefix {
			t.Scheme = "always"
		}
	}
	t.AddPrefix = nil
	switch t.Scheme {
	case "":
		t.Scheme = "always"
	case "always", "first", "never":
	default:
		return fmt.Errorf("prepend_scheme %q; always, first and never are known", t.Scheme)
	}
	if utf8.RuneCountInString(t.Replacement) != 1 {
		return fmt.Errorf("replacement %q is not one character", t.Replacement)
	}
	return nil
}

func (t *metaspace) rewrite(d *draft, pieces, dst []Span) []Span {
	r, _ := utf8.DecodeRuneInString(t.Replacement)
	for _, p := range pieces {
		s, start := d.text[p.Start:p.End], len(d.next)
		if !strings.HasPrefix(s, " ") && !strings.HasPrefix(s, t.Replacement) &&
			(t.Scheme == "always" || t.Scheme == "first" && d.offset == 0 && d.source(p).Start == 0) {
			d.put(r, p.Start)
		}
		kept := p.Start
		for at := p.Start; at < p.End; at++ {
			if d.text[at] == ' ' {
				d.keep(kept, at)
				d.put(r, at)
				kept = at + 1
			}
		}
		d.keep(kept, p.End)
		if t.Split {
			dst = t.cut(view(d.next), start, dst)
		} else {
			dst = append(dst, Span{start, len(d.next)})
		}
	}
	d.commit()
	return dst
}

// cut makes pieces of s[start:], each but the first beginning with the replacement.
func (t *metaspace) cut(s string, start int, dst []Span) []Span {
	for start < len(s) {
		end := len(s)
		skip := 0
		if strings.HasPrefix(s[start:], t.Replacement) {
			skip = len(t.Replacement)
		}
		if n := strings.Index(s[start+skip:], t.Replacement); n >= 0 {
			end = start + skip + n
		}
		dst = append(dst, Span{start, end})
		start = end
	}
	return dst
}
