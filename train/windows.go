package train

import (
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// windowed judges texts of which several windows are examples.
type windowed struct {
	model    *model.Model
	set      *Set
	at       int               // examples seen
	rows     []model.JoinedRow // by text, for heads with one row a text
	readings []reading         // by text, for head qa
}

// reading is what the windows of one text say of a question, and which of them hold its answer.
type reading struct {
	model.Reading
	first int // example
	n     int
}

// newWindowed returns nil where each example is judged by itself: texts are not cut into windows, or tokens are labelled,
// window by window.
func newWindowed(m *model.Model, set *Set) *windowed {
	if set.rows == nil || m.Config.Head == model.TokensHead || m.Config.Head == model.EmbeddingHead {
		return nil
	}
	w := &windowed{model: m, set: set}
	texts := 1 + int(set.rows[len(set.rows)-1])
	if m.Config.Head == model.AnswerHead {
		w.readings = make([]reading, texts)
	} else {
		w.rows = make([]model.JoinedRow, texts)
	}
	return w
}

// add takes the logits of example i of a batch, which is the next one of the set.
func (w *windowed) add(logits *nn.Var, in *model.Input, i int) {
	text := w.set.rows[w.at]
	if w.readings != nil {
		r := &w.readings[text]
		if r.n == 0 {
			r.first = w.at
		}
		r.n++
		r.Add(&w.model.Config, logits, in, i)
	} else {
		w.rows[text].Add(w.model.Config.Windows, logits.Row(i))
	}
	w.at++
}

func (w *windowed) predictions() []model.Prediction {
	var out []model.Prediction
	for i := range w.rows {
		out = append(out, w.model.PredictJoined(&w.rows[i]))
	}
	return out
}

// answerF1 is the mean F1 of the tokens of answers; one from a window that has none of the answer's is wrong.
func (w *windowed) answerF1() float64 {
	if w == nil {
		return 0
	}
	total := 0.0
	for i := range w.readings {
		r := &w.readings[i]
		window, first, last := r.Best(&w.model.Config)
		if window < 0 {
			right := 1.0
			for e := r.first; e < r.first+r.n; e++ {
				if w.set.Targets.Spans[2*e] > 0 {
					right = 0
				}
			}
			total += right
			continue
		}
		from, to := int(w.set.Targets.Spans[2*(r.first+window)]), int(w.set.Targets.Spans[2*(r.first+window)+1])
		if from > 0 {
			total += f1(max(min(last, to)-max(first, from)+1, 0), last-first+1, to-from+1)
		}
	}
	return total / float64(max(len(w.readings), 1))
}

// truth are the targets of each text: those of its first window where there are several.
func (s *Set) truth() *model.Targets {
	if s.rows == nil || s.Targets.Tags.Len() > 0 {
		return &s.Targets
	}
	y := &model.Targets{}
	for i, text := range s.rows {
		if i == 0 || s.rows[i-1] != text {
			y.AppendExample(&s.Targets, i)
		}
	}
	return y
}
