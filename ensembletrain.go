package xiaoyu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

// several tells whether more than one model is asked for.
func (e *Ensemble) several() bool { return len(e.Members) > 0 || e.Seeds > 1 || e.Folds > 0 }

// weighs tells whether what members say of rows that they were not trained on decides how much they count.
func (e *Ensemble) weighs() bool { return e.Weights == "auto" || e.Weights == "stack" }

// trainEnsemble trains the members that the configuration names, one after the other, and joins them. A member that is
// done waits as a package below the folder of runs until all are joined; one that was interrupted has a run of its own
// with a checkpoint. So the same command goes on where it was.
func (t *training) trainEnsemble(ctx context.Context) (*Result, error) {
	c := &t.config
	members, err := c.ensembleMembers()
	if err != nil {
		return nil, err
	}
	if err := c.resolveTask(ctx); err != nil {
		return nil, err
	}
	if err := t.read(ctx); err != nil {
		return nil, err
	}
	own := c.Model.Family
	c.Model.Family = model.EnsembleFamily
	defer func() { c.Model.Family = own }()
	if t.options.Resume != "" {
		info, err := track.Load(c.Runs, t.options.Resume)
		if err != nil {
			return nil, err
		}
		t.record, err = track.Resume(c.Runs, info.ID, 0)
		if err != nil {
			return nil, err
		}
	} else if t.record, err = track.Start(c.Runs, track.Info{
		Name: c.Name, Task: c.Task, Family: c.Model.Family, Command: t.options.Command, Parameters: c, Data: t.files(func(path string) string { return path }),
		Environment: track.Environment{Kernel: kernel.Name()},
	}); err != nil {
		return nil, err
	}
	result, err := t.joinTrained(ctx, members)
	return t.finish(result, err)
}

// joinTrained trains what is not trained yet, joins, judges and saves.
func (t *training) joinTrained(ctx context.Context, members []*Config) (*Result, error) {
	var models []*model.Model
	defer func() {
		for _, m := range models {
			m.Package.Close()
		}
	}()
	for i, c := range members {
		dir, err := t.trainMember(ctx, c, fmt.Sprintf("%d/%d %s", i+1, len(members), c.Model.Family))
		if err != nil {
			return nil, err
		}
		m, err := model.Open(dir)
		if err != nil {
			return nil, err
		}
		models = append(models, m)
	}
	var err error
	if t.model, err = model.NewEnsemble(models, nil, t.config.Ensemble.Vote); err != nil {
		return nil, err
	}
	if t.config.Ensemble.weighs() {
		if err := t.weighMembers(ctx, members); err != nil {
			return nil, err
		}
	}
	result, err := t.pack(ctx, nil)
	if err != nil {
		return nil, err
	}
	for _, m := range models {
		if err := os.RemoveAll(m.Package.Dir); err != nil {
			return nil, err
		}
	}
	os.Remove(filepath.Join(t.config.Runs, "members")) // unless those of another ensemble wait there
	return result, nil
}

// weighMembers chooses how much members count, or fits a stack, on what they say of rows that they were not trained on:
// their folds, or the validation part.
func (t *training) weighMembers(ctx context.Context, members []*Config) error {
	h, err := t.heldOut(ctx, members)
	if err != nil {
		return err
	}
	e := t.model.Ensemble
	if t.config.Ensemble.Weights == "stack" {
		if err := h.stack(t.model); err != nil {
			return err
		}
		for g, w := range e.Stack.Weights {
			i := slices.Index(h.groups, g)
			t.Note("  weights of labels %.2f to %.2f  %s, seed %d", slices.Min(w), slices.Max(w), members[i].Model.Family, members[i].Train.Seed)
		}
		return nil
	}
	if err := h.weigh(ctx, t.model, t); err != nil {
		return err
	}
	for i, w := range e.Weights {
		t.Note("  weight %.3f  %s, seed %d", w, members[i].Model.Family, members[i].Train.Seed)
	}
	return nil
}

// heldOut asks each member about the rows that it was not trained on.
func (t *training) heldOut(ctx context.Context, members []*Config) (*heldOut, error) {
	k := t.config.Ensemble.Folds
	if k == 0 {
		return ask(ctx, t.model, t.set.Parts[data.Validation], t)
	}
	e := t.model.Ensemble
	h := &heldOut{rows: slices.Concat(t.set.Parts[data.Train], t.set.Parts[data.Validation])}
	var voices []*model.Model
	t.Stage("asking members", int64(len(members)), "members")
	for i, c := range members {
		fold := c.Data.Split.Fold
		if fold == 1 {
			voices, h.said = append(voices, e.Members[i]), append(h.said, make([]model.Prediction, len(h.rows)))
		}
		h.groups = append(h.groups, len(h.said)-1)
		var rows []data.Row
		var places []int
		for r := range h.rows {
			if data.FoldOf(&h.rows[r], k) == fold {
				rows, places = append(rows, h.rows[r]), append(places, r)
			}
		}
		said, err := e.Members[i].PredictQueries(ctx, queriesFor(rows))
		if err != nil {
			return nil, err
		}
		for n, r := range places {
			h.said[len(h.said)-1][r] = said[n]
		}
		t.Progress(int64(i+1), "")
	}
	var err error
	h.voices = t.model
	if len(voices) > 1 {
		h.voices, err = model.NewEnsemble(voices, nil, t.config.Ensemble.Vote)
	} else if t.config.Ensemble.Weights == "auto" {
		err = hint.Errorf("set ensemble.weights to equal or stack", "choosing weights: the folds of one family count alike")
	}
	return h, err
}

