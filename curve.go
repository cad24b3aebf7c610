package xiaoyu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// CurveOptions are what a learning curve needs beside the configuration.
type CurveOptions struct {
	Observer Observer  // nil for silence
	Shares   []float64 // of the training part, above 0 and up to 1; nil for 1/16, 1/8, 1/4, 1/2 and 1
	Seeds    int       // trainings of each share; 0 for 3
}

// curveShares halve the training part until little is left.
var curveShares = []float64{1. / 16, 1. / 8, 1. / 4, 1. / 2, 1}

// fewestRows is the smallest subset that is worth a training.
const fewestRows = 8

// LearningCurve trains the model of c on parts of the training rows and judges each on the same test rows: how its figure
// grows with the labels, and what twice as many would bring. Of one seed the smaller parts lie in the larger ones;
// validation and test rows are always all of them. The tokenizer is trained on the part as well, as it would be if there
// were no more. What is done is kept under c.Runs, so that a curve that was interrupted goes on where it was; no package
// and no run is written.
func LearningCurve(ctx context.Context, c *Config, o CurveOptions) (*eval.LearningCurve, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	if o.Shares == nil {
		o.Shares = curveShares
	}
	if o.Seeds == 0 {
		o.Seeds = 3
	}
	whole := &training{Observer: o.Observer, config: *c}
	if err := whole.config.resolveTask(ctx); err != nil {
		return nil, err
	}
	if err := whole.read(ctx); err != nil {
		return nil, err
	}
	if err := whole.learnTexts(ctx); err != nil {
		return nil, err
	}
	k := &curve{whole: whole, options: o}
	if err := k.open(); err != nil {
		return nil, err
	}
	sizes, err := k.sizes()
	if err != nil {
		return nil, err
	}
	done, total := 0, len(sizes)*o.Seeds
	for s := range uint64(o.Seeds) { // a whole curve of the first seed comes first
		for _, n := range sizes {
			if err := k.train(ctx, n, c.Train.Seed+s, fmt.Sprintf("%d/%d", done+1, total)); err != nil {
				if errors.Is(err, context.Canceled) {
					err = hint.Wrap(err, "the same command continues", "drawing the learning curve after %d of %d trainings", done, total)
				}
				return nil, err
			}
			done++
		}
	}
	wanted := slices.DeleteFunc(slices.Clone(k.state.Points), func(p eval.CurvePoint) bool {
		return !slices.Contains(sizes, p.N) || p.Seed < c.Train.Seed || p.Seed >= c.Train.Seed+uint64(o.Seeds)
	})
	return eval.NewLearningCurve(eval.Figure{Key: k.state.Key, Name: k.state.Name, NameZH: k.state.NameZH}, k.state.Examples, wanted), nil
}

// curve is the state of a learning curve.
type curve struct {
	whole   *training
	options CurveOptions
	dir     string
	state   curveState
}

// curveState is what a later call goes on with.
type curveState struct {
	Key      string            `json:"key"`
	Name     string            `json:"name"`
	NameZH   string            `json:"name_zh"`
	Examples int               `json:"examples"`
	Points   []eval.CurvePoint `json:"points"`
}

const curveStateFile = "points.json"

// open finds what was done before with the same configuration on the same data.
func (k *curve) open() error {
	settings := k.whole.config
	settings.Out, settings.Name, settings.Eval = "", "", Eval{Calibrate: settings.Eval.Calibrate} // these change no training
	description, err := json.Marshal([]any{settings, k.whole.set.Digest, Version()})
	if err == nil && k.whole.set.Digest == "" { // standard input: the rows themselves are what tells it apart
		var rows []byte
		rows, err = json.Marshal(k.whole.set.Parts)
		description = append(description, rows...)
	}
	if err != nil {
		return err
	}
	digest := sha256.Sum256(description)
	k.dir = filepath.Join(k.whole.config.Runs, "curves", hex.EncodeToString(digest[:8]))
	if err := os.MkdirAll(k.dir, 0o755); err != nil {
		return hint.Wrap(err, "choose a folder that you may write to (runs: in xiaoyu.yaml)", "keeping the learning curve in %s", k.dir)
	}
	content, err := os.ReadFile(filepath.Join(k.dir, curveStateFile))
	if err == nil {
		err = json.Unmarshal(content, &k.state)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return hint.Wrap(err, "delete that folder to start anew", "going on with the learning curve in %s", k.dir)
	}
	if n := len(k.state.Points); n > 0 {
		k.whole.Note("%d trainings were made before; the curve goes on after them", n)
	}
	return nil
}

