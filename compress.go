package xiaoyu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/compress"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/distill"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// CompressOptions say what becomes of a model.
type CompressOptions struct {
	Observer Observer // nil for silence
	Command  []string // recorded in the package
	Moves    string   // as compress.Parse reads them
	Out      string   // folder of the new package
}

// Compressed tells what compressing a model brought and cost: the original first, then what each move left.
type Compressed struct {
	Package string         `json:"package"`
	Digest  string         `json:"digest"`
	Judged  int            `json:"judged"` // rows of the test part, 0 without data
	Steps   []CompressStep `json:"steps"`
}

// CompressStep is a model on the way.
type CompressStep struct {
	Move       string        `json:"move"` // "" for the original
	Bytes      int64         `json:"bytes"`
	Parameters int           `json:"parameters"`
	Memory     int64         `json:"memory"` // of weights and tables while it predicts, in bytes
	Figure     string        `json:"figure,omitempty"`
	Value      float64       `json:"value,omitempty"`    // of the main figure on the test part
	Interval   eval.Interval `json:"interval,omitzero"`  // 95 %
	Agreement  float64       `json:"agreement"`          // main figure with the original's answers for the truth
	Median     float64       `json:"p50_ms,omitempty"`   // of one text
	Slow       float64       `json:"p99_ms,omitempty"`   // that one in a hundred takes
	Speed      float64       `json:"texts_s,omitempty"`  // of many at once
	Classes    []eval.Class  `json:"classes,omitempty"`  // figures of each label
	Collapsed  []string      `json:"collapsed,omitzero"` // labels that the original found and this one never says

	Comparison *eval.Comparison `json:"comparison,omitempty"` // A is the original
}

// CompressConfig returns the configuration with which a model of the package in dir learns further: that of its training
// where it tells of one, else its family's preset. The caller names the data.
func CompressConfig(dir string, m *Model) (*Config, error) {
	c, err := Preset(cmp.Or(m.Config.Family, "cnn"))
	if err != nil {
		return nil, err
	}
	if origin, err := readLineage(dir); err == nil && origin.Config.Data.Path != "" {
		kept := c.Continue
		*c = origin.Config
		c.Continue, c.Distill, c.Pretrain.Texts = kept, Distill{}, nil
		conf.Defaults(&c.Distill)
		c.Data.Path, c.Data.Test, c.Data.Valid = "", "", ""
		conf.Defaults(&c.Continue)
	}
	c.Task = taskName(m.Config.Head)
	return c, nil
}

// Compress makes a smaller model of m by the moves of o, in their order, and writes its package. With examples (c.Data) the
// moves that need some have them, and each model on the way is judged on the test part.
func Compress(ctx context.Context, m *Model, c *Config, o CompressOptions) (*Compressed, error) {
	if _, err := compress.Parse(o.Moves); err != nil {
		return nil, err
	}
	if err := model.Replaceable(o.Out); err != nil {
		return nil, err
	}
	b, err := newWorkbench(ctx, m, c, o.Observer)
	if err != nil {
		return nil, err
	}
	defer b.close()
	return &b.result, b.apply(ctx, o)
}

// apply makes the moves, judges each and writes the package of the last.
func (b *workbench) apply(ctx context.Context, o CompressOptions) error {
	moves, err := compress.Parse(o.Moves)
	if err != nil {
		return err
	}
	now := b.original
	for _, move := range moves {
		b.Stage(move.String(), 0, "")
		if now, err = move.Apply(ctx, now, &b.work); err != nil {
			return err
		}
		step, err := b.measure(ctx, now, move.String())
		if err != nil {
			return err
		}
		before := &b.result.Steps[len(b.result.Steps)-1]
		if step.Bytes > before.Bytes {
			b.Note("note: %s makes the package larger: %s, %s before", move, size.Bytes(step.Bytes), size.Bytes(before.Bytes))
		}
		if step.Median > 1.15*before.Median && before.Median > 0 {
			b.Note("note: with %s one text takes longer on this machine: %.3g ms, %.3g before", move, step.Median, before.Median)
		}
		for _, label := range step.Collapsed {
			b.Note("note: after %s the label %s is never said any more", move, label)
		}
		b.result.Steps = append(b.result.Steps, *step)
	}
	p, err := b.save(now, o)
	if err != nil {
		return err
	}
	b.result.Package, b.result.Digest = p.Dir, p.Digest
	b.result.Steps[len(b.result.Steps)-1].Bytes = p.Size
	return nil
}

