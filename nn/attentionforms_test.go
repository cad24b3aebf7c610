package nn

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestFormsOfAttentionOverSeveralTiles compares each form on sequences longer than a tile with its definition, and the
// gradient along a random direction with the difference of two passes.
func TestFormsOfAttentionOverSeveralTiles(t *testing.T) {
	const heads, size, positions = 2, 3, 9
	offsets := []int32{0, 1, tileQueries + 1, tileQueries + 1, 4*tileQueries + 7}
	n := int(offsets[len(offsets)-1])
	near := func(d int) int { return min(max(d, -4), 4) + 4 }
	for name, form := range map[string]Attention{
		"causal":           {Causal: true},
		"grouped":          {KeyHeads: 1, Scale: 0.2},
		"window":           {Window: 70},
		"causal window":    {Causal: true, Window: 5},
		"bias":             {Bucket: near},
		"content to place": {Position: near, ToKey: true},
		"place to content": {Position: near, ToQuery: true},
		"disentangled":     {Position: near, ToKey: true, ToQuery: true, Scale: 0.3},
	} {
		t.Run(name, func(t *testing.T) {
			form.Heads, form.Size = heads, size
			keys := form.KeyHeads
			if keys == 0 {
				keys = heads
			}
			rng := rand.New(rand.NewPCG(1, 1))
			random := func(n int) []float32 {
				x := make([]float32, n)
				for i := range x {
					x[i] = float32(rng.NormFloat64())
				}
				return x
			}
			width := (heads + 2*keys) * size
			qkv, dy, relative := random(n*width), random(n*heads*size), random(positions*2*heads*size)
			if form.Bucket != nil {
				var ps Params
				form.Bias = ps.Add("bias", Normal(1), positions, heads)
				ps.Allocate(3)
				ps.AllocateGradients()
			}
			tapes(t, func(t *testing.T, tape *Tape) {
				pass := func(mode Mode) (in, rel, y *Var) {
					tape.Begin(mode, 1, 1)
					in, rel = tape.Input(qkv, n, width), tape.Input(relative, positions, 2*heads*size)
					f := form
					if f.Position != nil {
						f.Relative = rel
					}
					return in, rel, tape.Attend(in, offsets, f)
				}
				_, _, y := pass(Inference)
				want := attendByDefinition(form, qkv, relative, offsets, keys)
				for i, w := range want {
					if math.Abs(float64(y.Data[i])-w) > 1e-5 {
						t.Fatalf("output %d is %v, want %v", i, y.Data[i], w)
					}
				}
				in, rel, y := pass(Training)
				copy(y.Gradient(), dy)
				if form.Bias != nil {
					clear(form.Bias.Grad)
				}
				tape.BackwardFrom()
				slope := 0.0
				vary := func(x, grad []float32) func(by float32) {
					direction := random(len(x))
					for i, g := range grad {
						slope += float64(g) * float64(direction[i])
					}
					return func(by float32) {
						for i, d := range direction {
							x[i] += by * d
						}
					}
				}
				moves := []func(float32){vary(qkv, in.Grad), vary(relative, rel.Grad)}
				if form.Bias != nil {
					moves = append(moves, vary(form.Bias.Data, form.Bias.Grad))
				}
				loss := func(by float32) (sum float64) {
					for _, move := range moves {
						move(by)
					}
					for i, v := range attendByDefinition(form, qkv, relative, offsets, keys) {
						sum += v * float64(dy[i])
					}
					for _, move := range moves {
						move(-by)
					}
					return sum
				}
				const step = 1e-3
				if got := (loss(step) - loss(-step)) / (2 * step); math.Abs(got-slope) > 1e-3*math.Max(10, math.Abs(got)) {
					t.Errorf("the slope is %v, the gradient says %v", got, slope)
				}
			})
		})
	}
}

// attendByDefinition computes attention score by score.
func attendByDefinition(form Attention, qkv, relative []float32, offsets []int32, keys int) []float64 {
	heads, size := form.Heads, form.Size
	dim, width := heads*size, (heads+2*keys)*size
	scale := float64(form.Scale)
	if scale == 0 {
		scale = 1 / math.Sqrt(float64(size))
	}
	out := make([]float64, int(offsets[len(offsets)-1])*dim)
	for s := range len(offsets) - 1 {
		from, to := int(offsets[s]), int(offsets[s+1])
		for h := range heads {
			group := h / (heads / keys)
			dot := func(x []float32, y []float32) (sum float64) {
				for c := range size {
					sum += float64(x[c]) * float64(y[c])
				}
				return sum
			}
			for i := from; i < to; i++ {
				q := qkv[i*width+h*size:]
				weights, total := make([]float64, to-from), 0.0
				for j := from; j < to; j++ {
					if form.Causal && j > i || form.Window > 0 && max(i-j, j-i) > form.Window {
						continue
					}
					k := qkv[j*width+dim+group*size:]
					score := dot(q, k)
					if form.Position != nil {
						row := relative[form.Position(i-j)*2*dim:]
						if form.ToKey {
							score += dot(q, row[dim+h*size:])
						}
						if form.ToQuery {
							score += dot(k, row[h*size:])
						}
					}
					score *= scale
					if form.Bias != nil {
						score += float64(form.Bias.Data[form.Bucket(j-i)*heads+h])
					}
					weights[j-from] = math.Exp(score)
					total += weights[j-from]
				}
				for j, w := range weights {
					for c := range size {
						out[i*dim+h*size+c] += w / total * float64(qkv[(from+j)*width+dim+(keys+group)*size+c])
					}
				}
			}
		}
	}
	return out
}
