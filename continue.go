package xiaoyu

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// Continue is the `continue` part of xiaoyu.yaml: what a model keeps while it learns from new data.
type Continue struct {
	Model   string  `yaml:"model" json:"model,omitempty" doc:"package that is trained further with the examples of data, which are new to it; its network and cleaning stay; empty to begin anew" default:""`
	Old     string  `yaml:"old" json:"old,omitempty" doc:"folder of the files that the package was trained on, if they are not where its lineage.json says" default:""`
	Replay  float64 `yaml:"replay" json:"replay" doc:"share of the old training part that is read again beside the new; models with a linear part (ngram, model.wide) are solved anew and read all of it" default:"0.2" min:"0" max:"1"`
	EWC     float64 `yaml:"ewc" json:"ewc" doc:"how firmly weights that matter to the old data hold their place (elastic weight consolidation): 1 counts an old example that is not read again like one that is, 0 lets them go" default:"1" min:"0" max:"1000000"`
	MaxDrop float64 `yaml:"max_drop" json:"max_drop" doc:"how much the main figure on the old test part may fall; if it falls more, no package is written" default:"0.01" min:"0" max:"1"`
}

// ContinueConfig returns the configuration that the package in dir was trained with, made ready to go on from it: the
// caller names new data in it. Unless told otherwise, Train then replaces the package.
func ContinueConfig(dir string) (*Config, error) {
	_, origin, err := openParent(dir)
	if err != nil {
		return nil, err
	}
	c := origin.Config
	conf.Defaults(&c.Continue)
	c.Continue.Model, c.Continue.Old = dir, origin.Config.Continue.Old
	c.Out, c.Train.Folds, c.Model.Base = dir, 0, ""
	if c.Train.Recipe != "" {
		c.Train.Recipe, c.Train.Descriptions = fullRecipe, nil
	}
	if c.Train.Optimizer == "lbfgs" || c.Train.Optimizer == "prototype" { // weights that were solved are gone on from by gradients
		c.Train.Optimizer = "adamw"
		c.chosen = nil
		if err := c.suit(headAlone); err != nil {
			return nil, err
		}
	}
	c.Distill, c.Pretrain.Texts = Distill{}, nil // a teacher and texts of that training, not of this
	c.Data.Path, c.Data.Test, c.Data.Valid = "", "", ""
	c.chosen = conf.Keys(&c) // what suited the task is in it already
	return &c, nil
}

// openParent opens a package that is to be trained further, and what it says of its origin.
func openParent(dir string) (*model.Model, *lineage, error) {
	m, err := model.Open(dir)
	if err != nil {
		return nil, nil, err
	}
	origin, err := readLineage(dir)
	switch {
	case m.Ensemble != nil:
		err = hint.Errorf("train its members further, one by one", "training %s further: an ensemble has no weights of its own", dir)
	case err != nil:
		err = hint.Wrap(err, "name a package that `xiaoyu train` wrote", "training %s further: reading what it was trained on", dir)
	case origin.Config.Data.Path == "":
		err = hint.Errorf("name a package that `xiaoyu train` wrote", "training %s further: its %s names no data", dir, model.LineageFile)
	}
	if err != nil {
		m.Package.Close()
		return nil, nil, err
	}
	return m, origin, nil
}

// learntFrom is data that a model was trained on, as lineage.json tells it.
type learntFrom struct {
	Data  data.Config       `json:"data"`
	Files map[string]string `json:"files"` // digests by name
}

// further is what a training goes on from.
type further struct {
	parent   *model.Model
	digest   string       // of the parent's package
	sources  []learntFrom // what the parent was trained on, the oldest first
	old      *data.Set
	fresh    int  // of the test part, the first rows, which are new; old ones follow
	replayed int  // rows of the old training part
	anew     bool // fitted from nothing on old and new: there are no weights to go on from
}

