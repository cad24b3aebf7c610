package model

import (
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// A regressor learns numbers of mean 0 and deviation 1. Where its last layer lies under a checkpoint's name, other tools
// read that layer's result as the number itself; there the layer is written with the scale in it, and as it was beside
// it, so that the package opens here with the same weights to the bit.
const (
	unscaledWeight = "regressor.weight"
	unscaledBias   = "regressor.bias"
)

// rescales returns the regressor whose layer is written so; nil for none.
func (m *Model) rescales() *regressor {
	r, ok := m.Head.(*regressor)
	if !ok || !m.Config.ownHead() || r.b == nil || r.mean.Data[0] == 0 && r.deviation.Data[0] == 1 {
		return nil
	}
	return r
}

// scaled puts the scale into the regressor's layer among the tensors of a network.
func (m *Model) scaled(list []safetensors.Tensor) []safetensors.Tensor {
	r := m.rescales()
	if r == nil {
		return list
	}
	network := m.Transformer()
	weight, bias := network.NameOf(r.w), network.NameOf(r.b)
	for i, t := range list {
		switch t.Name {
		case weight:
			data := slices.Clone(r.w.Data)
			for j := range data {
				data[j] *= r.deviation.Data[0]
			}
			list[i] = safetensors.FromFloat32(t.Name, t.Shape, data)
		case bias:
			list[i] = safetensors.FromFloat32(t.Name, t.Shape, []float32{r.b.Data[0]*r.deviation.Data[0] + r.mean.Data[0]})
		}
	}
	return list
}

// unscaled is the regressor's layer as it was.
func (m *Model) unscaled() []safetensors.Tensor {
	r := m.rescales()
	if r == nil {
		return nil
	}
	return []safetensors.Tensor{safetensors.FromFloat32(unscaledWeight, r.w.Shape, r.w.Data), safetensors.FromFloat32(unscaledBias, r.b.Shape, r.b.Data)}
}

// bindUnscaled gives a regressor its layer back as it was, where the file has it. used notes what was read.
func (m *Model) bindUnscaled(file *safetensors.File, used map[string]bool) error {
	if _, ok := file.Tensor(unscaledWeight); !ok {
		return nil
	}
	r := m.rescales()
	if r == nil {
		return nil // and so nothing that belongs here
	}
	for name, p := range map[string]string{unscaledWeight: r.w.Name, unscaledBias: r.b.Name} {
		t, _ := file.Tensor(name)
		data, err := t.Float32()
		if err != nil {
			return err
		}
		if err := m.Params.Bind(p, t.Shape, data); err != nil {
			return err
		}
		if err := t.CheckFinite(); err != nil {
			return err
		}
		used[name] = true
	}
	return nil
}
