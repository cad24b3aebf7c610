package train

import (
	"cmp"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
)

// Unlabelled gives texts whose labels nobody knows to a training whose head is solved (optimizer lbfgs): once the head has
// learnt from the labels, it learns as well from those that are guessed of these texts. Call it before Run or Restore. The labels that stand in the set are not looked at.
func (tr *Trainer) Unlabelled(set *Set) { tr.unlabelled = set }

const (
	// neighbours of a text in the graph along which labels spread.
	neighbours = 10
	// spread is the share of a text's label that comes from its neighbours.
	spread = 0.95
	// spreadings are so many that nothing moves any more.
	spreadings = 50
	// mildest is the strongest regularisation of a head that learns from believed labels as well, which are many; mild is
	// that of one which believes them all.
	mildest, mild = 3e-3, 3e-4
	// believed is how much all believed labels weigh, those that somebody gave being 1, and allBelieved where they are of
	// every text.
	believed, allBelieved = 2, 5
)

// Who has an opinion of texts without labels, in the order in which they are asked: see solver.trusted.
const (
	mixtureLong = iota
	mixtureShort
	headAndGraph
	guessers
)

// selfTrain solves the head again from what is known and from what is believed (Scudder 1965; Yarowsky 1995). s
// remembers how often the guesses of labels held back were right.
func (v *solver) selfTrain(s *state, labelled int, share, strength float64) (loss float64) {
	who := v.trusted(s, labelled, strength)
	all := firstRows(labelled)
	if who != headAndGraph {
		return v.believe(labelled, v.guesses(all, strength)[who], 1, allBelieved, mild)
	}
	// A second round believes two thirds of what the first has left out; further ones drift.
	near := v.spread(all)
	v.learn(all, strength, exactly)
	for range 2 {
		loss = v.believe(labelled, v.agreement(near), share, believed, min(strength/2, mildest))
		share = 1 - (1-share)/3
	}
	return loss
}

// trusted is the guesser to believe. Each is judged by labels that it has not seen, a fold at a time. A mixture of many rounds is
// best where texts form the groups that are asked for, and then the labels that it has seen hardly matter to it; a mixture
// of a few rounds, or else the head with the graph, is preferred only if it is right more often by more than chance.
func (v *solver) trusted(s *state, labelled int, strength float64) int {
	right := make([][]float64, guessers)
	for _, fold := range v.folds {
		held := map[int]bool{}
		for _, i := range fold {
			held[i] = true
		}
		rest := slices.DeleteFunc(firstRows(labelled), func(i int) bool { return held[i] })
		for who, p := range v.guesses(rest, strength) {
			for _, i := range fold {
				hit := 0.0
				if kernel.ArgMax(p[i*v.k:(i+1)*v.k]) == kernel.ArgMax(v.targets[i*v.k:(i+1)*v.k]) {
					hit = 1
				}
				right[who] = append(right[who], hit)
			}
		}
	}
	best := headAndGraph
	if len(right[best]) > 0 {
		best = mixtureLong
		for who := best + 1; who < guessers; who++ {
			if moreOften(right[who], right[best]) {
				best = who
			}
		}
		s.Believed = right[best]
	}
	return best
}

// moreOften tells that of answers to the same questions, 1 for a right one and else 0, those of a are right more often than
// those of b by more than a standard error, one answer not counted (McNemar's test with the correction of Edwards 1948): one
// more of sixteen tells nothing.
func moreOften(a, b []float64) bool {
	won, lost := 0.0, 0.0
	for i := range a {
		won, lost = won+max(a[i]-b[i], 0), lost+max(b[i]-a[i], 0)
	}
	return won-lost-1 > math.Sqrt(won+lost)
}

// difference is the mean of a-b, and its standard error.
func difference(a, b []float64) (mean, deviation float64) {
	n, sum, square := float64(len(a)), 0.0, 0.0
	for i := range a {
		d := a[i] - b[i]
		sum, square = sum+d, square+d*d
	}
	mean = sum / n
	return mean, math.Sqrt(max(square/n-mean*mean, 0) / n)
}

