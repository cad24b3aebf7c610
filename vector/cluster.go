package vector

import (
	"context"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// Clustering parts a set: every row belongs to the centre that is nearest to it.
type Clustering struct {
	Of         []int32   // the cluster of each row; the largest is 0
	Cosines    []float32 // of each row to its centre
	Sizes      []int
	Silhouette float64 // how clear the parts are, of a sample: 1 apart, 0 beside each other (Rousseeuw 1987)
}

// ClusterOptions say how to part a set.
type ClusterOptions struct {
	K        int    // clusters; 0 chooses the number with the best silhouette, up to 50
	Seed     uint64 // of the first centres
	Progress func(done, total int64)
}

const (
	maxRounds     = 50
	settled       = 0.001  // share of rows that may still change their cluster in the last round
	startRows     = 20_000 // of which the first centres are chosen
	sampleRows    = 1500   // of which silhouettes are measured
	starts        = 4      // times that these are parted, each time from other rows
	smallestParts = 4      // rows of the sample that a cluster needs on average
)

// candidates are the numbers of clusters that are tried.
var candidates = []int{2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50}

// Cluster parts a set by spherical k-means (Dhillon & Modha 2001), begun by k-means++ (Arthur & Vassilvitskii 2007). What
// all vectors have in common is taken out first: see centred.
func Cluster(ctx context.Context, s *Set, o ClusterOptions) (*Clustering, error) {
	if s.Len() == 0 {
		return &Clustering{}, nil
	}
	s = s.centred()
	sample, rows := s.sample(sampleRows, o.Seed)
	distances := sample.distances()
	k := o.K
	if k == 0 {
		k = 1
		most := -1.0
		for i, candidate := range candidates {
			if candidate*smallestParts > sample.Len() {
				break
			}
			c, _, err := sample.bestOf(ctx, candidate, o.Seed)
			if err != nil {
				return nil, err
			}
			if v := silhouette(distances, c.Of, candidate); v > most {
				k, most = candidate, v
			}
			if o.Progress != nil {
				o.Progress(int64(i+1), int64(len(candidates)))
			}
		}
	}
	k = min(k, s.Len())
	first, _ := s.sample(startRows, o.Seed)
	_, centres, err := first.bestOf(ctx, k, o.Seed)
	if err != nil {
		return nil, err
	}
	c, err := s.kMeans(ctx, k, centres)
	if err != nil {
		return nil, err
	}
	c.bySize()
	of := make([]int32, len(rows))
	for i, row := range rows {
		of[i] = c.Of[row]
	}
	c.Silhouette = silhouette(distances, of, k)
	return c, nil
}

// centred returns the vectors without their mean. Those of sentence encoders lie in a narrow cone; what they have in common
// says nothing about a text, but makes all look alike (Mu & Viswanath 2018).
func (s *Set) centred() *Set {
	mean, row := make([]float32, s.dim), make([]float32, s.dim)
	for i := range s.Len() {
		s.Vector(row, i)
		kernel.Axpy(1/float32(s.Len()), row, mean)
	}
	out := &Set{dim: s.dim, bits: make([]uint16, len(s.bits))}
	for i := range s.Len() {
		s.Vector(row, i)
		kernel.Axpy(-1, mean, row)
		if length := math.Sqrt(kernel.SumSquares(row)); length > 1e-6 {
			kernel.Scale(float32(1/length), row)
		}
		kernel.ToBF16(out.row(i), row)
	}
	return out
}

// sample returns n rows of the set and their numbers, or all if it has no more.
func (s *Set) sample(n int, seed uint64) (sample *Set, rows []int) {
	rows = rand.New(rand.NewPCG(seed, 1)).Perm(s.Len())[:min(n, s.Len())]
	slices.Sort(rows)
	sample = NewSet(s.dim)
	for _, i := range rows {
		sample.bits = append(sample.bits, s.row(i)...)
	}
	return sample, rows
}

// bestOf parts a set several times and returns the tightest parting, with its centres, [k, dim].
func (s *Set) bestOf(ctx context.Context, k int, seed uint64) (best *Clustering, centres []float32, err error) {
	most := math.Inf(-1)
	for start := range uint64(starts) {
		tried := s.firstCentres(k, seed+start)
		c, err := s.kMeans(ctx, k, tried)
		if err != nil {
			return nil, nil, err
		}
		sum := 0.0
		for _, v := range c.Cosines {
			sum += float64(v)
		}
		if sum > most {
			best, centres, most = c, tried, sum
		}
	}
	return best, centres, nil
}

// kMeans parts a set into k clusters around centres, [k, dim], and moves those to the middle of their rows.
func (s *Set) kMeans(ctx context.Context, k int, centres []float32) (*Clustering, error) {
	c := &Clustering{Of: make([]int32, s.Len()), Cosines: make([]float32, s.Len()), Sizes: make([]int, k)}
	for i := range c.Of {
		c.Of[i] = -1
	}
	for range maxRounds {
		moved, err := s.assign(ctx, centres, c)
		if err != nil {
			return nil, err
		}
		if float64(moved) <= settled*float64(s.Len()) {
			break
		}
		if err := s.means(ctx, centres, c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// firstCentres draws k rows, [k, dim]: each the likelier, the farther it is from those drawn before.
func (s *Set) firstCentres(k int, seed uint64) []float32 {
	random := rand.New(rand.NewPCG(seed, 2))
	centres := make([]float32, k*s.dim)
	distance := make([]float64, s.Len())
	row := make([]float32, s.dim)
	for j := range k {
		at := random.IntN(s.Len())
		if j > 0 {
			total := 0.0
			for _, d := range distance {
				total += d
			}
			at = s.Len() - 1
			for i, left := 0, random.Float64()*total; i < s.Len(); i++ {
				if left -= distance[i]; left < 0 {
					at = i
					break
				}
			}
		}
		centre := centres[j*s.dim : (j+1)*s.dim]
		s.Vector(centre, at)
		for i := range distance {
			s.Vector(row, i)
			d := max(0, 1-float64(kernel.Dot(row, centre))) // half the squared distance
			if j == 0 || d < distance[i] {
				distance[i] = d
			}
		}
	}
	return centres
}

// assign gives every row the nearest centre, and tells how many rows had another one.
func (s *Set) assign(ctx context.Context, centres []float32, c *Clustering) (moved int, err error) {
	k := len(c.Sizes)
	columns := new(kernel.PackedB)
	columns.PackT(kernel.F32, s.dim, k, centres, s.dim)
	changes := make([]int, runtime.GOMAXPROCS(0))
	err = split(ctx, 0, s.Len(), blockRows, func(part, lo, hi int) {
		s.multiply(ctx, lo, hi, columns, func(first int, scores []float32) {
			for i := range len(scores) / k {
				row := scores[i*k : (i+1)*k]
				best := int32(kernel.ArgMax(row))
				if c.Of[first+i] != best {
					changes[part]++
				}
				c.Of[first+i], c.Cosines[first+i] = best, row[best]
			}
		})
	})
	for _, n := range changes {
		moved += n
	}
	return moved, err
}

// means moves every centre to the middle of its rows. One without rows goes to the row that is farthest from its own.
func (s *Set) means(ctx context.Context, centres []float32, c *Clustering) error {
	k := len(c.Sizes)
	sums := make([][]float32, runtime.GOMAXPROCS(0))
	err := split(ctx, 0, s.Len(), blockRows, func(part, lo, hi int) {
		sum, row := make([]float32, k*s.dim), make([]float32, s.dim)
		for i := lo; i < hi; i++ {
			s.Vector(row, i)
			kernel.Add(sum[int(c.Of[i])*s.dim:][:s.dim], row)
		}
		sums[part] = sum
	})
	if err != nil {
		return err
	}
	clear(centres)
	for _, sum := range sums {
		if sum != nil {
			kernel.Add(centres, sum)
		}
	}
	clear(c.Sizes)
	for _, j := range c.Of {
		c.Sizes[j]++
	}
	for j := range k {
		centre := centres[j*s.dim : (j+1)*s.dim]
		if c.Sizes[j] == 0 {
			far := 0
			for i, v := range c.Cosines {
				if v < c.Cosines[far] {
					far = i
				}
			}
			c.Cosines[far] = 1
			s.Vector(centre, far)
		}
		if length := math.Sqrt(kernel.SumSquares(centre)); length > 0 {
			kernel.Scale(float32(1/length), centre)
		}
	}
	return nil
}

// bySize numbers the clusters by how many rows they have.
func (c *Clustering) bySize() {
	clear(c.Sizes)
	for _, j := range c.Of {
		c.Sizes[j]++
	}
	order := make([]int, len(c.Sizes))
	for j := range order {
		order[j] = j
	}
	slices.SortStableFunc(order, func(a, b int) int { return c.Sizes[b] - c.Sizes[a] })
	number, sizes := make([]int32, len(order)), make([]int, len(order))
	for place, old := range order {
		number[old], sizes[place] = int32(place), c.Sizes[old]
	}
	for i, j := range c.Of {
		c.Of[i] = number[j]
	}
	c.Sizes = sizes
}

// distances returns 1 − cosine of all pairs of rows, [rows, rows].
func (s *Set) distances() []float32 {
	n := s.Len()
	rows, d := make([]float32, n*s.dim), make([]float32, n*n)
	kernel.FromBF16(rows, s.bits)
	kernel.GemmNT(kernel.F32, n, n, s.dim, rows, s.dim, rows, s.dim, d, n, false)
	for i := range d {
		d[i] = max(0, 1-d[i])
	}
	return d
}

// silhouette is the mean over the rows of (b − a) / max(a, b): a is the mean distance to the rows of the same cluster, b
// that to the rows of the nearest other one; 0 for a row that is alone.
func silhouette(distances []float32, of []int32, k int) float64 {
	n := len(of)
	sizes := make([]int, k)
	for _, j := range of {
		sizes[j]++
	}
	total := 0.0
	sums := make([]float64, k)
	for i, own := range of {
		if sizes[own] < 2 {
			continue
		}
		clear(sums)
		for j, d := range distances[i*n : (i+1)*n] {
			sums[of[j]] += float64(d)
		}
		a, b := sums[own]/float64(sizes[own]-1), math.Inf(1)
		for j, sum := range sums {
			if int32(j) != own && sizes[j] > 0 {
				b = min(b, sum/float64(sizes[j]))
			}
		}
		if largest := max(a, b); largest > 0 && !math.IsInf(b, 1) {
			total += (b - a) / largest
		}
	}
	return total / float64(max(n, 1))
}
