package distill

import (
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Predict returns what a teacher's opinion of a text comes to, as a student with these labels would say it: the opinion
// is one that Ask has put in their order.
func Predict(a *About, labels []string, s string, o *data.Opinion) model.Prediction {
	p := model.Prediction{Probabilities: Probabilities(a.Head, o.Logits)}
	switch a.Head {
	case model.RegressionHead:
		return model.Prediction{Score: float64(o.Logits[0])}
	case model.TokensHead:
		return model.Prediction{Entities: model.EntitiesOf(s, o.Logits, o.Places, labels)}
	case model.MultiLabelHead:
		p.Labels = []string{}
		for c, v := range p.Probabilities {
			least := 0.5
			if at := slices.Index(a.Labels, labels[c]); at < len(a.Thresholds) {
				least = a.Thresholds[at]
			}
			if float64(v) >= least {
				p.Labels = append(p.Labels, labels[c])
			}
		}
	}
	p.Class = kernel.ArgMax(p.Probabilities)
	p.Label, p.Probability = labels[p.Class], p.Probabilities[p.Class]
	return p
}

// Probabilities are those that logits stand for, of one of several classes or of labels of which any number holds;
// numbers are themselves.
func Probabilities(head string, logits []float32) []float32 {
	out := slices.Clone(logits)
	switch head {
	case model.ClassHead:
		kernel.Softmax(out, out)
	case model.MultiLabelHead:
		for c, v := range out {
			out[c] = float32(1 / (1 + math.Exp(-float64(v))))
		}
	}
	return out
}
