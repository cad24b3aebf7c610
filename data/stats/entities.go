package stats

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/data"
)

// Entities describes the labelled stretches of texts.
type Entities struct {
	Count     int          `json:"count"`
	Rows      int          `json:"rows"` // texts with at least one
	Types     []EntityType `json:"types"`
	Ambiguous []Ambiguous  `json:"ambiguous"` // stretches that have several types, most frequent first
}

// EntityType is a type of stretches.
type EntityType struct {
	Type      string      `json:"type"`
	Count     int         `json:"count"`
	Different int         `json:"different"`  // different stretches
	Chars     float64     `json:"characters"` // of one, on average
	Longest   int         `json:"longest"`
	Frequent  []WordCount `json:"frequent"`
}

// Ambiguous is a stretch that has several types.
type Ambiguous struct {
	Text  string         `json:"text"`
	Types map[string]int `json:"types"`
	count int
}

const (
	frequentEntities = 8
	listedAmbiguous  = 20
)

// countEntities returns nil where no row has any.
func countEntities(rows []data.Example) *Entities {
	out := &Entities{Types: []EntityType{}, Ambiguous: []Ambiguous{}}
	types, texts := map[string]map[string]int{}, map[string]map[string]int{}
	for i := range rows {
		e := &rows[i]
		for _, s := range e.Entities {
			word := e.Text[s.Start:s.End]
			add(types, s.Label, word)
			add(texts, word, s.Label)
			out.Count++
		}
		if len(e.Entities) > 0 {
			out.Rows++
		}
	}
	if out.Count == 0 {
		return nil
	}
	for name, words := range types {
		t := EntityType{Type: name, Different: len(words)}
		chars := 0
		for word, n := range words {
			length := utf8.RuneCountInString(word)
			t.Count += n
			chars += n * length
			t.Longest = max(t.Longest, length)
			t.Frequent = append(t.Frequent, WordCount{word, n})
		}
		t.Chars = float64(chars) / float64(t.Count)
		slices.SortFunc(t.Frequent, func(a, b WordCount) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Word, b.Word))
		})
		t.Frequent = t.Frequent[:min(len(t.Frequent), frequentEntities)]
		out.Types = append(out.Types, t)
	}
	slices.SortFunc(out.Types, func(a, b EntityType) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Type, b.Type)) })
	for word, labels := range texts {
		if len(labels) > 1 {
			a := Ambiguous{Text: word, Types: labels}
			for _, n := range labels {
				a.count += n
			}
			out.Ambiguous = append(out.Ambiguous, a)
		}
	}
	slices.SortFunc(out.Ambiguous, func(a, b Ambiguous) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.Text, b.Text)) })
	out.Ambiguous = out.Ambiguous[:min(len(out.Ambiguous), listedAmbiguous)]
	return out
}

func add(counts map[string]map[string]int, key, value string) {
	if counts[key] == nil {
		counts[key] = map[string]int{}
	}
	counts[key][value]++
}
