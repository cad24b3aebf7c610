package onnx

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Operations on each number.

func init() {
	addFunctions()
	addTests()
	addPairs()
}

// addFunctions adds those of one number that have the number's type.
func addFunctions() {
	for name, f := range map[string]func(float32) float32{
		"Sqrt":       func(x float32) float32 { return float32(math.Sqrt(float64(x))) },
		"Log":        func(x float32) float32 { return float32(math.Log(float64(x))) },
		"Sin":        func(x float32) float32 { return float32(math.Sin(float64(x))) },
		"Cos":        func(x float32) float32 { return float32(math.Cos(float64(x))) },
		"Erf":        func(x float32) float32 { return float32(math.Erf(float64(x))) },
		"Reciprocal": func(x float32) float32 { return 1 / x },
		"Round":      func(x float32) float32 { return float32(math.RoundToEven(float64(x))) },
		"Floor":      func(x float32) float32 { return float32(math.Floor(float64(x))) },
		"Ceil":       func(x float32) float32 { return float32(math.Ceil(float64(x))) },
	} {
		operations[name] = mapping(func(dst, x []float32) {
			for i, v := range x {
				dst[i] = f(v)
			}
		}, nil)
	}
	for name, f := range map[string]func(dst, x []float32){
		"Exp": kernel.Exp, "Tanh": kernel.Tanh, "Sigmoid": kernel.Sigmoid,
	} {
		operations[name] = mapping(f, nil)
	}
	operations["Relu"] = mapping(kernel.Relu, func(x int64) int64 { return max(x, 0) })
	operations["Abs"] = mapping(func(dst, x []float32) {
		for i, v := range x {
			dst[i] = max(v, -v)
		}
	}, func(x int64) int64 { return max(x, -x) })
	operations["Neg"] = mapping(func(dst, x []float32) {
		for i, v := range x {
			dst[i] = -v
		}
	}, func(x int64) int64 { return -x })
	operations["Gelu"] = one(1, 1, func(c *call) (*value, error) {
		f := kernel.Gelu
		if c.text("approximate", "none") == "tanh" {
			f = kernel.GeluTanh
		}
		return c.each(f, nil)
	})
}

// addTests adds those of one number that tell whether something holds.
func addTests() {
	operations["Not"] = one(1, 1, func(c *call) (*value, error) {
		return c.each(nil, func(x int64) int64 { return 1 - min(x, 1) })
	})
	operations["IsNaN"] = one(1, 1, func(c *call) (*value, error) {
		x, err := c.in[0].floats()
		if err != nil {
			return nil, err
		}
		y, err := c.run.make(Bool, c.in[0].shape)
		if err != nil {
			return nil, err
		}
		for i, v := range x {
			if v != v {
				y.i[i] = 1
			}
		}
		return y, nil
	})
}

// addPairs adds those of two numbers or more.
func addPairs() {
	for name, f := range map[string]both{
		"Add": {func(a, b float32) float32 { return a + b }, func(a, b int64) int64 { return a + b }},
		"Sub": {func(a, b float32) float32 { return a - b }, func(a, b int64) int64 { return a - b }},
		"Mul": {func(a, b float32) float32 { return a * b }, func(a, b int64) int64 { return a * b }},
		"Div": {func(a, b float32) float32 { return a / b }, divide},
		"Min": {func(a, b float32) float32 { return min(a, b) }, func(a, b int64) int64 { return min(a, b) }},
		"Max": {func(a, b float32) float32 { return max(a, b) }, func(a, b int64) int64 { return max(a, b) }},
		"And": {nil, func(a, b int64) int64 { return a & b }},
		"Or":  {nil, func(a, b int64) int64 { return a | b }},
	} {
		most := 2
		if name == "Min" || name == "Max" {
			most = math.MaxInt
		}
		operations[name] = one(1, most, func(c *call) (*value, error) { return c.fold(f) })
	}
	operations["Pow"] = one(2, 2, func(c *call) (*value, error) { return c.power() })
	for name, f := range map[string]comparison{
		"Equal":          {func(a, b float32) bool { return a == b }, func(a, b int64) bool { return a == b }},
		"Less":           {func(a, b float32) bool { return a < b }, func(a, b int64) bool { return a < b }},
		"LessOrEqual":    {func(a, b float32) bool { return a <= b }, func(a, b int64) bool { return a <= b }},
		"Greater":        {func(a, b float32) bool { return a > b }, func(a, b int64) bool { return a > b }},
		"GreaterOrEqual": {func(a, b float32) bool { return a >= b }, func(a, b int64) bool { return a >= b }},
	} {
		operations[name] = one(2, 2, func(c *call) (*value, error) { return c.compare(f) })
	}
}

func divide(a, b int64) int64 {
	if b == 0 {
		return 0 // not defined; a run must not end for it
	}
	return a / b
}

// power has the type of the base, whatever that of the exponent.
func (c *call) power() (*value, error) {
	float := func(v *value) (*value, error) {
		if v.typ == Float {
			return v, nil
		}
		list, err := v.ints()
		if err != nil {
			return nil, err
		}
		y, err := c.run.make(Float, v.shape)
		if err != nil {
			return nil, err
		}
		for i, x := range list {
			y.f[i] = float32(x)
		}
		return y, nil
	}
	base, err := float(c.in[0])
	if err != nil {
		return nil, err
	}
	exponent, err := float(c.in[1])
	if err != nil {
		return nil, err
	}
	y, err := c.combine(base, exponent, both{f: power})
	if err != nil || c.in[0].typ == Float {
		return y, err
	}
	whole, err := c.run.make(c.in[0].typ, y.shape)
	if err != nil {
		return nil, err
	}
	for j := range whole.size() {
		whole.set(j, y)
	}
	return whole, nil
}

