package compress

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// student puts a fresh model of another family in the place of the model, taught by what the original says of the examples
// (Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural Network"). Moves after it, and the training that makes
// up for them, are the student's.
type student string

func (s student) String() string { return "student=" + string(s) }

func (s student) Apply(ctx context.Context, _ *model.Model, w *Work) (*model.Model, error) {
	if w.Student == nil {
		return nil, needsData(s.String())
	}
	return w.Student(ctx, string(s))
}

// studentAxis has the families whose models an encoder or a transformer may teach, with moves that make those smaller still.
// They are far smaller and faster, and give up what comes of pretraining but for what the original tells them.
func studentAxis(m *model.Model) Axis {
	a := Axis{Levels: []string{""}}
	chain := func(lists ...string) {
		from := 0
		for _, moves := range lists {
			a.Others = append(a.Others, Other{Moves: moves, After: from, Trains: true, Far: len(a.Others) == 0})
			from = len(a.Levels) + len(a.Others) - 1
		}
	}
	if m.Config.Head != model.TokensHead {
		chain("student=ngram,grams=120000", "student=ngram,grams=40000", "student=ngram,grams=15000,vocabulary=4000")
	}
	chain("student=gru", "student=gru,units=64")
	return a
}
