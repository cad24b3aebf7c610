package catalogue

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// terms are what a search looks for: packages that have one of each group.
type terms struct {
	words  [][]string // each word, and what will do in its place
	groups [][]string // those, and the facets
}

// none tells whether everything matches.
func (t *terms) none() bool { return len(t.groups) == 0 }

// inNames are the groups of packages that have all words in their names.
func (t *terms) inNames() [][]string {
	groups := slices.Clone(t.groups)
	for i, words := range t.words {
		groups[i] = make([]string, len(words))
		for j, w := range words {
			groups[i][j] = nameWord(w)
		}
	}
	return groups
}

// nameWord is the word for a word in a name.
func nameWord(w string) string { return "xname" + w }

const (
	mostWords    = 12 // of a search
	mostForms    = 8  // words that will do in place of the last one, which may go on: people type
	nearWords    = 3  // words that will do in place of one that no package has
	lookedAt     = 2000
	readable     = 4000 // packages, whose numbers are read to join all words with one beginning
	shortestNear = 4    // letters of a word whose misspellings are looked for
)

// terms reads a query. They are nil where nothing can match. instead is the text with the words that will do in place of
// those that no package has; "" where there are none such.
func (c *Catalogue) terms(q queries, s Query) (t *terms, instead string, err error) {
	if len(s.Text) > 1000 {
		return nil, "", hint.Errorf("use fewer words", "a search of %d bytes: %w", len(s.Text), ErrInvalid)
	}
	words, err := cut(s.Text, false)
	if err != nil {
		return nil, "", wrap(err, "searching")
	}
	if len(words) > mostWords {
		return nil, "", hint.Errorf("use 12 at most", "a search for %d words: %w", len(words), ErrInvalid)
	}
	if len(words) == 0 && strings.TrimSpace(s.Text) != "" {
		return nil, "", nil
	}
	t = &terms{}
	last := lastWord(s.Text, words)
	for i, w := range words {
		group, near, err := c.forms(q, w, w == last)
		if err != nil {
			return nil, "", wrap(err, "searching")
		}
		t.words = append(t.words, group)
		if near {
			words[i], instead = group[0], "?"
		}
	}
	if instead != "" {
		instead = strings.Join(words, " ")
	}
	t.groups = slices.Clone(t.words)
	for facet, value := range s.Facets {
		if Facets[facet] == nil {
			return nil, "", hint.Errorf("see catalogue.Facets", "the facet %.40q: %w", facet, ErrInvalid)
		}
		t.groups = append(t.groups, []string{facetWord(facet, value)})
	}
	return t, instead, nil
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
func (c *Catalogue) forms(q queries, w string, open bool) (group []string, near bool, err error) {
	group = []string{w}
	known := false
	if err := q.rows("SELECT word FROM vocabulary WHERE word = ?", []any{w}, func(func(...any) error) error { known = true; return nil }); err != nil {
		return nil, false, err
	}
	if open && utf8.RuneCountInString(w) > 1 {
		longer, packages, err := c.known(q, w, w+"\U0010FFFF", mostForms, func(v string) float64 { return map[bool]float64{true: -1, false: 0}[v == w] })
		switch {
		case err != nil:
			return nil, false, err
		case len(longer) == mostForms && packages <= readable:
			return []string{w + "*"}, false, nil
		}
		group = append(group, longer...)
	}
	if known || len(group) > 1 || len(w) < shortestNear || len(w) != utf8.RuneCountInString(w) {
		return group, false, nil
	}
	most := 1 // mistakes
	if len(w) > 6 {
		most = 2
	}
	list, _, err := c.known(q, w[:1], w[:1]+"\U0010FFFF", nearWords, func(v string) float64 {
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

// known returns the words between two, those of the most packages first; those with a merit above 0 before, those below 0
// not at all. Of many only the more frequent are looked at. packages is about how many packages have one of those.
func (c *Catalogue) known(q queries, from, to string, most int, merit func(word string) float64) (words []string, packages float64, err error) {
	type entry struct {
		word  string
		merit float64
	}
	var list []entry
	err = q.rows("SELECT word, level FROM vocabulary WHERE word >= ? AND word < ? ORDER BY level DESC, word LIMIT ?", []any{from, to, lookedAt}, func(scan func(...any) error) error {
		var e entry
		if err := scan(&e.word, &e.merit); err != nil {
			return err
		}
		packages += math.Exp2(e.merit)
		if m := merit(e.word); m >= 0 {
			e.merit += m
			list = append(list, e)
		}
		return nil
	})
	slices.SortStableFunc(list, func(a, b entry) int { return int(math.Copysign(1, b.merit-a.merit)) })
	for _, e := range list[:min(most, len(list))] {
		words = append(words, e.word)
	}
	return words, packages, err
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
func (c *Catalogue) learn(q queries, words []string) error {
	if len(words) == 0 {
		return nil
	}
	levels := map[string]int{}
	args := make([]any, len(words))
	for i, w := range words {
		args[i] = w
	}
	err := q.rows("SELECT word, level FROM vocabulary WHERE word IN (?"+strings.Repeat(", ?", len(words)-1)+")", args, func(scan func(...any) error) error {
		var w string
		var level int
		err := scan(&w, &level)
		levels[w] = level
		return err
	})
	for _, w := range words { // sorted: two transactions lock them in the same order
		if err != nil {
			return err
		}
		level, known := levels[w]
		switch {
		case !known:
			_, err = q.exec("INSERT INTO vocabulary (word, level) VALUES (?, 0) ON CONFLICT DO NOTHING", w)
		case rand.Uint64()>>max(64-level, 0) == 0 || level == 0:
			_, err = q.exec("UPDATE vocabulary SET level = ? WHERE word = ?", level+1, w)
		}
	}
	return err
}