// guesses are what each guesser says of all rows, [n, k], having seen the labels of the known ones alone.
func (v *solver) guesses(known []int, strength float64) [guessers][]float32 {
	n, k := len(v.rows)/v.dim, v.k
	class := slices.Repeat([]int{-1}, n)
	for _, i := range known {
		class[i] = kernel.ArgMax(v.targets[i*k : (i+1)*k])
	}
	v.learn(known, strength, roughly)
	var g [guessers][]float32
	g[headAndGraph] = v.agreement(v.spread(known))
	v.scores(v.rows, n, v.theta)
	start := starting(v.z, k)
	g[mixtureShort], g[mixtureLong] = make([]float32, n*k), make([]float32, n*k)
	for _, m := range v.mixtures {
		p := slices.Clone(start)
		m.learn(p, class, shortly)
		addLogs(g[mixtureShort], p)
		m.learn(p, class, long-shortly)
		addLogs(g[mixtureLong], p)
	}
	for _, p := range g[:headAndGraph] {
		kernel.SoftmaxRows(p, n, k, 1/float32(len(v.mixtures)), nil)
	}
	return g
}

// addLogs adds logarithms of probabilities, none of which counts as less than a billionth.
func addLogs(sum, p []float32) {
	for i, q := range p {
		sum[i] += float32(math.Log(max(float64(q), 1e-9)))
	}
}

// learn solves the head from the known rows, by way of stronger regularisation.
func (v *solver) learn(known []int, strength, tolerance float64) (loss float64) {
	v.choose(known)
	clear(v.theta)
	for _, s := range strengths {
		if s >= strength {
			v.fit(v.theta, s, roughly)
		}
	}
	return v.fit(v.theta, strength, tolerance)
}

// spread is what the labels of the known rows become along the graph of nearest neighbours (Zhou et al. 2004, "Learning
// with Local and Global Consistency").
func (v *solver) spread(known []int) []float32 {
	targets := make([]float32, (slices.Max(known)+1)*v.k)
	for _, i := range known {
		copy(targets[i*v.k:(i+1)*v.k], v.targets[i*v.k:])
	}
	return v.graph.spread(targets, v.k)
}

// agreement is the product of what the graph says, which knows of clusters, and the head, which knows of directions; rows sum
// to 1.
func (v *solver) agreement(near []float32) []float32 {
	n := len(v.rows) / v.dim
	v.scores(v.rows, n, v.theta)
	p := slices.Clone(v.z)
	for i := 0; i < len(p); i += v.k {
		row, sum := p[i:i+v.k], float32(0)
		kernel.Softmax(row, row)
		for c := range row {
			row[c] *= float32(math.Sqrt(float64(near[i+c]) + 1e-6))
			sum += row[c]
		}
		kernel.Scale(1/sum, row)
	}
	return p
}

// believe solves the head from the labels and from those guesses, [n, k], that are clearest: a share of the texts of each class,
// which weigh so many times what the labels do together.
func (v *solver) believe(labelled int, guess []float32, share, weight, strength float64) (loss float64) {
	n := len(v.rows) / v.dim
	order := make([][]int, v.k)
	margin := make([]float32, n)
	for i := labelled; i < n; i++ {
		p := guess[i*v.k : (i+1)*v.k]
		best := kernel.ArgMax(p)
		second := float32(0)
		for c, q := range p {
			if c != best {
				second = max(second, q)
			}
		}
		margin[i] = p[best] - second
		order[best] = append(order[best], i)
	}
	rows, known := firstRows(labelled), 0.0
	for _, i := range rows {
		known += v.weights[i]
	}
	for c, members := range order {
		slices.SortStableFunc(members, func(a, b int) int { return cmp.Compare(margin[b], margin[a]) })
		for _, i := range members[:int(math.Ceil(share*float64(len(members))))] {
			clear(v.targets[i*v.k : (i+1)*v.k])
			v.targets[i*v.k+c] = 1
			rows = append(rows, i)
		}
	}
	if len(rows) == labelled {
		return 0
	}
	each := weight * known / float64(len(rows)-labelled)
	for _, i := range rows[labelled:] {
		v.weights[i] = each
	}
	v.choose(rows)
	return v.fit(v.theta, strength, exactly)
}

// firstRows are the numbers 0, 1 … n-1.
func firstRows(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
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
