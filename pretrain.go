package xiaoyu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/track"
	"github.com/xiaoyu-slm/xiaoyu/train/pretrain"
)

// Pretrained is what a pretraining brought.
type Pretrained struct {
	Package string        `json:"package"` // folder of the model
	Digest  string        `json:"digest"`
	Run     string        `json:"run"`              // ID of its record
	Reused  bool          `json:"reused"`           // it was there already: nothing was trained
	Writes  bool          `json:"writes,omitempty"` // it is a language model that writes: see package generate
	Corpus  corpus.Report `json:"corpus"`
	Tokens  int64         `json:"tokens"` // of the texts that were trained on
	Steps   int           `json:"steps"`
	Before  float64       `json:"perplexity_before"` // of held-out texts, before the first step; 0 where none were held out
	After   float64       `json:"perplexity"`
	Seconds float64       `json:"seconds"`
}

// Pretrain does what `xiaoyu pretrain` does: the project's network learns from texts without labels, and is written as a
// package that model.base can name. Texts of the project's own test and validation parts are left out.
//
// When ctx ends, a checkpoint is written, and the same call goes on to the same weights, to the bit. A package that the
// same call has written before is not made again.
func Pretrain(ctx context.Context, c *Config, o TrainOptions) (*Pretrained, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	t := &training{Observer: o.Observer, config: *c, options: o, start: time.Now()}
	if c.Data.Path != "" {
		if err := t.config.resolveTask(ctx); err != nil {
			return nil, err
		}
		if err := t.read(ctx); err != nil {
			return nil, err
		}
	}
	return t.pretrain(ctx)
}

// learnTexts has the network learn from texts alone first, where the configuration names some, and starts from that.
func (t *training) learnTexts(ctx context.Context) error {
	c := &t.config
	if len(c.Pretrain.Texts) == 0 || c.pretrained {
		return nil
	}
	r, err := t.pretrain(ctx)
	if err != nil {
		return err
	}
	c.Model.Base, c.pretrained = r.Package, true
	return nil
}

// pretraining is the state of one call of Pretrain.
type pretraining struct {
	Observer
	config   Config
	options  TrainOptions
	start    time.Time
	out      string
	source   corpus.Source
	identity string
	base     *model.Model      // what the weights start from; nil for fresh ones
	digests  map[string]string // of the files of texts
	first    []data.Row        // some of the texts
	record   *track.Run
	store    *corpus.Store
	model    *model.Model
	trainer  *pretrain.Trainer
}

// pretrain lets the project's network learn from texts alone, unless it has.
func (t *training) pretrain(ctx context.Context) (*Pretrained, error) {
	if t.config.Model.Vectors != "" {
		return nil, hint.Errorf("leave out model.vectors", "pretraining: word vectors and texts without labels are two ways to begin")
	}
	p := &pretraining{Observer: t.Observer, config: t.config, options: t.options, start: time.Now(), out: t.config.pretrainedDir()}
	if err := p.prepare(ctx, t.set); err != nil {
		return nil, err
	}
	if p.base != nil {
		defer p.base.Package.Close()
	}
	if done := p.earlier(); done != nil {
		return done, nil
	}
	if err := model.Replaceable(p.out); err != nil {
		return nil, err
	}
	if err := p.openRun(); err != nil {
		return nil, err
	}
	result, err := p.run(ctx)
	return p.finish(result, err)
}

// prepare finds out what is to be done; nothing is written yet. set may be nil.
func (p *pretraining) prepare(ctx context.Context, set *data.Set) error {
	c := &p.config
	if c.Model.Base == "" && !model.Pretrains(c.Model.Family) {
		return hint.Errorf("choose --model transformer", "pretraining: the family %s has no states of tokens to learn from texts alone", c.Model.Family)
	}
	if err := c.Data.Clean.ReadFiles(); err != nil {
		return err
	}
	p.source = corpus.Source{Config: c.Pretrain.Config, Columns: c.Data.Columns, Clean: c.Data.Clean, Without: corpus.Texts{},
		Progress: func(done, _ int64) { p.Progress(done, "") }}
	p.source.Config.Join = p.source.Config.Join || p.writes()
	if err := p.source.Check(); err != nil {
		return err
	}
	if set != nil {
		for _, side := range []data.Side{data.Validation, data.Test} {
			for _, row := range set.Parts[side] {
				p.source.Without.Add(row.Text)
				if row.Pair != "" {
					p.source.Without.Add(row.Pair)
				}
			}
		}
	}
	if err := p.source.Exclude(ctx); err != nil {
		return err
	}
	if c.Model.Base != "" {
		var err error
		if p.base, err = openBase(ctx, c.Model.Base, p); err != nil {
			return err
		}
		if p.base.Config.Family == model.EncoderFamily && c.Pretrain.Objective == model.ReplacedHead {
			return hint.Errorf("set pretrain.objective to masked", "pretraining %s: networks of family %s learn by masked tokens alone", c.Model.Base, model.EncoderFamily)
		}
	}
	p.digests = map[string]string{}
	for _, path := range c.Pretrain.Texts {
		digest, err := data.DigestFile(path)
		if err != nil {
			return err
		}
		p.digests[path] = digest
	}
	var err error
	p.identity, err = p.digest()
	return err
}

