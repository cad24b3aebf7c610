package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Text is how a text becomes tokens: cleaned by steps, mapped character by character, cut into pieces, and these into
// tokens.
type Text struct {
	Steps   []string // of text.Steps, in their order
	Repeats int      // longest run of a character

	Unified  Mapping   // step unicode
	Normal   Mapping   // normalisers of the tokenizer
	Composed [][3]rune // two characters and what they compose to, in rising order
	Apart    bool      // spaces go around Chinese characters (BERT)
	Cut      Cut       // where texts are cut
	Kind     Algorithm // how pieces become tokens
	Words    Words     // the vocabulary
	IDs      []int32   // of Words
	Scores   []int32   // of Words, in millionths of a logarithm; of Unigram
	Unknown  int32     // the token of what is not in the vocabulary
	Penalty  float64   // the score of an unknown character; of Unigram
	Longest  int       // characters of a word that is cut; of WordPiece
	Prefix   string    // of tokens within a word; of WordPiece
}

// Cut is where a text is cut into pieces.
type Cut uint8

const (
	Characters  Cut = iota // around each character; white space is dropped
	Punctuation            // around punctuation, at white space, which is dropped
	Marks                  // before the marks that stand for spaces, around punctuation
)

// Algorithm cuts pieces into tokens.
type Algorithm uint8

const (
	WordLevel Algorithm = iota
	WordPiece
	Unigram
)

// cleanSteps are the steps that a plan knows, beside "encoding", which is always done.
var cleanSteps = []string{"html", "unicode", "full_width", "control", "urls", "repeats", "space"}

// newText lays out how a model reads texts; its error says what of that no plan holds.
func newText(m *model.Model) (*Text, error) {
	t := &Text{Repeats: m.Clean.Repeats}
	if err := t.cleaning(&m.Clean); err != nil {
		return nil, err
	}
	if err := t.tokens(m.Tokenizer); err != nil {
		return nil, err
	}
	t.forms(m)
	return t, nil
}

// cleaning notes the steps of a configuration.
func (t *Text) cleaning(c *text.CleanConfig) error {
	on := func(choice string) bool { return choice != "" && choice != "keep" && choice != "none" }
	for name, is := range map[string]bool{"emails": on(c.Emails), "mentions": on(c.Mentions), "hashtags": on(c.Hashtags), "phones": on(c.Phones),
		"simplify": c.Simplify, "spelling": c.Spelling != "", "stop_words": on(c.StopWords) || c.StopWordsFile != ""} {
		if is {
			return fmt.Errorf("the cleaning step %s (data.clean.%s)", name, name)
		}
	}
	for _, s := range cleanSteps {
		if map[string]bool{"html": c.HTML, "unicode": on(c.Unicode), "full_width": c.FullWidth, "control": c.Control, "urls": c.URLs, "repeats": c.Repeats > 0, "space": c.Space}[s] {
			t.Steps = append(t.Steps, s)
		}
	}
	return nil
}

// stage is one of tokenizer.json, with the fields that are read here.
type stage struct {
	Type          string  `json:"type"`
	Normalizers   []stage `json:"normalizers"`
	PreTokenizers []stage `json:"pretokenizers"`
	Behavior      string  `json:"behavior"`
	Invert        bool    `json:"invert"`
	Chinese       bool    `json:"handle_chinese_chars"`
	Replacement   string  `json:"replacement"`
	Scheme        string  `json:"prepend_scheme"`
	Split         *bool   `json:"split"`
	Pattern       struct {
		Regex string
	} `json:"pattern"`
}

// flat returns the stages of a Sequence.
func (s *stage) flat() []stage {
	switch {
	case s == nil:
		return nil
	case s.Type == "Sequence":
		return append(s.Normalizers, s.PreTokenizers...)
	}
	return []stage{*s}
}

type tokenizerFile struct {
	Added []struct {
		Content string `json:"content"`
		Special bool   `json:"special"`
	} `json:"added_tokens"`
	Normalizer   *stage `json:"normalizer"`
	PreTokenizer *stage `json:"pre_tokenizer"`
	Model        struct {
		Type     string          `json:"type"`
		Vocab    json.RawMessage `json:"vocab"`
		Unknown  string          `json:"unk_token"`
		UnkID    *int32          `json:"unk_id"`
		Prefix   string          `json:"continuing_subword_prefix"`
		Longest  int             `json:"max_input_chars_per_word"`
		FallBack bool            `json:"byte_fallback"`
	} `json:"model"`
}

// tokens reads the tokenizer, from the file that it would be: that is the format which others read too.
func (t *Text) tokens(tok *text.Tokenizer) error {
	data, err := tok.MarshalJSON()
	if err != nil {
		return err
	}
	var f tokenizerFile
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	for _, a := range f.Added {
		if _, masks := tok.MaskID(); !a.Special || !masks {
			return fmt.Errorf("added tokens, such as %q", a.Content)
		}
	}
	for _, s := range f.Normalizer.flat() {
		switch s.Type {
		case "NFKC", "NFC", "Lowercase":
		case "BertNormalizer":
			t.Apart = s.Chinese
		default:
			return fmt.Errorf("the normalizer %s of the tokenizer", s.Type)
		}
	}
	if err := t.cuts(f.PreTokenizer.flat()); err != nil {
		return err
	}
	t.Unknown = tok.UnkID()
	t.Prefix, t.Longest = f.Model.Prefix, f.Model.Longest
	switch f.Model.Type {
	case "WordLevel":
		t.Kind = WordLevel
	case "WordPiece":
		t.Kind = WordPiece
	case "Unigram":
		t.Kind = Unigram
		if f.Model.FallBack {
			return fmt.Errorf("byte_fallback of the tokenizer")
		}
	default:
		return fmt.Errorf("tokens of the kind %s", f.Model.Type)
	}
	if t.Unknown < 0 {
		return fmt.Errorf("a tokenizer without an unknown token")
	}
	return t.vocabulary(f.Model.Vocab)
}

