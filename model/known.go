package model

import (
	"fmt"
	"iter"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/knowledge"
)

// Knowledge beforehand (Config.Knowledge): lexicons, lists of names and rules, whose entries are looked for in the cleaned
// text. What is found are further features: in a family of n-grams they stand beside the n-grams; in a network they have
// scores of their own, which are added to those of the head, for each text or for each token, and tokens have them among
// their hashed features too, where they have such. A name that training never saw is thus known by its category.

// knownScale is how much faster what is known is learnt than what a network finds by itself. The network comes to know
// every training text by its words, and would leave nothing to learn from a category that serves words to come.
const knownScale = 10

// KnowledgeFile is what a package has of it.
const KnowledgeFile = "knowledge.json"

// A category has features by where in the stretch a token lies (the letters of tags, tagSingle standing for whole texts),
// and by the weight of the entry.
const knownSlots = tagLetters + 2*knowledge.Levels

// readKnowledge reads the files that c names, unless they were read before.
func (c *Config) readKnowledge(clean *text.Cleaner) (err error) {
	switch {
	case len(c.Knowledge) == 0 || Unlabelled(c.Head):
		c.known = nil
	case c.known == nil:
		c.known, err = knowledge.Read(cleaned(clean), c.Knowledge...)
	}
	return err
}

// unpackKnowledge reads what a package has; read is given the name of a file of it.
func (c *Config) unpackKnowledge(clean *text.Cleaner, read func(name string) ([]byte, error)) error {
	if len(c.Knowledge) == 0 {
		return nil
	}
	if len(c.Knowledge) > 1 || c.Knowledge[0] != KnowledgeFile {
		return fmt.Errorf("%s names the knowledge %q, a package has %s", ConfigFile, c.Knowledge, KnowledgeFile)
	}
	content, err := read(KnowledgeFile)
	if err == nil {
		c.known, err = knowledge.Parse(content, cleaned(clean))
	}
	return err
}

func cleaned(c *text.Cleaner) func(string) string {
	return func(s string) string {
		s, _ = c.Clean(s)
		return s
	}
}

// featuresOf returns how many features knowledge has for a text, or a token.
func (c *Config) knownFeatures() int {
	n := len(c.known.Categories()) * knownSlots
	if c.Pair {
		n *= 2
	}
	return n
}

// declareKnown adds the scores of what is known, [features, outputs]; a family of n-grams has it among its features.
func (m *Model) declareKnown(ps *nn.Params) {
	if m.Config.known == nil || m.readsNGrams() {
		return
	}
	m.known = ps.AddTable("knowledge.weight", nn.Zeros, m.Config.knownFeatures(), max(len(m.Labels), 1))
}

func (m *Model) readsNGrams() bool {
	_, ok := m.Network.(*ngram)
	return ok
}

// find appends what is known in a cleaned text.
func (m *Model) find(dst []knowledge.Match, cleaned string) []knowledge.Match {
	if m.Config.known == nil {
		return dst
	}
	return m.Config.known.Find(dst, cleaned)
}

// findAligned is find with places in the text as it was given.
func (m *Model) findAligned(dst []knowledge.Match, a *text.Aligned) []knowledge.Match {
	dst = m.find(dst, a.Text)
	for i := range dst {
		s := a.Source(text.Span{Start: dst[i].Start, End: dst[i].End})
		dst[i].Start, dst[i].End = s.Start, s.End
	}
	return dst
}

// uncut returns the matches that lie in what is read of a text: e may have been cut.
func (m *Model) uncut(found []knowledge.Match, e *text.Encoding) []knowledge.Match {
	if len(e.Spans) < m.Config.MaxTokens || m.Config.joined() {
		return found
	}
	end := 0
	for _, s := range e.Spans {
		end = max(end, s.End)
	}
	kept := found[:0]
	for _, f := range found {
		if f.End <= end {
			kept = append(kept, f)
		}
	}
	return kept
}

// knownHashes appends the features of what is known as n-grams have them: the category, how heavy it is, and the entry
// itself, which may be longer than any n-gram.
func (m *Model) knownHashes(dst []uint64, found []knowledge.Match) []uint64 {
	base := m.Config.known
	for _, f := range found {
		h := hashBytes(categorySeed, []byte(base.Categories()[f.Category]))
		dst = append(dst, h)
		if level := base.Level(f); level != 0 {
			dst = append(dst, finish(h^uint64(level+knowledge.Levels+1)*prime))
		}
		if f.Entry >= 0 {
			dst = append(dst, hashBytes(h, []byte(base.Entries()[f.Entry].Text)))
		}
	}
	return dst
}

