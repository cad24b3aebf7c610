package onnx

import (
	"math"
	"slices"
)

// Operations that move numbers and change none.

// operations by name; the other files add theirs.
var operations = map[string]operation{
	"Identity":        one(1, 1, func(c *call) (*value, error) { return c.in[0], nil }),
	"Constant":        one(0, 0, constant),
	"ConstantOfShape": one(1, 1, constantOfShape),
	"Shape":           one(1, 1, shapeOf),
	"Size":            one(1, 1, func(c *call) (*value, error) { return wholes([]int64{int64(c.in[0].size())}).view([]int{}), nil }),
	"Reshape":         one(2, 2, reshape),
	"Flatten":         one(1, 1, flatten),
	"Squeeze":         one(1, 2, squeeze),
	"Unsqueeze":       one(1, 2, unsqueeze),
	"Transpose":       one(1, 1, transpose),
	"Expand":          one(2, 2, expand),
	"Concat":          one(1, math.MaxInt, concat),
	"Slice":           one(3, 5, slice),
	"Split":           {least: 1, most: 2, compute: split},
	"Gather":          one(2, 2, gather),
	"GatherElements":  one(2, 2, gatherElements),
	"Where":           one(3, 3, where),
	"Range":           one(3, 3, count),
	"Cast":            one(1, 1, cast),
	"Trilu":           one(1, 2, triangle),
}

// wholes is a list of whole numbers.
func wholes(list []int64) *value { return &value{typ: Int64, shape: []int{len(list)}, i: list} }

// scalar is one whole number.
func scalar(v *value) (int64, error) {
	list, err := v.ints()
	if err == nil && len(list) != 1 {
		err = malformed("%d numbers where one belongs", len(list))
	}
	if err != nil {
		return 0, err
	}
	return list[0], nil
}

func constant(c *call) (*value, error) {
	for name, a := range c.Attrs {
		switch name {
		case "value":
			if a.Tensor != nil {
				return weight(a.Tensor), nil
			}
		case "value_float":
			return &value{typ: Float, shape: []int{}, f: []float32{a.Float}}, nil
		case "value_int":
			return &value{typ: Int64, shape: []int{}, i: []int64{a.Int}}, nil
		case "value_ints":
			return wholes(a.Ints), nil
		}
	}
	return nil, malformed("it has no value")
}

// shapeFrom reads a shape out of a tensor.
func shapeFrom(v *value) ([]int, error) {
	list, err := v.ints()
	if err != nil {
		return nil, err
	}
	shape := make([]int, len(list))
	for i, d := range list {
		if d < 0 || d > math.MaxInt32 {
			return nil, malformed("a dimension of %d", d)
		}
		shape[i] = int(d)
	}
	return shape, nil
}

func constantOfShape(c *call) (*value, error) {
	shape, err := shapeFrom(c.in[0])
	if err != nil {
		return nil, err
	}
	fill := &value{typ: Float, f: []float32{0}}
	if a, ok := c.Attrs["value"]; ok && a.Tensor != nil {
		if fill = weight(a.Tensor); fill.size() != 1 {
			return nil, malformed("its value is not one number")
		}
	}
	y, err := c.run.make(fill.typ, shape)
	if err != nil {
		return nil, err
	}
	for i := range y.f {
		y.f[i] = fill.f[0]
	}
	for i := range y.i {
		y.i[i] = fill.i[0]
	}
	for i := range y.b {
		y.b[i] = fill.b[0]
	}
	return y, nil
}

func shapeOf(c *call) (*value, error) {
	rank := len(c.in[0].shape)
	clip := func(v int64) int {
		if v < 0 {
			v += int64(rank)
		}
		return int(min(max(v, 0), int64(rank)))
	}
	from, to := clip(c.number("start", 0)), clip(c.number("end", int64(rank)))
	list := []int64{}
	for _, d := range c.in[0].shape[from:max(from, to)] {
		list = append(list, int64(d))
	}
	return wholes(list), nil
}

