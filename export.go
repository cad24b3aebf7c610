package xiaoyu

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/export/c99"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// ExportOptions say what a model becomes.
type ExportOptions struct {
	Out       string           // folder of the export
	Format    string           // see export.Formats
	Precision export.Precision // "" for float32
	Length    int              // tokens of a text, for formats that want them fixed; 0 for as many as the model reads
	Calibrate string           // how ranges are found: see quant.ParseCalibration; "" for the least and the greatest number
	Data      *Config          // of which the data part names texts for calibration; nil for none
	Observer  Observer         // nil for silence
	Command   []string         // recorded in the export
	Name      string           // of functions and packages, formats c and go; made of Out if empty
}

// Exported is a model as another program's file.
type Exported struct {
	Folder    string           `json:"folder"`
	File      string           `json:"file"`
	Format    string           `json:"format"`
	Precision export.Precision `json:"precision"`
	Bytes     int64            `json:"bytes"`
	Digest    string           `json:"digest"`
	Outside   []string         `json:"outside"`        // what callers of the file do themselves
	Cost      *c99.Cost        `json:"cost,omitempty"` // format c
}

// Export writes a model as a file that other programs execute, with all that its user needs beside it. The folder appears
// as a whole or not at all.
func Export(ctx context.Context, m *Model, o ExportOptions) (*Exported, error) {
	if write := sources[o.Format]; write != nil {
		return write(ctx, m, &o)
	}
	format, err := export.FormatOf(o.Format)
	if err != nil {
		return nil, err
	}
	o.Precision = cmp.Or(o.Precision, export.F32)
	e := export.Options{Format: o.Format, Precision: o.Precision, Length: o.Length}
	if o.Calibrate != "" && o.Precision != export.Int8QDQ {
		return nil, hint.Errorf("add --precision int8-qdq, or leave it out", "calibrating by %s: the precision %s has no ranges", o.Calibrate, o.Precision)
	}
	if o.Precision == export.Int8QDQ && o.Data != nil && o.Data.Data.Path != "" {
		if e.Ranges, err = calibrate(ctx, m.Model, o.Data, o.Calibrate, cmp.Or[Observer](o.Observer, silent{})); err != nil {
			return nil, err
		}
	}
	if e.Files, e.Front, err = o.beside(m); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	p, err := export.Write(m.Model, o.Out, e)
	if err != nil {
		return nil, err
	}
	return &Exported{Folder: p.Dir, File: format.File, Format: o.Format, Precision: o.Precision, Bytes: p.Size, Digest: p.Digest, Outside: format.Outside(m.Model)}, nil
}

// beside are the files that go with an export: licence, figures, lineage; and the front matter of its card.
func (o *ExportOptions) beside(m *Model) (files map[string][]byte, front string, err error) {
	files = m.Beside("LICENSE", "LICENSE.txt", "LICENSE.md", model.MetricsFile)
	origin := map[string]any{"created": time.Now().UTC(), "command": o.Command, "format": o.Format, "precision": o.Precision, "length": o.Length,
		"version": Version(), "system": runtime.GOOS + "/" + runtime.GOARCH, "lineage": m.Origin()}
	if o.Precision == export.Int8QDQ {
		origin["calibration"] = cmp.Or(o.Calibrate, quant.MinMax)
	}
	if m.Package != nil {
		origin["exported"], origin["parent"] = m.Package.Dir, m.Package.Digest
	}
	lineage, err := json.MarshalIndent(origin, "", "  ")
	if err != nil {
		return nil, "", err
	}
	files[model.LineageFile] = append(lineage, '\n')
	return files, frontMatter(m.Beside(model.CardFile)[model.CardFile]), nil
}

// frontMatter is what stands between the first two lines of dashes of a card, licence and language among others, without
// the figures: they are of the model, and an export has its own.
func frontMatter(card []byte) string {
	parts := strings.SplitN(string(card), "---\n", 3)
	if len(parts) < 3 || parts[0] != "" {
		return ""
	}
	head, _, _ := strings.Cut(parts[1], "model-index:")
	return "---\n" + head + "---\n\n"
}

