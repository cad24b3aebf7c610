package text

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// processor is a post-processor as it stands in tokenizer.json. What it does is kept in the tokenizer: whether offsets
// are trimmed, and what stands around texts.
type processor interface {
	// install tells t what to do.
	install(t *Tokenizer) error
}

// wrapping is what stands around one text and around two.
type wrapping struct {
	single, pair []wrapPart
	set          bool
}

// wrapPart is a text, or a special token.
type wrapPart struct {
	text   int // 0 or 1; -1: a special token
	id     int32
	typeID int32
}

// plain is the wrapping of a tokenizer whose post-processor has none.
var plain = wrapping{single: []wrapPart{{}}, pair: []wrapPart{{}, {text: 1, typeID: 1}}}

func (t *Tokenizer) wrap(single, pair []wrapPart) error {
	if t.wrapped.set {
		return fmt.Errorf("two post-processors that add special tokens are not supported")
	}
	t.wrapped = wrapping{single, pair, true}
	return nil
}

// templateProcessing puts texts and special tokens together as two lists say.
type templateProcessing struct {
	Single        []templatePiece            `json:"single"`
	Pair          []templatePiece            `json:"pair"`
	SpecialTokens map[string]templateSpecial `json:"special_tokens"`
}

type templatePiece struct {
	SpecialToken *templatePart `json:"SpecialToken,omitempty"`
	Sequence     *templatePart `json:"Sequence,omitempty"`
}

type templatePart struct {
	ID     string `json:"id"`
	TypeID int32  `json:"type_id"`
}

type templateSpecial struct {
	ID     string   `json:"id"`
	IDs    []int32  `json:"ids"`
	Tokens []string `json:"tokens"`
}

func (p *templateProcessing) install(t *Tokenizer) error {
	parts := func(name string, pieces []templatePiece, texts string) (out []wrapPart, err error) {
		seen := ""
		for _, piece := range pieces {
			switch {
			case piece.Sequence != nil && len(piece.Sequence.ID) == 1 && strings.Contains(texts, piece.Sequence.ID):
				seen += piece.Sequence.ID
				out = append(out, wrapPart{text: int(piece.Sequence.ID[0] - 'A'), typeID: piece.Sequence.TypeID})
			case piece.SpecialToken != nil:
				special, ok := p.SpecialTokens[piece.SpecialToken.ID]
				if !ok {
					return nil, fmt.Errorf("the template %q names %q, which is not among its special_tokens", name, piece.SpecialToken.ID)
				}
				for _, id := range special.IDs {
					out = append(out, wrapPart{-1, id, piece.SpecialToken.TypeID})
				}
			default:
				return nil, fmt.Errorf("the template %q has a part that is neither a SpecialToken nor one of the sequences %s", name, texts)
			}
		}
		for _, text := range texts {
			if len(pieces) > 0 && strings.Count(seen, string(text)) != 1 {
				return nil, fmt.Errorf("the template %q does not have the sequence %c once", name, text)
			}
		}
		return out, nil
	}
	single, err := parts("single", p.Single, "A")
	if err != nil {
		return err
	}
	pair, err := parts("pair", p.Pair, "AB")
	if err != nil {
		return err
	}
	if len(single) == 0 {
		single = plain.single
	}
	if len(pair) == 0 {
		pair = plain.pair
	}
	return t.wrap(single, pair)
}

// tokenAndID is written as [token, id].
type tokenAndID struct {
	token string
	id    int32
}

func (p *tokenAndID) UnmarshalJSON(data []byte) error {
	return unmarshalPair(data, &p.token, &p.id)
}

func (p tokenAndID) MarshalJSON() ([]byte, error) { return json.Marshal([]any{p.token, p.id}) }

// bertProcessing is [CLS] A [SEP] and [CLS] A [SEP] B [SEP].
type bertProcessing struct {
	Sep tokenAndID `json:"sep"`
	Cls tokenAndID `json:"cls"`
}

func (p *bertProcessing) install(t *Tokenizer) error {
	single := []wrapPart{{-1, p.Cls.id, 0}, {}, {-1, p.Sep.id, 0}}
	return t.wrap(single, append(single[:3:3], wrapPart{1, 0, 1}, wrapPart{-1, p.Sep.id, 1}))
}

// robertaProcessing is <s> A </s> and <s> A </s> </s> B </s>, all of one type.
type robertaProcessing struct {
	Sep       tokenAndID `json:"sep"`
	Cls       tokenAndID `json:"cls"`
	Trim      bool       `json:"trim_offsets"`
	AddPrefix bool       `json:"add_prefix_space"`
}

func (p *robertaProcessing) install(t *Tokenizer) error {
	if p.Trim {
		t.trim = &trimOffsets{p.AddPrefix}
	}
	sep := wrapPart{-1, p.Sep.id, 0}
	single := []wrapPart{{-1, p.Cls.id, 0}, {}, sep}
	return t.wrap(single, append(single[:3:3], sep, wrapPart{text: 1}, sep))
}

// install makes byteLevel a post-processor, which trims offsets and adds nothing.
func (t *byteLevel) install(tok *Tokenizer) error {
	if t.Trim {
		tok.trim = &trimOffsets{t.AddPrefix}
	}
	return nil
}

// trimOffsets has the places of tokens leave out the spaces at their ends.
type trimOffsets struct {
	addPrefix bool // a space at the very beginning may have been added, and then stands for nothing
}

func (o *trimOffsets) apply(t *Tokenizer, e *Encoding, s string) {
	for i, p := range e.Pieces {
		isSpace := func(r rune) bool { return r == ' ' }
		if t.added != nil && t.added.byID[e.IDs[i]] != nil {
			isSpace = unicode.IsSpace
		}
		piece := view(e.Text[p.Start:p.End])
		if piece == "" || !(isSpace(rune(piece[0])) || isSpace(rune(piece[len(piece)-1])) || piece[0] >= utf8.RuneSelf) {
			continue
		}
		span := &e.Spans[i]
		leading := utf8.RuneCountInString(piece) - utf8.RuneCountInString(strings.TrimLeftFunc(piece, isSpace))
		trailing := utf8.RuneCountInString(piece) - utf8.RuneCountInString(strings.TrimRightFunc(piece, isSpace))
		if leading > 0 && o.addPrefix && (i == 0 || span.Start == 0) {
			leading--
		}
		for ; leading > 0 && span.Start < span.End; leading-- {
			span.Start += characterLength(s, span.Start)
		}
		for ; trailing > 0 && span.End > span.Start; trailing-- {
			_, n := utf8.DecodeLastRuneInString(s[:span.End])
			span.End = max(span.End-n, span.Start)
		}
	}
}
