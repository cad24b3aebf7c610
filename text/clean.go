package text

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// CleanConfig chooses the steps that change a text before anything else reads it. They belong to a model: what was
// done to its training texts is done to every text that it predicts.
type CleanConfig struct {
	HTML      bool   `yaml:"html" json:"html" doc:"drop HTML tags, scripts and comments, and decode entities such as &amp;" default:"true"`
	Unicode   string `yaml:"unicode" json:"unicode" doc:"Unicode normalisation: none, nfc (composed) or nfkc (compatibility forms unified as well)" default:"nfc" enum:"none|nfc|nfkc"`
	FullWidth bool   `yaml:"full_width" json:"full_width" doc:"turn full-width letters, digits, punctuation and spaces into ASCII" default:"true"`
	Control   bool   `yaml:"control" json:"control" doc:"drop control, zero-width and direction characters" default:"true"`
	URLs      bool   `yaml:"urls" json:"urls" doc:"replace web addresses by a space" default:"true"`
	Repeats   int    `yaml:"repeats" json:"repeats" doc:"cut runs of one character to this length, digits excepted; 0 to leave them" default:"3" min:"0" max:"1000"`
	Space     bool   `yaml:"space" json:"space" doc:"squeeze white space to one space and trim the ends" default:"true"`
}

// Changes is the set of steps that changed a text; bit i stands for Steps()[i].
type Changes uint16

// Has tells whether step i changed the text.
func (c Changes) Has(i int) bool { return c&(1<<i) != 0 }

// cleaning steps in the order in which they run.
var steps = [...]struct {
	name string
	on   func(c *CleanConfig) bool
	find func(c *CleanConfig, s string) []edit
}{
	{"encoding", func(*CleanConfig) bool { return true }, func(_ *CleanConfig, s string) []edit { return invalidEdits(s) }},
	{"html", func(c *CleanConfig) bool { return c.HTML }, func(_ *CleanConfig, s string) []edit { return htmlEdits(s) }},
	{"unicode", func(c *CleanConfig) bool { return c.Unicode == "nfc" || c.Unicode == "nfkc" }, unicodeEdits},
	{"full_width", func(c *CleanConfig) bool { return c.FullWidth }, func(_ *CleanConfig, s string) []edit { return widthEdits(s) }},
	{"control", func(c *CleanConfig) bool { return c.Control }, func(_ *CleanConfig, s string) []edit { return controlEdits(s) }},
	{"urls", func(c *CleanConfig) bool { return c.URLs }, func(_ *CleanConfig, s string) []edit { return urlEdits(s) }},
	{"repeats", func(c *CleanConfig) bool { return c.Repeats > 0 }, func(c *CleanConfig, s string) []edit { return repeatEdits(s, c.Repeats) }},
	{"space", func(c *CleanConfig) bool { return c.Space }, func(_ *CleanConfig, s string) []edit { return spaceEdits(s) }},
}

// Steps returns the names of the cleaning steps: the keys of CleanConfig, and first "encoding", which replaces bytes
// that are not UTF-8 by U+FFFD and cannot be turned off.
func Steps() []string {
	names := make([]string, len(steps))
	for i, s := range steps {
		names[i] = s.name
	}
	return names
}

// Cleaner applies the steps of a configuration. It is safe for use by many goroutines.
type Cleaner struct{ config CleanConfig }

// NewCleaner returns a cleaner.
func NewCleaner(c CleanConfig) *Cleaner { return &Cleaner{c} }

// maxRounds bounds how often the steps are repeated: decoding "&amp;lt;" gives another entity.
const maxRounds = 16

// Clean returns s with all steps applied, again and again until nothing changes any more, so that a clean text is
// left alone; and which steps changed it. A text that needs nothing is returned as it is.
func (c *Cleaner) Clean(s string) (string, Changes) {
	changed := c.run(func(find func(string) []edit) bool {
		edits := find(s)
		s = applyEdits(s, edits)
		return len(edits) > 0
	})
	return s, changed
}

// CleanAligned is Clean with offsets kept.
func (c *Cleaner) CleanAligned(a *Aligned) Changes {
	return c.run(func(find func(string) []edit) bool {
		edits := find(a.Text)
		a.apply(edits)
		return len(edits) > 0
	})
}

// run calls apply with each step until a round changes nothing.
func (c *Cleaner) run(apply func(find func(string) []edit) bool) Changes {
	var all Changes
	for range maxRounds {
		var changes Changes
		for i, step := range steps {
			if step.on(&c.config) && apply(func(s string) []edit { return step.find(&c.config, s) }) {
				changes |= 1 << i
			}
		}
		all |= changes
		if changes == 0 {
			break
		}
	}
	return all
}

// Check reports a value that is none of its key's.
func (c *CleanConfig) Check() error {
	switch c.Unicode {
	case "none", "nfc", "nfkc", "":
	default:
		return fmt.Errorf("clean.unicode: unknown value %q; there are none, nfc and nfkc", c.Unicode)
	}
	if c.Repeats < 0 {
		return fmt.Errorf("clean.repeats: %d is negative", c.Repeats)
	}
	return nil
}

