package xiaoyu

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// search trains and judges configurations on the validation part. A trial is a training of its own without record,
// report and package; data and tokenizers are shared among trials as far as their settings leave them alone.
type search struct {
	base       *Config
	set        []string // key=value, in force over the preset of any family
	space      tune.Space
	objectives []tune.Objective
	threads    int // of each trial
	data       shared[*data.Set]
	tokenizers shared[*text.Tokenizer]
}

// shared holds values by key, each made once.
type shared[T any] struct {
	mu     sync.Mutex
	values map[string]func() (T, error)
}

// get returns the value of a key, which the first call makes. A failure is kept as well, unless it was an interruption.
func (s *shared[T]) get(key any, make func() (T, error)) (T, error) {
	// Plain structs can always be written as JSON.
	name, _ := json.Marshal(key)
	s.mu.Lock()
	if s.values == nil {
		s.values = map[string]func() (T, error){}
	}
	f, ok := s.values[string(name)]
	if !ok {
		f = sync.OnceValues(make)
		s.values[string(name)] = f
	}
	s.mu.Unlock()
	v, err := f()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		s.mu.Lock()
		delete(s.values, string(name))
		s.mu.Unlock()
	}
	return v, err
}

// configOf returns the configuration of a trial.
func (s *search) configOf(params map[string]string) (*Config, error) {
	c := *s.base
	if family, ok := params["model.family"]; ok && family != c.Model.Family {
		other, err := s.base.WithFamily(family)
		if err != nil {
			return nil, err
		}
		other.Data.Task, other.Model.Head, other.Model.Pair = c.Data.Task, c.Model.Head, c.Model.Pair
		if err := s.override(other); err != nil {
			return nil, err
		}
		c = *other
	}
	for i := range s.space {
		p := &s.space[i]
		if value, ok := params[p.Name]; ok {
			if err := conf.Set(&c, p.Target(), value); err != nil {
				return nil, err
			}
		}
	}
	return &c, nil
}

// override sets what holds for every family.
func (s *search) override(c *Config) error {
	for _, pair := range s.set {
		key, value, _ := strings.Cut(pair, "=")
		if err := conf.Set(c, key, value); err != nil {
			return err
		}
	}
	return nil
}

// WithFamily returns the preset of another family on the project's data: learning rates and sizes of one family mean
// little to another.
func (c *Config) WithFamily(family string) (*Config, error) {
	p, err := Preset(family)
	if err != nil {
		return nil, err
	}
	p.Name, p.Out, p.Runs, p.Task, p.Data, p.Eval, p.Tune = c.Name, c.Out, c.Runs, c.Task, c.Data, c.Eval, c.Tune
	p.Train.Seed, p.Train.Threads = c.Train.Seed, c.Train.Threads
	return p, nil
}

// threadsFor shares the processors among trials that run at once.
func threadsFor(c *Config, parallel int) int {
	all := c.Train.Threads
	if all == 0 {
		all = runtime.GOMAXPROCS(0)
	}
	return max(1, all/max(parallel, 1))
}

// load returns the data of a configuration.
func (s *search) load(ctx context.Context, c *Config) (*data.Set, error) {
	return s.data.get(c.Data, func() (*data.Set, error) { return data.Load(ctx, &c.Data, nil) })
}

// training builds one that is ready to run, on the rows of set.
func (s *search) training(ctx context.Context, c *Config, set *data.Set, fold int) (*training, error) {
	t := &training{Observer: silent{}, config: *c, start: time.Now(), set: set}
	t.config.Train.Threads = s.threads
	t.config.suitScript(set.Parts[data.Train])
	tok, err := s.tokenizers.get([]any{t.config.Data, t.config.Tokenizer, fold}, func() (*text.Tokenizer, error) { return t.tokenizer(ctx) })
	if err != nil {
		return nil, err
	}
	return t, t.build(ctx, tok)
}

// monitor watches a training: each returns an error to end it. Both may be nil.
type monitor struct {
	step  func(*train.Step) error
	epoch func(*train.Epoch) error
}

// fit runs a training to its end and returns its figures on the validation part. With a checkpoint file it goes on from
// there, and writes it when it is interrupted.
func (s *search) fit(ctx context.Context, t *training, checkpoint string, watch monitor) (train.Scores, error) {
	end := sync.OnceFunc(t.trainer.Finish)
	defer end()
	if checkpoint != "" {
		// One that is missing, torn or of other code only costs the time to begin anew.
		_ = t.trainer.Restore(checkpoint)
	}
	saved := time.Now()
	for event, err := range t.trainer.Run(ctx) {
		if err == nil && event.Step != nil && watch.step != nil {
			err = watch.step(event.Step)
		}
		if err == nil && event.Epoch != nil && watch.epoch != nil {
			err = watch.epoch(event.Epoch)
		}
		due := event.Epoch != nil && time.Since(saved) > worthSaving
		if checkpoint != "" && (due || err != nil && ctx.Err() != nil) {
			saved = time.Now()
			err = errors.Join(err, saveCheckpoint(t.trainer, checkpoint))
		}
		if err != nil {
			return train.Scores{}, err
		}
	}
	end()
	scores, _, err := train.Evaluate(ctx, t.model, t.valid, nn.NewTape(nil))
	return scores, err
}

