package onnx

import (
	"fmt"
	"maps"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Program is a model that runs. It may be run by any number of goroutines at once.
type Program struct {
	Limit int // numbers that a run may hold at once

	Inputs, Outputs []*Info

	steps     []step
	constants []*value       // by slot; nil for what a run makes
	slots     map[string]int // by name
	watched   map[int]string // see Watch
	folding   run            // what is computed of constants
}

const (
	defaultLimit = 1 << 30 // 4 GB of float32
	foldingLimit = 1 << 24 // for what follows from constants, beside twice their own size
)

// step is a node that is ready to run.
type step struct {
	node *Node
	op   operation
	in   []int // slots; -1 for what is left out
	out  []int
	drop []int // slots that no later step reads
	own  any   // what prepare has made of constant inputs
}

// call is one execution of a step.
type call struct {
	*Node
	run *run
	in  []*value
	own any
}

// operation is how a node is computed. prepare, which may be nil, sees the constant inputs once (nil for others).
type operation struct {
	least, most int // inputs
	compute     func(c *call) ([]*value, error)
	prepare     func(n *Node, in []*value) (any, error)
	takes       []int // constant inputs that are not needed once prepare has made something of them
}

// run is the memory of one execution.
type run struct {
	held, limit int
}

// one makes an operation with one result.
func one(least, most int, f func(c *call) (*value, error)) operation {
	return operation{least: least, most: most, compute: func(c *call) ([]*value, error) {
		v, err := f(c)
		return []*value{v}, err
	}}
}

// check refuses shapes whose sizes, were none of them 0, are beyond what a run may hold.
func (r *run) check(shape []int) error {
	n := 1
	for _, d := range shape {
		if d < 0 {
			return malformed("a shape of %v", shape)
		}
		if n > r.limit/max(d, 1) {
			return hint.Errorf("give shorter texts, or fewer at once", "a tensor of %v is larger than the %d numbers that a run may hold", shape, r.limit)
		}
		n *= max(d, 1)
	}
	return nil
}

// make takes memory for a tensor.
func (r *run) make(t DType, shape []int) (*value, error) {
	if err := r.check(shape); err != nil {
		return nil, err
	}
	n := volume(shape)
	if r.held += n; r.held > r.limit {
		return nil, hint.Errorf("give shorter texts, or fewer at once", "the run needs more than %d numbers at once", r.limit)
	}
	v := &value{typ: t, shape: slices.Clone(shape)}
	switch t {
	case Float:
		v.f = make([]float32, n)
	case Int8, Uint8:
		v.b = make([]byte, n)
	default:
		v.i = make([]int64, n)
	}
	return v, nil
}

// NewProgram makes a model ready to run: every operation is known, every input of a node is there, and what depends on
// constants alone is computed.
func NewProgram(m *Model) (*Program, error) {
	if m.Opset < 13 {
		return nil, hint.Errorf("export it again with opset 13 or later", "the model's operations are of opset %d", m.Opset)
	}
	p := &Program{Limit: defaultLimit, slots: map[string]int{}, Outputs: m.Graph.Outputs}
	p.folding.limit = foldingLimit
	for _, t := range m.Graph.Weights {
		p.folding.limit += 2 * len(t.Raw)
		if err := p.define(t.Name, weight(t)); err != nil {
			return nil, err
		}
	}
	for _, i := range m.Graph.Inputs {
		if _, ok := p.slots[i.Name]; ok {
			continue // initialisers may be named as inputs
		}
		p.Inputs = append(p.Inputs, i)
		if err := p.define(i.Name, nil); err != nil {
			return nil, err
		}
	}
	for _, n := range m.Graph.Nodes {
		if err := p.add(n); err != nil {
			return nil, fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
	}
	if len(p.Outputs) == 0 {
		return nil, malformed("the graph has no outputs")
	}
	for _, o := range p.Outputs {
		if _, ok := p.slots[o.Name]; !ok {
			return nil, malformed("no node makes the output %q", o.Name)
		}
	}
	p.plan()
	return p, nil
}

func (p *Program) define(name string, v *value) error {
	if _, ok := p.slots[name]; ok || name == "" {
		return malformed("two things are called %q", name)
	}
	p.slots[name] = len(p.constants)
	p.constants = append(p.constants, v)
	return nil
}

// Operations returns the names of the operations that can be run.
func Operations() []string { return slices.Sorted(maps.Keys(operations)) }

func (p *Program) add(n *Node) error {
	op, ok := operations[n.Op]
	if !ok || n.Domain != "" && n.Domain != "ai.onnx" {
		name := n.Op
		if n.Domain != "" {
			name = n.Domain + "." + name
		}
		return hint.Errorf("export the model with the standard operations of transformers, without If, Loop and the operations of one vendor", "the operation %s is not supported", name)
	}
	if len(n.In) < op.least || len(n.In) > op.most {
		return malformed("%d inputs", len(n.In))
	}
	s := step{node: n, op: op}
	known := true
	inputs := make([]*value, len(n.In))
	for i, name := range n.In {
		if name == "" && i >= op.least || name == "" && op.least == op.most {
			s.in = append(s.in, -1)
			continue
		}
		slot, ok := p.slots[name]
		if !ok {
			return malformed("no node before it makes its input %q", name)
		}
		s.in = append(s.in, slot)
		inputs[i] = p.constants[slot]
		known = known && inputs[i] != nil
	}
	for i, slot := range s.in {
		if slot < 0 && i < op.least {
			return malformed("its input %d is left out", i)
		}
	}
	var results []*value
	var err error
	if op.prepare != nil {
		if s.own, err = op.prepare(n, inputs); err != nil {
			return err
		}
	}
	if known {
		if results, err = op.compute(&call{n, &p.folding, inputs, s.own}); err != nil {
			return err
		}
	}
	for i, name := range n.Out {
		var v *value
		if i < len(results) {
			v = results[i]
		}
		if name == "" {
			s.out = append(s.out, -1)
			continue
		}
		if err := p.define(name, v); err != nil {
			return err
		}
		s.out = append(s.out, p.slots[name])
	}
	if !known {
		p.steps = append(p.steps, s)
	}
	return nil
}

// plan says after which step each value is no longer needed, and forgets constants that no step reads.
func (p *Program) plan() {
	keep := map[int]bool{}
	for _, o := range p.Outputs {
		keep[p.slots[o.Name]] = true
	}
	used := map[int]bool{}
	for i := len(p.steps) - 1; i >= 0; i-- {
		s := &p.steps[i]
		for _, slot := range slices.Concat(s.in, s.out) {
			if slot >= 0 && !used[slot] && !keep[slot] && p.constants[slot] == nil {
				s.drop = append(s.drop, slot)
			}
			used[slot] = true
		}
		for i, slot := range s.in {
			taken := s.own != nil && slices.Contains(s.op.takes, i)
			keep[slot] = keep[slot] || slot >= 0 && p.constants[slot] != nil && !taken
		}
	}
	for slot := range p.constants {
		if !keep[slot] {
			p.constants[slot] = nil
		}
	}
}

// Watch has Observe called with the values of these names whenever they are made.
func (p *Program) Watch(names []string) {
	p.watched = map[int]string{}
	for _, name := range names {
		if slot, ok := p.slots[name]; ok {
			p.watched[slot] = name
		}
	}
}

// Run computes all outputs, or those named. observe, which may be nil, sees what is watched.
func (p *Program) Run(in map[string]graph.Tensor, observe func(name string, numbers []float32), outputs ...string) (map[string]graph.Tensor, error) {
	r := &run{limit: p.Limit}
	values := slices.Clone(p.constants)
	for _, i := range p.Inputs {
		x, ok := in[i.Name]
		if !ok {
			return nil, fmt.Errorf("running the model: its input %q is missing", i.Name)
		}
		v, err := fed(i, x)
		if err != nil {
			return nil, fmt.Errorf("running the model: input %q: %w", i.Name, err)
		}
		values[p.slots[i.Name]] = v
	}
	for i := range p.steps {
		if err := p.steps[i].execute(r, values); err != nil {
			return nil, fmt.Errorf("running node %q (%s): %w", p.steps[i].node.Name, p.steps[i].node.Op, err)
		}
		if observe != nil {
			for _, slot := range p.steps[i].out {
				if name, ok := p.watched[slot]; ok && values[slot].f != nil {
					observe(name, values[slot].f)
				}
			}
		}
		for _, slot := range p.steps[i].drop {
			if v := values[slot]; v != nil && !v.shared {
				r.held -= v.size()
				v.shared = true
			}
			values[slot] = nil
		}
	}
	out := map[string]graph.Tensor{}
	for _, o := range p.Outputs {
		if len(outputs) > 0 && !slices.Contains(outputs, o.Name) {
			continue
		}
		v := values[p.slots[o.Name]]
		if v == nil {
			return nil, fmt.Errorf("running the model: the output %q was not made", o.Name)
		}
		x := graph.Tensor{Shape: v.shape, Floats: v.f}
		if v.f == nil {
			x.Ints, _ = v.ints()
		}
		out[o.Name] = x
	}
	return out, nil
}

func (s *step) execute(r *run, values []*value) error {
	c := call{s.node, r, make([]*value, len(s.in)), s.own}
	for i, slot := range s.in {
		if slot >= 0 {
			c.in[i] = values[slot]
		}
	}
	results, err := s.op.compute(&c)
	if err != nil {
		return err
	}
	for i, slot := range s.out {
		if slot < 0 {
			continue
		}
		if i >= len(results) || results[i] == nil {
			return malformed("its output %d is not supported", i)
		}
		values[slot] = results[i]
	}
	return nil
}

// fed checks an input that a caller gives.
func fed(i *Info, x graph.Tensor) (*value, error) {
	v := &value{typ: i.Type, shape: x.Shape, f: x.Floats, i: x.Ints, shared: true}
	if v.typ == Float16 {
		v.typ = Float
	}
	n := len(v.i)
	if v.typ == Float {
		n = len(v.f)
	}
	if i.Type != Float && i.Type != Float16 && i.Type != Int64 && i.Type != Int32 && i.Type != Bool {
		return nil, malformed("its type is %d", i.Type)
	}
	if len(i.Dims) > 0 && len(i.Dims) != len(x.Shape) {
		return nil, fmt.Errorf("it has %d dimensions, not %d", len(i.Dims), len(x.Shape))
	}
	for d, size := range i.Dims {
		if size >= 0 && int(size) != x.Shape[d] {
			return nil, hint.Errorf("export the model with an open batch and length", "dimension %d is %d, the model takes %d alone", d, x.Shape[d], size)
		}
	}
	if n != volume(x.Shape) {
		return nil, fmt.Errorf("%d numbers of shape %v", n, x.Shape)
	}
	return v, nil
}
