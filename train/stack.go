package train

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// stackStrength is how firmly the weights of a stack are held at those of an average, in examples: with few rows a stack is
// one, with many it is what they say.
const stackStrength = 5.0

// FitStack fits the model of a stack (model.Stack) on what members say of rows that they were not trained on: inputs,
// [rows, groups, labels], as Model.StackInputs gives them, and targets, [rows, labels]: 1 for labels that hold, or numbers.
// It minimises the cross-entropy of the head, or half the squared error as a share of the variance, by L-BFGS.
func FitStack(head string, inputs []float64, groups int, targets []float64, labels int) (weights [][]float64, biases []float64) {
	s := &stackFit{head: head, inputs: inputs, groups: groups, targets: targets, labels: labels, unit: 1}
	if head == model.RegressionHead {
		s.unit = variance(targets)
	}
	x := make([]float64, (groups+1)*labels)
	for i := range groups * labels {
		x[i] = 1 / float64(groups)
	}
	o := lbfgs{f: s.loss, memory: 10, most: 500, tolerance: 1e-6}
	o.minimise(x)
	for g := range groups {
		weights = append(weights, x[g*labels:(g+1)*labels])
	}
	return weights, x[groups*labels:]
}

func variance(v []float64) float64 {
	mean, square := 0.0, 0.0
	for _, x := range v {
		mean += x / float64(len(v))
	}
	for _, x := range v {
		square += (x - mean) * (x - mean) / float64(len(v))
	}
	return max(square, 1e-12)
}

type stackFit struct {
	head           string
	inputs         []float64 // [rows, groups, labels]
	targets        []float64 // [rows, labels]
	groups, labels int
	unit           float64 // of squared errors
}

// loss returns the value at x, [groups+1, labels], of which the last row are biases, and fills the gradient.
func (s *stackFit) loss(x, gradient []float64) float64 {
	k := s.labels
	biases, slope := x[s.groups*k:], gradient[s.groups*k:]
	value := 0.0
	clear(gradient)
	logits, d := make([]float64, k), make([]float64, k)
	for r := range len(s.targets) / k {
		in, y := s.inputs[r*s.groups*k:(r+1)*s.groups*k], s.targets[r*k:(r+1)*k]
		for c := range logits {
			logits[c] = biases[c]
			for g := range s.groups {
				logits[c] += x[g*k+c] * in[g*k+c]
			}
		}
		value += s.row(logits, y, d)
		for c, v := range d {
			slope[c] += v
			for g := range s.groups {
				gradient[g*k+c] += v * in[g*k+c]
			}
		}
	}
	for i := range s.groups * k {
		away := x[i] - 1/float64(s.groups)
		value += stackStrength / 2 * away * away
		gradient[i] += stackStrength * away
	}
	if s.head != model.RegressionHead {
		for c, b := range biases {
			value += stackStrength / 2 * b * b
			slope[c] += stackStrength * b
		}
	}
	return value
}

// row returns the loss of one row and sets d to its gradient by the logits.
func (s *stackFit) row(logits, y, d []float64) float64 {
	value := 0.0
	switch s.head {
	case model.RegressionHead:
		for c, v := range logits {
			d[c] = (v - y[c]) / s.unit
			value += (v - y[c]) * (v - y[c]) / (2 * s.unit)
		}
	case model.MultiLabelHead:
		for c, v := range logits {
			d[c] = 1/(1+math.Exp(-v)) - y[c]
			value += max(v, 0) - v*y[c] + math.Log1p(math.Exp(-math.Abs(v)))
		}
	default:
		most, sum := math.Inf(-1), 0.0
		for _, v := range logits {
			most = max(most, v)
		}
		for _, v := range logits {
			sum += math.Exp(v - most)
		}
		for c, v := range logits {
			d[c] = math.Exp(v-most)/sum - y[c]
			value -= y[c] * (v - most - math.Log(sum))
		}
	}
	return value
}
