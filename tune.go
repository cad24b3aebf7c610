package xiaoyu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// TuneOptions are what a search needs beside its configuration.
type TuneOptions struct {
	Observer Observer // nil for silence
	Study    string   // its name; "" for one that follows from the project's
	Resume   bool     // go on with the study of that name, or with the latest; its own configuration holds, but for limits that are not 0
	Set      []string // key=value of the configuration that hold for every family of the search
}

// TuneResult is what a search brought.
type TuneResult struct {
	Study   *tune.Study
	Best    *tune.Trial
	Config  *Config // of the best trial
	Seconds float64
}

// StudiesDir returns the folder that holds the studies of a project.
func StudiesDir(runs string) string { return filepath.Join(runs, "studies") }

// subject is what a study keeps of its project.
type subject struct {
	Config string   `json:"config"` // xiaoyu.yaml
	Set    []string `json:"set,omitempty"`
	Digest string   `json:"digest"` // of the data
}

func subjectOf(c *Config, set []string, digest string) (subject, error) {
	var b strings.Builder
	err := conf.Encode(&b, c)
	return subject{b.String(), set, digest}, err
}

// Tune does what `xiaoyu tune` does: it trains and judges configurations from the space c.Tune.Space, on the validation
// part, and returns the best one. The test part is not looked at: train the returned configuration with Train, once, to
// see the figure that counts. The record is a study in StudiesDir(c.Runs), with which a search that was interrupted or
// killed goes on.
func Tune(ctx context.Context, c *Config, o TuneOptions) (*TuneResult, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	start := time.Now()
	s, study, err := openSearch(ctx, c, &o)
	if err != nil {
		return nil, err
	}
	defer study.Close()
	limits := c.Tune
	searching, cancel := ctx, context.CancelFunc(func() {})
	if limits.Minutes > 0 {
		searching, cancel = context.WithTimeout(ctx, time.Duration(limits.Minutes*float64(time.Minute)))
	}
	defer cancel()
	o.Observer.Stage("searching", int64(limits.Trials), "trials")
	err = study.Run(searching, tune.RunOptions{Trials: limits.Trials, Parallel: limits.Parallel, Each: func(t tune.Trial) { tell(o.Observer, study, &t) }}, s.trial)
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil // the time is over, as it was asked for
	}
	name := filepath.Base(study.Dir)
	if errors.Is(err, context.Canceled) {
		return nil, hint.Wrap(err, fmt.Sprintf("`xiaoyu tune --study %s --resume` goes on", name), "searching")
	}
	if err != nil {
		return nil, err
	}
	if study.Best() == nil {
		return nil, hint.Errorf(fmt.Sprintf("give more minutes or trials: `xiaoyu tune --study %s --resume` goes on", name), "searching: no trial has come to its end")
	}
	config, err := TrialConfig(study, 0)
	return &TuneResult{Study: study, Best: study.Best(), Config: config, Seconds: time.Since(start).Seconds()}, err
}

// tell shows a trial that has ended.
func tell(o Observer, study *tune.Study, t *tune.Trial) {
	ended := 0
	for _, other := range study.Trials() {
		if other.State != tune.Waiting && other.State != tune.Running {
			ended++
		}
	}
	o.Progress(int64(ended), Standing(study))
	outcome := map[tune.State]string{tune.Pruned: "given up", tune.Failed: "failed"}[t.State]
	if t.State == tune.Complete {
		outcome = Figures(study.Objectives, t.Values)
	} else if n := len(t.Steps); n > 0 {
		outcome += fmt.Sprintf(" after epoch %d at %s", t.Steps[n-1].At, Figures(study.Objectives[:1], []float64{t.Steps[n-1].Value}))
	}
	if t.Note != "" && t.State != tune.Complete {
		outcome += ": " + strings.TrimSuffix(t.Note, ": "+tune.ErrPruned.Error())
	}
	o.Note("  trial %3d  %s  %.1f s  %s", t.Number, outcome, t.Seconds, Settings(study.Space, t.Params))
}

