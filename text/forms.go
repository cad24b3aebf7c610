package text

import (
	"slices"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// form is one of Unicode's normal forms (Unicode Standard Annex 15).
type form struct {
	name    string
	form    norm.Form
	compose bool
}

var (
	nfc  = &form{"NFC", norm.NFC, true}
	nfd  = &form{"NFD", norm.NFD, false}
	nfkc = &form{"NFKC", norm.NFKC, true}
	nfkd = &form{"NFKD", norm.NFKD, false}
)

// change is a character of a new text, and how many of the old characters it is more (1: none was there) or stands for
// beside its own (-n: the n that follow are gone).
type change struct {
	r     rune
	count int
}

// transform writes characters for those of the text from at on, and returns where that ended.
func (d *draft) transform(changes []change, at int) int {
	for _, c := range changes {
		if c.count > 0 || at >= len(d.text) {
			d.put(c.r, at-1)
			continue
		}
		d.put(c.r, at)
		for n := 0; n >= c.count && at < len(d.text); n-- {
			at += characterLength(d.text, at)
		}
	}
	return at
}

// inert tells quickly of characters that the form leaves alone whatever stands around them: most of Chinese and English
// text.
func (f *form) inert(r rune) bool {
	switch {
	case r < 0xa0, r >= 0x4e00 && r <= 0x9fff, r >= 0x3001 && r <= 0x3029, r == utf8.RuneError:
		return true
	case r >= 0x2010 && r <= 0x201f:
		return r != 0x2011 && r != 0x2017
	case r >= 0xff01 && r <= 0xff5e:
		return f.form == norm.NFC || f.form == norm.NFD
	case r < 0x300:
		return f.form == norm.NFC
	}
	return false
}

// normalize walks over the segments between which nothing can combine, and rewrites those that are not normal.
func (f *form) normalize(d *draft) {
	s, kept, previous := d.text, 0, 0
	for at := 0; at < len(s); {
		r, n := rune(s[at]), 1
		if r >= utf8.RuneSelf {
			r, n = longRuneAt(s, at)
		}
		if f.inert(r) {
			previous = at
			at += n
			continue
		}
		start := at
		if at > kept && !f.form.PropertiesString(s[at:]).BoundaryBefore() {
			start = previous
		}
		end := at + n
		for end < len(s) {
			r, n := utf8.DecodeRuneInString(s[end:])
			if f.inert(r) || f.form.PropertiesString(s[end:]).BoundaryBefore() {
				break
			}
			end += n
		}
		if full := r >= 0xff01 && r <= 0xff5e; full && start == at && end == at+n {
			d.keep(kept, at) // full width: the most frequent change in Chinese
			d.putByte(byte(r-0xff01+'!'), at)
			kept = end
		} else if !f.form.IsNormalString(s[start:end]) {
			d.keep(kept, start)
			d.transform(f.rewrite(s[start:end]), start)
			kept = end
		}
		previous, at = start, end
	}
	d.finish(kept)
}

// decomposed is a character of a decomposition and its combining class.
type decomposed struct {
	change
	class uint8
}

// rewrite normalises a segment and counts characters as it goes, which the library norm does not.
func (f *form) rewrite(s string) []change {
	wide := norm.NFD
	if f == nfkc || f == nfkd {
		wide = norm.NFKD
	}
	var all []decomposed
	for _, r := range s {
		for i, part := range []rune(wide.String(string(r))) {
			all = append(all, decomposed{change{part, min(i, 1)}, wide.PropertiesString(string(part)).CCC()})
		}
	}
	for i := 0; i < len(all); i++ { // canonical order: marks by class, up to the next character that is none
		end := i
		for end < len(all) && all[end].class != 0 {
			end++
		}
		slices.SortStableFunc(all[i:end], func(a, b decomposed) int { return int(a.class) - int(b.class) })
		i = end
	}
	out := make([]change, 0, len(all))
	starter, last := -1, uint8(0)
	for _, c := range all {
		if f.compose && starter >= 0 && (starter == len(out)-1 || last < c.class) {
			if r, ok := composed(out[starter].r, c.r); ok {
				out[starter] = change{r, out[starter].count + c.count - 1}
				continue
			}
		}
		if c.class == 0 {
			starter = len(out)
		}
		last = c.class
		out = append(out, c.change)
	}
	return out
}

// composed returns the character that two compose to.
func composed(a, b rune) (rune, bool) {
	if norm.NFC.PropertiesString(string(b)).BoundaryBefore() {
		return 0, false
	}
	s := norm.NFC.String(string(a) + string(b))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}
