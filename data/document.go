package data

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// document reads JSON that is one value: a list of records, or an object with such a list somewhere in it. It goes
// through the file token by token and holds one record at a time.
type document struct {
	r      *Reader
	json   *json.Decoder
	budget *budget
	fields jsonFields
	first  json.RawMessage // record that was read to see whether the list is the right one
	lists  []string        // lists that were passed by, with their columns
	depth  int             // objects and lists around the records
	n      int             // records read
	ended  bool
}

// maxDepth bounds how deep a list of records may lie.
const maxDepth = 64

func newDocument(r *Reader, sample string) (*document, error) {
	r.unit = "record"
	d := &document{r: r, budget: &budget{r: r.in, left: maxRecord}, fields: jsonFields{r: r, sample: sample}}
	d.json = json.NewDecoder(d.budget)
	token, err := d.json.Token()
	if err != nil {
		return nil, d.syntax(err)
	}
	found := false
	switch token {
	case json.Delim('['):
		found, err = d.try("")
	case json.Delim('{'):
		found, err = d.search("", 1)
	}
	switch {
	case err != nil:
		return nil, err
	case found:
		return d, nil
	case len(d.lists) == 0:
		return nil, hint.Errorf("give a list of objects, or an object a line in a file that ends in .jsonl", "reading %s: there is no list of records in the JSON", r.name())
	}
	want := fmt.Sprintf("no list of records in the JSON has a column %q", r.columns.Text)
	if r.columns.Part != "" {
		want = fmt.Sprintf("there is no list %q in the JSON", r.columns.Part)
	}
	return nil, hint.Errorf("pass --text, or --part with one of: "+firstChars(strings.Join(d.lists, "; "), 300), "reading %s: %s", r.name(), want)
}

// search goes through an object for the list of records and stops within it.
func (d *document) search(path string, depth int) (found bool, err error) {
	if depth > maxDepth {
		return false, hint.Errorf("give a list of objects", "reading %s: the JSON is nested more than %d deep", d.r.name(), maxDepth)
	}
	for d.json.More() {
		d.budget.left = maxRecord
		name, err := d.json.Token()
		if err != nil {
			return false, d.syntax(err)
		}
		value, err := d.json.Token()
		if err != nil {
			return false, d.syntax(err)
		}
		key, _ := name.(string)
		inner := strings.TrimPrefix(path+"."+key, ".")
		switch value {
		case json.Delim('{'):
			found, err = d.search(inner, depth+1)
		case json.Delim('['):
			d.depth = depth
			found, err = d.try(inner)
		}
		if found || err != nil {
			return found, err
		}
	}
	if _, err := d.json.Token(); err != nil {
		return false, d.syntax(err)
	}
	return false, nil
}

// try looks at the list that begins here, and passes by if it is not the wanted one.
func (d *document) try(path string) (found bool, err error) {
	if !d.json.More() { // an empty list at the top is a file without records
		_, err := d.json.Token()
		d.ended = path == ""
		return d.ended, d.syntax(err)
	}
	first, err := d.record()
	if err != nil {
		return false, err
	}
	var fields map[string]json.RawMessage
	if first[0] == '{' && json.Unmarshal(first, &fields) == nil {
		_, hasText := aliased(fields, wantedColumn{"text", d.r.columns.Text})
		part := d.r.columns.Part
		if part == path && part != "" || part == "" && (hasText || path == "" || isLabelStudio(fields) || isPassage(fields)) {
			d.first = first
			return true, nil
		}
		if len(d.lists) < 20 {
			d.lists = append(d.lists, fmt.Sprintf("%s (%s)", path, firstChars(strings.Join(slices.Sorted(maps.Keys(fields)), ", "), 80)))
		}
	}
	for d.json.More() {
		if _, err := d.record(); err != nil {
			return false, err
		}
	}
	_, err = d.json.Token()
	return false, d.syntax(err)
}

// record reads the next value whole.
func (d *document) record() (json.RawMessage, error) {
	d.budget.left = maxRecord
	var raw json.RawMessage
	if err := d.json.Decode(&raw); err != nil {
		return nil, d.syntax(err)
	}
	return raw, nil
}

func (d *document) next() (Example, error) {
	if e, ok := d.fields.next(); ok {
		return e, nil
	}
	if d.ended {
		return Example{}, io.EOF
	}
	raw := d.first
	d.first = nil
	if raw == nil {
		if !d.json.More() {
			return Example{}, d.rest()
		}
		var err error
		if raw, err = d.record(); err != nil {
			return Example{}, err
		}
	}
	d.n++
	e, err := d.fields.example(raw, d.n, "each record must be one JSON object")
	if err == errNoQuestion {
		return d.next()
	}
	return e, err
}

func (d *document) notes() []string { return d.fields.notes() }

// rest reads what follows the records: a file that is cut off there may have lost some.
func (d *document) rest() error {
	d.ended = true
	for open := d.depth + 1; ; {
		d.budget.left = maxRecord
		token, err := d.json.Token()
		switch {
		case err == io.EOF && open == 0:
			return io.EOF
		case err != nil:
			return d.syntax(err)
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
	}
}

// syntax explains a failure of the decoder; nil stays nil.
func (d *document) syntax(err error) error {
	var s *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errBudget):
		return d.r.tooLong(d.n + 1)
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF):
		return d.r.readError(io.ErrUnexpectedEOF)
	case errors.As(err, &s):
		return hint.Wrap(err, "check the JSON there", "reading %s: after %s, at byte %d", d.r.name(), d.r.Place(d.n), d.json.InputOffset())
	}
	return d.r.readError(err)
}
