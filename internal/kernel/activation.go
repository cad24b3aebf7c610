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

// Apply computes dst = a(x); dst may be x.
func (a Activation) Apply(dst, x []float32) {
	switch a {
	case ReLU:
		Relu(dst, x)
	case TanhAct:
		Tanh(dst, x)
	case SigmoidAct:
		Sigmoid(dst, x)
	case GELU:
		Gelu(dst, x)
	case SiLU:
		Silu(dst, x)
	case GELUTanh:
		GeluTanh(dst, x)
	default:
		if len(x) > 0 && &dst[0] != &x[0] {
			copy(dst, x)
		}
	}
}

// Grad computes dx = dy·a'(x), given x where FromInput and else y = a(x); dx may be dy.
func (a Activation) Grad(dx, dy, x, y []float32) {
	switch a {
	case ReLU:
		ReluGrad(dx, dy, y)
	case TanhAct:
		TanhGrad(dx, dy, y)
	case SigmoidAct:
		SigmoidGrad(dx, dy, y)
	case GELU:
		GeluGrad(dx, dy, x)
	case SiLU:
		SiluGrad(dx, dy, x)
	case GELUTanh:
		GeluTanhGrad(dx, dy, x)
	default:
		if len(dy) > 0 && &dx[0] != &dy[0] {
			copy(dx, dy)
		}
	}
}
