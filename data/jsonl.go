package data

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// jsonReader reads one JSON object a line.
type jsonReader struct{ lines }

func (j *jsonReader) next() (Example, error) {
	for {
		line, err := j.readLine()
		if err != nil {
			return Example{}, err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return j.example(line)
		}
	}
}

func (j *jsonReader) example(line []byte) (Example, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return Example{}, hint.Wrap(err, "each line must be one JSON object", "reading %s: line %d", j.r.name(), j.line)
	}
	e := Example{Line: j.line}
	columns := j.r.columns.wanted()
	for i, to := range e.wanted(&j.r.columns) {
		want := columns[i]
		if want.column == "" {
			continue
		}
		raw, ok := field(fields, want.column)
		if !ok {
			if j.line > 1 { // a row may lack what others have
				continue
			}
			names := make([]string, 0, len(fields))
			for name := range fields {
				names = append(names, name)
			}
			slices.Sort(names)
			return Example{}, j.r.missingColumn(want.flag, want.column, names, conf.Nearest(want.column, names))
		}
		if want.flag == "label" && raw[0] == '[' {
			labels, spans, err := labelList(raw)
			if err != nil {
				return Example{}, hint.Wrap(err, "a list of labels, or of spans with start, end and label", "reading %s: line %d: %s", j.r.name(), j.line, want.column)
			}
			*to = strings.Join(labels, cmp.Or(j.r.columns.Separator, "|"))
			if e.Entities, err = entities(e.Text, spans); err != nil {
				return Example{}, hint.Wrap(err, "count start and end in characters of the text", "reading %s: line %d: %s", j.r.name(), j.line, want.column)
			}
			continue
		}
		value, err := scalar(raw)
		if err != nil {
			return Example{}, hint.Wrap(err, "name a column of text, numbers or truth values", "reading %s: line %d: %s", j.r.name(), j.line, want.column)
		}
		*to = value
	}
	return e, nil
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
		return "", fmt.Errorf("the value is %s…, not text", raw[:min(len(raw), 20)])
	case 'n':
		return "", nil
	}
	return string(raw), nil
}

// characterSpan is an entity as files hold it: counted in characters, which every language counts alike.
type characterSpan struct {
	Start, End int
	Label      string
}

// labelList reads a JSON list: of labels, of [start, end, label], or of objects with start, end and label.
func labelList(raw json.RawMessage) (labels []string, spans []characterSpan, err error) {
	var items []json.RawMessage
	if err := json.Unmarshal(raw, &items); err != nil {
		return nil, nil, err
	}
	for _, item := range items {
		switch item[0] {
		case '[':
			var s characterSpan
			if err := json.Unmarshal(item, &[]any{&s.Start, &s.End, &s.Label}); err != nil {
				return nil, nil, err
			}
			spans = append(spans, s)
		case '{':
			var s struct {
				Start  *int     `json:"start"`
				End    *int     `json:"end"`
				Label  string   `json:"label"`
				Labels []string `json:"labels"`
			}
			if err := json.Unmarshal(item, &s); err != nil {
				return nil, nil, err
			}
			if s.Label == "" && len(s.Labels) > 0 {
				s.Label = s.Labels[0]
			}
			if s.Start == nil || s.End == nil || s.Label == "" {
				return nil, nil, fmt.Errorf("%s has no start, end and label", firstChars(string(item), 60))
			}
			spans = append(spans, characterSpan{*s.Start, *s.End, s.Label})
		default:
			label, err := scalar(item)
			if err != nil {
				return nil, nil, err
			}
			labels = append(labels, label)
		}
	}
	return labels, spans, nil
}

// entities turns spans counted in characters into entities counted in bytes, in the order of the text.
func entities(text string, spans []characterSpan) ([]Entity, error) {
	if len(spans) == 0 {
		return nil, nil
	}
	var at []int // byte of each character
	for i := range text {
		at = append(at, i)
	}
	at = append(at, len(text))
	out := make([]Entity, 0, len(spans))
	for _, s := range spans {
		if s.Start < 0 || s.End <= s.Start || s.End >= len(at) {
			return nil, fmt.Errorf("the span %d to %d is not within the %d characters of the text", s.Start, s.End, len(at)-1)
		}
		out = append(out, Entity{at[s.Start], at[s.End], s.Label})
	}
	slices.SortFunc(out, func(a, b Entity) int { return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(b.End, a.End)) })
	return out, nil
}
