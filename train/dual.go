package train

import (
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// dual fits a linear model by coordinate descent on its dual problem (Hsieh, Chang, Lin, Keerthi & Sundararajan 2008,
// "A Dual Coordinate Descent Method for Large-scale Linear SVM"; what liblinear does). Each output c minimises
//
//	½·|w|² + cost · Σᵢ max(0, 1 − yᵢ·(w·xᵢ))²   with yᵢ = ±1, or   ½·|w|² + cost · Σᵢ (w·xᵢ − yᵢ)²   for numbers.
//
// At the minimum w = Σᵢ βᵢ·xᵢ, where βᵢ has the sign of yᵢ (any sign for numbers), so one βᵢ after the other is set to
// its best value and w follows. There is no learning rate; a few passes suffice. The bias is the weight of a feature
// that is 1 in every text.
//
// An epoch is a cost: it is doubled from one to the next, each starts from the last one's β, and the validation part
// picks among them as it picks the best epoch of other trainings.
type dual struct {
	rows    nn.Sparse
	sides   int       // targets of each example and output: 1, or 2 where a teacher's opinion stands beside the truth
	targets []float32 // [sides, examples, outputs]
	weights []float32 // of each in the cost, [sides, examples, outputs]; nil for equal ones
	beta    []float32 // [sides, examples, outputs]
	squares []float32 // 1 + |xᵢ|²
	numbers bool      // any sign
	outputs int
	w, b    []float32 // [features, outputs], [outputs]
	scores  []float32 // scratch of one example
}

const (
	// passes over the examples at each cost, at most.
	passes = 40
	// enough is the largest derivative of a pass after which the next cost's turn has come: liblinear's tolerance.
	enough = 0.01
)

// newDual prepares the training of the linear part of m on a set.
func newDual(m *model.Model, linear *model.Linear, set *Set, loss model.Loss) *dual {
	d := &dual{numbers: m.Config.Head == model.RegressionHead, outputs: len(m.Labels), w: linear.W.Data, b: linear.B.Data}
	d.readRows(m, linear, set)
	d.readTargets(m, set, loss)
	d.beta = make([]float32, len(d.targets))
	d.scores = make([]float32, d.outputs)
	return d
}

// reset begins anew, with the rows as m weights them now.
func (d *dual) reset(m *model.Model, set *Set) {
	clear(d.beta)
	clear(d.w)
	clear(d.b)
	d.readRows(m, m.Linear(), set)
}

// checkDual tells why optimizer dual cannot train m.
func checkDual(m *model.Model, loss model.Loss) error {
	numbers := m.Config.Head == model.RegressionHead
	switch {
	case m.Config.Family != "ngram":
		return hint.Errorf("set train.optimizer to adamw", "training: optimizer dual is for linear models, which the family %s is not", m.Config.Family)
	case loss.Kind != "" && (loss.Kind != "hinge" || numbers) && (loss.Kind != "mse" || !numbers):
		return hint.Errorf("set train.loss to auto, or train.optimizer to adamw", "training: optimizer dual knows no loss %s for this task", loss.Kind)
	}
	return nil
}

// readRows keeps the weighted features of every example.
func (d *dual) readRows(m *model.Model, linear *model.Linear, set *Set) {
	tape := nn.NewTape(nil)
	d.rows, d.squares = nn.Sparse{Offsets: []int32{0}}, d.squares[:0]
	var batch model.Input
	for from := 0; from < set.Len(); from += 256 {
		batch.Reset()
		for i := from; i < min(from+256, set.Len()); i++ {
			m.AppendExample(&batch, &set.Input, i)
		}
		tape.Begin(nn.Inference, 0, 0)
		x := linear.Rows(tape, &batch)
		d.rows.Cols = x.Cols
		if from == 0 { // the others will be about as long
			all := len(x.Value) * set.Len() / x.Rows() * 17 / 16
			d.rows.Index, d.rows.Value = make([]int32, 0, all), make([]float32, 0, all)
		}
		for i := range x.Rows() {
			lo, hi := x.Offsets[i], x.Offsets[i+1]
			d.squares = append(d.squares, 1+float32(kernel.SumSquares(x.Value[lo:hi])))
			d.rows.Index, d.rows.Value = append(d.rows.Index, x.Index[lo:hi]...), append(d.rows.Value, x.Value[lo:hi]...)
			d.rows.Offsets = append(d.rows.Offsets, int32(len(d.rows.Index)))
		}
	}
}

// pass sets each β of each example once, in the given order. It returns the mean loss of the examples as they came and the
// largest derivative.
func (d *dual) pass(order []int32, cost float64) (loss float64, largest float32) {
	for _, i := range order {
		index := d.rows.Index[d.rows.Offsets[i]:d.rows.Offsets[i+1]]
		value := d.rows.Value[d.rows.Offsets[i]:d.rows.Offsets[i+1]]
		d.score(index, value)
		moved := false
		for c, s := range d.scores {
			d.scores[c] = 0 // from here on, how far β moves
			for at := int(i)*d.outputs + c; at < len(d.targets); at += len(d.targets) / d.sides {
				y, beta, weight := d.targets[at], d.beta[at], float32(1)
				if d.weights != nil {
					weight = d.weights[at]
				}
				if weight == 0 {
					continue
				}
				if miss := y - s; d.numbers || miss*y > 0 {
					loss += float64(weight * miss * miss)
				}
				soft := 1 / (2 * float32(cost) * weight)
				next := beta - (s-y+soft*beta)/(d.squares[i]+soft)
				if !d.numbers && next*y < 0 {
					next = 0
				}
				step := next - beta
				d.beta[at] = next
				d.scores[c] += step
				s += step * d.squares[i]
				if step != 0 {
					moved = true
					largest = max(largest, abs32(step)*(d.squares[i]+soft))
				}
			}
		}
		if moved {
			d.add(index, value)
		}
	}
	return loss / float64(max(len(order), 1)), largest
}

// score computes w·x + b into d.scores. Two outputs, the usual number, are worth a loop of their own.
func (d *dual) score(index []int32, value []float32) {
	copy(d.scores, d.b)
	if d.outputs != 2 {
		for j, f := range index {
			kernel.ShortAxpy(value[j], d.w[int(f)*d.outputs:int(f+1)*d.outputs], d.scores)
		}
		return
	}
	a, b := d.b[0], d.b[1]
	for j, f := range index {
		w := d.w[2*int(f) : 2*int(f)+2]
		a += value[j] * w[0]
		b += value[j] * w[1]
	}
	d.scores[0], d.scores[1] = a, b
}

// add computes w += d.scores·x and b += d.scores.
func (d *dual) add(index []int32, value []float32) {
	for c, s := range d.scores {
		d.b[c] += s
	}
	if d.outputs != 2 {
		for j, f := range index {
			kernel.ShortAxpy(value[j], d.scores, d.w[int(f)*d.outputs:int(f+1)*d.outputs])
		}
		return
	}
	a, b := d.scores[0], d.scores[1]
	for j, f := range index {
		w := d.w[2*int(f) : 2*int(f)+2]
		w[0] += value[j] * a
		w[1] += value[j] * b
	}
}

func abs32(v float32) float32 { return max(v, -v) }

// dualStep is a step of the trainer: a pass.
func (tr *Trainer) dualStep() *Step {
	s := &tr.state
	tr.order = permutation(tr.order[:0], tr.train.Len(), tr.config.Seed, s.Epoch*passes+s.Position)
	cost := tr.config.cost(s.Epoch)
	if s.Form == tried {
		cost = tr.config.cost(s.BestAt - 1)
	}
	loss, largest := tr.dual.pass(tr.order, cost)
	s.Position++
	s.LossSum = loss * passes // the last pass tells the epoch's loss
	if largest < enough {
		s.Position = passes
	}
	s.Step = s.Epoch*passes + s.Position
	return &Step{Step: s.Step, Steps: tr.Steps(), Epoch: s.Epoch + 1, Loss: loss, Cost: cost,
		GradientNorm: float64(largest), Tokens: tr.train.Input.Tokens.Tokens()}
}
