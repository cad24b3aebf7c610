package kernel

import "math"

// AdamW is one step of Adam with decoupled weight decay (Loshchilov & Hutter 2019), in PyTorch's order of operations.
// The corrections are 1−βᵗ for the step t counted from 1.
type AdamW struct{ LR, Beta1, Beta2, Eps, WeightDecay, Correction1, Correction2 float32 }

// Step updates weights p and moments m and v by the gradient g.
func (h *AdamW) Step(p, g, m, v []float32) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	c := [7]float32{1 - h.LR*h.WeightDecay, 1 - h.Beta1, h.Beta2, 1 - h.Beta2, h.LR / h.Correction1, float32(1 / math.Sqrt(float64(h.Correction2))), h.Eps}
	n := adamWFast(current, &c, p, g, m, v)
	plainAdamW(&c, p[n:], g[n:], m[n:], v[n:])
}

func plainAdamW(c *[7]float32, p, g, m, v []float32) {
	g, m, v = g[:len(p)], m[:len(p)], v[:len(p)]
	for i, d := range g {
		m[i] += c[1] * (d - m[i])
		v[i] = c[2]*v[i] + c[3]*d*d
		p[i] = p[i]*c[0] - c[4]*m[i]/(float32(math.Sqrt(float64(v[i])))*c[5]+c[6])
	}
}
