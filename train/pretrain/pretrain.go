// Package pretrain trains networks on texts without labels.
//
// What is learnt of the texts is an [Objective]: to guess tokens that are hidden ([NewMasked]), or to tell tokens of the
// text from those that a small network put there ([NewReplaced]). A [Trainer] reads a corpus in shuffled order, batch by
// batch, and measures the perplexity of texts that were held out:
//
//	objective, err := pretrain.NewMasked(m, config)
//	tr, err := pretrain.New(objective, store, config)
//	for event, err := range tr.Run(ctx) {
//		…
//	}
//
// As in package train, the same seed on the same number of threads gives the same weights to the bit, also when the
// training was interrupted, saved with [Trainer.Save] and continued with [Trainer.Restore].
package pretrain

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"maps"
	"math"
	"math/rand/v2"

	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// Objective is what is learnt from texts.
type Objective interface {
	// Params are the weights that are trained, of one network or of several.
	Params() []*nn.Params
	// Loss computes the loss of a batch on a tape that has begun. What it hides or draws follows from random alone.
	Loss(t *nn.Tape, b *corpus.Batch, random *rand.Rand) Loss
}

// Loss is what an Objective makes of a batch.
type Loss struct {
	Value   *nn.Var // what is minimised
	Misses  float64 // Σ −log p of the tokens that were to be guessed
	Targets int     // how many these are
}

// Event is what happened: a step, or a measurement on the held-out texts; the other is nil.
type Event struct {
	Step  *Step
	Valid *Valid
}

// Step tells of one update of the weights.
type Step struct {
	Step, Steps  int     // done, and planned in all
	Epoch        int     // from 1
	Loss         float64 // of the batch, before the update
	LearningRate float64
	GradientNorm float64 // before clipping
	Tokens       int     // of the batch
}

// Valid tells how well tokens of the held-out texts are guessed.
type Valid struct {
	Step       int
	Loss       float64 // mean of −log p
	Perplexity float64 // e to the loss: as if so many tokens were equally likely
	Tokens     int     // that were guessed
}

// Trainer is a training in progress.
type Trainer struct {
	objective Objective
	config    Config
	store     *corpus.Store
	cursor    *corpus.Cursor
	pool      *parallel.Pool
	tape      *nn.Tape
	updater   *train.Updater
	batch     corpus.Batch
	start     string // digest of the weights at the beginning
	state     state
}

// state is what a checkpoint holds beside arrays.
type state struct {
	Step   int          `json:"step"`   // steps done
	Place  corpus.Place `json:"place"`  // in the corpus
	Valid  int          `json:"valid"`  // step of the last measurement, -1 before the first
	Before float64      `json:"before"` // perplexity at the beginning
	After  float64      `json:"after"`  // at the last measurement
}

// New prepares a training on the corpus in store.
func New(o Objective, store *corpus.Store, c Config) (*Trainer, error) {
	if store.Train.Sequences() == 0 {
		return nil, hint.Errorf("give files with more text", "pretraining: the corpus is empty")
	}
	tr := &Trainer{objective: o, config: c, store: store, pool: parallel.New(c.Threads), state: state{Valid: -1}}
	tr.cursor = store.Train.Shuffled(c.Seed, c.Buffer)
	tr.tape = nn.NewTape(tr.pool)
	settings := c.training()
	tr.tape.Precision = settings.Factors()
	sum := sha256.New()
	for _, ps := range o.Params() {
		ps.AllocateGradients()
		// A hash takes whatever is written to it.
		_ = binary.Write(sum, binary.LittleEndian, ps.Values())
	}
	tr.start = hex.EncodeToString(sum.Sum(nil))
	tr.updater = train.NewUpdater(settings, tr.pool, o.Params()...)
	return tr, nil
}

// Steps returns the number of steps that are planned.
func (tr *Trainer) Steps() int {
	if tr.config.Steps > 0 {
		return tr.config.Steps
	}
	return max(int(math.Ceil(tr.config.Epochs*float64(tr.store.Train.Tokens())/float64(tr.config.BatchTokens))), 1)
}

// Step returns the number of steps done.
func (tr *Trainer) Step() int { return tr.state.Step }

// Threads returns the number of processors in use.
func (tr *Trainer) Threads() int { return tr.pool.Workers() }

// Perplexity returns that of the held-out texts before the first step and at the last measurement; NaN where nothing
// was held out.
func (tr *Trainer) Perplexity() (before, after float64) {
	if tr.store.HeldOut.Sequences() == 0 {
		return math.NaN(), math.NaN()
	}
	return tr.state.Before, tr.state.After
}

// Close ends the workers. The weights stay as they are.
func (tr *Trainer) Close() { tr.pool.Close() }

