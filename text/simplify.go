package text

import "github.com/xiaoyu-slm/xiaoyu/internal/hanzi"

// simplifyEdits turns traditional characters into simplified ones.
func simplifyEdits(s string) (edits []edit) {
	hanzi.Simplify(s, func(from, to int, with rune) {
		edits = append(edits, edit{from, to, string(with)})
	})
	return edits
}
