package export

import "github.com/xiaoyu-slm/xiaoyu/graph"

// Unsupported says that a format of another package lacks an operation, and which formats have it.
func Unsupported(format string, op graph.Op) error { return unsupported(format, op) }