// workbench is where models are made smaller and judged.
type workbench struct {
	training // of which set and config serve; set is nil without data
	original *model.Model
	work     compress.Work
	rows     []data.Row   // that judge
	report   *eval.Report // of the original
	last     *eval.Report
	said     []model.Prediction // by the original, of rows
	result   Compressed
	taught   bool              // training heeds what the teacher says
	students map[string]*Model // by family
	folder   string            // of their packages
}

func newWorkbench(ctx context.Context, m *Model, c *Config, o Observer) (*workbench, error) {
	b := &workbench{original: m.Model}
	b.Observer, b.config = cmp.Or[Observer](o, silent{}), *c
	if m.Ensemble != nil {
		return nil, hint.Errorf("compress its members, one by one, and join them again with `xiaoyu ensemble`", "compressing %s: an ensemble has no weights of its own", packageName(m, "the model"))
	}
	if c.Data.Path != "" {
		if err := b.load(ctx); err != nil {
			return nil, err
		}
	}
	step, err := b.measure(ctx, m.Model, "")
	if err != nil {
		return nil, err
	}
	b.result.Judged = len(b.rows)
	b.result.Steps = []CompressStep{*step}
	return b, nil
}

// load reads the data as it was for the model's own training.
func (b *workbench) load(ctx context.Context) error {
	c, m := &b.config, b.original
	if model.Unlabelled(m.Config.Head) {
		return hint.Errorf("leave out --data", "compressing a model of head %s with examples: it knows no labels", m.Config.Head)
	}
	if m.Config.Pair != (c.Data.Pair != "") {
		return hint.Errorf("name the columns that it was trained on; --pair is for models of pairs", "compressing: one of model and data has pairs of texts, the other has not")
	}
	c.Model, c.Data.Clean = m.Config, m.Clean
	switch m.Config.Head {
	case model.TokensHead:
		c.Data.Known = m.Types()
	case model.RegressionHead:
	default:
		c.Data.Known = m.Labels
	}
	if err := c.resolveTask(ctx); err != nil {
		return err
	}
	if err := b.read(ctx); err != nil {
		return err
	}
	if known := c.Data.Known; known != nil && len(b.set.Labels) != len(known) {
		return hint.Errorf("check --label, or train the model further with `xiaoyu train --continue`", "compressing: the data has labels that the model does not know: %s; it knows %s", joinLabels(b.set.Labels[len(known):]), joinLabels(known))
	}
	b.rows = b.judged()
	if len(b.set.Parts[data.Test]) == 0 {
		b.Note("note: the data has no test part; the figures are of rows that were learnt from or chosen on")
	}
	b.work.Texts = make([]string, 0, len(b.set.Parts[data.Train]))
	for _, r := range b.set.Parts[data.Train] {
		b.work.Texts = append(b.work.Texts, r.Text)
		if r.Pair != "" {
			b.work.Texts = append(b.work.Texts, r.Pair)
		}
	}
	b.work.Heal, b.work.Distill, b.work.Student = b.heal, b.distill, b.student
	b.work.Set = func(m *model.Model) *train.Set {
		b.encoded = 0
		return b.encodeFor(m, b.set.Parts[data.Train], false)
	}
	return nil
}

// distill is heal with the original for a teacher, on texts without labels as well where distill.texts names some. The
// teacher is asked once; what it says is remembered beside the runs.
func (b *workbench) distill(ctx context.Context, m *model.Model, epochs float64) error {
	if b.lesson == nil {
		if err := b.askOriginal(ctx); err != nil {
			return err
		}
	}
	b.taught = true
	defer func() { b.taught = false }()
	return b.heal(ctx, m, epochs, nil)
}

func (b *workbench) askOriginal(ctx context.Context) error {
	original, err := distill.NewModel(b.original, "original")
	if err != nil {
		return err
	}
	teacher, err := distill.Cached(lent{original}, filepath.Join(b.config.Runs, opinionsDir))
	if err != nil {
		return err
	}
	defer teacher.Close()
	b.lesson = &lesson{teacher: teacher}
	if err := b.teach(ctx); err != nil {
		b.lesson = nil
		return err
	}
	return nil
}

// lent is a teacher whose model is someone else's to close.
type lent struct{ distill.Teacher }

func (lent) Close() error { return nil }

