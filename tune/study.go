package tune

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

// The files of a study's folder. Each trial may keep its own below trials/NUMBER.
const (
	planFile    = "study.json"
	logFile     = "trials.jsonl"
	lockFile    = "lock"
	trialFolder = "trials"
)

// Plan is what a study keeps to from its first trial to its last.
type Plan struct {
	Name       string          `json:"name"`
	Created    time.Time       `json:"created"`
	Space      Space           `json:"space"`
	Objectives []Objective     `json:"objectives"`
	Sampler    string          `json:"sampler"`           // tpe or random
	Pruner     string          `json:"pruner"`            // asha or none
	Startup    int             `json:"startup,omitempty"` // of TPE
	Seed       uint64          `json:"seed"`
	Subject    json.RawMessage `json:"subject,omitempty"` // what the caller wants to find again, such as a configuration
}

// Study is a search, on disk.
type Study struct {
	Plan
	Dir     string
	mu      sync.Mutex
	trials  []Trial // by number
	journal *journal
	locked  bool
}

// Create begins a study in a new folder.
func Create(dir string, plan Plan) (*Study, error) {
	if err := plan.Space.Check(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(dir, planFile)); err == nil {
		return nil, hint.Errorf("go on with it by --resume, or choose another name by --study", "the study %s exists", dir)
	}
	const way = "choose a folder that you may write to (runs: in xiaoyu.yaml)"
	if err := os.MkdirAll(filepath.Join(dir, trialFolder), 0o755); err != nil {
		return nil, hint.Wrap(err, way, "creating a study")
	}
	plan.Created = time.Now().UTC()
	content, err := json.MarshalIndent(&plan, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("creating the study %s: %w", dir, err)
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, planFile), append(content, '\n'), 0o644); err != nil {
		return nil, hint.Wrap(err, way, "creating a study")
	}
	return Resume(dir)
}

// Open reads a study.
func Open(dir string) (*Study, error) {
	content, err := os.ReadFile(filepath.Join(dir, planFile))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fs.ErrNotExist
		}
		return nil, hint.Wrap(err, "`xiaoyu tune list` shows the studies", "opening the study %s", dir)
	}
	s := &Study{Dir: dir}
	if err := json.Unmarshal(content, &s.Plan); err != nil {
		return nil, hint.Wrap(err, "delete it with `xiaoyu tune delete`, and begin anew", "opening the study %s: %s is damaged", dir, planFile)
	}
	if err := s.check(); err != nil {
		return nil, hint.Wrap(err, "delete it with `xiaoyu tune delete`, and begin anew", "opening the study %s: %s is damaged", dir, planFile)
	}
	s.trials, _, err = readLog(filepath.Join(dir, logFile))
	return s, err
}

func (p *Plan) check() error {
	if len(p.Objectives) == 0 {
		return errors.New("there is no objective")
	}
	for i := range p.Space {
		if err := p.Space[i].check(); err != nil {
			return err
		}
	}
	return p.Space.Check()
}

// Resume opens a study to go on with it. Trials that were running when their process ended wait to be run again.
func Resume(dir string) (*Study, error) {
	s, err := Open(dir)
	if err != nil {
		return nil, err
	}
	if err := s.lock(); err != nil {
		return nil, err
	}
	var keep int64
	path := filepath.Join(dir, logFile)
	if s.trials, keep, err = readLog(path); err == nil {
		s.journal, err = openJournal(path, keep)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	for i := range s.trials {
		if s.trials[i].State == Running {
			s.trials[i].State = Waiting
		}
	}
	return s, nil
}

// lock keeps a second process from the study. A lock whose process has ended is void.
func (s *Study) lock() error {
	path := filepath.Join(s.Dir, lockFile)
	for range 2 {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = f.WriteString(strconv.Itoa(os.Getpid()))
			s.locked = true
			return errors.Join(err, f.Close())
		}
		if !errors.Is(err, fs.ErrExist) {
			return hint.Wrap(err, "choose a folder that you may write to (runs: in xiaoyu.yaml)", "opening the study %s", s.Dir)
		}
		holder, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("opening the study %s: %w", s.Dir, err)
		}
		if pid, err := strconv.Atoi(string(holder)); err == nil && track.Alive(pid) {
			return hint.Errorf("stop that process first", "the study %s is searched by process %d", s.Dir, pid)
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("opening the study %s: %w", s.Dir, err)
		}
	}
	return hint.Errorf("try again", "the study %s is being opened by another process", s.Dir)
}

// Close ends the work on a study that was created or resumed.
func (s *Study) Close() error {
	var err error
	if s.journal != nil {
		err = s.journal.close()
	}
	if s.locked {
		err = errors.Join(err, os.Remove(filepath.Join(s.Dir, lockFile)))
	}
	s.journal, s.locked = nil, false
	return err
}

// Trials returns all trials, by number.
func (s *Study) Trials() []Trial {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.trials)
}

// Best returns the best complete trial, nil if there is none. With several objectives it is the one of the front that
// has the best value of the first.
func (s *Study) Best() *Trial {
	front := Front(s.Trials(), s.Objectives)
	if len(front) == 0 {
		return nil
	}
	return &front[0]
}

// TrialDir returns the folder in which a trial may keep files.
func (s *Study) TrialDir(number int) string {
	return filepath.Join(s.Dir, trialFolder, fmt.Sprintf("%04d", number))
}

// Enqueue adds a trial of chosen settings, to be run before any others. note says where they came from.
func (s *Study) Enqueue(params map[string]string, note string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := Trial{Number: s.next(), State: Waiting, Params: maps.Clone(params), Note: note}
	if err := s.journal.write(event{Trial: t.Number, State: Waiting, Params: t.Params, Note: note}); err != nil {
		return err
	}
	s.trials = append(s.trials, t)
	return nil
}

// Repeat lets a trial wait again, whose files are lost.
func (s *Study) Repeat(number int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.trials {
		if t := &s.trials[i]; t.Number == number {
			*t = Trial{Number: number, State: Waiting, Params: t.Params, Note: t.Note}
			return s.journal.write(event{Trial: number, State: Waiting, Params: t.Params, Note: t.Note})
		}
	}
	return hint.Errorf("`xiaoyu tune show` lists them", "the study %s has no trial %d", s.Dir, number)
}

func (s *Study) next() int {
	if len(s.trials) == 0 {
		return 1
	}
	return s.trials[len(s.trials)-1].Number + 1
}

// Studies reads the studies below a folder, the newest first. Folders that hold none are skipped.
func Studies(root string) ([]*Study, error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing studies: %w", err)
	}
	var out []*Study
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if s, err := Open(filepath.Join(root, e.Name())); err == nil {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b *Study) int { return b.Created.Compare(a.Created) })
	return out, nil
}

// Delete removes a study that nobody works on.
func Delete(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, planFile)); err != nil {
		return hint.Wrap(fs.ErrNotExist, "`xiaoyu tune list` shows the studies", "deleting the study %s", dir)
	}
	s := &Study{Dir: dir}
	if err := s.lock(); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// ErrExhausted is the cause of an error when every setting of the space has been tried.
var ErrExhausted = errors.New("every setting of the space has been tried")

// ErrPruned ends a trial as one that was given up: Study.Run expects it, wrapped or not, from its function.
var ErrPruned = errors.New("given up")

// interrupted tells whether an error says that the search was stopped, not that a trial failed.
func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
