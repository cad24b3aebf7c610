package xiaoyu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/train"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// AutoOptions are what Auto needs beside the configuration.
type AutoOptions struct {
	Observer Observer // nil for silence
	Command  []string // recorded in the run
	Minutes  float64  // for everything, the training at the end included; 0 for 5
	Resume   bool     // go on with the latest automatic study, in the minutes that are left of its own
	Family   string   // the only family that is looked at; "" for those that suit
	Set      []string // key=value that hold for every family
}

// AutoResult is what Auto chose, and why.
type AutoResult struct {
	*Result
	Study *tune.Study
	Story []string // what was tried and why this was chosen, in plain words
}

// Limits of Auto.
const (
	fewRows   = 200 // validation rows below which a single split is too much of a chance
	autoFolds = 5   // of cross-validation then
	finalists = 3   // settings that are judged again before one is chosen
	reserve   = 1.5 // how much longer the training at the end may take than the trial did
)

// Auto does what `xiaoyu train --auto` does: it looks at the data, tries the presets of the families that suit, searches
// about the good ones while there is time, judges the best again on other parts of the training data, and trains the
// winner. With few rows everything is judged by cross-validation. The test part is looked at once, at the end.
func Auto(ctx context.Context, c *Config, o AutoOptions) (*AutoResult, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	if o.Minutes <= 0 {
		o.Minutes = 5
	}
	own := *c // the task is resolved in it
	c = &own
	if err := model.Replaceable(c.packageDir()); err != nil {
		return nil, err
	}
	a := &auto{Observer: o.Observer, options: o, start: time.Now(), projected: map[string]float64{}}
	if err := a.open(ctx, c); err != nil {
		return nil, err
	}
	defer a.study.Close()
	config, err := a.choose(ctx)
	if err == nil {
		err = a.study.Close()
	}
	if errors.Is(err, context.Canceled) {
		return nil, hint.Wrap(err, "`xiaoyu train --auto --resume` goes on", "searching")
	}
	if err != nil {
		return nil, err
	}
	for _, line := range a.story {
		a.Note("%s", line)
	}
	result, err := Train(ctx, config, TrainOptions{Observer: o.Observer, Command: o.Command})
	if err != nil {
		return nil, err
	}
	main := result.Report.Main()
	a.tell("on the test part, which nothing of this has seen: %s %.4f", main.Name, main.Value)
	result.Seconds = time.Since(a.start).Seconds()
	return &AutoResult{Result: result, Study: a.study, Story: a.story}, nil
}

// auto is the state of one call of Auto.
type auto struct {
	Observer
	*search
	options  AutoOptions
	start    time.Time
	deadline time.Time
	study    *tune.Study
	set      *data.Set
	families []string
	parts    [][]data.Row // folds of training and validation rows together
	rows     int          // that a figure is of
	minutes  float64
	story    []string

	projected   map[string]float64 // seconds that the trainings of families would take which were given up for that
	presetAgain float64            // figures of the best preset and of the winner, when they were judged again
	wonBy       float64
}

// autoSubject is the subject of an automatic study.
type autoSubject struct {
	subject
	Auto     float64  `json:"auto"` // minutes
	Families []string `json:"families"`
}

func (a *auto) tell(format string, args ...any) {
	a.story = append(a.story, fmt.Sprintf(format, args...))
}

// open looks at the data and creates the study, or opens the one that goes on.
func (a *auto) open(ctx context.Context, c *Config) error {
	minutes := a.options.Minutes
	var old *tune.Study
	if a.options.Resume {
		study, about, err := latestAuto(c.Runs)
		if err != nil {
			return err
		}
		a.search, err = searchOf(study)
		if err != nil {
			return errors.Join(err, study.Close())
		}
		spent := 0.0
		for _, t := range study.Trials() {
			spent += t.Seconds
		}
		minutes = max(about.Auto-spent/60, 0.2)
		a.families, old = about.Families, study
	} else {
		a.search = &search{base: c, set: a.options.Set}
	}
	a.minutes = minutes
	a.deadline = a.start.Add(time.Duration(minutes * float64(time.Minute)))
	err := a.look(ctx)
	switch {
	case err == nil && old == nil:
		err = a.create(minutes)
	case err == nil:
		var about autoSubject
		if err = json.Unmarshal(old.Subject, &about); err == nil && about.Digest != a.set.Digest {
			err = hint.Errorf("restore the file, or begin anew without --resume", "resuming the study %s: the data has changed since it began", old.Dir)
		}
		a.space, a.study = old.Space, old
	}
	if err != nil && old != nil {
		err = errors.Join(err, old.Close())
	}
	return err
}