// heal trains a model further on the training part, and calibrates it again. A linear model is solved from nothing, at the
// cost that the validation part chooses, and then, where training does so (train.refit), once more with that part.
func (b *workbench) heal(ctx context.Context, m *model.Model, epochs float64, after func(step, steps int)) error {
	parts, c := b.set.Parts, b.config.Train
	if m.Config.Family != b.original.Config.Family {
		own, err := b.studentConfig(m.Config.Family)
		if err != nil {
			return err
		}
		c = own.Train
		defer func(was bool) { b.taught = was }(b.taught)
		b.taught = true
	}
	c.Folds, c.MinSteps, c.LoRA = 0, 0, train.LoRA{}
	dual := c.Optimizer == "dual" && m.Linear() != nil
	if !dual {
		c.Epochs = max(int(math.Round(epochs)), 1)
		c.LearningRate /= 3 // what has learnt is not to be shaken
	}
	valid := parts[data.Validation]
	if after != nil {
		valid = nil
	}
	learnt := parts[data.Train]
	if b.taught {
		learnt = b.lessons()
	}
	best, err := b.teachFurther(ctx, m, learnt, valid, c, dual, after)
	if err != nil {
		return err
	}
	m.Config.Temperature, m.Config.Thresholds = 0, nil
	m.Params.Freeze(m.Precision())
	if err := b.calibrate(ctx); err != nil {
		return err
	}
	if dual && c.Refit && best > 0 && len(parts[data.Test]) > 0 && len(parts[data.Validation]) > 0 {
		c.Until = best
		_, err = b.teachFurther(ctx, m, slices.Concat(learnt, parts[data.Validation]), nil, c, dual, nil)
		m.Params.Freeze(m.Precision())
	}
	return err
}

// teachFurther runs one training and returns its best epoch.
func (b *workbench) teachFurther(ctx context.Context, m *model.Model, learnt, valid []data.Row, c train.Config, dual bool, after func(step, steps int)) (best int, err error) {
	b.Stage("encoding", int64(len(learnt)+len(valid)), "texts")
	b.encoded, b.model = 0, m
	set, held := b.encodeFor(m, learnt, b.taught), b.encodeFor(m, valid, false)
	if dual {
		l := m.Linear()
		l.W.Data, l.B.Data = make([]float32, l.W.Size()), make([]float32, l.B.Size())
	}
	trainer, err := train.New(m, set, held, c)
	if err != nil {
		return 0, err
	}
	epochs := cmp.Or(c.Until, c.Epochs)
	if after != nil {
		after(0, trainer.Steps())
	}
	b.Stage("healing", int64(trainer.Steps()), "steps")
	for event, err := range trainer.Run(ctx) {
		if err != nil {
			return 0, err
		}
		if s := event.Step; s != nil {
			if after != nil {
				after(s.Step, s.Steps)
			}
			b.Progress(int64(s.Step), fmt.Sprintf("epoch %d/%d  loss %.3f", s.Epoch, max(s.Epoch, epochs), s.Loss))
		}
	}
	best = trainer.BestEpoch()
	trainer.Finish()
	return best, nil
}

// measure judges a model on the way, and says how large and how fast it is.
func (b *workbench) measure(ctx context.Context, m *model.Model, move string) (*CompressStep, error) {
	step := &CompressStep{Move: move, Parameters: m.Parameters(), Memory: m.Memory()}
	var err error
	if step.Bytes, err = b.bytes(m); err != nil || len(b.rows) == 0 {
		return step, err
	}
	start := time.Now()
	said, err := b.answer(ctx, m, cmp.Or(move, "original"), b.rows)
	if err != nil {
		return nil, err
	}
	step.Speed = float64(len(b.rows)) / max(time.Since(start).Seconds(), 1e-9)
	options := b.judgeOptions(200)
	report, err := judge(m, b.rows, said, nil, options)
	if err != nil {
		return nil, err
	}
	if b.report == nil {
		b.report, b.said = report, said.predictions
	}
	b.last = report
	main := report.Main()
	step.Figure, step.Value, step.Interval, step.Classes = main.Name, main.Value, report.Intervals[main.Key], report.PerClass
	b.Progress(int64(len(b.rows)), fmt.Sprintf("%s %.4f", main.Name, main.Value))
	if err := b.compare(m, step, report, said.predictions, options); err != nil {
		return nil, err
	}
	return step, b.time(ctx, m, step)
}

func (b *workbench) judgeOptions(rounds int) eval.Options {
	return eval.Options{Rounds: rounds, Seed: 1, Mistakes: 10}
}