// Run trains to the end. When ctx ends it stops after the current step with the context's error; everything is in place
// for Save then.
func (tr *Trainer) Run(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		steps := tr.Steps()
		for {
			event, err := tr.next(ctx, steps)
			if err != nil {
				yield(Event{}, err)
				return
			}
			if event == nil || !yield(*event, nil) {
				return
			}
		}
	}
}

// next does what comes next; nil at the end.
func (tr *Trainer) next(ctx context.Context, steps int) (*Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &tr.state
	if due := s.Step == steps || s.Step%tr.every(steps) == 0; due && s.Valid < s.Step && tr.store.HeldOut.Sequences() > 0 {
		valid, err := tr.measure(ctx)
		if err != nil {
			return nil, err
		}
		if s.Step == 0 {
			s.Before = valid.Perplexity
		}
		s.Valid, s.After = s.Step, valid.Perplexity
		return &Event{Valid: valid}, nil
	}
	if s.Step >= steps {
		return nil, nil
	}
	step, err := tr.step(steps)
	if err != nil {
		return nil, err
	}
	return &Event{Step: step}, nil
}

// every is how many steps lie between two measurements.
func (tr *Trainer) every(steps int) int {
	const measurements = 10
	return max((steps+measurements-1)/measurements, 1)
}

func (tr *Trainer) step(steps int) (*Step, error) {
	s := &tr.state
	if err := tr.cursor.Next(&tr.batch, tr.config.BatchTokens); err != nil {
		return nil, err
	}
	for _, ps := range tr.objective.Params() {
		ps.ZeroGradients()
	}
	tr.tape.Begin(nn.Training, tr.config.Seed, s.Step)
	loss := tr.objective.Loss(tr.tape, &tr.batch, rand.New(rand.NewPCG(tr.config.Seed, uint64(s.Step))))
	value := float64(loss.Value.Data[0])
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return nil, hint.Wrap(train.ErrDiverged, "lower pretrain.learning_rate", "pretraining: step %d", s.Step+1)
	}
	tr.tape.Backward(loss.Value)
	c := tr.config.training()
	rate := c.Rate(s.Step, steps)
	norm := tr.updater.Step(s.Step, rate, 1)
	s.Step++
	s.Place = tr.cursor.Place()
	return &Step{Step: s.Step, Steps: steps, Epoch: s.Place.Epoch + 1, Loss: value, LearningRate: rate, GradientNorm: norm, Tokens: tr.batch.Tokens()}, nil
}

// heldOutStream keeps what is hidden in held-out texts apart from what is hidden in steps; it is the same each time.
const heldOutStream = 1 << 62

// measure computes the perplexity of the held-out texts.
func (tr *Trainer) measure(ctx context.Context) (*Valid, error) {
	v := &Valid{Step: tr.state.Step}
	cursor, misses, read := tr.store.HeldOut.Ordered(), 0.0, 0
	var b corpus.Batch
	for n := uint64(0); read < tr.config.HeldOutTokens; n++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		err := cursor.Next(&b, tr.config.BatchTokens)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		tr.tape.Begin(nn.Inference, 0, 0)
		loss := tr.objective.Loss(tr.tape, &b, rand.New(rand.NewPCG(tr.config.Seed, heldOutStream+n)))
		misses, v.Tokens, read = misses+loss.Misses, v.Tokens+loss.Targets, read+b.Tokens()
	}
	v.Loss = misses / float64(max(v.Tokens, 1))
	v.Perplexity = math.Exp(v.Loss)
	return v, nil
}

// Save writes a checkpoint: all that Restore needs to continue to the same result.
func (tr *Trainer) Save(path string) error {
	return train.WriteCheckpoint(path, tr.identity(), tr.state, tr.arrays())
}

// Restore continues from the checkpoint at path.
func (tr *Trainer) Restore(path string) error {
	var s state
	c, err := train.OpenCheckpoint(path, tr.identity(), &s)
	if err != nil {
		return err
	}
	err = tr.cursor.Seek(s.Place)
	if err == nil {
		err = c.Fill(tr.arrays())
	}
	if err = errors.Join(err, c.Close()); err == nil {
		tr.state = s
	}
	return err
}

// arrays are the numbers that change while training.
func (tr *Trainer) arrays() map[string][]float32 {
	arrays := maps.Clone(tr.updater.State())
	for i, ps := range tr.objective.Params() {
		name := "weights"
		if i > 0 {
			name = "generator"
		}
		arrays[name] = ps.Values()
	}
	return arrays
}

// identity digests what must be the same for a training to continue to the same result.
func (tr *Trainer) identity() string {
	h := sha256.New()
	c := tr.config
	c.Checkpoint, c.Threads, c.Out = 0, tr.pool.Workers(), ""
	// Encoding plain structs into a hash cannot fail.
	_ = json.NewEncoder(h).Encode([]any{c, tr.store.Train.Digest(), tr.store.HeldOut.Digest(), tr.start})
	return hex.EncodeToString(h.Sum(nil))
}
