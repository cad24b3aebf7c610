package nn

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Activation is a function applied to each number.
type Activation = kernel.Activation

const (
	Identity = kernel.Identity
	ReLU     = kernel.ReLU
	Tanh     = kernel.TanhAct
	Sigmoid  = kernel.SigmoidAct
	GELU     = kernel.GELU // with the error function (Hendrycks & Gimpel 2016), PyTorch's default
	SiLU     = kernel.SiLU // x·sigmoid(x), also called swish
	GELUTanh = kernel.GELUTanh
)

// ParseActivation returns the activation of that name: identity, relu, tanh, sigmoid, gelu, silu or gelu_tanh.
func ParseActivation(name string) (Activation, error) {
	for i, n := range kernel.ActivationNames() {
		if n == name {
			return Activation(i), nil
		}
	}
	return Identity, fmt.Errorf("unknown activation %q; there are %v", name, kernel.ActivationNames())
}

// monotone tells that the maximum of the results is the result of the maximum.
func monotone(a Activation) bool { return !a.FromInput() }

// Activate applies a to every number of x.
func (t *Tape) Activate(x *Var, a Activation) *Var {
	y := t.value(x.Rows, x.Cols)
	a.Apply(y.Data, x.Data)
	if t.training() {
		t.record(y, nil, func() {
			a.Grad(y.Grad, y.Grad, x.Data, y.Data)
			y.passGradient(x)
		})
	}
	return y
}
