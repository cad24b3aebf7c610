package model

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// sentenceFolder adds modules of sentence-transformers to a checkpoint: pooling, then the files of others.
func sentenceFolder(t *testing.T, dir, kinds, pooling string, files map[string]string) {
	t.Helper()
	var list []string
	for i, kind := range strings.Fields(kinds) {
		at := ""
		if i > 0 {
			at = fmt.Sprintf("%d_%s", i, kind)
		}
		list = append(list, fmt.Sprintf(`{"idx":%d,"name":"%d","path":%q,"type":"sentence_transformers.models.%s"}`, i, i, at, kind))
	}
	all := map[string]string{modulesFile: "[" + strings.Join(list, ",") + "]", "1_Pooling/config.json": pooling}
	for name, content := range files {
		all[name] = content
	}
	for name, content := range all {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func writeTensors(t *testing.T, path string, tensors ...safetensors.Tensor) {
	t.Helper()
	if err := safetensors.WriteFile(path, tensors, nil); err != nil {
		t.Fatal(err)
	}
}

const denseConfig = `{"in_features":64,"out_features":3,"bias":true,"activation_function":"torch.nn.modules.linear.Identity"}`

func TestModulesOfASentenceEncoderAreAppliedInTheirOrder(t *testing.T) {
	base := smallEncoder(t, "mpnet")
	hidden := base.Dim()
	dir := base.Package.Dir
	sentenceFolder(t, dir, "Transformer Pooling Dense Normalize", `{"pooling_mode_max_tokens":true,"pooling_mode_mean_tokens":true,"pooling_mode_cls_token":true}`,
		map[string]string{"2_Dense/config.json": fmt.Sprintf(`{"in_features":%d,"out_features":3,"bias":true,"activation_function":"torch.nn.modules.activation.Tanh"}`, 3*hidden)})
	w, b := make([]float32, 3*3*hidden), []float32{0.1, -0.2, 0.3}
	for i := range w {
		w[i] = float32(i%7-3) / 10
	}
	writeTensors(t, filepath.Join(dir, "2_Dense", WeightsFile), safetensors.FromFloat32("linear.weight", []int{3, 3 * hidden}, w), safetensors.FromFloat32("linear.bias", []int{3}, b))
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Package.Close()
	if m.Dim() != 3 || m.Config.Pooling != "first+max+mean" {
		t.Fatalf("%d numbers, pooling %s", m.Dim(), m.Config.Pooling)
	}
	// What the modules make of the states of the tokens, step by step.
	s := "a b c d"
	var in Input
	var e Sample
	base.EncodeText(&in, &e, s)
	tape := nn.NewTape(nil)
	tape.Begin(nn.Inference, 0, 0)
	states := base.Network.(*pretrained).states(tape, &in)
	var row []float32
	for _, how := range []nn.Pooling{nn.FirstPool, nn.MaxPool, nn.MeanPool} {
		row = append(row, tape.Pool(states, in.Tokens.Offsets, how).Row(0)...)
	}
	want := tape.UnitRows(tape.Activate(dot(tape, row, w, b), nn.Tanh)).Row(0)
	got := vectorOf(t, m, s)
	if !closeTo(got, want) {
		t.Errorf("%v, want %v", got, want)
	}

	// As a package, and as a folder of sentence-transformers that is read anew.
	out := filepath.Join(t.TempDir(), "package")
	if _, err := m.Save(out, nil); err != nil {
		t.Fatal(err)
	}
	again, err := Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Package.Close()
	if v := vectorOf(t, again, s); !closeTo(v, got) {
		t.Errorf("as a package: %v, want %v", v, got)
	}
	file, err := safetensors.Open(filepath.Join(out, "2_Dense", WeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if kept, _ := file.Tensor("linear.weight"); len(kept.Data) != 4*len(w) {
		t.Errorf("the module's file: %+v", kept.Shape)
	}
	modules, _ := os.ReadFile(filepath.Join(out, modulesFile))
	if !strings.Contains(string(modules), `"path": "2_Dense"`) || !strings.Contains(string(modules), `"path": "3_Normalize"`) {
		t.Errorf("%s", modules)
	}
}

// dot is row·wᵀ + b.
func dot(t *nn.Tape, row, w, b []float32) *nn.Var {
	out := make([]float32, len(b))
	for i := range out {
		out[i] = b[i]
		for j, v := range row {
			out[i] += v * w[i*len(row)+j]
		}
	}
	return t.Input(out, 1, len(out))
}

func TestModulesThatCannotBeUsedAreNamed(t *testing.T) {
	mean := `{"pooling_mode_mean_tokens":true}`
	for _, c := range []struct {
		kinds, pooling string
		files          map[string]string
		want           string
	}{
		{"Transformer Pooling LSTM", mean, nil, "the module LSTM is not supported (2_LSTM)"},
		{"Transformer Pooling Normalize Dense", mean, map[string]string{"3_Dense/config.json": denseConfig}, "the module Dense behind Normalize"},
		{"Transformer Pooling Dense", mean, nil, "2_Dense/config.json is missing"},
		{"Transformer Pooling Dense", mean, map[string]string{"2_Dense/config.json": `{"in_features":64,"out_features":3,"activation_function":"torch.nn.modules.activation.Softsign"}`}, "Softsign"},
		{"Transformer Pooling Dense", mean, map[string]string{"2_Dense/config.json": `{"in_features":0,"out_features":3}`}, "from 0 to 3 numbers"},
		{"Transformer Pooling Dense", mean, map[string]string{"2_Dense/config.json": denseConfig}, "2_Dense"},
		{"Transformer Pooling", `{"pooling_mode_weightedmean_tokens":true}`, nil, "pooling_mode_weightedmean_tokens"},
		{"Transformer Pooling", `{}`, nil, "is not supported"},
		{"Transformer Pooling", `{"pooling_mode_mean_tokens":true,"include_prompt":false}`, nil, "without the prompt"},
	} {
		dir := smallEncoder(t, "mpnet").Package.Dir
		sentenceFolder(t, dir, c.kinds, c.pooling, c.files)
		_, err := Open(dir)
		if err == nil || !strings.Contains(err.Error(), c.want) || hint.Way(err) == "" {
			t.Errorf("%s %s: %v, want %q", c.kinds, c.pooling, err, c.want)
		}
	}
}

func TestMaskedNetworksJudgeTheTokensThatAreAskedFor(t *testing.T) {
	m := smallEncoder(t, "bert_mlm")
	in := Input{Tokens: tensor.Packed{IDs: []int32{5, 6, 7, 8, 9}, Offsets: []int32{0, 3, 5}}, Wanted: []int32{1, 4}}
	tape := nn.NewTape(nil)
	tape.Begin(nn.Inference, 0, 0)
	all := m.Head.Logits(tape, m.Network.Forward(tape, &in))
	want := [][]float32{append([]float32(nil), all.Row(1)...), append([]float32(nil), all.Row(4)...)}
	tape.Begin(nn.Inference, 0, 0)
	got := m.Forward(tape, &in)
	if got.Rows != 2 {
		t.Fatalf("%d rows", got.Rows)
	}
	for i := range want {
		for j, v := range got.Row(i) {
			if math.Abs(float64(v-want[i][j])) > 1e-5*(1+math.Abs(float64(v))) {
				t.Fatalf("row %d, number %d: %v, of all tokens %v", i, j, v, want[i][j])
			}
		}
	}
}