func invalidEdits(s string) (edits []edit) {
	if utf8.ValidString(s) {
		return nil
	}
	for at, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[at:], "\uFFFD") {
			edits = append(edits, edit{at, at + 1, "\uFFFD"})
		}
	}
	return edits
}

func unicodeEdits(c *CleanConfig, s string) []edit {
	form := norm.NFC
	if c.Unicode == "nfkc" {
		form = norm.NFKC
	}
	return normEdits(form, s, nil)
}

// normEdits appends the edits that normalise s.
func normEdits(form norm.Form, s string, edits []edit) []edit {
	if surelyNormal(form, s) || form.QuickSpanString(s) == len(s) || form.IsNormalString(s) {
		return edits
	}
	var it norm.Iter
	var out []byte
	it.InitString(form, s)
	for !it.Done() {
		from := it.Pos()
		out = append(out[:0], it.Next()...)
		for !it.Done() && it.Pos() == from { // the rest of what one character became
			out = append(out, it.Next()...)
		}
		if to := it.Pos(); s[from:to] != string(out) {
			edits = segmentEdits(s, from, to, string(out), edits)
		}
	}
	return edits
}

// surelyNormal knows the characters of nearly all Chinese and English text to be normal, at a tenth of the cost of
// asking Unicode's tables: ASCII, the common Han characters, their punctuation, and full width, which NFC leaves alone.
func surelyNormal(form norm.Form, s string) bool {
	for _, r := range s {
		switch {
		case r < 0xa0, r >= 0x4e00 && r <= 0x9fff, r >= 0x3001 && r <= 0x3020:
		case r >= 0xff01 && r <= 0xff5e && form == norm.NFC:
		default:
			return false
		}
	}
	return true
}

// segmentEdits appends the edits that turn s[from:to] into with, character by character, as Hugging Face's tokenizers
// align them: characters that were composed stand for the first of their parts, and what one character became stands
// for that character.
func segmentEdits(s string, from, to int, with string, edits []edit) []edit {
	for from < to {
		_, n := utf8.DecodeRuneInString(s[from:to])
		_, m := utf8.DecodeRuneInString(with)
		if from+n == to { // the last character takes the rest
			m = len(with)
		}
		if s[from:from+n] != with[:m] {
			edits = append(edits, edit{from, from + n, with[:m]})
		}
		from, with = from+n, with[m:]
	}
	return edits
}

func widthEdits(s string) (edits []edit) {
	for at, r := range s {
		switch {
		case r >= 0xff01 && r <= 0xff5e:
			edits = append(edits, edit{at, at + 3, string(r - 0xff01 + '!')})
		case r == 0x3000:
			edits = append(edits, edit{at, at + 3, " "})
		}
	}
	return edits
}

func controlEdits(s string) (edits []edit) {
	for at, r := range s {
		if invisible(r) {
			edits = append(edits, edit{at, at + utf8.RuneLen(r), ""})
		}
	}
	return edits
}

// invisible tells of characters that only confuse: controls but white space, zero-width ones but the joiners that
// emoji and some scripts need, and marks of direction.
func invisible(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return false
	case r < 0x20 || r >= 0x7f && r < 0xa0 && r != 0x85:
		return true
	case r == 0xad, r == 0x200b, r == 0x200e, r == 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x2064, r >= 0x2066 && r <= 0x2069, r == 0xfeff:
		return true
	}
	return false
}

// An address ends at white space, quotes, brackets, and Chinese text or punctuation that follows without a space.
var address = regexp.MustCompile(`(?i)(?:https?://|ftp://|\bwww\.)[a-z0-9\-._~:/?#@!$&()*+,;=%]+`)

func urlEdits(s string) (edits []edit) {
	if !strings.Contains(s, "://") && !strings.Contains(s, "ww.") && !strings.Contains(s, "WW.") {
		return nil
	}
	for _, m := range address.FindAllStringIndex(s, -1) {
		to := m[0] + len(strings.TrimRight(s[m[0]:m[1]], ".,;:!?")) // punctuation of the sentence
		edits = append(edits, edit{m[0], to, " "})
	}
	return edits
}

func repeatEdits(s string, limit int) (edits []edit) {
	last, n, kept := rune(-1), 0, 0 // kept: end of what stays of the run
	for at, r := range s {
		if r != last || unicode.IsDigit(r) {
			if n > limit {
				edits = append(edits, edit{kept, at, ""})
			}
			last, n = r, 0
		}
		if n++; n == limit {
			kept = at + characterLength(s, at)
		}
	}
	if n > limit {
		edits = append(edits, edit{kept, len(s), ""})
	}
	return edits
}

func spaceEdits(s string) (edits []edit) {
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		if !unicode.IsSpace(r) {
			at += n
			continue
		}
		from := at
		for at < len(s) {
			r, n := utf8.DecodeRuneInString(s[at:])
			if !unicode.IsSpace(r) {
				break
			}
			at += n
		}
		with := " "
		if from == 0 || at == len(s) {
			with = ""
		}
		if s[from:at] != with {
			edits = append(edits, edit{from, at, with})
		}
	}
	return edits
}
