package xiaoyu

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/export/trial"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// IsProgram tells whether a path is an export that answers by itself, which VerifyProgram compares: an executable, a page
// or folder for browsers, a source of C.
func IsProgram(path string) bool { return trial.Is(path) }

// VerifyProgram runs an export that is a program of its own, and the model that it was made from, on the examples of
// c.Data: an executable natively or by an emulator, C by a compiler, a page in Chromium. base names the model; if it is
// empty, it is the package that the export carries, or the folder that its lineage names, which open opens.
func VerifyProgram(ctx context.Context, path, base string, open func(name string) (*Model, error), c *Config, o Observer) (*Verification, error) {
	p, err := trial.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer p.Close()
	m, err := baseOf(p, base, open)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	t := &programTrial{judgement: judgement{Observer: cmp.Or[Observer](o, silent{}), config: c}, m: m.Model, p: p}
	if err := t.read(ctx, m.Config.Head); err != nil {
		return nil, err
	}
	if err := t.prepare(); err != nil {
		return nil, err
	}
	return t.compare(ctx)
}

// baseOf opens the model that an export was made from.
func baseOf(p *trial.Program, base string, open func(name string) (*Model, error)) (*Model, error) {
	if base == "" {
		m, err := p.Carried()
		if err != nil {
			return nil, err
		}
		if m != nil {
			return &Model{m}, nil
		}
		dir := p.Path
		if filepath.Ext(dir) != "" {
			dir = filepath.Dir(dir)
		}
		var origin struct {
			Exported string `json:"exported"`
		}
		content, err := os.ReadFile(filepath.Join(dir, model.LineageFile))
		if err == nil {
			err = json.Unmarshal(content, &origin)
		}
		if base = origin.Exported; err != nil || base == "" {
			return nil, hint.Errorf("name it with --model", "verifying: the export does not say which model it was made from")
		}
	}
	m, err := open(base)
	if err != nil {
		return nil, hint.Wrap(err, "name it with --model", "opening the model that the export was made from")
	}
	return m, nil
}

// programTrial is the comparison of a model with a program that was made of it.
type programTrial struct {
	judgement
	m       *model.Model
	p       *trial.Program
	rows    []data.Row // that are judged; nil without labels
	queries []model.Query
}

// prepare makes queries of the examples, as the program can be given them.
func (t *programTrial) prepare() error {
	examples := t.examples
	for i := range examples {
		q := t.p.Clean(model.Query{Text: examples[i].Text, Pair: examples[i].Pair})
		examples[i].Text, examples[i].Pair = q.Text, q.Pair
	}
	if t.config.Data.Label != "" && t.m.Config.Head != model.EmbeddingHead {
		var err error
		if t.rows, _, err = evalRows(t.m, examples, t.config); err != nil {
			return err
		}
		for _, r := range t.rows {
			t.queries = append(t.queries, model.Query{Text: r.Text, Pair: r.Pair})
		}
	} else {
		for _, e := range examples {
			t.queries = append(t.queries, model.Query{Text: e.Text, Pair: e.Pair})
		}
	}
	if len(t.queries) == 0 {
		return hint.Errorf("check --data and --label", "verifying: there are no texts")
	}
	return nil
}

func (t *programTrial) compare(ctx context.Context) (*Verification, error) {
	v := &Verification{Texts: len(t.queries), Of: "probabilities"}
	switch t.m.Config.Head {
	case model.RegressionHead:
		v.Of = "numbers"
	case model.EmbeddingHead:
		v.Of = "vectors"
	}
	v.Model.Path, v.Export.Path, v.Export.Kind, v.Export.Bytes = cmp.Or(packageName(&Model{t.m}, ""), "the model"), t.p.Path, t.p.Kind, t.p.Bytes
	if t.m.Package != nil {
		v.Model.Bytes = t.m.Package.Size
	}
	own, took, err := t.askModel(ctx)
	if err != nil {
		return nil, err
	}
	v.Model.setTimes(took)
	t.Stage("asking the export", int64(len(t.queries)), "texts")
	theirs, took, err := t.p.Ask(ctx, t.m, t.queries, func(done int) { t.Progress(int64(done), t.p.Kind) })
	if err != nil {
		return nil, err
	}
	v.Export.setTimes(took)
	v.comparePredictions(t.m.Config.Head, own, theirs)
	if t.rows == nil {
		return v, nil
	}
	for i, side := range []*VerifiedSide{&v.Model, &v.Export} {
		report, err := judge(t.m, t.rows, &answers{predictions: [][]model.Prediction{own, theirs}[i]}, nil, t.options())
		if err != nil {
			return nil, err
		}
		side.report, side.Figures = report, report.Figures()
	}
	v.Comparison, err = eval.Compare(v.Model.report, v.Export.report, v.Model.Path, v.Export.Path, t.options())
	return v, err
}

