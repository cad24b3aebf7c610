package nn

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Activation is a function applied to each number.
type Activation uint8

const (
	Identity Activation = iota
	ReLU
	Tanh
	Sigmoid
	GELU // with the error function (Hendrycks & Gimpel 2016), PyTorch's default
	SiLU // x·sigmoid(x), also called swish
)

var activationNames = [...]string{"identity", "relu", "tanh", "sigmoid", "gelu", "silu"}

// ParseActivation returns the activation of that name: identity, relu, tanh, sigmoid, gelu or silu.
func ParseActivation(name string) (Activation, error) {
	for i, n := range activationNames {
		if n == name {
			return Activation(i), nil
		}
	}
	return Identity, fmt.Errorf("unknown activation %q; there are %v", name, activationNames)
}

// String returns the name that ParseActivation takes.
func (a Activation) String() string { return activationNames[a] }

// gradFromInput tells that the derivative is computed from the input of the function and not from its result.
func (a Activation) gradFromInput() bool { return a == GELU || a == SiLU }

// monotone tells that the maximum of the results is the result of the maximum.
func (a Activation) monotone() bool { return !a.gradFromInput() }

// apply computes dst = a(x); dst may be x.
func (a Activation) apply(dst, x []float32) {
	switch a {
	case ReLU:
		kernel.Relu(dst, x)
	case Tanh:
		kernel.Tanh(dst, x)
	case Sigmoid:
		kernel.Sigmoid(dst, x)
	case GELU:
		kernel.Gelu(dst, x)
	case SiLU:
		kernel.Silu(dst, x)
	default:
		if len(x) > 0 && &dst[0] != &x[0] {
			copy(dst, x)
		}
	}
}

// grad computes dx = dy·a'(x), given x where gradFromInput and else y = a(x); dx may be dy.
func (a Activation) grad(dx, dy, x, y []float32) {
	switch a {
	case ReLU:
		kernel.ReluGrad(dx, dy, y)
	case Tanh:
		kernel.TanhGrad(dx, dy, y)
	case Sigmoid:
		kernel.SigmoidGrad(dx, dy, y)
	case GELU:
		kernel.GeluGrad(dx, dy, x)
	case SiLU:
		kernel.SiluGrad(dx, dy, x)
	default:
		if len(dy) > 0 && &dx[0] != &dy[0] {
			copy(dx, dy)
		}
	}
}

// Activate applies a to every number of x.
func (t *Tape) Activate(x *Var, a Activation) *Var {
	y := t.value(x.Rows, x.Cols)
	a.apply(y.Data, x.Data)
	if t.training() {
		t.record(func() {
			dx := t.arena.Raw(len(x.Data))
			a.grad(dx, y.Grad, x.Data, y.Data)
			kernel.Add(x.Grad, dx)
		})
	}
	return y
}