// compare sets a report beside the original's.
func (b *workbench) compare(m *model.Model, step *CompressStep, report *eval.Report, said []model.Prediction, o eval.Options) error {
	step.Agreement = 1
	if report == b.report || len(said) == 0 {
		return nil
	}
	byOriginal := make([]data.Row, len(b.rows))
	for i, r := range b.rows {
		byOriginal[i] = b.answered(r, &b.said[i])
	}
	agreement, err := judgeRows(m, byOriginal, said, eval.Options{})
	if err != nil {
		return err
	}
	step.Agreement = agreement.Main().Value
	for i, was := range b.report.PerClass {
		if was.Recall > 0 && i < len(report.PerClass) && report.PerClass[i].Recall == 0 {
			step.Collapsed = append(step.Collapsed, was.Label)
		}
	}
	step.Comparison, err = eval.Compare(b.report, report, "original", step.Move, o)
	return err
}

// time asks single texts, after some to warm up.
func (b *workbench) time(ctx context.Context, m *model.Model, step *CompressStep) error {
	const warm, texts = 5, 150
	var times []float64
	for i := range min(len(b.rows), warm+texts) {
		start := time.Now()
		if _, err := m.PredictQueries(ctx, []model.Query{{Text: b.rows[i].Text, Pair: b.rows[i].Pair}}); err != nil {
			return err
		}
		if i >= warm || len(b.rows) <= warm {
			times = append(times, float64(time.Since(start).Nanoseconds())/1e6)
		}
	}
	slices.Sort(times)
	step.Median, step.Slow = times[len(times)/2], times[len(times)*99/100]
	return nil
}

// bytes is the size of a model's package: that of its folder, or of one written for this.
func (b *workbench) bytes(m *model.Model) (int64, error) {
	if m.Package != nil {
		return m.Package.Size, nil
	}
	dir, err := os.MkdirTemp("", "xiaoyu-compress-")
	if err != nil {
		return 0, hint.Wrap(err, "set TMPDIR to a folder that you may write to", "measuring a package")
	}
	defer os.RemoveAll(dir)
	files := map[string][]byte{} // what the package will say of itself takes room as well
	for _, name := range []string{model.CardFile, model.MetricsFile, model.LineageFile} {
		content, err := os.ReadFile(filepath.Join(b.original.Package.Dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return 0, err
		}
		files[name] = content
	}
	p, err := m.Save(filepath.Join(dir, "m"), files)
	if err != nil {
		return 0, err
	}
	return p.Size, nil
}

// save writes the package with what the original said of itself, and what has become of it.
func (b *workbench) save(m *model.Model, o CompressOptions) (*model.Package, error) {
	files, from := map[string][]byte{}, b.original.Package
	card, err := os.ReadFile(filepath.Join(from.Dir, model.CardFile))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	last := &b.result.Steps[len(b.result.Steps)-1]
	text := fmt.Sprintf("\n## Compressed\n\nMade of `%s` by `%s`.", filepath.Base(from.Dir), o.Moves)
	if last.Figure != "" {
		text += fmt.Sprintf(" On %d test rows: %s %.4f, of the original %.4f; both give the same answer on %.1f %% of them. The figures above are the original's.", b.result.Judged, last.Figure, last.Value, b.result.Steps[0].Value, 100*last.Agreement)
	}
	files[model.CardFile] = append(card, text+"\n"...)
	if b.last != nil {
		public := *b.last
		public.Mistakes = nil // texts of the user's data stay out of the package
		if files[model.MetricsFile], err = json.Marshal(&public); err != nil {
			return nil, err
		}
	}
	origin := map[string]any{}
	if content, err := os.ReadFile(filepath.Join(from.Dir, model.LineageFile)); err == nil {
		if err := json.Unmarshal(content, &origin); err != nil {
			return nil, hint.Wrap(err, "get the package again", "reading %s", filepath.Join(from.Dir, model.LineageFile))
		}
	}
	if len(origin) == 0 {
		b.Note("note: the model does not say what it was trained on")
	}
	origin["compressed"] = map[string]any{"from": from.Digest, "moves": o.Moves, "command": o.Command, "version": Version(), "created": time.Now().UTC()}
	if files[model.LineageFile], err = json.Marshal(origin); err != nil {
		return nil, err
	}
	b.Stage("packing", 0, "")
	p, err := m.Save(o.Out, files)
	if err == nil {
		b.Progress(0, fmt.Sprintf("%s, %s", p.Dir, size.Bytes(p.Size)))
	}
	return p, err
}
