package kernel

// GemmNN computes C = A·B, or C += A·B if acc, for A of [m, k], B of [k, n] and C of [m, n], all row-major with the
// given distances between rows. Rows of A may overlap (lda < k).
func GemmNN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if !prepare(m, n, k, a, lda, c, ldc, acc) {
		return
	}
	check("B", b, k, n, ldb)
	plainNN(m, n, k, a, lda, b, ldb, c, ldc)
}

// GemmNT is GemmNN with B given as its transpose, [n, k].
func GemmNT(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if !prepare(m, n, k, a, lda, c, ldc, acc) {
		return
	}
	check("B", b, n, k, ldb)
	for i := range m {
		row := a[i*lda : i*lda+k]
		for j := range n {
			c[i*ldc+j] += Dot(row, b[j*ldb:j*ldb+k])
		}
	}
}

// GemmTN is GemmNN with A given as its transpose, [k, m].
func GemmTN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int, acc bool) {
	if !prepare(m, n, k, nil, 0, c, ldc, acc) {
		return
	}
	check("A", a, k, m, lda)
	check("B", b, k, n, ldb)
	for p := range k {
		row := b[p*ldb : p*ldb+n]
		for i, v := range a[p*lda : p*lda+m] {
			axpy(v, row, c[i*ldc:i*ldc+n])
		}
	}
}

// PackedB is a matrix B of [k, n] laid out for products, packed once and used many times.
type PackedB struct {
	k, n int
	data []float32
}

// Pack takes B of [k, n]; the memory of an earlier one is reused.
func (p *PackedB) Pack(k, n int, b []float32, ldb int) {
	check("B", b, k, n, ldb)
	p.resize(k, n)
	for i := range k {
		copy(p.data[i*n:(i+1)*n], b[i*ldb:i*ldb+n])
	}
}

// PackT takes B as its transpose, [n, k].
func (p *PackedB) PackT(k, n int, b []float32, ldb int) {
	check("B", b, n, k, ldb)
	p.resize(k, n)
	for j := range n {
		for i, v := range b[j*ldb : j*ldb+k] {
			p.data[i*n+j] = v
		}
	}
}

func (p *PackedB) resize(k, n int) {
	p.k, p.n = k, n
	if cap(p.data) < k*n {
		p.data = make([]float32, k*n)
	}
	p.data = p.data[:k*n]
}

// GemmPacked is GemmNN with a packed B, which gives k and n.
func GemmPacked(m int, a []float32, lda int, b *PackedB, c []float32, ldc int, acc bool) {
	if prepare(m, b.n, b.k, a, lda, c, ldc, acc) {
		plainNN(m, b.n, b.k, a, lda, b.data, b.n, c, ldc)
	}
}

// prepare checks A and C, clears C unless it accumulates, and tells whether there is anything to multiply.
func prepare(m, n, k int, a []float32, lda int, c []float32, ldc int, acc bool) bool {
	if m <= 0 || n <= 0 {
		return false
	}
	check("C", c, m, n, ldc)
	if a != nil {
		check("A", a, m, k, lda)
	}
	if !acc {
		for i := range m {
			clear(c[i*ldc : i*ldc+n])
		}
	}
	return k > 0
}

func check(name string, x []float32, rows, cols, stride int) {
	if rows > 0 && cols > 0 && (stride < 0 || (rows-1)*stride+cols > len(x)) {
		panic("kernel: matrix " + name + " is larger than its slice")
	}
}

// plainNN adds A·B to C, four rows of B at a time, so that C is read and written a quarter as often.
func plainNN(m, n, k int, a []float32, lda int, b []float32, ldb int, c []float32, ldc int) {
	for i := range m {
		row, out := a[i*lda:i*lda+k], c[i*ldc:i*ldc+n]
		p := 0
		for ; p+4 <= k; p += 4 {
			v0, v1, v2, v3 := row[p], row[p+1], row[p+2], row[p+3]
			b0, b1, b2, b3 := b[p*ldb:][:n], b[(p+1)*ldb:][:n], b[(p+2)*ldb:][:n], b[(p+3)*ldb:][:n]
			for j := range out {
				out[j] += v0*b0[j] + v1*b1[j] + v2*b2[j] + v3*b3[j]
			}
		}
		for ; p < k; p++ {
			axpy(row[p], b[p*ldb:p*ldb+n], out)
		}
	}
}
