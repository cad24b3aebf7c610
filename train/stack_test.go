package train

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// A stack finds which member knows which label, where their average is led astray.
func TestAStackLearnsWhomToTrustWithWhat(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const labels, groups = 3, 2
	said := func(n int) (inputs, targets []float64, classes []int) {
		for range n {
			y := rng.IntN(labels)
			row := make([]float64, groups*labels)
			for c := range labels {
				targets = append(targets, 0)
				// Group 0 knows label 0 from the others and nothing else, group 1 tells 1 from 2; both are loud where they
				// know nothing.
				row[c], row[labels+c] = 3*rng.NormFloat64(), 3*rng.NormFloat64()
			}
			row[0], row[labels+1], row[labels+2] = rng.NormFloat64(), rng.NormFloat64(), rng.NormFloat64()
			if y == 0 {
				row[0] += 6
			} else {
				row[labels+y] += 4
			}
			targets[len(targets)-labels+y] = 1
			inputs, classes = append(inputs, row...), append(classes, y)
		}
		return inputs, targets, classes
	}
	inputs, targets, _ := said(2000)
	weights, biases := FitStack(model.ClassHead, inputs, groups, targets, labels)
	if !(weights[0][0] > 3*math.Abs(weights[1][0]) && weights[1][1] > 3*math.Abs(weights[0][1]) && weights[1][2] > 3*math.Abs(weights[0][2])) {
		t.Errorf("weights %.2f", weights)
	}
	inputs, _, classes := said(2000)
	right := [2]float64{}
	for i, y := range classes {
		in := inputs[i*groups*labels:]
		var best [2]int
		var top = [2]float64{math.Inf(-1), math.Inf(-1)}
		for c := range labels {
			for kind, v := range []float64{weights[0][c]*in[c] + weights[1][c]*in[labels+c] + biases[c], in[c] + in[labels+c]} {
				if v > top[kind] {
					best[kind], top[kind] = c, v
				}
			}
		}
		for kind := range best {
			if best[kind] == y {
				right[kind] += 1 / float64(len(classes))
			}
		}
	}
	if right[0] < right[1]+0.1 {
		t.Errorf("%.3f are right, of the average %.3f", right[0], right[1])
	}
}

func TestGradientsOfAStack(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, head := range []string{model.ClassHead, model.MultiLabelHead, model.RegressionHead} {
		const rows, groups = 7, 2
		labels := 3
		if head == model.RegressionHead {
			labels = 1
		}
		s := &stackFit{head: head, groups: groups, labels: labels, unit: 2}
		for range rows {
			for c := range labels {
				s.targets = append(s.targets, float64((c+len(s.targets)/labels)%labels/max(labels-1, 1)))
			}
			for range groups * labels {
				s.inputs = append(s.inputs, rng.NormFloat64())
			}
		}
		x, g := make([]float64, (groups+1)*labels), make([]float64, (groups+1)*labels)
		for i := range x {
			x[i] = rng.NormFloat64()
		}
		s.loss(x, g)
		for i := range x {
			const h = 1e-5
			y := append([]float64(nil), x...)
			spare := make([]float64, len(x))
			y[i] += h
			up := s.loss(y, spare)
			y[i] -= 2 * h
			down := s.loss(y, spare)
			if want := (up - down) / (2 * h); math.Abs(want-g[i]) > 1e-5*max(1, math.Abs(want)) {
				t.Errorf("head %q, number %d: gradient %g, by differences %g", head, i, g[i], want)
			}
		}
	}
	// With few rows a stack is an average.
	weights, _ := FitStack(model.ClassHead, []float64{0, -1, -0.5, -0.6}, 2, []float64{1, 0}, 2)
	for _, w := range weights {
		for _, v := range w {
			if math.Abs(v-0.5) > 0.1 {
				t.Errorf("weights %v of one row", weights)
			}
		}
	}
}
