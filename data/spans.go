package data

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// characterSpan is an entity as files hold it: counted in characters (code points), which every language counts alike,
// or in UTF-16 units, which is what browsers count.
type characterSpan struct {
	Start, End int
	Label      string
	Text       string // what the file says that stands there; "" if it does not say
}

// labelList reads a JSON list: of labels, of [start, end, label], or of objects with start, end and label by the names
// that annotation tools give them.
func labelList(raw json.RawMessage) (labels []string, spans []characterSpan, err error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, nil, err
	}
	for _, item := range items {
		switch item[0] {
		case '[':
			var s characterSpan
			var label json.RawMessage
			if err := json.Unmarshal(item, &[]any{&s.Start, &s.End, &label}); err != nil {
				return nil, nil, err
			}
			if len(label) > 0 {
				s.Label, err = scalar(label)
			}
			if err != nil || s.Label == "" {
				return nil, nil, fmt.Errorf("%s is no start, end and label", firstChars(string(item), 60))
			}
			spans = append(spans, s)
		case '{':
			s, whole, err := spanObject(item)
			if err != nil {
				return nil, nil, err
			}
			if whole {
				labels = append(labels, s.Label)
			} else {
				spans = append(spans, s)
			}
		default:
			label, err := scalar(item)
			if err != nil {
				return nil, nil, err
			}
			labels = append(labels, label)
		}
	}
	return labels, spans, nil
}

// spanObject reads a span of Label Studio, doccano or Rasa NLU; whole tells that it is a label of the whole text, which
// doccano's oldest exports write as a span without places.
func spanObject(item json.RawMessage) (s characterSpan, whole bool, err error) {
	var o struct {
		Start       *int            `json:"start"`
		StartOffset *int            `json:"start_offset"`
		End         *int            `json:"end"`
		EndOffset   *int            `json:"end_offset"`
		Label       json.RawMessage `json:"label"` // a number in doccano's oldest exports
		Labels      []string        `json:"labels"`
		Hypertext   []string        `json:"hypertextlabels"`
		Entity      string          `json:"entity"`
		Text        string          `json:"text"`
	}
	if err := json.Unmarshal(item, &o); err != nil {
		return s, false, err
	}
	s = characterSpan{Label: o.Entity, Text: o.Text}
	start, end := cmp.Or(o.Start, o.StartOffset), cmp.Or(o.End, o.EndOffset)
	for _, list := range [][]string{o.Labels, o.Hypertext} {
		if len(list) > 0 {
			s.Label = list[0]
		}
	}
	if len(o.Label) > 0 {
		label, err := scalar(o.Label)
		if err != nil {
			return s, false, err
		}
		s.Label = cmp.Or(label, s.Label)
	}
	if s.Label != "" && start == nil && end == nil {
		return s, true, nil
	}
	if start == nil || end == nil || s.Label == "" {
		return s, false, fmt.Errorf("%s has no start, end and label", firstChars(string(item), 60))
	}
	s.Start, s.End = *start, *end
	return s, false, nil
}

// entities turns spans into entities counted in bytes, in the order of the text.
//
// Label Studio before 1.4, and doccano before 1.0, counted as JavaScript does: a character beyond U+FFFF, such as 😀 or a rare
// Chinese one, is two units. Files do not say so, but the quoted text of a span does, or a span that ends where only
// UTF-16 has a place. Without such a sign it is characters.
func entities(text string, spans []characterSpan) ([]Entity, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	at := characterOffsets(text, false)
	if len(at)-1 < len(text) { // else it is ASCII
		if utf16 := characterOffsets(text, true); len(utf16) != len(at) && countedIn(text, spans, utf16, at) {
			at = utf16
		}
	}
	out := make([]Entity, 0, len(spans))
	for _, s := range spans {
		if !within(s, at) {
			return nil, fmt.Errorf("the span %d to %d is not within the %d characters of the text", s.Start, s.End, len(at)-1)
		}
		out = append(out, Entity{at[s.Start], at[s.End], s.Label})
	}
	slices.SortFunc(out, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End), cmp.Compare(a.Label, b.Label))
	})
	return out, nil
}

// characterOffsets returns the byte at which each character begins, or each UTF-16 unit, and the length of the text. The
// second unit of a pair has no place of its own: -1.
func characterOffsets(text string, units bool) []int {
	at := make([]int, 0, len(text)+1)
	for i, c := range text {
		at = append(at, i)
		if units && c > 0xffff {
			at = append(at, -1)
		}
	}
	return append(at, len(text))
}

func within(s characterSpan, at []int) bool {
	return s.Start >= 0 && s.End > s.Start && s.End < len(at) && at[s.Start] >= 0 && at[s.End] >= 0
}

// countedIn tells whether spans are counted in one way rather than in another.
func countedIn(text string, spans []characterSpan, one, other []int) bool {
	fits := func(at []int) (n int) {
		for _, s := range spans {
			switch {
			case !within(s, at):
				n -= 2
			case s.Text != "" && s.Text == text[at[s.Start]:at[s.End]]:
				n++
			}
		}
		return n
	}
	return fits(one) > fits(other)
}

// spansText writes entities as [[start, end, label], …], counted in characters: how a cell of a table holds them.
func spansText(e *Example) string {
	text, err := json.Marshal(characterSpans(e))
	if err != nil {
		return "" // numbers and strings always have a form
	}
	return string(text)
}

// characterSpans returns the entities of e counted in characters.
func characterSpans(e *Example) [][3]any {
	spans := make([][3]any, 0, len(e.Entities))
	for _, s := range e.Entities {
		start := utf8.RuneCountInString(e.Text[:s.Start])
		spans = append(spans, [3]any{start, start + utf8.RuneCountInString(e.Text[s.Start:s.End]), s.Label})
	}
	return spans
}

// isSpansText tells whether a cell holds labelled stretches, as spansText writes them.
func isSpansText(cell string) bool {
	return strings.HasPrefix(cell, "[[") && strings.HasSuffix(cell, "]]") || strings.HasPrefix(cell, "[{") && strings.HasSuffix(cell, "}]")
}
