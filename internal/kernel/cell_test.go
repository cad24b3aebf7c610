package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// cellCases runs a test on steps of some rows, with and without a state before.
func cellCases(t *testing.T, run func(t *testing.T, rng *rand.Rand, rows, hidden int, before []float32)) {
	eachVariant(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(11, 12))
		for hidden := 1; hidden < 68; hidden++ {
			rows := 1 + hidden%3
			run(t, rng, rows, hidden, random(rng, rows*hidden))
			run(t, rng, rows, hidden, nil)
		}
		run(t, rng, 2, 128, random(rng, 2*128))
	})
}

func at(x []float32, i int) float64 {
	if x == nil {
		return 0
	}
	return float64(x[i])
}

func TestLSTMStepsOfEveryWidth(t *testing.T) {
	cellCases(t, func(t *testing.T, rng *rand.Rand, rows, hidden int, before []float32) {
		n := rows * hidden
		x := random(rng, 4*n)
		gates, checkGates := guarded(t, x)
		c, checkC := guarded(t, make([]float32, n))
		tanhC, checkT := guarded(t, make([]float32, n))
		h, checkH := guarded(t, make([]float32, n))
		LSTMCell(rows, hidden, gates, before, c, tanhC, h)
		checkGates()
		checkC()
		checkT()
		checkH()
		dh, checkDh := guarded(t, random(rng, n))
		dc, checkDc := guarded(t, random(rng, n))
		wantGates, wantDc := make([]float64, 4*n), make([]float64, n)
		for r := range rows {
			for j := range hidden {
				k, g := r*hidden+j, 4*r*hidden+j
				i, f := sigmoid(at(x, g)), sigmoid(at(x, g+hidden))
				cand, o := math.Tanh(at(x, g+2*hidden)), sigmoid(at(x, g+3*hidden))
				cell := i*cand + f*at(before, k)
				for what, pair := range map[string][2]float64{"i": {at(gates, g), i}, "f": {at(gates, g+hidden), f}, "g": {at(gates, g+2*hidden), cand},
					"o": {at(gates, g+3*hidden), o}, "c": {at(c, k), cell}, "tanh c": {at(tanhC, k), math.Tanh(cell)}, "h": {at(h, k), o * math.Tanh(cell)}} {
					if !near(float32(pair[0]), pair[1], 6e-7, 6e-7) {
						t.Fatalf("%d rows of %d: %s of [%d,%d] is %v, want %v", rows, hidden, what, r, j, pair[0], pair[1])
					}
				}
				tanh := math.Tanh(cell)
				d := at(dc, k) + at(dh, k)*o*(1-tanh*tanh)
				wantGates[g], wantGates[g+hidden] = d*cand*i*(1-i), d*at(before, k)*f*(1-f)
				wantGates[g+2*hidden], wantGates[g+3*hidden] = d*i*(1-cand*cand), at(dh, k)*tanh*o*(1-o)
				wantDc[k] = d * f
			}
		}
		for k := range tanhC {
			tanhC[k] = float32(math.Tanh(float64(c[k])))
		}
		LSTMCellGrad(rows, hidden, gates, before, tanhC, dh, dc)
		checkGates()
		checkDh()
		checkDc()
		close64(t, "the gates' gradient", gates, wantGates, 2e-6)
		close64(t, "the gradient of the cell before", dc, wantDc, 2e-6)
	})
}

func TestGRUStepsOfEveryWidth(t *testing.T) {
	cellCases(t, func(t *testing.T, rng *rand.Rand, rows, hidden int, before []float32) {
		n := rows * hidden
		x, p := random(rng, 3*n), random(rng, 3*n)
		gates, checkGates := guarded(t, x)
		product, checkProduct := guarded(t, p)
		h, checkH := guarded(t, make([]float32, n))
		nProduct, checkN := guarded(t, make([]float32, n))
		ld := hidden + rng.IntN(3) // rows of the state may lie apart
		var wide []float32
		if before != nil {
			wide = make([]float32, rows*ld)
			for r := range rows {
				copy(wide[r*ld:], before[r*hidden:(r+1)*hidden])
			}
		}
		GRUCell(rows, hidden, gates, product, wide, ld, nProduct, h)
		checkN()
		checkGates()
		checkProduct()
		checkH()
		dh, checkDh := guarded(t, random(rng, n))
		wantGates, wantProduct, wantDh := make([]float64, 3*n), make([]float64, 3*n), make([]float64, n)
		for r := range rows {
			for j := range hidden {
				k, g := r*hidden+j, 3*r*hidden+j
				reset, z := sigmoid(at(x, g)+at(p, g)), sigmoid(at(x, g+hidden)+at(p, g+hidden))
				cand := math.Tanh(at(x, g+2*hidden) + reset*at(p, g+2*hidden))
				if want := (1-z)*cand + z*at(before, k); !near(h[k], want, 6e-7, 6e-7) {
					t.Fatalf("%d rows of %d: h of [%d,%d] is %v, want %v", rows, hidden, r, j, h[k], want)
				}
				dn := at(dh, k) * (1 - z) * (1 - cand*cand)
				wantGates[g] = dn * at(p, g+2*hidden) * reset * (1 - reset)
				wantGates[g+hidden], wantGates[g+2*hidden] = at(dh, k)*(at(before, k)-cand)*z*(1-z), dn
				wantProduct[g], wantProduct[g+hidden], wantProduct[g+2*hidden] = wantGates[g], wantGates[g+hidden], dn*reset
				wantDh[k] = at(dh, k) * z
			}
		}
		GRUCellGrad(rows, hidden, gates, product, wide, ld, nProduct, dh)
		checkGates()
		checkProduct()
		checkDh()
		close64(t, "the gates' gradient", gates, wantGates, 2e-6)
		close64(t, "the product's gradient", product, wantProduct, 2e-6)
		close64(t, "the gradient of the state before", dh, wantDh, 2e-6)
	})
}

func BenchmarkCells(b *testing.B) {
	const rows, hidden = 64, 128
	rng := rand.New(rand.NewPCG(1, 1))
	gates, product := random(rng, 4*rows*hidden), random(rng, 3*rows*hidden)
	before, c, h := random(rng, rows*hidden), random(rng, rows*hidden), random(rng, rows*hidden)
	n := append([]float32(nil), h...)
	b.Run("lstm", func(b *testing.B) {
		rate(b, rows*hidden, func() { LSTMCell(rows, hidden, gates, before, c, n, h) })
	})
	b.Run("lstmGrad", func(b *testing.B) {
		clear(gates)
		rate(b, rows*hidden, func() { LSTMCellGrad(rows, hidden, gates, before, n, h, c) })
	})
	b.Run("gru", func(b *testing.B) {
		rate(b, rows*hidden, func() { GRUCell(rows, hidden, gates, product, before, hidden, n, h) })
	})
	b.Run("gruGrad", func(b *testing.B) {
		clear(gates)
		rate(b, rows*hidden, func() { GRUCellGrad(rows, hidden, gates, product, before, hidden, n, h) })
	})
}
