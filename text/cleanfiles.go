package text

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Names of the files that a configuration's own files have inside a model package.
const (
	SpellingFile  = "spelling.tsv"
	StopWordsFile = "stopwords.txt"
)

// maxCleanFile bounds a file that a configuration names: ten million characters are no table that somebody looks
// through.
const maxCleanFile = 32 << 20

// ReadFiles reads the files that c names, unless they were read before.
func (c *CleanConfig) ReadFiles() error {
	return c.readFiles(func(path string) ([]byte, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		content, err := io.ReadAll(io.LimitReader(f, maxCleanFile+1))
		if err == nil && len(content) > maxCleanFile {
			err = fmt.Errorf("%s has more than %d bytes", path, maxCleanFile)
		}
		return content, err
	})
}

func (c *CleanConfig) readFiles(read func(path string) ([]byte, error)) error {
	if c.Spelling != c.spellingFrom {
		c.spelling = nil
		if c.Spelling != "" {
			content, err := read(c.Spelling)
			if err != nil {
				return hint.Wrap(err, "name a file that `xiaoyu data spell` wrote, or take the key data.clean.spelling out", "reading the misspellings")
			}
			if c.spelling, err = ParseSpelling(content, c.Spelling); err != nil {
				return err
			}
		}
		c.spellingFrom = c.Spelling
	}
	if c.StopWordsFile != c.stopListFrom {
		c.stopList = nil
		if c.StopWordsFile != "" {
			content, err := read(c.StopWordsFile)
			if err != nil {
				return hint.Wrap(err, "name a file of one word a line, or take the key data.clean.stop_words_file out", "reading the stop words")
			}
			if c.stopList, err = parseStopWords(content, c.StopWordsFile); err != nil {
				return err
			}
		}
		c.stopListFrom = c.StopWordsFile
	}
	return nil
}

// WithSpelling returns c with a table of misspellings that stands in no file.
func (c CleanConfig) WithSpelling(t *Spelling) CleanConfig {
	c.spelling, c.Spelling, c.spellingFrom = t, "", ""
	return c
}

// Packed returns c as a package holds it, and the files that belong to it, by name: only the misspellings that are
// applied.
func (c CleanConfig) Packed() (CleanConfig, map[string][]byte) {
	files := map[string][]byte{}
	if c.spelling != nil {
		c.Spelling, c.spellingFrom = SpellingFile, SpellingFile
		files[SpellingFile] = c.spelling.Above(c.SpellingConfidence).Content()
	}
	if c.stopList != nil {
		c.StopWordsFile, c.stopListFrom = StopWordsFile, StopWordsFile
		files[StopWordsFile] = c.stopList.content()
	}
	return c, files
}

// Unpack reads the files of a packed configuration; read is given their names. Other names are refused: a package has
// nothing to look for outside itself.
func (c *CleanConfig) Unpack(read func(name string) ([]byte, error)) error {
	if c.Spelling != "" && c.Spelling != SpellingFile || c.StopWordsFile != "" && c.StopWordsFile != StopWordsFile {
		return fmt.Errorf("clean names the files %q and %q, a package has %s and %s", c.Spelling, c.StopWordsFile, SpellingFile, StopWordsFile)
	}
	return c.readFiles(read)
}

// textLines yields the lines of a file with their numbers, without white space at the end and a byte order mark.
func textLines(content []byte) iter.Seq2[int, string] {
	content = bytes.TrimPrefix(content, []byte("\uFEFF"))
	return func(yield func(int, string) bool) {
		n := 0
		for line := range strings.Lines(string(content)) {
			n++
			if !yield(n, strings.TrimRight(line, " \t\r\n")) {
				return
			}
		}
	}
}
