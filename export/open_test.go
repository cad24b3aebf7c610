package export

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

func TestAnExportedModelPredictsTheSame(t *testing.T) {
	exporttest.Each(t, func(name string, m *model.Model) {
		dir := filepath.Join(t.TempDir(), "export")
		if _, err := Write(m, dir, Options{Format: "onnx"}); err != nil {
			t.Fatalf("%s: %v; %s", name, err, hint.Way(err))
		}
		again, err := Open(filepath.Join(dir, ONNXFile))
		if err != nil {
			t.Fatalf("%s: %v; %s", name, err, hint.Way(err))
		}
		defer again.Package.Close()
		want, err := m.PredictQueries(t.Context(), exporttest.Queries)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := again.PredictQueries(t.Context(), exporttest.Queries)
		if err != nil {
			t.Fatal(name, err)
		}
		for i := range want {
			if !alike(&want[i], &got[i]) {
				t.Errorf("%s: of text %d it says %+v, the model %+v", name, i, got[i], want[i])
			}
		}
		if m.Dim() > 0 && m.Config.Head == model.EmbeddingHead {
			a, err := m.Embed(t.Context(), []string{"房间很干净"}, "")
			b, err2 := again.Embed(t.Context(), []string{"房间很干净"}, "")
			if err != nil || err2 != nil || !close32(a[0], b[0]) {
				t.Errorf("%s: embeddings differ (%v, %v)", name, err, err2)
			}
		}
	})
}

// TestAnExportReadsLongTextsInWindows has texts of several windows predicted by an export as by its package; the checkpoint
// of a BERT that answers questions among them.
func TestAnExportReadsLongTextsInWindows(t *testing.T) {
	var long strings.Builder
	for i := range 60 {
		fmt.Fprintf(&long, "%s%d，", []string{"房间很干净", "服务好", "太脏了", "不会再来", "早餐一般"}[i*i%5], i)
	}
	windows := func(join string) func(c *model.Config) {
		return func(c *model.Config) {
			c.Windows, c.Pair = model.Windows{Join: join, Stride: 8}, c.Head == model.AnswerHead
		}
	}
	for name, m := range map[string]*model.Model{
		"labels, mean": exporttest.Model(t, "transformer", model.ClassHead, windows(model.JoinMean)),
		"labels, max":  exporttest.Model(t, "gru", model.MultiLabelHead, windows(model.JoinMax)),
		"tags":         exporttest.Model(t, "lstm", model.TokensHead, windows(model.JoinMean)),
		"answers":      exporttest.Model(t, "transformer", model.AnswerHead, windows(model.JoinMax)),
		"a BERT":       exporttest.Checkpoint(t, "bert_qa"),
	} {
		dir := filepath.Join(t.TempDir(), "export")
		if _, err := Write(m, dir, Options{Format: "onnx"}); err != nil {
			t.Fatalf("%s: %v; %s", name, err, hint.Way(err))
		}
		again, err := Open(dir)
		if err != nil {
			t.Fatalf("%s: %v; %s", name, err, hint.Way(err))
		}
		defer again.Package.Close()
		queries := []model.Query{{Text: long.String(), Pair: "早餐"}, {Text: "很好", Pair: "好"}}
		if m.Config.Head != model.AnswerHead {
			queries[0].Pair, queries[1].Pair = "", ""
		}
		want, err := m.PredictQueries(t.Context(), queries)
		if err != nil {
			t.Fatal(name, err)
		}
		got, err := again.PredictQueries(t.Context(), queries)
		if err != nil {
			t.Fatal(name, err)
		}
		for i := range want {
			if !alike(&want[i], &got[i]) || len(want[i].Answers) > 0 && want[i].Answers[0].Text != got[i].Answers[0].Text {
				t.Errorf("%s: of text %d it says %+v, the model %+v", name, i, got[i], want[i])
			}
		}
		card, err := os.ReadFile(filepath.Join(dir, model.CardFile))
		if err != nil || !strings.Contains(string(card), "longer texts: windows that overlap by") {
			t.Errorf("%s: the card does not tell of windows: %v", name, err)
		}
	}
}

func close32(a, b []float32) bool {
	ok := len(a) == len(b)
	for i := range a {
		ok = ok && math.Abs(float64(a[i]-b[i])) < 1e-4
	}
	return ok
}

