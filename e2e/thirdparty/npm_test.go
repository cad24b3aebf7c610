package thirdparty

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// npm has market_check.mjs do a task with the packages of npm/, and reads what it prints.
func npm(t *testing.T, m *markettest.Market, into any, args ...string) {
	t.Helper()
	packages := os.Getenv("XIAOYU_NPM")
	if packages == "" {
		t.Skip("set XIAOYU_NPM to a folder with the packages of npm/package.json: npm install --no-save --ignore-scripts --prefix e2e/thirdparty/npm")
	}
	out := runIn(t, ".", nil, "node", append([]string{"market_check.mjs", packages, m.URL}, args...)...)
	out = strings.TrimSpace(out)
	if err := json.Unmarshal([]byte(out[strings.LastIndexByte(out, '\n')+1:]), into); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// TestTheHubsClientForJavaScriptPublishesToAMarket has @huggingface/hub do what it does on its own hub.
func TestTheHubsClientForJavaScriptPublishesToAMarket(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	var got map[string]any
	npm(t, m, &got, "hub", m.Token(t, "ada", catalogue.Write))
	for what, want := range map[string]string{
		"whoami":   `"ada"`,
		"created":  `"` + m.URL + `/ada/js"`,
		"again":    `"Error 409"`,
		"oid":      `40`,
		"files":    `["directory onnx 0","file README.md 86","file config.json 22","file onnx/model.safetensors 3145728","file vocab.txt 4"]`,
		"exists":   `[true,false]`,
		"same":     `true`,
		"slice":    `true`,
		"info":     `"text-classification"`,
		"models":   `["ada/js"]`,
		"left":     `["README.md","config.json","onnx","onnx/model.safetensors"]`,
		"datasets": `["ada/rows true"]`,
		"stranger": `"Error 401"`,
		"gone":     `false`,
	} {
		agree(t, what, got[what], want)
	}
}

// TestTheHubsClientForJavaScriptSendsLargeFiles sends one that is too large for a commit, by LFS in parts.
func TestTheHubsClientForJavaScriptSendsLargeFiles(t *testing.T) {
	m := markettest.Start(t, market.Options{PartSize: 9_000_000})
	path := filepath.Join(t.TempDir(), "weights.bin")
	if err := os.WriteFile(path, bytes.Repeat([]byte("weights "), 9_000_000), 0o644); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	npm(t, m, &got, "large", m.Token(t, "ada", catalogue.Write), path)
	agree(t, "files", got["files"], `["weights.bin 72000000"]`)
}

// TestTransformersForJavaScriptRunsAModelOfAMarket has @huggingface/transformers load a package with an ONNX file beside its
// weights from a market, and compares what it says with the model.
func TestTransformersForJavaScriptRunsAModelOfAMarket(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	dir := t.TempDir()
	from := golden.Path(t, "golden", "hf", "bert_seqcls")
	tokenizer := exporttest.Checkpoint(t, "bert_seqcls").Package.Dir // which leaves out the head
	for file, from := range map[string]string{model.ConfigFile: from, model.WeightsFile: from, model.TokenizerFile: tokenizer} {
		content, err := os.ReadFile(filepath.Join(from, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, file), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte("---\nlicense: mit\nlanguage: en\nlibrary_name: transformers.js\npipeline_tag: text-classification\n---\n# Tiny\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tiny, err := model.Open(dir)
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	defer tiny.Package.Close()
	exported := filepath.Join(t.TempDir(), "onnx")
	if _, err := export.Write(tiny, exported, export.Options{Format: "onnx"}); err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	if err := os.Mkdir(filepath.Join(dir, "onnx"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(exported, export.ONNXFile), filepath.Join(dir, "onnx", export.ONNXFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(exported, "tokenizer_config.json"), filepath.Join(dir, "tokenizer_config.json")); err != nil {
		t.Fatal(err)
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connected(t, m, m.Token(t, "ada", catalogue.Write)).Push(t.Context(), p, client.Reference{Name: "ada/bert", Tag: "1.0.0"}, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	var got struct{ Said [][][2]any } // label and score, best first
	texts := []string{"房间很干净, 服务好", "too dirty"}
	npm(t, m, &got, append([]string{"run", t.TempDir(), "ada/bert"}, texts...)...)
	want, err := tiny.Predict(t.Context(), texts)
	if err != nil || len(got.Said) != len(texts) {
		t.Fatal(got, err)
	}
	for i, p := range want {
		if len(got.Said[i]) != len(p.Probabilities) || got.Said[i][0][0] != p.Label {
			t.Errorf("%q: %v, want %s", texts[i], got.Said[i], p.Label)
			continue
		}
		for _, said := range got.Said[i] {
			at := slices.Index(tiny.Labels, said[0].(string))
			if at < 0 || math.Abs(said[1].(float64)-float64(p.Probabilities[at])) > 1e-5 {
				t.Errorf("%q: %v, want %v", texts[i], said, p.Probabilities)
			}
		}
	}
}
