package vectors

import (
	"io"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// worker trains on a part of the corpus.
type worker struct {
	*trainer
	from, to int64 // its part
	reader   *corpusReader
	random   generator
	epochs   int   // gone through
	words    int64 // of this round
	sentence []int32
	hidden   []float32 // [stride] what predicts
	change   []float32 // [stride] the gradient of it
	err      error
}

// round trains on about roundWords words, whole sentences.
func (w *worker) round() {
	for w.words < roundWords && w.epochs < w.config.Epochs {
		sentence, n, err := w.reader.sentence(w.sentence[:0], w.keep, &w.random)
		w.sentence = sentence
		if err == io.EOF {
			w.epochs++
			w.reader = w.corpus.reader(w.from, w.to)
			continue
		}
		if err != nil {
			w.err = err
			return
		}
		// What the other workers have done in this round is about as much.
		progress := float64(w.done+w.words*int64(len(w.workers))) / float64(w.total*int64(w.config.Epochs))
		rate := float32(w.config.LearningRate * max(1-progress, 1e-4))
		if w.config.CBOW {
			w.cbow(rate)
		} else {
			w.skipGram(rate)
		}
		w.words += n
	}
}

func (w *worker) row(table []float32, word int32) []float32 {
	at := int(word) * w.stride
	return table[at : at+w.stride : at+w.stride]
}

// skipGram trains the vectors of the words around each word to tell it from random ones.
func (w *worker) skipGram(rate float32) {
	for i, center := range w.sentence {
		reach := 1 + w.random.below(w.config.Window)
		for j := max(i-reach, 0); j <= min(i+reach, len(w.sentence)-1); j++ {
			if j == i {
				continue
			}
			context := w.row(w.in, w.sentence[j])
			clear(w.change)
			w.predict(context, center, rate)
			kernel.Add(context, w.change)
		}
	}
}

// cbow trains the mean of the vectors around each word to tell it from random ones.
func (w *worker) cbow(rate float32) {
	for i, center := range w.sentence {
		reach := 1 + w.random.below(w.config.Window)
		from, to := max(i-reach, 0), min(i+reach, len(w.sentence)-1)
		if from == to {
			continue
		}
		clear(w.hidden)
		for j := from; j <= to; j++ {
			if j != i {
				kernel.Add(w.hidden, w.row(w.in, w.sentence[j]))
			}
		}
		kernel.Scale(1/float32(to-from), w.hidden)
		clear(w.change)
		w.predict(w.hidden, center, rate)
		for j := from; j <= to; j++ {
			if j != i {
				kernel.Add(w.row(w.in, w.sentence[j]), w.change)
			}
		}
	}
}

// predict makes one step of logistic regression with hidden as features for the true word and for each random one, and
// adds the gradient of hidden to w.change.
func (w *worker) predict(hidden []float32, truth int32, rate float32) {
	w.step(hidden, truth, 1, rate)
	for range w.config.Negative {
		if word := w.alias.draw(&w.random); word != truth {
			w.step(hidden, word, 0, rate)
		}
	}
}

func (w *worker) step(hidden []float32, word int32, label, rate float32) {
	out := w.row(w.out, word)
	g := (label - sigmoid(kernel.Dot(hidden, out))) * rate
	kernel.Axpy(g, out, w.change)
	kernel.Axpy(g, hidden, out)
}

// sigmoid reads 1/(1+e⁻ˣ) from a table, 1/512 apart; beyond ±8 it is 0 or 1 to three digits.
func sigmoid(x float32) float32 {
	switch {
	case x >= sigmoidReach:
		return 1
	case x <= -sigmoidReach:
		return 0
	case x != x:
		return x
	}
	return sigmoids[int((x+sigmoidReach)*sigmoidsPerUnit)]
}

const (
	sigmoidReach    = 8
	sigmoidsPerUnit = 512
)

var sigmoids = func() (t [2 * sigmoidReach * sigmoidsPerUnit]float32) {
	for i := range t {
		x := (float64(i)+0.5)/float64(len(t))*2*sigmoidReach - sigmoidReach
		t[i] = float32(1 / (1 + math.Exp(-x)))
	}
	return t
}()
