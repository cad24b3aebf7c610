package track

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
)

// Damaged is the status of a folder that should hold a run, but whose run.json is missing or broken. Info.Error says why.
const Damaged Status = "damaged"

var runName = regexp.MustCompile(`^\d{8}-\d{6}\.\d{3}-[0-9a-f]+$`)

// looksLikeRun tells whether Start would give a folder such a name.
func looksLikeRun(name string) bool { return runName.MatchString(name) }

// List reads all runs, the newest first. A folder with a broken run.json, or with the name of a run and none, is listed as
// Damaged; other folders are not runs. The runs lack their parameters, which Settings reads when it is asked for them.
func List(root string) ([]Info, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing runs: %w", err)
	}
	known := readIndex(root)
	all, fresh := make([]*indexed, len(entries)), atomic.Int64{}
	inParallel(len(entries), func(i int) {
		if !entries[i].IsDir() {
			return
		}
		name := entries[i].Name()
		stat, err := os.Stat(filepath.Join(root, name, infoFile))
		if old := known[name]; old != nil && err == nil && old.Size == stat.Size() && old.Time == stat.ModTime().UnixNano() {
			old.Run.ID = name
			all[i] = old
			return
		}
		info := listed(root, entries[i])
		if info == nil {
			return
		}
		all[i] = &indexed{Run: *info}
		if err == nil && info.settled() && now().Sub(stat.ModTime()) > racy {
			all[i].Size, all[i].Time = stat.Size(), stat.ModTime().UnixNano()
			fresh.Add(1)
		}
	})
	all = slices.DeleteFunc(all, func(x *indexed) bool { return x == nil })
	if fresh.Load() > 0 {
		writeIndex(root, all)
	}
	out := make([]Info, len(all))
	for i, x := range all {
		out[i] = x.Run
		out[i].root, out[i].Parameters = root, nil
	}
	slices.SortFunc(out, func(a, b Info) int { return cmp.Or(b.Start.Compare(a.Start), cmp.Compare(b.ID, a.ID)) })
	return out, nil
}

// inParallel calls do with the numbers below n, on all processors.
func inParallel(n int, do func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// listed returns what a list shows of a folder, nil where that is nothing.
func listed(root string, e fs.DirEntry) *Info {
	info, err := read(root, e.Name())
	switch {
	case err == nil:
		settings := info.Settings()
		info.Task, info.Family = cmp.Or(info.Task, settings["task"]), cmp.Or(info.Family, settings["model.family"])
		info.settings = nil
		return info
	case errors.Is(err, fs.ErrNotExist) && !looksLikeRun(e.Name()):
		return nil
	}
	info = &Info{ID: e.Name(), Status: Damaged, Error: err.Error()}
	if errors.Is(err, fs.ErrNotExist) {
		info.Error = infoFile + " is missing"
	}
	if stat, err := os.Stat(filepath.Join(root, e.Name())); err == nil {
		info.Start = stat.ModTime()
		info.End = info.Start
	}
	return info
}

// The index spares a list of thousands of runs the reading of their whole configurations: it holds of each run that has
// ended what a list shows. It is a cache: an entry counts only while size and time of its run.json are those that it
// was made from, and without the file all is as before, but slower.
const (
	indexFile   = "index.json"
	indexFormat = 1
	racy        = 2 * time.Second // a run.json that is younger may change again without a change of its time
)

type index struct {
	Format int        `json:"format"`
	Runs   []*indexed `json:"runs"`
}

type indexed struct {
	Run  Info  `json:"run"`
	Size int64 `json:"size"`
	Time int64 `json:"time"` // nanoseconds since 1970
}

// settled tells whether a run is as it will stay.
func (i *Info) settled() bool {
	return i.Status == Finished || i.Status == Failed || i.Status == Interrupted && !i.End.IsZero()
}

func readIndex(root string) map[string]*indexed {
	known := map[string]*indexed{}
	data, err := os.ReadFile(filepath.Join(root, indexFile))
	var x index
	if err != nil || json.Unmarshal(data, &x) != nil || x.Format != indexFormat {
		return known
	}
	for _, r := range x.Runs {
		if r != nil {
			known[r.Run.ID] = r
		}
	}
	return known
}

// writeIndex keeps what has settled. Where it cannot be written, the next list is as slow as this one.
func writeIndex(root string, all []*indexed) {
	x := index{Format: indexFormat}
	for _, r := range all {
		if r.Time == 0 {
			continue
		}
		short := *r
		short.Run.Parameters, short.Run.Artefacts = nil, nil
		x.Runs = append(x.Runs, &short)
	}
	if data, err := json.Marshal(x); err == nil {
		_ = atomicfile.WriteFile(filepath.Join(root, indexFile), data, 0o644)
	}
}
