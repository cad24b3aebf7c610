package text

import (
	_ "embed"
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// The lists hold words that join and point, and say little by themselves. Negations, degrees and modal verbs are not
// among them: "not good" and "too good" must not become "good".

//go:embed stopwords_zh.txt
var stopWordsZh string

//go:embed stopwords_en.txt
var stopWordsEn string

// stopListing is what a user's file of stop words says.
type stopListing struct{ add, remove []string }

// parseStopWords reads a user's file: a word a line, -word for one that is none; # begins a comment.
func parseStopWords(content []byte, file string) (*stopListing, error) {
	list := &stopListing{}
	for n, line := range textLines(content) {
		if line == "" || line[0] == '#' {
			continue
		}
		word, remove := strings.CutPrefix(line, "-")
		word = strings.ToLower(strings.TrimSpace(word))
		if word == "" || strings.ContainsFunc(word, unicode.IsSpace) || !utf8.ValidString(line) {
			return nil, hint.Errorf("write one word a line, or -word to take one away", "reading the stop words %s: line %d: %q is no word", file, n, line)
		}
		if remove {
			list.remove = append(list.remove, word)
		} else {
			list.add = append(list.add, word)
		}
	}
	return list, nil
}

// content returns the list as parseStopWords reads it.
func (l *stopListing) content() []byte {
	var b strings.Builder
	for _, w := range l.add {
		b.WriteString(w + "\n")
	}
	for _, w := range l.remove {
		b.WriteString("-" + w + "\n")
	}
	return []byte(b.String())
}

// StopWords returns the list of a language, "zh" or "en", sorted.
func StopWords(language string) []string {
	return slices.Sorted(maps.Keys(stopWordSet(language, nil)))
}

func stopWordSet(choice string, user *stopListing) map[string]bool {
	words := map[string]bool{}
	for _, list := range []struct{ language, words string }{{"zh", stopWordsZh}, {"en", stopWordsEn}} {
		if choice == list.language || choice == "all" {
			for w := range strings.FieldsSeq(list.words) {
				words[w] = true
			}
		}
	}
	if user != nil {
		for _, w := range user.add {
			words[w] = true
		}
		for _, w := range user.remove {
			delete(words, w)
		}
	}
	return words
}

func (c *CleanConfig) hasStopWords() bool {
	return wanted(c.StopWords) || c.stopList != nil && len(c.stopList.add) > 0
}

// stopper takes stop words out of a text.
type stopper struct {
	words     map[string]bool
	longest   int  // word, in bytes
	chinese   bool // some are
	segmenter func() (Segmenter, error)
}

func newStopper(choice string, user *stopListing) *stopper {
	p := &stopper{words: stopWordSet(choice, user), segmenter: sync.OnceValues(func() (Segmenter, error) { return NewSegmenter() })}
	for w := range p.words {
		p.longest = max(p.longest, len(w))
		p.chinese = p.chinese || strings.IndexFunc(w, isChinese) >= 0
	}
	return p
}

// isChinese tells of Chinese characters, most of them without asking Unicode's tables.
func isChinese(r rune) bool {
	return r >= 0x4e00 && r <= 0x9fff || r > 0x2e00 && unicode.Is(unicode.Han, r)
}

// edits replaces stop words by a space, which keeps what stood beside them apart: so no new word comes about, and the
// rest is cut as it was. Chinese words are those that the segmenter finds; 的 in 的确 is none.
func (p *stopper) edits(s string) (edits []edit) {
	for at := 0; at < len(s); {
		r, n := utf8.DecodeRuneInString(s[at:])
		switch {
		case isChinese(r):
			end := at + n
			for end < len(s) {
				r, n := utf8.DecodeRuneInString(s[end:])
				if !isChinese(r) {
					break
				}
				end += n
			}
			if p.chinese {
				edits = p.chineseEdits(s[at:end], at, edits)
			}
			at = end
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			end := wordEnd(s, at)
			if end-at <= p.longest && p.words[strings.ReplaceAll(strings.ToLower(s[at:end]), "’", "'")] {
				edits = append(edits, edit{at, end, " "})
			}
			at = end
		default:
			at += n
		}
	}
	return edits
}

// wordEnd returns the end of the word that begins at at: letters and digits but Chinese, and apostrophes between them.
func wordEnd(s string, at int) int {
	end := at
	for i, r := range s[at:] {
		switch {
		case (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r)) && !isChinese(r):
			end = at + i + utf8.RuneLen(r)
		case (r == '\'' || r == '’') && end == at+i:
		default:
			return end
		}
	}
	return end
}

// joined is how many words of the segmenter may make up one stop word, which its dictionary need not know.
const joined = 4

// chineseEdits appends the edits of a run of Chinese characters that begins at base.
func (p *stopper) chineseEdits(run string, base int, edits []edit) []edit {
	segmenter, err := p.segmenter()
	if err != nil {
		return edits // no dictionary, no words
	}
	spans := segmenter.Segment(run)
	for i := 0; i < len(spans); {
		found := 0
		for n := min(joined, len(spans)-i); n > 0 && found == 0; n-- {
			if p.words[run[spans[i].Start:spans[i+n-1].End]] {
				found = n
			}
		}
		if found > 0 {
			edits = append(edits, edit{base + spans[i].Start, base + spans[i+found-1].End, " "})
		}
		i += max(found, 1)
	}
	return edits
}
