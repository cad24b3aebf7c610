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
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"runtime/debug"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/adapter"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Set is a part of the data as a network reads it.
type Set struct {
	Input   model.Input
	Targets model.Targets
	n       int
	rows    []int32 // which text each example is a window of; nil where each is a text
}

// Add counts an example whose input and targets have been appended.
func (s *Set) Add() { s.n++ }

// AddWindow is Add for a window of a text, given by its number.
func (s *Set) AddWindow(text int) {
	s.n++
	s.rows = append(s.rows, int32(text))
}

// Len returns the number of examples.
func (s *Set) Len() int { return s.n }

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
	LearningRate float64 // 0 for optimizer dual
	Cost         float64 // for optimizer dual
	GradientNorm float64 // before clipping
	Tokens       int     // of the batch
}

// Epoch tells of one pass over the training part.
type Epoch struct {
	Epoch, Epochs int
	Step          int     // steps done so far
	TrainLoss     float64 // mean over the epoch's steps
	Valid         Scores  // NaN without a validation part
	Best          bool    // its weights are those to keep so far, by Config.Metric and Config.Keep
	Form          bool    // the form of texts was tried, and taken if this is the best
	Stopped       bool    // the last one: patience has run out, or all epochs are done
}

// Trainer is a training in progress.
type Trainer struct {
	model      *model.Model
	layers     *layered
	lora       *adapter.LoRA    // nil without Config.LoRA
	adapter    *adapter.Adapter // of lora, once the training is finished
	imitates   *imitating       // nil without Config.Imitation
	config     Config
	train      *Set
	valid      *Set
	loss       model.Loss
	updater    *Updater
	dual       *dual       // in place of the updater; nil but for optimizer dual
	form       *model.Form // hidden until it is tried; nil where there is nothing to try
	unlabelled *Set        // texts that the solver may label; nil for none
	solver     *solver     // the same for optimizers lbfgs and prototype, from the first step on
	pool       *parallel.Pool
	tape       *nn.Tape
	batch      model.Input
	targets    model.Targets
	order      []int32 // of the current epoch
	ends       []int   // of its batches, in order, where texts are grouped by length
	state      state
	best       []float32 // weights of the best epoch; nil before the first
	average    []float32 // moving average of the weights; nil without Config.Average
	fixedRate  float64   // instead of the schedule's, while rates are tested; 0 for none
	saved      []float32 // scratch: what adversarial noise has changed, or the weights while their average is judged
}

// state is what a checkpoint holds beside arrays.
type state struct {
	Step     int     `json:"step"`     // steps done
	Epoch    int     `json:"epoch"`    // epochs done
	Position int     `json:"position"` // examples of the current epoch done
	LossSum  float64 `json:"loss_sum"` // over the current epoch's steps
	BestAt   int     `json:"best_at"`  // epoch of the weights that are kept, 0 for none
	TopAt    int     `json:"top_at"`   // epoch of the best figure
	TopBy    float64 `json:"best_by"`  // that figure, the higher the better
	Done     bool    `json:"done"`

	Held  [][]float64 `json:"held,omitempty"`  // optimizer lbfgs: by strength, the losses of examples held back
	Right []int       `json:"right,omitempty"` // how many of these were right

	Believed []float64 `json:"believed,omitempty"` // recipe selftrain: 1 for each label held back that was guessed rightly, else 0

	Form formTrial `json:"form,omitempty"` // optimizer dual

	Negatives []int32 `json:"negatives,omitempty"` // mined for this epoch: Config.HardNegatives examples for each example
}

