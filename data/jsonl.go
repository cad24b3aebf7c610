package data

import (
	"bytes"
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
	for _, want := range []struct {
		flag, path string
		to         *string
	}{{"text", j.r.columns.Text, &e.Text}, {"pair", j.r.columns.Pair, &e.Pair}, {"label", j.r.columns.Label, &e.Label}} {
		if want.path == "" {
			continue
		}
		raw, ok := field(fields, want.path)
		if !ok {
			if j.line > 1 { // a row may lack what others have
				continue
			}
			names := make([]string, 0, len(fields))
			for name := range fields {
				names = append(names, name)
			}
			slices.Sort(names)
			return Example{}, j.r.missingColumn(want.flag, want.path, names, conf.Nearest(want.path, names))
		}
		value, err := scalar(raw)
		if err != nil {
			return Example{}, hint.Wrap(err, "name a column of text, numbers or truth values", "reading %s: line %d: %s", j.r.name(), j.line, want.path)
		}
		*want.to = value
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
