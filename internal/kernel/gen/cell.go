package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// cells writes the steps of recurrent cells. Rows of gates lie as wide as all gates, other rows as wide as the state.
// Where there is no state before, keep has no bits set, and the pointer leads anywhere that can be read.
func cells(s set) {
	lstm(s)
	lstmGrad(s)
	gru(s)
	gruGrad(s)
}

// gates returns pointers to each gate of the first row.
func gates(name string, n int, stride GPVirtual) []GPVirtual {
	p := []GPVirtual{param(name)}
	for len(p) < n {
		next := GP64()
		MOVQ(p[len(p)-1], next)
		ADDQ(stride, next)
		p = append(p, next)
	}
	return p
}

// nextGates moves the pointers on by a row of all gates.
func nextGates(p []GPVirtual, stride GPVirtual) {
	for _, q := range p {
		if len(p) == 4 {
			LEAQ(Mem{Base: q, Index: stride, Scale: 4}, q)
		} else {
			LEAQ(Mem{Base: q, Index: stride, Scale: 2}, q)
			ADDQ(stride, q)
		}
	}
}

// state loads a row that there may be none of.
func (v view) state(base GPVirtual, keep VecVirtual) VecVirtual {
	x := v.load(base)
	v.and(keep, x, x)
	return x
}

func lstm(s set) {
	begin(s, "lstm", "func(rows, hidden int, keep uint32, gates, before, c, tanhC, h *float32)",
		"a step of an LSTM from gates i, f, g, o before their activation, which is applied: c = i·g + f·before, h = o·tanh c")
	hidden := param("hidden")
	p, stride := s.span(hidden), distance(hidden)
	rows, g := param("rows"), gates("gates", 4, stride)
	pb, pc, pt, ph := param("before"), param("c"), param("tanhC"), param("h")
	keep := s.parameter("keep")
	s.hoistSigmoid()
	eachRow(rows, stride, []GPVirtual{pb, pc, pt, ph}, func() {
		p.each(1, func(v view) {
			c := s.sigmoid(v.load(g[0]))
			v.store(c, g[0])
			x := s.tanh(v.load(g[2]))
			v.store(x, g[2])
			VMULPS(x, c, c)
			x = s.sigmoid(v.load(g[1]))
			v.store(x, g[1])
			VFMADD231PS(v.state(pb, keep), x, c)
			v.store(c, pc)
			c = s.tanh(c)
			v.store(c, pt)
			x = s.sigmoid(v.load(g[3]))
			v.store(x, g[3])
			VMULPS(x, c, c)
			v.store(c, ph)
		})
		nextGates(g, stride)
	})
	end()
}

// inner returns y·(1−y), the derivative of a sigmoid.
func (s set) inner(y VecVirtual) VecVirtual {
	d := s.vec()
	VMOVAPS(y, d)
	VFNMADD213PS(y, y, d)
	return d
}

// outer returns 1−y², the derivative of tanh.
func (s set) outer(y VecVirtual) VecVirtual {
	d := s.register(1)
	VFNMADD231PS(y, y, d)
	return d
}

func lstmGrad(s set) {
	begin(s, "lstmGrad", "func(rows, hidden int, keep uint32, gates, before, tanhC, dh, dc *float32)",
		"the gradient of a step of an LSTM: gates become their gradients before activation, and dc that of before")
	hidden := param("hidden")
	p, stride := s.span(hidden), distance(hidden)
	rows, g := param("rows"), gates("gates", 4, stride)
	pb, pt, ph, pc := param("before"), param("tanhC"), param("dh"), param("dc")
	keep := s.parameter("keep")
	s.hoist(1)
	eachRow(rows, stride, []GPVirtual{pb, pt, ph, pc}, func() {
		p.each(1, func(v view) {
			o, t, dh, dc := v.load(g[3]), v.load(pt), v.load(ph), v.load(pc)
			d := s.inner(o)
			VMULPS(o, dh, o)
			VFMADD231PS(s.outer(t), o, dc) // of c
			VMULPS(dh, d, d)
			VMULPS(t, d, d)
			v.store(d, g[3])
			i, x := v.load(g[0]), v.load(g[2])
			d = s.inner(i)
			VMULPS(dc, d, d)
			VMULPS(x, d, d)
			v.store(d, g[0])
			d = s.outer(x)
			VMULPS(dc, d, d)
			VMULPS(i, d, d)
			v.store(d, g[2])
			f := v.load(g[1])
			d = s.inner(f)
			VMULPS(dc, d, d)
			VMULPS(v.state(pb, keep), d, d)
			v.store(d, g[1])
			VMULPS(f, dc, dc)
			v.store(dc, pc)
		})
		nextGates(g, stride)
	})
	end()
}

