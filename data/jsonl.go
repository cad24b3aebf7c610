package data

import (
	"bytes"
	"encoding/json"
)

// jsonReader reads one JSON object a line.
type jsonReader struct {
	lines
	fields jsonFields
}

func (j *jsonReader) next() (Example, error) {
	for {
		if e, ok := j.fields.next(); ok {
			return e, nil
		}
		line, err := j.readLine()
		if err != nil {
			return Example{}, err
		}
		if len(bytes.TrimSpace(line)) > 0 {
			e, err := j.fields.example(line, j.line, "each line must be one JSON object")
			if err != errNoQuestion {
				return e, err
			}
		}
	}
}

func (j *jsonReader) notes() []string { return j.fields.notes() }

// isJSONLines tells files of an object a line from files that are one object. start begins with a brace.
func isJSONLines(start []byte, text string) bool {
	line, rest, _ := bytes.Cut(start, []byte("\n"))
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil {
		return false
	}
	if rest = bytes.TrimSpace(rest); len(rest) > 0 {
		return rest[0] == '{'
	}
	// One object is a record if it has a text, and otherwise something with records in it.
	_, ok := aliased(fields, wantedColumn{"text", text})
	return ok
}

// looksJSONList tells whether start, which begins with a bracket, is a list of objects, or an empty one.
func looksJSONList(start []byte) bool {
	inside := bytes.TrimSpace(start[1:])
	return bytes.HasPrefix(inside, []byte("{")) || string(inside) == "]"
}
