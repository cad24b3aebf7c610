package encoder

import (
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/adapter"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Modules are the linear layers within the network's layers, as its checkpoints call them: what low-rank changes can be
// made of. Shared layers are there once.
func (n *Network) Modules() []adapter.Module {
	var list []adapter.Module
	for _, s := range n.slots {
		module, ok := strings.CutSuffix(s.name, ".weight")
		if !ok || !s.body || s.kind != weight || s.param == nil || len(s.param.Shape) != 2 || !strings.HasPrefix(s.param.Name, "layers.") {
			continue
		}
		list = append(list, adapter.Module{Name: n.prefix + module, Weight: s.param, From: s.from, Rows: s.rows, Transposed: s.transposed})
	}
	return list
}

// Learnt returns those of Tensors that are not frozen: what is kept beside low-rank changes.
func (n *Network) Learnt() []safetensors.Tensor {
	frozen := map[string]bool{}
	for _, s := range n.slots {
		frozen[n.nameOf(s)] = s.param == nil || s.param.Frozen
	}
	return slices.DeleteFunc(n.Tensors(), func(t safetensors.Tensor) bool { return frozen[t.Name] })
}
