package track

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Series is the course of one value over the steps.
type Series struct {
	Name   string
	Steps  []int
	Values []float64
}

// Metrics reads what a run logged, by name. A torn last line, which a kill leaves, is ignored.
func Metrics(root, id string) ([]Series, error) { return readSeries(root, id, "") }

// Curve reads the course of one value.
func Curve(root, id, name string) (*Series, error) {
	series, err := readSeries(root, id, name)
	if err != nil {
		return nil, err
	}
	if len(series) == 0 {
		all, err := Metrics(root, id)
		if err != nil {
			return nil, err
		}
		var names []string
		for _, s := range all {
			names = append(names, s.Name)
		}
		if len(names) == 0 {
			return nil, hint.Errorf("choose a run that took a step", "the run %s has logged nothing", id)
		}
		return nil, hint.Errorf("it has "+joined(names), "the run %s has no curve %s", id, name)
	}
	return &series[0], nil
}

// readSeries reads the values of a name, "" for all, on all processors: a long training has logged a million lines.
func readSeries(root, id, name string) ([]Series, error) {
	full, err := find(root, id)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(root, full, metricsFile))
	if err != nil {
		return nil, notFound(root, id, err)
	}
	parts := make([]map[string]*Series, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	rest := data
	for i := range parts {
		part := rest
		if i < len(parts)-1 { // up to the end of the line in which the share ends
			part = rest[:len(data)/len(parts)*(i+1)-(len(data)-len(rest))]
			if end := bytes.IndexByte(rest[len(part):], '\n'); end >= 0 {
				part = rest[:len(part)+end+1]
			} else {
				part = rest
			}
		}
		rest = rest[len(part):]
		wg.Go(func() { parts[i] = readPoints(part, name) })
	}
	wg.Wait()
	byName := map[string]*Series{}
	for _, part := range parts {
		for name, s := range part {
			if whole := byName[name]; whole != nil {
				whole.Steps, whole.Values = append(whole.Steps, s.Steps...), append(whole.Values, s.Values...)
			} else {
				byName[name] = s
			}
		}
	}
	var out []Series
	for _, s := range byName {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Series) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// readPoints reads lines of metrics.jsonl.
func readPoints(lines []byte, wanted string) map[string]*Series {
	out := map[string]*Series{}
	add := func(step int, name []byte, v float64) {
		s := out[string(name)]
		if s == nil {
			s = &Series{Name: string(name)}
			if wanted != "" { // about as many as there are lines
				n := len(lines) / (bytes.IndexByte(lines, '\n') + 1)
				s.Steps, s.Values = make([]int, 0, n), make([]float64, 0, n)
			}
			out[s.Name] = s
		}
		s.Steps, s.Values = append(s.Steps, step), append(s.Values, v)
	}
	needle := []byte(`"` + wanted + `":`)
	for line := range bytes.Lines(lines) {
		if wanted != "" && scanValue(line, needle, add) || wanted == "" && scanPoint(line, add) {
			continue
		}
		var p point // written by another program, or torn
		if json.Unmarshal(line, &p) != nil {
			continue
		}
		for name, v := range p.Values {
			if wanted == "" || wanted == name {
				add(p.Step, []byte(name), v)
			}
		}
	}
	return out
}

// The two functions below read lines as Run.Log writes them, many times as fast as encoding/json. They refuse any other
// line, and then have told add of nothing.

// lineStep returns the step of a line, and where its values begin and end.
func lineStep(line []byte) (step, from, to int, ok bool) {
	const head, tail = `{"step":`, `,"values":{`
	line = bytes.TrimRight(line, "\n")
	if !bytes.HasPrefix(line, []byte(head)) || !bytes.HasSuffix(line, []byte("}}")) {
		return 0, 0, 0, false
	}
	i := len(head)
	for ; i < len(line) && '0' <= line[i] && line[i] <= '9' && i < len(head)+18; i++ {
		step = 10*step + int(line[i]-'0')
	}
	at := bytes.Index(line[i:], []byte(tail))
	if i == len(head) || at < 0 || !bytes.HasPrefix(line[i:], []byte(`,"epoch":`)) {
		return 0, 0, 0, false
	}
	return step, i + at + len(tail), len(line) - 2, true
}

// scanValue looks for one value; needle is its name, quoted, and a colon. A line without it is read as well.
func scanValue(line, needle []byte, add func(step int, name []byte, v float64)) bool {
	step, from, to, ok := lineStep(line)
	if !ok || bytes.IndexByte(line, '\\') >= 0 {
		return false
	}
	values := line[from:to]
	at := bytes.Index(values, needle)
	if at < 0 {
		return true
	}
	if at > 0 && values[at-1] != ',' {
		return false
	}
	number, _, _ := bytes.Cut(values[at+len(needle):], []byte(","))
	v, err := strconv.ParseFloat(string(number), 64)
	if err == nil {
		add(step, needle[1:len(needle)-2], v)
	}
	return err == nil
}

// scanPoint reads all values of a line.
func scanPoint(line []byte, add func(step int, name []byte, v float64)) bool {
	step, from, to, ok := lineStep(line)
	if !ok || bytes.IndexByte(line, '\\') >= 0 {
		return false
	}
	type value struct {
		name []byte
		v    float64
	}
	var room [8]value
	list := room[:0]
	for values := line[from:to]; len(values) > 0; {
		var name, number []byte
		if values, ok = bytes.CutPrefix(values, []byte(`"`)); !ok {
			return false
		}
		if name, values, ok = bytes.Cut(values, []byte(`":`)); !ok || !utf8.Valid(name) {
			return false
		}
		number, values, _ = bytes.Cut(values, []byte(`,`))
		v, err := strconv.ParseFloat(string(number), 64)
		if err != nil {
			return false
		}
		list = append(list, value{name, v})
	}
	for _, x := range list {
		add(step, x.name, x.v)
	}
	return true
}

// cutMetrics removes the lines after a step, and a torn one.
func cutMetrics(path string, step int) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	defer f.Close()
	in, keep := bufio.NewReader(f), int64(0)
	for {
		line, err := in.ReadBytes('\n')
		var p point
		if err != nil || json.Unmarshal(line, &p) != nil || p.Step > step {
			if err != nil && err != io.EOF {
				return fmt.Errorf("resuming: %w", err)
			}
			return f.Truncate(keep)
		}
		keep += int64(len(line))
	}
}
