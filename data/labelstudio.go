package data

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// isLabelStudio tells a task of Label Studio's JSON export from a plain record: what was to be labelled is under "data",
// who labelled it how under "annotations", or "completions" before version 1.0.
// See https://labelstud.io/guide/task_format.
func isLabelStudio(fields map[string]json.RawMessage) bool {
	list := func(name string) bool { return len(fields[name]) > 0 && fields[name][0] == '[' }
	return len(fields["data"]) > 0 && fields["data"][0] == '{' && (list("annotations") || list("completions"))
}

// annotation is one person's work on a task; region is one of its answers.
type (
	annotation struct {
		Cancelled bool     `json:"was_cancelled"`
		Skipped   bool     `json:"skipped"` // its name before version 1.0
		Result    []region `json:"result"`
	}
	region struct {
		From  string                     `json:"from_name"`
		Type  string                     `json:"type"`
		Value map[string]json.RawMessage `json:"value"`
	}
)

// labelStudio turns a task into a plain record: the fields of its data, and a field for each control of the labelling
// interface that was answered, with the choices, the rating, or the labelled spans. The first annotation that was not
// cancelled counts. Where label names no control, it becomes the answer of the only control of choices or ratings, and
// "entities" the spans of the only control of spans.
func labelStudio(task map[string]json.RawMessage, label string) (map[string]json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(task["data"], &fields); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if fields == nil {
		fields = map[string]json.RawMessage{}
	}
	work := task["annotations"]
	if len(work) == 0 {
		work = task["completions"]
	}
	var annotations []annotation
	if err := json.Unmarshal(work, &annotations); err != nil {
		return nil, fmt.Errorf("annotations: %w", err)
	}
	i := slices.IndexFunc(annotations, func(a annotation) bool { return !a.Cancelled && !a.Skipped })
	if i < 0 {
		return nameAnswers(fields, nil, nil, label)
	}
	spans, answers := map[string][]json.RawMessage{}, map[string][]json.RawMessage{}
	for _, r := range annotations[i].Result {
		switch r.Type {
		case "labels", "hypertextlabels":
			raw, err := json.Marshal(r.Value)
			if err != nil {
				return nil, err
			}
			spans[r.From] = append(spans[r.From], raw)
		default:
			value, err := answer(r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", r.From, err)
			}
			answers[r.From] = append(answers[r.From], value...)
		}
	}
	return nameAnswers(fields, answers, spans, label)
}

// answer returns what a control other than spans holds, as JSON scalars.
func answer(r region) ([]json.RawMessage, error) {
	value, ok := r.Value[r.Type]
	if !ok || len(value) == 0 {
		return nil, nil // relations and regions of other kinds
	}
	if value[0] != '[' {
		return []json.RawMessage{value}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(value, &list); err != nil {
		return nil, err
	}
	for i, item := range list {
		if item[0] != '[' { // a taxonomy's answers are paths
			continue
		}
		var path []string
		if err := json.Unmarshal(item, &path); err != nil {
			return nil, err
		}
		joined, err := json.Marshal(strings.Join(path, "/"))
		if err != nil {
			return nil, err
		}
		list[i] = joined
	}
	return list, nil
}

// nameAnswers adds the answers to the fields.
func nameAnswers(fields map[string]json.RawMessage, answers, spans map[string][]json.RawMessage, label string) (map[string]json.RawMessage, error) {
	for _, of := range []map[string][]json.RawMessage{answers, spans} {
		for name, list := range of {
			raw, err := json.Marshal(list)
			if err != nil {
				return nil, err
			}
			fields[name] = raw
		}
	}
	only := func(of map[string][]json.RawMessage) (json.RawMessage, bool) {
		for name := range of {
			return fields[name], len(of) == 1
		}
		return nil, false
	}
	if raw, ok := only(spans); ok {
		fields["entities"] = raw
	}
	if _, ok := fields[label]; ok || label != "label" {
		if _, ok := fields[label]; !ok && label != "" {
			fields[label] = json.RawMessage("null") // not answered in this task
		}
		return fields, nil
	}
	fields["label"] = json.RawMessage("null")
	switch raw, ok := only(answers); {
	case ok:
		fields["label"] = raw
	case len(answers) > 1:
		return nil, fmt.Errorf("the interface has several controls: pass --label with one of %s", strings.Join(slices.Sorted(maps.Keys(answers)), ", "))
	case len(spans) > 1:
		return nil, fmt.Errorf("the interface has several controls of spans: pass --label with one of %s", strings.Join(slices.Sorted(maps.Keys(spans)), ", "))
	}
	return fields, nil
}
