// Package linalg solves small dense problems in float64: eigenvectors of symmetric matrices, and systems of positive
// definite ones. Matrices are slices of rows, [n, n].
package linalg

import (
	"cmp"
	"errors"
	"math"
	"slices"
)

// ErrNotPositive tells that a matrix is not positive definite.
var ErrNotPositive = errors.New("the matrix is not positive definite")

// Eigen returns the eigenvalues of a symmetric matrix, the largest first, and an eigenvector of length 1 a row in the
// same order. The first number of each vector that is not about zero is positive. a is changed.
//
// The matrix is brought to three diagonals by reflections (Householder 1958), which rotations then make one (the QL
// algorithm with implicit shifts: Wilkinson & Reinsch 1971, contribution II/4).
func Eigen(a []float64, n int) (values, vectors []float64) {
	diagonal, beside, rows := tridiagonal(a, n)
	rotate(diagonal, beside, rows, n)
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(diagonal[j], diagonal[i]) })
	values, vectors = make([]float64, n), make([]float64, n*n)
	for to, from := range order {
		values[to] = diagonal[from]
		row := vectors[to*n : (to+1)*n]
		copy(row, rows[from*n:(from+1)*n])
		at := slices.IndexFunc(row, func(v float64) bool { return math.Abs(v) > 1e-9 })
		if at >= 0 && row[at] < 0 {
			for i := range row {
				row[i] = -row[i]
			}
		}
	}
	return values, vectors
}

// tridiagonal returns the diagonal and what lies beside it (from row i to i+1) of Q·a·Qᵀ, and Q.
func tridiagonal(a []float64, n int) (diagonal, beside, q []float64) {
	diagonal, beside, q = make([]float64, n), make([]float64, n), make([]float64, n*n)
	mirrors := make([][]float64, n) // unit vectors of the reflections; of length n-k-1
	w := make([]float64, n)
	for k := range n {
		diagonal[k] = a[k*n+k]
		if k == n-1 {
			break
		}
		v := slices.Clone(a[k*n+k+1 : (k+1)*n])
		length := math.Sqrt(dot(v, v))
		if v[0] > 0 {
			length = -length
		}
		beside[k] = length
		v[0] -= length
		if norm := math.Sqrt(dot(v, v)); norm > 0 {
			scale(1/norm, v)
		} else {
			continue // nothing to turn
		}
		mirrors[k] = v
		w := w[:len(v)] // a·v
		for i := range v {
			w[i] = dot(a[(k+1+i)*n+k+1:(k+2+i)*n], v)
		}
		add(-dot(v, w), v, w)
		for i := range v {
			row := a[(k+1+i)*n+k+1 : (k+2+i)*n]
			add(-2*v[i], w, row)
			add(-2*w[i], v, row)
		}
	}
	for i := range n {
		q[i*n+i] = 1
	}
	// Q is the product of all reflections; multiplied from the last one on, rows before k stay those of one.
	for k := n - 2; k >= 0; k-- {
		v := mirrors[k]
		if v == nil {
			continue
		}
		for i := k + 1; i < n; i++ {
			row := q[i*n+k+1 : (i+1)*n]
			add(-2*dot(row, v), v, row)
		}
	}
	return diagonal, beside, q
}

// rotate makes what lies beside the diagonal zero, and turns the rows of q likewise: they end as the eigenvectors.
func rotate(d, e, q []float64, n int) {
	const most = 60 // rounds an eigenvalue; two are usual
	for l := range n {
		for range most {
			m := l
			for m < n-1 && math.Abs(e[m]) > 1e-16*(math.Abs(d[m])+math.Abs(d[m+1])) {
				m++
			}
			if m == l {
				break
			}
			g := (d[l+1] - d[l]) / (2 * e[l])
			g = d[m] - d[l] + e[l]/(g+math.Copysign(math.Hypot(g, 1), g))
			sine, cosine, shift := 1.0, 1.0, 0.0
			i := m - 1
			for ; i >= l; i-- {
				f, b := sine*e[i], cosine*e[i]
				r := math.Hypot(f, g)
				e[i+1] = r
				if r == 0 {
					d[i+1] -= shift
					e[m] = 0
					break
				}
				sine, cosine = f/r, g/r
				g = d[i+1] - shift
				r = (d[i]-g)*sine + 2*cosine*b
				shift = sine * r
				d[i+1] = g + shift
				g = cosine*r - b
				turn(q[i*n:(i+1)*n], q[(i+1)*n:(i+2)*n], cosine, sine)
			}
			if i < l {
				d[l] -= shift
				e[l], e[m] = g, 0
			}
		}
	}
}

// turn rotates two rows.
func turn(low, high []float64, cosine, sine float64) {
	high = high[:len(low)]
	for k, a := range low {
		b := high[k]
		high[k] = sine*a + cosine*b
		low[k] = cosine*a - sine*b
	}
}

// Solve returns x with a·x = b, both x and b [n, columns], for a positive definite, by Cholesky's decomposition. a and b
// are changed; x takes the memory of b.
func Solve(a []float64, n int, b []float64, columns int) ([]float64, error) {
	for i := range n {
		row := a[i*n : (i+1)*n]
		for j := range i + 1 {
			sum := row[j] - dot(row[:j], a[j*n:j*n+j])
			if j < i {
				row[j] = sum / a[j*n+j]
				continue
			}
			if !(sum > 0) || math.IsInf(sum, 0) {
				return nil, ErrNotPositive
			}
			row[i] = math.Sqrt(sum)
		}
	}
	at := func(i int) []float64 { return b[i*columns : (i+1)*columns] }
	for i := range n {
		for j := range i {
			add(-a[i*n+j], at(j), at(i))
		}
		scale(1/a[i*n+i], at(i))
	}
	for i := n - 1; i >= 0; i-- {
		for j := i + 1; j < n; j++ {
			add(-a[j*n+i], at(j), at(i))
		}
		scale(1/a[i*n+i], at(i))
	}
	return b, nil
}

func dot(x, y []float64) float64 {
	y = y[:len(x)]
	var a, b, c, d float64
	i := 0
	for ; i+4 <= len(x); i += 4 {
		a += x[i] * y[i]
		b += x[i+1] * y[i+1]
		c += x[i+2] * y[i+2]
		d += x[i+3] * y[i+3]
	}
	for ; i < len(x); i++ {
		a += x[i] * y[i]
	}
	return a + b + c + d
}

// add adds f·x to y.
func add(f float64, x, y []float64) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] += f * v
	}
}

func scale(f float64, x []float64) {
	for i := range x {
		x[i] *= f
	}
}