// calibrationTexts is how many texts are looked at for ranges.
const calibrationTexts = 500

func calibrate(ctx context.Context, m *model.Model, c *Config, how string, o Observer) (export.Ranges, error) {
	columns := c.Data.Columns
	columns.Label = "" // none is needed
	r, err := data.Open(ctx, c.Data.Path, columns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var queries []model.Query
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		if queries = append(queries, model.Query{Text: e.Text, Pair: e.Pair}); len(queries) == calibrationTexts {
			break
		}
	}
	o.Stage("calibrating", int64(len(queries)), "texts")
	return export.Calibrate(ctx, m, queries, how, func(done int) { o.Progress(int64(done), "") })
}

// OpenExport opens an export that the format's own runtime runs: python is the interpreter of an environment that has it.
// Verify compares it; the process ends with ctx, or when the model is closed.
func OpenExport(ctx context.Context, path, python string) (*Model, error) {
	m, err := export.OpenIn(ctx, path, python)
	if err != nil {
		return nil, err
	}
	return &Model{m}, nil
}

// Verification compares an export with the model that it was made from.
type Verification struct {
	Texts      int              `json:"texts"`
	Agreement  float64          `json:"agreement"`  // share of texts of which both say the same
	Of         string           `json:"of"`         // what differs: logits, or of programs probabilities, numbers or vectors
	Difference float64          `json:"difference"` // the greatest
	Mean       float64          `json:"mean_difference"`
	Model      VerifiedSide     `json:"model"`
	Export     VerifiedSide     `json:"export"`
	Comparison *eval.Comparison `json:"comparison,omitempty"`
}

// VerifiedSide is one of both.
type VerifiedSide struct {
	Path    string        `json:"path"`
	Kind    string        `json:"kind,omitempty"` // of a program, what runs it
	Bytes   int64         `json:"bytes"`
	Figures []eval.Figure `json:"figures,omitempty"`
	Median  float64       `json:"median_ms"` // of one text at a time
	Slow    float64       `json:"p99_ms"`
	report  *eval.Report
}

// Verify runs a model and its export on the examples of c.Data: figures, agreement, the greatest difference of logits,
// and the time that one text takes.
func Verify(ctx context.Context, m, exported *Model, c *Config, o Observer) (*Verification, error) {
	if m.Config.Head != exported.Config.Head || !slices.Equal(m.Labels, exported.Labels) {
		return nil, hint.Errorf("name the model that the export was made from with --model", "verifying: the two do not predict the same labels")
	}
	j := judgement{Observer: cmp.Or[Observer](o, silent{}), config: c}
	if err := j.read(ctx, m.Config.Head); err != nil {
		return nil, err
	}
	v := &Verification{Texts: len(j.examples), Of: "logits"}
	sides := []*VerifiedSide{&v.Model, &v.Export}
	logits := make([][][]float32, 2)
	queries := make([]model.Query, len(j.examples))
	for i, e := range j.examples {
		queries[i] = model.Query{Text: e.Text, Pair: e.Pair}
	}
	for i, side := range []*Model{m, exported} {
		name := []string{"the model", "the export"}[i]
		sides[i].Path, sides[i].Bytes = packageName(side, name), side.Package.Size
		if c.Data.Label != "" {
			report, err := j.judge(ctx, side.Model, "judging")
			if err != nil {
				return nil, err
			}
			sides[i].report, sides[i].Figures = report, report.Figures()
		}
		var err error
		if logits[i], err = j.logits(ctx, side.Model, queries, name); err != nil {
			return nil, err
		}
		if sides[i].Median, sides[i].Slow, err = latency(ctx, side.Model, queries); err != nil {
			return nil, err
		}
	}
	v.compareLogits(m.Model, logits[0], logits[1])
	if v.Model.report == nil {
		return v, nil
	}
	var err error
	v.Comparison, err = eval.Compare(v.Model.report, v.Export.report, v.Model.Path, v.Export.Path, j.options())
	return v, err
}

