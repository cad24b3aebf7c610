package onnx

import (
	"math"
	"slices"
)

// Operations that pick numbers of a tensor.

// slice takes stretches of dimensions, perhaps backwards.
func slice(c *call) (*value, error) {
	x, rank := c.in[0], len(c.in[0].shape)
	var lists [4][]int64 // starts, ends, axes, steps
	for i := range lists {
		if i+1 < len(c.in) && c.in[i+1] != nil {
			var err error
			if lists[i], err = c.in[i+1].ints(); err != nil {
				return nil, err
			}
		}
	}
	n := len(lists[0])
	if lists[2] == nil {
		for i := range n {
			lists[2] = append(lists[2], int64(i))
		}
	}
	if lists[3] == nil {
		lists[3] = slices.Repeat([]int64{1}, n)
	}
	if len(lists[1]) != n || len(lists[2]) != n || len(lists[3]) != n {
		return nil, malformed("starts, ends and axes of different lengths")
	}
	shape, from, first := slices.Clone(x.shape), strides(x.shape), 0
	if _, err := axes(lists[2], rank, 0); err != nil {
		return nil, err
	}
	for i := range n {
		a, _ := axis(lists[2][i], rank, 0)
		size, step := int64(x.shape[a]), lists[3][i]
		if step == 0 || step < -math.MaxInt32 || step > math.MaxInt32 {
			return nil, malformed("a step of %d", step)
		}
		start, end := place(lists[0][i], size), place(lists[1][i], size)
		if step > 0 {
			start, end = min(max(start, 0), size), min(max(end, 0), size)
		} else {
			start, end = min(max(start, -1), size-1), min(max(end, -1), size-1)
		}
		many := max((end-start+step-sign(step))/step, 0)
		if many > 0 {
			first += int(start) * from[a]
		}
		shape[a] = int(many)
		from[a] *= int(step)
	}
	y, err := c.run.make(x.typ, shape)
	if err != nil {
		return nil, err
	}
	stretch(y, x, shape, from, first)
	return y, nil
}

func place(v, size int64) int64 {
	if v < 0 {
		return max(v, math.MinInt64/2) + size
	}
	return v
}

func sign(v int64) int64 {
	if v < 0 {
		return -1
	}
	return 1
}

// stretch is move from a place on.
func stretch(y, x *value, shape, from []int, first int) {
	last := 0
	if n := len(shape); n > 0 {
		last = from[n-1]
	}
	walk(shape, [][]int{from, strides(shape)}, func(at []int, n int) {
		for j := range n {
			src, dst := first+at[0]+j*last, at[1]+j
			if last == 1 {
				copyRange(y, dst, x, src, n)
				return
			}
			copyRange(y, dst, x, src, 1)
		}
	})
}

func split(c *call) ([]*value, error) {
	x := c.in[0]
	at, err := axis(c.number("axis", 0), len(x.shape), 0)
	if err != nil {
		return nil, err
	}
	sizes, given, err := c.list("split", 1)
	if err != nil {
		return nil, err
	}
	if !given {
		parts := len(c.Out)
		each := (x.shape[at] + parts - 1) / max(parts, 1)
		for left := x.shape[at]; len(sizes) < parts; left -= each {
			sizes = append(sizes, int64(min(max(left, 0), each)))
		}
	}
	var out []*value
	from, outer, row := 0, volume(x.shape[:at]), volume(x.shape[at:])
	inner := volume(x.shape[at+1:])
	for _, size := range sizes {
		if size < 0 || size > int64(x.shape[at]-from) {
			return nil, malformed("parts of %v of %v", sizes, x.shape)
		}
		shape := slices.Clone(x.shape)
		shape[at] = int(size)
		y, err := c.run.make(x.typ, shape)
		if err != nil {
			return nil, err
		}
		n := int(size) * inner
		for o := range outer {
			copyRange(y, o*n, x, o*row+from*inner, n)
		}
		out, from = append(out, y), from+int(size)
	}
	if from != x.shape[at] {
		return nil, malformed("parts of %v of %v", sizes, x.shape)
	}
	return out, nil
}

func gather(c *call) (*value, error) {
	x := c.in[0]
	index, err := c.in[1].ints()
	if err != nil {
		return nil, err
	}
	at, err := axis(c.number("axis", 0), len(x.shape), 0)
	if err != nil {
		return nil, err
	}
	y, err := c.run.make(x.typ, slices.Concat(x.shape[:at], c.in[1].shape, x.shape[at+1:]))
	if err != nil {
		return nil, err
	}
	size, inner := x.shape[at], volume(x.shape[at+1:])
	for j, v := range index {
		if v < 0 {
			v += int64(size)
		}
		if v < 0 || v >= int64(size) {
			return nil, malformed("row %d of %d", index[j], size)
		}
		for o := range volume(x.shape[:at]) {
			copyRange(y, (o*len(index)+j)*inner, x, (o*size+int(v))*inner, inner)
		}
	}
	return y, nil
}

func gatherElements(c *call) (*value, error) {
	x := c.in[0]
	index, err := c.in[1].ints()
	if err != nil {
		return nil, err
	}
	at, err := axis(c.number("axis", 0), len(x.shape), 0)
	if err != nil {
		return nil, err
	}
	shape := c.in[1].shape
	if len(shape) != len(x.shape) {
		return nil, malformed("places %v in %v", shape, x.shape)
	}
	for d := range shape {
		if d != at && shape[d] > x.shape[d] {
			return nil, malformed("places %v in %v", shape, x.shape)
		}
	}
	y, err := c.run.make(x.typ, shape)
	if err != nil {
		return nil, err
	}
	own := strides(x.shape)
	steps := slices.Clone(own)
	steps[at] = 0
	last, size := steps[len(steps)-1], int64(x.shape[at])
	walk(shape, [][]int{steps, strides(shape)}, func(places []int, n int) {
		for j := range n {
			v := index[places[1]+j]
			if v < 0 {
				v += size
			}
			if v < 0 || v >= size {
				err = malformed("place %d of %d", v, size)
				return
			}
			copyRange(y, places[1]+j, x, places[0]+j*last+int(v)*own[at], 1)
		}
	})
	return y, err
}

func where(c *call) (*value, error) {
	which, err := c.in[0].ints()
	if err != nil {
		return nil, err
	}
	a, b, err := alike(c.in[1], c.in[2])
	if err != nil {
		return nil, err
	}
	shape, err := broadcast(a.shape, b.shape)
	if err == nil {
		shape, err = broadcast(shape, c.in[0].shape)
	}
	if err != nil {
		return nil, err
	}
	y, err := c.run.make(a.typ, shape)
	if err != nil {
		return nil, err
	}
	steps := [][]int{stepsTo(c.in[0].shape, shape), stepsTo(a.shape, shape), stepsTo(b.shape, shape), strides(shape)}
	last := make([]int, 4)
	for k := range last {
		if n := len(shape); n > 0 {
			last[k] = steps[k][n-1]
		}
	}
	walk(shape, steps, func(at []int, n int) {
		for j := range n {
			from, k := b, 2
			if which[at[0]+j*last[0]] != 0 {
				from, k = a, 1
			}
			copyRange(y, at[3]+j, from, at[k]+j*last[k], 1)
		}
	})
	return y, nil
}
