package tune

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// Figure writes the value of an objective for people.
func Figure(objective string, v float64) string {
	switch objective {
	case "size":
		return size.Bytes(int64(v))
	case "latency":
		return fmt.Sprintf("%.3g ms", v)
	case "seconds":
		return fmt.Sprintf("%.3g s", v)
	}
	return fmt.Sprintf("%.4f", v)
}