// sizes turns shares into numbers of rows.
func (k *curve) sizes() ([]int, error) {
	rows := len(k.whole.set.Parts[data.Train])
	var sizes []int
	for _, share := range k.options.Shares {
		if !(share > 0) || share > 1 {
			return nil, hint.Errorf("use numbers above 0 and up to 1", "drawing the learning curve: a share of %v", share)
		}
		if n := int(math.Round(share * float64(rows))); n >= fewestRows {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	sizes = slices.Compact(sizes)
	if len(sizes) < 2 {
		return nil, hint.Errorf("add examples, or larger shares", "drawing the learning curve: %d rows for training make fewer than two parts of at least %d", rows, fewestRows)
	}
	return sizes, nil
}

// train makes one point, unless it was made before; at tells which of how many it is.
func (k *curve) train(ctx context.Context, n int, seed uint64, at string) error {
	if slices.ContainsFunc(k.state.Points, func(p eval.CurvePoint) bool { return p.N == n && p.Seed == seed }) {
		return nil
	}
	t := &training{Observer: silent{}, config: k.whole.config, states: k.whole.states}
	t.config.Train.Seed = seed
	set := *k.whole.set
	set.Parts[data.Train] = subset(set.Parts[data.Train], n, seed)
	t.set = &set
	tok, err := t.tokenizer(ctx)
	if err != nil {
		return err
	}
	if err := t.build(ctx, tok); err != nil {
		return err
	}
	k.whole.states = t.states
	checkpoint := filepath.Join(k.dir, fmt.Sprintf("%d-%d.safetensors", n, seed))
	if _, err := os.Stat(checkpoint); err == nil {
		if err := t.trainer.Restore(checkpoint); err != nil {
			return err
		}
	}
	t.Observer = withoutNotes{k.whole.Observer}
	if err := t.loop(ctx, course{name: "curve " + at, checkpoint: checkpoint}); err != nil {
		return err
	}
	t.Observer = silent{}
	t.trainer.Finish()
	t.model.Params.Freeze(nn.F32)
	if err := t.calibrate(ctx); err != nil {
		return err
	}
	t.config.Eval.Bootstrap, t.config.Eval.Mistakes, t.config.Data.Slices = 0, 0, nil
	report, _, err := t.judge(ctx)
	if err != nil {
		return err
	}
	f := report.Main()
	if f.Key == "mae" {
		return hint.Errorf("judge on rows whose numbers differ", "drawing the learning curve: R² does not exist where all test rows have the same number")
	}
	return errors.Join(k.keep(n, seed, f, report.N), removeIfThere(checkpoint), removeIfThere(contrastFile(checkpoint)))
}

// keep writes down a point that is done.
func (k *curve) keep(n int, seed uint64, f eval.Figure, examples int) error {
	k.whole.Note("  %7d labels  seed %d  %s %.4f", n, seed, f.Name, f.Value)
	k.state.Key, k.state.Name, k.state.NameZH, k.state.Examples = f.Key, f.Name, f.NameZH, examples
	k.state.Points = append(k.state.Points, eval.CurvePoint{N: n, Seed: seed, Value: f.Value})
	content, err := json.MarshalIndent(k.state, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(k.dir, curveStateFile), append(content, '\n'), 0o644); err != nil {
		return hint.Wrap(err, "free some space; the same command continues", "keeping the learning curve in %s", k.dir)
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// subset draws n rows; of one seed a smaller draw is the beginning of a larger one, and the rows keep their order.
func subset(rows []data.Row, n int, seed uint64) []data.Row {
	order := rand.New(rand.NewPCG(seed, 0x2545f4914f6cdd1d)).Perm(len(rows))[:n]
	slices.Sort(order)
	out := make([]data.Row, n)
	for i, at := range order {
		out[i] = rows[at]
	}
	return out
}

// withoutNotes shows how far a training is, and not each of its epochs.
type withoutNotes struct{ Observer }

func (withoutNotes) Note(string, ...any) {}

// CurveOfModel draws the learning curve of the configuration and the data that a model was trained with, which its
// package remembers.
func CurveOfModel(ctx context.Context, m *Model, o CurveOptions) (*eval.LearningCurve, error) {
	if m.Package == nil {
		return nil, hint.Errorf("use LearningCurve", "drawing the learning curve: the model is not open from a package")
	}
	origin, err := readLineage(m.Package.Dir)
	if err != nil {
		return nil, hint.Wrap(err, "use `xiaoyu train --curve` in its project", "reading what the model was trained with")
	}
	if _, err := os.Stat(origin.Config.Data.Path); err != nil {
		return nil, hint.Wrap(err, "call it in the folder in which the model was trained, or use `xiaoyu train --curve`", "drawing the learning curve: the model's training data")
	}
	return LearningCurve(ctx, &origin.Config, o)
}
