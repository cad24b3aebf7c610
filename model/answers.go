package model

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Span is a stretch of a text that answers a question.
type Span struct {
	Text        string    `json:"answer"` // exactly as it stands in the text; "" where the text has no answer
	Start       int       `json:"start"`  // in characters (code points) of the text
	End         int       `json:"end"`    // not included
	Probability float32   `json:"probability"`
	Bytes       text.Span `json:"-"` // Start and End in bytes
}

const (
	usualAnswer = 64 // tokens of the longest answer, where nobody says
	keptAnswers = 5  // of each question
)

// questionTypes are the types of tokens that families other than encoder tell apart for head qa: of the question, of the
// text, and those of the text that the question has too (the exact match of Chen et al. 2017, "DrQA").
const questionTypes = 3

// appendTypes appends the types of the tokens of two texts in one sequence and, for head qa, where the text is in it.
func (m *Model) appendTypes(in *Input, e *text.Encoding) {
	if m.Config.Head != AnswerHead {
		in.Types = append(in.Types, e.TypeIDs...)
		return
	}
	from := slices.Index(e.Second, true)
	if from < 0 {
		from = len(e.IDs)
	}
	to := from
	for to < len(e.IDs) && e.Second[to] {
		to++
	}
	in.Contexts = append(in.Contexts, int32(from), int32(to))
	if m.Config.Family == EncoderFamily {
		in.Types = append(in.Types, e.TypeIDs...)
		return
	}
	asked := map[int32]bool{}
	for i, id := range e.IDs {
		switch {
		case !e.Second[i]:
			asked[id] = true
			in.Types = append(in.Types, 0)
		case asked[id]:
			in.Types = append(in.Types, 2)
		default:
			in.Types = append(in.Types, 1)
		}
	}
}

// answerer finds the stretch of a text that answers a question, by its first and its last token (Devlin et al. 2019,
// "BERT", sections 4.2 and 4.3). The first token of a sequence stands for no answer.
type answerer struct{ linear }

func (a *answerer) Loss(t *nn.Tape, logits *nn.Var, in *Input, y *Targets, _ Loss) *nn.Var {
	return t.SpanLoss(logits, in.Tokens.Offsets, in.Contexts, y.Spans, given(y.Weights))
}

// Predict reads one window alone: Read joins them.
func (a *answerer) Predict(logits *nn.Var, in *Input, i int) Prediction {
	var r Reading
	r.Add(a.config, logits, in, i)
	p := Prediction{Doubt: r.Doubt()}
	if len(r.best) > 0 {
		p.Tags = []int32{int32(r.best[0].first), int32(r.best[0].last)}
	}
	return p
}

// Reading collects what the windows of a text say of a question.
type Reading struct {
	windows int
	none    float64 // the score of no answer: the least of all windows, since each without the answer says so
	all     float64 // log Σ exp of the scores of all stretches
	best    []candidate
}

// candidate is a stretch that may be the answer.
type candidate struct {
	score       float64
	window      int
	first, last int       // tokens, from the beginning of the sequence
	place       text.Span // in bytes of the text, set by those who know it
}

// Add reads the logits of sequence i, which is the text's next window.
func (r *Reading) Add(c *Config, logits *nn.Var, in *Input, i int) {
	base, lo, hi := int(in.Tokens.Offsets[i]), max(int(in.Contexts[2*i]), 1), int(in.Contexts[2*i+1])
	if in.Tokens.Offsets[i+1] == in.Tokens.Offsets[i] {
		return
	}
	score := func(token, end int) float64 { return float64(logits.Data[2*(base+token)+end]) }
	sum := [2]float64{score(0, 0), score(0, 1)}
	none := sum[0] + sum[1]
	longest := cmp.Or(c.AnswerTokens, usualAnswer)
	for first := lo; first < hi; first++ {
		best := candidate{score: math.Inf(-1), window: r.windows, first: first}
		for last := first; last < min(first+longest, hi); last++ {
			if s := score(first, 0) + score(last, 1); s > best.score {
				best.score, best.last = s, last
			}
		}
		r.keep(best)
		sum[0], sum[1] = logAdd(sum[0], score(first, 0)), logAdd(sum[1], score(first, 1))
	}
	all := sum[0] + sum[1]
	if r.windows == 0 {
		r.none, r.all = none, all
	} else {
		r.none, r.all = min(r.none, none), logAdd(r.all, all)
	}
	r.windows++
}