func alike(a, b *model.Prediction) bool {
	ok := a.Label == b.Label && a.Class == b.Class && close32(a.Probabilities, b.Probabilities) && math.Abs(a.Score-b.Score) < 1e-4 &&
		reflect.DeepEqual(a.Tags, b.Tags) && reflect.DeepEqual(a.Labels, b.Labels) && len(a.Entities) == len(b.Entities) && len(a.Masks) == len(b.Masks)
	for i := range a.Entities {
		ok = ok && a.Entities[i].Start == b.Entities[i].Start && a.Entities[i].End == b.Entities[i].End && a.Entities[i].Label == b.Entities[i].Label
	}
	for i := range a.Answers {
		// Which of several that are the same is best is a matter of chance, in texts that repeat themselves.
		ok = ok && len(a.Answers) == len(b.Answers) && math.Abs(float64(a.Answers[i].Probability-b.Answers[i].Probability)) < 1e-4
	}
	for i := range a.Masks {
		ok = ok && len(a.Masks[i]) == len(b.Masks[i]) && math.Abs(float64(a.Masks[i][0].Probability-b.Masks[i][0].Probability)) < 1e-4
	}
	return ok && close32(a.Vector, b.Vector)
}

func TestABrokenExportIsRefused(t *testing.T) {
	m := exporttest.Model(t, "mlp", model.ClassHead, nil)
	dir := filepath.Join(t.TempDir(), "export")
	if _, err := Write(m, dir, Options{Format: "onnx", Precision: Int8}); err != nil {
		t.Fatal(err)
	}
	refused := func(path, want string) {
		t.Helper()
		if _, err := Open(path); err == nil || !strings.Contains(err.Error()+"; "+hint.Way(err), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if _, err := model.Open(dir); err == nil || !strings.Contains(err.Error(), "holds an export") {
		t.Errorf("opened as a package: %v", err)
	}
	path := filepath.Join(dir, ONNXFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	refused(dir, "is not the file that was packed")
	alone := filepath.Join(t.TempDir(), "m.onnx")
	if err := os.WriteFile(alone, data, 0o644); err != nil {
		t.Fatal(err)
	}
	refused(alone, "put config.json and tokenizer.json of the model beside it")
	refused(filepath.Join(t.TempDir(), "none.onnx"), "check the path")
	if _, err := Write(m, filepath.Join(t.TempDir(), "x"), Options{Format: "onnx", Precision: "int3"}); err == nil || !strings.Contains(hint.Way(err), "choose f32, f16, int8") {
		t.Errorf("an unknown precision: %v", err)
	}
	if _, err := Write(m, filepath.Join(t.TempDir(), "x"), Options{Format: "coreml"}); err == nil || !strings.Contains(err.Error(), `unknown format "coreml"`) {
		t.Errorf("an unknown format: %v", err)
	}
}

func TestCalibrationFindsRanges(t *testing.T) {
	m := exporttest.Model(t, "transformer", model.ClassHead, nil)
	ranges, err := Calibrate(t.Context(), m, exporttest.Queries, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(ranges) < 2*4 { // of each layer queries, what follows attention, and both parts of feed-forward
		t.Fatalf("%d ranges", len(ranges))
	}
	for name, r := range ranges {
		if !(r[0] <= 0 && r[1] > 0) || r[1] > 1e3 {
			t.Errorf("%s: %v", name, r)
		}
	}
	g, err := m.Graph()
	if err != nil {
		t.Fatal(err)
	}
	file, err := ONNX(g, Int8QDQ, ranges)
	if err != nil {
		t.Fatal(err)
	}
	prog, err := newProgram(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var in model.Input
	var sample model.Sample
	m.Encode(&in, &sample, exporttest.Queries[0].Text, "")
	out, err := prog.Run(m.Padded(&in))
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Logits(t.Context(), exporttest.Queries[:1])
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range want[0] {
		if d := math.Abs(float64(v - out.Floats[i])); d > 0.2 {
			t.Errorf("logit %d is %g, the model's %g", i, out.Floats[i], v)
		}
	}
	if _, err := Calibrate(t.Context(), m, nil, "", nil); err == nil {
		t.Error("ranges of no texts")
	}
}
