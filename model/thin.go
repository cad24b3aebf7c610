package model

import (
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Thin returns a model that has only some of m's layers, named by their numbers from 1, rising: what a smaller student
// may begin with (Sanh et al. 2019, "DistilBERT"). Its weights are m's, in m's memory; m stays what it is, and open.
func (m *Model) Thin(layers []int) (*Model, error) {
	form := m.Layered()
	if form == nil {
		return nil, hint.Errorf("choose a teacher of the families encoder or transformer", "taking layers of a model: the family %s has none to choose from", m.Config.Family)
	}
	c := m.Config
	if c.Encoder != nil {
		fewer, err := c.Encoder.WithLayers(layers)
		if err != nil {
			return nil, err
		}
		c.Encoder = fewer
	} else {
		if err := form.CheckLayers(layers); err != nil {
			return nil, err
		}
		c.Layers = len(layers)
	}
	thin, err := assemble(c, m.Clean, m.Tokenizer, m.Labels)
	if err != nil {
		return nil, err
	}
	thin.declare()
	for _, p := range thin.Params.All() {
		from := m.Params.Get(nameBefore(p.Name, layers, form.Groups > 0))
		if from == nil {
			return nil, fmt.Errorf("taking layers of a model: it has no weight for %s", p.Name)
		}
		p.Data = from.Data
	}
	thin.Package = m.Package
	thin.Params.Freeze(nn.F32)
	return thin, nil
}

// nameBefore is the name that a weight of the chosen layers has among all; layers that share their weights have one name.
func nameBefore(name string, layers []int, shared bool) string {
	var i int
	for _, prefix := range []string{"layers.", encoder.BottleneckPrefix} {
		if _, err := fmt.Sscanf(name, prefix+"%d.", &i); err == nil && !shared && i < len(layers) {
			_, rest, _ := strings.Cut(strings.TrimPrefix(name, prefix), ".")
			return fmt.Sprintf("%s%d.%s", prefix, layers[i]-1, rest)
		}
	}
	return name
}

// InheritHead copies the head of another model of the same labels, where it has the same form, and tells whether it has:
// a student need not learn anew what its teacher's last layer says.
func (m *Model) InheritHead(from *Model) bool {
	if m.Config.Head != from.Config.Head || len(m.Labels) != len(from.Labels) {
		return false
	}
	for i, l := range m.Labels {
		if from.Labels[i] != l {
			return false
		}
	}
	var copies []func()
	for _, p := range m.Params.All() {
		if !ofHead(p.Name) {
			continue
		}
		q := from.Params.Get(p.Name)
		if q == nil || len(q.Data) != len(p.Data) || q.Width() != p.Width() {
			return false
		}
		copies = append(copies, func() { copy(p.Data, q.Data) })
	}
	for _, f := range copies {
		f()
	}
	return len(copies) > 0
}
