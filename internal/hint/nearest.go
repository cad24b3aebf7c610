package hint

import "strings"

// Nearest returns the candidate that a misspelt word most likely meant, "" if none is near: by Levenshtein's distance
// over the whole word or over its last part behind a dot.
func Nearest(word string, candidates []string) string {
	best, least := "", max(2, len([]rune(word))/3)+1
	for _, c := range candidates {
		d := distance(strings.ToLower(word), strings.ToLower(c))
		if lastPart(word) == lastPart(c) { // the right key in the wrong section
			d = min(d, 1)
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// OneOf is the way out for who has written a name that is none of names, of which there is at least one.
func OneOf(name string, names []string) string {
	way := "choose one of " + strings.Join(names, ", ")
	if near := Nearest(name, names); near != "" {
		way = "did you mean " + near + "? " + way
	}
	return way
}

func lastPart(s string) string { return s[strings.LastIndexByte(s, '.')+1:] }

// distance counts the characters to insert, delete or replace to turn a into b.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j := range y {
			cost := diagonal
			if x[i] != y[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(y)]
}
