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

// finish does what comes after the bias, for the rows [lo, hi) and columns [from, to) of C.
func (e *Epilogue) finish(lo, hi, from, to int, c []float32, ldc int) {
	if e.Activation == Identity && e.Pre == nil && e.Residual == nil {
		return
	}
	if to-from == ldc { // rows without gaps are one
		lo, hi, from, to, ldc = 0, 1, lo*ldc, hi*ldc, 0
	}
	for r := lo; r < hi; r++ {
		row := c[r*ldc+from : r*ldc+to]
		if e.Pre != nil {
			copy(e.Pre[r*ldc+from:r*ldc+to], row)
		}
		e.Activation.Apply(row, row)
		if e.Residual != nil {
			Add(row, e.Residual[r*ldc+from:r*ldc+to])
		}
	}
}