// run does the work, and goes on where an earlier process has left it.
func (p *pretraining) run(ctx context.Context) (*Pretrained, error) {
	if err := p.readFirst(ctx); err != nil {
		return nil, err
	}
	tok, err := p.tokenizer(ctx)
	if err != nil {
		return nil, err
	}
	if err := p.newModel(tok); err != nil {
		return nil, err
	}
	if err := p.readCorpus(ctx); err != nil {
		return nil, err
	}
	defer p.store.Close()
	if err := p.newTrainer(); err != nil {
		return nil, err
	}
	defer p.trainer.Close()
	if err := p.loop(ctx); err != nil {
		return nil, err
	}
	return p.pack()
}

// tokenizer is that of the base, or one that is trained on the texts; the run keeps it.
func (p *pretraining) tokenizer(ctx context.Context) (*text.Tokenizer, error) {
	if p.base != nil {
		return p.base.Tokenizer, nil
	}
	p.config.suitScript(p.first)
	path := filepath.Join(p.record.Dir(), model.TokenizerFile)
	if _, err := os.Stat(path); err == nil {
		return text.Load(path)
	}
	p.Stage("tokenizer", 0, "bytes")
	var failed error
	texts := func(yield func(string) bool) {
		for s, err := range p.source.All(ctx) {
			if err != nil {
				failed = err
				return
			}
			if !yield(s) {
				return
			}
		}
	}
	tok, err := text.Train(ctx, texts, p.config.Tokenizer, nil)
	if err == nil {
		err = failed
	}
	if err == nil {
		tok, err = tok.WithSpecial(p.special())
	}
	if err != nil {
		return nil, err
	}
	p.Note("tokenizer: %s, %d tokens", p.config.Tokenizer.Kind, tok.VocabSize())
	return tok, tok.Save(path)
}

// readFirst reads some texts, which tell the script.
func (p *pretraining) readFirst(ctx context.Context) error {
	source := p.source
	source.Progress = nil
	for s, err := range source.All(ctx) {
		if err != nil {
			return err
		}
		if p.first = append(p.first, data.Row{Text: s}); len(p.first) == 1000 {
			break
		}
	}
	return nil
}

// newModel makes the network with the head of its objective.
func (p *pretraining) newModel(tok *text.Tokenizer) error {
	c := &p.config.Model
	c.Head, c.Pair, c.Wide, c.Frozen, c.Features = p.config.Pretrain.Objective, false, false, false, model.Features{}
	c.Dropout, c.EmbedDropout, c.WordDropout = p.config.Pretrain.Dropout, p.config.Pretrain.Dropout, 0
	var err error
	if p.base != nil {
		p.model, err = model.Adapt(p.base, *c, p.config.Data.Clean, nil, p.config.Pretrain.Seed, nil)
	} else {
		p.model, err = model.New(*c, p.config.Data.Clean, tok, nil, p.config.Pretrain.Seed, nil)
	}
	return err
}

// readCorpus turns the texts into tokens on disk, below the run's folder, unless that was done before.
func (p *pretraining) readCorpus(ctx context.Context) error {
	dir := filepath.Join(p.record.Dir(), corpusFolder)
	var err error
	if p.store, err = corpus.Open(dir); err == nil {
		return nil
	}
	o := corpus.Options{MaxTokens: p.model.Config.MaxTokens}
	if n := p.config.Pretrain.MaxTokens; n > 0 {
		o.MaxTokens = min(n, o.MaxTokens)
	}
	if p.writes() {
		err = p.encodeEndings(&o)
	} else {
		err = p.encodeWords(&o)
	}
	if err != nil {
		return err
	}
	p.Stage("corpus", 0, "bytes")
	p.store, err = corpus.Build(ctx, dir, &p.source, o)
	return err
}

// encodeWords has the corpus know words, and lays the special tokens of the network around its sequences.
func (p *pretraining) encodeWords(o *corpus.Options) error {
	o.Begin, o.End = p.model.Around()
	var seg text.Segmenter
	if p.config.Pretrain.WholeWords {
		var err error
		if seg, err = text.NewSegmenter(); err != nil {
			return err
		}
	}
	tok := p.model.Tokenizer.Literal()
	o.Encode = func(dst []corpus.Token, s string) []corpus.Token {
		e := tok.Encode(s)
		return corpus.Words(dst, &e, s, seg)
	}
	return nil
}

