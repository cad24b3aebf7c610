package model

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Stack joins members by a model over what they say (Wolpert 1992, "Stacked Generalization"): of each label, the logit is
// the weighted sum of the members' own, and a bias. Members of one group, such as the models of the folds of one family,
// speak with one voice, their mean.
type Stack struct {
	Groups  []int       `json:"groups"`  // of each member
	Weights [][]float64 `json:"weights"` // [groups][labels], for head regression [groups][1]
	Biases  []float64   `json:"biases"`  // [labels]
}

// Stack makes an ensemble join its members so; nil goes back to their weights.
func (m *Model) Stack(s *Stack) error {
	if s == nil {
		m.Ensemble.Stack = nil
		return nil
	}
	outputs := len(m.Labels)
	groups := 0
	for _, g := range s.Groups {
		if g < 0 {
			groups = -1
			break
		}
		groups = max(groups, g+1)
	}
	sound := len(s.Groups) == len(m.Ensemble.Members) && groups == len(s.Weights) && len(s.Biases) == outputs
	for _, w := range append(s.Weights, s.Biases) {
		sound = sound && len(w) == outputs
		for _, v := range w {
			sound = sound && !math.IsNaN(v) && !math.IsInf(v, 0)
		}
	}
	switch {
	case m.Config.Head == TokensHead:
		return hint.Errorf("choose ensemble.weights: auto", "stacking is for labels of whole texts and numbers")
	case !sound:
		return hint.Errorf("join the models anew", "an ensemble of %d members and %d labels has a stack that does not fit", len(m.Ensemble.Members), outputs)
	}
	m.Ensemble.Stack, m.Config.Thresholds = s, nil // they were for other probabilities
	return nil
}

// StackInputs appends what a stack reads of the members' predictions of one text, [groups, labels]: logarithms of
// probabilities, log-odds of labels of which any number holds, or numbers. groups are those of the members.
func (m *Model) StackInputs(dst []float64, groups []int, said []Prediction) []float64 {
	outputs, first := len(m.Labels), len(dst)
	for i := range said {
		for len(dst) < first+(groups[i]+1)*outputs {
			dst = append(dst, 0)
		}
	}
	sizes := make([]float64, (len(dst)-first)/outputs)
	for i, s := range said {
		sizes[groups[i]]++
		row := dst[first+groups[i]*outputs:]
		if m.Config.Head == RegressionHead {
			row[0] += s.Score
		}
		for c, p := range s.Probabilities {
			row[m.Ensemble.classes[i][c]] += float64(p)
		}
	}
	for at := first; at < len(dst); at++ {
		v := dst[at] / sizes[(at-first)/outputs]
		switch m.Config.Head {
		case ClassHead:
			v = math.Log(max(v, leastProbability))
		case MultiLabelHead:
			v = min(max(v, leastProbability), 1-leastProbability)
			v = math.Log(v / (1 - v))
		}
		dst[at] = v
	}
	return dst
}

// joinStacked is Join by a stack.
func (e *Ensemble) joinStacked(m *Model, said []Prediction) Prediction {
	outputs := len(m.Labels)
	in := m.StackInputs(nil, e.Stack.Groups, said)
	p := make([]float32, outputs)
	most := math.Inf(-1)
	logits := make([]float64, outputs)
	for c := range logits {
		logits[c] = e.Stack.Biases[c]
		for g, w := range e.Stack.Weights {
			logits[c] += w[c] * in[g*outputs+c]
		}
		most = max(most, logits[c])
	}
	if m.Config.Head == RegressionHead {
		return Prediction{Score: logits[0]}
	}
	sum, best := 0.0, 0
	for c, v := range logits {
		sum += math.Exp(v - most)
		if v > logits[best] {
			best = c
		}
	}
	out := Prediction{Class: best, Label: m.Labels[best], Probabilities: p}
	if m.Config.Head == MultiLabelHead {
		out.Labels = []string{}
	}
	for c, v := range logits {
		if m.Config.Head == ClassHead {
			p[c] = float32(math.Exp(v-most) / sum)
			continue
		}
		p[c] = float32(1 / (1 + math.Exp(-v)))
		if p[c] >= 0.5 {
			out.Labels = append(out.Labels, m.Labels[c])
		}
	}
	out.Probability = p[best]
	return out
}
