package tune

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// leaf is a part of the space in which a regression tree (Breiman 2001) predicts one value.
type leaf struct {
	lo, hi []float64 // the box, by axis, within [0, 1]
	value  float64
	volume float64
}

// minLeaf is the number of trials below which a part of the space is not split any further.
const minLeaf = 3

// growTree fits a tree to a bootstrap sample of points in [0, 1]ᵈ and their values, and returns its leaves, which cover
// the space.
func growTree(x [][]float64, y []float64, rng *rand.Rand) []leaf {
	sample := make([]int, len(x))
	for i := range sample {
		sample[i] = rng.IntN(len(x))
	}
	d := len(x[0])
	root := leaf{lo: make([]float64, d), hi: make([]float64, d), volume: 1}
	for i := range d {
		root.hi[i] = 1
	}
	var leaves []leaf
	var grow func(box leaf, at []int)
	grow = func(box leaf, at []int) {
		axis, threshold, ok := bestSplit(x, y, at)
		if !ok {
			for _, i := range at {
				box.value += y[i] / float64(len(at))
			}
			leaves = append(leaves, box)
			return
		}
		var left, right []int
		for _, i := range at {
			if x[i][axis] < threshold {
				left = append(left, i)
			} else {
				right = append(right, i)
			}
		}
		share := (threshold - box.lo[axis]) / (box.hi[axis] - box.lo[axis])
		low, high := box, box
		low.hi, high.lo = slices.Clone(box.hi), slices.Clone(box.lo)
		low.hi[axis], high.lo[axis] = threshold, threshold
		low.volume, high.volume = box.volume*share, box.volume*(1-share)
		grow(low, left)
		grow(high, right)
	}
	grow(root, sample)
	return leaves
}

// bestSplit returns the axis and the threshold that lower the squared error most, and false where nothing does or there
// are too few points.
func bestSplit(x [][]float64, y []float64, at []int) (axis int, threshold float64, ok bool) {
	if len(at) < 2*minLeaf {
		return 0, 0, false
	}
	total := 0.0
	for _, i := range at {
		total += y[i]
	}
	n := float64(len(at))
	best := total*total/n + 1e-12 // what the squares of means explain, to be raised
	order := slices.Clone(at)
	for a := range x[at[0]] {
		slices.SortFunc(order, func(i, j int) int { return cmp.Compare(x[i][a], x[j][a]) })
		sum := 0.0
		for k, i := range order[:len(order)-1] {
			sum += y[i]
			next := x[order[k+1]][a]
			if k+1 < minLeaf || len(order)-k-1 < minLeaf || next <= x[i][a] {
				continue
			}
			left := float64(k + 1)
			if gain := sum*sum/left + (total-sum)*(total-sum)/(n-left); gain > best {
				best, axis, threshold, ok = gain, a, between(x[i][a], next), true
			}
		}
	}
	return axis, threshold, ok
}

// between returns a number above a and not above b, the middle where there is one: two numbers may be neighbours, whose
// middle rounds to either.
func between(a, b float64) float64 {
	if middle := a + (b-a)/2; middle > a {
		return middle
	}
	return b
}
