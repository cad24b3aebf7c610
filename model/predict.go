package model

import (
	"cmp"
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Prediction is what a model says of one text.
type Prediction struct {
	Class         int       // number of the most probable label
	Label         string    // its name
	Probability   float32   // its probability
	Probabilities []float32 // of all labels, by class number; they sum to 1
}

// Score is a label and its probability.
type Score struct {
	Label       string  `json:"label"`
	Probability float32 `json:"probability"`
}

// Top returns the k most probable labels, most probable first; k < 1 means all.
func (m *Model) Top(p Prediction, k int) []Score {
	scores := make([]Score, len(p.Probabilities))
	for i, v := range p.Probabilities {
		scores[i] = Score{m.Labels[i], v}
	}
	slices.SortStableFunc(scores, func(a, b Score) int { return cmp.Compare(b.Probability, a.Probability) })
	if k >= 1 && k < len(scores) {
		scores = scores[:k]
	}
	return scores
}

// A batch of prediction ends at so many texts or tokens: more brings no speed and delays the first answer.
const (
	batchTexts  = 32
	batchTokens = 4096
)

// Predict returns a prediction for each text, in order. Any number of goroutines may call it at once; a call with
// many texts spreads over the processors by itself.
func (m *Model) Predict(ctx context.Context, texts []string) ([]Prediction, error) {
	out := make([]Prediction, len(texts))
	parts := min(runtime.GOMAXPROCS(0), (len(texts)+batchTexts-1)/batchTexts)
	if parts <= 1 {
		return out, m.predictRange(ctx, texts, out)
	}
	var wg sync.WaitGroup
	errs := make([]error, parts)
	for i := range parts {
		lo, hi := len(texts)*i/parts, len(texts)*(i+1)/parts
		wg.Go(func() { errs[i] = m.predictRange(ctx, texts[lo:hi], out[lo:hi]) })
	}
	wg.Wait()
	return out, cmp.Or(errs...)
}

// PredictAll predicts texts as they come and yields the predictions in the same order. It reads ahead a few hundred
// texts at most.
func (m *Model) PredictAll(ctx context.Context, texts iter.Seq[string]) iter.Seq2[Prediction, error] {
	return func(yield func(Prediction, error) bool) {
		size := batchTexts * runtime.GOMAXPROCS(0)
		batch := make([]string, 0, size)
		flush := func() bool {
			predictions, err := m.Predict(ctx, batch)
			if err != nil {
				yield(Prediction{}, err)
				return false
			}
			batch = batch[:0]
			for _, p := range predictions {
				if !yield(p, nil) {
					return false
				}
			}
			return true
		}
		for s := range texts {
			if batch = append(batch, s); len(batch) == size && !flush() {
				return
			}
		}
		if len(batch) > 0 {
			flush()
		}
	}
}

// worker is the memory of one prediction at a time.
type worker struct {
	tape     *nn.Tape
	batch    tensor.Packed
	encoding text.Encoding
	ids      []int32
}

// worker returns one that is free; put it back into m.workers.
func (m *Model) worker() *worker {
	if w, ok := m.workers.Get().(*worker); ok {
		return w
	}
	return &worker{tape: nn.NewTape(nil)}
}

func (m *Model) predictRange(ctx context.Context, texts []string, out []Prediction) error {
	w := m.worker()
	defer m.workers.Put(w)
	for at := 0; at < len(texts); {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.batch.Reset()
		first := at
		for at < len(texts) && at-first < batchTexts && w.batch.Tokens() < batchTokens {
			w.ids = m.Encode(w.ids[:0], &w.encoding, texts[at])
			w.batch.Append(w.ids)
			at++
		}
		logits := m.logits(w)
		for i := range at - first {
			out[first+i] = m.prediction(logits.Row(i))
		}
	}
	return nil
}

// logits runs the batch of w.
func (m *Model) logits(w *worker) *nn.Var {
	w.tape.Begin(nn.Inference, 0, 0)
	return m.Forward(w.tape, &w.batch)
}

func (m *Model) prediction(logits []float32) Prediction {
	p := slices.Clone(logits)
	m.Head.Probabilities(p)
	best := kernel.ArgMax(p)
	return Prediction{Class: best, Label: m.Labels[best], Probability: p[best], Probabilities: p}
}

// Tokens encodes s with places counted in s itself, cut to what the model reads.
func (m *Model) Tokens(s string) text.Encoding {
	var e text.Encoding
	m.EncodeAligned(nil, &e, s)
	return e
}

// PredictTokens predicts encoded texts, for those who change tokens instead of text (explanations).
func (m *Model) PredictTokens(ctx context.Context, encodings []text.Encoding) ([]Prediction, error) {
	w := m.worker()
	defer m.workers.Put(w)
	out := make([]Prediction, 0, len(encodings))
	for len(out) < len(encodings) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w.batch.Reset()
		for i := len(out); i < len(encodings) && i-len(out) < batchTexts; i++ {
			w.ids = m.appendIDs(w.ids[:0], &encodings[i])
			w.batch.Append(w.ids)
		}
		logits := m.logits(w)
		for i := range logits.Rows {
			out = append(out, m.prediction(logits.Row(i)))
		}
	}
	return out, nil
}
