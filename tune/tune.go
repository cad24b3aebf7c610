// Package tune searches for good settings: it proposes some, has them tried, learns from what came out, and proposes
// better ones.
//
// A [Space] says which settings there are: numbers in a range, on a plain or a logarithmic scale, whole or in steps, and
// choices; a setting may depend on another's value. A [Sampler] proposes: [Random], or [TPE], which looks where good
// trials are dense and bad ones rare. A pruner, [ASHA], ends a trial early whose figures after a few epochs are among
// the worse ones. A [Study] holds it together: it runs trials, several at once, and writes each event to a log, so that
// a search that was killed goes on where it was.
//
//	space, err := tune.ParseSpace(map[string]string{"rate": "log:1e-4..1e-1", "layers": "1..4"})
//	study, err := tune.Create("studies/first", tune.Plan{Space: space, Objectives: []tune.Objective{{Name: "accuracy", Maximise: true}}})
//	defer study.Close()
//	err = study.Run(ctx, tune.RunOptions{Trials: 50}, func(ctx context.Context, a *tune.Attempt) (tune.Outcome, error) {
//		… // train with a.Params; a.Report after each epoch
//	})
//	best := study.Best()
//
// The package knows nothing of models: what a trial does is its caller's work. [Importance] tells afterwards which
// settings mattered, and [Page] shows a study as a web page.
package tune

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// State is how a trial stands.
type State string

// The states of a trial.
const (
	Waiting  State = "waiting"  // its settings are chosen, it has not begun
	Running  State = "running"  // it has begun, and has not ended or was interrupted
	Complete State = "complete" // it has a value for each objective
	Pruned   State = "pruned"   // it was given up early
	Failed   State = "failed"   // it ended with an error
)

// Objective is a figure that is looked for at its highest or its lowest.
type Objective struct {
	Name     string `json:"name"`
	Maximise bool   `json:"maximise"`
}

// loss turns a value into one that is the better the lower.
func (o Objective) loss(v float64) float64 {
	if o.Maximise {
		return -v
	}
	return v
}

// Trial is one try of settings.
type Trial struct {
	Number  int                `json:"number"` // from 1
	State   State              `json:"state"`
	Params  map[string]string  `json:"params"`           // by name of the Param; those that do not apply are absent
	Values  []float64          `json:"values,omitempty"` // one an objective, of complete trials
	Steps   []Step             `json:"steps,omitempty"`  // figures on the way, rising by Step.At
	Facts   map[string]float64 `json:"facts,omitempty"`  // what else there is to know
	Note    string             `json:"note,omitempty"`   // where the settings came from, or why the trial ended
	Seconds float64            `json:"seconds"`          // that it took, interruptions left out
	Start   time.Time          `json:"start,omitzero"`
}

// Step is a figure of the first objective while a trial goes on.
type Step struct {
	At    int     `json:"at"` // such as an epoch, from 1
	Value float64 `json:"value"`
}

// losses returns the trial's values, the lower the better; nil unless it is complete.
func (t *Trial) losses(objectives []Objective) []float64 {
	if t.State != Complete || len(t.Values) != len(objectives) {
		return nil
	}
	out := make([]float64, len(objectives))
	for i, o := range objectives {
		out[i] = o.loss(t.Values[i])
		if math.IsNaN(out[i]) {
			out[i] = math.Inf(1)
		}
	}
	return out
}

// Ranked returns the trials from the best to the worst: complete ones by their value, or by dominance where there are
// several objectives, then pruned ones, those that came far first, then the others.
func Ranked(trials []Trial, objectives []Objective) []Trial {
	var complete, rest []Trial
	var losses [][]float64
	for _, t := range trials {
		if l := t.losses(objectives); l != nil {
			complete, losses = append(complete, t), append(losses, l)
		} else {
			rest = append(rest, t)
		}
	}
	var out []Trial
	for _, i := range order(losses) {
		out = append(out, complete[i])
	}
	last := func(t *Trial) Step {
		if t.State != Pruned || len(t.Steps) == 0 {
			return Step{At: -1}
		}
		return t.Steps[len(t.Steps)-1]
	}
	slices.SortStableFunc(rest, func(a, b Trial) int {
		x, y := last(&a), last(&b)
		return cmp.Or(cmp.Compare(y.At, x.At), cmp.Compare(objectives[0].loss(x.Value), objectives[0].loss(y.Value)))
	})
	return append(out, rest...)
}
