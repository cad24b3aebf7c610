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
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Load reads one run. id may be the beginning of an ID if there is only one such run, or "last".
func Load(root, id string) (*Info, error) {
	full, err := find(root, id)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(root, full, infoFile))
	if err != nil {
		return nil, notFound(root, id, err)
	}
	var info Info
	if err := json.Unmarshal(data, &info); err != nil {
		return nil, notFound(root, id, err)
	}
	info.ID = full
	if info.Status == Running && !alive(info.PID) {
		info.Status = Interrupted // its process was killed
	}
	return &info, nil
}

// find completes an ID.
func find(root, id string) (string, error) {
	if id == "" || strings.ContainsAny(id, `/\`) || id == "." || id == ".." {
		return "", hint.Errorf("`xiaoyu runs` lists them", "%q is no run", id)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return "", notFound(root, id, err)
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() && (id == "last" || strings.HasPrefix(e.Name(), id)) {
			found = append(found, e.Name())
		}
	}
	switch {
	case len(found) == 0:
		return "", notFound(root, id, fs.ErrNotExist)
	case id == "last":
		return slices.Max(found), nil
	case len(found) > 1 && !slices.Contains(found, id):
		return "", hint.Errorf("give more of the ID", "%d runs begin with %s", len(found), id)
	case slices.Contains(found, id):
		return id, nil
	}
	return found[0], nil
}

// List reads all runs, the newest first. Folders that hold no readable run are skipped.
func List(root string) ([]Info, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	var out []Info
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(root, e.Name(), infoFile))
		if err != nil {
			continue
		}
		var info Info
		if json.Unmarshal(data, &info) != nil {
			continue
		}
		info.ID = e.Name()
		if info.Status == Running && !alive(info.PID) {
			info.Status = Interrupted
		}
		out = append(out, info)
	}
	slices.SortFunc(out, func(a, b Info) int { return cmp.Compare(b.ID, a.ID) })
	return out, nil
}

// Delete removes a run.
func Delete(root, id string) error {
	info, err := Load(root, id)
	if err != nil {
		return err
	}
	if info.Status == Running {
		return hint.Errorf("stop it first", "deleting the run %s: it is running", info.ID)
	}
	return os.RemoveAll(filepath.Join(root, info.ID))
}

// Series is the course of one value over the steps.
type Series struct {
	Name   string
	Steps  []int
	Values []float64
}

// Metrics reads what a run logged, by name. A torn last line, which a kill leaves, is ignored.
func Metrics(root, id string) ([]Series, error) {
	full, err := find(root, id)
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(filepath.Join(root, full, metricsFile))
	if err != nil {
		return nil, notFound(root, id, err)
	}
	byName := map[string]*Series{}
	for line := range bytes.Lines(data) {
		var p point
		if json.Unmarshal(line, &p) != nil {
			continue
		}
		for name, v := range p.Values {
			s := byName[name]
			if s == nil {
				s = &Series{Name: name}
				byName[name] = s
			}
			s.Steps, s.Values = append(s.Steps, p.Step), append(s.Values, v)
		}
	}
	var out []Series
	for _, s := range byName {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Series) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
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

// Duration returns how long the run took, or has taken so far.
func (i *Info) Duration() time.Duration {
	if i.End.IsZero() {
		if i.Status != Running {
			return 0
		}
		return now().Sub(i.Start)
	}
	return i.End.Sub(i.Start)
}
