package hanzi

import "sync"

var loadTraditional = sync.OnceValue(func() map[rune]rune {
	back := map[rune]rune{}
	for traditional, simple := range loadForms().simple {
		if before, ok := back[simple]; !ok || traditional < before {
			back[simple] = traditional
		}
	}
	return back
})

// Traditional returns a character that r is the simplified form of; of several the first of Unicode, which is the usual one
// mostly. It returns r itself where there is none.
func Traditional(r rune) rune {
	if t, ok := loadTraditional()[r]; ok {
		return t
	}
	return r
}
