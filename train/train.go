// Package train fits the weights of a model to examples.
//
// A [Trainer] is the state of one training and knows no files, prints nothing, and keeps no log: [Trainer.Run] yields
// an event after each step and each epoch, and whoever consumes them shows progress, writes them to a run, and saves
// checkpoints:
//
//	tr, err := train.New(m, trainSet, validSet, config)
//	for event, err := range tr.Run(ctx) {
//		…
//	}
//	tr.Finish() // the weights of the best epoch are in m now
//
// The same seed on the same number of threads gives the same weights to the bit, also when the training was
// interrupted anywhere, saved with [Trainer.Save] and continued with [Trainer.Restore].
package train

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// Set is a part of the data as a network reads it.
type Set struct {
	Texts   tensor.Packed // ids as model.Encode yields them
	Targets []int32       // class of each text
}

// Add appends an example.
func (s *Set) Add(ids []int32, target int32) {
	s.Texts.Append(ids)
	s.Targets = append(s.Targets, target)
}

// Len returns the number of examples.
func (s *Set) Len() int { return len(s.Targets) }

// ErrDiverged is the cause of an error when the loss is no number any more.
var ErrDiverged = errors.New("the loss is not finite")

// Event is what happened: a step or the end of an epoch; the other is nil.
type Event struct {
	Step  *Step
	Epoch *Epoch
}

// Step tells of one update of the weights.
type Step struct {
	Step, Steps  int     // done, and planned in all
	Epoch        int     // from 1
	Loss         float64 // mean over the batch, before the update
	LearningRate float64
	GradientNorm float64 // before clipping
	Tokens       int     // of the batch
}

// Epoch tells of one pass over the training part.
type Epoch struct {
	Epoch, Epochs int
	Step          int     // steps done so far
	TrainLoss     float64 // mean over the epoch's steps
	Valid         Scores  // NaN without a validation part
	Best          bool    // the best so far by Config.Metric
	Stopped       bool    // the last one: patience has run out, or all epochs are done
}

// Scores are the figures of a part of the data.
type Scores struct{ Loss, Accuracy, MacroF1 float64 }

// Trainer is a training in progress.
type Trainer struct {
	model     *model.Model
	config    Config
	train     *Set
	valid     *Set
	loss      model.Loss
	optimizer Optimizer
	pool      *parallel.Pool
	tape      *nn.Tape
	batch     tensor.Packed
	targets   []int32
	order     []int32 // of the current epoch
	state     state
	best      []float32 // weights of the best epoch; nil before the first
}

// state is what a checkpoint holds beside arrays.
type state struct {
	Step     int     `json:"step"`     // steps done
	Epoch    int     `json:"epoch"`    // epochs done
	Position int     `json:"position"` // examples of the current epoch done
	LossSum  float64 `json:"loss_sum"` // over the current epoch's steps
	BestAt   int     `json:"best_at"`  // epoch of the best weights, 0 for none
	BestBy   float64 `json:"best_by"`  // its figure, the higher the better
	Done     bool    `json:"done"`
}

// New prepares a training of m on the examples of train. valid may be empty: then all epochs run and the last
// weights count.
func New(m *model.Model, train, valid *Set, c Config) (*Trainer, error) {
	if train.Len() == 0 {
		return nil, hint.Errorf("check the data and the split", "training: there are no examples")
	}
	for _, s := range []*Set{train, valid} {
		if err := s.Texts.Check(m.Vocabulary()); err != nil {
			return nil, fmt.Errorf("training: %w", err)
		}
	}
	m.Params.AllocateGradients()
	tr := &Trainer{model: m, config: c, train: train, valid: valid, pool: parallel.New(c.Threads)}
	tr.tape = nn.NewTape(tr.pool)
	tr.optimizer = NewOptimizer(c, m.Params)
	tr.loss = model.Loss{Kind: c.Loss, Weights: c.classWeights(train.Targets, len(m.Labels)), Smoothing: float32(c.LabelSmoothing)}
	return tr, nil
}

// StepsPerEpoch returns the number of steps of one epoch.
func (tr *Trainer) StepsPerEpoch() int {
	return (tr.train.Len() + tr.config.BatchSize - 1) / tr.config.BatchSize
}

// Step returns the number of steps done.
func (tr *Trainer) Step() int { return tr.state.Step }

// Threads returns the number of processors in use.
func (tr *Trainer) Threads() int { return tr.pool.Workers() }

// Run trains to the end. When ctx ends it stops after the current step with the context's error; everything is in
// place for Save then, or for another Run.
func (tr *Trainer) Run(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		for !tr.state.Done {
			if err := ctx.Err(); err != nil {
				yield(Event{}, err)
				return
			}
			if tr.state.Position < tr.train.Len() {
				step, err := tr.step()
				if err != nil {
					yield(Event{}, err)
					return
				}
				if !yield(Event{Step: step}, nil) {
					return
				}
				continue
			}
			epoch, err := tr.endEpoch(ctx)
			if err != nil {
				yield(Event{}, err)
				return
			}
			if !yield(Event{Epoch: epoch}, nil) {
				return
			}
		}
	}
}

// Finish puts the weights of the best epoch into the model and ends the workers.
func (tr *Trainer) Finish() {
	if tr.best != nil {
		copy(tr.model.Params.Values(), tr.best)
	}
	tr.pool.Close()
}

