package model

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/text"
)

// foreignTags is what the tags of a tagger of others mean: BIO, IOB1, BIOES and its spellings BMES and BILOU, letters
// before the type or behind it, or types alone, of which neighbours of one type are one entity.
type foreignTags struct {
	types []string
	tags  []foreignTag // by number
}

type foreignTag struct {
	letter byte // O, B, I, E or S
	kind   int  // number of the type; 0 for O
}

// letters are those that schemes mark tags with, and what each comes to.
var letters = map[string]byte{"B": 'B', "I": 'I', "M": 'I', "E": 'E', "L": 'E', "S": 'S', "U": 'S', "W": 'S'}

// newForeignTags reads labels such as B-PER, PER-B, B_PER, PER and O.
func newForeignTags(labels []string) *foreignTags {
	f := &foreignTags{}
	for _, label := range labels {
		if label == "O" || label == "o" {
			f.tags = append(f.tags, foreignTag{letter: 'O'})
			continue
		}
		letter, name := byte('I'), label
		for _, separator := range []string{"-", "_"} {
			first := strings.Index(label, separator)
			last := strings.LastIndex(label, separator)
			if first < 0 {
				continue
			}
			if l, ok := letters[label[:first]]; ok && first+1 < len(label) {
				letter, name = l, label[first+1:]
				break
			}
			if l, ok := letters[label[last+1:]]; ok && last > 0 {
				letter, name = l, label[:last]
				break
			}
		}
		kind := slices.Index(f.types, name)
		if kind < 0 {
			kind = len(f.types)
			f.types = append(f.types, name)
		}
		f.tags = append(f.tags, foreignTag{letter, kind})
	}
	return f
}

// spans are the entities that tags spell. Checkpoints break their schemes: an inside that follows nothing of its type
// begins an entity, as in seqeval. Words that were cut into pieces have the tag of their first piece, which is the one
// that such models are trained on; pieces without a place are special tokens, and none of an entity.
func (f *foreignTags) spans(tags []int32, s string, places []text.Span) []TagSpan {
	var spans []TagSpan
	open := false
	for i, number := range tags {
		if places[i].Start >= places[i].End {
			open = false
			continue
		}
		last := len(spans) - 1
		if i > 0 && goesOn(s, places[i-1], places[i]) {
			if last >= 0 && spans[last].To == i {
				spans[last].To++
			}
			continue
		}
		tag := f.tags[number]
		same := open && last >= 0 && spans[last].To == i && spans[last].Type == tag.kind
		switch {
		case tag.letter == 'O':
			open = false
			continue
		case (tag.letter == 'I' || tag.letter == 'E') && same:
			spans[last].To++
		default:
			spans = append(spans, TagSpan{From: i, To: i + 1, Type: tag.kind})
		}
		open = tag.letter == 'B' || tag.letter == 'I'
	}
	return spans
}

// goesOn tells whether the second of two tokens is a further piece of the first one's word: letters or digits without
// anything between. Chinese characters are words of their own.
func goesOn(s string, before, here text.Span) bool {
	if before.Start >= before.End || before.End != here.Start || here.End > len(s) {
		return false
	}
	a, _ := utf8.DecodeLastRuneInString(s[:before.End])
	b, _ := utf8.DecodeRuneInString(s[here.Start:])
	part := func(r rune) bool {
		return (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)) && !unicode.Is(unicode.Han, r)
	}
	return part(a) && part(b)
}

// ForeignTags tells whether the tags of a model of head tokens are those of a checkpoint of others, and not BIOES in the
// order of TagNames: it predicts, and cannot learn or teach further with them.
func (m *Model) ForeignTags() bool {
	g, ok := m.Head.(*tagger)
	return ok && g.foreign != nil
}