// inherit takes from the package that is to be trained further what must stay as it is.
func (t *training) inherit() error {
	c := &t.config
	m, origin, err := openParent(c.Continue.Model)
	if err != nil {
		return err
	}
	t.from = &further{parent: m, digest: m.Package.Digest}
	t.from.sources = append(slices.Clone(origin.Earlier), learntFrom{origin.Config.Data, origin.Data})
	t.from.anew = c.Train.Optimizer == "dual"
	switch {
	case model.Unlabelled(m.Config.Head) || m.Config.Head == model.AnswerHead:
		return hint.Errorf("name it in model.base, from which a training begins", "training %s further: its task is %s; labels, numbers and stretches can be learnt further", c.Continue.Model, m.Config.Head)
	case m.ForeignTags():
		return hint.Errorf("name it in model.base, from which a training begins", "training %s further: its tags are those of another tool", c.Continue.Model)
	case c.Model.Family != m.Config.Family:
		return hint.Errorf("leave the family as it is, or begin anew without continue.model", "training %s further: it is of the family %s, not %s", c.Continue.Model, m.Config.Family, c.Model.Family)
	case c.Train.Folds > 0:
		return hint.Errorf("set train.folds to 0", "training %s further: cross-validation trains models from nothing", c.Continue.Model)
	case len(c.Distill.Teacher) > 0 || len(c.Pretrain.Texts) > 0:
		return hint.Errorf("leave out distill.teacher and pretrain.texts", "training %s further: with a teacher, or texts without labels, models begin anew", c.Continue.Model)
	case c.Ensemble.several():
		return hint.Errorf("leave out ensemble.members, ensemble.seeds and ensemble.folds", "training %s further: one model cannot become an ensemble", c.Continue.Model)
	case m.Config.Pair != (c.Data.Pair != ""):
		return hint.Errorf("name the columns that it was trained on; --pair is for models of pairs", "training %s further: one of model and data has pairs of texts, the other has not", c.Continue.Model)
	}
	c.Task = taskName(m.Config.Head)
	c.Tokenizer, c.Data.Clean = origin.Config.Tokenizer, m.Clean
	dropout, embed, word := c.Model.Dropout, c.Model.EmbedDropout, c.Model.WordDropout
	c.Model = m.Config
	c.Model.Dropout, c.Model.EmbedDropout, c.Model.WordDropout = dropout, embed, word
	c.Model.Temperature, c.Model.Thresholds, c.Model.Base = 0, nil, ""
	c.Train.Refit = c.Train.Refit && t.from.anew
	return nil
}

// close unmaps the parent.
func (f *further) close() {
	if f != nil && f.parent != nil {
		f.parent.Package.Close()
		f.parent = nil
	}
}

// readOld loads all that the parent was trained on, split as it was then.
func (t *training) readOld(ctx context.Context) error {
	f := t.from
	known := f.parent.Labels
	switch f.parent.Config.Head {
	case model.TokensHead:
		known = f.parent.Types()
	case model.RegressionHead:
		known = nil
	}
	for _, s := range f.sources {
		c := s.Data
		if err := t.findOld(&c, s.Files); err != nil {
			return err
		}
		if err := c.Resolve(ctx, t.config.Task); err != nil {
			return err
		}
		c.Clean, c.Known = t.config.Data.Clean, known
		t.Stage("reading old data", 0, "bytes")
		set, err := data.Load(ctx, &c, func(done, _ int64) { t.Progress(done, "") })
		if err != nil {
			return err
		}
		if t.config.Task != data.Scores {
			known = set.Labels
		}
		if !slices.Equal(c.Slices, t.config.Data.Slices) {
			forgetSlices(set)
		}
		if f.old != nil {
			apart(f.old, set)
			for side := range set.Parts {
				set.Parts[side] = slices.Concat(f.old.Parts[side], set.Parts[side])
			}
		}
		f.old = set
	}
	if len(f.old.Parts[data.Test]) == 0 {
		f.old.Parts[data.Test] = f.old.Parts[data.Validation]
	}
	if len(f.old.Parts[data.Test]) == 0 {
		return hint.Errorf("train it anew on old and new data together", "training %s further: the old data has no test part that would tell what is forgotten", t.config.Continue.Model)
	}
	t.config.Data.Known = known
	return nil
}

