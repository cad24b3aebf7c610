package xiaoyu

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/track"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// Observer is told how a long operation goes. Its methods are called from one goroutine.
type Observer interface {
	// Stage begins a part of the work: total units of it, or 0 where that is not known.
	Stage(name string, total int64, unit string)
	// Progress tells how much of the stage is done, and a word about it.
	Progress(done int64, detail string)
	// Note tells something worth a line of its own.
	Note(format string, args ...any)
}

// TrainOptions are what a training needs beside its configuration.
type TrainOptions struct {
	Observer Observer // nil for silence
	Command  []string // recorded in the run
	Resume   string   // ID of the run to go on with, or "last"; "" to start anew
}

// silent is the observer of those who want none.
type silent struct{}

func (silent) Stage(string, int64, string) {}
func (silent) Progress(int64, string)      {}
func (silent) Note(string, ...any)         {}

const checkpointFile = "checkpoint.safetensors"

// Train does what `xiaoyu train` does: it reads, cleans and splits the data, builds a tokenizer and a network, trains,
// judges the model on the test part, and writes its package. The record of the training is a run in c.Runs. When ctx
// ends, a checkpoint is written, and Train with TrainOptions.Resume continues to the same weights, to the bit.
func Train(ctx context.Context, c *Config, o TrainOptions) (*Result, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	t := &training{Observer: o.Observer, config: *c, options: o, start: time.Now()}
	if err := model.Replaceable(c.packageDir()); err != nil {
		return nil, err // before minutes are spent
	}
	if c.Continue.Model != "" {
		defer func() { t.from.close() }()
		if err := t.inherit(); err != nil {
			return nil, err
		}
	}
	if c.Ensemble.several() {
		return t.trainEnsemble(ctx)
	}
	err := t.prepare(ctx)
	defer t.closeTeacher()
	if err != nil {
		return nil, err
	}
	if err := t.openRun(); err != nil {
		return nil, err
	}
	result, err := t.run(ctx)
	return t.finish(result, err)
}

// finish closes the record of a training with its outcome.
func (t *training) finish(result *Result, err error) (*Result, error) {
	switch {
	case err == nil:
		err = t.record.Finish(track.Finished, result.summary(), nil)
	case errors.Is(err, context.Canceled):
		err = hint.Wrap(err, fmt.Sprintf("`%s` continues", resuming(t.options.Command, t.record.ID())), "training")
		err = errors.Join(err, t.record.Finish(track.Interrupted, nil, nil))
	default:
		err = errors.Join(err, t.record.Finish(track.Failed, nil, err))
	}
	return result, err
}

// training is the state of one call of Train.
type training struct {
	Observer
	config     Config
	options    TrainOptions
	start      time.Time
	set        *data.Set
	model      *model.Model
	trainer    *train.Trainer
	valid      *train.Set
	record     *track.Run
	vectors    *pretrained   // nil without model.vectors
	parent     string        // digest of model.base
	lesson     *lesson       // nil without a teacher
	from       *further      // nil without continue.model
	states     *states       // nil but where a head learns alone
	base       *model.Config // of model.base, nil without
	sets       []*train.Set  // of the trainer
	unlabelled []data.Row    // texts that the model may label itself
	elsewhere  []data.Row    // texts that are not the data's, for a pupil of it
	described  bool          // descriptions of labels are among the examples
	encoded    int64         // texts of this stage
	cut        int           // texts that are longer than what is read of them
}

// prepare builds everything up to the first step; it depends on the configuration and the data alone.
func (t *training) prepare(ctx context.Context) error {
	if err := t.config.resolveTask(ctx); err != nil {
		return err
	}
	if t.from != nil {
		if err := t.readOld(ctx); err != nil {
			return err
		}
	}
	if err := t.read(ctx); err != nil {
		return err
	}
	if t.from != nil {
		if err := t.joinOld(); err != nil {
			return err
		}
	}
	if err := t.openTeacher(ctx); err != nil {
		return err
	}
	if err := t.teach(ctx); err != nil {
		return err
	}
	tok, err := t.chooseTokenizer(ctx)
	if err != nil {
		return err
	}
	return t.build(ctx, tok)
}

