package catalogue

import (
	"cmp"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// terms are what a search looks for.
type terms struct {
	words   [][]string // each word, and what will do in its place
	instead string     // the text with the words that will do in place of those that no package has; "" where there are none such
}

// vocabulary is the words that packages have.
type vocabulary interface {
	// has tells whether a package has a word.
	has(word string) (bool, error)
	// begin returns the words with a beginning, those of the most packages first; those with a merit above 0 before,
	// those below 0 not at all. packages is about how many packages have one of those.
	begin(prefix string, most int, merit func(word string) float64) (words []string, packages float64, err error)
}

const (
	mostWords    = 12 // of a search
	mostForms    = 8  // words that will do in place of the last one, which may go on: people type
	nearWords    = 3  // words that will do in place of one that no package has
	lookedAt     = 2000
	readable     = 4000 // packages, whose numbers are read to join all words with one beginning
	shortestNear = 4    // letters of a word whose misspellings are looked for
)

// readTerms reads a query. They are nil where nothing can match.
func readTerms(v vocabulary, s Query) (*terms, error) {
	if len(s.Text) > 1000 {
		return nil, hint.Errorf("use fewer words", "a search of %d bytes: %w", len(s.Text), ErrInvalid)
	}
	for facet := range s.Facets {
		if Facets[facet] == nil {
			return nil, hint.Errorf("see catalogue.Facets", "the facet %.40q: %w", facet, ErrInvalid)
		}
	}
	words, err := cut(s.Text, false)
	if err != nil {
		return nil, wrap(err, "searching")
	}
	if len(words) > mostWords {
		return nil, hint.Errorf("use 12 at most", "a search for %d words: %w", len(words), ErrInvalid)
	}
	if len(words) == 0 && strings.TrimSpace(s.Text) != "" {
		return nil, nil
	}
	t := &terms{}
	last := lastWord(s.Text, words)
	for i, w := range words {
		group, near, err := forms(v, w, w == last)
		if err != nil {
			return nil, wrap(err, "searching")
		}
		t.words = append(t.words, group)
		if near {
			words[i], t.instead = group[0], "?"
		}
	}
	if t.instead != "" {
		t.instead = strings.Join(words, " ")
	}
	return t, nil
}

// lastWord is the one that the text ends with; "" where something stands behind it.
func lastWord(text string, words []string) string {
	text = folded(text)
	last := ""
	for _, w := range words {
		if strings.HasSuffix(text, w) && len(w) > len(last) {
			last = w
		}
	}
	return last
}

// forms are the words that will do for one that somebody has typed: itself; if it may go on, the most frequent ones that
// begin with it, or where few packages have any of those, itself with a star, which stands for all; and if no package has any of those, the nearest ones.
func forms(v vocabulary, w string, open bool) (group []string, near bool, err error) {
	group = []string{w}
	known, err := v.has(w)
	if err != nil {
		return nil, false, err
	}
	if open && utf8.RuneCountInString(w) > 1 {
		longer, packages, err := v.begin(w, mostForms, func(v string) float64 { return map[bool]float64{true: -1, false: 0}[v == w] })
		switch {
		case err != nil:
			return nil, false, err
		case len(longer) == mostForms && packages <= readable:
			return []string{w + "*"}, false, nil
		}
		group = append(group, longer...)
	}
	if known || len(group) > 1 || len(w) < shortestNear || len(w) != utf8.RuneCountInString(w) || !strings.ContainsFunc(w, unicode.IsLetter) {
		return group, false, nil
	}
	most := 1 // mistakes
	if len(w) > 6 {
		most = 2
	}
	list, _, err := v.begin(w[:1], nearWords, func(v string) float64 {
		if d := distance(w, v, most); d <= most {
			return float64(100 * (most + 1 - d))
		}
		return -1
	})
	if err != nil || len(list) == 0 {
		return group, false, err
	}
	return list, true, nil
}

// tableOfWords is the vocabulary of a database.
type tableOfWords struct{ q queries }

func (t tableOfWords) has(word string) (known bool, err error) {
	err = t.q.rows("SELECT word FROM vocabulary WHERE word = ?", []any{word}, func(func(...any) error) error { known = true; return nil })
	return known, err
}

// begin looks at the more frequent ones of many words.
func (t tableOfWords) begin(prefix string, most int, merit func(word string) float64) (words []string, packages float64, err error) {
	var list ranking
	err = t.q.rows("SELECT word, level FROM vocabulary WHERE word >= ? AND word < ? ORDER BY level DESC, word LIMIT ?", []any{prefix, prefix + "\U0010FFFF", lookedAt}, func(scan func(...any) error) error {
		var w string
		var level float64
		if err := scan(&w, &level); err != nil {
			return err
		}
		packages += math.Exp2(level)
		list.add(w, level, merit(w))
		return nil
	})
	list.sort()
	for _, e := range list[:min(most, len(list))] {
		words = append(words, e.word)
	}
	return words, packages, err
}

// ranking ranks words by level and merit.
type ranking []ranked

type ranked struct {
	word  string
	merit float64
}

// add leaves out what has a merit below 0. A level is the binary logarithm of how many packages have the word.
func (r *ranking) add(word string, level, merit float64) {
	if merit >= 0 {
		*r = append(*r, ranked{word, level + merit})
	}
}

func (r ranking) sort() {
	slices.SortStableFunc(r, func(a, b ranked) int { return cmp.Compare(b.merit, a.merit) })
}

// distance is how many letters are wrong, missing, too many, or stand the wrong way round (Damerau 1964, each stretch
// changed once); anything above most is most+1.
func distance(a, b string, most int) int {
	if d := len(a) - len(b); d > most || -d > most || len(b) > 60 {
		return most + 1
	}
	var rows [3][64]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		now, above, before := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		now[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			now[j] = min(above[j]+1, now[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				now[j] = min(now[j], before[j-2]+1)
			}
			least = min(least, now[j])
		}
		if least > most {
			return most + 1
		}
	}
	return rows[len(a)%3][len(b)]
}

// learn puts words into the vocabulary, or counts them there: level n stands for about 2ⁿ packages (Morris 1978), so that
// frequent words are seldom written, and publishers do not wait for each other.
func (c *Catalogue) learn(q queries, count map[string]int) error {
	words := slices.Sorted(maps.Keys(count)) // two transactions lock them in the same order
	for some := range slices.Chunk(words, 1000) {
		levels := map[string]int{}
		args := make([]any, len(some))
		for i, w := range some {
			args[i] = w
		}
		err := q.rows("SELECT word, level FROM vocabulary WHERE word IN (?"+strings.Repeat(", ?", len(some)-1)+")", args, func(scan func(...any) error) error {
			var w string
			var level int
			err := scan(&w, &level)
			levels[w] = level
			return err
		})
		if err != nil {
			return err
		}
		for _, w := range some {
			was, known := levels[w]
			level, n := was, count[w]
			if !known {
				n--
			}
			for range n {
				if rand.Uint64()>>max(64-level, 0) == 0 || level == 0 {
					level++
				}
			}
			if known && level == was {
				continue
			}
			if _, err := q.exec("INSERT INTO vocabulary (word, level) VALUES (?, ?) ON CONFLICT (word) DO UPDATE SET level = excluded.level", w, level); err != nil {
				return err
			}
		}
	}
	return nil
}
