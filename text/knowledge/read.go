package knowledge

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Read reads files of knowledge: rules where the name ends in .yaml or .yml, else a lexicon or a list of names.
//
// A lexicon has an entry a line and, after tabs, its weight and its category, either or both; a list of names has entries
// alone. The category of a line without one is the name of the file, without its ending. Empty lines and those that
// begin with # are passed over.
//
// A file of rules has categories and their patterns, one or a list of them:
//
//	price: '\d+(\.\d+)?元'
//	phone: ['1[3-9]\d{9}', '400-\d{3}-\d{4}']
func Read(clean func(string) string, paths ...string) (*Base, error) {
	var entries []Entry
	var rules []Rule
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, hint.Wrap(err, "check the path", "reading what is known beforehand")
		}
		if !utf8.Valid(content) {
			return nil, hint.Errorf("convert it to UTF-8", "reading %s: it is not UTF-8", path)
		}
		content = bytes.TrimPrefix(content, []byte("\uFEFF"))
		if ending := filepath.Ext(path); ending == ".yaml" || ending == ".yml" {
			more, err := ParseRules(content, path)
			if err != nil {
				return nil, err
			}
			rules = append(rules, more...)
			continue
		}
		more, err := ParseEntries(content, path)
		if err != nil {
			return nil, err
		}
		entries = append(entries, more...)
	}
	return New(entries, rules, clean)
}

// ParseEntries reads the content of a lexicon or a list of names; file is named in errors, and gives the category.
func ParseEntries(content []byte, file string) ([]Entry, error) {
	usual := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	var entries []Entry
	number := 0
	for line := range strings.Lines(string(content)) {
		number++
		line = strings.TrimRight(line, " \t\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		cells := strings.Split(line, "\t")
		e := Entry{Text: strings.TrimSpace(cells[0]), Category: usual}
		weighted, named := false, false
		for _, cell := range cells[1:] {
			if cell = strings.TrimSpace(cell); cell == "" {
				continue
			}
			weight, err := strconv.ParseFloat(cell, 64)
			switch {
			case err == nil && !weighted && weight-weight == 0:
				e.Weight, weighted = weight, true
			case !named && err != nil:
				e.Category, named = cell, true
			default:
				return nil, hint.Errorf("write the entry, then after tabs its weight and its category", "reading %s: line %d: %q is one too many", file, number, cell)
			}
		}
		if e.Text == "" {
			return nil, hint.Errorf("write the entry before the first tab", "reading %s: line %d has no entry", file, number)
		}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		return nil, hint.Errorf("write an entry a line", "reading %s: it has no entry", file)
	}
	return entries, nil
}
