// Package size writes numbers for people: 1.2 M parameters, 4.8 MB.
package size

import (
	"fmt"
	"strconv"
	"strings"
)

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

// Parse reads a number of bytes as people write it: 200KB, 1.5 MB, 4096; in decimal units.
func Parse(s string) (int64, error) {
	number := strings.TrimRight(strings.TrimSpace(s), "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ")
	unit := strings.ToUpper(strings.TrimSpace(strings.TrimSpace(s)[len(number):]))
	factor, ok := map[string]float64{"": 1, "B": 1, "K": 1e3, "KB": 1e3, "M": 1e6, "MB": 1e6, "G": 1e9, "GB": 1e9}[unit]
	v, err := strconv.ParseFloat(number, 64)
	if err != nil || !ok || !(v > 0) || v*factor > 1e18 {
		return 0, fmt.Errorf("%q is no number of bytes", s)
	}
	return int64(v * factor), nil
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
