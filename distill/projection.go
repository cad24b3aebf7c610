package distill

import (
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/linalg"
)

// projection turns vectors about their mean to the directions in which they vary most, and leaves out the others.
type projection struct {
	mean       []float64
	components []float32 // [dim, width]
	width, dim int
}

// newProjection finds the first principal components of rows, [n, width].
func newProjection(rows []float32, width, dim int) *projection {
	p := &projection{mean: make([]float64, width), width: width, dim: dim}
	n := len(rows) / width
	for at := 0; at < len(rows); at += width {
		for j, v := range rows[at : at+width] {
			p.mean[j] += float64(v) / float64(n)
		}
	}
	const block = 1024
	covariance := make([]float64, width*width)
	product := make([]float32, width*width)
	for from := 0; from < n; from += block {
		centred := p.centred(rows[from*width : min(from+block, n)*width])
		kernel.GemmTN(kernel.F32, width, width, len(centred)/width, centred, width, centred, width, product, width, false)
		for i, v := range product {
			covariance[i] += float64(v)
		}
	}
	_, vectors := linalg.Eigen(covariance, width)
	p.components = make([]float32, dim*width)
	for i := range p.components {
		p.components[i] = float32(vectors[i])
	}
	return p
}

// centred returns rows less the mean.
func (p *projection) centred(rows []float32) []float32 {
	out := make([]float32, len(rows))
	for i, v := range rows {
		out[i] = v - float32(p.mean[i%p.width])
	}
	return out
}

// apply returns rows, [n, width], as [n, dim].
func (p *projection) apply(rows []float32) []float32 {
	n := len(rows) / p.width
	out := make([]float32, n*p.dim)
	if n > 0 {
		kernel.GemmNT(kernel.F32, n, p.dim, p.width, p.centred(rows), p.width, p.components, p.width, out, p.dim, false)
	}
	return out
}
