package encoder

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Weights is where the tensors of a checkpoint come from.
type Weights interface {
	Names() []string
	Shape(name string) ([]int, bool)
	Float32(name string) ([]float32, error) // may be memory that must not be changed
}

// storedWeights can also give a tensor as it is stored: with it, Network.Tensors gives the same bytes back.
type storedWeights interface {
	Tensor(name string) (safetensors.Tensor, error)
}

// FromFile makes an open safetensors file a source of weights.
func FromFile(f *safetensors.File) Weights { return fileWeights{f} }

type fileWeights struct{ *safetensors.File }

func (f fileWeights) Tensor(name string) (safetensors.Tensor, error) {
	t, ok := f.File.Tensor(name)
	if !ok {
		return t, fmt.Errorf("the file has no tensor %q", name)
	}
	return t, nil
}

func (f fileWeights) Shape(name string) ([]int, bool) {
	t, ok := f.File.Tensor(name)
	return t.Shape, ok
}

func (f fileWeights) Float32(name string) ([]float32, error) {
	t, err := f.Tensor(name)
	if err != nil {
		return nil, err
	}
	return t.Float32()
}

// Fit takes from the names of a checkpoint's tensors what config.json does not tell: whether a Bare network has a
// pooler. Call it before New.
func (c *Config) Fit(w Weights) {
	a, names := architectures[c.Architecture], w.Names()
	for _, m := range a.body {
		if m.param == "pooler" && c.Head == Bare {
			c.Pooler = slices.Contains(names, m.name+".weight") || slices.Contains(names, a.prefix+m.name+".weight")
		}
	}
}

// Load gives the network the weights of a checkpoint of the same architecture and head. Each tensor must have its
// place, and each parameter its tensor; the error names what is missing, surplus or of another shape, and what cannot be
// read or is not finite: the network is of no use then. A parameter without memory of its own (Params.Allocate) may
// become a view of w's, which then has to stay open.
func (n *Network) Load(w Weights) error {
	_, err := n.load(w, false)
	return err
}

// Report tells what of a checkpoint's body LoadBody could not use, and what it did not find.
type Report struct {
	Fresh  []string // parameters of the head that are as Params.Allocate drew them
	Unused []string // tensors of other heads
}

// LoadBody gives the network the weights of a checkpoint that may have another head, or none. Weights of the network's
// head that are there, and fit, are used; the others stay fresh. Call Params.Allocate before it.
func (n *Network) LoadBody(w Weights) (Report, error) { return n.load(w, true) }

func (n *Network) load(w Weights, bodyOnly bool) (Report, error) {
	m := n.match(w, bodyOnly)
	if err := m.err(); err != nil {
		return m.report, err
	}
	if n.params.Values() == nil { // weights of an earlier file may be read-only
		for _, f := range m.found {
			if f.param != nil {
				f.param.Data = nil
			}
		}
	}
	for _, f := range m.found {
		err := f.fill(w)
		if err == nil && f.kind == turns {
			err = n.turnBy(w, f.found)
		}
		if err != nil {
			return m.report, hint.Wrap(err, "take the file from where it came again", "loading weights")
		}
	}
	n.prefix = m.prefix
	if bodyOnly {
		n.prefix = n.defaultPrefix()
		for _, s := range n.slots {
			s.found = ""
		}
	}
	return m.report, nil
}

// turnBy takes the angles of positions from a tensor.
func (n *Network) turnBy(w Weights, name string) error {
	table, err := w.Float32(name)
	if err != nil {
		return err
	}
	if want := n.Config.MaxTokens * n.Config.HeadDim; len(table) < want {
		return fmt.Errorf("tensor %q: %d numbers are not sines and cosines of %d positions", name, len(table), n.Config.MaxTokens)
	}
	n.global.Table = slices.Clone(table)
	return nil
}

// match is which tensors go where.
type match struct {
	prefix string
	found  []*slot
	faults []string // one a tensor that is missing, surplus or of another shape
	report Report
}

func (n *Network) match(w Weights, bodyOnly bool) *match {
	m := &match{}
	names := map[string]string{} // by the name in use today
	for _, name := range w.Names() {
		names[modern(name)] = name
		if p := architectures[n.Config.Architecture].prefix; strings.HasPrefix(name, p) {
			m.prefix = p
		}
	}
	for _, s := range n.slots {
		full := s.name
		if s.body {
			full = m.prefix + s.name
		}
		name, ok := names[full]
		delete(names, full)
		s.found, s.dtype, s.raw = "", safetensors.F32, safetensors.Tensor{}
		optional := bodyOnly && !s.body || bodyOnly && strings.HasPrefix(s.paramName(), "pooler.")
		switch shape, _ := w.Shape(name); {
		case !ok && (s.param == nil || s.kind != weight):
		case !ok && optional:
			m.report.Fresh = append(m.report.Fresh, s.param.Name)
		case !ok:
			m.faults = append(m.faults, fmt.Sprintf("tensor %q is missing", full))
		case s.param == nil && bodyOnly && s.kind < constant:
			m.report.Unused = append(m.report.Unused, name)
		case s.param != nil && !slices.Equal(shape, s.shape()) && optional:
			m.report.Fresh, m.report.Unused = append(m.report.Fresh, s.param.Name), append(m.report.Unused, name)
		case s.param != nil && !slices.Equal(shape, s.shape()):
			m.faults = append(m.faults, fmt.Sprintf("tensor %q is %v, config.json asks for %v", name, shape, s.shape()))
		default:
			s.found = name
			m.found = append(m.found, s)
		}
	}
	for _, name := range w.Names() {
		switch left := names[modern(name)] == name; {
		case left && bodyOnly && !strings.HasPrefix(name, m.prefix):
			m.report.Unused = append(m.report.Unused, name)
		case left:
			m.faults = append(m.faults, fmt.Sprintf("tensor %q has no place in the network", name))
		}
	}
	return m
}

