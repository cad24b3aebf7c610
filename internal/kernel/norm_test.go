package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// guarded returns a copy of x with a number behind it that nobody may touch, and a check of that.
func guarded(t *testing.T, x []float32) ([]float32, func()) {
	t.Helper()
	buffer := append(append([]float32{guard}, x...), guard)
	return buffer[1 : len(x)+1], func() {
		t.Helper()
		if buffer[0] != guard || buffer[len(x)+1] != guard {
			t.Fatal("wrote beside the numbers")
		}
	}
}

// close64 compares with sums in double precision.
func close64(t *testing.T, what string, got []float32, want []float64, tolerance float64) {
	t.Helper()
	for i, w := range want {
		if !near(got[i], w, tolerance, tolerance) {
			t.Fatalf("%s: [%d] is %v, want %v", what, i, got[i], w)
		}
	}
}

func widen(x []float32) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return y
}

// normOf is the definition; it returns y, and the gradients of h, gain and bias for dy.
func normOf(h, gain, bias, dy []float64, eps float64) (y, dh, dgain, dbias []float64) {
	dim := len(gain)
	y, dh, dgain, dbias = make([]float64, len(h)), make([]float64, len(h)), make([]float64, dim), make([]float64, dim)
	for from := 0; from < len(h); from += dim {
		row, d := h[from:from+dim], dy[from:from+dim]
		mean, variance := 0.0, 0.0
		for _, v := range row {
			if bias != nil {
				mean += v / float64(dim)
			}
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(dim)
		}
		inverse := 1 / math.Sqrt(variance+eps)
		sum, along := 0.0, 0.0
		for i, v := range row {
			x := (v - mean) * inverse
			y[from+i] = x * gain[i]
			dgain[i] += d[i] * x
			along += d[i] * gain[i] * x / float64(dim)
			if bias != nil {
				y[from+i] += bias[i]
				dbias[i] += d[i]
				sum += d[i] * gain[i] / float64(dim)
			}
		}
		for i, v := range row {
			dh[from+i] = inverse * (d[i]*gain[i] - sum - (v-mean)*inverse*along)
		}
	}
	return
}

func TestNormsOfEveryLength(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		lengths := []int{128, 384, 1000}
		for n := range 67 {
			lengths = append(lengths, n+1)
		}
		for _, dim := range lengths {
			rows := 1 + dim%3
			for _, center := range []bool{true, false} {
				x, residual, dy := random(rng, rows*dim), random(rng, rows*dim), random(rng, rows*dim)
				for i := range x {
					x[i] += 2
				}
				n := Norm{Gain: random(rng, dim), Eps: 1e-5, Mean: make([]float32, rows), Inverse: make([]float32, rows)}
				var bias []float64
				if center {
					n.Bias = random(rng, dim)
					bias = widen(n.Bias)
				}
				y, check := guarded(t, x)
				n.Forward(y, nil, x, nil, rows)
				check()
				want, _, _, _ := normOf(widen(x), widen(n.Gain), bias, widen(dy), 1e-5)
				close64(t, "y", y, want, 3e-6)

				h, checkH := guarded(t, x)
				n.Forward(y, h, h, residual, rows)
				check()
				checkH()
				sum := make([]float64, len(x))
				for i := range sum {
					sum[i] = float64(x[i] + residual[i])
				}
				close64(t, "h", h, sum, 0)
				want, dh, dgain, dbias := normOf(sum, widen(n.Gain), bias, widen(dy), 1e-5)
				close64(t, "y of a sum", y, want, 3e-6)

				dx, checkDx := guarded(t, dy)
				dg, checkDg := guarded(t, make([]float32, dim))
				db, checkDb := guarded(t, make([]float32, dim))
				for i := range dg {
					dg[i], db[i] = 1, 2
				}
				n.Backward(dx, dx, h, rows, false, dg, db)
				checkDx()
				checkDg()
				checkDb()
				// A row of few numbers may be nearly constant: its gradient is a small difference times a large factor.
				tolerance := 2e-6 * (1 + float64(Max(n.Inverse))*float64(Max(n.Inverse)))
				close64(t, "dx", dx, dh, tolerance)
				for i := range dgain {
					dgain[i]++
					dbias[i] += 2
				}
				close64(t, "dgain", dg, dgain, tolerance)
				close64(t, "dbias", db, dbias, tolerance)
				for i := range dx {
					dx[i] = 3
					dh[i] += 3
				}
				n.Backward(dx, dy, h, rows, true, dg, db)
				close64(t, "dx, added to", dx, dh, tolerance)
			}
		}
	})
}

func TestNormPassesOnNaN(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		for _, v := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
			const dim = 21
			n := Norm{Gain: make([]float32, dim), Bias: make([]float32, dim), Eps: 1e-5}
			x, y := make([]float32, 2*dim), make([]float32, 2*dim)
			x[dim+17] = v
			n.Forward(y, nil, x, nil, 2)
			if !HasNonFinite(y[dim:]) || HasNonFinite(y[:dim]) {
				t.Errorf("the norm of a row with %v and of one without: %v", v, y)
			}
		}
	})
}

func TestBiasAndColumnsOfEveryLength(t *testing.T) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 10))
		for cols := range 300 {
			if cols > 67 && cols%16 > 2 {
				continue
			}
			rows, stride := cols%5, cols+cols%3
			x, bias := random(rng, rows*stride+1), random(rng, cols)
			sums, check := guarded(t, bias)
			AddColumns(sums, x, rows, cols, stride)
			check()
			want := widen(bias)
			for r := range rows {
				for c := range cols {
					want[c] += float64(x[r*stride+c])
				}
			}
			close64(t, "sums", sums, want, 1e-6)
			y, check := guarded(t, x[:rows*cols])
			AddBias(y, rows, cols, bias)
			check()
			for i := range y {
				if y[i] != x[i]+bias[i%cols] {
					t.Fatalf("%d rows of %d with bias: [%d] is %v", rows, cols, i, y[i])
				}
			}
		}
	})
}

func BenchmarkNorm(b *testing.B) {
	const rows, dim = 64, 384
	rng := rand.New(rand.NewPCG(1, 1))
	x, dy, y := random(rng, rows*dim), random(rng, rows*dim), make([]float32, rows*dim)
	n := Norm{Gain: random(rng, dim), Bias: random(rng, dim), Eps: 1e-5, Mean: make([]float32, rows), Inverse: make([]float32, rows)}
	dgain, dbias := make([]float32, dim), make([]float32, dim)
	b.Run("forward384", func(b *testing.B) { rate(b, rows*dim, func() { n.Forward(y, nil, x, nil, rows) }) })
	b.Run("residual384", func(b *testing.B) { rate(b, rows*dim, func() { n.Forward(y, y, x, dy, rows) }) })
	b.Run("backward384", func(b *testing.B) {
		rate(b, rows*dim, func() { n.Backward(y, dy, x, rows, false, dgain, dbias) })
	})
	b.Run("columns384", func(b *testing.B) { rate(b, rows*dim, func() { AddColumns(dgain, x, rows, dim, dim) }) })
	b.Run("bias384", func(b *testing.B) { rate(b, rows*dim, func() { AddBias(y, rows, dim, dgain) }) })
}