func reshape(c *call) (*value, error) {
	x := c.in[0]
	list, err := c.in[1].ints()
	if err != nil {
		return nil, err
	}
	shape, open, known := make([]int, len(list)), -1, 1
	for i, d := range list {
		switch {
		case d == 0 && c.number("allowzero", 0) == 0 && i < len(x.shape):
			shape[i] = x.shape[i]
		case d == -1 && open < 0:
			open = i
			continue
		case d < 0 || d > math.MaxInt32:
			return nil, malformed("a shape of %v", list)
		default:
			shape[i] = int(d)
		}
		if shape[i] > 0 && known > math.MaxInt/shape[i] {
			return nil, malformed("a shape of %v", list)
		}
		known *= shape[i]
	}
	if open >= 0 && known > 0 {
		shape[open] = x.size() / known
		known *= shape[open]
	}
	if known != x.size() {
		return nil, malformed("a shape of %v for %v", list, x.shape)
	}
	if err := c.run.check(shape); err != nil {
		return nil, err
	}
	return x.view(shape), nil
}

func flatten(c *call) (*value, error) {
	x := c.in[0]
	at, err := int(c.number("axis", 1)), error(nil)
	if at != len(x.shape) {
		if at, err = axis(int64(at), len(x.shape), 0); err != nil {
			return nil, err
		}
	}
	return x.view([]int{volume(x.shape[:at]), volume(x.shape[at:])}), nil
}

func squeeze(c *call) (*value, error) {
	x := c.in[0]
	list, given, err := c.list("axes", 1)
	if err != nil {
		return nil, err
	}
	drop, err := axes(list, len(x.shape), 0)
	if err != nil {
		return nil, err
	}
	shape := []int{}
	for i, d := range x.shape {
		switch {
		case given && slices.Contains(drop, i):
			if d != 1 {
				return nil, malformed("dimension %d of %v is not 1", i, x.shape)
			}
		case !given && d == 1:
		default:
			shape = append(shape, d)
		}
	}
	return x.view(shape), nil
}

func unsqueeze(c *call) (*value, error) {
	x := c.in[0]
	list, _, err := c.list("axes", 1)
	if err != nil {
		return nil, err
	}
	add, err := axes(list, len(x.shape)+len(list), 0)
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(x.shape)
	for _, a := range add {
		shape = slices.Insert(shape, a, 1)
	}
	return x.view(shape), nil
}

func transpose(c *call) (*value, error) {
	x, rank := c.in[0], len(c.in[0].shape)
	perm := make([]int, rank)
	for i := range perm {
		perm[i] = rank - 1 - i
	}
	if a, ok := c.Attrs["perm"]; ok {
		if len(a.Ints) != rank {
			return nil, malformed("perm %v of %d dimensions", a.Ints, rank)
		}
		if _, err := axes(a.Ints, rank, 0); err != nil {
			return nil, err
		}
		for i, p := range a.Ints {
			perm[i], _ = axis(p, rank, 0)
		}
	}
	shape, from, own := make([]int, rank), make([]int, rank), strides(x.shape)
	for i, p := range perm {
		shape[i], from[i] = x.shape[p], own[p]
	}
	y, err := c.run.make(x.typ, shape)
	if err != nil {
		return nil, err
	}
	move(y, x, shape, from)
	return y, nil
}

// move fills y, of a shape, with the numbers of x that lie at these strides.
func move(y, x *value, shape, from []int) {
	to, last := strides(shape), 0
	if n := len(shape); n > 0 {
		last = from[n-1]
	}
	walk(shape, [][]int{from, to}, func(at []int, n int) {
		switch {
		case x.f != nil:
			pick(y.f[at[1]:at[1]+n], x.f[at[0]:], last)
		case x.b != nil:
			pick(y.b[at[1]:at[1]+n], x.b[at[0]:], last)
		default:
			pick(y.i[at[1]:at[1]+n], x.i[at[0]:], last)
		}
	})
}

func pick[T any](dst, src []T, step int) {
	if step == 1 {
		copy(dst, src)
		return
	}
	for i := range dst {
		dst[i] = src[i*step]
	}
}

func expand(c *call) (*value, error) {
	x := c.in[0]
	want, err := shapeFrom(c.in[1])
	if err != nil {
		return nil, err
	}
	shape, err := broadcast(x.shape, want)
	if err != nil {
		return nil, err
	}
	if slices.Equal(shape, x.shape) {
		return x, nil
	}
	y, err := c.run.make(x.typ, shape)
	if err != nil {
		return nil, err
	}
	move(y, x, shape, stepsTo(x.shape, shape))
	return y, nil
}

