package eval

import (
	"math"
	"slices"
	"testing"
)

func TestCosinesAreJudgedByTheirOrder(t *testing.T) {
	truth := []float64{0.1, 0.5, 0.9, 0.3}
	r, err := JudgeSimilarity(truth, []float64{0.80, 0.84, 0.99, 0.81}, Options{Rounds: 50, Mistakes: 1})
	if err != nil {
		t.Fatal(err)
	}
	if main := r.Main(); main.Key != "spearman" || math.Abs(main.Value-1) > 1e-12 {
		t.Errorf("%+v for cosines in the right order", main)
	}
	if _, ok := r.More["mae"]; ok {
		t.Error("an error in units of the truth, which cosines do not have")
	}
	if i, ok := r.Intervals["spearman"]; !ok || i.High > 1 {
		t.Errorf("interval %+v, %v", i, ok)
	}
}

func TestPairsThatAreTheSameOrNotAreCounted(t *testing.T) {
	truth, cosines := []float64{1, 1, 0, 0, 1}, []float64{0.9, 0.8, 0.7, 0.1, 0.2}
	r, err := JudgeSimilarity(truth, cosines, Options{Thresholds: []float64{0.5}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"pair_accuracy": 0.6, "pair_f1": 2. / 3, "roc_auc": 5. / 6, "pr_auc": (1 + 1 + 3./4) / 3}
	for key, v := range want {
		if math.Abs(r.More[key]-v) > 1e-12 {
			t.Errorf("%s is %v, want %v", key, r.More[key], v)
		}
	}
	if r, err = JudgeSimilarity(truth, cosines, Options{}); err != nil || r.More["pair_accuracy"] != 0 {
		t.Errorf("%v, accuracy %v without a threshold", err, r.More["pair_accuracy"])
	}
}

func TestEqualTruthsHaveNoOrder(t *testing.T) {
	r, err := JudgeSimilarity([]float64{1, 1}, []float64{0.3, 0.2}, Options{Rounds: 10})
	if err != nil || r.Main().Key != "spearman" || r.Main().Value != 0 {
		t.Errorf("%v, %+v", err, r.Figures())
	}
}

func TestRanksOfWhatBelongs(t *testing.T) {
	queries := []float32{1, 0, 0, 1, 1, 0}
	candidates := []float32{0.9, 0, 0.5, 0.4, 0.8, 0}
	if got := RanksOf(nil, queries, candidates, 2, nil); !slices.Equal(got, []int{1, 1, 2}) {
		t.Errorf("ranks %v", got)
	}
	// Candidates 0 and 2 are of one group: either is right for both queries.
	if got := RanksOf(nil, queries, candidates, 2, []int32{7, 8, 7}); !slices.Equal(got, []int{1, 1, 1}) {
		t.Errorf("ranks %v with groups", got)
	}
	// An encoder that says the same of everything has found nothing.
	if got := RanksOf(nil, make([]float32, 6), candidates, 2, nil); !slices.Equal(got, []int{3, 3, 3}) {
		t.Errorf("ranks %v of equal scores", got)
	}
}

func TestRetrievalIsJudgedByRanks(t *testing.T) {
	r, err := JudgeRetrieval([]int{1, 3, 12, 1}, 20, []string{"a", "b", "c", "d"}, Options{Texts: []string{"p", "q", "r", "s"}, Mistakes: 5, Rounds: 20})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{"recall_at_1": 0.5, "recall_at_5": 0.75, "recall_at_10": 0.75, "mrr": (1 + 1./3 + 1./12 + 1) / 4}
	for key, v := range want {
		if math.Abs(r.More[key]-v) > 1e-12 {
			t.Errorf("%s is %v, want %v", key, r.More[key], v)
		}
	}
	if len(r.Mistakes) != 2 || r.Mistakes[0].Text != "r" {
		t.Errorf("mistakes %+v, the worst first", r.Mistakes)
	}
	if _, err := JudgeRetrieval(nil, 0, nil, Options{}); err == nil {
		t.Error("no ranks were judged")
	}
}
