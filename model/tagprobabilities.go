package model

import (
	"context"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// TagProbabilities is how probable a tagger finds each tag of each token of a text.
type TagProbabilities struct {
	Places []text.Span // of the tokens, in bytes of the text
	Values []float32   // [tokens, tags]
}

// TagProbabilities returns those of the tags of each query, for models of head tokens. An ensemble's are the weighted
// mean of its members', at the tokens of the first.
func (m *Model) TagProbabilities(ctx context.Context, queries []Query) ([]TagProbabilities, error) {
	if m.Ensemble != nil {
		return m.Ensemble.tagProbabilities(ctx, m, queries)
	}
	if m.ForeignTags() {
		return nil, hint.Errorf("fine-tune it first: train with model.base", "the tags of a checkpoint of others (%s) are not told by their probabilities", strings.Join(m.Labels[:min(len(m.Labels), 5)], ", "))
	}
	out := make([]TagProbabilities, len(queries))
	g, k := m.Head.(*tagger), len(m.Labels)
	return out, inParts(len(queries), func(lo, hi int, alone bool) error {
		return m.inBatches(ctx, queries[lo:hi], true, alone, func(w *worker, logits *nn.Var, first, n int) {
			for i := range n {
				p := &out[lo+first+i]
				p.Places = slices.Clone(w.places[i])
				if from, to := int(w.batch.Tokens.Offsets[i]), int(w.batch.Tokens.Offsets[i+1]); from < to {
					p.Values = g.marginals(logits.Data[from*k:to*k], k)
				}
				p.Places = p.Places[:len(p.Values)/k] // of tokens that were read
			}
		})
	})
}

func (e *Ensemble) tagProbabilities(ctx context.Context, m *Model, queries []Query) ([]TagProbabilities, error) {
	var out []TagProbabilities
	k := len(m.Labels)
	for i, member := range e.Members {
		said, err := member.TagProbabilities(ctx, queries)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			out = make([]TagProbabilities, len(queries))
		}
		for q := range said {
			said[q].Values = said[q].Order(e.classes[i])
			if i == 0 {
				out[q].Places, out[q].Values = said[q].Places, make([]float32, len(said[q].Values))
			}
			for j, v := range said[q].At(out[q].Places, k) {
				out[q].Values[j] += float32(e.Weights[i]) * v
			}
		}
	}
	return out, nil
}

// Order returns the values with those of tag i at place classes[i].
func (p *TagProbabilities) Order(classes []int) []float32 {
	out := make([]float32, len(p.Values))
	for at := 0; at < len(out); at += len(classes) {
		for c, to := range classes {
			out[at+to] = p.Values[at+c]
		}
	}
	return out
}

// At returns the probabilities of so many tags at tokens that lie elsewhere in the same text, [places, tags]. A token
// that is a part of one of p's has the tags that its part of an entity would have: of the parts of a B the first is
// one, and the others I. One that covers several of p's begins as the first of them begins and ends as the last ends.
// Where p has no token, there is no entity.
func (p *TagProbabilities) At(places []text.Span, tags int) []float32 {
	out := make([]float32, len(places)*tags)
	first := 0
	for i, place := range places {
		for first < len(p.Places) && p.Places[first].End <= place.Start {
			first++
		}
		last := first - 1
		for last+1 < len(p.Places) && p.Places[last+1].Start < min(place.End, p.Places[last+1].End) { // special tokens are empty
			last++
		}
		to := out[i*tags : (i+1)*tags]
		if last < first {
			to[0] = 1
			continue
		}
		p.cover(to, first, last, part{
			begins: place.Start <= p.Places[first].Start || i == 0 || places[i-1].End <= p.Places[first].Start,
			ends:   place.End >= p.Places[last].End || i+1 == len(places) || places[i+1].Start >= p.Places[last].End,
		})
	}
	return out
}

// part tells of a token elsewhere whether it has the beginning of the first of the tokens that it overlaps, and the end
// of the last.
type part struct{ begins, ends bool }

// cover sets the probabilities of a token that overlaps tokens first to last.
func (p *TagProbabilities) cover(to []float32, first, last int, own part) {
	k := len(to)
	a, b := p.Values[first*k:(first+1)*k], p.Values[last*k:(last+1)*k]
	to[0] = 1
	for c := 1; c < k; c += tagLetters {
		// How likely an entity of this type begins, or goes on, in the first token; and ends in the last.
		in := float32(0)
		for t := first; t <= last; t++ {
			row := p.Values[t*k+c : t*k+c+tagLetters]
			in = max(in, row[tagBegin]+row[tagInside]+row[tagEnd]+row[tagSingle])
		}
		begin := share(a[c+tagBegin]+a[c+tagSingle], a[c+tagInside]+a[c+tagEnd], own.begins)
		end := share(b[c+tagEnd]+b[c+tagSingle], b[c+tagInside]+b[c+tagBegin], own.ends)
		if first == last && own.begins && own.ends { // the same token
			copy(to[c:c+tagLetters], a[c:c+tagLetters])
		} else {
			to[c+tagBegin], to[c+tagInside] = in*begin*(1-end), in*(1-begin)*(1-end)
			to[c+tagEnd], to[c+tagSingle] = in*(1-begin)*end, in*begin*end
		}
	}
	sum := float32(0)
	for _, v := range to[1:] {
		sum += v
	}
	if sum > 1 {
		for c := range to[1:] {
			to[c+1] /= sum
		}
	}
	to[0] = max(1-sum, 0)
}

// share is that of yes among yes and no, 0 where the part in question is another token's.
func share(yes, no float32, own bool) float32 {
	if !own || yes <= 0 {
		return 0
	}
	return yes / (yes + no)
}

// SoftTags returns the logits of tags at places, given those at other tokens of the same text: see At.
func SoftTags(logits []float32, from, places []text.Span, tags int) []float32 {
	p := TagProbabilities{Places: from, Values: softmaxRows(logits, tags)}
	return LogProbabilities(p.At(places, tags))
}

// EntitiesOf returns the entities of s, of the given types, that logits of tags at places make most probable.
func EntitiesOf(s string, logits []float32, places []text.Span, types []string) []Entity {
	k := len(TagNames(types))
	g := &tagger{types: types, rules: tagRules(k)}
	p := Prediction{Tags: nn.Decode(nil, logits, k, nil, g.rules)}
	marginals := softmaxRows(logits, k)
	for i, tag := range p.Tags {
		p.tagProbabilities = append(p.tagProbabilities, marginals[i*k+int(tag)])
	}
	return g.entities(&p, s, places)
}