// Standing tells the best so far.
func Standing(study *tune.Study) string {
	best := study.Best()
	if best == nil {
		return ""
	}
	return fmt.Sprintf("best: trial %d, %s", best.Number, Figures(study.Objectives, best.Values))
}

// Figures writes values of objectives for people.
func Figures(objectives []tune.Objective, values []float64) string {
	var parts []string
	for i, o := range objectives[:min(len(objectives), len(values))] {
		parts = append(parts, o.Name+" "+tune.Figure(o.Name, values[i]))
	}
	return strings.Join(parts, ", ")
}

// Settings writes the settings of a trial in the order of the space.
func Settings(space tune.Space, params map[string]string) string {
	var parts []string
	for i := range space {
		if v, ok := params[space[i].Name]; ok {
			parts = append(parts, space[i].Target()+"="+v)
		}
	}
	return strings.Join(parts, " ")
}

// openSearch checks the search before anything runs, reads the data, and creates the study or opens it again.
func openSearch(ctx context.Context, c *Config, o *TuneOptions) (*search, *tune.Study, error) {
	if o.Resume {
		return resumeSearch(ctx, c, o)
	}
	s := &search{base: c, set: o.Set}
	if err := s.check(ctx); err != nil {
		return nil, nil, err
	}
	set, err := s.read(ctx, o.Observer)
	if err != nil {
		return nil, nil, err
	}
	if len(set.Parts[data.Validation]) == 0 {
		return nil, nil, hint.Errorf("raise data.split.validation", "searching: there is no validation part to judge by")
	}
	dir, err := studyDir(c, o.Study)
	if err != nil {
		return nil, nil, err
	}
	project, err := subjectOf(c, o.Set, set.Digest)
	if err != nil {
		return nil, nil, err
	}
	about, err := json.Marshal(project)
	if err != nil {
		return nil, nil, err
	}
	study, err := tune.Create(dir, tune.Plan{Name: filepath.Base(dir), Space: s.space, Objectives: s.objectives, Sampler: c.Tune.Sampler, Pruner: c.Tune.Pruner,
		Seed: c.Train.Seed, Subject: about})
	if err == nil {
		o.Observer.Note("study %s: %d settings, judged by %s on the validation part", dir, len(s.space), strings.Join(c.Tune.Objective, ", "))
	}
	return s, study, err
}

// studyDir finds the folder of a new study: NAME, NAME-2, NAME-3… where no name was asked for.
func studyDir(c *Config, name string) (string, error) {
	if name != "" {
		return StudyDir(c.Runs, name)
	}
	for n := 1; ; n++ {
		name := c.Name
		if n > 1 {
			name = fmt.Sprintf("%s-%d", c.Name, n)
		}
		dir, err := StudyDir(c.Runs, name)
		if err != nil {
			return "", err
		}
		if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
			return dir, nil
		}
	}
}

// StudyDir returns the folder of a study; name is no path.
func StudyDir(runs, name string) (string, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") || strings.ContainsAny(name, `/\`) {
		return "", hint.Errorf("choose a plain name, such as first", "%q is no name of a study", name)
	}
	return filepath.Join(StudiesDir(runs), name), nil
}

// LatestStudy returns the name of the study that was created last.
func LatestStudy(runs string) (string, error) {
	studies, err := tune.Studies(StudiesDir(runs))
	if err != nil {
		return "", err
	}
	if len(studies) == 0 {
		return "", hint.Errorf("`xiaoyu tune` makes one", "there is no study in %s", StudiesDir(runs))
	}
	return filepath.Base(studies[0].Dir), nil
}

