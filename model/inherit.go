package model

import (
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Inherit copies from another model the weights below the head, those of the same names, and those of the head where
// both learn from texts alone. The models must be of one family and size and read the same tokens.
func (m *Model) Inherit(from *Model) error {
	if m.Config.Family != from.Config.Family {
		return hint.Errorf("set model.family to "+from.Config.Family, "starting from a model of family %s: this one is of family %s", from.Config.Family, m.Config.Family)
	}
	if a, b := m.Tokenizer.VocabSize(), from.Tokenizer.VocabSize(); a != b {
		return hint.Errorf("take its tokenizer", "starting from a model of %d tokens: this one has %d", b, a)
	}
	if n := m.Transformer(); n != nil {
		n.TakeConstants(from.Transformer())
	}
	for _, p := range m.Params.All() {
		filled := m.Config.Pooling == MaskPooling && strings.HasPrefix(p.Name, "head.") // the masked head is part of the way
		if ofHead(p.Name) && !filled && (m.Config.Head != from.Config.Head || !Unlabelled(m.Config.Head)) {
			continue
		}
		if m.wide != nil && (strings.HasPrefix(p.Name, "wide.") || strings.HasPrefix(p.Name, "ngram.")) {
			continue // of the data, and fitted first
		}
		q := from.Params.Get(p.Name)
		if q == nil && strings.HasPrefix(p.Name, encoder.BottleneckPrefix) {
			continue // which change nothing yet
		}
		if q == nil && (strings.HasPrefix(p.Name, "pooler.") || p.Name == "types.weight") {
			continue // sentence encoders come without the one, readers of single texts without the other
		}
		shorter := q != nil && p.Name == positionsName && p.Shape[0] < q.Shape[0] && p.Width() == q.Width()
		if q == nil || !slices.Equal(p.Shape, q.Shape) && !shorter {
			return hint.Errorf("leave the keys of model as they were for it", "starting from another model: its weight %s does not fit, %v is needed", p.Name, p.Shape)
		}
		copy(p.Data, q.Floats()) // where texts are cut shorter than the base reads them, its first positions
	}
	if s, ok := m.Network.(*model2vec); ok {
		s.inherit(from.Network.(*model2vec))
	}
	return nil
}

// ofHead tells whether a weight belongs to a head, and not to the network below it.
func ofHead(name string) bool {
	return slices.ContainsFunc([]string{"head.", "classifier.", "crf.", "regressor.", "knowledge."}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}
