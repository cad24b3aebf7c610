package generate

import (
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// writer makes text of tokens as they come. What a token says can depend on those before it, a character may be several
// tokens, and a stop word several pieces: it gives out what nothing that follows can change.
type writer struct {
	tokenizer *text.Tokenizer
	stop      []string
	ids       []int32
	from      int    // what was said last began with this token
	said      int    // and ended before this one
	waiting   string // could be the beginning of a stop word
}

// overlap is how many tokens of the prompt are decoded together with the first new one.
const overlap = 5

// patience is how many tokens may go by without a whole character; then they are no character.
const patience = 8

func newWriter(t *text.Tokenizer, prompt []int32, stop []string) *writer {
	w := &writer{tokenizer: t, stop: stop, ids: append([]int32(nil), prompt...), said: len(prompt)}
	w.from = max(0, w.said-overlap)
	return w
}

// add takes in a token and returns the text that is certain now, and whether a stop word has come.
func (w *writer) add(id int32) (s string, stopped bool) {
	w.ids = append(w.ids, id)
	return w.say(len(w.ids)-w.said > patience)
}

// end returns what waits.
func (w *writer) end() string {
	s, _ := w.say(true)
	s += w.waiting
	w.waiting = ""
	return s
}

// say returns the text of new tokens, unless it ends within a character and nobody insists.
func (w *writer) say(insist bool) (s string, stopped bool) {
	before := w.tokenizer.Decode(w.ids[w.from:w.said], true)
	all := w.tokenizer.Decode(w.ids[w.from:], true)
	if len(all) <= len(before) || !insist && endsWithin(all) {
		return "", false
	}
	w.from, w.said = w.said, len(w.ids)
	return w.hold(strings.ToValidUTF8(all[len(before):], string(utf8.RuneError)))
}

// endsWithin tells that the last character of a decoded text is not whole.
func endsWithin(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return r == utf8.RuneError
}

// hold returns s but for an end that could begin a stop word, and cuts at one.
func (w *writer) hold(s string) (out string, stopped bool) {
	s = w.waiting + s
	at := len(s)
	for _, stop := range w.stop {
		if i := strings.Index(s, stop); i >= 0 {
			at, stopped = min(at, i), true
		}
	}
	if stopped {
		w.waiting = ""
		return s[:at], true
	}
	for _, stop := range w.stop {
		for n := min(len(stop)-1, len(s)); n > 0; n-- {
			if strings.HasSuffix(s, stop[:n]) {
				at = min(at, len(s)-n)
				break
			}
		}
	}
	w.waiting = s[at:]
	return s[:at], false
}
