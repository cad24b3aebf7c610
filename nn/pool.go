package nn

import (
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Pooling makes one row of the rows of a sequence.
type Pooling uint8

const (
	MeanPool Pooling = iota
	MaxPool
	LastPool // the last row; for recurrent layers, use the final states instead (Recurrent)
	FirstPool
	RootMeanPool // the sum over the square root of the length
)

var poolingNames = [...]string{"mean", "max", "last", "first", "root_mean"}

// ParsePooling returns the pooling of that name: mean, max, last, first or root_mean.
func ParsePooling(name string) (Pooling, error) {
	for i, n := range poolingNames {
		if n == name {
			return Pooling(i), nil
		}
	}
	return MeanPool, fmt.Errorf("unknown pooling %q; there are %v", name, poolingNames)
}

// Pool makes one row a sequence: x is [tokens, dim] packed by offsets, the result is [sequences, dim]. An empty
// sequence gives zeros.
func (t *Tape) Pool(x *Var, offsets []int32, how Pooling) *Var {
	n := max(len(offsets)-1, 0)
	y := t.value(n, x.Cols)
	var arg []int32 // of MaxPool: the token that gave the maximum, -1 for none
	if how == MaxPool {
		arg = t.arena.Ints(len(y.Data))
	}
	for s := range n {
		poolRows(y.Row(s), x, int(offsets[s]), int(offsets[s+1]), how, arg, s*x.Cols)
	}
	if t.training() {
		t.record(y, nil, func() { poolBackward(x, y, offsets, how, arg) })
	}
	return y
}

// share is what each of n rows contributes to a mean.
func (p Pooling) share(n int) float32 {
	if p == RootMeanPool {
		return float32(1 / math.Sqrt(float64(n)))
	}
	return 1 / float32(n)
}

func poolRows(dst []float32, x *Var, from, to int, how Pooling, arg []int32, at int) {
	clear(dst)
	if from == to {
		for c := range dst {
			if arg != nil {
				arg[at+c] = -1
			}
		}
		return
	}
	switch how {
	case MeanPool, RootMeanPool:
		kernel.AddColumns(dst, x.Data[from*x.Cols:], to-from, x.Cols, x.Cols)
		kernel.Scale(how.share(to-from), dst)
	case LastPool:
		copy(dst, x.Row(to-1))
	case FirstPool:
		copy(dst, x.Row(from))
	case MaxPool:
		arg := arg[at : at+len(dst)]
		for c := range dst {
			dst[c] = float32(math.Inf(-1))
			arg[c] = int32(from)
		}
		kernel.MaxColumns(dst, arg, x.Data[from*x.Cols:], to-from, x.Cols, int32(from))
	}
}

func poolBackward(x, y *Var, offsets []int32, how Pooling, arg []int32) {
	dim, dx := x.Cols, x.Gradient()
	for s := range y.Rows {
		from, to := int(offsets[s]), int(offsets[s+1])
		if from == to {
			continue
		}
		dy := y.Grad[s*dim : (s+1)*dim]
		switch how {
		case MeanPool, RootMeanPool:
			for i := from; i < to; i++ {
				kernel.Axpy(how.share(to-from), dy, dx[i*dim:(i+1)*dim])
			}
		case LastPool:
			kernel.Add(dx[(to-1)*dim:to*dim], dy)
		case FirstPool:
			kernel.Add(dx[from*dim:(from+1)*dim], dy)
		case MaxPool:
			for c, g := range dy {
				dx[int(arg[s*dim+c])*dim+c] += g
			}
		}
	}
}
