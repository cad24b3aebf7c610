package track

import (
	"encoding/json"
	"fmt"
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
	info, err := read(root, full)
	if err != nil {
		return nil, notFound(root, id, err)
	}
	return info, nil
}

// read reads the run in a folder. Its parameters stay the JSON that they are.
func read(root, folder string) (*Info, error) {
	data, err := os.ReadFile(filepath.Join(root, folder, infoFile))
	if err != nil {
		return nil, err
	}
	var parameters json.RawMessage
	info := &Info{Parameters: &parameters}
	if err := json.Unmarshal(data, info); err != nil {
		return nil, err
	}
	if info.Start.IsZero() || info.Status == "" {
		return nil, fmt.Errorf("%s lacks status or start", infoFile)
	}
	info.ID, info.Parameters = folder, parameters
	if info.Status == Running && !alive(info.PID) {
		info.Status = Interrupted // its process was killed
	}
	return info, nil
}

// Find completes an ID: the beginning of one, or "last", the newest run.
func Find(root, id string) (string, error) { return find(root, id) }

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
		if e.IsDir() && (id == "last" && looksLikeRun(e.Name()) || strings.HasPrefix(e.Name(), id)) {
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

// Delete removes a run, also a damaged one. It refuses one whose process is alive.
func Delete(root, id string) error {
	full, err := find(root, id)
	if err != nil {
		return err
	}
	if info, err := read(root, full); err == nil && info.Status == Running {
		return hint.Errorf("stop it first", "deleting the run %s: it is running", full)
	}
	return os.RemoveAll(filepath.Join(root, full))
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
