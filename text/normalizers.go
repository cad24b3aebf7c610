package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// lowercaser maps each character by itself to lower case, as Rust's char::to_lowercase does: no context, and İ becomes
// two characters.
type lowercaser struct{}

func (lowercaser) normalize(d *draft) {
	s, kept := d.text, 0
	for at := 0; at < len(s); {
		c := s[at]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				d.keep(kept, at)
				d.putByte(c+'a'-'A', at)
				kept = at + 1
			}
			at++
			continue
		}
		if eastern(s, at) {
			at += 3
			continue
		}
		r, n := utf8.DecodeRuneInString(s[at:])
		if r == 'İ' {
			d.keep(kept, at)
			d.putString("i̇", at)
			kept = at + n
		} else if l := unicode.ToLower(r); l != r {
			d.keep(kept, at)
			d.put(l, at)
			kept = at + n
		}
		at += n
	}
	d.finish(kept)
}

// finish keeps the rest and commits, unless nothing was changed.
func (d *draft) finish(kept int) {
	if kept > 0 {
		d.keep(kept, len(d.text))
		d.commit()
	}
}

// filter drops the characters that drop tells.
func (d *draft) filter(drop func(r rune) bool) {
	kept := 0
	for at, r := range d.text {
		if drop(r) {
			d.keep(kept, at)
			kept = at + characterLength(d.text, at)
		}
	}
	d.finish(kept)
}

// stripAccents drops combining marks. It does not decompose: NFD before it does.
type stripAccents struct{}

func (stripAccents) normalize(d *draft) {
	d.filter(func(r rune) bool { return r >= 0x300 && classOf(r)&combining != 0 })
}

// strip drops white space at the ends.
type strip struct {
	Left  bool `json:"strip_left"`
	Right bool `json:"strip_right"`
}

func (n *strip) normalize(d *draft) {
	s := d.text
	from, to := 0, len(s)
	if n.Left {
		from = len(s) - len(strings.TrimLeftFunc(s, unicode.IsSpace))
	}
	if n.Right {
		to = max(from, len(strings.TrimRightFunc(s, unicode.IsSpace)))
	}
	if to-from < len(s) {
		d.keep(from, to)
		d.commit()
	}
}

// replace puts one text for another.
type replace struct {
	Pattern splitPattern `json:"pattern"`
	Content string       `json:"content"`
}

func (n *replace) prepare() error { return n.Pattern.compile() }

func (n *replace) normalize(d *draft) {
	kept, changed := 0, false
	for m := n.Pattern.matches(d.text, &d.machine); m.next(); changed = true {
		d.keep(kept, m.from)
		// The replacement stands for the last character of what it replaces.
		d.putString(n.Content, m.to-1)
		kept = m.to
	}
	if changed {
		d.keep(kept, len(d.text))
		d.commit()
	}
}

// prepend puts a text before one that is not empty; it stands for the first character.
type prepend struct {
	Prepend string `json:"prepend"`
}

func (n *prepend) normalize(d *draft) {
	if d.text != "" && n.Prepend != "" {
		d.putString(n.Prepend, 0)
		d.keep(0, len(d.text))
		d.commit()
	}
}

// nmt is the cleaning of SentencePiece's NMT rules: control characters go, odd spaces become spaces.
type nmt struct{}

func (nmt) normalize(d *draft) {
	kept := 0
	for at, r := range d.text {
		switch {
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, r >= 0x200b && r <= 0x200f, r == 0x2028, r == 0x2029, r == 0x2581, r == 0xfeff, r == utf8.RuneError:
			d.keep(kept, at)
			d.putByte(' ', at)
		case r >= 1 && r <= 31, r == 0x7f, r == 0x8f, r == 0x9f:
			d.keep(kept, at)
		default:
			continue
		}
		kept = at + characterLength(d.text, at)
	}
	d.finish(kept)
}

// byteNormalizer writes each byte as the character that byte-level vocabularies use for it.
type byteNormalizer struct{}

func (byteNormalizer) normalize(d *draft) {
	for at := 0; at < len(d.text); at++ {
		d.put(byteRunes[d.text[at]], at)
	}
	d.commit()
}
