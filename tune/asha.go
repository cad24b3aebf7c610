package tune

import "slices"

// ASHA is asynchronous successive halving (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning"), in
// the form that stops trials: at 1, η, η², … epochs, times Least, a trial goes on only if it is among the best share of
// 1/η of all trials that came so far. Nobody waits for the others, so that trials run side by side.
type ASHA struct {
	Least int // epochs before the first decision; 0 for 2
	Eta   int // 0 for 3
}

// Prune tells whether a trial that has just reported its last step should end, given all trials of the study. A trial
// counts at a rung with its best figure so far.
func (a ASHA) Prune(objective Objective, t *Trial, all []Trial) bool {
	eta, rung := max(a.Eta, 2), a.Least
	if a.Eta == 0 {
		eta = 3
	}
	if rung < 1 {
		rung = 2
	}
	if len(t.Steps) == 0 {
		return false
	}
	at := t.Steps[len(t.Steps)-1].At
	for ; rung < at; rung *= eta {
	}
	if rung != at {
		return false
	}
	own, _ := t.bestUntil(objective, rung)
	rivals := []float64{own}
	for i := range all {
		if all[i].Number == t.Number {
			continue
		}
		if v, ok := all[i].bestUntil(objective, rung); ok {
			rivals = append(rivals, v)
		}
	}
	slices.Sort(rivals)
	return own > rivals[max(len(rivals)/eta, 1)-1]
}

// bestUntil returns the trial's lowest loss up to a step, and false if it did not come so far.
func (t *Trial) bestUntil(o Objective, step int) (best float64, reached bool) {
	for i, s := range t.Steps {
		if s.At > step {
			break
		}
		if v := o.loss(s.Value); i == 0 || v < best {
			best = v
		}
		reached = s.At == step
	}
	return best, reached
}