func gru(s set) {
	begin(s, "gru", "func(rows, hidden, ld int, keep uint32, gates, product, before, nProduct, h *float32)",
		"a step of a GRU from the input's part of gates r, z, n, which are activated, and the state's product: n = tanh(n + r·product), h = (1−z)·n + z·before, rows of before being ld bytes apart")
	hidden := param("hidden")
	p, stride := s.span(hidden), distance(hidden)
	rows, g, q := param("rows"), gates("gates", 3, stride), gates("product", 3, stride)
	pb, pn, ph := param("before"), param("nProduct"), param("h")
	keep := s.parameter("keep")
	s.hoistSigmoid()
	eachRow(rows, stride, []GPVirtual{pn, ph}, func() {
		p.each(1, func(v view) {
			gate := func(i int) VecVirtual {
				x := v.load(g[i])
				VADDPS(v.read(q[i]), x, x)
				x = s.sigmoid(x)
				v.store(x, g[i])
				return x
			}
			r, n, product := gate(0), v.load(g[2]), v.load(q[2])
			v.store(product, pn)
			VFMADD231PS(product, r, n)
			n = s.tanh(n)
			v.store(n, g[2])
			z, h := gate(1), v.state(pb, keep)
			VSUBPS(n, h, h)
			VFMADD213PS(n, z, h)
			v.store(h, ph)
		})
		nextGates(g, stride)
		nextGates(q, stride)
		ADDQ(param("ld"), pb)
	})
	end()
}

func gruGrad(s set) {
	begin(s, "gruGrad", "func(rows, hidden, ld int, keep uint32, gates, dproduct, before, nProduct, dh *float32)",
		"the gradient of a step of a GRU: gates become theirs, dproduct that of the product, and dh the part of that of before which does not pass the product")
	hidden := param("hidden")
	p, stride := s.span(hidden), distance(hidden)
	rows, g, q := param("rows"), gates("gates", 3, stride), gates("dproduct", 3, stride)
	pb, pn, ph := param("before"), param("nProduct"), param("dh")
	keep := s.parameter("keep")
	s.hoist(1)
	eachRow(rows, stride, []GPVirtual{pn, ph}, func() {
		p.each(1, func(v view) {
			r, z, n, dh := v.load(g[0]), v.load(g[1]), v.load(g[2]), v.load(ph)
			b := v.state(pb, keep)
			VSUBPS(n, b, b)
			dz := s.inner(z)
			VMULPS(dh, dz, dz)
			VMULPS(b, dz, dz)
			v.store(dz, g[1])
			v.store(dz, q[1])
			dn := s.outer(n)
			VMULPS(z, dh, z)
			v.store(z, ph)
			VSUBPS(z, dh, dh) // dh·(1−z)
			VMULPS(dh, dn, dn)
			v.store(dn, g[2])
			dr := s.inner(r)
			VMULPS(dn, dr, dr)
			VMULPS(v.read(pn), dr, dr)
			v.store(dr, g[0])
			v.store(dr, q[0])
			VMULPS(r, dn, dn)
			v.store(dn, q[2])
		})
		nextGates(g, stride)
		nextGates(q, stride)
		ADDQ(param("ld"), pb)
	})
	end()
}
