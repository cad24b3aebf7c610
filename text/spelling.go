package text

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Correction is a line of a table of misspellings.
type Correction struct {
	Wrong      string  `json:"wrong"`
	Right      string  `json:"right"`
	Confidence float64 `json:"confidence"` // 0 to 1; 1 where a person wrote the line
}

// Spelling is a table of misspellings. The longest match is taken, so that a line whose two sides are equal protects:
// with 在次 → 再次 and 现在次要 → 现在次要, 现在次要 stays. A side of letters matches whole words, in any case.
type Spelling struct{ list []Correction }

// ParseSpelling reads a table: a line is wrong, tab, right, and perhaps tab, confidence; what follows further tabs is
// for people. # begins a comment. file is named in errors.
func ParseSpelling(content []byte, file string) (*Spelling, error) {
	const way = "write wrong, tab, right, and perhaps tab, confidence from 0 to 1"
	t := &Spelling{}
	var lines []int
	for n, line := range textLines(content) {
		if line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Split(line, "\t")
		fail := func(format string, args ...any) (*Spelling, error) {
			return nil, hint.Errorf(way, "reading the misspellings %s: line %d: %s", file, n, fmt.Sprintf(format, args...))
		}
		if len(fields) < 2 {
			return fail("%q has no tab", firstOf(line))
		}
		c := Correction{strings.TrimSpace(fields[0]), strings.TrimSpace(fields[1]), 1}
		if !utf8.ValidString(line) || c.Wrong == "" || c.Right == "" {
			return fail("%q is no pair of words", firstOf(line))
		}
		if len(fields) > 2 && strings.TrimSpace(fields[2]) != "" {
			x, err := strconv.ParseFloat(strings.TrimSpace(fields[2]), 64)
			if err != nil || !(x >= 0 && x <= 1) {
				return fail("%q is no confidence", firstOf(fields[2]))
			}
			c.Confidence = x
		}
		t.list, lines = append(t.list, c), append(lines, n)
	}
	return t, t.check(func(i int) string { return fmt.Sprintf("reading the misspellings %s: line %d", file, lines[i]) })
}

// firstOf shortens what an error quotes.
func firstOf(s string) string {
	const most = 40
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most]) + "…"
}

// List returns the corrections.
func (t *Spelling) List() []Correction { return slices.Clone(t.list) }

// Above returns the table of the corrections of at least that confidence.
func (t *Spelling) Above(confidence float64) *Spelling {
	return &Spelling{slices.DeleteFunc(t.List(), func(c Correction) bool { return c.Confidence < confidence })}
}

// Content returns the table as ParseSpelling reads it.
func (t *Spelling) Content() []byte {
	var b strings.Builder
	for _, c := range t.list {
		fmt.Fprintf(&b, "%s\t%s\t%s\n", c.Wrong, c.Right, strconv.FormatFloat(c.Confidence, 'g', -1, 64))
	}
	return []byte(b.String())
}

// check refuses what could never come to an end: two corrections of one word, and circles such as a → b → a.
func (t *Spelling) check(name func(i int) string) error {
	first := map[string]int{}
	for i, c := range t.list {
		key := strings.ToLower(c.Wrong)
		if j, ok := first[key]; ok && t.list[j].Right != c.Right {
			return hint.Errorf("keep one of them", "%s: %q becomes %q, and %q by an earlier line", name(i), c.Wrong, c.Right, t.list[j].Right)
		}
		first[key] = i
	}
	k := newCorrector(t)
	for i, c := range t.list {
		if c.Wrong == c.Right {
			continue
		}
		chain := []string{c.Wrong, c.Right}
		for s := c.Right; ; {
			next := applyEdits(s, k.edits(s))
			if next == s {
				break
			}
			circle := slices.Contains(chain, next)
			chain = append(chain, next)
			if circle || len(chain) > maxRounds/2 {
				return hint.Errorf("take one of its lines out", "%s: the corrections turn in a circle: %s", name(i), strings.Join(chain[:min(len(chain), 5)], " → "))
			}
			s = next
		}
	}
	return nil
}

// corrector finds the entries of a table in a text: a trie over lower-case characters.
type corrector struct {
	next  map[move]int32  // node and character to node
	right []string        // by node; "" where nothing ends
	first [1 << 10]uint64 // a set of first characters, by their lower bits
	pairs [1 << 12]uint64 // a set of hashes of the first two characters: most places of a text are left here
}