// keep keeps a candidate if it is among the best; of one window, of those that overlap the better.
func (r *Reading) keep(c candidate) {
	worse := func(o candidate) bool {
		return o.score < c.score && o.window == c.window && o.first <= c.last && c.first <= o.last
	}
	for _, o := range r.best {
		if o.window == c.window && o.first <= c.last && c.first <= o.last && o.score >= c.score {
			return
		}
	}
	if r.best = slices.DeleteFunc(r.best, worse); len(r.best) == 2*keptAnswers && r.best[len(r.best)-1].score >= c.score {
		return
	}
	at, _ := slices.BinarySearchFunc(r.best, c, func(a, b candidate) int { return cmp.Compare(b.score, a.score) })
	r.best = slices.Insert(r.best, at, c)
	r.best = r.best[:min(len(r.best), 2*keptAnswers)]
}

// Doubt is by how much no answer scores better than the best one.
func (r *Reading) Doubt() float64 {
	if len(r.best) == 0 {
		return math.Inf(1)
	}
	return r.none - r.best[0].score
}

// Best returns the window of the best answer, and its tokens from the beginning of the sequence; window is -1 where there
// is no answer.
func (r *Reading) Best(c *Config) (window, first, last int) {
	if len(r.best) == 0 || c.refuses(r.Doubt()) {
		return -1, 0, 0
	}
	b := r.best[0]
	return b.window, b.first, b.last
}

// refuses tells whether doubt is so large that there is no answer. A model that has seen no question without an answer
// always gives one.
func (c *Config) refuses(doubt float64) bool {
	return len(c.Thresholds) == 1 && doubt > c.Thresholds[0]
}

// predictAnswers is predictRange for head qa.
func (m *Model) predictAnswers(ctx context.Context, queries []Query, out []Prediction, alone bool) error {
	readings := make([]Reading, len(queries))
	err := m.eachWindow(ctx, queries, true, alone, m.Forward, func(v *nn.Var, in *Input, at int, w *Window, text int) {
		r := &readings[text]
		r.Add(&m.Config, v, in, at)
		for i, c := range r.best {
			if c.window == r.windows-1 {
				r.best[i].place.Start, r.best[i].place.End = w.Places[c.first-w.Before].Start, w.Places[c.last-w.Before].End
			}
		}
	})
	for i := range readings {
		out[i] = readings[i].prediction(&m.Config, queries[i].Text)
	}
	return err
}

// prediction names the stretches of s.
func (r *Reading) prediction(c *Config, s string) Prediction {
	p := Prediction{Doubt: r.Doubt()}
	share := func(score float64) float32 { return float32(math.Exp(min(score-r.all, 0))) }
	var taken []text.Span
	for _, b := range r.best {
		place := trimSpan(s, b.place)
		if place.Start >= place.End || slices.ContainsFunc(taken, func(t text.Span) bool { return t.Start < place.End && place.Start < t.End }) {
			continue
		}
		taken = append(taken, place)
		a := Span{Text: s[place.Start:place.End], Bytes: place, Probability: share(b.score)}
		a.Start = utf8.RuneCountInString(s[:place.Start])
		a.End = a.Start + utf8.RuneCountInString(a.Text)
		if p.Answers = append(p.Answers, a); len(p.Answers) == keptAnswers {
			break
		}
	}
	if len(p.Answers) == 0 || c.refuses(p.Doubt) {
		p.Answers = slices.Insert(p.Answers, 0, Span{Probability: share(r.none)})
	}
	p.Probability = p.Answers[0].Probability
	return p
}

// trimSpan leaves out white space at both ends.
func trimSpan(s string, at text.Span) text.Span {
	if at.Start < 0 || at.End > len(s) || at.Start >= at.End {
		return text.Span{}
	}
	part := s[at.Start:at.End]
	at.Start += len(part) - len(strings.TrimLeftFunc(part, unicode.IsSpace))
	at.End -= len(part) - len(strings.TrimRightFunc(part, unicode.IsSpace))
	return at
}

// AnswerTarget appends the first and the last token of the answer that lies at a place of the text, if the window has all
// of it; else 0 and 0, which say that it has none.
func (w *Window) AnswerTarget(dst []int32, start, end int) []int32 {
	first, last := -1, -1
	for i, p := range w.Places {
		if p.Start < end && start < p.End {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 || first == 0 && w.From > 0 && w.Places[0].Start > start || last+1 == len(w.Places) && w.Places[last].End < end || w.Before+first == 0 {
		return append(dst, 0, 0)
	}
	return append(dst, int32(w.Before+first), int32(w.Before+last))
}
