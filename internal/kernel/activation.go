package kernel

// Activation is a function applied to each number.
type Activation uint8

const (
	Identity Activation = iota
	ReLU
	TanhAct
	SigmoidAct
	GELU     // x·Φ(x) with the error function (Hendrycks & Gimpel 2016)
	SiLU     // x·sigmoid(x), also called swish
	GELUTanh // GELU's approximation by tanh, in the same paper
)

var activationNames = [...]string{"identity", "relu", "tanh", "sigmoid", "gelu", "silu", "gelu_tanh"}

// ActivationNames returns the names of all activations, by number.
func ActivationNames() []string { return activationNames[:] }

// String returns the name.
func (a Activation) String() string { return activationNames[a] }

// FromInput tells that the derivative is computed from the input of the function and not from its result.
func (a Activation) FromInput() bool { return a >= GELU }

// functionOf is the function of each activation but Identity.
var functionOf = [...]function{ReLU: fnRelu, TanhAct: fnTanh, SigmoidAct: fnSigmoid, GELU: fnGelu, SiLU: fnSilu, GELUTanh: fnGeluTanh}

// Apply computes dst = a(x); dst may be x.
func (a Activation) Apply(dst, x []float32) {
	if a != Identity {
		functionOf[a].apply(dst, x)
	} else if len(x) > 0 && &dst[0] != &x[0] {
		copy(dst, x)
	}
}

// Grad computes dx = dy·a'(x), given x where FromInput and else y = a(x); dx may be dy.
func (a Activation) Grad(dx, dy, x, y []float32) {
	v := y
	if a.FromInput() {
		v = x
	}
	if a != Identity {
		functionOf[a].slope(dx, dy, v)
	} else if len(dy) > 0 && &dx[0] != &dy[0] {
		copy(dx, dy)
	}
}
