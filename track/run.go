// Package track keeps the record of trainings: what was run, on what, how it went, and what came out.
//
// A run is a folder, runs/ID, that outlives the process and that other tools can read:
//
//	run.json                  parameters, environment, data, status, figures, artefacts
//	metrics.jsonl             one line a logged step
//	events.out.tfevents.…     the same for TensorBoard
//
// Writing:
//
//	run, err := track.Start("runs", track.Info{Name: "reviews", Parameters: …})
//	run.Log(step, epoch, map[string]float64{"train/loss": 0.42})
//	run.Finish(track.Finished, map[string]float64{"accuracy": 0.91})
//
// Reading: [List], [Load], [Metrics], [Curve]; choosing: [ParseFilter], [Sort].
package track

import (
	"bufio"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Status is how a run stands.
type Status string

// The states of a run.
const (
	Running     Status = "running"
	Finished    Status = "finished"
	Failed      Status = "failed"
	Interrupted Status = "interrupted" // can be resumed
)

// Info is what run.json holds.
type Info struct {
	ID          string             `json:"id"`
	Name        string             `json:"name"`
	Task        string             `json:"task,omitempty"`   // what is learnt
	Family      string             `json:"family,omitempty"` // of the model
	Status      Status             `json:"status"`
	Error       string             `json:"error,omitempty"`
	Start       time.Time          `json:"start"`
	End         time.Time          `json:"end,omitzero"`
	Command     []string           `json:"command"`
	Parameters  any                `json:"parameters,omitempty"` // the whole configuration; see Settings for a run of List
	Data        map[string]string  `json:"data"`                 // digests by file
	Environment Environment        `json:"environment"`
	Summary     map[string]float64 `json:"summary,omitempty"`
	Artefacts   map[string]string  `json:"artefacts,omitempty"` // digests by path
	Step        int                `json:"step"`                // last step logged
	PID         int                `json:"pid"`
	Resumed     int                `json:"resumed,omitempty"` // how often

	root     string            // the folder of the runs, where Parameters were not read
	settings map[string]string // see Settings
}

// Environment is where a run took place.
type Environment struct {
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	Cores   int    `json:"cores"`
	Kernel  string `json:"kernel"` // variant of the engine's inner loops
	Go      string `json:"go"`
	Version string `json:"version"` // of this program's code
	PeakRSS int64  `json:"peak_rss,omitempty"`
}

// Files of a run.
const (
	infoFile    = "run.json"
	metricsFile = "metrics.jsonl"
)

// Run is a run that is being written. Its methods may be called by many goroutines.
type Run struct {
	mu      sync.Mutex
	dir     string
	info    Info
	metrics *os.File
	buffer  *bufio.Writer
	events  *eventWriter
	flushed time.Time
}

// now is replaced in tests.
var now = time.Now

// Start creates a run in a new folder under root. info gives name, command, parameters, data and kernel; the rest is
// filled in.
func Start(root string, info Info) (*Run, error) {
	var random [2]byte
	// crypto/rand never fails on supported systems.
	_, _ = rand.Read(random[:])
	t := now()
	info.ID = t.Format("20060102-150405.000") + "-" + hex.EncodeToString(random[:])
	info.Start, info.Status, info.PID = t, Running, os.Getpid()
	info.Environment = Environment{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), Kernel: info.Environment.Kernel,
		Go: runtime.Version(), Version: codeVersion()}
	dir := filepath.Join(root, info.ID)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose a folder that you may write to (runs: in xiaoyu.yaml)", "creating a run in %s", root)
	}
	r := &Run{dir: dir, info: info}
	if err := r.open(0); err != nil {
		return nil, err
	}
	return r, nil
}

// Resume opens an earlier run to go on after step; what was logged beyond that is cut off.
func Resume(root, id string, step int) (*Run, error) {
	info, err := Load(root, id)
	if err != nil {
		return nil, err
	}
	info.Status, info.Error, info.End, info.PID, info.Step = Running, "", time.Time{}, os.Getpid(), step
	info.Resumed++
	r := &Run{dir: filepath.Join(root, info.ID), info: *info}
	if err := cutMetrics(filepath.Join(r.dir, metricsFile), step); err != nil {
		return nil, err
	}
	if err := r.open(step + 1); err != nil {
		return nil, err
	}
	return r, nil
}