// findOld points c at the files that a package was trained on, and checks that they are what they were.
func (t *training) findOld(c *data.Config, digests map[string]string) error {
	const way = "pass --set continue.old=FOLDER, the folder that holds the old data"
	found := ""
	for _, path := range []*string{&c.Path, &c.Valid, &c.Test} {
		if *path == "" {
			continue
		}
		if t.config.Continue.Old != "" {
			*path = filepath.Join(t.config.Continue.Old, filepath.Base(*path))
		}
		if _, err := os.Stat(*path); err != nil {
			return hint.Wrap(err, way, "training %s further: the data that it was trained on", t.config.Continue.Model)
		}
		digest, err := data.DigestFile(*path)
		if err != nil {
			return err
		}
		found += digest + " "
	}
	want, ok := digests[filepath.Base(c.Path)]
	if ok && found != want+" " {
		return hint.Errorf(way, "training %s further: %s is not the file that it was trained on, the digests differ", t.config.Continue.Model, c.Path)
	}
	return nil
}

func forgetSlices(set *data.Set) {
	for _, part := range set.Parts {
		for i := range part {
			part[i].Slices = nil
		}
	}
}

// apart sees to it that no text is in both of two sets but on the same side of their splits, and in training and
// validation in one of them alone, which is the newer one, added: its label counts. It returns how many rows of added
// were left out because old has them on another side.
func apart(old, added *data.Set) (dropped int) {
	key := func(r *data.Row) string { return r.Text + "\x00" + r.Pair }
	sides := map[string]data.Side{}
	for side, part := range old.Parts {
		for i := range part {
			sides[key(&part[i])] = data.Side(side)
		}
	}
	taken := map[string]bool{}
	for side, part := range added.Parts {
		added.Parts[side] = slices.DeleteFunc(part, func(r data.Row) bool {
			there, both := sides[key(&r)]
			if both && there != data.Side(side) {
				dropped++
				return true
			}
			taken[key(&r)] = taken[key(&r)] || both
			return false
		})
	}
	for _, side := range []data.Side{data.Train, data.Validation} {
		old.Parts[side] = slices.DeleteFunc(old.Parts[side], func(r data.Row) bool { return taken[key(&r)] })
	}
	return dropped
}

// joinOld adds to the new data what is read again of the old: a share of its training part, as much of its validation part
// as there is new, so that both count alike when the best epoch is picked, and all of its test part.
func (t *training) joinOld() error {
	f, parts := t.from, &t.set.Parts
	if dropped := apart(f.old, t.set); dropped > 0 {
		t.Note("note: %d rows of the new data were left out: the old data has them on another side of its split", dropped)
	}
	if len(parts[data.Train]) == 0 {
		return hint.Errorf("name data that is new to it", "training %s further: the old data has every row of the training part of %s", t.config.Continue.Model, t.config.Data.Path)
	}
	share := t.config.Continue.Replay
	if f.parent.Linear() != nil {
		share = 1
	}
	seed := t.config.Train.Seed
	replay := t.some(f.old.Parts[data.Train], seed, func(n int) int { return int(math.Ceil(share * float64(n))) })
	f.replayed, f.fresh = len(replay), len(parts[data.Test])
	fresh := len(parts[data.Validation])
	valid := f.old.Parts[data.Validation]
	kept := t.some(valid, seed, func(n int) int { return (n*fresh + len(valid) - 1) / max(len(valid), fresh) })
	t.Note("%d new rows for training and %d of %d old ones; %d labels, %d of them new", len(parts[data.Train]), len(replay), len(f.old.Parts[data.Train]), len(t.set.Labels), len(t.set.Labels)-len(f.old.Labels))
	for side, rows := range [][]data.Row{replay, kept, f.old.Parts[data.Test]} {
		parts[side] = slices.Concat(parts[side], rows)
	}
	return nil
}

