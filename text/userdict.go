package text

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// DictionaryWord is a line of a user dictionary.
type DictionaryWord struct {
	Word      string
	Frequency float64 // as if the word had been seen so often in 57 million; 0 for a hot word, which is never cut
	Tag       string  // part of speech or any other note; only kept
}

// Dictionary is a list of words that a segmenter knows beside its own. Words may be added while segmenters use it.
type Dictionary struct {
	adding sync.Mutex
	list   []DictionaryWord
	places map[string]int // in list
	built  atomic.Pointer[lexicon]
}

// NewDictionary returns a dictionary of the words.
func NewDictionary(words ...DictionaryWord) *Dictionary {
	d := &Dictionary{places: map[string]int{}}
	d.Add(words...)
	return d
}

// Add adds words; one that is there already is replaced. Segment calls that begin later know them. Adding many words
// at once costs little more than adding one.
func (d *Dictionary) Add(words ...DictionaryWord) {
	if len(words) == 0 {
		return
	}
	d.adding.Lock()
	defer d.adding.Unlock()
	for _, w := range words {
		if i, ok := d.places[w.Word]; ok {
			d.list[i] = w
			continue
		}
		d.places[w.Word] = len(d.list)
		d.list = append(d.list, w)
	}
	d.built.Store(newLexicon(func(yield func(string, float32) bool) {
		for _, w := range d.list {
			if !yield(w.Word, w.score()) {
				return
			}
		}
	}))
}

// hotScore makes a word win over every way to cut it; that it is not quite 0 prefers one hot word to two.
const hotScore = -1e-6

func (w *DictionaryWord) score() float32 {
	if w.Frequency == 0 {
		return hotScore
	}
	return float32(min(math.Log(w.Frequency/dictionaryTotal), hotScore))
}

// Words returns the words in the order in which they were added.
func (d *Dictionary) Words() []DictionaryWord {
	if d == nil {
		return nil
	}
	d.adding.Lock()
	defer d.adding.Unlock()
	return slices.Clone(d.list)
}

// lexicon returns the words as a trie; nil where there are none.
func (d *Dictionary) lexicon() *lexicon {
	if d == nil {
		return nil
	}
	return d.built.Load()
}

// maxUserWord bounds a word of a user dictionary, in characters.
const maxUserWord = 64

// LoadDictionary reads a user dictionary from a file; see ReadDictionary.
func LoadDictionary(path string) (*Dictionary, error) {
	f, err := os.Open(path)
	if err != nil {
		var p *fs.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return nil, hint.Wrap(err, "check the path", "reading the dictionary %s", path)
	}
	defer f.Close()
	d, err := ReadDictionary(f)
	if err != nil {
		return nil, fmt.Errorf("reading the dictionary %s: %w", path, err)
	}
	return d, nil
}

// ReadDictionary reads a user dictionary: a line for each word, "word [frequency] [tag]", as jieba has it. A word
// without a frequency is a hot word: it is always kept together. Empty lines and lines that begin with # are passed
// over.
func ReadDictionary(r io.Reader) (*Dictionary, error) {
	const way = "write `word`, `word frequency` or `word frequency tag` in each line, in UTF-8"
	var words []DictionaryWord
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<16)
	n := 0
	for lines.Scan() {
		n++
		line := bytes.TrimPrefix(lines.Bytes(), []byte("\ufeff"))
		if line = bytes.TrimSpace(line); len(line) == 0 || line[0] == '#' {
			continue
		}
		w, err := parseDictionaryLine(line)
		if err != nil {
			return nil, hint.Wrap(err, way, "line %d", n)
		}
		words = append(words, w)
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return nil, hint.Errorf(way, "line %d has more than %d bytes", n+1, 1<<16)
	}
	if lines.Err() != nil {
		return nil, lines.Err()
	}
	return NewDictionary(words...), nil
}

func parseDictionaryLine(line []byte) (w DictionaryWord, err error) {
	if !utf8.Valid(line) {
		return w, errors.New("it is not UTF-8")
	}
	fields := strings.Fields(string(line))
	if len(fields) > 3 {
		return w, fmt.Errorf("it has %d parts", len(fields))
	}
	w.Word = fields[0]
	if n := utf8.RuneCountInString(w.Word); n > maxUserWord {
		return w, fmt.Errorf("the word has %d characters; %d are the most", n, maxUserWord)
	}
	if strings.ContainsFunc(w.Word, unicode.IsControl) || strings.ContainsRune(w.Word, utf8.RuneError) {
		return w, fmt.Errorf("the word %q has characters that are no text", w.Word)
	}
	if len(fields) > 1 {
		w.Frequency, err = strconv.ParseFloat(fields[1], 64)
		if err != nil || !(w.Frequency > 0) || math.IsInf(w.Frequency, 0) {
			if len(fields) == 2 && isTag(fields[1]) {
				return DictionaryWord{Word: w.Word, Tag: fields[1]}, nil
			}
			return w, fmt.Errorf("the frequency %q is no number above 0", fields[1])
		}
	}
	if len(fields) == 3 {
		w.Tag = fields[2]
	}
	return w, nil
}

// isTag tells whether s looks like a part of speech: one or two small letters.
func isTag(s string) bool {
	for _, r := range s {
		if r < 'a' || r > 'z' {
			return false
		}
	}
	return len(s) <= 2
}

// Write writes the dictionary as ReadDictionary reads it.
func (d *Dictionary) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	for _, word := range d.Words() {
		out.WriteString(word.Word)
		if word.Frequency > 0 {
			fmt.Fprintf(out, " %g", word.Frequency)
		}
		if word.Tag != "" {
			fmt.Fprintf(out, " %s", word.Tag)
		}
		out.WriteByte('\n')
	}
	return out.Flush()
}