// New prepares a training of m on the examples of train. valid may be empty: then all epochs run and the last
// weights count.
func New(m *model.Model, train, valid *Set, c Config) (*Trainer, error) {
	if train.Len() == 0 {
		return nil, hint.Errorf("check the data and the split", "training: there are no examples")
	}
	for _, s := range []*Set{train, valid} {
		if err := s.Input.Tokens.Check(m.Vocabulary()); err != nil {
			return nil, fmt.Errorf("training: %w", err)
		}
	}
	if err := checkPairs(m, train, &c); err != nil {
		return nil, err
	}
	lora, err := newLoRA(m, &c)
	if err != nil {
		return nil, err
	}
	if err := freezeBeside(m, &c); err != nil {
		return nil, err
	}
	layers, err := newLayered(m, &c)
	if err != nil {
		return nil, err
	}
	imitates, err := newImitating(m, train, &c)
	if err != nil {
		return nil, err
	}
	m.Params.AllocateGradients()
	tr := &Trainer{layers: layers, lora: lora, imitates: imitates, model: m, config: c, train: train, valid: valid, pool: parallel.New(c.Threads)}
	tr.tape = nn.NewTape(tr.pool)
	tr.imitates.begin(tr)
	tr.tape.Recompute = c.Recompute
	tr.tape.Precision = c.Factors()
	tr.tape.Fakes(m.Params)
	tr.loss = c.lossOf(train, len(m.Labels))
	m.SetScale(train.Targets.Scores)
	tr.hideForm()
	if c.Optimizer == "dual" {
		if err := checkDual(m, tr.loss); err != nil {
			return nil, err
		}
		if tr.dual = newDual(m, m.Linear(), train, tr.loss); valid.Len() == 0 && c.Until == 0 {
			tr.config.Until = c.Epochs/2 + 1 // nothing picks among costs
		}
		return tr, nil
	}
	if solves(c.Optimizer) {
		tr.config.Epochs = 1
		return tr, tr.checkSolver()
	}
	tr.updater = NewUpdater(c, tr.pool, m.Params)
	if c.Average > 0 {
		tr.average = slices.Clone(m.Params.Values())
	}
	return tr, nil
}

// BestEpoch returns the number of the epoch whose weights are kept so far (Config.Keep), from 1; 0 without a validation part.
func (tr *Trainer) BestEpoch() int { return tr.state.BestAt }

// Steps returns the number of steps planned in all.
func (tr *Trainer) Steps() int {
	epochs := cmp.Or(tr.config.Until, tr.config.Epochs)
	if tr.triesForm() {
		epochs++
	}
	return tr.StepsPerEpoch() * epochs
}

// StepsPerEpoch returns the number of steps of one epoch.
func (tr *Trainer) StepsPerEpoch() int {
	switch {
	case tr.dual != nil:
		return passes
	case solves(tr.config.Optimizer):
		return tr.solverSteps()
	}
	per := tr.config.BatchSize * max(tr.config.Accumulate, 1)
	return (tr.train.Len() + per - 1) / per
}

// Step returns the number of steps done.
func (tr *Trainer) Step() int { return tr.state.Step }

// Threads returns the number of processors in use.
func (tr *Trainer) Threads() int { return tr.pool.Workers() }

