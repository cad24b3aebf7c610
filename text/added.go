package text

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// AddedToken is a token that is looked for in the text itself, before the algorithm sees it, as tokenizer.json lists
// them. Tokenizers trained here have none (RATIONALE.md).
type AddedToken struct {
	ID         int32  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"` // not within a word
	LStrip     bool   `json:"lstrip"`      // takes white space before it
	RStrip     bool   `json:"rstrip"`      // takes white space after it
	Normalized bool   `json:"normalized"`  // looked for in the normalised text, in its own normalised form
	Special    bool   `json:"special"`     // Decode can leave it out
}

// addedTokens finds added tokens.
type addedTokens struct {
	list       []AddedToken
	byID       map[int32]*AddedToken
	ids        map[string]int32
	shown      map[int32]string // the contents, in their normalised form where that is what is looked for
	size       int              // ids are below it
	raw        addedTrie
	normalized addedTrie
}

// addedMatch is a part of a text: an added token, or what lies between two.
type addedMatch struct {
	Span
	id int32 // -1: no added token
}

// newAddedTokens checks the tokens and prepares the search. literal leaves special ones out of it. normalize applies
// the tokenizer's normalizers.
func newAddedTokens(list []AddedToken, t *Tokenizer, literal bool) (*addedTokens, error) {
	if len(list) == 0 {
		return nil, nil
	}
	a := &addedTokens{list: list, byID: map[int32]*AddedToken{}, ids: map[string]int32{}, shown: map[int32]string{}}
	for i := range list {
		token := &list[i]
		if token.Content == "" {
			return nil, fmt.Errorf("added token %d is empty", token.ID)
		}
		if token.ID < 0 || int(token.ID) > idLimit(len(t.algorithm.vocabulary())+len(list)) {
			return nil, fmt.Errorf("added token %q has the id %d", token.Content, token.ID)
		}
		a.byID[token.ID] = token
		a.ids[token.Content] = token.ID
		a.size = max(a.size, int(token.ID)+1)
		form, search := token.Content, &a.raw
		if token.Normalized {
			form, search = strings.Clone(t.Normalize(token.Content)), &a.normalized
		}
		a.shown[token.ID] = form
		if !literal || !token.Special {
			search.add(form, token)
		}
	}
	a.raw.order()
	a.normalized.order()
	return a, nil
}

// addedTrie finds the longest of some texts that begins at a position. They are few, and seldom begin with what text
// is made of, so a table of first bytes and a list for each of them suffice.
type addedTrie struct {
	lists [256][]addedPattern
	n     int
}

type addedPattern struct {
	text  string
	token *AddedToken
}

func (a *addedTrie) empty() bool { return a.n == 0 }

func (a *addedTrie) add(s string, token *AddedToken) {
	if s != "" {
		a.lists[s[0]] = append(a.lists[s[0]], addedPattern{s, token})
		a.n++
	}
}

// order puts long texts first.
func (a *addedTrie) order() {
	for i := range a.lists {
		slices.SortStableFunc(a.lists[i], func(x, y addedPattern) int { return cmp.Compare(len(y.text), len(x.text)) })
	}
}

func (a *addedTrie) longest(s string) *addedPattern {
	list := a.lists[s[0]]
	for i := range list {
		if strings.HasPrefix(s, list[i].text) {
			return &list[i]
		}
	}
	return nil
}

// find appends the parts of s, which cover it. An empty text has none.
func (a *addedTrie) find(dst []addedMatch, s string) []addedMatch {
	done := 0
	for at := 0; at < len(s) && a.n > 0; {
		m := a.longest(s[at:])
		if m == nil {
			at++
			continue
		}
		start, end := at, at+len(m.text)
		at = end
		if m.token.SingleWord && (endsWithWord(s[:start]) || startsWithWord(s[end:])) {
			continue
		}
		if m.token.LStrip {
			start = max(len(strings.TrimRightFunc(s[:start], unicode.IsSpace)), done)
		}
		if m.token.RStrip {
			end = len(s) - len(strings.TrimLeftFunc(s[end:], unicode.IsSpace))
		}
		if end <= done {
			continue
		}
		start = max(start, done)
		if done < start {
			dst = append(dst, addedMatch{Span{done, start}, -1})
		}
		dst = append(dst, addedMatch{Span{start, end}, m.token.ID})
		done, at = end, max(at, end)
	}
	if done < len(s) {
		dst = append(dst, addedMatch{Span{done, len(s)}, -1})
	}
	return dst
}

func endsWithWord(s string) bool {
	r, n := utf8.DecodeLastRuneInString(s)
	return n > 0 && isRustWord(r)
}

func startsWithWord(s string) bool {
	r, n := utf8.DecodeRuneInString(s)
	return n > 0 && isRustWord(r)
}

// idLimit bounds the ids of n tokens: holes are allowed, within reason.
func idLimit(n int) int { return 4*n + 1<<16 }
