package track

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Field returns what a run has under a key, as text: id, name, status, start, seconds, error, data, one of its figures, or
// a setting by its whole path or the end of it ("family" for model.family).
func (i *Info) Field(key string) (string, bool) {
	switch key {
	case "id", "run":
		return i.ID, true
	case "name":
		return i.Name, true
	case "status":
		return string(i.Status), true
	case "task":
		return i.Task, i.Task != ""
	case "family":
		return i.Family, i.Family != ""
	case "error":
		return i.Error, true
	case "start":
		return i.Start.Format("2006-01-02T15:04:05"), true
	case "step", "steps":
		return strconv.Itoa(i.Step), true
	case "time":
		return plain(i.Duration().Seconds()), true
	case "data":
		var files []string
		for file := range i.Data {
			files = append(files, file)
		}
		slices.Sort(files)
		return strings.Join(files, " "), true
	}
	if v, ok := i.Summary[key]; ok {
		return plain(v), true
	}
	if i.Status == Damaged {
		return "", false
	}
	best, found := "", false
	settings := i.Settings()
	for path := range settings {
		if path == key || strings.HasSuffix(path, "."+key) {
			if !found || len(path) < len(best) || len(path) == len(best) && path < best {
				best, found = path, true
			}
		}
	}
	return settings[best], found
}

func plain(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// Settings returns the parameters of a run by their paths, as "train.epochs".
func (i *Info) Settings() map[string]string {
	if i.settings != nil {
		return i.settings
	}
	i.settings = map[string]string{}
	if i.Parameters == nil && i.root != "" {
		if whole, err := read(i.root, i.ID); err == nil {
			i.Parameters = whole.Parameters
		}
	}
	raw, ok := i.Parameters.(json.RawMessage)
	if !ok { // a run of this process
		var err error
		if raw, err = json.Marshal(i.Parameters); err != nil {
			return i.settings
		}
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var tree any
	if d.Decode(&tree) == nil {
		flatten(i.settings, "", tree)
	}
	return i.settings
}

func flatten(out map[string]string, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			flatten(out, strings.TrimPrefix(path+"."+key, "."), x)
		}
	case []any:
		var list []string
		for _, x := range v {
			list = append(list, fmt.Sprint(x))
		}
		out[path] = strings.Join(list, ",")
	case nil:
		out[path] = ""
	default:
		out[path] = fmt.Sprint(v)
	}
}

// Filter chooses runs: terms such as family=cnn, accuracy>0.9, name~sst, status!=failed, all of which must hold.
type Filter struct{ terms []term }

type term struct{ key, op, value string }

// operators, the longer before their beginnings.
var operators = []string{"!=", "!~", ">=", "<=", "=", "~", ">", "<"}

// ParseFilter reads an expression. Values with spaces stand in double quotes.
func ParseFilter(expression string) (*Filter, error) {
	const way = `write KEY=VALUE, with = != > >= < <= ~ (contains) or !~, as in: family=cnn accuracy>0.9 name~"my run"`
	f := &Filter{}
	rest := strings.TrimSpace(expression)
	for rest != "" {
		at := strings.IndexAny(rest, "=!<>~")
		if at < 0 {
			return nil, hint.Errorf(way, "filter %q: %q has no operator", expression, rest)
		}
		t := term{key: strings.TrimSpace(rest[:at])}
		for _, op := range operators {
			if strings.HasPrefix(rest[at:], op) {
				t.op = op
				break
			}
		}
		if t.op == "" || t.key == "" || strings.ContainsAny(t.key, " \t\"") {
			return nil, hint.Errorf(way, "filter %q: %q is no condition", expression, rest)
		}
		rest = strings.TrimLeft(rest[at+len(t.op):], " \t")
		var ok bool
		if t.value, rest, ok = filterValue(rest); !ok {
			return nil, hint.Errorf(way, "filter %q: %s%s has no value, or a quote that is not closed", expression, t.key, t.op)
		}
		if strings.ContainsAny(t.op, "<>") && math.IsNaN(amount(t.value)) {
			return nil, hint.Errorf("compare with a number, a time such as 5m, or a date such as 2026-01-31", "filter %q: %q is no number", expression, t.value)
		}
		f.terms = append(f.terms, t)
		rest = strings.TrimSpace(rest)
	}
	return f, nil
}

func filterValue(s string) (value, rest string, ok bool) {
	if quoted, isQuoted := strings.CutPrefix(s, `"`); isQuoted {
		return strings.Cut(quoted, `"`)
	}
	value, rest, _ = strings.Cut(s, " ")
	return value, rest, value != ""
}