// askModel asks the model one query at a time, as the export is.
func (t *programTrial) askModel(ctx context.Context) ([]model.Prediction, []time.Duration, error) {
	t.Stage("asking the model", int64(len(t.queries)), "texts")
	said, took := make([]model.Prediction, len(t.queries)), make([]time.Duration, len(t.queries))
	for i, q := range t.queries {
		start := time.Now()
		one, err := t.m.PredictQueries(ctx, []model.Query{q})
		if err != nil {
			return nil, nil, err
		}
		said[i], took[i] = one[0], time.Since(start)
		t.Progress(int64(i+1), "")
	}
	return said, took, nil
}

func (s *VerifiedSide) setTimes(took []time.Duration) {
	sorted := slices.Sorted(slices.Values(took))
	milli := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	s.Median, s.Slow = milli(sorted[len(sorted)/2]), milli(sorted[len(sorted)*99/100])
}

// comparePredictions fills in on how many texts both say the same, and how far their numbers are apart.
func (v *Verification) comparePredictions(head string, a, b []model.Prediction) {
	sum, count, same := 0.0, 0, 0
	for i := range a {
		x, y := numbersOf(head, &a[i]), numbersOf(head, &b[i])
		agree := len(x) == len(y) && saysSame(head, &a[i], &b[i])
		for j := range min(len(x), len(y)) {
			d := math.Abs(x[j] - y[j])
			v.Difference = max(v.Difference, d)
			sum += d
			count++
			if head == model.RegressionHead || head == model.EmbeddingHead {
				agree = agree && d < 0.01
			}
		}
		if agree {
			same++
		}
	}
	v.Mean = sum / max(float64(count), 1)
	v.Agreement = float64(same) / float64(len(a))
}

// saysSame tells whether two predictions come to the same, but for their numbers.
func saysSame(head string, a, b *model.Prediction) bool {
	switch head {
	case model.RegressionHead, model.EmbeddingHead:
		return true // that is in the numbers
	case model.MultiLabelHead:
		return slices.Equal(a.Labels, b.Labels)
	case model.TokensHead, model.ReplacedHead:
		return slices.EqualFunc(a.Entities, b.Entities, func(x, y model.Entity) bool {
			return x.Start == y.Start && x.End == y.End && x.Label == y.Label
		})
	case model.AnswerHead:
		return len(a.Answers) > 0 && len(b.Answers) > 0 && a.Answers[0].Text == b.Answers[0].Text && a.Answers[0].Start == b.Answers[0].Start
	case model.MaskedHead, model.CausalHead:
		return slices.EqualFunc(a.Masks, b.Masks, func(x, y []model.Score) bool {
			return len(x) > 0 && len(y) > 0 && x[0].Label == y[0].Label
		})
	}
	return a.Label == b.Label
}

// numbersOf are the numbers of a prediction that are compared.
func numbersOf(head string, p *model.Prediction) []float64 {
	var out []float64
	switch head {
	case model.RegressionHead:
		return []float64{p.Score}
	case model.EmbeddingHead:
		if p.Vector == nil { // a pair
			return []float64{p.Score}
		}
		for _, x := range p.Vector {
			out = append(out, float64(x))
		}
	case model.TokensHead, model.ReplacedHead:
		for _, e := range p.Entities {
			out = append(out, float64(e.Probability))
		}
	case model.AnswerHead:
		for _, s := range p.Answers[:min(len(p.Answers), 1)] {
			out = append(out, float64(s.Probability))
		}
	case model.MaskedHead, model.CausalHead:
		for _, m := range p.Masks {
			for _, s := range m[:min(len(m), 1)] {
				out = append(out, float64(s.Probability))
			}
		}
	default:
		for _, x := range p.Probabilities {
			out = append(out, float64(x))
		}
	}
	return out
}

// kindLine tells in a line what the export is, where it is a program.
func (v *Verification) kindLine() string {
	if v.Export.Kind == "" {
		return ""
	}
	return fmt.Sprintf("%-24s %s\n", "export", v.Export.Kind)
}
