package export

import (
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/graph"
)

// Unsupported says that a format of another package lacks an operation, and which formats have it.
func Unsupported(format string, op graph.Op) error { return unsupported(format, op) }

// Able returns the names of the formats that have every operation of a graph.
func Able(g *graph.Graph) []string {
	var names []string
	for _, f := range formats {
		if f.holds != nil && !slices.ContainsFunc(g.Nodes, func(n *graph.Node) bool { return !f.holds(n.Op) }) {
			names = append(names, f.Name)
		}
	}
	return names
}
