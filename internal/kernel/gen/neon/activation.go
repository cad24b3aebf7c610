package main

import (
	"math"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel/gen/series"
)

func activations(file *file) {
	unary := func(name, doc string, body func(f *function, x vec) vec) {
		elementwise(file, name, doc, "", []string{"x"}, "y", 1, (*function).hoistExp, func(f *function, x []vec) vec { return body(f, x[0]) })
	}
	unary("exp", "y = eˣ", (*function).exp)
	unary("tanh", "y = tanh x", (*function).tanh)
	unary("sigmoid", "y = 1/(1+e⁻ˣ)", (*function).sigmoid)
	elementwise(file, "relu", "y = max(x, 0)", "", []string{"x"}, "y", 4, nil, func(f *function, x []vec) vec { return f.do(fmax, x[0], f.c(0)) })
	unary("gelu", "y = x·Φ(x)", func(f *function, x vec) vec {
		d, _ := f.normal(x)
		return f.do(fmul, x, d)
	})
	unary("geluTanh", "y = x·sigmoid(√(8/π)·(x + 0.044715·x³))", func(f *function, x vec) vec {
		u := f.register(-series.GeluFactor)
		f.on(fmla, u, f.do(fmul, x, x), f.c(-series.GeluCube))
		return f.do(fdiv, x, f.do(fadd, f.c(1), f.exp(f.do(fmul, x, u))))
	})
	unary("silu", "y = x·sigmoid(x)", func(f *function, x vec) vec {
		return f.do(fdiv, x, f.do(fadd, f.c(1), f.exp(f.do(fneg, x))))
	})
	derivatives(file)
}

func derivatives(file *file) {
	slope := func(name, doc string, body func(f *function, x vec) vec) {
		elementwise(file, name+"Grad", doc, "", []string{"dy", "x"}, "dx", 1, (*function).hoistExp, func(f *function, x []vec) vec {
			return f.do(fmul, x[0], body(f, x[1]))
		})
	}
	elementwise(file, "reluGrad", "dx = dy where x > 0, else 0", "", []string{"dy", "x"}, "dx", 1, nil, func(f *function, x []vec) vec {
		return f.do(and, x[0], f.do(fcmgt, x[1], f.c(0)))
	})
	elementwise(file, "tanhGrad", "dx = dy·(1−x²)", "", []string{"dy", "x"}, "dx", 1, nil, func(f *function, x []vec) vec {
		d := f.register(1)
		f.on(fmls, d, x[1], x[1])
		return f.do(fmul, x[0], d)
	})
	elementwise(file, "sigmoidGrad", "dx = dy·x·(1−x)", "", []string{"dy", "x"}, "dx", 1, nil, func(f *function, x []vec) vec {
		d := f.do(mov, x[1])
		f.on(fmls, d, x[1], x[1])
		return f.do(fmul, x[0], d)
	})
	slope("gelu", "dx = dy·(Φ(x)+x·φ(x))", func(f *function, x vec) vec {
		d, e := f.normal(x)
		f.on(fmla, d, x, f.do(fmul, e, f.c(float32(1/math.Sqrt(2*math.Pi)))))
		return d
	})
	slope("geluTanh", "dx = dy·GeluTanh'(x)", func(f *function, x vec) vec {
		x = f.clamp(x, series.GeluEnd)
		square, u, inner := f.do(fmul, x, x), f.register(-series.GeluFactor), f.register(-series.GeluFactor)
		f.on(fmla, u, square, f.c(-series.GeluCube))
		f.on(fmla, inner, square, f.c(-3*series.GeluCube))
		return f.gateSlope(f.do(fmul, x, u), f.do(fmul, x, inner))
	})
	slope("silu", "dx = dy·Silu'(x)", func(f *function, x vec) vec {
		u := f.do(fneg, f.clamp(x, series.SiluEnd))
		return f.gateSlope(u, u)
	})
}

// gateSlope is the derivative of x·y, y = sigmoid(−u), with slope = x·u': y − y·(1−y)·slope. 1−y is e·y, which keeps
// its digits where y is near 1.
func (f *function) gateSlope(u, slope vec) vec {
	e := f.exp(u)
	y := f.logistic(e)
	d := f.do(mov, y)
	f.on(fmls, d, y, f.do(fmul, f.do(fmul, e, y), slope))
	return d
}

// clamp brings x between −end and end; NaN stays.
func (f *function) clamp(x vec, end float32) vec {
	return f.do(fmax, f.do(fmin, x, f.c(end)), f.c(-end))
}
