package onnx

import (
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Operations over dimensions: sums, norms, probabilities.

func init() {
	for name, r := range map[string]reduction{
		"ReduceSum":       {add: func(a, x float32) float32 { return a + x }, whole: func(a, x int64) int64 { return a + x }},
		"ReduceMean":      {add: func(a, x float32) float32 { return a + x }, end: func(a float32, n int) float32 { return a / float32(n) }},
		"ReduceMax":       {add: func(a, x float32) float32 { return max(a, x) }, whole: func(a, x int64) int64 { return max(a, x) }, begin: math.Inf(-1), least: math.MinInt64},
		"ReduceMin":       {add: func(a, x float32) float32 { return min(a, x) }, whole: func(a, x int64) int64 { return min(a, x) }, begin: math.Inf(1), least: math.MaxInt64},
		"ReduceL2":        {add: func(a, x float32) float32 { return a + x*x }, end: func(a float32, _ int) float32 { return float32(math.Sqrt(float64(a))) }},
		"ReduceSumSquare": {add: func(a, x float32) float32 { return a + x*x }},
	} {
		operations[name] = one(1, 2, func(c *call) (*value, error) { return c.reduce(r) })
	}
	operations["Softmax"] = one(1, 1, softmax)
	operations["LayerNormalization"] = one(2, 3, layerNorm)
	operations["CumSum"] = one(2, 2, cumulate)
	operations["Clip"] = one(1, 3, clip)
}

// reduction joins numbers to one.
type reduction struct {
	add   func(sum, x float32) float32
	whole func(sum, x int64) int64
	end   func(sum float32, n int) float32
	begin float64
	least int64
}

func (c *call) reduce(r reduction) (*value, error) {
	x, rank := c.in[0], len(c.in[0].shape)
	list, _, err := c.list("axes", 1)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		if c.number("noop_with_empty_axes", 0) != 0 {
			return x, nil
		}
		for i := range rank {
			list = append(list, int64(i))
		}
	}
	over, err := axes(list, rank, 0)
	if err != nil {
		return nil, err
	}
	shape, kept := slices.Clone(x.shape), []int{}
	for i, d := range x.shape {
		if slices.Contains(over, i) {
			shape[i] = 1
		} else {
			kept = append(kept, d)
		}
	}
	y, err := c.run.make(x.typ, shape)
	if err != nil {
		return nil, err
	}
	steps := [][]int{strides(x.shape), stepsTo(shape, x.shape)}
	last := 0
	if rank > 0 {
		last = steps[1][rank-1]
	}
	switch {
	case x.typ == Float:
		for i := range y.f {
			y.f[i] = float32(r.begin)
		}
		walk(x.shape, steps, func(at []int, n int) { joinRow(y.f[at[1]:], x.f[at[0]:at[0]+n], last, r.add) })
		if r.end != nil {
			for i := range y.f {
				y.f[i] = r.end(y.f[i], x.size()/max(len(y.f), 1))
			}
		}
	case x.i != nil && r.whole != nil:
		for i := range y.i {
			y.i[i] = r.least
			if x.typ == Bool {
				y.i[i] = truth(r.least > 0)
			}
		}
		walk(x.shape, steps, func(at []int, n int) { joinRow(y.i[at[1]:], x.i[at[0]:at[0]+n], last, r.whole) })
	case x.size() > 0:
		return nil, malformed("numbers of type %d", x.typ)
	}
	if c.number("keepdims", 1) == 0 {
		return y.view(kept), nil
	}
	return y, nil
}

// joinRow joins a row to one number (step 0), or number by number.
func joinRow[T any](y, row []T, step int, add func(sum, x T) T) {
	if step == 0 {
		sum := y[0]
		for _, v := range row {
			sum = add(sum, v)
		}
		y[0] = sum
		return
	}
	for j, v := range row {
		y[j] = add(y[j], v)
	}
}