// Run trains to the end. When ctx ends it stops after the current step with the context's error; everything is in
// place for Save then, or for another Run.
func (tr *Trainer) Run(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := tr.prepare(ctx); err != nil {
			yield(Event{}, err)
			return
		}
		for !tr.state.Done {
			if err := ctx.Err(); err != nil {
				yield(Event{}, err)
				return
			}
			if tr.state.Position < tr.epochEnd() {
				if err := tr.mine(ctx); err != nil {
					yield(Event{}, err)
					return
				}
				step, err := tr.step(ctx)
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

// prepare does what comes before the first step, of a training that goes on as well.
func (tr *Trainer) prepare(ctx context.Context) error {
	if err := tr.know(ctx); err != nil {
		return err
	}
	switch {
	case tr.joint():
		return tr.solveJoint(ctx)
	case solves(tr.config.Optimizer):
		if tr.solver == nil {
			tr.prepareSolver()
		}
		return nil
	}
	return tr.fitWide(ctx)
}

// epochEnd is the position at which an epoch ends: examples, or passes of optimizer dual, folds of a solved head.
func (tr *Trainer) epochEnd() int {
	switch {
	case tr.dual != nil:
		return passes
	case solves(tr.config.Optimizer):
		return tr.solverSteps()
	}
	return tr.train.Len()
}

// Finish puts the weights of the best epoch into the model and low-rank changes into its matrices, ends the workers, and
// lets go of what only a training needs: most of its memory.
func (tr *Trainer) Finish() {
	switch {
	case tr.best != nil:
		copy(tr.model.Params.Values(), tr.best)
	case tr.average != nil:
		copy(tr.model.Params.Values(), tr.average)
	}
	if tr.form != nil {
		tr.form.Settle(tr.state.Form == taken)
	}
	tr.imitates.end(tr)
	if tr.lora != nil {
		tr.adapter = tr.lora.Adapter(tr.model.Learnt())
		tr.lora.Merge()
	}
	tr.pool.Close()
	much := tr.tape.Bytes() > 64<<20
	tr.tape, tr.updater, tr.best, tr.average, tr.saved = nil, nil, nil, nil, nil
	tr.model.Params.DropGradients()
	if much { // else judging and packing would grow on top of it, as long as the collector sees no reason to look
		debug.FreeOSMemory()
	}
}

func (tr *Trainer) step(ctx context.Context) (*Step, error) {
	if tr.dual != nil {
		return tr.dualStep(), nil
	}
	switch {
	case tr.solver != nil:
		return tr.solveStep(ctx)
	case tr.joint():
		return tr.jointStep(), nil
	}
	m, s := tr.model, &tr.state
	steps := tr.StepsPerEpoch() * tr.config.Epochs // of the schedule, also where Config.Until ends it sooner
	tr.layers.begin(s.Step, steps)
	m.Params.ZeroGradients()
	value, tokens, batches := 0.0, 0, 0
	for range max(tr.config.Accumulate, 1) {
		n := tr.fillBatch()
		if n == 0 {
			break
		}
		loss, err := tr.gradients()
		if err != nil {
			return nil, err
		}
		value += loss
		tokens += tr.batch.Tokens.Tokens()
		batches++
		s.Position += n
	}
	value /= float64(batches)
	rate := tr.config.Rate(s.Step, steps)
	if tr.fixedRate > 0 {
		rate = tr.fixedRate
	}
	norm := tr.updater.Step(s.Step, rate, batches)
	if tr.average != nil {
		// The average follows quickly at first, when it has seen little.
		tr.follow(float32(min(tr.config.Average, float64(1+s.Step)/float64(10+s.Step))))
	}
	s.Step++
	s.LossSum += value
	return &Step{Step: s.Step, Steps: steps, Epoch: s.Epoch + 1, Loss: value, LearningRate: rate, GradientNorm: norm, Tokens: tokens}, nil
}

// follow moves the average towards the weights, block by block: the second pass over one finds it in the cache.
func (tr *Trainer) follow(decay float32) {
	const block = 1 << 12
	weights := tr.model.Params.Values()
	tr.pool.For((len(weights)+block-1)/block, 4, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			from, to := i*block, min((i+1)*block, len(weights))
			kernel.Scale(decay, tr.average[from:to])
			kernel.Axpy(1-decay, weights[from:to], tr.average[from:to])
		}
	})
}

// gradients adds those of the current batch and returns its loss.
func (tr *Trainer) gradients() (float64, error) {
	tr.imitates.look(&tr.batch)
	value, err := tr.pass()
	if err != nil || tr.config.Adversarial == 0 {
		return value, err
	}
	undo := tr.disturb()
	_, err = tr.pass()
	undo()
	return value, err
}

// pass runs the batch forward and back.
func (tr *Trainer) pass() (float64, error) {
	m := tr.model
	tr.tape.Begin(nn.Training, tr.config.Seed, tr.state.Step*max(tr.config.Accumulate, 1)+tr.state.Position/tr.config.BatchSize)
	logits := m.Forward(tr.tape, &tr.batch)
	loss := m.Head.Loss(tr.tape, logits, &tr.batch, &tr.targets, tr.loss)
	if tr.config.RDrop > 0 && m.Config.Head != model.RegressionHead {
		loss = tr.tape.Sum(loss, tr.tape.Divergence(logits, m.Config.Head == model.MultiLabelHead), float32(tr.config.RDrop))
	}
	loss = tr.imitates.add(tr.tape, loss, &tr.batch, &tr.targets)
	value := float64(loss.Data[0])
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return 0, hint.Wrap(ErrDiverged, "lower train.learning_rate or set train.clip", "training: step %d", tr.state.Step+1)
	}
	tr.tape.Backward(loss)
	return value, nil
}

