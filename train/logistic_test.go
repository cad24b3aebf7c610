package train

import (
	"math"
	"math/rand/v2"
	"testing"
)

// blobs are rows of k classes about centres of their own, with lengths and offsets that solvers have to undo.
func blobs(n, dim, k int, seed uint64) (rows []float32, class []int) {
	r := rand.New(rand.NewPCG(seed, 1))
	centres := make([]float64, k*dim)
	for i := range centres {
		centres[i] = r.NormFloat64()
	}
	for i := range n {
		class = append(class, i%k)
		for j := range dim {
			rows = append(rows, float32(3+0.2*(centres[i%k*dim+j]+r.NormFloat64())))
		}
	}
	return rows, class
}

func oneHot(class []int, k int) []float32 {
	out := make([]float32, len(class)*k)
	for i, c := range class {
		out[i*k+c] = 1
	}
	return out
}

// TestTheGradientOfALinearModelIsThatOfItsObjective compares it with differences of the value.
func TestTheGradientOfALinearModelIsThatOfItsObjective(t *testing.T) {
	rows, class := blobs(40, 7, 3, 1)
	r := rand.New(rand.NewPCG(2, 2))
	for loss, targets := range map[rowLoss][]float32{softmaxLoss: oneHot(class, 3), sigmoidLoss: oneHot(class, 3), squareLoss: rows[:120]} {
		weights := make([]float64, 40)
		for i := range weights {
			weights[i] = r.Float64()
		}
		l := newLogistic(nil, loss, rows, 7, targets, weights)
		f := l.objective(0.1)
		theta, gradient, unused := make([]float64, l.size()), make([]float64, l.size()), make([]float64, l.size())
		for i := range theta {
			theta[i] = r.NormFloat64()
		}
		f(theta, gradient)
		for i := range theta {
			const step = 1e-2 // products are float32
			at := theta[i]
			theta[i] = at + step
			up := f(theta, unused)
			theta[i] = at - step
			down := f(theta, unused)
			theta[i] = at
			if want := (up - down) / (2 * step); math.Abs(gradient[i]-want) > 2e-4*(1+math.Abs(want)) {
				t.Errorf("loss %d: derivative %d is %v, differences say %v", loss, i, gradient[i], want)
			}
		}
	}
}

// TestLBFGSFindsTheMinimum uses Rosenbrock's valley, whose minimum is at (1, 1), and a long quadratic.
func TestLBFGSFindsTheMinimum(t *testing.T) {
	valley := func(x, g []float64) float64 {
		a, b := 1-x[0], x[1]-x[0]*x[0]
		g[0], g[1] = -2*a-400*x[0]*b, 200*b
		return a*a + 100*b*b
	}
	x := []float64{-1.2, 1}
	o := lbfgs{f: valley, memory: 5, most: 200, tolerance: 1e-9}
	if value, n := o.minimise(x); value > 1e-12 || math.Abs(x[0]-1) > 1e-6 || math.Abs(x[1]-1) > 1e-6 {
		t.Errorf("after %d iterations %v at %v", n, value, x)
	}
	x = make([]float64, 50)
	o = lbfgs{most: 300, memory: 10, tolerance: 1e-8, f: func(x, g []float64) (v float64) {
		for i := range x {
			d := x[i] - float64(i)
			g[i] = 2 * float64(i+1) * d
			v += float64(i+1) * d * d
		}
		return v
	}}
	o.minimise(x)
	for i, v := range x {
		if math.Abs(v-float64(i)) > 1e-4 { // the first gradient is some 1e5 long
			t.Errorf("x[%d] = %v", i, v)
		}
	}
}