// logits computes those of all queries, some at a time, so that progress shows.
func (j *judgement) logits(ctx context.Context, m *model.Model, queries []model.Query, name string) ([][]float32, error) {
	const part = 256
	j.Stage("comparing", int64(len(queries)), "texts")
	var all [][]float32
	for from := 0; from < len(queries); from += part {
		some, err := m.Logits(ctx, queries[from:min(from+part, len(queries))])
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		j.Progress(int64(len(all)), name)
	}
	return all, nil
}

// latency is the time that single texts take, in milliseconds.
func latency(ctx context.Context, m *model.Model, queries []model.Query) (median, slow float64, err error) {
	const most = 200
	var times []float64
	for _, q := range queries[:min(len(queries), most)] {
		start := time.Now()
		if _, err := m.Logits(ctx, []model.Query{q}); err != nil {
			return 0, 0, err
		}
		times = append(times, float64(time.Since(start).Microseconds())/1000)
	}
	if len(times) == 0 {
		return 0, 0, hint.Errorf("check --data", "verifying: there are no texts")
	}
	slices.Sort(times)
	return times[len(times)/2], times[min(len(times)-1, len(times)*99/100)], nil
}

// compareLogits fills in how far the logits of both are apart. Two say the same where the highest logit of each row is
// the same one; of a single number, where it differs by less than a hundredth.
func (v *Verification) compareLogits(m *model.Model, a, b [][]float32) {
	sum, count, same := 0.0, 0, 0
	for i := range a {
		agree := len(a[i]) == len(b[i])
		for j := range min(len(a[i]), len(b[i])) {
			d := math.Abs(float64(a[i][j] - b[i][j]))
			v.Difference = max(v.Difference, d)
			sum += d
			count++
			switch m.Config.Head {
			case model.MultiLabelHead, model.ReplacedHead:
				agree = agree && (a[i][j] > 0) == (b[i][j] > 0)
			case model.RegressionHead, model.EmbeddingHead:
				agree = agree && d < 0.01
			}
		}
		if width := len(m.Labels); agree && (m.Config.Head == model.ClassHead || m.Config.Head == model.TokensHead) {
			for at := 0; at+width <= len(a[i]); at += width {
				agree = agree && highestOf(a[i][at:at+width]) == highestOf(b[i][at:at+width])
			}
		}
		if agree {
			same++
		}
	}
	v.Mean = sum / max(float64(count), 1)
	v.Agreement = float64(same) / max(float64(len(a)), 1)
}

func highestOf(x []float32) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}

// ModelOf returns the path of the model that an export was made from, as its lineage has it.
func ModelOf(exported *Model) (string, error) {
	var origin struct {
		Exported string `json:"exported"`
	}
	if err := json.Unmarshal(exported.Origin(), &origin); err != nil || origin.Exported == "" {
		return "", hint.Errorf("name it with --model", "verifying: the export does not say which model it was made from")
	}
	return origin.Exported, nil
}

// Text writes the table of a verification.
func (v *Verification) Text() string {
	var b strings.Builder
	row := func(name, a, c string) { fmt.Fprintf(&b, "%-24s %14s %14s\n", name, a, c) }
	row("", "model", "export")
	for i, f := range v.Model.Figures {
		if i < 2 && i < len(v.Export.Figures) {
			row(f.Name, fmt.Sprintf("%.4f", f.Value), fmt.Sprintf("%.4f", v.Export.Figures[i].Value))
		}
	}
	row("one text, median", fmt.Sprintf("%.2f ms", v.Model.Median), fmt.Sprintf("%.2f ms", v.Export.Median))
	row("one text, 99 of 100", fmt.Sprintf("%.2f ms", v.Model.Slow), fmt.Sprintf("%.2f ms", v.Export.Slow))
	row("size", fmt.Sprintf("%.2f MB", float64(v.Model.Bytes)/1e6), fmt.Sprintf("%.2f MB", float64(v.Export.Bytes)/1e6))
	b.WriteString(v.kindLine())
	fmt.Fprintf(&b, "\nagreement                on %.2f %% of %d texts\n", 100*v.Agreement, v.Texts)
	fmt.Fprintf(&b, "%-24s %.2g at most, %.2g on average\n", "difference of "+v.Of, v.Difference, v.Mean)
	return b.String()
}
