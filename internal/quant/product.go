package quant

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Centroids is how many there are of a part of a row at most: the number of one is a byte.
const Centroids = 256

// codes cut each row into parts and know of each the nearest of its centroids.
type codes struct {
	rows, width, part int
	data              []byte // [rows, parts], numbers of centroids
	halves            []byte // [parts, centroids, part], halves
	centroids         []float32
	each              int // centroids of a part
}

// EncodePQ keeps rows as product quantisation of parts of so many numbers, as fastText's quantize does (Joulin et al.
// 2016, "FastText.zip: Compressing text classification models"); the last part is filled up with zeros.
func EncodePQ(rows, width, part int, weights []float32) (Matrix, error) {
	if part < 1 || part > width || len(weights) != rows*width {
		return nil, fmt.Errorf("product quantisation of a matrix of [%d, %d] in parts of %d", rows, width, part)
	}
	parts := (width + part - 1) / part
	c := &codes{rows: rows, width: width, part: part, data: make([]byte, rows*parts), each: min(Centroids, rows)}
	all := make([]float32, 0, parts*c.each*part)
	points := make([]float32, rows*part)
	for p := range parts {
		for i := range rows {
			from := points[i*part : (i+1)*part]
			clear(from[copy(from, weights[i*width+p*part:min(i*width+(p+1)*part, (i+1)*width)]):])
		}
		all = append(all, KMeans(points, part, c.each, uint64(p+1))...)
	}
	c.setCentroids(toHalves(F16, all))
	for p := range parts {
		mine := c.centroids[p*c.each*part : (p+1)*c.each*part]
		for i := range rows {
			from := points[:part]
			clear(from[copy(from, weights[i*width+p*part:min(i*width+(p+1)*part, (i+1)*width)]):])
			near, _ := nearestOf(mine, from)
			c.data[i*parts+p] = byte(near)
		}
	}
	return c, nil
}

func (c *codes) setCentroids(data []byte) {
	c.halves = data
	c.centroids, _ = safetensors.Tensor{DType: safetensors.F16, Data: data}.Float32()
}

func (c *codes) parts() int { return (c.width + c.part - 1) / c.part }

func (c *codes) Kind() Kind { return PQ }

func (c *codes) Row(dst []float32, row int) {
	parts := c.parts()
	for p, code := range c.data[row*parts : (row+1)*parts] {
		at := (p*c.each + int(code)) * c.part
		copy(dst[p*c.part:min((p+1)*c.part, c.width)], c.centroids[at:at+c.part])
	}
}

func (c *codes) Tensors(name string) []safetensors.Tensor {
	return []safetensors.Tensor{
		{Name: name, DType: safetensors.U8, Shape: []int{c.rows, c.parts()}, Data: c.data},
		{Name: name + ".centroids", DType: safetensors.F16, Shape: []int{c.parts(), c.each, c.part}, Data: c.halves},
	}
}

func (r *reader) codes(rows, width int) Matrix {
	c := &codes{rows: rows, width: width}
	t := r.tensor(".centroids", safetensors.F16, -1, -1, -1)
	if c.each, c.part = t.Shape[1], t.Shape[2]; r.err == nil && (c.part < 1 || c.part > width || c.each > Centroids || t.Shape[0] != c.parts()) {
		r.fail("centroids of %v for rows of %d", t.Shape, width)
	}
	if r.err != nil {
		return nil
	}
	c.halves, c.centroids = t.Data, r.floats(".centroids", safetensors.F16, -1, -1, -1)
	c.data = r.tensor("", safetensors.U8, rows, c.parts()).Data
	for _, code := range c.data {
		if int(code) >= c.each {
			r.fail("it names centroid %d of %d", code, c.each)
			break
		}
	}
	return c
}

// KMeans returns k centres of points, [n, dim], by Lloyd's algorithm from well-spread beginnings (k-means++, Arthur &
// Vassilvitskii 2007), on a sample of at most 64 points a centre. The same seed gives the same centres.
func KMeans(points []float32, dim, k int, seed uint64) []float32 {
	const rounds, sample = 25, 64
	rng := rand.New(rand.NewPCG(seed, 0))
	n := len(points) / dim
	if n > sample*k {
		picked := make([]float32, 0, sample*k*dim)
		for _, i := range rng.Perm(n)[:sample*k] {
			picked = append(picked, points[i*dim:(i+1)*dim]...)
		}
		points, n = picked, sample*k
	}
	centres := spread(points, dim, k, rng)
	sums, counts := make([]float64, len(centres)), make([]int, k)
	for range rounds {
		clear(sums)
		clear(counts)
		for i := range n {
			x := points[i*dim : (i+1)*dim]
			near, _ := nearestOf(centres, x)
			counts[near]++
			for j, v := range x {
				sums[near*dim+j] += float64(v)
			}
		}
		for c := range k {
			if counts[c] == 0 { // an empty one begins again at a point
				copy(centres[c*dim:(c+1)*dim], points[rng.IntN(n)*dim:])
				continue
			}
			for j := range dim {
				centres[c*dim+j] = float32(sums[c*dim+j] / float64(counts[c]))
			}
		}
	}
	return centres
}

// spread draws k points, each likelier the farther it is from those before.
func spread(points []float32, dim, k int, rng *rand.Rand) []float32 {
	n := len(points) / dim
	centres := append(make([]float32, 0, k*dim), points[rng.IntN(n)*dim:][:dim]...)
	far := make([]float64, n)
	for i := range far {
		far[i] = math.Inf(1)
	}
	for len(centres) < k*dim {
		sum, last := 0.0, centres[len(centres)-dim:]
		for i := range n {
			far[i] = min(far[i], distance(points[i*dim:(i+1)*dim], last))
			sum += far[i]
		}
		at, left := n-1, rng.Float64()*sum
		for i, f := range far {
			if left -= f; left < 0 {
				at = i
				break
			}
		}
		centres = append(centres, points[at*dim:(at+1)*dim]...)
	}
	return centres
}

func distance(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		d := float64(v) - float64(b[i])
		sum += d * d
	}
	return sum
}

// nearestOf returns the centre that x is nearest to, and its squared distance.
func nearestOf(centres, x []float32) (at int, least float64) {
	least = math.Inf(1)
	for c := range len(centres) / len(x) {
		if d := distance(x, centres[c*len(x):(c+1)*len(x)]); d < least {
			at, least = c, d
		}
	}
	return at, least
}
