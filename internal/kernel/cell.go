package kernel

// The steps of recurrent layers, over rows that are sequences: gates lie side by side in a row, as PyTorch has them.

// LSTMCell is a step of LSTMs (Hochreiter & Schmidhuber 1997, with forget gates). gates is [rows, 4·hidden], what the
// gates i, f, g, o are before their functions, and becomes what they are after them. prev is the cell before,
// [rows, hidden], nil for zeros. It writes the cell c, tanhC = tanh(c) and the state h, all [rows, hidden].
func LSTMCell(rows, hidden int, gates, prev, c, tanhC, h []float32) {
	n := rows * hidden
	gates, prev, c, tanhC, h = gates[:4*n], before(prev, n), c[:n], tanhC[:n], h[:n]
	if !lstmFast(current, rows, hidden, gates, prev, c, tanhC, h) {
		plainLSTM(rows, hidden, gates, prev, c, tanhC, h)
	}
}

// before returns n numbers of a state before, of which there may be none.
func before(prev []float32, n int) []float32 {
	if prev == nil {
		return nil
	}
	return prev[:n]
}

func plainLSTM(rows, hidden int, gates, prev, c, tanhC, h []float32) {
	for r := range rows {
		g, cell, t := gates[r*4*hidden:(r+1)*4*hidden], c[r*hidden:(r+1)*hidden], tanhC[r*hidden:(r+1)*hidden]
		Sigmoid(g[:2*hidden], g[:2*hidden])
		Tanh(g[2*hidden:3*hidden], g[2*hidden:3*hidden])
		Sigmoid(g[3*hidden:], g[3*hidden:])
		Mul(cell, g[:hidden], g[2*hidden:3*hidden])
		if prev != nil {
			MulAdd(cell, g[hidden:2*hidden], prev[r*hidden:(r+1)*hidden])
		}
		Tanh(t, cell)
		Mul(h[r*hidden:(r+1)*hidden], g[3*hidden:], t)
	}
}

// LSTMCellGrad is the backward of LSTMCell: dh is the gradient of h, [rows, hidden], and dc, [rows, hidden], that of c
// from the step after, which becomes that of prev. gates becomes the gradient of the gates before their functions.
func LSTMCellGrad(rows, hidden int, gates, prev, tanhC, dh, dc []float32) {
	n := rows * hidden
	gates, prev, tanhC, dh, dc = gates[:4*n], before(prev, n), tanhC[:n], dh[:n], dc[:n]
	if !lstmGradFast(current, rows, hidden, gates, prev, tanhC, dh, dc) {
		plainLSTMGrad(rows, hidden, gates, prev, tanhC, dh, dc)
	}
}

func plainLSTMGrad(rows, hidden int, gates, prev, tanhC, dh, dc []float32) {
	for r := range rows {
		g, t := gates[r*4*hidden:(r+1)*4*hidden], tanhC[r*hidden:(r+1)*hidden]
		in, forget, cand, out := g[:hidden], g[hidden:2*hidden], g[2*hidden:3*hidden], g[3*hidden:]
		d, dcell := dh[r*hidden:(r+1)*hidden], dc[r*hidden:(r+1)*hidden]
		for j, v := range t {
			i, f, c, o := in[j], forget[j], cand[j], out[j]
			dj := dcell[j] + d[j]*o*(1-v*v)
			out[j] = d[j] * v * o * (1 - o)
			in[j] = dj * c * i * (1 - i)
			cand[j] = dj * i * (1 - c*c)
			forget[j] = 0
			if prev != nil {
				forget[j] = dj * prev[r*hidden+j] * f * (1 - f)
			}
			dcell[j] = dj * f
		}
	}
}

// GRUCell is a step of GRUs (Cho et al. 2014) in PyTorch's form: with gates = x·W + b and product = prev·U + b,
// [rows, 3·hidden], of r, z and n,
//
//	r = σ(gates + product), z = σ(gates + product), n = tanh(gates + r·product), h = (1−z)·n + z·prev
//
// gates becomes r, z, n. The rows of prev, nil for zeros, lie ld apart; nProduct receives the product of n, and h the
// state, both [rows, hidden].
func GRUCell(rows, hidden int, gates, product, prev []float32, ld int, nProduct, h []float32) {
	n := rows * hidden
	gates, product, prev, nProduct, h = gates[:3*n], product[:3*n], before(prev, max(0, (rows-1)*ld+hidden)), nProduct[:n], h[:n]
	if !gruFast(current, rows, hidden, gates, product, prev, ld, nProduct, h) {
		plainGRU(rows, hidden, gates, product, prev, ld, nProduct, h)
	}
}

func plainGRU(rows, hidden int, gates, product, prev []float32, ld int, nProduct, h []float32) {
	for r := range rows {
		g, p, n := gates[r*3*hidden:(r+1)*3*hidden], product[r*3*hidden:(r+1)*3*hidden], nProduct[r*hidden:(r+1)*hidden]
		Add(g[:2*hidden], p[:2*hidden])
		Sigmoid(g[:2*hidden], g[:2*hidden])
		copy(n, p[2*hidden:])
		MulAdd(g[2*hidden:], g[:hidden], n)
		Tanh(g[2*hidden:], g[2*hidden:])
		out, z, cand := h[r*hidden:(r+1)*hidden], g[hidden:2*hidden], g[2*hidden:]
		for j := range out {
			out[j] = (1 - z[j]) * cand[j]
		}
		if prev != nil {
			MulAdd(out, z, prev[r*ld:r*ld+hidden])
		}
	}
}

// GRUCellGrad is the backward of GRUCell: gates, r, z and n, become the gradient of gates, dproduct, [rows, 3·hidden],
// receives that of product, and dh, [rows, hidden], the gradient of h, becomes the part of the gradient of prev that does
// not go through the product.
func GRUCellGrad(rows, hidden int, gates, dproduct, prev []float32, ld int, nProduct, dh []float32) {
	n := rows * hidden
	gates, dproduct, prev, nProduct, dh = gates[:3*n], dproduct[:3*n], before(prev, max(0, (rows-1)*ld+hidden)), nProduct[:n], dh[:n]
	if !gruGradFast(current, rows, hidden, gates, dproduct, prev, ld, nProduct, dh) {
		plainGRUGrad(rows, hidden, gates, dproduct, prev, ld, nProduct, dh)
	}
}

func plainGRUGrad(rows, hidden int, gates, dproduct, prev []float32, ld int, nProduct, dh []float32) {
	for i := range rows {
		g, d := gates[i*3*hidden:(i+1)*3*hidden], dproduct[i*3*hidden:(i+1)*3*hidden]
		reset, update, cand := g[:hidden], g[hidden:2*hidden], g[2*hidden:]
		n, dhi := nProduct[i*hidden:(i+1)*hidden], dh[i*hidden:(i+1)*hidden]
		for j, v := range dhi {
			rv, zv, nv, before := reset[j], update[j], cand[j], float32(0)
			if prev != nil {
				before = prev[i*ld+j]
			}
			dn := v * (1 - zv) * (1 - nv*nv)
			dz := v * (before - nv) * zv * (1 - zv)
			dr := dn * n[j] * rv * (1 - rv)
			reset[j], update[j], cand[j] = dr, dz, dn
			d[j], d[hidden+j], d[2*hidden+j] = dr, dz, dn*rv
			dhi[j] = v * zv
		}
	}
}
