package xiaoyu

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// What a task means to each room is decided here: how a row's label becomes a target, and how predictions are judged.

// resolveTask turns the task auto into one that the data has, and tells the rooms.
func (c *Config) resolveTask(ctx context.Context) error {
	if err := c.Data.Resolve(ctx, c.Task); err != nil {
		return err
	}
	c.Task, c.Model.Head = c.Data.Task, c.Data.Task
	if c.Task == data.Classes {
		c.Model.Head = model.ClassHead
	}
	c.Model.Pair = c.Data.Pair != ""
	if err := c.suitFamily(ctx); err != nil {
		return err
	}
	if err := c.checkWindows(); err != nil {
		return err
	}
	if c.Model.Family == model.EncoderFamily && (c.Train.LoRA.Rank > 0 || c.Train.Bottleneck.Size > 0) {
		if err := c.suit(smallParts); err != nil {
			return err
		}
	}
	switch c.Task {
	case data.Tags:
		return c.suitTokens()
	case data.Answers:
		return c.suitAnswers()
	case data.Similarity:
		return c.suit(encoders[c.Model.Family])
	}
	return nil
}

// smallParts hold what differs from the preset where small parts learn beside an encoder that stays: they begin as nothing,
// and at the encoder's own rate hardly move.
var smallParts = map[string]string{"train.learning_rate": "0.0005"}

// suitHead changes what the family's preset says but a head that learns alone does better without: where it is one layer
// over states that stay what they are, its weights are solved.
func (c *Config) suitHead(m *model.Model, rows []data.Row) error {
	if c.Train.Freeze != "all" {
		return nil
	}
	taught := slices.ContainsFunc(rows, func(r data.Row) bool { return r.Opinion != nil || r.NoTruth })
	if taught || c.Train.Unfreeze > 0 || !m.HeadApart() {
		return c.suit(headAlone)
	}
	if m.Config.Sentence != nil && m.Config.Sentence.Normalize && m.Config.Pooling != model.OwnPooling {
		if err := c.suit(map[string]string{"model.normalize": "true"}); err != nil {
			return err
		}
		m.Config.Normalize = c.Model.Normalize
	}
	return c.suit(headSolved)
}

// headSolved holds what differs from a family's preset where the head's weights are solved.
var headSolved = map[string]string{"train.optimizer": "lbfgs", "train.epochs": "1"}

// headAlone holds what differs from a family's preset where the head alone learns by gradients, which costs next to
// nothing.
var headAlone = map[string]string{"train.epochs": "40", "train.batch_size": "32", "train.learning_rate": "0.003", "train.patience": "8", "train.group_by_length": "false"}

// taggers hold what differs from the families' presets where the task is to label tokens.
var taggers = map[string]map[string]string{
	"lstm":  recurrentTagger,
	"gru":   recurrentTagger,
	"rnn":   recurrentTagger,
	"cnn":   {"train.epochs": "12", "train.min_steps": "1000", "train.average": "0.999", "model.layers": "3", "model.word_dropout": "0.05"},
	"dwcnn": {"train.epochs": "12", "train.min_steps": "1000", "train.average": "0.999", "model.word_dropout": "0.05"},
}

var recurrentTagger = map[string]string{"train.epochs": "12", "train.min_steps": "1000", "train.average": "0.999", "train.patience": "4", "train.refit": "true",
	"model.dropout": "0.5", "model.embed_dropout": "0.5", "model.word_dropout": "0.05"}

// suitTokens refuses families that label no tokens, and changes what the family's preset says but a tagger does better
// without.
func (c *Config) suitTokens() error {
	if !model.HasTokens(c.Model.Family) {
		return hint.Errorf("choose one of them with --model: "+strings.Join(model.TokenFamilies(), ", "), "task tokens: the family %s has no states of tokens to label", c.Model.Family)
	}
	return c.suit(taggers[c.Model.Family])
}

