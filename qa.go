package xiaoyu

import (
	"context"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// What task qa means: a question about a text, and the stretch of the text that answers it, or none.

// readers hold what differs from the families' presets for task qa.
var readers = map[string]string{"model.windows.join": model.JoinMax, "model.windows.stride": "128", "model.max_tokens": "384"}

// suitAnswers refuses families that score no tokens, and has long texts read in windows.
func (c *Config) suitAnswers() error {
	if !model.HasTokens(c.Model.Family) {
		return hint.Errorf("choose one of them with --model: "+strings.Join(model.TokenFamilies(), ", "), "task qa: the family %s has no states of tokens, of which an answer is made", c.Model.Family)
	}
	c.Model.Pair = true
	return c.suit(readers)
}

// encodeWindows appends the windows of a row that is not read as one sequence. All are learnt from, and those of a text
// with one label count as much together as a text of one window.
func (t *training) encodeWindows(set *train.Set, m *model.Model, number int, r *data.Row, target func(y *model.Targets, w *model.Window)) {
	y := &set.Targets
	windows := 0
	for w := range m.Windows(r.Text, r.Pair, m.Config.OfTokens()) {
		m.Append(&set.Input, w.Sample)
		target(y, &w)
		set.AddWindow(number)
		windows++
	}
	if !m.Config.OfTokens() {
		for range windows {
			y.Weights = append(y.Weights, 1/float32(windows))
		}
	}
}

// windowTarget returns what appends the truth of a window of a row: the row's label, the tags of its tokens, or where in
// it the first answer is.
func windowTarget(m *model.Model, r *data.Row, types map[string]int) func(y *model.Targets, w *model.Window) {
	switch m.Config.Head {
	case model.AnswerHead:
		return func(y *model.Targets, w *model.Window) {
			if len(r.Entities) == 0 {
				y.Spans = append(y.Spans, 0, 0)
				return
			}
			y.Spans = w.AnswerTarget(y.Spans, r.Entities[0].Start, r.Entities[0].End)
		}
	case model.TokensHead:
		spans := tagSpans(r, types)
		return func(y *model.Targets, w *model.Window) {
			places := make([]text.Span, len(w.Text.IDs)) // special tokens have none
			copy(places[w.Before:], w.Places)
			y.Tags.Append(model.TagsOf(nil, places, spans))
		}
	case model.MultiLabelHead:
		return func(y *model.Targets, _ *model.Window) { y.Labels.Append(r.Labels) }
	case model.RegressionHead:
		return func(y *model.Targets, _ *model.Window) { y.Scores = append(y.Scores, float32(r.Score)) }
	}
	return func(y *model.Targets, _ *model.Window) { y.Classes = append(y.Classes, int32(r.Class)) }
}

// tagSpans are the entities of a row as model.TagsOf takes them.
func tagSpans(r *data.Row, types map[string]int) []model.TagSpan {
	spans := make([]model.TagSpan, len(r.Entities))
	for i, s := range r.Entities {
		spans[i] = model.TagSpan{From: s.Start, To: s.End, Type: types[s.Label]}
	}
	return spans
}

// checkWindows refuses windows where a training could not learn from them.
func (c *Config) checkWindows() error {
	if w := c.Model.Windows.Join; w != model.JoinMean && w != model.JoinMax {
		return nil
	}
	const way = "set model.windows.join to cut, and raise model.max_tokens"
	switch {
	case c.Train.Optimizer == "dual":
		return hint.Errorf(way, "model.windows: the family %s reads n-grams of the whole text at once", c.Model.Family)
	case c.Model.Wide:
		return hint.Errorf(way, "model.windows: the n-grams of model.wide are those of the whole text")
	case c.Train.Freeze == "all" && c.Task != data.Answers && c.Task != data.Tags:
		return hint.Errorf("let a layer learn, or set model.windows.join to cut", "model.windows: a head that learns alone keeps one state a text")
	case len(c.Distill.Teacher) > 0:
		return hint.Errorf("set model.windows.join to cut", "model.windows: a teacher's answers are those about whole texts")
	}
	return nil
}

// expectSilence lets a model say that there is no answer, if that is so for some of the rows that it learns from.
func expectSilence(m *model.Model, rows []data.Row) {
	if m.Config.Head == model.AnswerHead && slices.ContainsFunc(rows, func(r data.Row) bool { return len(r.Answers) == 0 }) {
		m.Config.Thresholds = []float64{0}
	}
}

// chooseDoubt chooses on rows how much doubt means that there is no answer.
func (t *training) chooseDoubt(ctx context.Context, rows []data.Row) error {
	c := &t.model.Config
	if len(c.Thresholds) == 0 {
		return nil
	}
	before := c.Thresholds
	c.Thresholds = nil // the best answer of each, whatever the doubt
	said, err := t.answer(ctx, t.model, "calibrating", rows)
	c.Thresholds = before
	if err != nil {
		return err
	}
	asked := askedOf(rows, said.predictions)
	match := eval.MatcherOf(asked)
	var doubts, answered, none []float64
	for i, a := range asked {
		_, f1 := match.Best(a.Answers, a.Found)
		_, silent := match.Best(a.Answers, "")
		doubts, answered, none = append(doubts, said.predictions[i].Doubt), append(answered, f1), append(none, silent)
	}
	c.Thresholds = []float64{eval.NoAnswerThreshold(doubts, answered, none)}
	t.Note("there is no answer where none scores better by %.2f", c.Thresholds[0])
	return nil
}

func askedOf(rows []data.Row, predictions []model.Prediction) []eval.Asked {
	asked := make([]eval.Asked, len(rows))
	for i, r := range rows {
		best := predictions[i].Answers[0]
		asked[i] = eval.Asked{Answers: r.Answers, Found: best.Text, Probability: float64(best.Probability)}
	}
	return asked
}