func saveCheckpoint(tr *train.Trainer, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	return tr.Save(path)
}

// trial runs one attempt of a study: the configuration that its settings make is trained and judged, and kept as
// xiaoyu.yaml in the attempt's folder.
func (s *search) trial(ctx context.Context, a *tune.Attempt) (tune.Outcome, error) {
	var outcome tune.Outcome
	c, err := s.configOf(a.Params)
	if err != nil {
		return outcome, err
	}
	if err := keepConfig(filepath.Join(a.Dir, ConfigFile), c); err != nil {
		return outcome, err
	}
	set, err := s.load(ctx, c)
	if err != nil {
		return outcome, err
	}
	start := time.Now()
	t, err := s.training(ctx, c, set, 0)
	if err != nil {
		return outcome, err
	}
	first := s.objectives[0].Name
	checkpoint := filepath.Join(a.Dir, checkpointFile)
	scores, err := s.fit(ctx, t, checkpoint, monitor{epoch: func(e *train.Epoch) error {
		value, ok := figureOf(first, e.Valid)
		if !ok || !reportsProgress(c) {
			return nil
		}
		prune, err := a.Report(e.Epoch, value)
		if err == nil && prune && !e.Stopped {
			err = tune.ErrPruned
		}
		return err
	}})
	if err != nil && ctx.Err() != nil {
		return outcome, err
	}
	if removed := os.Remove(checkpoint); removed != nil && !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	if err != nil {
		return outcome, err
	}
	seconds := time.Since(start).Seconds()
	outcome.Facts = map[string]float64{"parameters": float64(t.model.Params.Count()), "seconds": seconds}
	for _, o := range s.objectives {
		value, ok := figureOf(o.Name, scores)
		if !ok {
			if value, err = t.cost(ctx, o.Name, seconds, a.Dir); err != nil {
				return outcome, err
			}
		}
		outcome.Values = append(outcome.Values, value)
	}
	return outcome, nil
}

// reportsProgress tells whether the epochs of a training lead up to its result. Those of optimizer dual are tries of their
// own, of which the best counts.
func reportsProgress(c *Config) bool { return c.Train.Optimizer != "dual" }

// objectives are what can be sought.
var objectives = map[string]tune.Objective{
	"accuracy": {Name: "accuracy", Maximise: true}, "macro_f1": {Name: "macro_f1", Maximise: true}, "loss": {Name: "loss"},
	"latency": {Name: "latency"}, "size": {Name: "size"}, "seconds": {Name: "seconds"},
}

// figureOf returns an objective that is a figure of the validation part.
func figureOf(objective string, s train.Scores) (float64, bool) {
	switch objective {
	case "accuracy":
		return s.Main, true
	case "macro_f1":
		return s.MacroF1, true
	case "loss":
		return s.Loss, true
	}
	return 0, false
}

// cost returns an objective that is a cost of the trained model: milliseconds of a prediction, bytes of the package,
// seconds of training.
func (t *training) cost(ctx context.Context, objective string, seconds float64, dir string) (float64, error) {
	switch objective {
	case "latency":
		return t.latency(ctx)
	case "size":
		temp := filepath.Join(dir, "package")
		p, err := t.model.Save(temp, nil)
		if err != nil {
			return 0, err
		}
		return float64(p.Size), os.RemoveAll(temp)
	}
	return seconds, nil
}

// latency returns the milliseconds that the prediction of one text takes, cleaning and tokenizer included: the median of
// validation texts (training texts, where a refit has used those up), the least of three rounds, so that other work on
// the machine counts little.
func (t *training) latency(ctx context.Context) (float64, error) {
	t.model.Params.Freeze(nn.F32)
	rows := t.set.Parts[data.Validation]
	if len(rows) == 0 {
		rows = t.set.Parts[data.Train]
	}
	least := math.Inf(1)
	for range 3 {
		var times []float64
		for _, row := range rows[:min(len(rows), 50)] {
			start := time.Now()
			if _, err := t.model.PredictQueries(ctx, []model.Query{{Text: row.Text, Pair: row.Pair}}); err != nil {
				return 0, err
			}
			times = append(times, float64(time.Since(start).Nanoseconds())/1e6)
		}
		slices.Sort(times)
		least = min(least, times[len(times)/2])
	}
	return least, nil
}

// keepConfig writes a configuration with all its keys.
func keepConfig(path string, c *Config) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	var b strings.Builder
	if err := conf.Encode(&b, c); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, []byte(b.String()), 0o644)
}
