package data

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// conllWriter writes a token and its BIO tag a line, and an empty line behind each text. Tokens are what stands between
// spaces, and in Chinese files each character, because that is how their readers join them again; entities end tokens.
type conllWriter struct {
	out      io.Writer
	waiting  []Example // until it is clear what kind of file it is
	begun    bool
	chinese  bool
	spaces   int // texts whose spaces are lost
	overlaps int // entities that are left out, since they begin within another
	empty    int
}

// decideAfter is how many texts tell what a file needs: whether it is Chinese, which columns a table has.
const decideAfter = 200

func (c *conllWriter) write(e *Example) error {
	if e.Label != "" {
		return hint.Errorf(`leave the label out with --label "", or write FILE.jsonl`, "CoNLL columns have no place for a label of the whole text")
	}
	if c.begun {
		return c.sentence(e)
	}
	if c.waiting = append(c.waiting, *e); len(c.waiting) < decideAfter {
		return nil
	}
	return c.begin()
}

// begin decides what kind of file it is.
func (c *conllWriter) begin() error {
	c.begun = true
	han, tokens := 0, 0
	for i := range c.waiting {
		for _, r := range c.waiting[i].Text {
			if unicode.Is(unicode.Han, r) {
				han++
			}
		}
		tokens += len(strings.Fields(c.waiting[i].Text))
	}
	c.chinese = han > tokens
	for i := range c.waiting {
		if err := c.sentence(&c.waiting[i]); err != nil {
			return err
		}
	}
	c.waiting = nil
	return nil
}

func (c *conllWriter) flush() error {
	if !c.begun {
		return c.begin()
	}
	return nil
}

func (c *conllWriter) sentence(e *Example) error {
	tokens := c.tokens(e)
	if len(tokens) == 0 {
		c.empty++
		return nil
	}
	var b strings.Builder
	next, open, first := 0, Entity{}, false
	joined := make([]string, 0, len(tokens))
	for _, t := range tokens {
		for next < len(e.Entities) && e.Entities[next].Start <= t.start {
			if s := e.Entities[next]; s.Start >= open.End {
				open, first = s, true
			} else {
				c.overlaps++
			}
			next++
		}
		word, tag := e.Text[t.start:t.end], "O"
		switch {
		case t.start < open.End && first:
			tag, first = "B-"+open.Label, false
		case t.start < open.End:
			tag = "I-" + open.Label
		}
		joined = append(joined, word)
		b.WriteString(word + "\t" + strings.Join(strings.Fields(tag), "_") + "\n")
	}
	c.overlaps += len(e.Entities) - next
	between := " "
	if c.chinese {
		between = ""
	}
	if strings.Join(joined, between) != e.Text {
		c.spaces++
	}
	b.WriteByte('\n')
	_, err := io.WriteString(c.out, b.String())
	return err
}

// place is a stretch of a text in bytes.
type place struct{ start, end int }

// tokens cuts a text at its spaces and where entities begin and end; in Chinese files between all characters.
func (c *conllWriter) tokens(e *Example) []place {
	cut := map[int]bool{}
	for _, s := range e.Entities {
		cut[s.Start], cut[s.End] = true, true
	}
	var tokens []place
	going := false
	for i, r := range e.Text {
		if unicode.IsSpace(r) {
			going = false
			continue
		}
		end := i + utf8.RuneLen(r)
		if going && !c.chinese && !cut[i] {
			tokens[len(tokens)-1].end = end
		} else {
			tokens = append(tokens, place{i, end})
		}
		going = true
	}
	return tokens
}

func (c *conllWriter) notes() []string {
	var notes []string
	for _, n := range []struct {
		count  int
		format string
	}{
		{c.spaces, "%d texts have other spaces when they are read back"},
		{c.overlaps, "%d labelled stretches overlap others and were left out"},
		{c.empty, "%d empty texts were left out"},
	} {
		if n.count > 0 {
			notes = append(notes, fmt.Sprintf(n.format, n.count))
		}
	}
	return notes
}