const categorySeed = 0x8ebc6af09c88c6e3

// recognized adds what is known to the examples from which features are chosen.
func (m *Model) recognized(examples iter.Seq[Example]) iter.Seq[Example] {
	if m.Config.known == nil || examples == nil {
		return examples
	}
	return func(yield func(Example) bool) {
		var found []knowledge.Match
		for e := range examples {
			found = m.uncut(m.find(found[:0], e.Source), e.Text)
			e.known = m.knownHashes(nil, found)
			if m.Config.Pair {
				found = m.uncut(m.find(found[:0], e.Second), e.Pair)
				e.second = m.knownHashes(nil, found)
			}
			if !yield(e) {
				return
			}
		}
	}
}

// appendKnown appends the features of an example: a sequence a text, or a sequence a token.
func (m *Model) appendKnown(in *Input, e *Sample) {
	if m.known == nil {
		return
	}
	if m.Config.Head == TokensHead {
		for i := range e.Text.IDs {
			e.ids = m.knownOfToken(e.ids[:0], e, i)
			in.Known.Append(e.ids)
		}
		return
	}
	e.ids = m.knownOfText(e.ids[:0], e.known, 0)
	if m.Config.Pair {
		e.ids = m.knownOfText(e.ids, e.second, int32(m.Config.knownFeatures()/2))
	}
	in.Known.Append(e.ids)
}

// knownOfText appends each feature once, and once more each time that it occurs twice as often: its score counts by the
// logarithm.
func (m *Model) knownOfText(dst []int32, found []knowledge.Match, first int32) []int32 {
	base, times := m.Config.known, map[int32]int{}
	note := func(id int32) {
		n := times[id] + 1
		times[id] = n
		if n&(n-1) == 0 {
			dst = append(dst, id)
		}
	}
	for _, f := range found {
		at := first + int32(f.Category*knownSlots)
		note(at + tagSingle)
		if level := base.Level(f); level != 0 {
			note(at + levelSlot(level))
		}
	}
	return dst
}

// levelSlot is the place of a weight among the features of its category; there is none of 0.
func levelSlot(level int) int32 {
	if level > 0 {
		level--
	}
	return int32(tagLetters + knowledge.Levels + level)
}

// knownOfToken appends the features of token i: where it lies in each stretch that is known.
func (m *Model) knownOfToken(dst []int32, e *Sample, i int) []int32 {
	spans := e.Text.Spans
	place := spans[i]
	if place.Start == place.End {
		return dst
	}
	overlaps := func(f *knowledge.Match, j int) bool {
		return j >= 0 && j < len(spans) && spans[j].Start < f.End && f.Start < spans[j].End
	}
	for k := range e.known {
		f := &e.known[k]
		if f.Start >= place.End {
			break
		}
		if !overlaps(f, i) {
			continue
		}
		slot := int32(tagInside)
		switch before, after := overlaps(f, i-1), overlaps(f, i+1); {
		case !before && !after:
			slot = tagSingle
		case !before:
			slot = tagBegin
		case !after:
			slot = tagEnd
		}
		at := int32(f.Category * knownSlots)
		dst = append(dst, at+slot)
		if level := m.Config.known.Level(*f); level != 0 {
			dst = append(dst, at+levelSlot(level))
		}
	}
	return dst
}

// Without returns the sample with an encoding that lacks the tokens of a stretch of its text: what was known of the stretch
// is gone with them.
func (e *Sample) Without(tokens text.Encoding, start, end int) *Sample {
	out := &Sample{Text: tokens, Pair: e.Pair, Source: e.Source, second: e.second}
	for _, f := range e.known {
		if f.End <= start || end <= f.Start {
			out.known = append(out.known, f)
		}
	}
	return out
}

// refuseKnown tells why a model with knowledge has no graph.
func (m *Model) refuseKnown() error {
	if m.known == nil {
		return nil
	}
	return hint.Errorf("train it without model.knowledge, or choose the family ngram", "exporting: other runtimes do not look for what is known beforehand (model.knowledge)")
}
