package onnx

import (
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Products of matrices and convolutions, by the kernels of this project.

func init() {
	operations["MatMul"] = operation{least: 2, most: 2, prepare: packSecond, takes: []int{1}, compute: func(c *call) ([]*value, error) {
		v, err := matMul(c)
		return []*value{v}, err
	}}
	operations["Gemm"] = one(2, 3, gemm)
	operations["Conv"] = one(2, 3, conv)
}

// packSecond lays out a constant matrix for the kernels, once.
func packSecond(_ *Node, in []*value) (any, error) {
	b := in[1]
	if b == nil || b.typ != Float || len(b.shape) != 2 || b.size() == 0 {
		return nil, nil
	}
	p := new(kernel.PackedB)
	p.Pack(kernel.F32, b.shape[0], b.shape[1], b.f, b.shape[1])
	return p, nil
}

func matMul(c *call) (*value, error) {
	a, b := c.in[0], c.in[1]
	if p, ok := c.own.(*kernel.PackedB); ok {
		return c.times(a, p)
	}
	if len(a.shape) < 2 || len(b.shape) < 2 || a.typ != Float || b.typ != Float {
		return nil, malformed("a product of %v and %v is not supported", a.shape, b.shape)
	}
	na, nb := len(a.shape), len(b.shape)
	m, k, n := a.shape[na-2], a.shape[na-1], b.shape[nb-1]
	outer, err := broadcast(a.shape[:na-2], b.shape[:nb-2])
	if err == nil && b.shape[nb-2] != k {
		err = malformed("a product of %v and %v", a.shape, b.shape)
	}
	if err != nil {
		return nil, err
	}
	y, err := c.run.make(Float, append(slices.Clone(outer), m, n))
	if err != nil || y.size() == 0 || k == 0 {
		return y, err
	}
	steps := [][]int{stepsTo(a.shape[:na-2], outer), stepsTo(b.shape[:nb-2], outer), strides(outer)}
	last := make([]int, 3)
	for i := range last {
		if r := len(outer); r > 0 {
			last[i] = steps[i][r-1]
		}
	}
	walk(outer, steps, func(at []int, many int) {
		for j := range many {
			kernel.GemmNN(kernel.F32, m, n, k, a.f[(at[0]+j*last[0])*m*k:], k, b.f[(at[1]+j*last[1])*k*n:], n, y.f[(at[2]+j*last[2])*m*n:], n, false)
		}
	})
	return y, nil
}

// times multiplies all rows of x with a packed matrix.
func (c *call) times(x *value, p *kernel.PackedB) (*value, error) {
	rank := len(x.shape)
	if rank == 0 || x.typ != Float || x.shape[rank-1] != p.Rows() {
		return nil, malformed("a product of %v and [%d %d]", x.shape, p.Rows(), p.Cols())
	}
	y, err := c.run.make(Float, append(slices.Clone(x.shape[:rank-1]), p.Cols()))
	if err != nil || y.size() == 0 {
		return y, err
	}
	kernel.GemmPacked(volume(x.shape[:rank-1]), x.f, p.Rows(), p, y.f, p.Cols(), kernel.Epilogue{})
	return y, nil
}

func gemm(c *call) (*value, error) {
	a, b := c.in[0], c.in[1]
	if len(a.shape) != 2 || len(b.shape) != 2 || a.typ != Float || b.typ != Float {
		return nil, malformed("a product of %v and %v", a.shape, b.shape)
	}
	turned := func(v *value) *value {
		y := &value{typ: Float, shape: []int{v.shape[1], v.shape[0]}, f: make([]float32, len(v.f))}
		move(y, v, y.shape, []int{1, v.shape[1]})
		return y
	}
	if c.number("transA", 0) != 0 {
		a = turned(a)
	}
	if c.number("transB", 0) != 0 {
		b = turned(b)
	}
	m, k, n := a.shape[0], a.shape[1], b.shape[1]
	if b.shape[0] != k {
		return nil, malformed("a product of %v and %v", a.shape, b.shape)
	}
	y, err := c.run.make(Float, []int{m, n})
	if err != nil || y.size() == 0 {
		return y, err
	}
	if k > 0 {
		kernel.GemmNN(kernel.F32, m, n, k, a.f, k, b.f, n, y.f, n, false)
	}
	if alpha := c.fraction("alpha", 1); alpha != 1 {
		kernel.Scale(alpha, y.f)
	}
	if len(c.in) < 3 || c.in[2] == nil {
		return y, nil
	}
	bias := c.in[2]
	if shape, err := broadcast(y.shape, bias.shape); err != nil || !slices.Equal(shape, y.shape) || bias.typ != Float {
		return nil, malformed("a bias of %v for %v", bias.shape, y.shape)
	}
	beta := c.fraction("beta", 1)
	zip(y.shape, y.f, y.f, bias.f, y.shape, bias.shape, func(a, b float32) float32 { return a + beta*b })
	return y, nil
}

// window is a convolution over one dimension.
type window struct {
	width, stride, dilation, before, behind, groups int
}

func (c *call) window(w *value) (win window, err error) {
	if a := c.text("auto_pad", "NOTSET"); a != "NOTSET" && a != "VALID" {
		return win, malformed("auto_pad %s is not supported", a)
	}
	win = window{width: w.shape[2], stride: 1, dilation: 1, groups: int(min(max(c.number("group", 1), 1), 1<<30))}
	for name, list := range map[string][]*int{"strides": {&win.stride}, "dilations": {&win.dilation}, "pads": {&win.before, &win.behind}} {
		a, ok := c.Attrs[name]
		if !ok {
			continue
		}
		if len(a.Ints) != len(list) {
			return win, malformed("%s of %v", name, a.Ints)
		}
		for i, p := range list {
			if a.Ints[i] < 0 || a.Ints[i] > 1<<20 || name != "pads" && a.Ints[i] == 0 {
				return win, malformed("%s of %v", name, a.Ints)
			}
			*p = int(a.Ints[i])
		}
	}
	return win, nil
}

// conv is a convolution over one dimension: x is [texts, channels, length], w [filters, channels/groups, width].
func conv(c *call) (*value, error) {
	x, w := c.in[0], c.in[1]
	if len(x.shape) != 3 || len(w.shape) != 3 || x.typ != Float || w.typ != Float {
		return nil, malformed("a convolution of %v over %v is not supported", w.shape, x.shape)
	}
	win, err := c.window(w)
	if err != nil {
		return nil, err
	}
	texts, channels, length := x.shape[0], x.shape[1], x.shape[2]
	filters, in := w.shape[0], w.shape[1]
	if in*win.groups != channels || filters%win.groups != 0 || win.width == 0 || in == 0 {
		return nil, malformed("a convolution of %v in %d groups over %v", w.shape, win.groups, x.shape)
	}
	reach := (win.width-1)*win.dilation + 1
	out := max((length+win.before+win.behind-reach)/win.stride+1, 0)
	if length+win.before+win.behind < reach {
		out = 0
	}
	y, err := c.run.make(Float, []int{texts, filters, out})
	if err != nil || y.size() == 0 {
		return y, err
	}
	columns, err := c.run.make(Float, []int{in * win.width, out}) // what each window sees
	if err != nil {
		return nil, err
	}
	defer func() { c.run.held -= columns.size() }()
	per := filters / win.groups
	for n := range texts {
		for g := range win.groups {
			win.fill(columns.f, x.f[(n*channels+g*in)*length:], in, length, out)
			kernel.GemmNN(kernel.F32, per, out, in*win.width, w.f[g*per*in*win.width:], in*win.width, columns.f, out, y.f[(n*filters+g*per)*out:], out, false)
		}
	}
	if len(c.in) < 3 || c.in[2] == nil {
		return y, nil
	}
	if len(c.in[2].f) != filters {
		return nil, malformed("a bias of %v for %d filters", c.in[2].shape, filters)
	}
	for row := range texts * filters {
		b := c.in[2].f[row%filters]
		for i := range out {
			y.f[row*out+i] += b
		}
	}
	return y, nil
}

// fill writes what stands at each place of the windows over some channels: [channels·width, windows].
func (w *window) fill(dst, x []float32, channels, length, out int) {
	clear(dst[:channels*w.width*out])
	for ch := range channels {
		for k := range w.width {
			row := dst[(ch*w.width+k)*out:][:out]
			for i := range row {
				if at := i*w.stride - w.before + k*w.dilation; at >= 0 && at < length {
					row[i] = x[ch*length+at]
				}
			}
		}
	}
}
