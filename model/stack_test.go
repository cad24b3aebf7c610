package model

import (
	"context"
	"math"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func TestAStackOfOneWeightIsAnAverageOfLogarithms(t *testing.T) {
	ab, ba := []string{"a", "b"}, []string{"b", "a"}
	m := joined(ClassHead, ab, []float64{0.5, 0.25, 0.25}, false, ab, ba, ab)
	s := &Stack{Groups: []int{0, 1, 1}, Weights: [][]float64{{1, 1}, {0.5, 0.5}}, Biases: []float64{0.2, 0}}
	if err := m.Stack(s); err != nil {
		t.Fatal(err)
	}
	said := []Prediction{class(ab, 0.6, 0.4), class(ba, 0.9, 0.1), class(ab, 0.3, 0.7)}
	got := m.Ensemble.Join(m, said)
	// The second group says a with (0.1 + 0.3)/2.
	odds := math.Log(0.6/0.4) + 0.5*math.Log(0.2/0.8) + 0.2
	if want := 1 / (1 + math.Exp(-odds)); math.Abs(float64(got.Probabilities[0])-want) > 1e-6 || got.Label != "b" && want < 0.5 || got.Probability != max(got.Probabilities[0], got.Probabilities[1]) {
		t.Errorf("%+v, want a with %.4f", got, want)
	}
	sets := joined(MultiLabelHead, ab, []float64{0.5, 0.5}, false)
	if err := sets.Stack(&Stack{Groups: []int{0, 1}, Weights: [][]float64{{1, 0}, {0, 1}}, Biases: []float64{0, 0}}); err != nil {
		t.Fatal(err)
	}
	set := sets.Ensemble.Join(sets, []Prediction{{Probabilities: []float32{0.7, 0.1}}, {Probabilities: []float32{0.2, 0.4}}})
	if !reflect.DeepEqual(set.Labels, []string{"a"}) || math.Abs(float64(set.Probabilities[1])-0.4) > 1e-6 {
		t.Errorf("%+v", set)
	}
	number := joined(RegressionHead, []string{"score"}, []float64{0.5, 0.5}, false)
	if err := number.Stack(&Stack{Groups: []int{0, 1}, Weights: [][]float64{{2}, {-1}}, Biases: []float64{3}}); err != nil {
		t.Fatal(err)
	}
	if p := number.Ensemble.Join(number, []Prediction{{Score: 5}, {Score: 4}}); p.Score != 9 {
		t.Errorf("%+v", p)
	}
}

func TestAStackIsPackedAndOneThatDoesNotFitRefused(t *testing.T) {
	m, err := NewEnsemble([]*Model{small(t, "mlp"), small(t, "ngram")}, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	s := &Stack{Groups: []int{0, 1}, Weights: [][]float64{{1, 0.5, 0}, {0, 2, -1}}, Biases: []float64{0, 0.1, -0.1}}
	if err := m.Stack(s); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := m.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Package.Close()
	want, _ := m.Predict(context.Background(), texts)
	got, err := again.Predict(context.Background(), texts)
	if err != nil || !reflect.DeepEqual(got, want) || !reflect.DeepEqual(again.Ensemble.Stack, s) {
		t.Errorf("%v, want %v (%v)", got, want, err)
	}
	for name, bad := range map[string]*Stack{
		"a member less": {[]int{0}, [][]float64{{1, 1, 1}}, []float64{0, 0, 0}},
		"no group":      {[]int{0, -1}, [][]float64{{1, 1, 1}}, []float64{0, 0, 0}},
		"another width": {[]int{0, 1}, [][]float64{{1, 1}, {1, 1}}, []float64{0, 0, 0}},
		"not a number":  {[]int{0, 0}, [][]float64{{1, math.NaN(), 1}}, []float64{0, 0, 0}},
	} {
		if err := m.Stack(bad); err == nil || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
