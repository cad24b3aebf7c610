package kernel

import "math"

// Norm scales rows of numbers: LayerNorm to mean 0 and variance 1 (Ba, Kiros & Hinton 2016), or without Bias RMSNorm to
// a mean square of 1 (Zhang & Sennrich 2019).
type Norm struct {
	Gain, Bias []float32 // [dim]
	Eps        float32   // added to the variance
	// What a gradient needs: the rows' means (LayerNorm alone) and inverse deviations, both [rows]. Forward leaves out
	// what is nil.
	Mean, Inverse []float32
}

// Forward computes y = Gain·(h−mean)·inverse + Bias of each row of h = x + residual, which it writes out; where residual
// is nil, h is x, and the argument is not used. All are [rows, dim]; y and h may be x or residual.
func (n *Norm) Forward(y, h, x, residual []float32, rows int) {
	size := rows * len(n.Gain)
	y, x = y[:size], x[:size]
	if residual != nil {
		residual, h = residual[:size], h[:size]
	}
	n.check(rows)
	if !normFast(current, n, y, h, x, residual, rows) {
		n.plainForward(y, h, x, residual, rows)
	}
}

// Backward computes from the gradient dy of y, [rows, dim], and from h as Forward had it, the gradient of h, which dx is
// set to or, with add, increased by; Gain's and Bias's are added to dgain and dbias, [dim]. dx may be dy.
func (n *Norm) Backward(dx, dy, h []float32, rows int, add bool, dgain, dbias []float32) {
	dim := len(n.Gain)
	dx, dy, h, dgain = dx[:rows*dim], dy[:rows*dim], h[:rows*dim], dgain[:dim]
	if n.Bias != nil {
		dbias = dbias[:dim]
		_ = n.Mean[:rows]
	}
	_ = n.Inverse[:rows]
	if !normGradFast(current, n, dx, dy, h, rows, add, dgain, dbias) {
		n.plainBackward(dx, dy, h, rows, add, dgain, dbias)
	}
}

// check panics where assembly would read or write beyond a slice.
func (n *Norm) check(rows int) {
	if n.Bias != nil {
		_ = n.Bias[:len(n.Gain)]
	}
	if n.Mean != nil {
		_ = n.Mean[:rows]
	}
	if n.Inverse != nil {
		_ = n.Inverse[:rows]
	}
}

func (n *Norm) plainForward(y, h, x, residual []float32, rows int) {
	dim := len(n.Gain)
	if residual == nil {
		h = x
	}
	for r := range rows {
		row, out := h[r*dim:(r+1)*dim], y[r*dim:(r+1)*dim]
		if residual != nil {
			for i := range row {
				row[i] = x[r*dim+i] + residual[r*dim+i]
			}
		}
		mean := float32(0)
		if n.Bias != nil {
			mean = float32(plainSum(row) / float64(dim))
		}
		variance := 0.0
		for _, v := range row {
			variance += float64(v-mean) * float64(v-mean)
		}
		inverse := float32(1 / math.Sqrt(variance/float64(dim)+float64(n.Eps)))
		for i, v := range row {
			out[i] = (v - mean) * inverse * n.Gain[i]
			if n.Bias != nil {
				out[i] += n.Bias[i]
			}
		}
		if n.Mean != nil {
			n.Mean[r] = mean
		}
		if n.Inverse != nil {
			n.Inverse[r] = inverse
		}
	}
}

func (n *Norm) plainBackward(dx, dy, h []float32, rows int, add bool, dgain, dbias []float32) {
	dim := len(n.Gain)
	for r := range rows {
		row, d, out := h[r*dim:(r+1)*dim], dy[r*dim:(r+1)*dim], dx[r*dim:(r+1)*dim]
		mean, inverse := float32(0), n.Inverse[r]
		sum, along := 0.0, 0.0
		if n.Bias != nil {
			mean = n.Mean[r]
			for i, v := range d {
				sum += float64(v * n.Gain[i])
			}
		}
		for i, v := range d {
			along += float64(v*n.Gain[i]) * float64((row[i]-mean)*inverse)
		}
		a, b := float32(along/float64(dim)), float32(sum/float64(dim))
		for i, v := range d {
			x := (row[i] - mean) * inverse
			dgain[i] += v * x
			if n.Bias != nil {
				dbias[i] += v
			}
			g := inverse * (v*n.Gain[i] - b - x*a)
			if add {
				g += out[i]
			}
			out[i] = g
		}
	}
}