// latestAuto opens the automatic study that was created last, to go on with it.
func latestAuto(runs string) (*tune.Study, *autoSubject, error) {
	studies, err := tune.Studies(StudiesDir(runs))
	if err != nil {
		return nil, nil, err
	}
	for _, s := range studies {
		var about autoSubject
		if json.Unmarshal(s.Subject, &about) == nil && about.Auto > 0 {
			study, err := tune.Resume(s.Dir)
			return study, &about, err
		}
	}
	return nil, nil, hint.Errorf("begin without --resume", "resuming: there is no automatic training in %s", StudiesDir(runs))
}

// look reads the data, and chooses families and the way of judging.
func (a *auto) look(ctx context.Context) error {
	c := a.base
	if c.Data.Path == "-" {
		return hint.Errorf("write it to a file first", "training automatically: standard input cannot be read again for the training at the end")
	}
	// The family is chosen later: any that can label tokens passes the check of the task.
	asked := c.Model.Family
	if a.options.Family == "" && !slices.Contains(model.TokenFamilies(), asked) {
		c.Model.Family = "cnn"
	}
	err := c.resolveTask(ctx)
	c.Model.Family = asked
	if err != nil {
		return err
	}
	a.threads = threadsFor(c, 1)
	a.objectives = []tune.Objective{objectives["accuracy"]}
	if a.set, err = a.read(ctx, a.Observer); err != nil {
		return err
	}
	if a.families == nil {
		a.families = autoFamilies
		switch c.Task {
		case data.Tags:
			a.families = autoTokenFamilies
		case data.Similarity:
			a.families = autoPairFamilies
		}
		if a.options.Family != "" {
			a.families = []string{a.options.Family}
		}
	}
	fit, valid := a.set.Parts[data.Train], a.set.Parts[data.Validation]
	both := slices.Concat(fit, valid)
	a.rows = len(valid)
	figure := map[string]string{"micro_f1": "micro F1", "r2": "R²", "entity_f1": "entity F1", "answer_f1": "F1 of answers", "spearman": "Spearman's ρ", "mrr": "mean reciprocal rank"}[train.MainMetric(c.Model.Head, len(a.set.Labels) > 0)]
	if figure == "" {
		figure = "accuracy"
	}
	if len(valid) < fewRows {
		a.parts, a.rows = foldsOf(both, autoFolds), len(both)
		a.parts = slices.DeleteFunc(a.parts, func(rows []data.Row) bool { return len(rows) == 0 })
		if len(a.parts) < 2 {
			return hint.Errorf("add examples", "training automatically: %d rows are too few to choose by", len(both))
		}
		a.tell("%d rows are few, so every setting is judged by %s in cross-validation of %d folds", len(both), figure, len(a.parts))
	} else {
		a.tell("settings are judged by %s on %d validation rows, trained on %d", figure, len(valid), len(fit))
	}
	if a.base, err = c.WithFamily(a.families[0]); err != nil {
		return err
	}
	a.base.Data.Task, a.base.Model.Head, a.base.Model.Pair = c.Data.Task, c.Model.Head, c.Model.Pair
	return a.override(a.base)
}

