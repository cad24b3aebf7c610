package model

import (
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/adapter"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Modules returns the linear layers of the network's layers, which low-rank changes can be made of; none for families
// without layers.
func (m *Model) Modules() []adapter.Module {
	switch n := m.Network.(type) {
	case *pretrained:
		return n.network.Modules()
	case *transformer:
		return n.modules(m.Params)
	}
	return nil
}

// Learnt returns the tensors that are not frozen, as they are saved, but for low-rank changes: what an adapter keeps as
// a whole.
func (m *Model) Learnt() []safetensors.Tensor {
	var out []safetensors.Tensor
	params := m.Params.All()
	if e, ok := m.Network.(*pretrained); ok {
		out, params = e.network.Learnt(), params[m.body:]
	}
	out = m.scaled(out)
	changes := m.changes()
	for _, p := range params {
		if !p.Frozen && !slices.Contains(changes, p) {
			out = append(out, safetensors.FromFloat32(p.Name, p.Shape, p.Data))
		}
	}
	return out
}

// changes are the weights of low-rank changes.
func (m *Model) changes() []*nn.Param {
	var list []*nn.Param
	for _, p := range m.Params.All() {
		for _, c := range p.Changes {
			list = append(list, c.A, c.B)
		}
	}
	return list
}

// modules are the layers' matrices under their own names.
func (*transformer) modules(ps *nn.Params) []adapter.Module {
	var list []adapter.Module
	for _, w := range ps.All() {
		if name, ok := strings.CutSuffix(w.Name, ".weight"); ok && strings.HasPrefix(name, "layers.") && len(w.Shape) == 2 {
			list = append(list, adapter.Module{Name: name, Weight: w, Rows: w.Shape[0]})
		}
	}
	return list
}