// open prepares the files; purge is the first step that TensorBoard shall forget, 0 for none.
func (r *Run) open(purge int) error {
	const way = "choose a folder that you may write to (runs: in xiaoyu.yaml)"
	var err error
	if r.metrics, err = os.OpenFile(filepath.Join(r.dir, metricsFile), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644); err != nil {
		return hint.Wrap(err, way, "writing the run %s", r.info.ID)
	}
	r.buffer = bufio.NewWriter(r.metrics)
	if r.events, err = newEventWriter(r.dir, now(), purge); err != nil {
		r.metrics.Close()
		return hint.Wrap(err, way, "writing the run %s", r.info.ID)
	}
	return r.save()
}

// ID returns the name of the run's folder.
func (r *Run) ID() string { return r.info.ID }

// Dir returns the run's folder, where its caller may keep checkpoints.
func (r *Run) Dir() string { return r.dir }

// point is a line of metrics.jsonl.
type point struct {
	Step   int                `json:"step"`
	Epoch  int                `json:"epoch"`
	Time   float64            `json:"time"` // seconds since 1970
	Values map[string]float64 `json:"values"`
}

// Log records values at a step. Values that are no finite number are left out. It writes through a buffer that is
// flushed every second or so, and by Flush.
func (r *Run) Log(step, epoch int, values map[string]float64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	t := now()
	p := point{Step: step, Epoch: epoch, Time: float64(t.UnixMicro()) / 1e6, Values: map[string]float64{}}
	for name, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			p.Values[name] = v
		}
	}
	line, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("logging step %d: %w", step, err)
	}
	r.info.Step = step
	_, err = r.buffer.Write(append(line, '\n'))
	if err == nil {
		err = r.events.scalars(t, step, p.Values)
	}
	if err == nil && t.Sub(r.flushed) > time.Second {
		r.flushed = t
		err = r.flush()
	}
	if err != nil {
		return hint.Wrap(err, "free some space; `xiaoyu train --resume` continues", "logging step %d of run %s", step, r.info.ID)
	}
	return nil
}

// Flush writes out what Log holds back.
func (r *Run) Flush() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flush()
}

func (r *Run) flush() error { return errors.Join(r.buffer.Flush(), r.events.flush()) }

// Artefact records a file or package that the run made, with its digest.
func (r *Run) Artefact(path, digest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.info.Artefacts == nil {
		r.info.Artefacts = map[string]string{}
	}
	r.info.Artefacts[path] = digest
}

// Finish ends the run. cause is kept with a failed one.
func (r *Run) Finish(status Status, summary map[string]float64, cause error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.info.Status, r.info.End, r.info.Summary = status, now(), summary
	r.info.Environment.PeakRSS = PeakRSS()
	if cause != nil {
		r.info.Error = cause.Error()
	}
	err := errors.Join(r.flush(), r.metrics.Close(), r.events.close(), r.save())
	if err != nil {
		return hint.Wrap(err, "free some space", "ending the run %s", r.info.ID)
	}
	return nil
}

func (r *Run) save() error {
	data, err := json.MarshalIndent(r.info, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the run %s: %w", r.info.ID, err)
	}
	return atomicfile.WriteFile(filepath.Join(r.dir, infoFile), append(data, '\n'), 0o644)
}

// codeVersion is the module's version, or the revision that it was built from.
func codeVersion() string {
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range b.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(len(s.Value), 12)]
		}
	}
	return b.Main.Version
}

// notFound explains that there is no such run.
func notFound(root, id string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return hint.Wrap(fs.ErrNotExist, "`xiaoyu runs` lists them", "reading the run %s in %s", id, root)
	}
	return hint.Wrap(err, "`xiaoyu runs` lists the others", "reading the run %s in %s", id, root)
}
