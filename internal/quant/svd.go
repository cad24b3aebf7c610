package quant

import (
	"cmp"
	"math"
	"slices"
)

// decompose returns the factors of a matrix of [rows, width] for the rank: U·√S, [rows, rank], and √S·Vᵀ, [rank, width].
// They come from the eigenvectors of the smaller of W·Wᵀ and Wᵀ·W, in float64.
func decompose(rows, width, rank int, w []float32) (up, down []float32) {
	n, tall := width, rows >= width
	if !tall {
		n = rows
	}
	values, vectors := eigen(gram(rows, width, w, tall), n) // vectors lie in rows
	up, down = make([]float32, rows*rank), make([]float32, rank*width)
	for k := range rank {
		v, root := vectors[k], math.Sqrt(math.Sqrt(max(values[k], 0)))
		if root < 1e-12 {
			break
		}
		if tall { // v is in the width: u = W·v/s
			for i := range rows {
				sum := 0.0
				for j, x := range w[i*width : (i+1)*width] {
					sum += float64(x) * v[j]
				}
				up[i*rank+k] = float32(sum / root)
			}
			for j, x := range v {
				down[k*width+j] = float32(x * root)
			}
			continue
		}
		sums := make([]float64, width)
		for i := range rows {
			for j, x := range w[i*width : (i+1)*width] {
				sums[j] += float64(x) * v[i]
			}
			up[i*rank+k] = float32(v[i] * root)
		}
		for j, x := range sums {
			down[k*width+j] = float32(x / root)
		}
	}
	return up, down
}

// gram is Wᵀ·W where tall, else W·Wᵀ, as rows.
func gram(rows, width int, w []float32, tall bool) [][]float64 {
	n := width
	if !tall {
		n = rows
	}
	g := make([][]float64, n)
	for i := range g {
		g[i] = make([]float64, n)
	}
	if tall {
		for r := range rows {
			row := w[r*width : (r+1)*width]
			for i, a := range row {
				for j := i; j < n; j++ {
					g[i][j] += float64(a) * float64(row[j])
				}
			}
		}
	} else {
		for i := range n {
			for j := i; j < n; j++ {
				for k, a := range w[i*width : (i+1)*width] {
					g[i][j] += float64(a) * float64(w[j*width+k])
				}
			}
		}
	}
	for i := range n {
		for j := range i {
			g[i][j] = g[j][i]
		}
	}
	return g
}

// eigen returns the eigenvalues of a symmetric matrix, the largest first, and their vectors, one a row, by Jacobi's
// rotations in cyclic order (Golub & Van Loan, Matrix Computations, 8.5). It works in the matrix given.
func eigen(a [][]float64, n int) (values []float64, vectors [][]float64) {
	v := make([][]float64, n)
	for i := range v {
		v[i] = make([]float64, n)
		v[i][i] = 1
	}
	total := 0.0
	for i := range n {
		for _, x := range a[i] {
			total += x * x
		}
	}
	for range 30 {
		off := 0.0
		for i := range n {
			for j := i + 1; j < n; j++ {
				off += a[i][j] * a[i][j]
			}
		}
		if off <= 1e-22*total {
			break
		}
		limit := math.Sqrt(off/float64(n*n)) * 0.01 // what is far below the mean waits for a later round
		for p := range n {
			for q := p + 1; q < n; q++ {
				if math.Abs(a[p][q]) > limit {
					rotate(a, v, p, q)
				}
			}
		}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(a[j][j], a[i][i]) })
	for _, i := range order {
		values, vectors = append(values, a[i][i]), append(vectors, v[i])
	}
	return values, vectors
}

// rotate makes a[p][q] zero; v keeps the product of all rotations, one vector a row.
func rotate(a, v [][]float64, p, q int) {
	theta := (a[q][q] - a[p][p]) / (2 * a[p][q])
	t := 1 / (math.Abs(theta) + math.Sqrt(theta*theta+1))
	if theta < 0 {
		t = -t
	}
	c := 1 / math.Sqrt(t*t+1)
	s := t * c
	turn(a[p], a[q], c, s)
	for k := range a { // a is symmetric: its columns as well
		x, y := a[k][p], a[k][q]
		a[k][p], a[k][q] = c*x-s*y, s*x+c*y
	}
	turn(v[p], v[q], c, s)
}

func turn(x, y []float64, c, s float64) {
	for i := range x {
		x[i], y[i] = c*x[i]-s*y[i], s*x[i]+c*y[i]
	}
}
