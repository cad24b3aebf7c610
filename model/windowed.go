package model

import (
	"context"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// How what the windows of a text say becomes one prediction.

// eachWindow runs texts through the model, window by window, and hands out what forward makes of each, in order: at is
// its sequence in v, and text the number of its query.
func (m *Model) eachWindow(ctx context.Context, queries []Query, aligned, alone bool, forward func(*nn.Tape, *Input) *nn.Var, each func(v *nn.Var, in *Input, at int, w *Window, text int)) error {
	wk := m.worker()
	defer m.release(wk)
	type waiting struct {
		Window
		text int
	}
	var list []waiting
	wk.batch.Reset()
	flush := func() error {
		if len(list) == 0 {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		v, err := m.pass(wk, alone, forward)
		if err != nil {
			return err
		}
		for i := range list {
			each(v, &wk.batch, i, &list[i].Window, list[i].text)
		}
		list = list[:0]
		wk.batch.Reset()
		return nil
	}
	for i, q := range queries {
		for w := range m.Windows(q.Text, q.Pair, aligned) {
			m.Append(&wk.batch, w.Sample)
			w.Sample = nil
			list = append(list, waiting{w, i})
			if len(list) == batchTexts || wk.batch.Tokens.Tokens() >= batchTokens {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}

// predictWindows is predictRange for a model that reads long texts in windows.
func (m *Model) predictWindows(ctx context.Context, queries []Query, out []Prediction, alone bool) error {
	switch m.Config.Head {
	case AnswerHead:
		return m.predictAnswers(ctx, queries, out, alone)
	case TokensHead:
		return m.predictTags(ctx, queries, out, alone)
	case EmbeddingHead:
		return m.predictEmbeddings(ctx, queries, out, alone)
	}
	rows := make([]JoinedRow, len(queries))
	err := m.eachWindow(ctx, queries, false, alone, m.Forward, func(v *nn.Var, _ *Input, at int, _ *Window, text int) {
		rows[text].Add(m.Config.Windows, v.Row(at))
	})
	for i := range rows {
		if err == nil {
			out[i] = m.Head.Predict(rows[i].logits(), nil, 0)
		}
	}
	return err
}

// JoinedRow joins the logits of a text's windows.
type JoinedRow struct {
	windows int
	row     []float32
}

// Add joins those of the next window.
func (j *JoinedRow) Add(w Windows, logits []float32) {
	j.windows++
	switch {
	case j.windows == 1:
		j.row = append(j.row[:0], logits...)
	case w.Join == JoinMax:
		for c, v := range logits {
			j.row[c] = max(j.row[c], v)
		}
	default: // the mean so far moves towards each
		for c, v := range logits {
			j.row[c] += (v - j.row[c]) / float32(j.windows)
		}
	}
}

func (j *JoinedRow) logits() *nn.Var { return &nn.Var{Rows: 1, Cols: len(j.row), Data: j.row} }

// PredictJoined is what a head with one row a text (classes, labels, numbers) says of joined logits.
func (m *Model) PredictJoined(j *JoinedRow) Prediction { return m.Head.Predict(j.logits(), nil, 0) }

// predictTags joins the scores of tags: each token has those of the window in whose middle it is nearer to be, and the
// tags of a chunk are then judged together.
func (m *Model) predictTags(ctx context.Context, queries []Query, out []Prediction, alone bool) error {
	g := m.Head.(*tagger)
	var rows []float32
	var joined Window
	for i := range out {
		out[i] = Prediction{Entities: []Entity{}}
	}
	return m.eachWindow(ctx, queries, true, alone, m.Forward, func(v *nn.Var, in *Input, at int, w *Window, text int) {
		first, last := int(in.Tokens.Offsets[at]), int(in.Tokens.Offsets[at+1])
		from, to := first+w.Before+w.Low-w.From, first+w.Before+w.High-w.From
		before, after := w.Before, last-(first+w.Before+w.To-w.From)
		if !w.First {
			before = 0
		}
		if !w.Last {
			after = 0
		}
		if w.First {
			rows, joined.Places = rows[:0], joined.Places[:0]
			joined.Before = before
		}
		rows = append(rows, v.Data[(from-before)*v.Cols:(to+after)*v.Cols]...)
		joined.Places = append(joined.Places, w.Places[w.Low-w.From:w.High-w.From]...)
		if !w.Last {
			return
		}
		p := g.predict(rows, v.Cols)
		n := len(joined.Places)
		p.Tags, p.tagProbabilities = p.Tags[joined.Before:joined.Before+n], p.tagProbabilities[joined.Before:joined.Before+n]
		o := &out[text]
		o.Entities = append(o.Entities, g.entities(&p, queries[text].Text, joined.Places)...)
		o.Tags, o.tagProbabilities = append(o.Tags, p.Tags...), append(o.tagProbabilities, p.tagProbabilities...)
	})
}

// embedLong is Embed for a model that reads long texts in windows.
func (m *Model) embedLong(ctx context.Context, texts []string, prompt string) ([][]float32, error) {
	out := make([][]float32, len(texts))
	return out, inParts(len(texts), func(lo, hi int, alone bool) error {
		prompted := make([]string, hi-lo)
		for i := range prompted {
			prompted[i] = prompt + texts[lo+i]
		}
		vectors, err := m.embedWindows(ctx, prompted, alone)
		for i, v := range vectors {
			m.unitWhereSaid(v)
			out[lo+i] = v
		}
		return err
	})
}

// embedWindows returns the mean of the vectors of each text's windows, weighted by their tokens.
func (m *Model) embedWindows(ctx context.Context, texts []string, alone bool) ([][]float32, error) {
	out, tokens, queries := make([][]float32, len(texts)), make([]float64, len(texts)), make([]Query, len(texts))
	for i, s := range texts {
		queries[i].Text = s
	}
	err := m.eachWindow(ctx, queries, false, alone, m.states, func(v *nn.Var, _ *Input, at int, w *Window, text int) {
		n := float64(max(w.To-w.From, 1))
		if out[text] == nil {
			out[text] = make([]float32, v.Cols)
		}
		tokens[text] += n
		share := float32(n / tokens[text])
		kernel.Scale(1-share, out[text])
		kernel.Axpy(share, v.Row(at), out[text])
	})
	return out, err
}

// predictEmbeddings compares the vectors of pairs, or gives those of single texts.
func (m *Model) predictEmbeddings(ctx context.Context, queries []Query, out []Prediction, alone bool) error {
	prompt := ""
	if m.Config.Pair {
		prompt = m.Config.Sentence.defaultPrompt()
	}
	var texts []string
	for _, q := range queries {
		texts = append(texts, prompt+q.Text)
		if m.Config.Pair {
			texts = append(texts, prompt+q.Pair)
		}
	}
	vectors, err := m.embedWindows(ctx, texts, alone)
	if err != nil {
		return err
	}
	for i := range out {
		if m.Config.Pair {
			out[i] = Prediction{Score: cosine(vectors[2*i], vectors[2*i+1])}
		} else {
			out[i] = Prediction{Vector: vectors[i]}
		}
	}
	return nil
}

// unitWhereSaid brings a vector to length 1 where the model says so.
func (m *Model) unitWhereSaid(v []float32) {
	if m.Config.Sentence != nil && m.Config.Sentence.Normalize {
		similar.Unit(v)
	}
}

// logAdd is log(eᵃ+eᵇ).
func logAdd(a, b float64) float64 {
	if a < b {
		a, b = b, a
	}
	if math.IsInf(b, -1) {
		return a
	}
	return a + math.Log1p(math.Exp(b-a))
}