// amount turns a text into a number that can be compared: a number, seconds of a duration, or of a date; NaN for
// others.
func amount(s string) float64 {
	if v, err := strconv.ParseFloat(s, 64); err == nil {
		return v
	}
	if d, err := time.ParseDuration(s); err == nil {
		return d.Seconds()
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return float64(t.Unix())
		}
	}
	return math.NaN()
}

// Choose returns the runs that fit. A key that none of them has is an error, which names the nearest one.
func (f *Filter) Choose(runs []Info) ([]Info, error) {
	for _, t := range f.terms {
		if err := KnownField(runs, t.key); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(f.terms, func(t term) bool { return needsSettings(runs, t.key) }) {
		inParallel(len(runs), func(i int) { runs[i].Settings() })
	}
	var out []Info
	for i := range runs {
		if !slices.ContainsFunc(f.terms, func(t term) bool { return !t.holds(&runs[i]) }) {
			out = append(out, runs[i])
		}
	}
	return out, nil
}

func (t *term) holds(i *Info) bool {
	have, ok := i.Field(t.key)
	if !ok {
		return strings.HasPrefix(t.op, "!") // what a run does not have is not equal to anything
	}
	switch t.op {
	case "~", "!~":
		return strings.Contains(strings.ToLower(have), strings.ToLower(t.value)) == (t.op == "~")
	case "=", "!=":
		a, b := amount(have), amount(t.value)
		return (have == t.value || a == b) == (t.op == "=") // 0.5 is 0.50; NaN equals nothing
	}
	switch c := cmp.Compare(amount(have), amount(t.value)); {
	case math.IsNaN(amount(have)):
		return false
	case c > 0:
		return t.op[0] == '>'
	case c < 0:
		return t.op[0] == '<'
	}
	return len(t.op) == 2 // >= and <=
}

// needsSettings tells whether a key is neither of every run nor a figure.
func needsSettings(runs []Info, key string) bool {
	if slices.Contains(ownFields, key) {
		return false
	}
	return !slices.ContainsFunc(runs, func(i Info) bool { _, ok := i.Summary[key]; return ok })
}

// ownFields are the keys that every run has.
var ownFields = []string{"id", "name", "status", "task", "family", "start", "time", "step", "data", "error"}

// KnownField is an error where no run has a field of that key.
func KnownField(runs []Info, key string) error {
	if len(runs) == 0 {
		return nil
	}
	names := map[string]bool{}
	for i := range runs {
		if _, ok := runs[i].Field(key); ok {
			return nil
		}
		for name := range runs[i].Summary {
			names[name] = true
		}
		for path := range runs[i].Settings() {
			names[path] = true
			names[path[strings.LastIndexByte(path, '.')+1:]] = true
		}
	}
	known := slices.Clone(ownFields)
	for name := range names {
		known = append(known, name)
	}
	slices.Sort(known)
	way := "use id, name, status, start, time, data, a figure such as accuracy, or a setting such as model.family"
	if near := hint.Nearest(key, known); near != "" {
		way = "did you mean " + near + "? " + way
	}
	return hint.Errorf(way, "no run has a field %q", key)
}

// lowerIsBetter are figures that a good run has little of.
var lowerIsBetter = []string{"log_loss", "ece", "mae", "mse", "rmse", "hamming_loss", "seconds", "time"}

// Sort orders runs by a field, the best first: figures from high to low, errors and losses from low to high, the start from
// the newest, text by the alphabet. Runs that lack it come last.
func Sort(runs []Info, key string, reverse bool) error {
	if err := KnownField(runs, key); err != nil {
		return err
	}
	type sortable struct {
		Info
		number float64
		text   string
		has    bool
	}
	list := make([]sortable, len(runs))
	for i := range runs {
		text, ok := runs[i].Field(key)
		number := amount(text)
		if !slices.Contains(lowerIsBetter, key) {
			number = -number
		}
		list[i] = sortable{runs[i], number, text, ok && text != ""}
	}
	slices.SortStableFunc(list, func(a, b sortable) int {
		switch {
		case a.has != b.has:
			return cmp.Compare(map[bool]int{true: 0, false: 1}[a.has], map[bool]int{true: 0, false: 1}[b.has])
		case math.IsNaN(a.number) || math.IsNaN(b.number):
			c := cmp.Compare(a.text, b.text)
			if reverse {
				c = -c
			}
			return c
		}
		if reverse {
			return cmp.Compare(b.number, a.number)
		}
		return cmp.Compare(a.number, b.number)
	})
	for i := range list {
		runs[i] = list[i].Info
	}
	return nil
}

func joined(names []string) string { return strings.Join(names, ", ") }