// move is a way through the trie.
type move struct {
	node int32
	r    rune
}

func newCorrector(t *Spelling) *corrector {
	k := &corrector{next: map[move]int32{}, right: []string{""}}
	for _, c := range t.list {
		node := int32(0)
		for _, r := range c.Wrong {
			at := move{node, unicode.ToLower(r)}
			if k.next[at] == 0 {
				k.next[at] = int32(len(k.right))
				k.right = append(k.right, "")
			}
			node = k.next[at]
		}
		k.right[node] = c.Right
		a, n := utf8.DecodeRuneInString(c.Wrong)
		for _, a := range []rune{unicode.ToLower(a), unicode.ToUpper(a), a} {
			k.first[a>>6&1023] |= 1 << (a & 63)
		}
		if b, m := utf8.DecodeRuneInString(c.Wrong[n:]); m > 0 {
			h := pairHash(unicode.ToLower(a), unicode.ToLower(b))
			k.pairs[h>>6] |= 1 << (h & 63)
			continue
		}
		for i := range k.pairs { // whatever follows a single character
			k.pairs[i] = ^uint64(0)
		}
	}
	return k
}

func pairHash(a, b rune) uint32 { return (uint32(a)*0x9e3779b1 ^ uint32(b)*0x85ebca6b) >> 14 }

// mayBegin tells whether an entry may begin at at, where r stands in n bytes.
func (k *corrector) mayBegin(s string, at int, r rune, n int) bool {
	if k.first[r>>6&1023]&(1<<(r&63)) == 0 {
		return false
	}
	second, _ := utf8.DecodeRuneInString(s[at+n:])
	h := pairHash(unicode.ToLower(r), unicode.ToLower(second))
	return k.pairs[h>>6]&(1<<(h&63)) != 0
}

// joins tells of characters that make up words with their neighbours: letters and digits but Chinese.
func joins(r rune) bool {
	if r < utf8.RuneSelf {
		return isAlnum(byte(r))
	}
	return !isChinese(r) && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// edits replaces the longest match at each place, from left to right.
func (k *corrector) edits(s string) (edits []edit) {
	if len(k.right) == 1 {
		return nil
	}
	inside := false // the character before is of a word
	for at := 0; at < len(s); {
		r, n := rune(s[at]), 1
		if r >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[at:])
		}
		began := inside
		inside = joins(r)
		if began && inside || !k.mayBegin(s, at, r, n) {
			at += n
			continue
		}
		to, with := k.longest(s, at)
		if to == 0 {
			at += n
			continue
		}
		if with = caseLike(s[at:to], with); s[at:to] != with {
			edits = append(edits, edit{at, to, with})
		}
		last, _ := utf8.DecodeLastRuneInString(s[:to])
		at, inside = to, joins(last)
	}
	return edits
}

// longest returns the end of the longest match at at, and what it becomes; 0 if there is none.
func (k *corrector) longest(s string, at int) (to int, with string) {
	node := int32(0)
	for i, r := range s[at:] {
		node = k.next[move{node, unicode.ToLower(r)}]
		if node == 0 {
			break
		}
		if k.right[node] == "" {
			continue
		}
		end := at + i + utf8.RuneLen(r)
		if after, _ := utf8.DecodeRuneInString(s[end:]); end == len(s) || !joins(r) || !joins(after) {
			to, with = end, k.right[node]
		}
	}
	return to, with
}

// caseLike returns with in the case of what it replaces: Teh becomes The, TEH becomes THE. A replacement that has
// capitals of its own keeps them, and a word that is protected keeps its own.
func caseLike(old, with string) string {
	switch {
	case strings.EqualFold(old, with) && with == strings.ToLower(with):
		return old
	case with != strings.ToLower(with):
		return with
	}
	first, n := utf8.DecodeRuneInString(old)
	switch {
	case !unicode.IsUpper(first):
		return with
	case len(old) > n && old == strings.ToUpper(old):
		return strings.ToUpper(with)
	}
	r, m := utf8.DecodeRuneInString(with)
	return string(unicode.ToUpper(r)) + with[m:]
}