// read loads the data and tells of it.
func (t *training) read(ctx context.Context) error {
	var err error
	c := &t.config
	t.Stage("reading", 0, "bytes")
	if t.set, err = data.Load(ctx, &c.Data, func(done, _ int64) { t.Progress(done, "") }); err != nil {
		return err
	}
	r := &t.set.Report
	known := fmt.Sprintf("%d labels", len(t.set.Labels))
	if c.Task == data.Answers {
		known = "questions about texts"
	}
	if c.Task == data.Similarity {
		known = "pairs with scores"
		if c.Data.Label == "" {
			known = "pairs that belong together"
		}
	}
	t.Note("%d rows read, %d kept (%d doubles, %d empty, %d without a label); task %s, %s", r.In, r.Out, r.Duplicates, r.Empty, r.Unlabelled, c.Task, known)
	parts := t.set.Parts
	t.Note("split: %d for training, %d for validation, %d for the test", len(parts[data.Train]), len(parts[data.Validation]), len(parts[data.Test]))
	for _, note := range t.set.Notes {
		t.Note("note: %s", note)
	}
	if len(parts[data.Train]) == 0 {
		return hint.Errorf("lower data.split.test, or add examples", "splitting %s: no row is left for training", c.Data.Path)
	}
	return nil
}

// tokenizer trains the tokenizer on the training part, or takes that of model.base.
func (t *training) tokenizer(ctx context.Context) (*text.Tokenizer, error) {
	if err := t.learnTexts(ctx); err != nil {
		return nil, err
	}
	if c := &t.config; c.Model.Base != "" {
		c.Model.NGram.Resolve("", chineseShare(t.set.Parts[data.Train]) > mostlyChinese) // beside it, where model.wide says so
		return t.baseTokenizer(ctx)
	}
	if t.lesson != nil && t.config.Distill.Init == InitTokenizer {
		return t.lesson.inside.Tokenizer, nil
	}
	rows := t.lessons()
	c := &t.config
	c.suitScript(rows)
	t.Stage("tokenizer", int64(len(rows)), "texts")
	texts := func(yield func(string) bool) {
		for _, r := range rows {
			for _, s := range []string{r.Text, r.Pair, r.Third} {
				if s != "" && !yield(s) {
					return
				}
			}
		}
	}
	stage := text.StageReading
	tok, err := text.TrainStages(ctx, texts, c.Tokenizer, func(now string, done, total int64) {
		if now != stage {
			stage = now
			t.Stage("tokenizer: "+now, total, tokenizerUnit(now))
		}
		t.Progress(done, "")
	})
	if err != nil {
		return nil, err
	}
	done := int64(len(rows))
	if stage != text.StageReading {
		done = int64(tok.VocabSize())
	}
	t.Progress(done, fmt.Sprintf("%s, %d tokens", c.Tokenizer.Kind, tok.VocabSize()))
	return tok, nil
}

// tokenizerUnit is what a stage of a tokenizer's training counts.
func tokenizerUnit(stage string) string {
	if stage == text.StagePruning {
		return "rounds"
	}
	return "tokens"
}

// build makes the model and its trainer from the data that was read, and from the word vectors if there are any.
func (t *training) build(ctx context.Context, tok *text.Tokenizer) error {
	tok, err := t.readVectors(ctx, tok)
	if err != nil {
		return err
	}
	if err := t.chooseRecipe(ctx); err != nil {
		return err
	}
	c, rows, valid := &t.config, t.lessons(), t.set.Parts[data.Validation]
	t.Stage("encoding", int64(len(rows)+len(valid)), "texts")
	labels := t.set.Labels
	switch c.Model.Head {
	case model.TokensHead:
		labels = model.TagNames(labels)
	case model.EmbeddingHead, model.AnswerHead:
		labels = nil
	}
	texts := rows
	if c.Model.Wide {
		texts = slices.Concat(rows, t.unlabelled) // n-grams are chosen from these as well
	}
	t.model, err = t.design(ctx, tok, labels, texts)
	if err == nil {
		expectSilence(t.model, rows)
		err = t.setVectors()
	}
	if err != nil {
		return err
	}
	if err := t.verbalize(); err != nil {
		return err
	}
	if err := c.suitHead(t.model, rows); err != nil {
		return err
	}
	t.encoded = 0
	trainSet := t.encode(rows, true)
	t.valid = t.encode(valid, false)
	if t.cut > 0 {
		t.Note("note: %d of %d texts are longer than the %d tokens that are read (model.max_tokens); model.windows reads them whole", t.cut, len(rows)+len(valid), t.model.Config.MaxTokens)
	}
	t.sets = []*train.Set{trainSet, t.valid}
	if len(t.unlabelled) > 0 {
		t.sets = append(t.sets, t.encode(t.unlabelled, false))
	}
	for _, set := range t.sets {
		if err := t.know(ctx, set); err != nil {
			return err
		}
	}
	c.Train.Stretch(trainSet.Len())
	if t.trainer, err = train.New(t.model, trainSet, t.valid, c.Train); err != nil {
		return err
	}
	if len(t.unlabelled) > 0 {
		t.trainer.Unlabelled(t.sets[2])
	}
	if t.from != nil && !t.from.anew {
		if err := t.hold(ctx); err != nil {
			return err
		}
	}
	tokens := max(trainSet.Input.Tokens.Tokens()/trainSet.Len(), 1)
	count := t.model.Params.Count()
	t.Note("%s: %s parameters, %s, about %v for one text of %d tokens on one core", c.Model.Family, size.Count(count), size.Bytes(4*int64(count)),
		train.Latency(t.model, trainSet).Round(time.Microsecond), tokens)
	return nil
}