// resumeSearch opens a study; its own configuration replaces that of the project, but for the limits.
func resumeSearch(ctx context.Context, c *Config, o *TuneOptions) (*search, *tune.Study, error) {
	name, err := o.Study, error(nil)
	if name == "" {
		if name, err = LatestStudy(c.Runs); err != nil {
			return nil, nil, err
		}
	}
	dir, err := StudyDir(c.Runs, name)
	if err != nil {
		return nil, nil, err
	}
	study, err := tune.Resume(dir)
	if err != nil {
		return nil, nil, err
	}
	s, err := searchOf(study)
	if err == nil {
		own := &s.base.Tune
		own.Trials, own.Minutes, own.Parallel = cmp.Or(c.Tune.Trials, own.Trials), cmp.Or(c.Tune.Minutes, own.Minutes), cmp.Or(c.Tune.Parallel, own.Parallel)
		c.Tune = *own
		err = s.check(ctx)
	}
	var set *data.Set
	if err == nil {
		s.space = study.Space // as it was
		set, err = s.read(ctx, o.Observer)
	}
	if err == nil {
		var about subject
		if err = json.Unmarshal(study.Subject, &about); err == nil && about.Digest != set.Digest {
			err = hint.Errorf("restore the file, or begin a new study", "resuming the study %s: the data has changed since it began", dir)
		}
	}
	if err == nil {
		err = repeatVanished(study, o.Observer)
	}
	if err != nil {
		return nil, nil, errors.Join(err, study.Close())
	}
	o.Observer.Note("study %s goes on after %d trials", dir, len(study.Trials()))
	return s, study, nil
}

// searchOf rebuilds the search that a study is of.
func searchOf(study *tune.Study) (*search, error) {
	var about subject
	err := json.Unmarshal(study.Subject, &about)
	var c *Config
	if err == nil {
		c, err = ParseConfig([]byte(about.Config), filepath.Join(study.Dir, "study.json"))
	}
	if err != nil {
		return nil, hint.Wrap(err, "begin a new study", "opening the study %s", study.Dir)
	}
	return &search{base: c, set: about.Set, space: study.Space, objectives: study.Objectives}, nil
}

// repeatVanished lets the best trials whose files are gone be run again.
func repeatVanished(study *tune.Study, o Observer) error {
	for _, t := range tune.Front(study.Trials(), study.Objectives) {
		if _, err := os.Stat(filepath.Join(study.TrialDir(t.Number), ConfigFile)); errors.Is(err, fs.ErrNotExist) {
			o.Note("note: the files of trial %d are gone; it is run again", t.Number)
			if err := study.Repeat(t.Number); err != nil {
				return err
			}
		}
	}
	return nil
}

// TrialConfig reads the configuration of a trial; 0 for the best.
func TrialConfig(study *tune.Study, number int) (*Config, error) {
	name := filepath.Base(study.Dir)
	what := fmt.Sprintf("trial %d", number)
	if number == 0 {
		best := study.Best()
		if best == nil {
			return nil, hint.Errorf(fmt.Sprintf("`xiaoyu tune --study %s --resume` goes on", name), "the study %s has no complete trial", study.Dir)
		}
		number = best.Number
		what = fmt.Sprintf("the best trial, %d,", number)
	}
	c, err := LoadConfig(filepath.Join(study.TrialDir(number), ConfigFile))
	if errors.Is(err, fs.ErrNotExist) {
		way := fmt.Sprintf("`xiaoyu tune --study %s --resume` runs it again", name)
		for _, t := range tune.Ranked(study.Trials(), study.Objectives) {
			if _, err := os.Stat(filepath.Join(study.TrialDir(t.Number), ConfigFile)); err == nil && t.State == tune.Complete {
				way += fmt.Sprintf("; or take the next best with --trial %d", t.Number)
				break
			}
		}
		return nil, hint.Errorf(way, "the study %s: %s has vanished: %s is not there", study.Dir, what, filepath.Join(study.TrialDir(number), ConfigFile))
	}
	return c, err
}

