package tune

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// event is a line of the log: something that happened to a trial.
type event struct {
	Trial  int                `json:"trial"`
	Time   time.Time          `json:"time"`
	State  State              `json:"state,omitempty"` // that the trial has from now on
	Params map[string]string  `json:"params,omitempty"`
	Step   int                `json:"step,omitempty"`
	Value  *float64           `json:"value,omitempty"` // at the step
	Values []float64          `json:"values,omitempty"`
	Facts  map[string]float64 `json:"facts,omitempty"`
	Note   string             `json:"note,omitempty"`
}

// readLog returns the trials that a log tells of, in the order of their numbers. A last line that a kill has torn is
// left out, and so is anything that is no event; keep is the length of the log up to its last whole line.
func readLog(path string) (trials []Trial, keep int64, err error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("reading the trials of a study: %w", err)
	}
	byNumber := map[int]*Trial{}
	began := map[int]time.Time{}
	for line := range bytes.Lines(content) {
		if line[len(line)-1] != '\n' {
			break
		}
		keep += int64(len(line))
		var e event
		if json.Unmarshal(line, &e) != nil || e.Trial < 1 || e.Trial > maxTrials {
			continue
		}
		t := byNumber[e.Trial]
		if t == nil {
			t = &Trial{Number: e.Trial}
			byNumber[e.Trial] = t
		}
		t.apply(&e, began)
	}
	for _, t := range byNumber {
		if t.Params != nil {
			trials = append(trials, *t)
		}
	}
	slices.SortFunc(trials, func(a, b Trial) int { return a.Number - b.Number })
	return trials, keep, nil
}

// maxTrials bounds what a damaged log can claim.
const maxTrials = 1_000_000

func (t *Trial) apply(e *event, began map[int]time.Time) {
	switch {
	case e.Value != nil:
		t.addStep(Step{e.Step, *e.Value})
	case e.State == Waiting:
		t.State, t.Params, t.Note = Waiting, e.Params, e.Note
		t.Steps, t.Values, t.Facts = nil, nil, nil
	case e.State == Running:
		if e.Params != nil {
			t.Params, t.Note = e.Params, e.Note
		}
		t.State, t.Start = Running, e.Time
		began[t.Number] = e.Time
	case e.State == Complete || e.State == Pruned || e.State == Failed:
		t.State, t.Values, t.Facts = e.State, e.Values, e.Facts
		if e.Note != "" {
			t.Note = e.Note
		}
		if from, ok := began[t.Number]; ok {
			t.Seconds += max(e.Time.Sub(from).Seconds(), 0)
		}
	}
}

// addStep adds a figure; one of the same step or a later one, which a trial that runs again has reported before, is
// replaced.
func (t *Trial) addStep(s Step) {
	t.Steps = slices.DeleteFunc(slices.Clone(t.Steps), func(old Step) bool { return old.At >= s.At })
	t.Steps = append(t.Steps, s)
}

// journal appends events to a log.
type journal struct {
	file   *os.File
	buffer *bufio.Writer
}

// openJournal opens a log to write on after its last whole line.
func openJournal(path string, keep int64) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err == nil {
		err = f.Truncate(keep)
	}
	if err == nil {
		_, err = f.Seek(keep, 0)
	}
	if err != nil {
		return nil, hint.Wrap(err, "choose a folder that you may write to (runs: in xiaoyu.yaml)", "opening the study %s", filepath.Dir(path))
	}
	return &journal{f, bufio.NewWriter(f)}, nil
}

// write appends an event. What changes a trial's state is on the disk when write returns.
func (j *journal) write(e event) error {
	e.Time = time.Now()
	if e.Value != nil && (math.IsNaN(*e.Value) || math.IsInf(*e.Value, 0)) {
		return nil
	}
	line, err := json.Marshal(e)
	if err == nil {
		_, err = j.buffer.Write(append(line, '\n'))
	}
	if err == nil {
		err = j.buffer.Flush()
	}
	if err == nil && e.State != "" {
		err = j.file.Sync()
	}
	if err != nil {
		return hint.Wrap(err, "free some space; --resume goes on", "writing down trial %d", e.Trial)
	}
	return nil
}

func (j *journal) close() error { return errors.Join(j.buffer.Flush(), j.file.Close()) }