// modern renames the gain and bias of norms as checkpoints made by TensorFlow call them.
func modern(name string) string {
	if at, ok := strings.CutSuffix(name, ".gamma"); ok {
		return at + ".weight"
	}
	if at, ok := strings.CutSuffix(name, ".beta"); ok {
		return at + ".bias"
	}
	return name
}

// err is one line about what does not fit.
func (m *match) err() error {
	const most = 3
	if len(m.faults) == 0 {
		return nil
	}
	list := m.faults
	more := ""
	if len(list) > most {
		list, more = list[:most], fmt.Sprintf("; and %d tensors more do not fit", len(list)-most)
	}
	return hint.Errorf("take config.json and weights of the same checkpoint", "loading weights: %s%s", strings.Join(list, "; "), more)
}

// fill copies the tensor to its place.
func (s *slot) fill(w Weights) error {
	if sw, ok := w.(storedWeights); ok {
		t, err := sw.Tensor(s.found)
		if err != nil {
			return err
		}
		s.dtype = t.DType
		if s.param == nil {
			s.raw = safetensors.Tensor{DType: t.DType, Shape: slices.Clone(t.Shape), Data: slices.Clone(t.Data)}
		}
	}
	if s.param == nil {
		return nil
	}
	data, err := w.Float32(s.found)
	if err != nil {
		return err
	}
	for i, v := range data {
		if v-v != 0 {
			return fmt.Errorf("tensor %q: number %d is %v", s.found, i, v)
		}
	}
	switch {
	case s.kind == double:
		if s.param.Data != nil && !slices.Equal(s.data(), data) {
			return fmt.Errorf("tensor %q is not %s, which config.json says it is (tie_word_embeddings)", s.found, s.param.Name)
		}
	case s.whole() && s.param.Data == nil:
		s.param.Data = data
	default:
		if s.param.Data == nil {
			s.param.Data = make([]float32, s.param.Size())
		}
		if s.transposed {
			transpose(s.data(), data, s.rows)
		} else {
			copy(s.data(), data)
		}
	}
	return nil
}

// transpose writes src, [cols, rows], to dst, [rows, cols].
func transpose(dst, src []float32, rows int) {
	cols := len(dst) / max(rows, 1)
	for r := range rows {
		for c := range cols {
			dst[r*cols+c] = src[c*rows+r]
		}
	}
}

// paramName is the name of the parameter, "" if there is none.
func (s *slot) paramName() string {
	if s.param == nil {
		return ""
	}
	return s.param.Name
}

func (n *Network) defaultPrefix() string {
	if n.Config.Head == Bare {
		return ""
	}
	return architectures[n.Config.Architecture].prefix
}

// Tensors returns the weights under the names of the architecture's checkpoints, sorted. What Load found comes back
// byte for byte: a tensor keeps the type that it was stored in as long as that loses nothing, which it does for
// weights that have not changed; others are F32. Tensors may be views of the network's memory.
func (n *Network) Tensors() []safetensors.Tensor {
	var list []safetensors.Tensor
	for _, s := range n.slots {
		name := n.nameOf(s)
		switch {
		case s.kind == weight && s.param != nil, s.kind == double && s.found != "":
			list = append(list, s.tensor(name))
		case s.param == nil && s.raw.DType != "":
			s.raw.Name = name
			list = append(list, s.raw)
		}
	}
	slices.SortFunc(list, func(a, b safetensors.Tensor) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// TakeConstants takes over what another network of the architecture holds beside trained weights: tensors that its checkpoint
// brought along, and the angles of positions.
func (n *Network) TakeConstants(from *Network) {
	for _, s := range n.slots {
		for _, other := range from.slots {
			if s.body && s.param == nil && other.name == s.name && other.body {
				s.raw = other.raw
			}
		}
	}
	n.global.Table = from.global.Table
}

// NameOf returns the name of the tensor that a parameter is written as; "" for one that is written as several.
func (n *Network) NameOf(p *nn.Param) string {
	for _, s := range n.slots {
		if s.param == p && s.kind == weight && s.whole() {
			return n.nameOf(s)
		}
	}
	return ""
}

// nameOf returns the name of a tensor: that under which it was found, or its architecture's.
func (n *Network) nameOf(s *slot) string {
	switch {
	case s.found != "":
		return s.found
	case s.body:
		return n.prefix + s.name
	}
	return s.name
}

func (s *slot) tensor(name string) safetensors.Tensor {
	data := s.data()
	if s.transposed {
		data = make([]float32, len(s.data()))
		transpose(data, s.data(), len(data)/s.rows)
	}
	if t, ok := safetensors.Narrow(s.dtype, name, s.shape(), data); ok {
		return t
	}
	return safetensors.FromFloat32(name, s.shape(), data)
}