// check fills in and checks what follows from the configuration alone.
func (s *search) check(ctx context.Context) error {
	c := s.base
	s.threads = threadsFor(c, c.Tune.Parallel)
	s.objectives = nil
	for _, name := range c.Tune.Objective {
		o, ok := objectives[name]
		if !ok {
			return hint.Errorf(hint.OneOf(name, slices.Sorted(maps.Keys(objectives))), "unknown objective %q", name)
		}
		s.objectives = append(s.objectives, o)
	}
	if len(s.objectives) == 0 {
		return hint.Errorf("choose one with --objective accuracy", "searching: no objective is named")
	}
	space, err := tune.ParseSpace(c.Tune.Space)
	if err != nil {
		return err
	}
	if err := space.Bind(c); err != nil {
		return err
	}
	if s.space, err = suitFamilies(space, c.Model.Family); err != nil {
		return err
	}
	if c.Data.Path == "-" {
		return hint.Errorf("write it to a file first", "searching: standard input cannot be read again for the training at the end")
	}
	return c.resolveTask(ctx)
}

// fixed are keys, or sections with a dot, that make trials what they are: values of them could not be compared.
var fixed = []string{"name", "out", "runs", "task", "data.path", "data.validation_path", "data.test_path", "data.text", "data.label", "data.pair", "data.split.", "eval.", "tune.", "train.threads",
	"train.checkpoint", "train.folds"}

// suitFamilies lets keys that only some families read apply to those alone, and refuses those that none of the search
// reads.
func suitFamilies(space tune.Space, family string) (tune.Space, error) {
	families := []string{family}
	searched := false
	for _, p := range space {
		if p.Name == "model.family" {
			families, searched = p.Choices, true
		}
		for _, key := range fixed {
			if p.Name == key || strings.HasSuffix(key, ".") && strings.HasPrefix(p.Name, key) {
				return nil, hint.Errorf("take it out of the space, and set it for all trials", "searching: %s is the same for all trials", p.Name)
			}
		}
	}
	for i := range space {
		p := &space[i]
		key, isModel := strings.CutPrefix(p.Name, "model.")
		if !isModel || key == "family" {
			continue
		}
		var readers []string
		for _, f := range families {
			if model.Reads(f, key) {
				readers = append(readers, f)
			}
		}
		if len(readers) == 0 {
			return nil, hint.Errorf("take it out of the space, or choose another family", "searching %s: the family %s does not read it", p.Name, strings.Join(families, ", "))
		}
		if searched && len(readers) < len(families) && p.If.Name == "" {
			p.If = tune.Condition{Name: "model.family", Values: readers}
		}
	}
	return space, space.Check()
}

// read loads the data of the base configuration, which all trials share unless they change it.
func (s *search) read(ctx context.Context, o Observer) (*data.Set, error) {
	if len(s.base.Pretrain.Texts) > 0 {
		return nil, hint.Errorf("run `xiaoyu pretrain` first, set model.base to what it writes, and leave out pretrain.texts", "searching: pretrain.texts would be learnt from again for each trial")
	}
	t := &training{Observer: o, config: *s.base}
	return s.data.get(s.base.Data, func() (*data.Set, error) {
		err := t.read(ctx)
		return t.set, err
	})
}

// MarshalJSON writes the result for programs.
func (r *TuneResult) MarshalJSON() ([]byte, error) {
	trials := r.Study.Trials()
	front := tune.Front(trials, r.Study.Objectives)
	return json.Marshal(map[string]any{
		"study": r.Study.Dir, "objectives": r.Study.Objectives, "space": r.Study.Space, "best": r.Best, "front": front, "trials": trials,
		"importance": Importance(r.Study), "seconds": r.Seconds,
	})
}

// Importance returns for each objective what share of its variance each setting explains.
func Importance(study *tune.Study) map[string]map[string]float64 {
	out := map[string]map[string]float64{}
	for i, o := range study.Objectives {
		if shares := tune.Importance(study.Space, study.Objectives, study.Trials(), i); shares != nil {
			out[o.Name] = shares
		}
	}
	return out
}
