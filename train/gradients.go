package train

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Gradients computes the gradients of the mean loss of small batches of the first examples of a set, without dropout, and
// calls seen while they are in m's parameters. m gets gradients and is not to be used while this runs.
func Gradients(ctx context.Context, m *model.Model, set *Set, examples, batch int, seen func()) error {
	m.Params.AllocateGradients()
	pool := parallel.New(0)
	defer pool.Close()
	tape := nn.NewTape(pool)
	tape.Whole = true
	var in model.Input
	var y model.Targets
	for at := 0; at < min(examples, set.Len()); {
		if err := ctx.Err(); err != nil {
			return err
		}
		in.Reset()
		y.Reset()
		for first := at; at < min(set.Len(), first+batch); at++ {
			m.AppendExample(&in, &set.Input, at)
			y.AppendExample(&set.Targets, at)
		}
		tape.Begin(nn.Training, 0, 0)
		logits := m.Forward(tape, &in)
		m.Params.ZeroGradients()
		tape.Backward(m.Head.Loss(tape, logits, &in, &y, model.Loss{}))
		for _, p := range m.Params.All() {
			if p.Grad != nil {
				p.Gradient() // zero where nothing has flowed
			}
		}
		seen()
	}
	return nil
}