func (a *auto) create(minutes float64) error {
	var err error
	c := a.base
	chinese := chineseShare(a.set.Parts[data.Train]) > 0.3
	if a.space, err = autoSpace(c, a.families, chinese); err != nil {
		return err
	}
	dir, err := studyDir(&Config{Name: c.Name + "-auto", Runs: c.Runs}, "")
	if err != nil {
		return err
	}
	about, err := subjectOf(c, a.search.set, a.set.Digest)
	if err != nil {
		return err
	}
	content, err := json.Marshal(autoSubject{about, minutes, a.families})
	if err != nil {
		return err
	}
	a.study, err = tune.Create(dir, tune.Plan{Name: filepath.Base(dir), Space: a.space, Objectives: a.objectives, Sampler: "tpe", Pruner: "asha",
		Startup: len(a.families), Seed: c.Train.Seed, Subject: content})
	if err != nil {
		return err
	}
	for _, family := range a.families {
		preset, err := a.configOf(map[string]string{"model.family": family})
		if err == nil {
			err = a.study.Enqueue(presetParams(a.space, preset, family), presetNote)
		}
		if err != nil {
			return errors.Join(err, a.study.Close())
		}
	}
	return nil
}

const presetNote = "preset"

// isPreset tells whether a trial is the preset of a family: they are the first ones.
func (a *auto) isPreset(number int) bool { return number <= len(a.families) }

// choose runs trials while there is time, and returns the configuration of the winner.
func (a *auto) choose(ctx context.Context) (*Config, error) {
	a.Stage("trying", 0, "settings")
	err := a.study.Run(ctx, tune.RunOptions{More: a.more, Each: func(t tune.Trial) { tell(a.Observer, a.study, &t) }}, a.trial)
	if err != nil {
		return nil, err
	}
	best := a.study.Best()
	if best == nil {
		return a.shortened()
	}
	a.tellOfPresets()
	winner, err := a.confirm(ctx, best)
	if err != nil {
		return nil, err
	}
	a.tellOfWinner(winner)
	return a.configOf(winner.Params)
}

// more tells whether there is time for another trial: beside it, for the training at the end, and for judging the best
// again.
func (a *auto) more() bool {
	left := time.Until(a.deadline).Seconds()
	best := a.study.Best()
	if best == nil {
		return left > 0 && len(a.projected) == 0
	}
	if best.Values[0] >= 1 && !a.waiting() {
		return false // there is nothing to gain
	}
	seconds := best.Facts["seconds"]
	again := 0.0
	if a.parts == nil && !a.waiting() {
		again = min(2*againFolds*seconds, 60*a.minutes/4)
	}
	return left > reserve*seconds+again+float64(max(len(a.parts), 1))*seconds
}

func (a *auto) waiting() bool {
	return slices.ContainsFunc(a.study.Trials(), func(t tune.Trial) bool { return t.State == tune.Waiting })
}

// allowance is how many seconds a trial may take: the first has half of what is left, others share with those that wait.
func (a *auto) allowance() float64 {
	left := time.Until(a.deadline).Seconds()
	best := a.study.Best()
	if best == nil {
		return left / 2
	}
	waiting := 0
	for _, t := range a.study.Trials() {
		if t.State == tune.Waiting {
			waiting++
		}
	}
	share := (left - reserve*best.Facts["seconds"]) / float64(waiting+2)
	if waiting == 0 && !a.isPreset(len(a.study.Trials())) {
		// Several trials bring more than one that is large.
		share = min(share, max(3*best.Facts["seconds"]*float64(max(len(a.parts), 1)), 6*a.minutes))
	}
	return share
}

