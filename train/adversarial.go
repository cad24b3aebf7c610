package train

import (
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// disturb moves the embeddings of the batch along their gradient by a step of length Config.Adversarial (Miyato, Dai &
// Goodfellow 2017, "Adversarial Training Methods for Semi-Supervised Text Classification"); the function that it
// returns moves them back.
func (tr *Trainer) disturb() (undo func()) {
	p := tr.model.Params.Get("embeddings.weight")
	if p == nil || p.Rows == nil || p.Frozen {
		return func() {}
	}
	w, rows := p.Width(), slices.Clone(p.Rows.List())
	sum := 0.0
	for _, r := range rows {
		sum += kernel.SumSquares(p.Grad[int(r)*w : int(r+1)*w])
	}
	scale := float32(tr.config.Adversarial / math.Sqrt(max(sum, 1e-24)))
	tr.saved = tr.saved[:0]
	for _, r := range rows {
		row := p.Data[int(r)*w : int(r+1)*w]
		tr.saved = append(tr.saved, row...)
		kernel.Axpy(scale, p.Grad[int(r)*w:int(r+1)*w], row)
	}
	return func() {
		for i, r := range rows {
			copy(p.Data[int(r)*w:int(r+1)*w], tr.saved[i*w:])
		}
	}
}