// cuts notes where pre-tokenizers cut.
func (t *Text) cuts(stages []stage) error {
	var names []string
	for _, s := range stages {
		name := s.Type
		switch {
		case s.Type == "Split" && s.Pattern.Regex == "." && s.Behavior == "Isolated" && !s.Invert:
			name = "characters"
		case s.Type == "Punctuation" && s.Behavior != "Isolated", s.Type == "Metaspace" && (s.Replacement != "▁" || s.Scheme != "always" || s.Split == nil || !*s.Split):
			name += " with other settings"
		}
		names = append(names, name)
	}
	switch all := strings.Join(names, ", "); all {
	case "WhitespaceSplit, characters":
		t.Cut = Characters
	case "WhitespaceSplit, Punctuation", "BertPreTokenizer":
		t.Cut = Punctuation
	case "Metaspace, Punctuation":
		t.Cut = Marks
	default:
		return fmt.Errorf("the pre-tokenizers of the tokenizer (%s)", all)
	}
	return nil
}

// vocabulary sorts the tokens.
func (t *Text) vocabulary(data json.RawMessage) error {
	ids, scores := map[string]int32{}, map[string]float64{}
	if t.Kind == Unigram {
		var list [][2]any
		if err := json.Unmarshal(data, &list); err != nil {
			return err
		}
		lowest := math.Inf(1)
		for i, e := range list {
			token, _ := e[0].(string)
			score, _ := e[1].(float64)
			ids[token], scores[token] = int32(i), score
			lowest = min(lowest, score)
		}
		t.Penalty = lowest - 10
	} else if err := json.Unmarshal(data, &ids); err != nil {
		return err
	}
	delete(ids, "")
	tokens := make([]string, 0, len(ids))
	for s := range ids {
		tokens = append(tokens, s)
	}
	slices.Sort(tokens)
	t.Words = NewWords(tokens)
	for _, s := range tokens {
		t.IDs = append(t.IDs, ids[s])
		if t.Kind == Unigram {
			whole := math.Round(scores[s] * 1e6)
			if whole/1e6 != scores[s] || math.Abs(whole) > math.MaxInt32 {
				return fmt.Errorf("scores of tokens with more than six decimals")
			}
			t.Scores = append(t.Scores, int32(whole))
		}
	}
	return nil
}

// forms makes the tables of characters, of those that can matter: whose form has a character that the vocabulary knows,
// or is cut otherwise. Others are unknown in every form.
func (t *Text) forms(m *model.Model) {
	known := map[rune]bool{}
	for i := range t.IDs {
		for _, r := range t.Words.Text(i) {
			known[r] = true
		}
	}
	hashed := m.Config.Family == "fasttext" || m.Config.Family == "ngram" // characters that no token has are hashed like others
	matters := func(c rune, form string) bool {
		only := []rune(form)
		if hashed || len(only) == 1 && (unicode.IsSpace(c) != unicode.IsSpace(only[0]) || text.IsPunctuation(c) != text.IsPunctuation(only[0])) {
			return true
		}
		return len(only) == 0 || strings.ContainsFunc(form, func(r rune) bool { return known[r] || unicode.IsSpace(r) })
	}
	normal := func(s string) string {
		form := strings.Clone(m.Tokenizer.Normalize(s))
		if r, _ := utf8.DecodeRuneInString(form[min(len(form), 1):]); t.Apart && text.IsIdeograph(r) {
			form = strings.Trim(form, " ") // which stand around every Chinese character, and are no part of its form
		}
		return form
	}
	var unified, forms []change
	unify, unifies := map[string]norm.Form{"nfc": norm.NFC, "nfkc": norm.NFKC}[m.Clean.Unicode]
	composes := unifies || normal("e\u0301") == "\u00e9"
	for c := rune(0); c <= unicode.MaxRune; c = following(c) {
		s := string(c)
		form := normal(s)
		if form != s && (c < 0x80 || matters(c, form)) {
			forms = append(forms, change{c, form})
		}
		if unifies && c >= 0x80 {
			if u := unify.String(s); u != s && (strings.ContainsFunc(u, func(r rune) bool { return r < 0x80 }) || normal(u) != form && matters(c, normal(u))) {
				unified = append(unified, change{c, u})
			}
		}
		if first, last, ok := composedOf(s); composes && ok && (matters(c, form) || matters(first, normal(string(first)))) {
			t.Composed = append(t.Composed, [3]rune{first, last, c})
		}
	}
	slices.SortFunc(t.Composed, func(a, b [3]rune) int { return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1])) })
	t.Unified, t.Normal = newMapping(unified), newMapping(forms)
}

// composedOf returns the two characters that compose to the one in s.
func composedOf(s string) (first, last rune, ok bool) {
	parts := []rune(norm.NFD.String(s))
	if len(parts) < 2 || norm.NFC.String(s) != s {
		return 0, 0, false
	}
	before := []rune(norm.NFC.String(string(parts[:len(parts)-1])))
	last = parts[len(parts)-1]
	return before[0], last, len(before) == 1 && norm.NFC.String(string(before)+string(last)) == s
}

// following returns the next character that can have another form; the others are skipped, which are most.
func following(c rune) rune {
	switch c++; {
	case c == 0x3400: // Chinese characters
		return 0xa000
	case c == 0xac00: // Hangul, private characters
		return 0xf900
	case c == 0x20000:
		return 0x2f800
	case c == 0x2fa20:
		return unicode.MaxRune + 1
	}
	return c
}
