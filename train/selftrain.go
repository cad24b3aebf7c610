package train

import (
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
)

// Unlabelled gives texts whose labels nobody knows to a training whose head is solved (optimizer lbfgs): once the head has
// learnt from the labels, it learns from those as well that it gives these texts itself, where it is surest. Call it
// before Run or Restore. The labels that stand in the set are not looked at.
func (tr *Trainer) Unlabelled(set *Set) { tr.unlabelled = set }

const (
	// neighbours of a text in the graph along which labels spread.
	neighbours = 10
	// spread is the share of a text's label that comes from its neighbours.
	spread = 0.95
	// spreadings are so many that nothing moves any more.
	spreadings = 50
	// mildest is the strongest regularisation of a head that learns from believed labels as well, which are many.
	mildest = 3e-3
	// believed is how much all believed labels weigh, those that somebody gave being 1.
	believed = 2
)

// selfTrain solves the head again from what is known and from what is believed. Labels spread over the graph of nearest
// neighbours (Zhou et al. 2004, "Learning with Local and Global Consistency"), which knows of clusters; the head, which
// knows of directions, has an opinion too. The product of both is believed for that share of each class's texts in which it
// is clearest (Scudder 1965; Yarowsky 1995). A second round believes two thirds of what the first has left out; further
// ones drift.
func (v *solver) selfTrain(labelled int, share, strength float64) (loss float64) {
	spread := v.graph.spread(v.targets[:labelled*v.k], v.k)
	for range 2 {
		loss = v.believe(labelled, spread, share, strength)
		share = 1 - (1-share)/3
	}
	return loss
}

// believe is one round.
func (v *solver) believe(labelled int, spread []float32, share, strength float64) float64 {
	n := len(v.rows) / v.dim
	order := make([][]int, v.k)
	margin, class := make([]float32, n), make([]int, n)
	v.scores(v.rows, n, v.theta)
	for i := labelled; i < n; i++ {
		p := v.z[i*v.k : (i+1)*v.k]
		kernel.Softmax(p, p)
		sum := float32(0)
		for c := range p {
			p[c] *= float32(math.Sqrt(float64(spread[i*v.k+c]) + 1e-6))
			sum += p[c]
		}
		best := kernel.ArgMax(p)
		second := float32(0)
		for c, q := range p {
			if c != best {
				second = max(second, q)
			}
		}
		class[i], margin[i] = best, (p[best]-second)/sum
		order[best] = append(order[best], i)
	}
	rows, weight := make([]int, labelled), 0.0
	for i := range rows {
		rows[i] = i
		weight += v.weights[i]
	}
	for c, members := range order {
		slices.SortStableFunc(members, func(a, b int) int {
			if margin[a] > margin[b] {
				return -1
			}
			return 1
		})
		for _, i := range members[:int(math.Ceil(share*float64(len(members))))] {
			clear(v.targets[i*v.k : (i+1)*v.k])
			v.targets[i*v.k+c] = 1
			rows = append(rows, i)
		}
	}
	if len(rows) == labelled {
		return 0
	}
	each := believed * weight / float64(len(rows)-labelled)
	for _, i := range rows[labelled:] {
		v.weights[i] = each
	}
	v.choose(rows)
	return v.fit(v.theta, min(strength/2, mildest), exactly)
}

// graph joins each row with those that are most like it, as a sparse symmetric matrix whose rows are scaled so that what
// spreads along it neither grows nor fades.
type graph struct {
	offsets []int
	to      []int32
	weight  []float32
}

// newGraph joins rows of unit length by the fourth power of their cosine.
func newGraph(pool *parallel.Pool, rows []float32, dim int) *graph {
	n := len(rows) / dim
	near := make([][]int, n)
	cosines := make([][]float32, n)
	similar.Each(pool, rows, rows, dim, func(q int, scores []float32) {
		near[q] = similar.Best(scores, neighbours, func(i int) bool { return i != q })
		for _, i := range near[q] {
			cosines[q] = append(cosines[q], scores[i])
		}
	})
	type edge struct {
		to     int32
		weight float32
	}
	edges := make([][]edge, n)
	for q := range near {
		for j, i := range near[q] {
			w := max(cosines[q][j], 0)
			w *= w * w * w
			edges[q] = append(edges[q], edge{int32(i), w})
			if !slices.Contains(near[i], q) {
				edges[i] = append(edges[i], edge{int32(q), w})
			}
		}
	}
	degree := make([]float64, n)
	for q, list := range edges {
		for _, e := range list {
			degree[q] += float64(e.weight)
		}
	}
	g := &graph{offsets: []int{0}}
	for q, list := range edges {
		for _, e := range list {
			g.to = append(g.to, e.to)
			g.weight = append(g.weight, float32(float64(e.weight)/math.Sqrt(max(degree[q]*degree[e.to], 1e-30))))
		}
		g.offsets = append(g.offsets, len(g.to))
	}
	return g
}

// spread returns what the targets of the first rows, [labelled, k], become for all rows, [n, k]: rows sum to 1, or are 0
// where no label comes. Each class spreads the same mass in all.
func (g *graph) spread(targets []float32, k int) []float32 {
	n := len(g.offsets) - 1
	seed, now, next := make([]float32, n*k), make([]float32, n*k), make([]float32, n*k)
	copy(seed, targets)
	copy(now, seed)
	for range spreadings {
		for i := range n {
			row := next[i*k : (i+1)*k]
			copy(row, seed[i*k:(i+1)*k])
			kernel.Scale(1-spread, row)
			for e := g.offsets[i]; e < g.offsets[i+1]; e++ {
				kernel.Axpy(spread*g.weight[e], now[int(g.to[e])*k:(int(g.to[e])+1)*k], row)
			}
		}
		now, next = next, now
	}
	mass := make([]float64, k)
	for i, v := range now {
		mass[i%k] += float64(v)
	}
	for i := range n {
		row, sum := now[i*k:(i+1)*k], float32(0)
		for c := range row {
			row[c] = float32(float64(row[c]) / max(mass[c], 1e-30))
			sum += row[c]
		}
		if sum > 0 {
			kernel.Scale(1/sum, row)
		}
	}
	return now
}
