package kernel

// Epilogue is what happens to the rows of a product A·B before they are left, while they are in cache:
//
//	C = Residual + Activation(A·B + Bias), or with Accumulate, which goes with no Bias, Residual + Activation(C + A·B)
type Epilogue struct {
	Accumulate bool
	Bias       []float32  // [n], or nil
	Activation Activation // Identity unless said
	Pre        []float32  // [m, n] at the distance of C, or nil: receives what the activation is applied to
	Residual   []float32  // [m, n] at the distance of C, or nil

	result []float32 // C, where the product is written to Pre at once; see direct
}

// direct lets a product be written to Pre, where there is one, and what follows from there to C: that spares a copy. It
// returns where the product goes.
func (e *Epilogue) direct(c []float32) []float32 {
	if e.Pre == nil || e.Accumulate {
		return c
	}
	e.result = c
	return e.Pre
}

// epilogueRows is how many rows are multiplied before the rest is done with them.
const epilogueRows = 56

func (e *Epilogue) empty() bool {
	return e.Bias == nil && e.Activation == Identity && e.Pre == nil && e.Residual == nil
}

// apply does it for the rows [lo, hi) of C.
func (e *Epilogue) apply(lo, hi, n int, c []float32, ldc int) {
	if e.Bias != nil {
		for r := lo; r < hi; r++ {
			Add(c[r*ldc:r*ldc+n], e.Bias[:n])
		}
	}
	e.finish(lo, hi, 0, n, c, ldc)
}

// finish does what comes after the bias, for the rows [lo, hi) and columns [from, to) of the product, which is in C or where
// direct said.
func (e *Epilogue) finish(lo, hi, from, to int, c []float32, ldc int) {
	if e.Activation == Identity && e.Pre == nil && e.Residual == nil {
		return
	}
	if to-from == ldc { // rows without gaps are one
		lo, hi, from, to, ldc = 0, 1, lo*ldc, hi*ldc, 0
	}
	for r := lo; r < hi; r++ {
		at, end := r*ldc+from, r*ldc+to
		product := c[at:end]
		row := product
		switch {
		case e.result != nil:
			row = e.result[at:end]
		case e.Pre != nil:
			copy(e.Pre[at:end], product)
		}
		e.Activation.Apply(row, product)
		if e.Residual != nil {
			Add(row, e.Residual[at:end])
		}
	}
}
