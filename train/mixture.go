package train

import (
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/linalg"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
)

const (
	// mixtureDims are the numbers of principal components of two mixtures, whose opinions are averaged: how many hold
	// what is asked is not known beforehand.
	fewDims, manyDims = 32, 64
	// shortly and long are rounds of expectation and maximisation: after a few of them a mixture still leans on the labels,
	// after many it has found the groups that the texts form by themselves.
	shortly, long = 3, 30
	// ridge is added to the variance within classes, of data whose variance is 1.
	ridge = 1e-2
	// startSpread is the standard deviation of the scores that a mixture starts from: they are opinions, not certainties.
	startSpread = 2
)

// mixture tells classes apart as Gaussians with one covariance, fitted by expectation and maximisation to rows with labels
// and to rows without (Nigam et al. 2000, "Text Classification from Labeled and Unlabeled Documents using EM"; with one
// covariance, linear discriminant analysis whose covariance all rows tell). It works on principal components scaled to
// variance 1, so that the covariance within classes is what their means leave of the identity.
type mixture struct {
	pool      *parallel.Pool
	x         []float32 // [n, dim]
	n, dim, k int
}

// newMixtures projects centred rows, [n, width], to their first principal components.
func newMixtures(pool *parallel.Pool, rows []float32, width, k int) []*mixture {
	n := len(rows) / width
	square := make([]float32, width*width)
	pool.For(width, 16, func(lo, hi int) {
		kernel.GemmTN(kernel.F32, hi-lo, width, n, rows[lo:], width, rows, width, square[lo*width:], width, false)
	})
	covariance := make([]float64, len(square))
	for i, v := range square {
		covariance[i] = float64(v) / float64(n)
	}
	values, vectors := linalg.Eigen(covariance, width)
	dims := min(manyDims, width)
	for dims > 1 && values[dims-1] < 1e-9*values[0] { // directions in which nothing varies
		dims--
	}
	directions := make([]float32, dims*width)
	for i := range directions {
		directions[i] = float32(vectors[i] / math.Sqrt(max(values[i/width], 1e-30)))
	}
	all := make([]float32, n*dims)
	pool.For(n, 64, func(lo, hi int) {
		kernel.GemmNT(kernel.F32, hi-lo, dims, width, rows[lo*width:], width, directions, width, all[lo*dims:], dims, false)
	})
	list := []*mixture{{pool: pool, x: all, n: n, dim: dims, k: k}}
	if dims > fewDims {
		few := make([]float32, 0, n*fewDims)
		for i := range n {
			few = append(few, all[i*dims:i*dims+fewDims]...)
		}
		list = append(list, &mixture{pool: pool, x: few, n: n, dim: fewDims, k: k})
	}
	return list
}

// learn takes p, [n, k], the probabilities of the classes of each row so far, through rounds of expectation and
// maximisation. class has the label of each row that has one, else -1.
func (m *mixture) learn(p []float32, class []int, rounds int) {
	k, dim := m.k, m.dim
	mass, means := make([]float64, k), make([]float32, k*dim)
	within, slopes := make([]float64, dim*dim), make([]float64, dim*k)
	weights, offsets := make([]float32, k*dim), make([]float32, k)
	for range rounds {
		for i, c := range class {
			if c >= 0 {
				clear(p[i*k : (i+1)*k])
				p[i*k+c] = 1
			}
		}
		clear(mass)
		for i, v := range p {
			mass[i%k] += float64(v)
		}
		m.pool.For(k, 1, func(lo, hi int) {
			kernel.GemmTN(kernel.F32, hi-lo, dim, m.n, p[lo:], k, m.x, dim, means[lo*dim:], dim, false)
		})
		for i := range within {
			within[i] = 0
			if i/dim == i%dim {
				within[i] = 1 + ridge
			}
		}
		for c := range k {
			mean := means[c*dim : (c+1)*dim]
			kernel.Scale(float32(1/max(mass[c], 1e-9)), mean)
			share := mass[c] / float64(m.n)
			for i, a := range mean {
				slopes[i*k+c] = float64(a)
				for j, b := range mean {
					within[i*dim+j] -= share * float64(a) * float64(b)
				}
			}
		}
		solved, err := linalg.Solve(slices.Clone(within), dim, slopes, k)
		if err != nil {
			return // the means leave no variance within classes: rounding; what was found stands
		}
		for c := range k {
			half := 0.0
			for i := range dim {
				w := solved[i*k+c]
				weights[c*dim+i] = float32(w)
				half += w * float64(means[c*dim+i]) / 2
			}
			offsets[c] = float32(math.Log((mass[c]+1)/(float64(m.n)+float64(k))) - half)
		}
		m.pool.For(m.n, 64, func(lo, hi int) {
			kernel.GemmNT(kernel.F32, hi-lo, k, dim, m.x[lo*dim:], dim, weights, dim, p[lo*k:], k, false)
			for i := lo; i < hi; i++ {
				row := p[i*k : (i+1)*k]
				kernel.Axpy(1, offsets, row)
				kernel.Softmax(row, row)
			}
		})
	}
}

// starting turns scores, [n, k], into what a mixture starts from.
func starting(scores []float32, k int) []float32 {
	p := slices.Clone(scores)
	square := 0.0
	for i := 0; i < len(p); i += k {
		row, mean := p[i:i+k], float32(0)
		for _, v := range row {
			mean += v / float32(k)
		}
		for c := range row {
			row[c] -= mean
			square += float64(row[c]) * float64(row[c])
		}
	}
	factor := startSpread / math.Sqrt(max(square/float64(max(len(p), 1)), 1e-24))
	kernel.Scale(float32(factor), p)
	for i := 0; i < len(p); i += k {
		kernel.Softmax(p[i:i+k], p[i:i+k])
	}
	return p
}