func softmax(c *call) (*value, error) {
	x := c.in[0]
	data, err := x.floats()
	if err != nil {
		return nil, err
	}
	at, err := axis(c.number("axis", -1), len(x.shape), 0)
	if err != nil {
		return nil, err
	}
	y, err := c.run.make(Float, x.shape)
	if err != nil {
		return nil, err
	}
	copy(y.f, data)
	inner, n := volume(x.shape[at+1:]), x.shape[at]
	if inner == 1 {
		if n > 0 {
			kernel.SoftmaxRows(y.f, len(y.f)/n, n, 1, nil)
		}
		return y, nil
	}
	column := make([]float32, n)
	for o := range volume(x.shape[:at]) {
		for i := range inner {
			for j := range column {
				column[j] = y.f[(o*n+j)*inner+i]
			}
			kernel.Softmax(column, column)
			for j, v := range column {
				y.f[(o*n+j)*inner+i] = v
			}
		}
	}
	return y, nil
}

func layerNorm(c *call) (*value, error) {
	x := c.in[0]
	at, err := axis(c.number("axis", -1), len(x.shape), 0)
	if err != nil {
		return nil, err
	}
	dim := volume(x.shape[at:])
	bias := &value{typ: Float, f: make([]float32, dim)}
	if len(c.in) > 2 && c.in[2] != nil {
		bias = c.in[2]
	}
	if x.typ != Float || len(c.in[1].f) != dim || len(bias.f) != dim || dim == 0 {
		return nil, malformed("a norm of %v with %v", x.shape, c.in[1].shape)
	}
	y, err := c.run.make(Float, x.shape)
	if err != nil {
		return nil, err
	}
	n := kernel.Norm{Gain: c.in[1].f, Bias: bias.f, Eps: c.fraction("epsilon", 1e-5)}
	n.Forward(y.f, nil, x.f, nil, len(x.f)/dim)
	return y, nil
}

func cumulate(c *call) (*value, error) {
	x := c.in[0]
	a, err := scalar(c.in[1])
	if err != nil {
		return nil, err
	}
	at, err := axis(a, len(x.shape), 0)
	if err != nil {
		return nil, err
	}
	if c.number("exclusive", 0) != 0 || c.number("reverse", 0) != 0 {
		return nil, malformed("sums that are exclusive or reverse are not supported")
	}
	y, err := c.run.make(x.typ, x.shape)
	if err != nil {
		return nil, err
	}
	inner := volume(x.shape[at+1:])
	switch {
	case x.typ == Float:
		sumUp(y.f, x.f, x.shape[at], inner)
	case x.i != nil:
		sumUp(y.i, x.i, x.shape[at], inner)
	}
	return y, nil
}

func sumUp[T float32 | int64](y, x []T, n, inner int) {
	for i, v := range x {
		if i/inner%n > 0 {
			v += y[i-inner]
		}
		y[i] = v
	}
}

func clip(c *call) (*value, error) {
	limits := [2]float32{float32(math.Inf(-1)), float32(math.Inf(1))}
	if a, ok := c.Attrs["min"]; ok {
		limits[0] = a.Float
	}
	if a, ok := c.Attrs["max"]; ok {
		limits[1] = a.Float
	}
	wholes := [2]int64{math.MinInt64, math.MaxInt64}
	for i := range limits {
		if i+1 >= len(c.in) || c.in[i+1] == nil {
			continue
		}
		v := c.in[i+1]
		switch {
		case v.size() != 1:
			return nil, malformed("a limit of %v", v.shape)
		case v.typ == Float:
			limits[i] = v.f[0]
		default:
			list, err := v.ints()
			if err != nil {
				return nil, err
			}
			wholes[i] = list[0]
		}
	}
	return c.each(func(dst, x []float32) {
		for i, v := range x {
			dst[i] = min(max(v, limits[0]), limits[1])
		}
	}, func(x int64) int64 { return min(max(x, wholes[0]), wholes[1]) })
}