// some draws rows, of each class so many of those that it has; tasks without classes are one.
func (t *training) some(rows []data.Row, seed uint64, of func(n int) int) []data.Row {
	byClass := map[int][]int{}
	for i, r := range rows {
		byClass[r.Class] = append(byClass[r.Class], i)
	}
	var drawn []int
	for class, at := range byClass {
		rng := rand.New(rand.NewPCG(seed, uint64(class)))
		rng.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
		drawn = append(drawn, at[:min(of(len(at)), len(at))]...)
	}
	slices.Sort(drawn)
	out := make([]data.Row, len(drawn))
	for i, at := range drawn {
		out[i] = rows[at]
	}
	return out
}

// hold makes weights that matter to old rows that are not read again hold their place.
func (t *training) hold(ctx context.Context) error {
	f, c := t.from, &t.config
	left := len(f.old.Parts[data.Train]) - f.replayed
	if c.Continue.EWC == 0 || left <= 0 {
		return nil
	}
	before, err := f.parent.Grow(f.parent.Tokenizer, f.parent.Labels, c.Train.Seed)
	if err != nil {
		return err
	}
	const enough = 4000 // of which Importance looks at a thousand
	old := f.old.Parts[data.Train]
	old = t.some(old, c.Train.Seed, func(n int) int { return (n*enough + len(old) - 1) / len(old) })
	set := t.encodeFor(before, old, false)
	t.Stage("what matters", 0, "texts")
	importance, err := train.Importance(ctx, before, set, c.Train, func(done int) { t.Progress(int64(done), "") })
	if err != nil {
		return err
	}
	t.trainer.Hold(before, importance, c.Continue.EWC*float64(left)/float64(len(t.set.Parts[data.Train])))
	return nil
}

// chooseTokenizer trains a tokenizer, or returns that of the parent with the words or characters that the new texts bring.
func (t *training) chooseTokenizer(ctx context.Context) (*text.Tokenizer, error) {
	if t.from == nil || t.from.anew {
		return t.tokenizer(ctx)
	}
	parent := t.from.parent
	if !slices.Contains([]string{"word", "whole", "char"}, t.config.Tokenizer.Kind) || !parent.LearnsTokens() {
		return parent.Tokenizer, nil
	}
	fresh, err := t.tokenizer(ctx)
	if err != nil {
		return nil, err
	}
	var added []string
	for id := range fresh.VocabSize() {
		word := fresh.Token(int32(id))
		if _, known := parent.Tokenizer.ID(word); !known && parent.Tokenizer.Whole(word) {
			added = append(added, word)
		}
	}
	t.Note("%d new tokens beside %d", len(added), parent.Tokenizer.VocabSize())
	return parent.Tokenizer.Extended(added)
}

// design makes the network that is trained: a fresh one, one on a base, or that of the package that is trained further.
func (t *training) design(ctx context.Context, tok *text.Tokenizer, labels []string, rows []data.Row) (*model.Model, error) {
	c := &t.config
	if t.from == nil || t.from.anew {
		if c.Train.Bottleneck.Size > 0 {
			c.Model.Bottleneck = c.Train.Bottleneck.Shape()
		}
		if c.Model.Base != "" {
			return t.adapt(ctx, labels, c.examples(rows, tok))
		}
		return model.New(c.Model, c.Data.Clean, tok, labels, c.Train.Seed, c.examples(rows, tok))
	}
	m, err := t.from.parent.Grow(tok, labels, c.Train.Seed)
	if err != nil {
		return nil, err
	}
	m.Config.Dropout, m.Config.EmbedDropout, m.Config.WordDropout = c.Model.Dropout, c.Model.EmbedDropout, c.Model.WordDropout
	return m, nil
}
