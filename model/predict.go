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

// Answer is a text and what the model says of it.
type Answer struct {
	Text string
	Prediction
	More bool // another answer follows at once, without waiting for a text: a good time not to flush
}

// PredictAll predicts texts as they come and yields the answers in the same order. It waits for no batch to fill: what
// has come is predicted at once, and meanwhile a few hundred texts are read ahead. The texts are drawn in a goroutine
// of their own.
func (m *Model) PredictAll(ctx context.Context, texts iter.Seq[string]) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		size := batchTexts * runtime.GOMAXPROCS(0)
		in, stop := make(chan string, size), make(chan struct{})
		defer close(stop)
		go func() {
			defer close(in)
			for s := range texts {
				select {
				case in <- s:
				case <-stop:
					return
				}
			}
		}()
		batch := make([]string, 0, size)
		for open := true; open; {
			batch, open = gather(ctx, in, batch[:0])
			predictions, err := m.Predict(ctx, batch)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Answer{}, err)
				return
			}
			for i, p := range predictions {
				if !yield(Answer{batch[i], p, i+1 < len(batch)}, nil) {
					return
				}
			}
		}
	}
}

// gather waits for one text and takes those that are there already, up to batch's capacity; open tells whether more
// may come.
func gather(ctx context.Context, in <-chan string, batch []string) (_ []string, open bool) {
	select {
	case s, ok := <-in:
		if !ok {
			return batch, false
		}
		batch = append(batch, s)
	case <-ctx.Done():
		return batch, false
	}
	for len(batch) < cap(batch) {
		select {
		case s, ok := <-in:
			if !ok {
				return batch, false
			}
			batch = append(batch, s)
		default:
			return batch, true
		}
	}
	return batch, true
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
