// Package size writes numbers for people: 1.2 M parameters, 4.8 MB.
package size

import "fmt"

// Bytes writes a number of bytes in decimal units, as disks and networks count.
func Bytes(n int64) string {
	const units = "kMGTPE"
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1000, 0
	for v >= 999.5 && i < len(units)-1 {
		v /= 1000
		i++
	}
	return fmt.Sprintf("%s %cB", short(v), units[i])
}

// Count writes a number of things: 950, 12.3 k, 1.2 M.
func Count(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	v, i := float64(n)/1000, 0
	for v >= 999.5 && i < 2 {
		v /= 1000
		i++
	}
	return fmt.Sprintf("%s %c", short(v), "kMG"[i])
}

// short writes v, below 1000, with three digits that count.
func short(v float64) string {
	switch {
	case v < 9.995:
		return fmt.Sprintf("%.2f", v)
	case v < 99.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
