package train

import (
	"context"
	"testing"
)

// Where words tell nothing of the class, a model remembers which text had which; the network must not be told so. Where
// they tell all, it must be told that.
func TestTheNetworkLearnsBesideScoresOfModelsThatDidNotSeeTheText(t *testing.T) {
	for _, telling := range []bool{false, true} {
		m, train, valid, _ := build(t, "mlp+wide")
		y := train.Targets.Classes
		if !telling {
			for i, from := range permutation(nil, len(y), 5, 0) {
				y[i], y[from] = y[from], y[i]
			}
		}
		tr, err := New(m, train, valid, config())
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.fitWide(context.Background()); err != nil {
			t.Fatal(err)
		}
		own := newDual(m, m.Linear(), train, tr.loss)
		given, remembered := 0, 0
		for i, class := range y {
			if s := train.Input.Given[2*i : 2*i+2]; (s[1] > s[0]) == (class == 1) {
				given++
			}
			lo, hi := own.rows.Offsets[i], own.rows.Offsets[i+1]
			if own.score(own.rows.Index[lo:hi], own.rows.Value[lo:hi]); (own.scores[1] > own.scores[0]) == (class == 1) {
				remembered++
			}
		}
		n := float64(len(y))
		if right := float64(given) / n; telling != (right > 0.9) || !telling && right > 0.6 {
			t.Errorf("words that tell the class: %v; %.2f of the given scores are right", telling, right)
		}
		if right := float64(remembered) / n; right < 0.65 {
			t.Errorf("words that tell the class: %v; only %.2f are right of the model that saw all", telling, right)
		}
	}
}
