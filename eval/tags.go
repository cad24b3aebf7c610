package eval

import (
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Scheme says how the tags of tokens make entities.
type Scheme string

// The schemes. Lenient is what the CoNLL shared tasks' script and seqeval's default mode do with any tags at all: a
// change of type or a tag that cannot go on begins an entity. The others are strict, as seqeval's strict mode: an entity
// counts only where its tags follow the scheme from its first token to its last.
const (
	Lenient Scheme = "lenient"
	IOB2    Scheme = "iob2"
	IOBES   Scheme = "iobes"
)

// TagSpans returns the entities of one sequence of tags such as B-PER, I-PER and O, in tokens: Start and End count them.
// A tag without a type, as B, has the type "_". The letters of BMES (M) and BILOU (L, U) are read as those of IOBES.
func TagSpans(tags []string, scheme Scheme) ([]Span, error) {
	parsed := make([]tag, len(tags)+1)
	for i, s := range tags {
		var err error
		if parsed[i], err = parseTag(s); err != nil {
			return nil, err
		}
		if scheme == IOB2 && strings.IndexByte("ES", parsed[i].letter) >= 0 {
			return nil, hint.Errorf("use the scheme iobes or lenient", "tag %q is none of iob2", s)
		}
	}
	parsed[len(tags)] = tag{letter: 'O'}
	switch scheme {
	case Lenient:
		return lenientSpans(parsed), nil
	case IOB2, IOBES:
		return strictSpans(parsed, scheme), nil
	}
	return nil, hint.Errorf("use lenient, iob2 or iobes", "unknown scheme %q of tags", scheme)
}

// tag is a letter of the scheme, one of BIESO, and a type.
type tag struct {
	letter byte
	typ    string
}

func parseTag(s string) (tag, error) {
	const way = "write O, or a letter of BIOES, BMES or BILOU, a dash, and a type"
	if s == "" {
		return tag{}, hint.Errorf(way, "an empty tag")
	}
	at := strings.IndexByte("OBIEMSLU", s[0])
	if at < 0 || len(s) > 1 && s[1] != '-' {
		return tag{}, hint.Errorf(way, "tag %q is of no known scheme", s)
	}
	t := tag{letter: "OBIEISES"[at], typ: "_"}
	if len(s) > 2 {
		t.typ = s[2:]
	}
	return t, nil
}

func lenientSpans(tags []tag) []Span {
	var out []Span
	before, start := tag{letter: 'O'}, 0
	for i, t := range tags {
		changed := before.typ != t.typ
		ends := before.letter == 'E' || before.letter == 'S' ||
			before.letter != 'O' && (t.letter == 'B' || t.letter == 'S' || t.letter == 'O' || changed)
		if ends {
			out = append(out, Span{Start: start, End: i, Label: before.typ})
		}
		if t.letter == 'B' || t.letter == 'S' || t.letter != 'O' && (ends || before.letter == 'O') {
			start = i
		}
		before = t
	}
	return out
}

func strictSpans(tags []tag, scheme Scheme) []Span {
	var out []Span
	for i := 0; i < len(tags); {
		if tags[i].letter != 'B' && tags[i].letter != 'S' {
			i++
			continue
		}
		end := i + 1
		for end < len(tags) && inside(tags[end-1], tags[end]) {
			end++
		}
		last := tags[end-1].letter
		if scheme == IOB2 || last == 'E' || last == 'S' {
			out = append(out, Span{Start: i, End: end, Label: tags[i].typ})
		}
		i = end
	}
	return out
}

// inside tells whether an entity that has reached tag a goes on with b.
func inside(a, b tag) bool {
	return a.typ == b.typ && (a.letter == 'B' || a.letter == 'I') && (b.letter == 'I' || b.letter == 'E')
}

// JudgeTags judges sequences of tags, as seqeval does: the figures count entities.
func JudgeTags(targets, predicted [][]string, scheme Scheme, o Options) (*Report, error) {
	if len(targets) != len(predicted) {
		return nil, fmt.Errorf("evaluating: %d sequences of targets, %d of predictions", len(targets), len(predicted))
	}
	var types []string
	known := map[string]bool{}
	spans := func(all [][]string) ([][]Span, error) {
		out := make([][]Span, len(all))
		for i, tags := range all {
			var err error
			if out[i], err = TagSpans(tags, scheme); err != nil {
				return nil, fmt.Errorf("evaluating: sequence %d: %w", i, err)
			}
			for _, s := range out[i] {
				if !known[s.Label] {
					known[s.Label] = true
					types = append(types, s.Label)
				}
			}
		}
		return out, nil
	}
	a, err := spans(targets)
	if err != nil {
		return nil, err
	}
	b, err := spans(predicted)
	if err != nil {
		return nil, err
	}
	for i := range targets {
		if len(targets[i]) != len(predicted[i]) {
			return nil, fmt.Errorf("evaluating: sequence %d has %d targets and %d predictions", i, len(targets[i]), len(predicted[i]))
		}
	}
	return JudgeEntities(types, a, b, o)
}