// suit sets keys to values where the configuration has those of its family's preset, and nobody chose them.
func (c *Config) suit(values map[string]string) error {
	usual, err := Preset(c.Model.Family)
	if err != nil {
		return err
	}
	chosen := c.chosen
	set := func(key string) bool {
		now, _ := conf.Get(c, key)
		preset, _ := conf.Get(usual, key)
		return now != preset || slices.Contains(chosen, key)
	}
	epochs := set("train.epochs") // are as many as somebody says
	for key, value := range values {
		if set(key) || key == "train.min_steps" && epochs {
			continue
		}
		if err := conf.Set(c, key, value); err != nil {
			return err
		}
	}
	c.chosen = chosen
	return nil
}

// endsAtWords tells whether the entities of the first rows begin and end where whole tokens do, but for one in a hundred:
// in some data they are parts of words, as Berlin in Berlin-based.
func (c *Config) endsAtWords(rows []data.Row) bool {
	settings := c.Tokenizer
	settings.Kind = "whole"
	tok, err := text.Train(context.Background(), func(func(string) bool) {}, settings, nil) // its pre-tokenizer is all that counts
	if err != nil {
		return false
	}
	entities, cut := 0, 0
	for _, r := range rows[:min(len(rows), 1000)] {
		places := tok.Encode(r.Text).Spans
		for _, e := range r.Entities {
			entities++
			if slices.ContainsFunc(places, func(s text.Span) bool {
				return s.Start < e.Start && e.Start < s.End || s.Start < e.End && e.End < s.End
			}) {
				cut++
			}
		}
	}
	return 100*cut <= entities
}

// encode turns rows into what the network reads, with what the teacher says of those that are to be learnt from.
func (t *training) encode(rows []data.Row, learnt bool) *train.Set {
	return t.encodeFor(t.model, rows, learnt)
}

func (t *training) encodeFor(m *model.Model, rows []data.Row, learnt bool) *train.Set {
	set := &train.Set{}
	var e model.Sample
	means := newMeanings(rows)
	types := map[string]int{}
	for i, name := range m.Types() {
		types[name] = i
	}
	var tags []int32
	taught := learnt && slices.ContainsFunc(rows, func(r data.Row) bool { return r.Opinion != nil || r.NoTruth })
	for i := range rows {
		y, r := &set.Targets, &rows[i]
		if m.Config.Windowed() {
			t.encodeWindows(set, m, i, r, windowTarget(m, r, types))
			if t.encoded++; t.encoded%256 == 0 {
				t.Progress(t.encoded, "")
			}
			continue
		}
		switch m.Config.Head {
		case model.TokensHead:
			m.EncodeAligned(&set.Input, &e, r.Text, "")
			tags = model.TagsOf(tags[:0], e.Text.Spans, tagSpans(r, types))
			y.Tags.Append(tags)
		case model.MultiLabelHead:
			m.Encode(&set.Input, &e, r.Text, r.Pair)
			y.Labels.Append(r.Labels)
		case model.EmbeddingHead:
			t.encodePair(set, &e, r, means)
		case model.RegressionHead:
			m.Encode(&set.Input, &e, r.Text, r.Pair)
			y.Scores = append(y.Scores, float32(r.Score))
		default:
			m.Encode(&set.Input, &e, r.Text, r.Pair)
			y.Classes = append(y.Classes, int32(r.Class))
		}
		if e.Text.Dropped+e.Pair.Dropped > 0 {
			t.cut++
		}
		if taught {
			t.softTarget(y, r, e.Text.Spans)
		}
		set.Add()
		if t.encoded++; t.encoded%256 == 0 {
			t.Progress(t.encoded, "")
		}
	}
	t.Progress(t.encoded, "")
	return set
}

// examples yields rows as a network chooses its features from them.
func (c *Config) examples(rows []data.Row, tok *text.Tokenizer) iter.Seq[model.Example] {
	return func(yield func(model.Example) bool) {
		var a, b text.Encoding
		e := model.Example{Text: &a, Pair: &b}
		for _, row := range rows {
			e.Source, e.Second = row.Text, row.Pair
			tok.EncodeTo(&a, row.Text)
			a.Cut(c.Model.MaxTokens)
			tok.EncodeTo(&b, row.Pair)
			b.Cut(c.Model.MaxTokens)
			switch c.Model.Head {
			case model.ClassHead:
				e.Classes = append(e.Classes[:0], int32(row.Class))
			case model.MultiLabelHead:
				e.Classes = row.Labels
			}
			if !yield(e) {
				return
			}
		}
	}
}