// trial is search.trial within an allowance, and by cross-validation where there are few rows. Presets are not given up
// for being poor: they are what the rest is compared with.
func (a *auto) trial(ctx context.Context, attempt *tune.Attempt) (tune.Outcome, error) {
	var outcome tune.Outcome
	c, err := a.configOf(attempt.Params)
	if err == nil {
		err = keepConfig(filepath.Join(attempt.Dir, ConfigFile), c)
	}
	if err != nil {
		return outcome, err
	}
	preset := a.isPreset(attempt.Number)
	report := func(step int, value float64, last bool) error {
		prune, err := attempt.Report(step, value)
		if err == nil && prune && !preset && !last {
			err = tune.ErrPruned
		}
		return err
	}
	allowed := a.allowance()
	start, sum := time.Now(), 0.0
	for i := range max(len(a.parts), 1) {
		set, checkpoint := a.set, filepath.Join(attempt.Dir, checkpointFile)
		watch := monitor{step: a.pace(c, allowed, len(a.parts))}
		switch {
		case a.parts != nil:
			set, checkpoint = without(a.set, a.parts, i), ""
		case reportsProgress(c):
			watch.epoch = func(e *train.Epoch) error { return report(e.Epoch, e.Valid.Main, e.Stopped) }
		}
		main, err := a.figure(ctx, c, set, i, checkpoint, watch)
		if err == nil && a.parts != nil {
			err = report(i+1, (sum+main)/float64(i+1), i == len(a.parts)-1)
		}
		if err == nil || ctx.Err() == nil {
			if removed := os.Remove(filepath.Join(attempt.Dir, checkpointFile)); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
				err = errors.Join(err, removed)
			}
		}
		if err != nil {
			return outcome, err
		}
		sum += main
	}
	n := float64(max(len(a.parts), 1))
	return tune.Outcome{Values: []float64{sum / n}, Facts: map[string]float64{"seconds": time.Since(start).Seconds() / n}}, nil
}

// figure trains on one division of the rows and returns the main figure on its validation part.
func (a *auto) figure(ctx context.Context, c *Config, set *data.Set, fold int, checkpoint string, watch monitor) (float64, error) {
	t, err := a.training(ctx, c, set, fold)
	if err != nil {
		return 0, err
	}
	scores, err := a.fit(ctx, t, checkpoint, watch)
	return scores.Main, err
}

// without returns the set with one fold for validation and the others for training.
func without(set *data.Set, folds [][]data.Row, i int) *data.Set {
	s := *set
	s.Parts[data.Validation] = folds[i]
	s.Parts[data.Train] = slices.Concat(slices.Concat(folds[:i]...), slices.Concat(folds[i+1:]...))
	return &s
}

// pace gives a training up that would take longer than it may. Patience mostly ends a training at two thirds of its
// epochs. What passes of optimizer dual are still to come cannot be told, so that it is given up only when its time is over.
func (a *auto) pace(c *Config, allowed float64, folds int) func(*train.Step) error {
	var start time.Time
	first := 0
	return func(s *train.Step) error {
		if first == 0 {
			start, first = time.Now(), s.Step
		}
		elapsed, done := time.Since(start).Seconds(), s.Step-first
		if done < 10 || elapsed < max(2, allowed/20) {
			return nil
		}
		whole := elapsed / float64(done) * float64(s.Steps) * float64(max(folds, 1))
		if !reportsProgress(c) {
			whole = 1.5 * elapsed * float64(max(folds, 1))
		}
		if whole*2/3 <= allowed {
			return nil
		}
		a.projected[c.Model.Family] = whole
		return fmt.Errorf("it would take about %s, of %s that it may: %w", seconds(whole), seconds(allowed), tune.ErrPruned)
	}
}

func seconds(s float64) string {
	return time.Duration(s * float64(time.Second)).Round(time.Second).String()
}

// shortened is the way out for data so large that nothing can be tried: the first family, with as many epochs as fit.
func (a *auto) shortened() (*Config, error) {
	family := a.families[0]
	whole, ok := a.projected[family]
	if !ok {
		for _, t := range a.study.Trials() {
			if t.State == tune.Failed {
				return nil, hint.Errorf("train a family of your choice with --model", "training automatically: trial %d failed: %s", t.Number, t.Note)
			}
		}
		return nil, hint.Errorf("give more --minutes", "training automatically: no setting came to its end")
	}
	c, err := a.configOf(map[string]string{"model.family": family})
	if err != nil {
		return nil, err
	}
	if !reportsProgress(c) { // its epochs are tries of their own
		a.tell("there was no time to try anything: the preset of %s alone takes more than %s", family, seconds(whole))
		return c, nil
	}
	epochs := int(float64(c.Train.Epochs) * time.Until(a.deadline).Seconds() / (reserve * whole / float64(max(len(a.parts), 1))))
	c.Train.Epochs = min(max(epochs, 1), c.Train.Epochs)
	a.tell("there is no time to try anything: the preset of %s alone would take about %s; it is trained for %d epochs", family, seconds(whole), c.Train.Epochs)
	return c, nil
}