// TestASolvedHeadIsTheMinimum checks that no other weights near the solution are better, that it separates the classes,
// and that what is written scores rows as they came.
func TestASolvedHeadIsTheMinimum(t *testing.T) {
	const n, dim, k, strength = 90, 10, 3, 0.003
	rows, class := blobs(n, dim, k, 3)
	l := newLogistic(nil, softmaxLoss, rows, dim, oneHot(class, k), nil)
	theta, unused := make([]float64, l.size()), make([]float64, l.size())
	least := l.fit(theta, strength, 1e-5)
	f := l.objective(strength)
	r := rand.New(rand.NewPCG(9, 9))
	for range 50 {
		near := make([]float64, len(theta))
		for i, v := range theta {
			near[i] = v + 0.05*r.NormFloat64()
		}
		if v := f(near, unused); v < least-1e-7 {
			t.Fatalf("%v beside the solution, %v at it", v, least)
		}
	}
	w, b := make([]float32, k*dim), make([]float32, k)
	l.write(theta, w, b)
	right := 0
	for i, own := range class {
		best, most := 0, math.Inf(-1)
		for c := range k {
			s := float64(b[c])
			for j := range dim {
				s += float64(w[c*dim+j]) * float64(rows[i*dim+j])
			}
			if s > most {
				best, most = c, s
			}
		}
		if best == own {
			right++
		}
	}
	if _, judged := l.judge(l.chosen, theta); judged != right || right < 80 {
		t.Errorf("%d of %d right by the weights as written, %d as solved", right, n, judged)
	}
}

// TestRidgeIsWhatTheNormalEquationsSay compares with the solution of (XᵀX/n + λ)·w = Xᵀy/n in one dimension.
func TestRidgeIsWhatTheNormalEquationsSay(t *testing.T) {
	rows, y := []float32{1, 2, 3, 4, 5, 7}, []float32{2, 1, 4, 3, 6, 5}
	const strength = 0.1
	l := newLogistic(nil, squareLoss, rows, 1, y, nil)
	theta := make([]float64, 2)
	l.fit(theta, strength, 1e-5)
	xy, my := 0.0, 0.0
	for i, v := range y {
		xy += float64(l.rows[i]) * float64(v) / 6 // rows have mean 0 and mean square 1
		my += float64(v) / 6
	}
	if want := xy / (1 + strength); math.Abs(theta[0]-want) > 1e-5 || math.Abs(theta[1]-my) > 1e-5 {
		t.Errorf("weight %v and bias %v, want %v and %v", theta[0], theta[1], want, my)
	}
}

// TestPrototypesAreMeans compares with means counted by hand, and has the nearest one win.
func TestPrototypesAreMeans(t *testing.T) {
	rows := []float32{0, 0, 2, 0, 10, 10, 10, 12}
	l := newLogistic(nil, softmaxLoss, rows, 2, oneHot([]int{0, 0, 1, 1}, 2), nil)
	theta := make([]float64, l.size())
	loss := l.prototypes(theta)
	w, b := make([]float32, 4), make([]float32, 2)
	l.write(theta, w, b)
	// The border lies half way between (1, 0) and (10, 11), at right angles to the line between them.
	border := func(x, y float64) float64 {
		return float64(w[2]-w[0])*x + float64(w[3]-w[1])*y + float64(b[1]-b[0])
	}
	if middle := border(5.5, 5.5); math.Abs(middle) > 1e-3 || border(1, 0) >= 0 || border(10, 11) <= 0 || math.Abs(border(5.5+11, 5.5-9)) > 1e-2 {
		t.Errorf("border %v in the middle, %v and %v at the prototypes", middle, border(1, 0), border(10, 11))
	}
	if loss > 1e-3 {
		t.Errorf("loss %v of rows that lie apart", loss)
	}
}

func TestFoldsHoldEveryClass(t *testing.T) {
	class := make([]int, 40)
	for i := range class {
		class[i] = i % 4
	}
	folds := foldsOf(oneHot(class, 4), 4, 1)
	if len(folds) != foldCount {
		t.Fatalf("%d folds", len(folds))
	}
	seen := map[int]int{}
	for _, fold := range folds {
		counts := map[int]int{}
		for _, i := range fold {
			seen[i]++
			counts[class[i]]++
		}
		if len(fold) != 8 || len(counts) != 4 {
			t.Errorf("fold %v holds %v", fold, counts)
		}
	}
	if len(seen) != 40 {
		t.Errorf("%d rows in folds", len(seen))
	}
	if folds := foldsOf(oneHot([]int{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 2), 2, 1); folds != nil {
		t.Errorf("a class of one row: %v", folds)
	}
}
