package train

import (
	"context"
	"math"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Scores are the figures of a part of the data.
type Scores struct {
	Loss    float64
	Main    float64 // the head's usual figure, see MainMetric
	MacroF1 float64 // of head class, else Main
}

// evaluated is how many examples are predicted at once.
const evaluated = 64

// MainMetric returns the name of the figure that models of a head are compared by; scored tells whether pairs have
// scores, for head embedding.
func MainMetric(head string, scored bool) string {
	switch head {
	case model.EmbeddingHead:
		if scored {
			return "spearman"
		}
		return "mrr"
	case model.MultiLabelHead:
		return "micro_f1"
	case model.RegressionHead:
		return "r2"
	case model.TokensHead:
		return "entity_f1"
	case model.AnswerHead:
		return "answer_f1"
	}
	return "accuracy"
}

// Evaluate predicts all of set and compares. There is a prediction for each example; of windows of texts one for each
// text, where a head says one thing of it.
func Evaluate(ctx context.Context, m *model.Model, set *Set, tape *nn.Tape) (Scores, []model.Prediction, error) {
	predictions := make([]model.Prediction, 0, set.Len())
	windows := newWindowed(m, set)
	var batch model.Input
	var targets model.Targets
	loss := 0.0
	var vectors []float32
	dim, ranked := 0, m.Config.Head == model.EmbeddingHead && len(set.Targets.Scores) == 0
	for from := 0; from < set.Len(); from += evaluated {
		if err := ctx.Err(); err != nil {
			return Scores{}, nil, err
		}
		batch.Reset()
		targets.Reset()
		batch.Each = set.Input.Each
		n := min(evaluated, set.Len()-from)
		for i := range n {
			m.AppendExample(&batch, &set.Input, from+i)
			targets.AppendExample(&set.Targets, from+i)
		}
		tape.Begin(nn.Inference, 0, 0)
		logits := m.Forward(tape, &batch)
		loss += float64(n) * float64(m.Head.Loss(tape, logits, &batch, &targets, model.Loss{}).Data[0])
		for i := range n {
			if windows != nil {
				windows.add(logits, &batch, i)
				continue
			}
			predictions = append(predictions, m.Head.Predict(logits, &batch, i))
		}
		if ranked {
			vectors, dim = append(vectors, logits.Data...), logits.Cols
		}
	}
	var s Scores
	var err error
	switch {
	case ranked:
		s = ranksOf(vectors, dim, set)
	case m.Config.Head == model.AnswerHead:
		s.Main = windows.answerF1()
		s.MacroF1 = s.Main
	case windows != nil:
		predictions = windows.predictions()
		fallthrough
	default:
		s, err = scores(m, set.truth(), predictions)
	}
	s.Loss = loss / float64(max(set.Len(), 1))
	return s, predictions, err
}

func scores(m *model.Model, y *model.Targets, predictions []model.Prediction) (Scores, error) {
	var main float64
	switch m.Config.Head {
	case model.MultiLabelHead:
		main = multiLabelF1(m.Labels, y, predictions)
	case model.RegressionHead:
		main = r2(y.Scores, predictions)
	case model.EmbeddingHead:
		main = spearman(y.Scores, predictions)
	case model.TokensHead:
		main = entityF1(y, predictions)
	default:
		targets, probabilities := classesOf(y, predictions)
		r, err := eval.Classify(m.Labels, targets, probabilities, eval.Options{})
		if err != nil {
			return Scores{}, err
		}
		return Scores{Main: r.Accuracy, MacroF1: r.MacroF1}, nil
	}
	return Scores{Main: main, MacroF1: main}, nil
}

// classesOf returns truth and predictions as package eval takes them.
func classesOf(y *model.Targets, predictions []model.Prediction) (targets []int, probabilities [][]float32) {
	for i, p := range predictions {
		targets, probabilities = append(targets, int(y.Classes[i])), append(probabilities, p.Probabilities)
	}
	return targets, probabilities
}

// f1 is the harmonic mean of precision and recall, 0 where there is nothing right.
func f1(right, predicted, wanted int) float64 {
	if right == 0 {
		return 0
	}
	return 2 * float64(right) / float64(predicted+wanted)
}

// ranksOf tells how well the first texts of pairs find the second ones among those of the set.
func ranksOf(vectors []float32, dim int, set *Set) Scores {
	if set.Len() == 0 {
		return Scores{}
	}
	unitRows(vectors, dim)
	first, second := pairRows(vectors, dim, set)
	mrr := eval.MeanReciprocalRank(eval.RanksOf(nil, first, second, dim, groupsOf(&set.Targets)))
	return Scores{Main: mrr, MacroF1: mrr}
}

// spearman is 0 where all cosines, or all scores, are equal.
func spearman(scores []float32, predictions []model.Prediction) float64 {
	truth, cosines := make([]float64, len(scores)), make([]float64, len(scores))
	for i, s := range scores {
		truth[i], cosines[i] = float64(s), predictions[i].Score
	}
	if r := eval.Spearman(truth, cosines); !math.IsNaN(r) {
		return r
	}
	return 0
}

func multiLabelF1(labels []string, y *model.Targets, predictions []model.Prediction) float64 {
	right, predicted, wanted := 0, 0, 0
	for i, p := range predictions {
		truth := map[string]bool{}
		for _, c := range y.Labels.Sequence(i) {
			truth[labels[c]] = true
		}
		for _, l := range p.Labels {
			if truth[l] {
				right++
			}
		}
		predicted, wanted = predicted+len(p.Labels), wanted+len(truth)
	}
	return f1(right, predicted, wanted)
}

// entityF1 counts an entity as right when its tokens and its type are.
func entityF1(y *model.Targets, predictions []model.Prediction) float64 {
	right, predicted, wanted := 0, 0, 0
	for i, p := range predictions {
		truth := map[model.TagSpan]bool{}
		for _, s := range model.TagSpans(y.Tags.Sequence(i)) {
			truth[s] = true
		}
		spans := model.TagSpans(p.Tags)
		for _, s := range spans {
			if truth[s] {
				right++
			}
		}
		predicted, wanted = predicted+len(spans), wanted+len(truth)
	}
	return f1(right, predicted, wanted)
}

// r2 is the share of the variance that is explained.
func r2(targets []float32, predictions []model.Prediction) float64 {
	mean, total, left := 0.0, 0.0, 0.0
	for _, t := range targets {
		mean += float64(t) / float64(len(targets))
	}
	for i, t := range targets {
		total += (float64(t) - mean) * (float64(t) - mean)
		left += (float64(t) - predictions[i].Score) * (float64(t) - predictions[i].Score)
	}
	if total == 0 {
		return 0
	}
	return 1 - left/total
}

// Latency measures how long a prediction of one example of the usual length takes, with the weights as they are: the
// least of a few tries, on one processor.
func Latency(m *model.Model, set *Set) time.Duration {
	in := &set.Input
	n := in.Tokens.Len() / set.Len() // sequences of an example
	length := func(i int) int { return int(in.Tokens.Offsets[(i+1)*n] - in.Tokens.Offsets[i*n]) }
	mean, usual := in.Tokens.Tokens()/set.Len(), 0
	for i := range set.Len() {
		if abs(length(i)-mean) < abs(length(usual)-mean) {
			usual = i
		}
	}
	var batch model.Input
	m.AppendExample(&batch, in, usual)
	batch.States = nil // what is known beforehand is not at hand in a prediction
	tape := nn.NewTape(nil)
	least := time.Duration(math.MaxInt64)
	for range 5 {
		start := time.Now()
		tape.Begin(nn.Inference, 0, 0)
		m.Forward(tape, &batch)
		least = min(least, time.Since(start))
	}
	return least
}
