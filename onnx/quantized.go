package onnx

import (
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Operations on whole numbers of 8 bits.

func init() {
	operations["MatMulInteger"] = operation{least: 2, most: 4, prepare: packWhole, takes: []int{1, 3}, compute: func(c *call) ([]*value, error) {
		v, err := matMulInteger(c)
		return []*value{v}, err
	}}
	operations["QuantizeLinear"] = one(2, 3, quantizeLinear)
	operations["DequantizeLinear"] = one(2, 3, dequantizeLinear)
	operations["DynamicQuantizeLinear"] = operation{least: 1, most: 1, compute: dynamicQuantize}
}

// exact is how many products of 8 bits a float32 adds up without rounding.
const exact = 1 << 24 / (255 * 255)

// packWhole lays out a constant matrix, less its zero points, in stretches whose products are exact in float32.
func packWhole(n *Node, in []*value) (any, error) {
	b := in[1]
	if b == nil || len(b.shape) != 2 || b.b == nil || len(in) > 3 && in[3] == nil && n.In[3] != "" {
		return nil, nil
	}
	var zero *value
	if len(in) > 3 {
		zero = in[3]
	}
	data, err := centred(b, zero, 1)
	if err != nil {
		return nil, err
	}
	k, cols := b.shape[0], b.shape[1]
	parts := &wholeMatrix{k: k, n: cols}
	for at := 0; at < k && cols > 0; at += exact {
		p := new(kernel.PackedB)
		p.Pack(kernel.F32, min(exact, k-at), cols, data[at*cols:], cols)
		parts.stretches = append(parts.stretches, p)
	}
	return parts, nil
}

// wholeMatrix is a matrix [k, n] of whole numbers in stretches of rows.
type wholeMatrix struct {
	k, n      int
	stretches []*kernel.PackedB
}

// centred are the numbers of 8 bits less their zero point: one for all, or one for each place of a dimension.
func centred(v, zero *value, channel int) ([]float32, error) {
	if v.b == nil && v.size() > 0 {
		return nil, malformed("numbers that are not of 8 bits")
	}
	out := make([]float32, len(v.b))
	for j := range out {
		out[j] = float32(v.at(j))
	}
	if zero == nil {
		return out, nil
	}
	inner, channels := 1, 1
	if zero.size() != 1 {
		if len(v.shape) <= channel || zero.size() != v.shape[channel] {
			return nil, malformed("zero points %v of %v", zero.shape, v.shape)
		}
		inner, channels = volume(v.shape[channel+1:]), v.shape[channel]
	}
	if zero.b == nil {
		return nil, malformed("zero points that are not of 8 bits")
	}
	for j := range out {
		out[j] -= float32(zero.at(j / inner % channels))
	}
	return out, nil
}

func matMulInteger(c *call) (*value, error) {
	a, rank := c.in[0], len(c.in[0].shape)
	var zero *value
	if len(c.in) > 2 {
		zero = c.in[2]
	}
	b, ok := c.own.(*wholeMatrix)
	if !ok {
		made, err := packWhole(c.Node, c.in)
		if err != nil {
			return nil, err
		}
		if b, ok = made.(*wholeMatrix); !ok {
			return nil, malformed("a second factor of %v that is no matrix of 8 bits is not supported", c.in[1].shape)
		}
	}
	if rank < 2 || a.shape[rank-1] != b.k {
		return nil, malformed("a product of %v and [%d %d]", a.shape, b.k, b.n)
	}
	if zero != nil && zero.size() != 1 {
		return nil, malformed("a zero point for each row is not supported")
	}
	data, err := centred(a, zero, 0)
	if err != nil {
		return nil, err
	}
	rows, k, n := volume(a.shape[:rank-1]), b.k, b.n
	y, err := c.run.make(Int32, append(slices.Clone(a.shape[:rank-1]), n))
	if err != nil || y.size() == 0 {
		return y, err
	}
	sum, err := c.run.make(Float, []int{rows, n})
	if err != nil {
		return nil, err
	}
	defer func() { c.run.held -= sum.size() }()
	for i, p := range b.stretches {
		kernel.GemmPacked(rows, data[i*exact:], k, p, sum.f, n, kernel.Epilogue{})
		for j, v := range sum.f {
			y.i[j] += int64(v)
		}
	}
	return y, nil
}

// channelOf returns how the scales of a tensor lie: scale j/inner%channels is that of number j.
func (c *call) channelOf(x, scale *value) (inner, channels int, err error) {
	if scale.typ != Float || scale.size() == 0 {
		return 0, 0, malformed("scales of %v", scale.shape)
	}
	if scale.size() == 1 {
		return 1, 1, nil
	}
	at, err := axis(c.number("axis", 1), len(x.shape), 0)
	if err == nil && (len(scale.shape) != 1 || scale.size() != x.shape[at]) {
		err = malformed("scales %v of %v", scale.shape, x.shape)
	}
	if err != nil {
		return 0, 0, err
	}
	return volume(x.shape[at+1:]), x.shape[at], nil
}

func dequantizeLinear(c *call) (*value, error) {
	x, scale := c.in[0], c.in[1]
	inner, channels, err := c.channelOf(x, scale)
	if err != nil {
		return nil, err
	}
	list, err := x.ints()
	if err != nil {
		return nil, err
	}
	zeros := []int64{0}
	if len(c.in) > 2 && c.in[2] != nil {
		if zeros, err = c.in[2].ints(); err != nil {
			return nil, err
		}
	}
	if len(zeros) != 1 && len(zeros) != channels || len(zeros) == 0 {
		return nil, malformed("%d zero points", len(zeros))
	}
	y, err := c.run.make(Float, x.shape)
	if err != nil {
		return nil, err
	}
	for j, v := range list {
		ch := j / inner % channels
		y.f[j] = float32(v-zeros[ch%len(zeros)]) * scale.f[ch]
	}
	return y, nil
}

func quantizeLinear(c *call) (*value, error) {
	x, scale := c.in[0], c.in[1]
	data, err := x.floats()
	if err != nil {
		return nil, err
	}
	inner, channels, err := c.channelOf(x, scale)
	if err != nil {
		return nil, err
	}
	zero := &value{typ: Uint8, b: []byte{0}}
	if len(c.in) > 2 && c.in[2] != nil {
		zero = c.in[2]
	}
	if len(zero.b) != 1 && len(zero.b) != channels {
		return nil, malformed("%d zero points of 8 bits", len(zero.b))
	}
	y, err := c.run.make(zero.typ, x.shape)
	if err != nil {
		return nil, err
	}
	lo, hi := 0.0, 255.0
	if zero.typ == Int8 {
		lo, hi = -128, 127
	}
	for j, v := range data {
		ch := j / inner % channels
		q := math.RoundToEven(float64(v/scale.f[ch])) + float64(zero.at(ch%len(zero.b)))
		y.b[j] = byte(int(min(max(q, lo), hi)))
	}
	return y, nil
}

// dynamicQuantize rounds to 256 steps of the range of all numbers: they, their scale and their zero point.
func dynamicQuantize(c *call) ([]*value, error) {
	data, err := c.in[0].floats()
	if err != nil {
		return nil, err
	}
	lo, hi := float32(0), float32(0)
	for _, v := range data {
		lo, hi = min(lo, v), max(hi, v)
	}
	scale := (hi - lo) / 255
	zero := byte(0)
	if scale > 0 {
		zero = byte(min(max(math.RoundToEven(float64(-lo/scale)), 0), 255))
	}
	y, err := c.run.make(Uint8, c.in[0].shape)
	if err != nil {
		return nil, err
	}
	if scale > 0 {
		for j, v := range data {
			y.b[j] = byte(int(min(max(math.RoundToEven(float64(v/scale))+float64(zero), 0), 255)))
		}
	}
	return []*value{y, {typ: Float, shape: []int{}, f: []float32{scale}}, {typ: Uint8, shape: []int{}, b: []byte{zero}}}, nil
}
