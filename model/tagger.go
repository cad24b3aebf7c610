package model

import (
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Entity is a labelled stretch of a text.
type Entity struct {
	Start       int     `json:"start"` // in bytes of the text
	End         int     `json:"end"`   // not included
	Label       string  `json:"label"`
	Text        string  `json:"text"`
	Probability float32 `json:"probability"`    // mean of those of its tokens' tags
	Rule        string  `json:"rule,omitempty"` // that wants it so, see Config.Constraints; its probability stays what the model finds
}

// The letters of a tag, in the order of their numbers: begin, inside, end and single, after O.
const (
	tagBegin = iota
	tagInside
	tagEnd
	tagSingle
	tagLetters
)

// TagNames returns the tags of a tagger of entities of the given types: O, then B-, I-, E- and S- of each.
func TagNames(types []string) []string {
	tags := []string{"O"}
	for _, t := range types {
		for _, letter := range []string{"B-", "I-", "E-", "S-"} {
			tags = append(tags, letter+t)
		}
	}
	return tags
}

// typesOf is the inverse of TagNames, for lists that come from it.
func typesOf(tags []string) []string {
	var types []string
	for i := 1; i < len(tags); i += tagLetters {
		_, name, _ := strings.Cut(tags[i], "-")
		types = append(types, name)
	}
	return types
}

// Types returns the types of entities that a model of head tokens finds; nil for others.
func (m *Model) Types() []string {
	if m.Config.Head != TokensHead {
		return nil
	}
	if g, ok := m.Head.(*tagger); ok && g.foreign != nil {
		return g.foreign.types
	}
	return typesOf(m.Labels)
}

// tagger labels tokens: a linear layer, and a conditional random field over its results if Config.CRF (Lample et al.
// 2016, "Neural Architectures for Named Entity Recognition"). Tags that do not fit together are never predicted.
type tagger struct {
	linear
	types []string
	crf   *nn.CRF
	rules *nn.TagRules

	foreign *foreignTags // what the tags mean where they are not ours; nil where they are
}

func newTagger(l linear, ps *nn.Params, labels []string) *tagger {
	if !ownTags(labels) {
		return &tagger{linear: l, foreign: newForeignTags(labels)}
	}
	t := &tagger{linear: l, types: typesOf(labels), rules: tagRules(len(labels))}
	if l.config.CRF {
		crf := nn.NewCRF(ps, "crf", len(labels))
		t.crf = &crf
	}
	return t
}

// tagRules are those of BIOES: an entity is S, or B, any I of the same type, and E.
func tagRules(tags int) *nn.TagRules {
	r := &nn.TagRules{Start: make([]bool, tags), End: make([]bool, tags), Follow: make([]bool, tags*tags)}
	opens := func(tag int) bool {
		return tag > 0 && ((tag-1)%tagLetters == tagBegin || (tag-1)%tagLetters == tagInside)
	}
	goesOn := func(tag int) bool {
		return tag > 0 && ((tag-1)%tagLetters == tagInside || (tag-1)%tagLetters == tagEnd)
	}
	for from := range tags {
		r.Start[from], r.End[from] = !goesOn(from), !opens(from)
		for to := range tags {
			same := from > 0 && to > 0 && (from-1)/tagLetters == (to-1)/tagLetters
			r.Follow[from*tags+to] = opens(from) == goesOn(to) && (!opens(from) || same)
		}
	}
	return r
}

func (g *tagger) Loss(t *nn.Tape, logits *nn.Var, in *Input, y *Targets, o Loss) *nn.Var {
	offsets := in.Tokens.Offsets
	return y.withTeacher(t, func() *nn.Var {
		if g.crf != nil {
			return t.CRFLoss(logits, offsets, y.Tags.IDs, *g.crf, given(y.Weights))
		}
		return t.CrossEntropy(logits, y.Tags.IDs, nn.CrossEntropy{Weights: o.Weights, Smoothing: o.Smoothing, Rows: ofTokens(y.Weights, offsets)})
	}, func() *nn.Var {
		if g.crf != nil { // tags of a field are judged together: the temperature, which is of single ones, has no place
			return t.SoftCRFLoss(logits, offsets, softmaxRows(y.Soft, logits.Cols), *g.crf, given(y.SoftWeights))
		}
		d := y.distill(o)
		d.Rows = ofTokens(y.SoftWeights, offsets)
		return t.DistillLoss(logits, y.Soft, d)
	})
}

func (g *tagger) Predict(logits *nn.Var, in *Input, i int) Prediction {
	return g.predictBound(logits, in, i, nil)
}

// predictBound is Predict with the tags as bind, which is given the scores, leaves them.
func (g *tagger) predictBound(logits *nn.Var, in *Input, i int, bind func(p *Prediction, rows []float32)) Prediction {
	k := logits.Cols
	return g.bound(logits.Data[int(in.Tokens.Offsets[i])*k:int(in.Tokens.Offsets[i+1])*k], k, bind)
}

// predict reads the logits of the tokens of one text, [tokens, tags].
func (g *tagger) predict(rows []float32, k int) Prediction { return g.bound(rows, k, nil) }

func (g *tagger) bound(rows []float32, k int, bind func(p *Prediction, rows []float32)) Prediction {
	p := Prediction{Tags: nn.Decode(nil, rows, k, g.crf, g.rules)}
	if len(p.Tags) == 0 {
		return p
	}
	if bind != nil {
		bind(&p, rows)
	}
	marginals := g.marginals(rows, k)
	for i, tag := range p.Tags {
		p.tagProbabilities = append(p.tagProbabilities, marginals[i*k+int(tag)])
	}
	return p
}

// marginals is the probability of each tag at each token of one text, [tokens, tags].
func (g *tagger) marginals(logits []float32, k int) []float32 {
	if g.crf != nil {
		return g.crf.Marginals(logits)
	}
	return softmaxRows(logits, k)
}

// ownTags tells tags of ours from those of a checkpoint of others.
func ownTags(labels []string) bool { return slices.Equal(labels, TagNames(typesOf(labels))) }

// TagSpan is a run of tokens that tags make an entity.
type TagSpan struct {
	From, To int // tokens, To not included
	Type     int
}

// TagSpans returns the entities that a sequence of tags spells.
func TagSpans(tags []int32) []TagSpan {
	var spans []TagSpan
	open := -1
	for i, tag := range tags {
		if tag == 0 {
			open = -1
			continue
		}
		class, letter := int(tag-1)/tagLetters, int(tag-1)%tagLetters
		switch letter {
		case tagSingle:
			spans = append(spans, TagSpan{i, i + 1, class})
			open = -1
		case tagBegin:
			open = i
		case tagEnd:
			if open >= 0 {
				spans = append(spans, TagSpan{open, i + 1, class})
			}
			open = -1
		}
	}
	return spans
}

// TagsOf appends the tags of tokens at the given places for entities given by start, end and number of their type; an
// entity takes the tokens that it overlaps, and of two entities that share a token the first has it.
func TagsOf(dst []int32, places []text.Span, entities []TagSpan) []int32 {
	at := len(dst)
	for range places {
		dst = append(dst, 0)
	}
	tags := dst[at:]
	for _, e := range entities {
		first, last := -1, -1
		for i, s := range places {
			if s.Start < e.To && e.From < s.End && tags[i] == 0 {
				if first < 0 {
					first = i
				}
				if last >= 0 && last != i-1 {
					break
				}
				last = i
			}
		}
		if first < 0 {
			continue
		}
		base := int32(1 + tagLetters*e.Type)
		for i := first; i <= last; i++ {
			tags[i] = base + tagInside
		}
		tags[first], tags[last] = base+tagBegin, base+tagEnd
		if first == last {
			tags[first] = base + tagSingle
		}
	}
	return dst
}

// entities names the stretches of s that p's tags mark; places are those of its tokens.
func (g *tagger) entities(p *Prediction, s string, places []text.Span) []Entity {
	out := []Entity{}
	spans, types := TagSpans, g.types
	if g.foreign != nil {
		spans = func(tags []int32) []TagSpan { return g.foreign.spans(tags, s, places) }
		types = g.foreign.types
	}
	for _, t := range spans(p.Tags) {
		for t.From < t.To && empty(places[t.From]) { // [CLS], [SEP] and their like stand nowhere in the text
			t.From++
		}
		for t.From < t.To && empty(places[t.To-1]) {
			t.To--
		}
		if t.From == t.To {
			continue
		}
		e := Entity{Start: places[t.From].Start, End: places[t.To-1].End, Label: types[t.Type]}
		for _, v := range p.tagProbabilities[t.From:t.To] {
			e.Probability += v / float32(t.To-t.From)
		}
		e.Text = s[e.Start:e.End]
		out = append(out, e)
	}
	return out
}

func empty(s text.Span) bool { return s.Start == s.End }