// ensembleMembers returns the configuration of each member.
func (c *Config) ensembleMembers() ([]*Config, error) {
	var members []*Config
	e := &c.Ensemble
	families := e.Members
	if len(families) == 0 {
		families = []string{c.Model.Family}
	}
	switch {
	case e.Folds == 1:
		return nil, hint.Errorf("set ensemble.folds to 0 or to 2 and more", "an ensemble of one fold leaves nothing to train on")
	case len(families)*max(e.Seeds, 1)*max(e.Folds, 1) < 2:
		return nil, hint.Errorf("name two families or more in ensemble.members, or raise ensemble.seeds or ensemble.folds", "an ensemble of one model")
	}
	for _, family := range families {
		if !slices.Contains(model.Families(), family) && family != c.Model.Family {
			return nil, hint.Errorf(hint.OneOf(family, model.Families()), "ensemble.members: unknown model family %q", family)
		}
		for s := range max(e.Seeds, 1) {
			for fold := range max(e.Folds, 1) {
				m, err := c.member(family, c.Train.Seed+uint64(s))
				if err != nil {
					return nil, err
				}
				if e.Folds > 0 {
					m.Data.Split.Fold, m.Data.Split.Folds, m.Train.Refit = fold+1, e.Folds, false
				}
				members = append(members, m)
			}
		}
	}
	return members, nil
}

// member is the configuration of one member. Word vectors belong to the texts' language, not to a family: each member
// that can starts from them.
func (c *Config) member(family string, seed uint64) (*Config, error) {
	m, err := Preset(family)
	if err != nil {
		return nil, err
	}
	if family == c.Model.Family {
		own := *c
		m = &own
	}
	m.Task, m.Data, m.Eval, m.Runs, m.Distill = c.Task, c.Data, c.Eval, c.Runs, c.Distill
	m.Model.Knowledge, m.Model.Constraints = c.Model.Knowledge, c.Model.Constraints
	m.Model.Vectors = ""
	if model.ReadsVectors(family) {
		m.Model.Vectors, m.Model.VectorsSkip, m.Model.Frozen = c.Model.Vectors, c.Model.VectorsSkip, c.Model.Frozen
	}
	m.Eval.Bootstrap = 0 // its own report is one that nobody reads
	m.Ensemble = Ensemble{}
	m.Train.Seed, m.Train.Threads = seed, c.Train.Threads
	if c.Ensemble.weighs() {
		m.Train.Refit = false
	}
	return m, nil
}

// trainMember returns the folder of a member's package, and trains it where there is none yet.
func (t *training) trainMember(ctx context.Context, c *Config, stage string) (string, error) {
	key, err := json.Marshal([]any{c, t.set.Digest})
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(key)
	c.Name = fmt.Sprintf("%s-%s-%d-%s", t.config.Name, c.Model.Family, c.Train.Seed, hex.EncodeToString(digest[:4]))
	if fold := c.Data.Split.Fold; fold > 0 {
		stage += fmt.Sprintf(" fold %d", fold)
	}
	c.Out = filepath.Join(c.Runs, "members", c.Name)
	if m, err := model.Open(c.Out); err == nil {
		t.Note("%s: trained already", stage)
		return c.Out, m.Package.Close()
	}
	o := TrainOptions{Observer: foldObserver{t.Observer, stage}, Command: t.options.Command}
	if o.Resume, err = interruptedRun(c.Runs, c.Name); err != nil {
		return "", err
	}
	r, err := Train(ctx, c, o)
	if err != nil && o.Resume != "" && ctx.Err() == nil {
		o.Resume = "" // killed before its first checkpoint, or that of another version
		r, err = Train(ctx, c, o)
	}
	if err != nil {
		return "", fmt.Errorf("member %s: %w", stage, err)
	}
	main := r.Report.Main()
	t.Note("%s, seed %d: %s %.4f on %d rows, %.1f s", stage, c.Train.Seed, main.Name, main.Value, r.Report.N, r.Seconds)
	return c.Out, nil
}

// interruptedRun returns the newest run of that name which did not come to its end, or "".
func interruptedRun(root, name string) (string, error) {
	if _, err := os.Stat(root); errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	runs, err := track.List(root)
	if err != nil {
		return "", err
	}
	id := ""
	for _, r := range runs {
		if _, err := os.Stat(filepath.Join(root, r.ID, checkpointFile)); r.Name == name && r.Status != track.Finished && err == nil {
			id = max(id, r.ID)
		}
	}
	return id, nil
}
