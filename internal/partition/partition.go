// Package partition joins numbered things into groups.
package partition

import "slices"

// Partition is numbers from 0 on in disjoint groups; a group is known by its smallest number.
type Partition struct{ parent []int32 }

// New returns n numbers, each alone.
func New(n int) *Partition {
	p := &Partition{make([]int32, n)}
	for i := range p.parent {
		p.parent[i] = int32(i)
	}
	return p
}

// First returns the smallest number of i's group.
func (p *Partition) First(i int32) int32 {
	for p.parent[i] != i {
		p.parent[i] = p.parent[p.parent[i]]
		i = p.parent[i]
	}
	return i
}

// Join makes one group of those of a and b.
func (p *Partition) Join(a, b int32) {
	a, b = p.First(a), p.First(b)
	p.parent[max(a, b)] = min(a, b)
}

// Groups returns the groups of two numbers or more: each in order, the groups by their first number.
func (p *Partition) Groups() [][]int32 {
	members := map[int32][]int32{}
	for i := range p.parent {
		first := p.First(int32(i))
		members[first] = append(members[first], int32(i))
	}
	groups := [][]int32{}
	for _, g := range members {
		if len(g) > 1 {
			groups = append(groups, g)
		}
	}
	slices.SortFunc(groups, func(a, b []int32) int { return int(a[0] - b[0]) })
	return groups
}