// minCalibration is how many validation examples make a temperature or a threshold worth choosing.
const minCalibration = 50

// calibrate chooses temperature and thresholds on the validation part.
func (t *training) calibrate(ctx context.Context) error {
	rows := t.set.Parts[data.Validation]
	if !t.config.Eval.Calibrate || len(rows) < minCalibration {
		return nil
	}
	if t.model.Config.Head == model.AnswerHead {
		return t.chooseDoubt(ctx, rows)
	}
	if head := t.model.Config.Head; head != model.ClassHead && head != model.MultiLabelHead && (head != model.EmbeddingHead || unscored(rows)) {
		return nil
	}
	t.Stage("calibrating", int64(len(rows)), "texts")
	t.encoded = 0
	set := t.encode(rows, false)
	if err := t.know(ctx, set); err != nil {
		return err
	}
	_, predictions, err := train.Evaluate(ctx, t.model, set, nn.NewTape(nil))
	if err != nil {
		return err
	}
	if t.model.Config.Head == model.EmbeddingHead {
		t.chooseThreshold(set, predictions)
		return nil
	}
	probabilities := make([][]float32, len(rows))
	for i, p := range predictions {
		probabilities[i] = p.Probabilities
	}
	c := &t.model.Config
	switch c.Head {
	case model.ClassHead:
		targets := make([]int, len(rows))
		for i, r := range rows {
			targets[i] = r.Class
		}
		c.Temperature = eval.Temperature(targets, probabilities)
		t.Note("probabilities are calibrated by a temperature of %.2f", c.Temperature)
	case model.MultiLabelHead:
		c.Thresholds = make([]float64, len(t.model.Labels))
		for l := range c.Thresholds {
			holds, p := make([]bool, len(rows)), make([]float64, len(rows))
			for i, r := range rows {
				holds[i], p[i] = slices.Contains(r.Labels, int32(l)), float64(probabilities[i][l])
			}
			c.Thresholds[l] = eval.Threshold(holds, p)
		}
		t.Note("a threshold was chosen for each label: %.2f to %.2f", slices.Min(c.Thresholds), slices.Max(c.Thresholds))
	}
	return nil
}

// answers are what a model says of rows.
type answers struct {
	predictions []model.Prediction
	vectors     *embedded // in their place, for head embedding
}

// answer asks a model about rows.
func answer(ctx context.Context, m *model.Model, rows []data.Row, progress func(done int)) (*answers, error) {
	if m.Config.Head == model.EmbeddingHead {
		vectors, err := embedRows(ctx, m, rows, progress)
		return &answers{vectors: vectors}, err
	}
	queries := func(yield func(model.Query) bool) {
		for _, row := range rows {
			if !yield(model.Query{Text: row.Text, Pair: row.Pair}) {
				return
			}
		}
	}
	a := &answers{}
	for p, err := range m.PredictAll(ctx, queries) {
		if err != nil {
			return nil, err
		}
		a.predictions = append(a.predictions, p.Prediction)
		progress(len(a.predictions))
	}
	return a, nil
}

// judge compares what was said with the rows that it was said of.
func (a *answers) judge(m *model.Model, rows []data.Row, o eval.Options) (*eval.Report, error) {
	if a.vectors != nil {
		o.Thresholds = m.Config.Thresholds
		return a.vectors.judge(rows, o)
	}
	return judgeRows(m, rows, a.predictions, o)
}

// of is what was said of some of the rows.
func (a *answers) of(rows []int) *answers {
	if a.vectors != nil {
		return &answers{vectors: a.vectors.of(rows)}
	}
	some := &answers{}
	for _, i := range rows {
		some.predictions = append(some.predictions, a.predictions[i])
	}
	return some
}

