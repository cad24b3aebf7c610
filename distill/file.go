package distill

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/decompress"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// fileTeacher knows what stands in a file of soft labels: JSON lines, plain or compressed,
//
//	{"text": "房间还行", "probabilities": {"good": 0.71, "bad": 0.29}}
//
// with the second text of a pair as "pair". In the place of texts may stand their "id": the SHA-256 of the text in
// hexadecimal digits (of both texts of a pair, with a byte 0 between them), so that labels can be kept without texts. Of
// texts that do not occur in it, it has no opinion.
type fileTeacher struct {
	about    About
	opinions map[key]data.Opinion // by keyOf
	known    map[key]data.Opinion // by idOf
}

// idOf is the beginning of the id that a query has in files.
func idOf(q model.Query) key {
	s := q.Text
	if q.Pair != "" {
		s += "\x00" + q.Pair
	}
	sum := sha256.Sum256([]byte(s))
	return key(sum[:])
}

// FileOptions say how the texts of a file of soft labels meet those that the teacher is asked about.
type FileOptions struct {
	Head  string // ClassHead or MultiLabelHead
	Pair  bool
	Text  string            // the key of texts beside "text", and of second texts beside "pair": the data's columns
	Other string            //
	Clean *text.CleanConfig // what was done to the texts asked about; nil for nothing
}

// NewFile makes a teacher of a file of soft labels. progress, which may be nil, is told how many lines are read.
func NewFile(ctx context.Context, path string, o FileOptions, progress func(lines int)) (Teacher, error) {
	if o.Head != model.ClassHead && o.Head != model.MultiLabelHead {
		return nil, hint.Errorf("choose a model as the teacher", "the teacher %s: a file of soft labels has none for task %s", path, taskOf(o.Head))
	}
	t := &fileTeacher{about: About{Name: path, Head: o.Head, Pair: o.Pair}, opinions: map[key]data.Opinion{}, known: map[key]data.Opinion{}}
	rows, err := readSoft(ctx, path, &o, progress)
	if err != nil {
		return nil, hint.Wrap(err, cmpWay(err, `write JSON lines such as {"text": "…", "probabilities": {"good": 0.7, "bad": 0.3}}`), "reading the soft labels of %s", path)
	}
	labels := map[string]bool{}
	for _, r := range rows {
		for l := range r.Probabilities {
			labels[l] = true
		}
	}
	t.about.Labels = slices.Sorted(maps.Keys(labels))
	task := data.Classes
	if o.Head == model.MultiLabelHead {
		task = data.MultiLabel
	}
	var cleaner *text.Cleaner
	if o.Clean != nil {
		cleaner = text.NewCleaner(*o.Clean)
	}
	for _, r := range rows {
		e := data.Example{Line: r.line, Probabilities: r.Probabilities}
		opinion, _, err := e.Opinion(t.about.Labels, task)
		if err != nil {
			return nil, err
		}
		if r.ID != "" {
			t.known[r.id()] = opinion
			continue
		}
		for _, k := range r.keys(cleaner) {
			t.opinions[k] = opinion
		}
	}
	if t.about.Digest, err = data.DigestFile(path); err != nil {
		return nil, err
	}
	return t, nil
}

func cmpWay(err error, otherwise string) string {
	if way := hint.Way(err); way != "" {
		return way
	}
	return otherwise
}

func (t *fileTeacher) About() *About { return &t.about }

func (t *fileTeacher) Close() error { return nil }

func (t *fileTeacher) Opinions(_ context.Context, queries []model.Query) ([]data.Opinion, error) {
	out := make([]data.Opinion, len(queries))
	for i, q := range queries {
		o, ok := t.opinions[keyOf(q)]
		if !ok {
			o = t.known[idOf(q)]
		}
		out[i].Logits = slices.Clone(o.Logits)
	}
	return out, nil
}

// softRow is a line of such a file.
type softRow struct {
	Text, Pair    string
	ID            string
	Probabilities map[string]float64
	line          int
}

func (r *softRow) id() (k key) {
	digits, _ := hex.DecodeString(r.ID) // which parseSoft has checked
	copy(k[:], digits)
	return k
}

// keys are those of queries that the row answers: its text as it stands, and as it is cleaned.
func (r *softRow) keys(cleaner *text.Cleaner) []key {
	keys := []key{keyOf(model.Query{Text: r.Text, Pair: r.Pair})}
	if cleaner != nil {
		s, _ := cleaner.Clean(r.Text)
		pair, _ := cleaner.Clean(r.Pair)
		keys = append(keys, keyOf(model.Query{Text: s, Pair: pair}))
	}
	return keys
}

// longestLine of a file of soft labels, in bytes.
const longestLine = 64 << 20

func readSoft(ctx context.Context, path string, o *FileOptions, progress func(lines int)) ([]softRow, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in, done, err := decompress.Reader(f, 1<<20)
	if err != nil {
		return nil, err
	}
	defer done()
	var rows []softRow
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	for n := 1; lines.Scan(); n++ {
		if n%1024 == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if progress != nil {
				progress(n)
			}
		}
		if len(lines.Bytes()) == 0 {
			continue
		}
		r, err := parseSoft(lines.Bytes(), o)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		r.line = n
		rows = append(rows, r)
	}
	if err := lines.Err(); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, hint.Wrap(err, "take the file from where it came again", "the file is cut short")
		}
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("the file has no lines")
	}
	return rows, nil
}

// parseSoft reads a line.
func parseSoft(line []byte, o *FileOptions) (r softRow, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(line, &fields); err != nil {
		return r, fmt.Errorf("it is not a JSON object: %w", err)
	}
	read := func(into any, names ...string) (found bool, err error) {
		for _, name := range names {
			if raw, ok := fields[name]; ok && name != "" {
				if err := json.Unmarshal(raw, into); err != nil {
					return true, fmt.Errorf("%s: %w", name, err)
				}
				return true, nil
			}
		}
		return false, nil
	}
	found, err := read(&r.Text, o.Text, "text")
	if err != nil {
		return r, err
	}
	if _, err := read(&r.Pair, o.Other, "pair"); err != nil {
		return r, err
	}
	if !found {
		if found, err = read(&r.ID, "id"); err != nil {
			return r, err
		}
		if digits, bad := hex.DecodeString(r.ID); found && (bad != nil || len(digits) != sha256.Size) {
			return r, hint.Errorf("write the SHA-256 of the text, as 64 hexadecimal digits", "id: %.80q", r.ID)
		}
	}
	if !found {
		return r, errors.New(`there is neither a text nor an id`)
	}
	if found, err = read(&r.Probabilities, "probabilities"); err != nil || !found || len(r.Probabilities) == 0 {
		return r, errors.Join(err, errors.New("probabilities: there are none"))
	}
	sum := 0.0
	for _, l := range slices.Sorted(maps.Keys(r.Probabilities)) {
		p := r.Probabilities[l]
		if !(p >= 0 && p <= 1) {
			return r, fmt.Errorf("probabilities: that of %q is %g", l, p)
		}
		sum += p
	}
	if sum == 0 && o.Head == model.ClassHead {
		return r, errors.New("probabilities: no label is probable")
	}
	return r, nil
}