func power(a, b float32) float32 {
	if b == 2 {
		return a * a
	}
	return float32(math.Pow(float64(a), float64(b)))
}

type both struct {
	f func(a, b float32) float32
	i func(a, b int64) int64
}

type comparison struct {
	f func(a, b float32) bool
	i func(a, b int64) bool
}

func mapping(f func(dst, x []float32), i func(int64) int64) operation {
	return one(1, 1, func(c *call) (*value, error) { return c.each(f, i) })
}

// each applies a function to all numbers of the first input.
func (c *call) each(f func(dst, x []float32), i func(int64) int64) (*value, error) {
	x := c.in[0]
	y, err := c.run.make(x.typ, x.shape)
	switch {
	case err != nil:
		return nil, err
	case x.typ == Float && f != nil:
		f(y.f, x.f)
	case x.i != nil && i != nil:
		for j, v := range x.i {
			y.i[j] = i(v)
		}
	case x.size() > 0:
		return nil, malformed("numbers of type %d", x.typ)
	}
	return y, nil
}

// fold joins all inputs, from the first on.
func (c *call) fold(f both) (*value, error) {
	out := c.in[0]
	for _, x := range c.in[1:] {
		var err error
		if out, err = c.combine(out, x, f); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (c *call) combine(a, b *value, f both) (*value, error) {
	a, b, err := alike(a, b)
	if err != nil {
		return nil, err
	}
	shape, err := broadcast(a.shape, b.shape)
	if err != nil {
		return nil, err
	}
	y, err := c.run.make(a.typ, shape)
	if err != nil {
		return nil, err
	}
	switch {
	case a.typ == Float && f.f != nil:
		if b.size() == len(y.f) && a.size() == len(y.f) && (c.Op == "Add" || c.Op == "Mul") {
			copy(y.f, a.f)
			if c.Op == "Add" {
				kernel.Add(y.f, b.f)
			} else {
				kernel.Mul(y.f, a.f, b.f)
			}
			return y, nil
		}
		zip(shape, y.f, a.f, b.f, a.shape, b.shape, f.f)
	case a.i != nil && f.i != nil:
		zip(shape, y.i, a.i, b.i, a.shape, b.shape, f.i)
	case y.size() > 0:
		return nil, malformed("numbers of type %d", a.typ)
	}
	return y, nil
}

func (c *call) compare(f comparison) (*value, error) {
	a, b, err := alike(c.in[0], c.in[1])
	if err != nil {
		return nil, err
	}
	shape, err := broadcast(a.shape, b.shape)
	if err != nil {
		return nil, err
	}
	y, err := c.run.make(Bool, shape)
	if err != nil {
		return nil, err
	}
	if a.typ == Float {
		zip(shape, y.i, a.f, b.f, a.shape, b.shape, func(a, b float32) int64 { return truth(f.f(a, b)) })
	} else {
		zip(shape, y.i, a.i, b.i, a.shape, b.shape, func(a, b int64) int64 { return truth(f.i(a, b)) })
	}
	return y, nil
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// alike returns two values of one type; 8 bits are widened.
func alike(a, b *value) (*value, *value, error) {
	widen := func(v *value) (*value, error) {
		if v.b == nil {
			return v, nil
		}
		list, err := v.ints()
		return &value{typ: Int64, shape: v.shape, i: list}, err
	}
	a, err := widen(a)
	if err != nil {
		return nil, nil, err
	}
	if b, err = widen(b); err != nil {
		return nil, nil, err
	}
	if (a.typ == Float) != (b.typ == Float) {
		return nil, nil, malformed("numbers of the types %d and %d", a.typ, b.typ)
	}
	return a, b, nil
}

// zip computes each number of y from those of a and b, which are spread to its shape.
func zip[T, Y any](shape []int, y []Y, a, b []T, aShape, bShape []int, f func(a, b T) Y) {
	steps := [][]int{stepsTo(aShape, shape), stepsTo(bShape, shape), strides(shape)}
	sa, sb := 0, 0
	if n := len(shape); n > 0 {
		sa, sb = steps[0][n-1], steps[1][n-1]
	}
	walk(shape, steps, func(at []int, n int) {
		out, pa, pb := y[at[2]:at[2]+n], at[0], at[1]
		for i := range out {
			out[i] = f(a[pa], b[pb])
			pa += sa
			pb += sb
		}
	})
}

// The attributes of a node.

func (n *Node) number(name string, otherwise int64) int64 {
	if a, ok := n.Attrs[name]; ok {
		return a.Int
	}
	return otherwise
}

func (n *Node) fraction(name string, otherwise float32) float32 {
	if a, ok := n.Attrs[name]; ok {
		return a.Float
	}
	return otherwise
}

func (n *Node) text(name, otherwise string) string {
	if a, ok := n.Attrs[name]; ok {
		return a.String
	}
	return otherwise
}

// list is an attribute, or an input in its place, as operations have it since some opset.
func (c *call) list(name string, input int) (list []int64, given bool, err error) {
	if a, ok := c.Attrs[name]; ok {
		return a.Ints, true, nil
	}
	if input < len(c.in) && c.in[input] != nil {
		list, err = c.in[input].ints()
		return list, true, err
	}
	return nil, false, nil
}