// openRun starts the record, or goes on with an earlier one.
func (t *training) openRun() error {
	c := &t.config
	if t.options.Resume != "" {
		info, err := track.Load(c.Runs, t.options.Resume)
		if err != nil {
			return err
		}
		path := filepath.Join(c.Runs, info.ID, checkpointFile)
		if info.Status == track.Running {
			return hint.Errorf("stop that process first", "resuming the run %s: process %d is still training it", info.ID, info.PID)
		}
		if err := t.trainer.Restore(path); err != nil {
			return err
		}
		t.record, err = track.Resume(c.Runs, info.ID, t.trainer.Step())
		if err == nil {
			t.Note("run %s goes on after step %d", info.ID, t.trainer.Step())
		}
		return err
	}
	var err error
	t.record, err = track.Start(c.Runs, track.Info{
		Name: c.Name, Task: c.Task, Family: c.Model.Family, Command: t.options.Command, Parameters: c, Data: t.files(func(path string) string { return path }),
		Environment: track.Environment{Kernel: kernel.Name()},
	})
	return err
}

// run trains, judges and saves.
func (t *training) run(ctx context.Context) (*Result, error) {
	cv, err := t.crossValidate(ctx)
	if err != nil {
		return nil, err
	}
	checkpoint := filepath.Join(t.record.Dir(), checkpointFile)
	if err := t.loop(ctx, course{name: "training", checkpoint: checkpoint, log: true}); err != nil {
		return nil, err
	}
	t.noteCrossValidation()
	if err := t.noteMoreLabels(ctx); err != nil {
		return nil, err
	}
	if err := t.tunePupil(ctx, checkpoint); err != nil {
		return nil, err
	}
	t.trainer.Finish()
	t.model.Params.Freeze(nn.F32)
	if err := t.calibrate(ctx); err != nil {
		return nil, err
	}
	if err := t.refit(ctx); err != nil {
		return nil, err
	}
	return t.pack(ctx, cv)
}

// pack judges the model and writes its package and its report.
func (t *training) pack(ctx context.Context, cv *CrossValidation) (*Result, error) {
	report, predictions, err := t.judge(ctx)
	if err != nil {
		return nil, err
	}
	taught, err := t.taught(ctx, t.judged(), predictions)
	if err != nil {
		return nil, err
	}
	var continued *Continued
	if t.from != nil {
		if continued, err = t.weighForgetting(ctx, predictions); err != nil {
			return nil, err
		}
		t.from.close() // its folder may be the one that is written
	}
	t.Stage("packing", 0, "")
	p, err := t.save(report, continued)
	if err != nil {
		return nil, err
	}
	if taught != nil {
		taught.Bytes[1] = p.Size
	}
	t.record.Artefact(p.Dir, p.Digest)
	page := filepath.Join(t.record.Dir(), "report.html")
	if err := t.record.Flush(); err != nil {
		return nil, err
	}
	about := t.page(ctx, p)
	if cv != nil {
		about.Facts = append(about.Facts, eval.Fact{Name: "cross-validation", NameZH: "交叉验证", Value: cv.String()})
	}
	about.Facts = append(about.Facts, taught.facts()...)
	if err := writePage(page, report, about); err != nil {
		return nil, err
	}
	t.Progress(0, fmt.Sprintf("%s, %s", p.Dir, size.Bytes(p.Size)))
	// The checkpoint has served its purpose; the package holds the weights.
	path := filepath.Join(t.record.Dir(), checkpointFile)
	if err := errors.Join(removeIfThere(path), removeIfThere(contrastFile(path)), removeIfThere(pupilFile(path))); err != nil {
		return nil, err
	}
	return &Result{Package: p.Dir, ReportFile: page, Digest: p.Digest, Run: t.record.ID(), Report: report, Folds: cv, Taught: taught, Continued: continued, Recipe: t.config.Train.Recipe, Seconds: time.Since(t.start).Seconds()}, nil
}