// judge compares what a model said with the rows that it was said of, as a whole and by the values of each column of
// slices.
func judge(m *model.Model, rows []data.Row, said *answers, columns []string, o eval.Options) (*eval.Report, error) {
	o.Texts = make([]string, len(rows))
	for i, r := range rows {
		switch o.Texts[i] = r.Text; {
		case m.Config.Head == model.AnswerHead:
			o.Texts[i] = r.Pair + " ⇄ " + r.Text
		case r.Pair != "":
			o.Texts[i] += " ⇄ " + r.Pair
		}
	}
	report, err := said.judge(m, rows, o)
	if err != nil {
		return nil, err
	}
	o.Mistakes, o.Rounds, o.Texts = 0, min(o.Rounds, 200), nil
	for at, column := range columns {
		for value, members := range groups(rows, at) {
			var some []data.Row
			for _, i := range members {
				some = append(some, rows[i])
			}
			part, err := said.of(members).judge(m, some, o)
			if err != nil {
				return nil, err
			}
			report.Slices = append(report.Slices, part.AsSlice(column, value))
		}
	}
	slices.SortFunc(report.Slices, func(a, b eval.Slice) int {
		return cmp.Or(cmp.Compare(a.Column, b.Column), cmp.Compare(b.N, a.N), cmp.Compare(a.Value, b.Value))
	})
	return report, nil
}

// maxSlices bounds the slices of one column: one of free text or of numbers has as many values as rows.
const maxSlices = 200

// groups returns the numbers of the rows by their value in a column of slices. Of more than maxSlices values the rarest
// are one group.
func groups(rows []data.Row, at int) map[string][]int {
	out := map[string][]int{}
	for i, r := range rows {
		if at < len(r.Slices) {
			out[r.Slices[at]] = append(out[r.Slices[at]], i)
		}
	}
	if len(out) <= maxSlices {
		return out
	}
	values := slices.SortedFunc(maps.Keys(out), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(out[b]), len(out[a])), cmp.Compare(a, b))
	})
	rest := fmt.Sprintf("(%d others)", len(values)-maxSlices)
	var members []int
	for _, v := range values[maxSlices:] {
		members = append(members, out[v]...)
		delete(out, v)
	}
	out[rest] = members
	return out
}

func judgeRows(m *model.Model, rows []data.Row, predictions []model.Prediction, o eval.Options) (*eval.Report, error) {
	if len(rows) != len(predictions) {
		return nil, fmt.Errorf("evaluating: %d rows, %d predictions", len(rows), len(predictions))
	}
	o.Temperature, o.Thresholds = m.Config.Temperature, m.Config.Thresholds
	switch m.Config.Head {
	case model.MultiLabelHead:
		return judgeSets(m, rows, predictions, o)
	case model.RegressionHead:
		targets, scores := make([]float64, len(rows)), make([]float64, len(rows))
		for i, r := range rows {
			targets[i], scores[i] = r.Score, predictions[i].Score
		}
		return eval.JudgeNumbers(targets, scores, o)
	case model.AnswerHead:
		return eval.JudgeAnswers(askedOf(rows, predictions), o)
	case model.TokensHead:
		targets, found := make([][]eval.Span, len(rows)), make([][]eval.Span, len(rows))
		for i, r := range rows {
			for _, s := range r.Entities {
				targets[i] = append(targets[i], eval.Span{Start: s.Start, End: s.End, Label: s.Label})
			}
			for _, s := range predictions[i].Entities {
				found[i] = append(found[i], eval.Span{Start: s.Start, End: s.End, Label: s.Label, Probability: float64(s.Probability)})
			}
		}
		return eval.JudgeEntities(m.Types(), targets, found, o)
	}
	targets, probabilities := make([]int, len(rows)), make([][]float32, len(rows))
	for i, r := range rows {
		targets[i], probabilities[i] = r.Class, predictions[i].Probabilities
	}
	return eval.Classify(m.Labels, targets, probabilities, o)
}

func judgeSets(m *model.Model, rows []data.Row, predictions []model.Prediction, o eval.Options) (*eval.Report, error) {
	number := map[string]int{}
	for i, l := range m.Labels {
		number[l] = i
	}
	targets, found, probabilities := make([][]int, len(rows)), make([][]int, len(rows)), make([][]float32, len(rows))
	for i, r := range rows {
		for _, c := range r.Labels {
			targets[i] = append(targets[i], int(c))
		}
		for _, l := range predictions[i].Labels {
			found[i] = append(found[i], number[l])
		}
		probabilities[i] = predictions[i].Probabilities
	}
	return eval.JudgeSets(m.Labels, targets, found, probabilities, o)
}
