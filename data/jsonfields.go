package data

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// jsonFields makes examples of JSON objects: plain records, and those of Label Studio, doccano and Rasa NLU.
type jsonFields struct {
	r      *Reader
	sample string // start of the file, which tells a column that one record lacks from one that does not exist
	seen   bool   // a record was read

	waiting      []Example // questions about a passage that was read
	moved, noway int       // answers that stand elsewhere than the file says, or nowhere
}

// aliases are other names of the default columns, with what their values begin with: Rasa NLU's, and doccano's of all its
// years.
var aliases = map[string][]struct {
	name   string
	begins byte
}{
	"text":  {{"data", '"'}},
	"label": {{"intent", '"'}, {"labels", '['}, {"entities", '['}, {"annotations", '['}},
}

// answerAliases are other names of the columns of questions about texts.
var answerAliases = map[string][]string{"context": {"context_text", "passage"}, "question": {"query_text", "query"}, "answers": {"answer"}}

// example makes an example of the object raw, which is the record at that place of the file.
func (j *jsonFields) example(raw []byte, place int, way string) (Example, error) {
	var fields map[string]json.RawMessage
	where := func() string { return fmt.Sprintf("reading %s: %s", j.r.name(), j.r.Place(place)) }
	if err := json.Unmarshal(raw, &fields); err != nil {
		return Example{}, hint.Wrap(err, way, "%s", where())
	}
	if !utf8.Valid(raw) && j.r.columns.Invalid != "replace" { // package json would replace it unasked
		return Example{}, hint.Errorf("pass --encoding with the file's encoding, or --invalid replace", "%s is not valid UTF-8", where())
	}
	columns := j.r.columns.wanted()
	if isLabelStudio(fields) {
		var err error
		if fields, err = labelStudio(fields, j.r.columns.Label); err != nil {
			return Example{}, hint.Wrap(err, "export as JSON from Label Studio", "%s", where())
		}
	}
	if isPassage(fields) {
		return j.questions(raw, place, where)
	}
	e := Example{Line: place}
	first := !j.seen
	j.seen = true
	for i, to := range e.wanted(&j.r.columns) {
		want := columns[i]
		if want.column == "" {
			continue
		}
		raw, ok := aliased(fields, want)
		if !ok {
			_, soft := fields["probabilities"]
			if first && !j.occurs(want.column) && want.column != "answers" && (want.flag != "label" || !soft) { // answers: nobody has to know them to ask
				names := slices.Sorted(maps.Keys(fields))
				return Example{}, j.r.missingColumn(want.flag, want.column, names, "")
			}
			continue
		}
		if err := j.set(&e, to, want, raw); err != nil {
			return Example{}, hint.Wrap(err, "name a column of text, numbers or truth values", "%s: %s", where(), want.column)
		}
	}
	if soft, ok := fields["probabilities"]; ok && soft[0] == '{' {
		var err error
		if e.Probabilities, err = parseProbabilities(soft); err != nil {
			return Example{}, hint.Wrap(err, wayToSoft, "%s: probabilities", where())
		}
	}
	// Rasa NLU and our own files have a label of the whole and labelled stretches beside it.
	if beside, ok := fields["entities"]; ok && e.Entities == nil && beside[0] == '[' {
		labels, spans, err := labelList(beside)
		if err == nil && len(labels) == 0 {
			if e.Entities, err = entities(e.Text, spans); err != nil {
				return Example{}, hint.Wrap(err, "count start and end in characters of the text", "%s: entities", where())
			}
		}
	}
	return e, nil
}

// occurs tells whether the start of the file names the column anywhere.
func (j *jsonFields) occurs(column string) bool {
	return strings.Contains(j.sample, `"`+column[strings.LastIndexByte(column, '.')+1:]+`"`)
}

// set puts the value of a column into its place.
func (j *jsonFields) set(e *Example, to *string, want wantedColumn, raw json.RawMessage) error {
	if want.flag == "label" && (raw[0] == '[' || raw[0] == '{') {
		if list, ok := answerList(raw, want.column == "answers"); ok {
			j.place(e, list, nil)
			return nil
		}
	}
	if want.flag != "label" || raw[0] != '[' {
		value, err := scalar(raw)
		*to = value
		return err
	}
	labels, spans, err := labelList(raw)
	if err != nil {
		return hint.Wrap(err, "a list of labels, or of spans with start, end and label", "reading the list")
	}
	*to = strings.Join(labels, cmp.Or(j.r.columns.Separator, "|"))
	if e.Entities, err = entities(e.Text, spans); err != nil {
		return hint.Wrap(err, "count start and end in characters of the text", "reading the list")
	}
	return nil
}

// aliased finds the value of a column; a column that has its default name may have another one in the file.
func aliased(fields map[string]json.RawMessage, want wantedColumn) (json.RawMessage, bool) {
	if raw, ok := field(fields, want.column); ok {
		return raw, true
	}
	if want.column == want.flag {
		for _, alias := range aliases[want.flag] {
			if raw, ok := fields[alias.name]; ok && raw[0] == alias.begins {
				return raw, true
			}
		}
	}
	for _, name := range answerAliases[want.column] {
		if raw, ok := fields[name]; ok {
			return raw, true
		}
	}
	return nil, false
}

// field finds a value by its name, or by a path of names with dots between.
func field(fields map[string]json.RawMessage, path string) (json.RawMessage, bool) {
	for {
		if raw, ok := fields[path]; ok {
			return raw, true
		}
		first, rest, ok := strings.Cut(path, ".")
		raw, found := fields[first]
		if !ok || !found {
			return nil, false
		}
		fields = nil
		if json.Unmarshal(raw, &fields) != nil {
			return nil, false
		}
		path = rest
	}
}

// scalar returns a JSON value as text: a string's content, a number or truth value as it is written, "" for null.
func scalar(raw json.RawMessage) (string, error) {
	switch raw[0] {
	case '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return s, err
	case '{', '[':
		return "", fmt.Errorf("the value is %s…, not text", firstChars(string(raw[:min(len(raw), 80)]), 20))
	case 'n':
		return "", nil
	}
	return string(raw), nil
}
