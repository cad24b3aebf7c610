package nn

import (
	"math"
	"testing"
)

// naiveInBatch follows the definition: one logarithm of a sum for each anchor, and for each positive.
func naiveInBatch(x [][]float64, o InBatch) float64 {
	product := func(a, b int) float64 {
		sum := 0.0
		for i := range x[a] {
			sum += x[a][i] * x[b][i]
		}
		return float64(o.Scale) * sum
	}
	n, rows := len(x)/o.Each, len(x)
	other := func(a, r int) bool { // r is a negative for anchor a
		return r%o.Each != 0 && r != a+1 && (o.Groups == nil || o.Groups[r] != o.Groups[a] && o.Groups[r] != o.Groups[a+1])
	}
	there, back := 0.0, 0.0
	for i := range n {
		a := i * o.Each
		sum := math.Exp(product(a, a+1))
		for r := range rows {
			if other(a, r) {
				sum += math.Exp(product(a, r))
			}
		}
		there += math.Log(sum) - product(a, a+1)
		sum = math.Exp(product(a, a+1))
		for j := range n {
			if b := j * o.Each; b != a && other(b, a+1) {
				sum += math.Exp(product(b, a+1))
			}
		}
		back += math.Log(sum) - product(a, a+1)
	}
	if o.Symmetric {
		return (there + back) / float64(2*n)
	}
	return there / float64(n)
}

func TestInBatchNegativesFollowTheirDefinition(t *testing.T) {
	for name, o := range map[string]InBatch{
		"pairs":               {Each: 2, Scale: 20},
		"both ways":           {Each: 2, Scale: 20, Symmetric: true},
		"with hard negatives": {Each: 3, Scale: 7, Symmetric: true},
		"that mean the same":  {Each: 2, Scale: 5, Symmetric: true, Groups: []int32{0, 0, 1, 1, 0, 2, 3, 3, 4, 1, 5, 5}},
		"all the same":        {Each: 3, Scale: 5, Groups: make([]int32, 12)},
	} {
		t.Run(name, func(t *testing.T) {
			const rows, dim = 12, 4
			data, x := make([]float32, rows*dim), make([][]float64, rows)
			for r := range x {
				for c := range dim {
					data[r*dim+c] = float32(weightOf(r*dim + c))
					x[r] = append(x[r], float64(data[r*dim+c]))
				}
			}
			tape := NewTape(nil)
			tape.Begin(Training, 1, 1)
			loss := tape.InBatchNegatives(tape.Input(data, rows, dim), o)
			if got, want := float64(loss.Data[0]), naiveInBatch(x, o); math.Abs(got-want) > 1e-5*(1+want) {
				t.Errorf("loss %v, want %v", got, want)
			}
			tape.Backward(loss) // with nobody else to choose, −∞ everywhere: no NaN
			for _, g := range tape.vars[0].Grad {
				if math.IsNaN(float64(g)) {
					t.Fatal("the gradient is not a number")
				}
			}
		})
	}
}

func TestARowOfZerosHasNoDirection(t *testing.T) {
	tape := NewTape(nil)
	tape.Begin(Training, 1, 1)
	x := tape.Input(make([]float32, 4), 2, 2)
	y := tape.UnitRows(x)
	tape.Backward(tape.ContrastivePairs(tape.PairDot(y), []float32{1}, 0.5))
	for _, v := range append(y.Data, x.Grad...) {
		if v != 0 {
			t.Fatalf("%v and gradient %v, want zeros", y.Data, x.Grad)
		}
	}
}