func concat(c *call) (*value, error) {
	first := c.in[0]
	at, err := axis(c.number("axis", 0), len(first.shape), 0)
	if err != nil {
		return nil, err
	}
	shape := slices.Clone(first.shape)
	shape[at] = 0
	for _, x := range c.in {
		if len(x.shape) != len(shape) || x.typ != first.typ {
			return nil, malformed("%v beside %v", x.shape, first.shape)
		}
		for d := range shape {
			if d != at && x.shape[d] != shape[d] {
				return nil, malformed("%v beside %v", x.shape, first.shape)
			}
		}
		shape[at] += x.shape[at]
	}
	y, err := c.run.make(first.typ, shape)
	if err != nil {
		return nil, err
	}
	outer, row := volume(shape[:at]), volume(shape[at:])
	column := 0
	for _, x := range c.in {
		n := volume(x.shape[at:])
		for o := range outer {
			copyRange(y, o*row+column, x, o*n, n)
		}
		column += n
	}
	return y, nil
}

func copyRange(y *value, to int, x *value, from, n int) {
	switch {
	case x.f != nil:
		copy(y.f[to:to+n], x.f[from:from+n])
	case x.b != nil:
		copy(y.b[to:to+n], x.b[from:from+n])
	case x.i != nil:
		copy(y.i[to:to+n], x.i[from:from+n])
	}
}

func count(c *call) (*value, error) {
	if c.in[0].typ == Float {
		return nil, malformed("a range of fractions")
	}
	var v [3]int64
	for i := range v {
		var err error
		if v[i], err = scalar(c.in[i]); err != nil {
			return nil, err
		}
		if v[i] > math.MaxInt32 || v[i] < -math.MaxInt32 {
			return nil, malformed("a range to %d", v[i])
		}
	}
	if v[2] == 0 {
		return nil, malformed("a step of 0")
	}
	y, err := c.run.make(Int64, []int{int(max((v[1]-v[0]+v[2]-sign(v[2]))/v[2], 0))})
	if err != nil {
		return nil, err
	}
	for i := range y.i {
		y.i[i] = v[0] + int64(i)*v[2]
	}
	return y, nil
}

func cast(c *call) (*value, error) {
	x, to := c.in[0], DType(c.number("to", 0))
	if to == Float16 {
		to = Float // float16 is computed in float32
	}
	if to == x.typ {
		return x, nil
	}
	if sizes[to] == 0 {
		return nil, malformed("the type %d is not supported", to)
	}
	y, err := c.run.make(to, x.shape)
	if err != nil {
		return nil, err
	}
	for j := range y.size() {
		y.set(j, x)
	}
	return y, nil
}

// set converts number j of x.
func (y *value) set(j int, x *value) {
	var whole int64
	switch {
	case x.typ == Float:
		v := float64(x.f[j])
		switch {
		case y.typ == Bool:
			whole = truth(v != 0)
		case v >= math.MaxInt64:
			whole = math.MaxInt64
		case v > -math.MaxInt64: // not NaN
			whole = int64(v)
		case v < 0:
			whole = math.MinInt64
		}
	case x.b != nil:
		whole = int64(x.at(j))
	default:
		whole = x.i[j]
	}
	switch y.typ {
	case Float:
		y.f[j] = float32(whole)
	case Int8, Uint8:
		y.b[j] = byte(whole)
	case Bool:
		y.i[j] = truth(whole != 0)
	case Int32:
		y.i[j] = int64(int32(whole))
	default:
		y.i[j] = whole
	}
}

func triangle(c *call) (*value, error) {
	x, n := c.in[0], len(c.in[0].shape)
	if n < 2 {
		return nil, malformed("a triangle of %v", x.shape)
	}
	k := int64(0)
	if len(c.in) > 1 && c.in[1] != nil {
		var err error
		if k, err = scalar(c.in[1]); err != nil {
			return nil, err
		}
	}
	y, err := c.run.make(x.typ, x.shape)
	if err != nil {
		return nil, err
	}
	upper := c.number("upper", 1) != 0
	rows, columns := x.shape[n-2], x.shape[n-1]
	for j := range y.size() {
		r, column := int64(j/columns%rows), int64(j%columns)
		if above := column-r >= k; above == upper || !upper && column-r == k {
			copyRange(y, j, x, j, 1)
		}
	}
	return y, nil
}