// newTrainer prepares the training, or goes on with an earlier one.
func (p *pretraining) newTrainer() error {
	c := &p.config.Pretrain
	var objective pretrain.Objective
	var err error
	switch c.Objective {
	case model.ReplacedHead:
		objective, err = pretrain.NewReplaced(p.model, *c)
	case model.CausalHead:
		objective, err = pretrain.NewCausal(p.model)
	default:
		objective, err = pretrain.NewMasked(p.model, *c)
	}
	if err != nil {
		return err
	}
	if p.trainer, err = pretrain.New(objective, p.store, *c); err != nil {
		return err
	}
	checkpoint := filepath.Join(p.record.Dir(), checkpointFile)
	if _, err := os.Stat(checkpoint); err == nil {
		if err := p.trainer.Restore(checkpoint); err != nil {
			return err
		}
		p.Note("run %s goes on after step %d", p.record.ID(), p.trainer.Step())
		return nil
	}
	r := &p.store.Report
	p.Note("%d texts read, %d kept (%d doubles, %d too short, %d excluded): %s tokens to train on, %s held out", r.Texts, r.Kept, r.Doubles, r.Short, r.Excluded,
		size.Count(int(p.store.Train.Tokens())), size.Count(int(p.store.HeldOut.Tokens())))
	p.Note("%s: %s parameters, %d steps of %d tokens, objective %s", p.model.Config.Family, size.Count(p.model.Params.Count()), p.trainer.Steps(), c.BatchTokens, c.Objective)
	return nil
}

// loop consumes the events of the training: shows, logs, and saves checkpoints.
func (p *pretraining) loop(ctx context.Context) error {
	c := &p.config.Pretrain
	checkpoint := filepath.Join(p.record.Dir(), checkpointFile)
	p.Stage("pretraining", int64(p.trainer.Steps()), "steps")
	saved, perplexity := time.Now(), ""
	for event, err := range p.trainer.Run(ctx) {
		if err != nil {
			if errors.Is(err, context.Canceled) {
				err = errors.Join(err, p.trainer.Save(checkpoint))
			}
			return err
		}
		if s := event.Step; s != nil {
			values := map[string]float64{"train/loss": s.Loss, "train/learning_rate": s.LearningRate, "train/gradient_norm": s.GradientNorm}
			if err := p.record.Log(s.Step, s.Epoch, values); err != nil {
				return err
			}
			p.Progress(int64(s.Step), fmt.Sprintf("epoch %d  loss %.3f%s", s.Epoch, s.Loss, perplexity))
		}
		if v := event.Valid; v != nil {
			if err := p.record.Log(v.Step, 0, map[string]float64{"valid/loss": v.Loss, "valid/perplexity": v.Perplexity}); err != nil {
				return err
			}
			perplexity = fmt.Sprintf("  perplexity %.2f", v.Perplexity)
			p.Note("  step %6d  held-out loss %.4f  perplexity %.2f", v.Step, v.Loss, v.Perplexity)
		}
		if time.Since(saved) > time.Duration(c.Checkpoint)*time.Second {
			if err := p.trainer.Save(checkpoint); err != nil {
				return err
			}
			saved = time.Now()
		}
	}
	return nil
}

// pack writes the package and clears away what has served its purpose.
func (p *pretraining) pack() (*Pretrained, error) {
	p.Stage("packing", 0, "")
	p.model.Params.Freeze(nn.F32)
	r := &Pretrained{Run: p.record.ID(), Writes: p.writes(), Corpus: p.store.Report, Tokens: p.store.Train.Tokens(), Steps: p.trainer.Step(), Seconds: time.Since(p.start).Seconds()}
	if before, after := p.trainer.Perplexity(); !math.IsNaN(after) {
		r.Before, r.After = before, after
	}
	files, err := p.files(r)
	if err != nil {
		return nil, err
	}
	pack, err := p.model.Save(p.out, files)
	if err != nil {
		return nil, err
	}
	r.Package, r.Digest = pack.Dir, pack.Digest
	p.record.Artefact(pack.Dir, pack.Digest)
	p.Progress(0, fmt.Sprintf("%s, %s", pack.Dir, size.Bytes(pack.Size)))
	for _, name := range []string{checkpointFile, model.TokenizerFile, corpusFolder} {
		if err := os.RemoveAll(filepath.Join(p.record.Dir(), name)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// finish closes the record of a pretraining with its outcome.
func (p *pretraining) finish(r *Pretrained, err error) (*Pretrained, error) {
	switch {
	case err == nil:
		summary := map[string]float64{"seconds": r.Seconds}
		if r.After > 0 {
			summary["perplexity"], summary["perplexity_before"] = r.After, r.Before
		}
		err = p.record.Finish(track.Finished, summary, nil)
	case errors.Is(err, context.Canceled):
		err = hint.Wrap(err, "the same command continues", "pretraining")
		err = errors.Join(err, p.record.Finish(track.Interrupted, nil, nil))
	default:
		err = errors.Join(err, p.record.Finish(track.Failed, nil, err))
	}
	return r, err
}

// openRun goes on with an interrupted run of the same pretraining, or starts the record of a new one.
func (p *pretraining) openRun() error {
	c := &p.config
	if id := p.interrupted(); id != "" {
		var err error
		p.record, err = track.Resume(c.Runs, id, p.checkpointStep(id))
		return err
	}
	var err error
	p.record, err = track.Start(c.Runs, track.Info{
		Name: c.Name, Task: pretrainTask, Family: c.Model.Family, Command: p.options.Command, Parameters: c, Data: p.digests,
		Environment: track.Environment{Kernel: kernel.Name()},
	})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.record.Dir(), identityFile), []byte(p.identity), 0o644)
}
