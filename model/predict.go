package model

import (
	"cmp"
	"context"
	"iter"
	"runtime"
	"slices"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/constraint"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Prediction is what a model says of one text.
type Prediction struct {
	Class         int       // number of the most probable label
	Label         string    // its name
	Probability   float32   // its probability
	Probabilities []float32 // of all labels, by class number; they sum to 1 but for head multilabel

	Labels   []string  // head multilabel: those that hold
	Score    float64   // head regression; of a pair, for head embedding: the cosine
	Entities []Entity  // heads tokens and replaced, in the order of the text
	Tags     []int32   // head tokens: the number of each token's tag
	Vector   []float32 // head embedding
	Answers  []Span    // head qa: the best first; one without a text says that there is none. They do not overlap
	Doubt    float64   // head qa: by how much no answer scores better than the best answer; see Config.Thresholds
	Dropped  int       // tokens of the text that were not read, being more than Config.MaxTokens
	Rules    []string  // that decided it against the model, see Config.Constraints
	Masks    [][]Score // head masked: the most probable tokens for each mask of the text, the most probable first

	tagProbabilities []float32
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
	partTexts   = 8 // fewer texts are not worth a goroutine of their own
)

// Query is what a model is asked: a text, and for models of pairs a second one.
type Query struct{ Text, Pair string }

// Predict returns a prediction for each text, in order. Any number of goroutines may call it at once; a call with
// many texts spreads over the processors by itself.
func (m *Model) Predict(ctx context.Context, texts []string) ([]Prediction, error) {
	queries := make([]Query, len(texts))
	for i, s := range texts {
		queries[i].Text = s
	}
	return m.PredictQueries(ctx, queries)
}

// PredictQueries is Predict for texts and pairs.
func (m *Model) PredictQueries(ctx context.Context, queries []Query) ([]Prediction, error) {
	if m.Ensemble != nil {
		return m.Ensemble.predict(ctx, m, queries)
	}
	out := make([]Prediction, len(queries))
	return out, inParts(len(queries), func(lo, hi int, alone bool) error {
		return m.predictRange(ctx, queries[lo:hi], out[lo:hi], alone)
	})
}

// inParts calls f for parts of n texts, each in a goroutine of its own, as many as there are processors; alone tells
// that there is one part.
func inParts(n int, f func(lo, hi int, alone bool) error) error {
	parts := min(runtime.GOMAXPROCS(0), (n+partTexts-1)/partTexts)
	if parts <= 1 {
		return f(0, n, true)
	}
	var wg sync.WaitGroup
	errs := make([]error, parts)
	for i := range parts {
		wg.Go(func() { errs[i] = f(n*i/parts, n*(i+1)/parts, false) })
	}
	wg.Wait()
	return cmp.Or(errs...)
}

// Answer is a text and what the model says of it.
type Answer struct {
	Query
	Prediction
	More bool // another answer follows at once, without waiting for a text: a good time not to flush
}

// PredictAll predicts texts as they come and yields the answers in the same order. It waits for no batch to fill: what
// has come is predicted at once, and meanwhile a few hundred texts are read ahead. The texts are drawn in a goroutine
// of their own.
func (m *Model) PredictAll(ctx context.Context, texts iter.Seq[Query]) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		size := batchTexts * runtime.GOMAXPROCS(0)
		in, stop := make(chan Query, size), make(chan struct{})
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
		batch := make([]Query, 0, size)
		for open := true; open; {
			batch, open = gather(ctx, in, batch[:0])
			predictions, err := m.PredictQueries(ctx, batch)
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
func gather(ctx context.Context, in <-chan Query, batch []Query) (_ []Query, open bool) {
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
	tape   *nn.Tape
	batch  Input
	sample Sample
	cut    [batchTexts]int         // tokens of each text that are not read
	places [batchTexts][]text.Span // of the tokens of each text, for heads that find stretches of it
	hits   [batchTexts][]constraint.Hit
}

// idle are workers that wait for the next prediction, at most as many as there are processors. A sync.Pool would forget
// them at every garbage collection, and growing a worker's memory anew costs as much as a batch.
type idle struct {
	sync.Mutex
	workers []*worker
}

// worker returns one that is free; release gives it back.
func (m *Model) worker() *worker {
	m.idle.Lock()
	defer m.idle.Unlock()
	n := len(m.idle.workers)
	if n == 0 {
		return &worker{tape: nn.NewTape(nil)}
	}
	w := m.idle.workers[n-1]
	m.idle.workers = m.idle.workers[:n-1]
	return w
}

func (m *Model) release(w *worker) {
	m.idle.Lock()
	defer m.idle.Unlock()
	if len(m.idle.workers) < runtime.GOMAXPROCS(0) {
		m.idle.workers = append(m.idle.workers, w)
	}
}

// placer is a head that finds stretches of a text.
type placer interface {
	// entities names those of s that p marks; places are those of its tokens.
	entities(p *Prediction, s string, places []text.Span) []Entity
}

// predictRange fills out; alone tells that no other goroutine works for the same call.
func (m *Model) predictRange(ctx context.Context, queries []Query, out []Prediction, alone bool) error {
	if m.readsWindows() {
		return m.predictWindows(ctx, queries, out, alone)
	}
	g, _ := m.Head.(placer)
	return m.inBatches(ctx, queries, g != nil, alone, func(w *worker, logits *nn.Var, first, n int) {
		for i := range n {
			p := m.predictOne(w, logits, i)
			p.Dropped = w.cut[i]
			if g != nil {
				p.Entities = g.entities(&p, queries[first+i].Text, w.places[i])
				if m.Config.bound != nil {
					m.Config.bound.name(p.Entities, w.places[i], w.hits[i])
				}
			}
			out[first+i] = p
		}
	})
}

// readsWindows tells whether texts are predicted window by window. An export gives an embedding as it is compared, not as
// those of windows are joined: of texts that are too long it reads the beginning.
func (m *Model) readsWindows() bool {
	return m.Config.Head == AnswerHead || m.Config.Windows.on() && (m.program == nil || m.Config.Head != EmbeddingHead)
}

// predictOne reads the logits of example i of w's batch, within the bounds of the model's rules.
func (m *Model) predictOne(w *worker, logits *nn.Var, i int) Prediction {
	b := m.Config.bound
	if g, ok := m.Head.(*tagger); ok && b != nil {
		return g.predictBound(logits, &w.batch, i, func(p *Prediction, rows []float32) { b.bindTags(p, g, rows, logits.Cols, w.places[i], w.hits[i]) })
	}
	p := m.Head.Predict(logits, &w.batch, i)
	m.bindText(&p, w.hits[i])
	return p
}

// bindText makes a prediction of a whole text what the rules leave of it.
func (m *Model) bindText(p *Prediction, hits []constraint.Hit) {
	b := m.Config.bound
	switch {
	case b == nil:
	case m.Config.Head == ClassHead:
		b.bindClasses(p, m.Labels, hits)
	case m.Config.Head == MultiLabelHead:
		b.bindSet(p, m.Labels, hits)
	}
}

// inBatches runs queries through the model and hands out the logits of each batch, whose n examples begin with that
// numbered first. With aligned, w has the places of their tokens.
func (m *Model) inBatches(ctx context.Context, queries []Query, aligned, alone bool, each func(w *worker, logits *nn.Var, first, n int)) error {
	w := m.worker()
	defer m.release(w)
	for at := 0; at < len(queries); {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.batch.Reset()
		first := at
		for at < len(queries) && at-first < batchTexts && w.batch.Tokens.Tokens() < batchTokens {
			q := queries[at]
			if aligned {
				m.EncodeAligned(&w.batch, &w.sample, q.Text, "")
				w.places[at-first] = append(w.places[at-first][:0], w.sample.Text.Spans...)
			} else {
				m.Encode(&w.batch, &w.sample, q.Text, q.Pair)
			}
			w.cut[at-first] = w.sample.Text.Dropped + w.sample.Pair.Dropped
			w.hits[at-first] = append(w.hits[at-first][:0], w.sample.hits...)
			at++
		}
		logits, err := m.logits(w, alone)
		if err != nil {
			return err
		}
		each(w, logits, first, at-first)
	}
	return nil
}

// everyone is all processors together, for one pass at a time: few texts, but much work.
var everyone struct {
	sync.Mutex
	pool *parallel.Pool
}

// wideWork is the least number of multiplications of a pass that is spread over the processors; it is about a
// millisecond of one of them.
const wideWork = 1 << 26

// logits runs the batch of w; alone tells that it may have all processors.
func (m *Model) logits(w *worker, alone bool) (*nn.Var, error) {
	return m.pass(w, alone, m.Forward)
}

// pass is run, or what stands for the head's output where a program stands in place of the network.
func (m *Model) pass(w *worker, alone bool, forward func(t *nn.Tape, in *Input) *nn.Var) (*nn.Var, error) {
	if m.program != nil {
		w.tape.Begin(nn.Inference, 0, 0)
		return m.runProgram(w.tape, &w.batch)
	}
	return m.run(w, alone, forward), nil
}

// run is logits for any part of the way.
func (m *Model) run(w *worker, alone bool, forward func(t *nn.Tape, in *Input) *nn.Var) *nn.Var {
	if alone && runtime.GOMAXPROCS(0) > 1 && w.batch.Tokens.Tokens()*m.Params.Dense() >= wideWork {
		everyone.Lock()
		defer everyone.Unlock()
		if n := runtime.GOMAXPROCS(0); everyone.pool.Workers() != n {
			everyone.pool.Close()
			everyone.pool = parallel.New(n)
		}
		w.tape.Use(everyone.pool)
		defer w.tape.Use(nil)
	}
	w.tape.Begin(nn.Inference, 0, 0)
	return forward(w.tape, &w.batch)
}

// Tokens encodes an example with places counted in the texts themselves, cut to what the model reads; an ensemble's
// are those of its first member.
func (m *Model) Tokens(q Query) *Sample {
	if m.Ensemble != nil {
		return m.Ensemble.Members[0].Tokens(q)
	}
	var in Input
	e := new(Sample)
	m.EncodeAligned(&in, e, q.Text, q.Pair)
	return e
}

// PredictTokens predicts encoded examples, for those who change tokens instead of text (explanations). The members of an
// ensemble have tokens of their own: it is asked with PredictQueries.
func (m *Model) PredictTokens(ctx context.Context, samples []*Sample) ([]Prediction, error) {
	out := make([]Prediction, len(samples))
	return out, inParts(len(samples), func(lo, hi int, alone bool) error {
		w := m.worker()
		defer m.release(w)
		for first := lo; first < hi; first += batchTexts {
			if err := ctx.Err(); err != nil {
				return err
			}
			w.batch.Reset()
			last := min(first+batchTexts, hi)
			for _, e := range samples[first:last] {
				m.Append(&w.batch, e)
			}
			logits, err := m.logits(w, alone)
			if err != nil {
				return err
			}
			for i := range last - first {
				out[first+i] = m.Head.Predict(logits, &w.batch, i)
			}
		}
		return nil
	})
}

// Answer's JSON form, one for each head.
type (
	classJSON struct {
		Label       string   `json:"label"`
		Probability float32  `json:"probability"`
		Scores      []Score  `json:"scores"`
		Rules       []string `json:"rules,omitempty"`
	}
	multiLabelJSON struct {
		Labels []string `json:"labels"`
		Scores []Score  `json:"scores"`
		Rules  []string `json:"rules,omitempty"`
	}
	regressionJSON struct {
		Score float64 `json:"score"`
	}
	tokensJSON struct {
		Entities []Entity `json:"entities"`
		Rules    []string `json:"rules,omitempty"`
	}
	embeddingJSON struct {
		Embedding []float32 `json:"embedding"`
	}
	answerJSON struct {
		Span
		Answers []Span `json:"answers"`
	}
	maskedJSON struct {
		Masks [][]Score `json:"masks"`
	}
)

// View returns what of a prediction is shown, as JSON has it; of labels, the top most probable (0 for all).
func (m *Model) View(p Prediction, top int) any {
	switch m.Config.Head {
	case MultiLabelHead:
		return multiLabelJSON{p.Labels, m.Top(p, top), p.Rules}
	case RegressionHead:
		return regressionJSON{p.Score}
	case TokensHead, ReplacedHead:
		return tokensJSON{p.Entities, p.Rules}
	case EmbeddingHead:
		if m.Config.Pair {
			return regressionJSON{p.Score}
		}
		return embeddingJSON{p.Vector}
	case AnswerHead:
		if top < 1 || top > len(p.Answers) {
			top = len(p.Answers)
		}
		return answerJSON{p.Answers[0], p.Answers[:top]}
	case MaskedHead, CausalHead:
		return maskedJSON{p.topMasks(top)}
	}
	return classJSON{p.Label, p.Probability, m.Top(p, top), p.Rules}
}

// Logits returns what the head makes of each query before it is read: [labels] numbers, [tokens, tags] of head tokens,
// [masks, vocabulary] of head masked, [tokens, 1] of head replaced, the embedding, or of a pair both, of head embedding.
func (m *Model) Logits(ctx context.Context, queries []Query) ([][]float32, error) {
	if m.Ensemble != nil {
		return nil, hint.Errorf("ask its members", "an ensemble has no logits of its own")
	}
	out := make([][]float32, len(queries))
	return out, inParts(len(queries), func(lo, hi int, alone bool) error {
		return m.inBatches(ctx, queries[lo:hi], false, alone, func(w *worker, logits *nn.Var, first, n int) {
			for i := range n {
				from, to := m.rowsOf(&w.batch, i)
				out[lo+first+i] = slices.Clone(logits.Data[from*logits.Cols : to*logits.Cols])
			}
		})
	})
}

// rowsOf returns the rows [from, to) that Forward makes of an example.
func (m *Model) rowsOf(in *Input, i int) (from, to int) {
	each := m.sequences()
	begin, end := in.Tokens.Offsets[each*i], in.Tokens.Offsets[each*(i+1)]
	switch {
	case m.Config.ofVocabulary():
		from, _ = slices.BinarySearch(in.Wanted, begin)
		to, _ = slices.BinarySearch(in.Wanted, end)
		return from, to
	case m.Config.OfTokens():
		return int(begin), int(end)
	case m.Config.Head == EmbeddingHead:
		return each * i, each * (i + 1)
	}
	return i, i + 1
}
