package nn

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestAttentionOverSeveralTiles compares sequences of one tile of queries and of several with the definition, and
// their gradients with those of the definition.
func TestAttentionOverSeveralTiles(t *testing.T) {
	const heads, size = 2, 3
	const dim = heads * size
	offsets := []int32{0, 1, tileQueries + 1, 2*tileQueries + 40, 2*tileQueries + 40, 5*tileQueries + 41}
	n := int(offsets[len(offsets)-1])
	rng := rand.New(rand.NewPCG(1, 1))
	qkv, dy := make([]float32, n*3*dim), make([]float32, n*dim)
	for i := range qkv {
		qkv[i] = float32(2 * rng.NormFloat64())
	}
	for i := range dy {
		dy[i] = float32(rng.NormFloat64())
	}
	want, grad := make([]float64, n*dim), make([]float64, n*3*dim)
	for s := range len(offsets) - 1 {
		for h := range heads {
			attendPlainly(qkv, dy, want, grad, int(offsets[s]), int(offsets[s+1]), h*size, dim, size)
		}
	}
	tapes(t, func(t *testing.T, tape *Tape) {
		tape.Begin(Training, 1, 1)
		in := tape.Input(qkv, n, 3*dim)
		y := tape.Attention(in, offsets, heads)
		copy(y.Gradient(), dy)
		tape.BackwardFrom()
		for i, w := range want {
			if math.Abs(float64(y.Data[i])-w) > 1e-5 {
				t.Fatalf("output %d is %v, want %v", i, y.Data[i], w)
			}
		}
		for i, w := range grad {
			if math.Abs(float64(in.Grad[i])-w) > 1e-4 {
				t.Fatalf("gradient %d is %v, want %v", i, in.Grad[i], w)
			}
		}
		tape.Begin(Inference, 0, 0)
		again := tape.Attention(tape.Input(qkv, n, 3*dim), offsets, heads)
		for i, w := range want {
			if math.Abs(float64(again.Data[i])-w) > 1e-5 {
				t.Fatalf("output %d is %v in inference, want %v", i, again.Data[i], w)
			}
		}
	})
}

// attendPlainly is one head of one sequence, and its backward, by the definition.
func attendPlainly(qkv, dy []float32, y, grad []float64, from, to, at, dim, size int) {
	q := func(i, c int) float64 { return float64(qkv[i*3*dim+at+c]) }
	k := func(i, c int) float64 { return float64(qkv[i*3*dim+dim+at+c]) }
	v := func(i, c int) float64 { return float64(qkv[i*3*dim+2*dim+at+c]) }
	scale := 1 / math.Sqrt(float64(size))
	for i := from; i < to; i++ {
		p, dp := make([]float64, to-from), make([]float64, to-from)
		sum, along := 0.0, 0.0
		for j := range p {
			for c := range size {
				p[j] += scale * q(i, c) * k(from+j, c)
				dp[j] += float64(dy[i*dim+at+c]) * v(from+j, c)
			}
			p[j] = math.Exp(p[j])
			sum += p[j]
		}
		for j := range p {
			p[j] /= sum
			along += p[j] * dp[j]
		}
		for j := range p {
			d := scale * p[j] * (dp[j] - along)
			for c := range size {
				y[i*dim+at+c] += p[j] * v(from+j, c)
				grad[i*3*dim+at+c] += d * k(from+j, c)
				grad[(from+j)*3*dim+dim+at+c] += d * q(i, c)
				grad[(from+j)*3*dim+2*dim+at+c] += p[j] * float64(dy[i*dim+at+c])
			}
		}
	}
}
