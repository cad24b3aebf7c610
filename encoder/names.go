package encoder

import (
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// module is a row of an architecture's table of names, which is used both ways: the tensors name.weight and name.bias
// of a checkpoint are the parameters param.weight and param.bias, or rows of them. A name that ends in .weight or .bias
// is that tensor alone. Where the network has no such parameter, the tensors are known, and not used.
type module struct {
	name, param string
	part        part
	kind        kind
	transposed  bool // [in, out], as the layers of GPT-2 called Conv1D
}

// part says which rows of a parameter a tensor is.
type part uint8

const (
	whole part = iota
	query
	key
	value
	gate // the upper half
	rest // the lower half
)

// kind says what a tensor is for.
type kind uint8

const (
	weight   kind = iota
	double        // the same numbers as another's: written again only if they were there
	constant      // nothing that is trained: kept as it was found
	turns         // a constant: the sines and cosines of positions, [positions, head dim], instead of those that follow from Config.Rotary
)

// slot is the place of one tensor of a checkpoint in the network.
type slot struct {
	name       string // without the body's prefix
	body       bool   // the prefix applies
	param      *nn.Param
	part       part
	from, rows int // of param
	transposed bool
	kind       kind

	found string            // the tensor's name where the weights came from, "" if it was not there
	dtype safetensors.DType // in which it was stored there
	raw   safetensors.Tensor
}

// shape is that of the tensor.
func (s *slot) shape() []int {
	shape := slices.Clone(s.param.Shape)
	shape[0] = s.rows
	if s.transposed {
		slices.Reverse(shape)
	}
	return shape
}

// data is the part of the parameter.
func (s *slot) data() []float32 {
	w := s.param.Width()
	return s.param.Data[s.from*w : (s.from+s.rows)*w]
}

// whole tells that the tensor is a parameter as it is.
func (s *slot) whole() bool { return s.rows == s.param.Shape[0] && !s.transposed }

// slots lists the places of all tensors that the architecture knows.
func (n *Network) makeSlots() {
	a, c := architectures[n.Config.Architecture], n.Config
	n.addSlots(a.body, "", "", true)
	distinct, _ := c.distinct()
	inner := max(c.Inner, 1)
	for i := range distinct {
		prefix := strings.NewReplacer("{}", strconv.Itoa(i), "{group}", strconv.Itoa(i/inner), "{inner}", strconv.Itoa(i%inner)).Replace(a.layer)
		n.addSlots(a.layers, prefix, "layers."+strconv.Itoa(i)+".", true)
	}
	n.addSlots(a.heads[c.Head].names, "", "", false)
	for h := range Head(len(headNames)) { // those of other heads, which a checkpoint may hold as well
		if h != c.Head {
			n.addSlots(unused(a.heads[h].names), "", "", false)
		}
	}
}

func unused(modules []module) []module {
	list := slices.Clone(modules)
	for i := range list {
		list[i].param = ""
	}
	return list
}

func (n *Network) addSlots(modules []module, name, param string, body bool) {
	for _, m := range modules {
		for _, end := range []string{".weight", ".bias"} {
			full, ours := name+m.name, param+m.param
			exact := strings.HasSuffix(m.name, ".weight") || strings.HasSuffix(m.name, ".bias") || m.kind >= constant
			if exact && end == ".bias" {
				break
			}
			if !exact {
				full, ours = full+end, ours+end
			}
			if !n.knows[full] {
				n.knows[full] = true
				n.slots = append(n.slots, n.slot(m, full, ours, body))
			}
		}
	}
}

func (n *Network) slot(m module, name, param string, body bool) *slot {
	s := &slot{name: name, body: body, part: m.part, kind: m.kind, transposed: m.transposed, param: n.params.Get(param)}
	if s.param == nil && param == "head.out.weight" && n.Config.form.tied {
		s.param, s.kind = n.embeddings.tokens, double
	}
	if s.param == nil {
		return s
	}
	q, k, half := n.Config.QueryWidth(), n.Config.KeyWidth(), s.param.Shape[0]/2
	switch m.part {
	case query:
		s.rows = q
	case key:
		s.from, s.rows = q, k
	case value:
		s.from, s.rows = q+k, k
	case gate:
		s.rows = half
	case rest:
		s.from, s.rows = half, half
	default:
		s.rows = s.param.Shape[0]
	}
	s.transposed = s.transposed && len(s.param.Shape) == 2
	return s
}
