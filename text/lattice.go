package text

import (
	"unicode/utf8"
)

// lattice is the scratch memory of one cut: the words that may stand in a stretch of text, and the best path through
// them.
type lattice struct {
	*WordSegmenter
	user      *lexicon // nil for none
	runes     []rune
	codes     []uint16 // of the runes in the dictionary
	userCodes []uint16 // of the runes in the user's
	ends      []int    // of the runes, in bytes of the text
	path      []place
	back      []Span
}

// place is the best way to reach the place before a rune.
type place struct {
	score float64
	from  int32 // where the last word begins; -1: not reached
}

// Segment returns the words of s. Characters that no word has are words by themselves.
func (w *WordSegmenter) Segment(s string) []Span { return w.SegmentTo(nil, s) }

// SegmentTo appends the words of s to dst.
func (w *WordSegmenter) SegmentTo(dst []Span, s string) []Span {
	c, _ := w.lattices.Get().(*lattice)
	if c == nil {
		c = &lattice{WordSegmenter: w}
	}
	c.user = w.user.lexicon()
	dst = c.segment(dst, s)
	w.lattices.Put(c)
	return dst
}

// maxStretch bounds the runes of a lattice, and so its memory: a word across the border is cut.
const maxStretch = 1 << 14

// segment cuts s at characters that are in no word and no number, and finds the best path through the lattice of each
// stretch between them.
func (c *lattice) segment(dst []Span, s string) []Span {
	start := 0
	c.reset()
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		code, userCode := c.words.code(r), uint16(0)
		if c.user != nil {
			userCode = c.user.code(r)
		}
		if code == 0 && userCode == 0 && !inAtom(r) || r == utf8.RuneError && n == 1 || len(c.runes) == maxStretch {
			dst = c.cut(dst, start)
			dst = append(dst, Span{at, at + n})
			at += n
			start = at
			c.reset()
			continue
		}
		at += n
		c.runes, c.codes, c.ends = append(c.runes, r), append(c.codes, code), append(c.ends, at)
		if c.user != nil {
			c.userCodes = append(c.userCodes, userCode)
		}
	}
	return c.cut(dst, start)
}

func (c *lattice) reset() {
	c.runes, c.codes, c.userCodes, c.ends = c.runes[:0], c.codes[:0], c.userCodes[:0], c.ends[:0]
}

// cut appends the words of the stretch, which begins at byte start.
func (c *lattice) cut(dst []Span, start int) []Span {
	n := len(c.runes)
	if n == 0 {
		return dst
	}
	if cap(c.path) < n+1 {
		c.path = make([]place, n+1, 2*n+64)
	}
	c.path = c.path[:n+1]
	for i := range c.path {
		c.path[i].from = -1
	}
	c.path[0] = place{}
	for i := 0; i < n; {
		whole := atomEnd(c.runes, i, c.newWords) // 0 for none
		next := max(whole, i+1)
		if whole > 0 {
			c.reach(i, whole, atomScore)
		}
		c.offer(c.words, c.codes, i, next)
		if c.user != nil {
			c.offer(c.user, c.userCodes, i, next)
		}
		if whole == 0 {
			if c.names != nil {
				c.nameWords(i)
			}
			if c.path[i+1].from < 0 {
				c.reach(i, i+1, unknownScore)
			}
		}
		// Within a number or a Latin word no other word begins, and a word from before that ends there leads nowhere.
		i = next
	}
	c.back = c.back[:0]
	for i := n; i > 0; {
		from := int(c.path[i].from)
		begin := start
		if from > 0 {
			begin = c.ends[from-1]
		}
		c.back = append(c.back, Span{begin, c.ends[i-1]})
		i = from
	}
	for i := len(c.back) - 1; i >= 0; i-- {
		dst = append(dst, c.back[i])
	}
	return dst
}

// reach offers a word from rune i to rune j.
func (c *lattice) reach(i, j int, score float64) {
	score += c.path[i].score
	if p := &c.path[j]; p.from < 0 || score > p.score {
		*p = place{score, int32(i)}
	}
}

// offer offers the words of a lexicon that begin at rune i and end at least at rune least.
func (c *lattice) offer(l *lexicon, codes []uint16, i, least int) {
	at := int32(0)
	for j := i; j < len(codes); j++ {
		if at = l.next(at, codes[j]); at == 0 {
			return
		}
		if s := l.nodes[at].score; s != noWord && j+1 >= least {
			c.reach(i, j+1, float64(s))
		}
	}
}
