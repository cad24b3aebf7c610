package xiaoyu

import (
	"context"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// What task qa means: a question about a text, and the stretch of the text that answers it, or none.

// readers hold what differs from the families' presets for task qa.
var readers = map[string]string{"model.windows.join": model.JoinMax, "model.windows.stride": "128", "model.max_tokens": "384"}

// suitAnswers refuses families that score no tokens, and has long texts read in windows.
func (c *Config) suitAnswers() error {
	if !slices.Contains(model.TokenFamilies(), c.Model.Family) {
		return hint.Errorf("choose one of them with --model: "+strings.Join(model.TokenFamilies(), ", "), "task qa: the family %s has no states of tokens, of which an answer is made", c.Model.Family)
	}
	c.Model.Pair = true
	return c.suit(readers)
}

// encodeWindows appends the windows of a row that is not read as one sequence.
func (t *training) encodeWindows(set *train.Set, m *model.Model, number int, r *data.Row, target func(y *model.Targets, w *model.Window)) (windows int) {
	y := &set.Targets
	for w := range m.Windows(r.Text, r.Pair, m.Config.OfTokens()) {
		m.Append(&set.Input, w.Sample)
		target(y, &w)
		set.AddWindow(number)
		windows++
	}
	return windows
}

// answerTarget appends where in a window the first answer of a row is.
func answerTarget(r *data.Row) func(y *model.Targets, w *model.Window) {
	return func(y *model.Targets, w *model.Window) {
		if len(r.Entities) == 0 {
			y.Spans = append(y.Spans, 0, 0)
			return
		}
		y.Spans = w.AnswerTarget(y.Spans, r.Entities[0].Start, r.Entities[0].End)
	}
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