// course is how the loop of one training is told and kept: that of the model, or of a fold.
type course struct {
	name       string // of the stage
	checkpoint string // file
	log        bool   // its figures are curves of the run
}

func (o course) write(r *track.Run, step, epoch int, values map[string]float64) error {
	if !o.log {
		return nil
	}
	return r.Log(step, epoch, values)
}

// worthSaving is what an epoch must at least have taken for a checkpoint after it: of few texts an epoch takes less than its
// checkpoint does.
const worthSaving = 5 * time.Second

// loop consumes the events of the training: shows, logs, and saves checkpoints.
func (t *training) loop(ctx context.Context, o course) error {
	c := &t.config.Train
	if err := t.contrast(ctx, o.checkpoint); err != nil {
		return err
	}
	t.Stage(o.name, int64(t.trainer.Steps()), "steps")
	saved, valid := time.Now(), ""
	main := train.MainMetric(t.model.Config.Head, len(t.set.Labels) > 0)
	mainName := strings.ReplaceAll(main, "_", " ")
	for event, err := range t.trainer.Run(ctx) {
		if err != nil {
			if errors.Is(err, context.Canceled) {
				err = errors.Join(err, t.trainer.Save(o.checkpoint))
			}
			return err
		}
		save := false
		if s := event.Step; s != nil {
			values := map[string]float64{"train/loss": s.Loss, "train/learning_rate": s.LearningRate, "train/gradient_norm": s.GradientNorm}
			if s.Cost > 0 {
				values = map[string]float64{"train/loss": s.Loss, "train/cost": s.Cost, "train/gradient_norm": s.GradientNorm}
			}
			if err := o.write(t.record, s.Step, s.Epoch, values); err != nil {
				return err
			}
			t.Progress(int64(s.Step), fmt.Sprintf("epoch %d/%d  loss %.3f%s", s.Epoch, max(s.Epoch, c.Epochs), s.Loss, valid))
			save = time.Since(saved) > time.Duration(c.Checkpoint)*time.Second || c.Recipe == pseudolabelRecipe && s.Step == s.Steps-1 // the last one takes seconds, what follows it minutes
		}
		if e := event.Epoch; e != nil {
			values := map[string]float64{"epoch/train_loss": e.TrainLoss, "valid/loss": e.Valid.Loss, "valid/" + main: e.Valid.Main}
			if main == "accuracy" {
				values["valid/macro_f1"] = e.Valid.MacroF1
			}
			if err := o.write(t.record, e.Step, e.Epoch, values); err != nil {
				return err
			}
			if t.set.Parts[data.Validation] != nil {
				valid = fmt.Sprintf("  validation %s %.1f %%", mainName, 100*e.Valid.Main)
				mark := ""
				switch {
				case e.Best && c.Keep == "latest":
					mark = "  kept"
				case e.Best:
					mark = "  best"
				}
				if e.Form {
					mark = ", with the form of texts" + mark
				}
				t.Note("  epoch %2d  train loss %.4f  validation loss %.4f  %s %.4f%s", e.Epoch, e.TrainLoss, e.Valid.Loss, mainName, e.Valid.Main, mark)
			}
			save = time.Since(saved) > worthSaving && !e.Stopped || e.Stopped && c.Refit && o.log // what follows the last epoch is short, but for a refit
		}
		if save {
			if err := t.trainer.Save(o.checkpoint); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	return nil
}
