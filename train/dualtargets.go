package train

import (
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// readTargets says what the score of each example and output should be, and how much that counts.
//
// A teacher's probability q that a class holds makes an example of both kinds: one that has the class, counting q, and
// one that has not, counting 1 − q. Of numbers, the truth is the one and what the teacher says the other.
func (d *dual) readTargets(m *model.Model, set *Set, loss model.Loss) {
	y := &set.Targets
	n := set.Len() * d.outputs
	d.sides = 1
	if len(y.Soft) > 0 {
		d.sides = 2
	}
	d.targets = make([]float32, d.sides*n)
	if loss.Weights != nil || len(y.Weights) > 0 || d.sides == 2 {
		d.weights = make([]float32, d.sides*n)
	}
	if d.numbers {
		d.readNumbers(m, y)
		return
	}
	holds := make([]bool, n)
	for i, c := range y.Classes {
		holds[i*d.outputs+int(c)] = true
	}
	for i := range y.Labels.Len() {
		for _, c := range y.Labels.Sequence(i) {
			holds[i*d.outputs+int(c)] = true
		}
	}
	for at, yes := range holds {
		weight := exampleWeight(y.Weights, at/d.outputs)
		switch {
		case loss.Weights == nil:
		case len(y.Classes) > 0: // a text's class is how much it counts for every output
			weight *= loss.Weights[y.Classes[at/d.outputs]]
		case yes:
			weight *= loss.Weights[at%d.outputs]
		}
		side := 0
		d.targets[at] = 1
		if d.sides == 2 {
			d.targets[n+at] = -1
			if !yes {
				side = n
			}
		} else if !yes {
			d.targets[at] = -1
		}
		if d.weights != nil {
			d.weights[side+at] = weight
		}
	}
	if d.sides == 2 {
		d.addTeacher(y, n, loss.Temperature)
	}
}

// addTeacher adds to the weights of both kinds of example what the teacher's probabilities say.
func (d *dual) addTeacher(y *model.Targets, n int, temperature float32) {
	q := make([]float32, d.outputs)
	for i := range n / d.outputs {
		copy(q, y.Soft[i*d.outputs:])
		if temperature > 0 {
			kernel.Scale(1/temperature, q)
		}
		if len(y.Classes) > 0 {
			kernel.Softmax(q, q)
		} else {
			kernel.Sigmoid(q, q)
		}
		weight := exampleWeight(y.SoftWeights, i)
		for c, p := range q {
			d.weights[i*d.outputs+c] += weight * p
			d.weights[n+i*d.outputs+c] += weight * (1 - p)
		}
	}
}

// readNumbers brings numbers to the scale of the model's head.
func (d *dual) readNumbers(m *model.Model, y *model.Targets) {
	mean, deviation := m.Params.Get("regressor.mean").Data[0], m.Params.Get("regressor.deviation").Data[0]
	n := len(y.Scores)
	for side, scores := range [][]float32{y.Scores, y.Soft} {
		weights := y.Weights
		if side == 1 {
			weights = y.SoftWeights
		}
		for i, s := range scores {
			d.targets[side*n+i] = (s - mean) / deviation
			if d.weights != nil {
				d.weights[side*n+i] = exampleWeight(weights, i)
			}
		}
	}
}

// exampleWeight is the i-th of weights, of which there may be none.
func exampleWeight(weights []float32, i int) float32 {
	if len(weights) == 0 {
		return 1
	}
	return weights[i]
}
