// Package graph is the form between networks and the files that other runtimes execute: a short list of operations over
// named tensors, with the batch and the length of texts left open. Every family and head of package model, and every
// architecture of package encoder, is lowered to it once; package export turns it into files of each format.
//
//	g := graph.New()
//	t := g.Text("")                     // input_ids, attention_mask
//	x := g.Gather(g.Param(table), t.IDs) // [batch, length, dim]
//	g.Output("logits", g.Linear(t.Pool(x, nn.MeanPool), g.Param(w), g.Param(b)))
//
// Networks compute on packed sequences, graphs on padded ones: [Text] has the padded twins of the operations of package
// nn that know where a text ends. A graph gives the same numbers for a text whatever stands beside it, and however far
// it is padded on the right; padding on the left is not foreseen.
//
// It does not run graphs, and it reads no files.
package graph

import (
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Op is an operation. Numbers are float32 or whole; x is the first input.
type Op string

// The operations. Those of two inputs broadcast as NumPy does.
const (
	Gather     Op = "Gather"     // table [rows, dim], whole numbers [...] → [..., dim]
	GatherLast Op = "GatherLast" // x [..., n, m], whole numbers [n, k] → [..., n, k]: number j of row i is x[..., i, index[i, j]]
	Linear     Op = "Linear"     // x [..., in], w [out, in], perhaps b [out] → [..., out]: x·wᵀ + b
	MatMul     Op = "MatMul"     // [..., n, k], [..., k, m] → [..., n, m]
	Conv       Op = "Conv"       // x [batch, length, in], w [filters, width, in/Groups], b [filters] → [batch, length', filters]; Pads zeros before and behind
	Recurrent  Op = "Recurrent"  // x [batch, length, in], present [batch, length], wih, whh, bih, bhh as nn.Recurrent → [batch, length, hidden]; Cell, Reverse
	LayerNorm  Op = "LayerNorm"  // over the last dimension: x, gain, perhaps bias; Epsilon
	RMSNorm    Op = "RMSNorm"    // the same without mean: x, gain; Epsilon
	Softmax    Op = "Softmax"    // over the last dimension

	Add Op = "Add"
	Sub Op = "Sub"
	Mul Op = "Mul"
	Div Op = "Div"
	Min Op = "Min"
	Max Op = "Max"

	Relu     Op = "Relu"
	Tanh     Op = "Tanh"
	Sigmoid  Op = "Sigmoid"
	Gelu     Op = "Gelu"     // with the error function
	GeluTanh Op = "GeluTanh" // its approximation
	Silu     Op = "Silu"     // x·sigmoid(x)
	Abs      Op = "Abs"
	Sqrt     Op = "Sqrt"
	Log      Op = "Log"
	Sin      Op = "Sin"
	Cos      Op = "Cos"

	ReduceSum Op = "ReduceSum" // over Axis, which stays as 1
	ReduceMax Op = "ReduceMax" // the same

	Reshape   Op = "Reshape"   // to the shape of the result
	Transpose Op = "Transpose" // Perm
	Concat    Op = "Concat"    // along Axis
	Slice     Op = "Slice"     // [From, To) of Axis
	Range     Op = "Range"     // 0, 1 … n-1 as whole numbers [n], n being the size of x along Axis
	Cast      Op = "Cast"      // to the type of the result
)

// Type is the type of a tensor's numbers.
type Type uint8

const (
	Float Type = iota // float32
	Int               // whole numbers; int64 or int32, as the format likes
)

// Sizes that are known when a graph runs. A graph never joins two of them to one dimension.
const (
	Batch      = -1 // texts
	Length     = -2 // tokens of the longest text
	PairLength = -3 // the same of the second texts of pairs
	Count      = -4 // features of the text, or of the token, that has the most
	Windows    = -5 // the same of windows over characters
	Direct     = -6 // the same of direct features
)

// DimNames are the names of the sizes that are known when a graph runs.
var DimNames = map[int]string{Batch: "batch", Length: "length", PairLength: "pair_length", Count: "features", Windows: "windows", Direct: "direct"}

// Value is a tensor: an input, a constant or the result of a node.
type Value struct {
	Name  string // unique in its graph
	Type  Type
	Shape []int     // sizes; negative ones are Batch, Length …
	Data  []float32 // of a constant of type Float, row-major; not to be changed: it may be the model's own memory
	Ints  []int64   // of a constant of type Int
}

// Constant tells that the numbers are known.
func (v *Value) Constant() bool { return v.Data != nil || v.Ints != nil }

// Scalar tells that a value is one number for all.
func (v *Value) Scalar() bool { return v.Constant() && len(v.Data)+len(v.Ints) == 1 }

// Node is an operation with its one result. Of the fields below Out an operation reads those that its comment names.
type Node struct {
	Op  Op
	In  []*Value // nil stands for an input that is left out
	Out *Value

	Axis     int
	Perm     []int
	From, To int
	Pads     [2]int
	Groups   int
	Epsilon  float32
	Cell     nn.Cell
	Reverse  bool // the sequence is read from its end
}

// Graph is a network with its head. Nodes stand in an order in which they can be computed.
type Graph struct {
	Inputs  []*Value
	Outputs []*Value
	Nodes   []*Node

	constants map[string]*Value
	numbers   map[Op]int
}

// New returns an empty graph.
func New() *Graph { return &Graph{constants: map[string]*Value{}, numbers: map[Op]int{}} }

// Constants returns the constants that nodes use, in the order of their first use.
func (g *Graph) Constants() []*Value {
	var list []*Value
	seen := map[*Value]bool{}
	for _, n := range g.Nodes {
		for _, v := range n.In {
			if v != nil && v.Constant() && !seen[v] {
				seen[v] = true
				list = append(list, v)
			}
		}
	}
	return list
}

// Prune drops nodes and inputs that no output needs.
func (g *Graph) Prune() {
	needed := map[*Value]bool{}
	for _, v := range g.Outputs {
		needed[v] = true
	}
	var kept []*Node
	for _, n := range slices.Backward(g.Nodes) {
		if !needed[n.Out] {
			continue
		}
		kept = append(kept, n)
		for _, v := range n.In {
			if v != nil {
				needed[v] = true
			}
		}
	}
	slices.Reverse(kept)
	g.Nodes = kept
	g.Inputs = slices.DeleteFunc(g.Inputs, func(v *Value) bool { return !needed[v] })
}

// Input adds an input.
func (g *Graph) Input(name string, t Type, shape ...int) *Value {
	v := &Value{Name: name, Type: t, Shape: shape}
	g.Inputs = append(g.Inputs, v)
	return v
}

// Output makes a value one of the graph's results, under a name of its own.
func (g *Graph) Output(name string, v *Value) {
	if v.Constant() || slices.Contains(g.Inputs, v) || slices.Contains(g.Outputs, v) {
		panic("graph: output " + name + " is not the result of a node, or is one already")
	}
	v.Name = name
	g.Outputs = append(g.Outputs, v)
}

// Param is a constant with the numbers of a weight.
func (g *Graph) Param(p *nn.Param) *Value {
	if p == nil {
		return nil
	}
	if v := g.constants[p.Name]; v != nil {
		return v
	}
	return g.Weights(p.Name, p.Floats(), p.Shape...)
}

// Weights is a constant; asked for again under the same name, it is the same.
func (g *Graph) Weights(name string, data []float32, shape ...int) *Value {
	if v := g.constants[name]; v != nil {
		return v
	}
	if len(data) != volume(shape) {
		panic(fmt.Sprintf("graph: constant %s of %v has %d numbers", name, shape, len(data)))
	}
	v := &Value{Name: name, Shape: shape, Data: data}
	g.constants[name] = v
	return v
}

// Number is a constant without dimensions.
func (g *Graph) Number(x float32) *Value { return g.Weights(fmt.Sprintf("number %g", x), []float32{x}) }

// Whole is a constant of whole numbers; asked for again under the same name, it is the same.
func (g *Graph) Whole(name string, data []int64, shape ...int) *Value {
	if v := g.constants[name]; v != nil {
		return v
	}
	v := &Value{Name: name, Type: Int, Shape: shape, Ints: data}
	g.constants[name] = v
	return v
}

func volume(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// add appends a node with a fresh result.
func (g *Graph) add(n Node, t Type, shape []int) *Value {
	for i, v := range n.In {
		if v == nil && i == 0 {
			panic(fmt.Sprintf("graph: %s of nothing", n.Op))
		}
	}
	g.numbers[n.Op]++
	n.Out = &Value{Name: fmt.Sprintf("%s_%d", n.Op, g.numbers[n.Op]), Type: t, Shape: shape}
	g.Nodes = append(g.Nodes, &n)
	return n.Out
}

// Tensor is an input or an output of a graph that runs: numbers of one type.
type Tensor struct {
	Shape  []int
	Floats []float32
	Ints   []int64
}
