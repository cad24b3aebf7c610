package adapter

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Module is a linear layer of a network's body as its checkpoints know it.
type Module struct {
	Name       string // encoder.layer.0.attention.self.query, say, with the prefix that checkpoints with a head have
	Weight     *nn.Param
	From, Rows int  // the rows of Weight that are the module's
	Transposed bool // the checkpoint keeps it as [in, out]
}

// LoRA is the low-rank changes of a network that is being trained.
type LoRA struct {
	Config Config

	params  *nn.Params
	modules []Module // of the network
	terms   []term
}

// term is the change of one module.
type term struct {
	module Module
	change *nn.LowRank
}

// New gives those of the modules that c names low-rank changes, declared and drawn in params, and freezes all layers:
// the changes and what lies above the layers learn. At first the changes are 0: A is drawn uniformly, B is 0 (Hu et al.
// 2021).
func New(c Config, modules []Module, params *nn.Params, seed uint64) (*LoRA, error) {
	matches, err := c.Targets.matches()
	if err != nil {
		return nil, err
	}
	l := &LoRA{Config: c, params: params, modules: modules}
	l.Config.Type, l.Config.Bias = "LORA", "none"
	for _, p := range params.All() {
		p.Frozen = p.Frozen || p.Layer > 0
	}
	for _, m := range modules {
		if !matches(m.Name) {
			continue
		}
		if c.Rank < 1 || c.Rank > min(m.Rows, m.Weight.Width()) {
			return nil, hint.Errorf(fmt.Sprintf("choose a rank from 1 to %d", min(m.Rows, m.Weight.Width())), "low-rank changes: rank %d of %s, which is [%d, %d]", c.Rank, m.Name, m.Rows, m.Weight.Width())
		}
		scale, err := c.scale(m.Name, c.Rank)
		if err != nil {
			return nil, err
		}
		l.Config.Transposed = l.Config.Transposed || m.Transposed
		l.add(m, scale, seed)
	}
	if len(l.terms) == 0 {
		return nil, hint.Errorf("there are "+strings.Join(ends(modules), ", ")+", or "+AllLinear, "low-rank changes: the network has no module %s", strings.Join(append(c.Targets.Ends, c.Targets.Expression), " "))
	}
	return l, nil
}

func (l *LoRA) add(m Module, scale float32, seed uint64) {
	in := m.Weight.Width()
	change := &nn.LowRank{
		A:    l.params.Add(m.Name+".lora_A.weight", nn.Uniform(1/math.Sqrt(float64(in))), l.Config.Rank, in),
		B:    l.params.Add(m.Name+".lora_B.weight", nn.Zeros, m.Rows, l.Config.Rank),
		From: m.From, Scale: scale, Dropout: float32(l.Config.Dropout),
	}
	for _, p := range []*nn.Param{change.A, change.B} {
		p.Layer = m.Weight.Layer
		p.Data = make([]float32, p.Size())
		l.params.Draw(p, seed)
	}
	m.Weight.Changes = append(m.Weight.Changes, change)
	l.terms = append(l.terms, term{m, change})
}

// ends returns the last parts of the modules' names, each once.
func ends(modules []Module) []string {
	var list []string
	for _, m := range modules {
		_, end, _ := cutLast(m.Name)
		if !slices.Contains(list, end) {
			list = append(list, end)
		}
	}
	return list
}

// Count returns the number of weights of all changes.
func (l *LoRA) Count() int {
	n := 0
	for _, t := range l.terms {
		n += t.change.A.Size() + t.change.B.Size()
	}
	return n
}

// classifiers are heads that PEFT keeps as a whole, with all modules in them, whatever the configuration says.
var classifiers = []string{"classifier", "score"}

// Adapter returns the changes as they are now, and with them saved, tensors that were trained as a whole, under the
// names of the network's checkpoints.
func (l *LoRA) Adapter(saved []safetensors.Tensor) *Adapter {
	a := &Adapter{Config: l.Config}
	a.Config.Targets = l.targets()
	for _, t := range l.terms {
		for _, p := range []*nn.Param{t.change.A, t.change.B} {
			a.Tensors = append(a.Tensors, safetensors.FromFloat32(prefix+p.Name, p.Shape, slices.Clone(p.Data)))
		}
	}
	for _, s := range saved {
		module, _, _ := cutLast(s.Name)
		if top, _, _ := strings.Cut(module, "."); slices.Contains(classifiers, top) {
			module = top
		}
		if !slices.Contains(a.Config.Saved, module) {
			a.Config.Saved = append(a.Config.Saved, module)
		}
		s.Name, s.Data = prefix+s.Name, slices.Clone(s.Data)
		a.Tensors = append(a.Tensors, s)
	}
	slices.SortFunc(a.Tensors, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return a
}

// targets names the changed modules so that PEFT changes the same ones: it would find ends of names, and linear layers, in
// the head too. One expression does that, whose numbers are those of any layer, or a list of whole names.
func (l *LoRA) targets() Targets {
	var names, forms []string
	for _, t := range l.terms {
		names = append(names, t.module.Name)
		parts := strings.Split(t.module.Name, ".")
		for i, part := range parts {
			if parts[i] = regexp.QuoteMeta(part); strings.Trim(part, "0123456789") == "" {
				parts[i] = `\d+`
			}
		}
		if form := strings.Join(parts, `\.`); !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	short := Targets{Expression: strings.Join(forms, "|")}
	matches, err := short.matches()
	for _, m := range l.modules {
		if err != nil || matches(m.Name) != slices.Contains(names, m.Name) {
			return Targets{Ends: names}
		}
	}
	return short
}

// Merge adds the changes to the matrices and takes them out of the network, which then is what it was, with other
// weights. Matrices get memory of their own: they may have been views of a file.
func (l *LoRA) Merge() {
	for _, t := range l.terms {
		w := t.module.Weight
		if len(w.Changes) > 0 && w.Changes[0] == t.change {
			w.Data = slices.Clone(w.Data) // once, by its first change
		}
		t.change.Merge(w.Data, 1)
	}
	for _, t := range l.terms {
		t.module.Weight.Changes = nil
		l.params.Remove(t.change.A, t.change.B)
	}
}