func (tr *Trainer) step() (*Step, error) {
	tr.fillBatch()
	m, s := tr.model, &tr.state
	tr.tape.Begin(nn.Training, tr.config.Seed, s.Step)
	loss := m.Head.Loss(tr.tape, m.Forward(tr.tape, &tr.batch), tr.targets, tr.loss)
	value := float64(loss.Data[0])
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil, hint.Wrap(ErrDiverged, "lower train.learning_rate or set train.clip", "training: step %d", s.Step+1)
	}
	m.Params.ZeroGradients()
	tr.tape.Backward(loss)
	norm := gradientNorm(m.Params)
	clip(m.Params, norm, tr.config.Clip)
	steps := tr.StepsPerEpoch() * tr.config.Epochs
	rate := tr.config.rate(s.Step, steps)
	tr.optimizer.Step(tr.pool, s.Step, rate)
	s.Step++
	s.Position += len(tr.targets)
	s.LossSum += value
	return &Step{s.Step, steps, s.Epoch + 1, value, rate, norm, tr.batch.Tokens()}, nil
}

// fillBatch collects the next examples of the epoch, whose order follows from the seed and the epoch's number.
func (tr *Trainer) fillBatch() {
	n := tr.train.Len()
	if len(tr.order) != n || tr.state.Position == 0 {
		tr.order = permutation(tr.order[:0], n, tr.config.Seed, tr.state.Epoch)
	}
	tr.batch.Reset()
	tr.targets = tr.targets[:0]
	for _, i := range tr.order[tr.state.Position:min(tr.state.Position+tr.config.BatchSize, n)] {
		tr.batch.Append(tr.train.Texts.Sequence(int(i)))
		tr.targets = append(tr.targets, tr.train.Targets[i])
	}
}

// permutation fills order with 0…n-1 shuffled (Fisher–Yates), by PCG-like draws that depend on seed and epoch alone.
func permutation(order []int32, n int, seed uint64, epoch int) []int32 {
	for i := range n {
		order = append(order, int32(i))
	}
	state := seed*0x9e3779b97f4a7c15 + uint64(epoch+1)*0xd1342543de82ef95
	for i := n - 1; i > 0; i-- {
		state = state*6364136223846793005 + 1442695040888963407
		j := int((state >> 33) * uint64(i+1) >> 31)
		order[i], order[j] = order[j], order[i]
	}
	return order
}

func (tr *Trainer) endEpoch(ctx context.Context) (*Epoch, error) {
	s := &tr.state
	e := &Epoch{Epoch: s.Epoch + 1, Epochs: tr.config.Epochs, Step: s.Step, TrainLoss: s.LossSum / float64(tr.StepsPerEpoch())}
	e.Valid = Scores{math.NaN(), math.NaN(), math.NaN()}
	if tr.valid.Len() > 0 {
		scores, _, err := Evaluate(ctx, tr.model, tr.valid, tr.tape)
		if err != nil {
			return nil, err // before anything has changed: the epoch ends again after a restore
		}
		e.Valid = scores
		if by := tr.figure(scores); s.BestAt == 0 || by > s.BestBy {
			e.Best = true
			s.BestAt, s.BestBy = e.Epoch, by
			tr.best = append(tr.best[:0], tr.model.Params.Values()...)
		}
	}
	s.Epoch, s.Position, s.LossSum = e.Epoch, 0, 0
	s.Done = s.Epoch >= tr.config.Epochs ||
		tr.config.Patience > 0 && s.BestAt > 0 && s.Epoch-s.BestAt >= tr.config.Patience
	e.Stopped = s.Done
	return e, nil
}

// figure is what picks the best epoch, the higher the better.
func (tr *Trainer) figure(s Scores) float64 {
	switch tr.config.Metric {
	case "loss":
		return -s.Loss
	case "macro_f1":
		return s.MacroF1
	}
	return s.Accuracy
}

// Evaluate predicts all of set and compares. It returns the probabilities as well, [examples][labels].
func Evaluate(ctx context.Context, m *model.Model, set *Set, tape *nn.Tape) (Scores, [][]float32, error) {
	const batchSize = 64
	probs := make([][]float32, 0, set.Len())
	targets := make([]int, set.Len())
	for i, t := range set.Targets {
		targets[i] = int(t)
	}
	var batch tensor.Packed
	for from := 0; from < set.Len(); from += batchSize {
		if err := ctx.Err(); err != nil {
			return Scores{}, nil, err
		}
		batch.Reset()
		n := min(batchSize, set.Len()-from)
		for i := range n {
			batch.Append(set.Texts.Sequence(from + i))
		}
		tape.Begin(nn.Inference, 0, 0)
		logits := m.Forward(tape, &batch)
		for i := range n {
			row := append([]float32(nil), logits.Row(i)...)
			m.Head.Probabilities(row)
			probs = append(probs, row)
		}
	}
	report, err := eval.Classify(m.Labels, targets, probs, eval.Options{})
	if err != nil {
		return Scores{}, nil, err
	}
	return Scores{report.LogLoss, report.Accuracy, report.MacroF1}, probs, nil
}

// Latency measures how long a prediction of one text of so many tokens takes, with the weights as they are: the
// least of a few tries, on one processor.
func Latency(m *model.Model, tokens int) time.Duration {
	var batch tensor.Packed
	ids := make([]int32, tokens)
	for i := range ids {
		ids[i] = int32(i % m.Vocabulary())
	}
	batch.Append(ids)
	tape := nn.NewTape(nil)
	least := time.Duration(math.MaxInt64)
	for range 5 {
		start := time.Now()
		tape.Begin(nn.Inference, 0, 0)
		m.Forward(tape, &batch)
		least = min(least, time.Since(start))
	}
	return least
}
