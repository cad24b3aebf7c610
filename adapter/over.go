package adapter

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Weights is a set of named tensors.
type Weights interface {
	Names() []string
	Shape(name string) ([]int, bool)
	Float32(name string) ([]float32, error) // may be memory that must not be changed
}

// Merged is the weights of a base with an adapter's changes in them. Each tensor is computed when it is asked for.
type Merged struct {
	base    Weights
	config  *Config
	names   []string
	changes map[string]*pair
	saved   map[string]safetensors.Tensor // in place of the base's, or beside it
}

// pair is the two matrices of a change.
type pair struct {
	module    string
	a, b      safetensors.Tensor
	embedding bool
	turned    bool // the base keeps the matrix as [in, out]: the product's transpose is added
	scale     float32
}

// Over lays the adapter over the weights that it was trained on. What it changes must be there, and fit.
func (a *Adapter) Over(base Weights) (*Merged, error) {
	m := &Merged{base: base, config: &a.Config, names: base.Names(), changes: map[string]*pair{}, saved: map[string]safetensors.Tensor{}}
	pairs := map[string]*pair{}
	for _, t := range a.Tensors {
		name, ok := strings.CutPrefix(t.Name, prefix)
		if !ok {
			return nil, hint.Errorf("take the adapter as PEFT saved it", "the adapter: tensor %q does not begin with %s", t.Name, prefix)
		}
		if !m.collect(pairs, name, t) {
			if err := m.save(name, t); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range pairs {
		if err := m.change(p); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// collect puts a tensor to the pair that it belongs to, and tells whether it is one of a pair.
func (m *Merged) collect(pairs map[string]*pair, name string, t safetensors.Tensor) bool {
	for _, side := range []struct {
		end       string
		first     bool
		embedding bool
	}{{".lora_A.weight", true, false}, {".lora_B.weight", false, false}, {".lora_embedding_A", true, true}, {".lora_embedding_B", false, true}} {
		module, ok := strings.CutSuffix(name, side.end)
		if !ok {
			continue
		}
		if pairs[module] == nil {
			pairs[module] = &pair{module: module, embedding: side.embedding}
		}
		if side.first {
			pairs[module].a = t
		} else {
			pairs[module].b = t
		}
		return true
	}
	return false
}

// save notes a tensor that the adapter has as a whole.
func (m *Merged) save(name string, t safetensors.Tensor) error {
	if strings.Contains(name, ".lora_") {
		return hint.Errorf("merge the adapter with the program that made it, and take the merged model", "the adapter: tensor %q is not supported", t.Name)
	}
	name = strings.Replace(name, ".modules_to_save.default.", ".", 1) // as older versions called them
	if inBase := m.find(name); inBase != "" {
		name = inBase
	} else {
		m.names = append(m.names, name)
	}
	m.saved[name] = t
	return nil
}

// change checks a pair against the tensor that it changes.
func (m *Merged) change(p *pair) error {
	if len(p.a.Shape) != 2 || len(p.b.Shape) != 2 || p.a.Shape[0] != p.b.Shape[1] || p.a.Shape[0] == 0 {
		return hint.Errorf("take the adapter again from where it came", "the adapter: the matrices of %s are %v and %v", p.module, p.a.Shape, p.b.Shape)
	}
	name := m.find(p.module + ".weight")
	if name == "" {
		return hint.Errorf("lay it over the model that "+ConfigFile+" names: "+m.config.Base, "the adapter changes %s, which the model does not have", p.module)
	}
	shape, _ := m.base.Shape(name)
	out, in := p.b.Shape[0], p.a.Shape[1]
	p.turned = (p.embedding || m.config.Transposed) && slices.Equal(shape, []int{in, out})
	if !p.turned && (p.embedding || !slices.Equal(shape, []int{out, in})) {
		return hint.Errorf("lay it over the model that "+ConfigFile+" names: "+m.config.Base, "the adapter changes %s from %d inputs to %d outputs, which does not fit the model's %v", p.module, in, out, shape)
	}
	var err error
	p.scale, err = m.config.scale(p.module, p.a.Shape[0])
	m.changes[name] = p
	return err
}

// find returns the base's name of a tensor: its own, or where one of the two has a prefix that the other lacks
// (bert.encoder… and encoder…) the only one that fits; "" if there is none.
func (m *Merged) find(name string) string {
	if _, ok := m.base.Shape(name); ok {
		return name
	}
	found := ""
	for _, candidate := range m.base.Names() {
		if strings.HasSuffix(candidate, "."+name) || strings.HasSuffix(name, "."+candidate) && strings.Count(candidate, ".") > 1 {
			if found != "" {
				return ""
			}
			found = candidate
		}
	}
	return found
}

// Names returns the base's names, and behind them those of tensors that the adapter adds.
func (m *Merged) Names() []string { return slices.Clone(m.names) }

// Shape returns a tensor's dimensions.
func (m *Merged) Shape(name string) ([]int, bool) {
	if t, ok := m.saved[name]; ok {
		return t.Shape, true
	}
	return m.base.Shape(name)
}

// Float32 returns a tensor's numbers: the base's with the change added, computed anew at each call, or the adapter's.
func (m *Merged) Float32(name string) ([]float32, error) {
	if t, ok := m.saved[name]; ok {
		return t.Float32()
	}
	data, err := m.base.Float32(name)
	p := m.changes[name]
	if err != nil || p == nil {
		return data, err
	}
	a, err := p.a.Float32()
	if err != nil {
		return nil, fmt.Errorf("the adapter: %w", err)
	}
	b, err := p.b.Float32()
	if err != nil {
		return nil, fmt.Errorf("the adapter: %w", err)
	}
	rank, in, out := p.a.Shape[0], p.a.Shape[1], p.b.Shape[0]
	b = slices.Clone(b)
	kernel.Scale(p.scale, b)
	data = slices.Clone(data)
	if !p.turned {
		kernel.GemmNN(kernel.F32, out, in, rank, b, rank, a, in, data, in, true) // W, [out, in], += B·A
		return data, nil
	}
	bt := make([]float32, len(b)) // W, [in, out], += Aᵀ·Bᵀ
	for r := range out {
		for c := range rank {
			bt[c*out+r] = b[r*rank+c]
		}
	}
	kernel.GemmTN(kernel.F32, in, out, rank, a, in, bt, out, data, out, true)
	return data, nil
}
