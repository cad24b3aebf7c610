// Package series holds the numbers of the functions of vectors, which all processors share. Coefficients are minimax fits
// made for this program, the highest power first; each comment gives the error of the fit, to which a rounding or two are
// added.
package series

import "math"

// eˣ = 2ⁿ·eʳ with r = x − n·ln 2, |r| ≤ ln 2/2.
const (
	ExpLow, ExpHigh = float32(-87.33654), float32(88.72283) // beyond: 0 and infinity
	Log2E           = float32(math.Log2E)
	Ln2High         = float32(0.693145751953125) // ln 2 in two parts, of which the first is exact in products with n
	Ln2Low          = float32(1.42860677e-6)
)

var (
	Exp   = []float32{0.008312426238108, 0.041890988711608, 0.166671182263506, 0.499992258415270, 1, 1}              // eʳ: 1.1e-7
	Expm1 = []float32{0.001388250754210, 0.008366647127394, 0.041667203784744, 0.166665426813500, 0.499999981331355} // (eʳ−1−r)/r²: 1.3e-8
)

// TanhEnd is where tanh rounds to 1.
const TanhEnd = float32(9.02)

// Tail is P of the upper tail of the normal distribution, Q(a) = e^(−a²/2)·t·P(t) with t = 1/(1+TailScale·a) for a ≥ 0;
// a·Q(a) has an error of 8.4e-8.
var Tail = []float32{0.0522020160202, -0.238752717378, 0.315723015765, 0.030993192733, 0.182187875867, 0.157646449045}

const TailScale = float32(0.4)

// Log is P of ln(1+y) = y − y²/2 + y³·P(y) for √½ ≤ 1+y < √2: 6.9e-9.
var Log = []float32{0.0867342471608, -0.143808026839, 0.14978375237, -0.165642207388, 0.199548200054, -0.250017043495, 0.333341674105}

// √(2/π), twice: the factor of the inner function of GELU's approximation, within the exponent of a sigmoid.
var (
	GeluFactor = float32(2 * math.Sqrt(2/math.Pi))
	GeluCube   = float32(2 * math.Sqrt(2/math.Pi) * 0.044715)
)

// Beyond these, the derivatives of GELU's approximation and of SiLU are 0 or 1; before, their exponentials are finite.
const (
	GeluEnd = float32(9.9)
	SiluEnd = float32(85)
)