func (tr *Trainer) endEpoch(ctx context.Context) (*Epoch, error) {
	s := &tr.state
	if s.Form == tried {
		return tr.judgeForm(ctx)
	}
	e := &Epoch{Epoch: s.Epoch + 1, Epochs: tr.config.Epochs, Step: s.Step, TrainLoss: s.LossSum / float64(tr.StepsPerEpoch())}
	e.Valid = Scores{Loss: math.NaN(), Main: math.NaN(), MacroF1: math.NaN()}
	if tr.valid.Len() > 0 {
		weights := tr.model.Params.Values()
		if tr.average != nil {
			tr.saved = append(tr.saved[:0], weights...)
			copy(weights, tr.average)
		}
		scores, predictions, err := Evaluate(ctx, tr.model, tr.valid, tr.tape)
		judged := weights
		if tr.average != nil {
			copy(weights, tr.saved)
			judged = tr.average
		}
		if err != nil {
			return nil, err // before anything has changed: the epoch ends again after a restore
		}
		e.Valid = scores
		if e.Best = s.keeps(e.Epoch, tr.figure(scores, predictions), tr.shares()); e.Best {
			tr.best = append(tr.best[:0], judged...)
		}
	}
	s.Epoch, s.Position, s.LossSum = e.Epoch, 0, 0
	s.Done = s.Epoch >= tr.config.Epochs || s.Epoch == tr.config.Until ||
		tr.config.Patience > 0 && s.TopAt > 0 && s.Epoch-s.TopAt >= tr.config.Patience
	if s.Done && s.BestAt > 0 && tr.triesForm() {
		s.Done = false
		tr.showForm()
	}
	e.Stopped = s.Done
	return e, nil
}

// keeps notes the figure of an epoch and tells whether its weights are to be kept: those of the best figure or, where the
// figure is a share of rows, those of a later one that is less by no more than its standard error. That rule is of Breiman
// et al. 1984, "Classification and Regression Trees", 3.4.3, for the smallest tree in the place of the latest epoch.
func (s *state) keeps(epoch int, figure float64, rows int) bool {
	kept := s.TopAt == 0 || figure > s.TopBy
	if kept {
		s.TopAt, s.TopBy = epoch, figure
	} else if rows > 0 {
		kept = figure >= s.TopBy-math.Sqrt(s.TopBy*(1-s.TopBy)/float64(rows))
	}
	if kept {
		s.BestAt = epoch
	}
	return kept
}

// shares returns of how many rows the figure that picks the epoch is a share, if another than the best may be kept; else 0.
func (tr *Trainer) shares() int {
	share := slices.Contains([]string{model.ClassHead, model.MultiLabelHead, model.TokensHead, model.AnswerHead}, tr.model.Config.Head)
	if tr.config.Keep != "latest" || !share || tr.config.Metric == "loss" || tr.config.Metric == "calibrated" {
		return 0
	}
	return tr.valid.Len()
}

// figure is what picks the best epoch, the higher the better.
func (tr *Trainer) figure(s Scores, predictions []model.Prediction) float64 {
	metric := tr.config.Metric
	if metric == "auto" && tr.dual != nil {
		metric = "calibrated" // its scores are no logits
	}
	switch metric {
	case "calibrated":
		if tr.model.Config.Head == model.ClassHead {
			targets, probabilities := classesOf(tr.valid.truth(), predictions)
			return -eval.CalibratedLoss(targets, probabilities)
		}
	case "loss":
		return -s.Loss
	case "macro_f1":
		return s.MacroF1
	}
	return s.Main
}

func abs(n int) int { return max(n, -n) }
