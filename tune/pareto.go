package tune

import (
	"cmp"
	"math"
	"slices"
)

// dominates tells whether a is nowhere worse than b and somewhere better.
func dominates(a, b []float64) bool {
	better := false
	for i := range a {
		if a[i] > b[i] {
			return false
		}
		better = better || a[i] < b[i]
	}
	return better
}

// fronts sorts points by dominance (Deb et al. 2002, NSGA-II): the first front is dominated by nobody, the next by the
// first alone, and so on.
func fronts(losses [][]float64) [][]int {
	left := make([]int, len(losses))
	for i := range left {
		left[i] = i
	}
	var out [][]int
	for len(left) > 0 {
		var front, rest []int
		for _, i := range left {
			if slices.ContainsFunc(left, func(j int) bool { return dominates(losses[j], losses[i]) }) {
				rest = append(rest, i)
			} else {
				front = append(front, i)
			}
		}
		out = append(out, front)
		left = rest
	}
	return out
}

// crowding returns for each member of a front how far its neighbours are, in shares of the front's extent; the ends of
// each objective have an infinite distance.
func crowding(losses [][]float64, front []int) []float64 {
	distance := make([]float64, len(front))
	at := make([]int, len(front)) // places in front, sorted by an objective
	for k := range losses[front[0]] {
		for i := range at {
			at[i] = i
		}
		value := func(i int) float64 { return losses[front[i]][k] }
		slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(value(a), value(b)) })
		first, last := at[0], at[len(at)-1]
		distance[first], distance[last] = math.Inf(1), math.Inf(1)
		extent := value(last) - value(first)
		for i := 1; i < len(at)-1 && extent > 0 && !math.IsInf(extent, 0); i++ {
			distance[at[i]] += (value(at[i+1]) - value(at[i-1])) / extent
		}
	}
	return distance
}

// order returns the places of points from the best to the worst: by value where there is one objective, else by front,
// and within a front those with more room around them first.
func order(losses [][]float64) []int {
	var out []int
	if len(losses) == 0 {
		return nil
	}
	if len(losses[0]) == 1 {
		for i := range losses {
			out = append(out, i)
		}
		slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(losses[a][0], losses[b][0]) })
		return out
	}
	for _, front := range fronts(losses) {
		room := crowding(losses, front)
		at := make([]int, len(front))
		for i := range at {
			at[i] = i
		}
		slices.SortStableFunc(at, func(a, b int) int { return cmp.Compare(room[b], room[a]) })
		for _, i := range at {
			out = append(out, front[i])
		}
	}
	return out
}

// Front returns the complete trials that no other one dominates, in the order of their first objective; with one
// objective, the best trials.
func Front(trials []Trial, objectives []Objective) []Trial {
	var complete []Trial
	var losses [][]float64
	for _, t := range trials {
		if l := t.losses(objectives); l != nil {
			complete, losses = append(complete, t), append(losses, l)
		}
	}
	if len(complete) == 0 {
		return nil
	}
	first := fronts(losses)[0]
	slices.SortStableFunc(first, func(a, b int) int { return cmp.Compare(losses[a][0], losses[b][0]) })
	var out []Trial
	for _, i := range first {
		out = append(out, complete[i])
	}
	return out
}
