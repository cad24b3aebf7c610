package vectors

import (
	"context"
	"fmt"
	"iter"
	"math"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Config says how vectors are trained. The zero values of all but Seed and CBOW stand for those of Defaults.
type Config struct {
	CBOW         bool    `json:"cbow"`          // predict a word from the mean of those around it, instead of each of those from the word (skip-gram)
	Dim          int     `json:"dim"`           // numbers of a vector
	Window       int     `json:"window"`        // words on each side that count as being around a word, at most; how many is drawn anew each time
	Negative     int     `json:"negative"`      // random words that each true one is told from
	Epochs       int     `json:"epochs"`        // times that the corpus is gone through
	MinCount     int     `json:"min_count"`     // a word must occur so often
	MaxWords     int     `json:"max_words"`     // at most so many words, the most frequent ones
	Sample       float64 `json:"sample"`        // share of the corpus above which a word is passed over at times; negative for never
	LearningRate float64 `json:"learning_rate"` // at the beginning; it falls to almost 0 evenly
	Threads      int     `json:"threads"`       // 0 for one a processor; only with 1 the same seed gives the same vectors, to the bit
	Seed         uint64  `json:"seed"`
}

// Defaults are those of the original program, word2vec.
var Defaults = Config{Dim: 100, Window: 5, Negative: 5, Epochs: 5, MinCount: 5, MaxWords: 1_000_000, Sample: 1e-3, LearningRate: 0.025}

// TrainOptions are what a training needs beside its Config.
type TrainOptions struct {
	Progress   func(Progress) // may be nil
	Checkpoint string         // file to keep the state in, now and then and when ctx ends; "" for none
	Resume     bool           // go on from Checkpoint if it is there
	Dir        string         // for temporary files; "" for the system's folder
	Every      time.Duration  // between checkpoints; 0 for a minute
}

// Progress tells how a training goes.
type Progress struct {
	Training       bool  // false while the corpus is read
	Done, Total    int64 // words; Total is 0 while the corpus is read
	Epoch          int   // from 1
	WordsPerSecond float64
}

// Train makes vectors of the words of sentences by skip-gram or CBOW with negative sampling (Mikolov et al. 2013,
// "Distributed Representations of Words and Phrases and their Compositionality"). The sentences are read once and kept
// as numbers in a temporary file. Threads share the vectors without locks (Recht et al. 2011, "Hogwild").
//
// When ctx ends, a checkpoint is written; with Resume the same call goes on, with one thread to the same vectors, to
// the bit.
func Train(ctx context.Context, sentences iter.Seq2[[]string, error], c Config, o TrainOptions) (*Set, error) {
	c.fill()
	if err := c.check(); err != nil {
		return nil, err
	}
	report := o.Progress
	if report == nil {
		report = func(Progress) {}
	}
	corpus, err := newCorpus(ctx, sentences, c.MinCount, c.MaxWords, o.Dir, func(words int64) { report(Progress{Done: words}) })
	if err != nil {
		return nil, err
	}
	defer corpus.Close()
	if len(corpus.words) < 2 {
		return nil, hint.Errorf("give more text, or a lower --min-count", "training word vectors: %d words occur %d times", len(corpus.words), c.MinCount)
	}
	t, err := newTrainer(corpus, c)
	if err != nil {
		return nil, err
	}
	if o.Resume && o.Checkpoint != "" {
		if err := t.restore(o.Checkpoint); err != nil && !os.IsNotExist(err) {
			return nil, err
		}
	}
	if err := t.run(ctx, o, report); err != nil {
		return nil, err
	}
	return t.vectors(), nil
}

func (c *Config) fill() {
	set := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	set(&c.Dim, Defaults.Dim)
	set(&c.Window, Defaults.Window)
	set(&c.Negative, Defaults.Negative)
	set(&c.Epochs, Defaults.Epochs)
	set(&c.MinCount, Defaults.MinCount)
	set(&c.MaxWords, Defaults.MaxWords)
	set(&c.Threads, runtime.GOMAXPROCS(0))
	if c.Sample == 0 {
		c.Sample = Defaults.Sample
	}
	if c.LearningRate == 0 {
		c.LearningRate = Defaults.LearningRate
	}
}

func (c *Config) check() error {
	for _, k := range []struct {
		name      string
		v, lo, hi int
	}{{"dim", c.Dim, 1, maxDim}, {"window", c.Window, 1, 1000}, {"negative", c.Negative, 1, 1000}, {"epochs", c.Epochs, 1, 100_000},
		{"min-count", c.MinCount, 1, math.MaxInt32}, {"max-words", c.MaxWords, 2, 16 << 20}, {"threads", c.Threads, 1, 1024}} {
		if k.v < k.lo || k.v > k.hi {
			return hint.Errorf(fmt.Sprintf("give a number from %d to %d", k.lo, k.hi), "training word vectors: --%s %d", k.name, k.v)
		}
	}
	if !(c.LearningRate > 0 && c.LearningRate <= 10) {
		return hint.Errorf("give a number above 0, such as 0.025", "training word vectors: --learning-rate %v", c.LearningRate)
	}
	if !(c.Sample < 1) || math.IsInf(c.Sample, 0) {
		return hint.Errorf("give a share such as 0.001, or -1 for none", "training word vectors: --sample %v", c.Sample)
	}
	return nil
}

// trainer is the state of a training.
type trainer struct {
	*corpus
	config  Config
	stride  int       // numbers from one vector to the next: Dim, rounded up to whole registers, the rest 0
	in, out []float32 // [words, stride]: the vectors, and those of words as what is predicted
	keep    []float32
	alias   *alias
	workers []*worker
	done    int64 // words, of all epochs
}

func newTrainer(corpus *corpus, c Config) (*trainer, error) {
	const register = 16
	t := &trainer{corpus: corpus, config: c, stride: (c.Dim + register - 1) / register * register}
	t.in, t.out = make([]float32, len(corpus.words)*t.stride), make([]float32, len(corpus.words)*t.stride)
	random := generator{c.Seed}
	for w := range corpus.words {
		for d := range c.Dim {
			t.in[w*t.stride+d] = (2*random.uniform() - 1) / float32(c.Dim)
		}
	}
	t.keep, t.alias = corpus.keepShares(c.Sample), newAlias(corpus.count)
	bounds, err := corpus.shards(c.Threads)
	if err != nil {
		return nil, err
	}
	for i := range c.Threads {
		w := &worker{trainer: t, from: bounds[i], to: bounds[i+1], random: generator{c.Seed ^ uint64(i+1)*0xd1342543de82ef95},
			hidden: make([]float32, t.stride), change: make([]float32, t.stride)}
		w.reader = corpus.reader(w.from, w.to)
		t.workers = append(t.workers, w)
	}
	return t, nil
}

// roundWords is how many words each worker trains on between two looks at ctx and the clock.
const roundWords = 100_000

// run trains until all workers have gone through their parts so often as there are epochs.
func (t *trainer) run(ctx context.Context, o TrainOptions, report func(Progress)) error {
	total := t.total * int64(t.config.Epochs)
	began, before, saved := time.Now(), t.done, time.Now()
	every := o.Every
	if every == 0 {
		every = time.Minute
	}
	for t.done < total {
		if err := ctx.Err(); err != nil {
			return t.save(o.Checkpoint, err)
		}
		var group sync.WaitGroup
		for _, w := range t.workers {
			group.Go(w.round)
		}
		group.Wait()
		progressed := false
		for _, w := range t.workers {
			if w.err != nil {
				return w.err
			}
			t.done, progressed = t.done+w.words, progressed || w.words > 0
			w.words = 0
		}
		epoch := min(int(t.done/t.total)+1, t.config.Epochs)
		report(Progress{Training: true, Done: t.done, Total: total, Epoch: epoch, WordsPerSecond: float64(t.done-before) / time.Since(began).Seconds()})
		if !progressed {
			break
		}
		if o.Checkpoint != "" && time.Since(saved) > every {
			if err := t.save(o.Checkpoint, nil); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	if kernel.HasNonFinite(t.in) {
		return hint.Errorf("give a lower --learning-rate", "training word vectors: the numbers grew beyond all bounds")
	}
	return nil
}

// vectors returns what was learnt.
func (t *trainer) vectors() *Set {
	s := New(t.config.Dim)
	s.Total = len(t.words)
	for i, w := range t.words {
		copy(s.add(w), t.in[i*t.stride:i*t.stride+t.config.Dim])
	}
	return s
}
