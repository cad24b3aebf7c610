package export

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
)

// inGGUF are the architectures of golden/hf that become files of GGUF.
var inGGUF = []string{"bert_mlm", "modernbert_mlm", "roberta_seqcls", "xlmroberta_tokcls", "distilbert_seqcls", "gpt2", "llama", "llama3_scaled_tied", "qwen2", "qwen3"}

// asGGUF writes a model in a precision and returns the folder.
func asGGUF(t *testing.T, m *model.Model, p Precision) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	if _, err := Write(m, dir, Options{Format: "gguf", Precision: p, Front: "---\nlicense: apache-2.0\n---\n"}); err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	return dir
}

// opened opens an export, or a file by itself.
func opened(t *testing.T, path string) *model.Model {
	t.Helper()
	m, err := Open(path)
	if filepath.Ext(path) == ".gguf" {
		m, err = model.Open(path)
	}
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	t.Cleanup(func() { m.Package.Close() })
	return m
}

// TestGGUFIsTheSameModel writes every architecture in float32 and opens the folder, and the file by itself, where all that
// there is of configuration and tokenizer are its keys.
func TestGGUFIsTheSameModel(t *testing.T) {
	for _, name := range inGGUF {
		t.Run(name, func(t *testing.T) {
			m := exporttest.Checkpoint(t, name)
			dir := asGGUF(t, m, F32)
			ids := []int32{5, 17, 40, 9, 2, 30}
			want := exporttest.States(m, ids...)
			again := []*model.Model{opened(t, dir)}
			if name != "llama3_scaled_tied" { // of which a table alone tells how positions are scaled
				data, err := os.ReadFile(filepath.Join(dir, GGUFFile))
				if err != nil {
					t.Fatal(err)
				}
				alone := filepath.Join(t.TempDir(), "alone.gguf")
				if err := os.WriteFile(alone, data, 0o644); err != nil {
					t.Fatal(err)
				}
				again = append(again, opened(t, alone))
			}
			for i, g := range again {
				if got := exporttest.States(g, ids...); !close32(got, want) {
					t.Errorf("%d: other numbers", i)
				}
				for _, s := range []string{"the king, thinking", "房间很干净"} {
					if a, b := m.Tokenizer.Encode(s).IDs, g.Tokenizer.Encode(s).IDs; !slices.Equal(a, b) {
						t.Errorf("%d: %q has tokens %v, want %v", i, s, b, a)
					}
				}
				if g.Config.Pooling != m.Config.Pooling || g.Config.Head != m.Config.Head {
					t.Errorf("%d: head %s and pooling %s, want %s and %s", i, g.Config.Head, g.Config.Pooling, m.Config.Head, m.Config.Pooling)
				}
			}
		})
	}
}

// TestGGUFInFewerBits compares the states of rounded files with those of the model, and looks at the types: rows of 32
// numbers are blocks, others halves.
func TestGGUFInFewerBits(t *testing.T) {
	types := map[Precision][3]string{ // of the table of tokens, a matrix, and one whose rows are no blocks
		F16: {"F16", "F16", "F16"}, Q8_0: {"Q8_0", "Q8_0", "F16"}, Q4_0: {"Q8_0", "Q4_0", "F16"},
	}
	m := exporttest.Checkpoint(t, "qwen3") // whose heads have 12 numbers: rows of 48
	ids := []int32{5, 17, 40, 9, 2, 30}
	want := exporttest.States(m, ids...)
	last := math.MaxInt
	for _, p := range []Precision{F16, Q8_0, Q4_0} {
		dir := asGGUF(t, m, p)
		s, err := checkpoint.Open(filepath.Join(dir, GGUFFile))
		if err != nil {
			t.Fatal(err)
		}
		got := [3]string{s.DType("model.embed_tokens.weight"), s.DType("model.layers.1.mlp.down_proj.weight"), s.DType("model.layers.1.self_attn.o_proj.weight")}
		if got != types[p] || s.DType("model.layers.0.input_layernorm.weight") != "F32" {
			t.Errorf("%s: types %v, want %v", p, got, types[p])
		}
		if s.Metadata()["general.license"] != "apache-2.0" || s.Metadata()["general.file_type"] != int64(ggufFile[p]) {
			t.Errorf("%s: keys %v", p, s.Metadata())
		}
		s.Close()
		info, err := os.Stat(filepath.Join(dir, GGUFFile))
		if err != nil || int(info.Size()) >= last {
			t.Errorf("%s has %d bytes, the precision before it %d (%v)", p, info.Size(), last, err)
		}
		last = int(info.Size())
		limit := map[Precision]float64{F16: 0.99999, Q8_0: 0.999, Q4_0: 0.9}[p]
		if c := cosine(exporttest.States(opened(t, dir), ids...), want); c < limit {
			t.Errorf("%s: cosine %v, want %v", p, c, limit)
		}
	}
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

// TestAModelThatGGUFLacksIsRefused names what is missing and the formats that can.
func TestAModelThatGGUFLacksIsRefused(t *testing.T) {
	bert := func(change func(c *model.Config)) *model.Model {
		m := exporttest.Checkpoint(t, "bert_mlm")
		change(&m.Config)
		return m
	}
	for want, m := range map[string]*model.Model{
		"GGUF has no architecture of the family cnn":                                      exporttest.Model(t, "cnn", model.ClassHead, nil),
		"GGUF has no layers that share their weights, which albert has":                   exporttest.Checkpoint(t, "albert_groups_mlm"),
		"GGUF has no attention that looks at contents and distances apart, which deberta": exporttest.Checkpoint(t, "debertav2_seqcls"),
		"GGUF has no encoder whose distances share biases of heads, which mpnet has":      exporttest.Checkpoint(t, "mpnet"),
		"GGUF has no encoder with rotary positions whose norms follow the sums":           exporttest.Checkpoint(t, "roformer_seqcls"),
		"GGUF has no types of tasks":                                                      exporttest.Checkpoint(t, "ernie_seqcls"),
		"GGUF has another activation":                                                     exporttest.Checkpoint(t, "bert_relu_6x24"),
		"GGUF has no pooling \"max\"":                                                     bert(func(c *model.Config) { c.Pooling = "max" }),
		"GGUF has no head \"tokens\"":                                                     bert(func(c *model.Config) { c.Head = model.TokensHead }),
	} {
		_, err := Write(m, filepath.Join(t.TempDir(), "export"), Options{Format: "gguf"})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(hint.Way(err), "--to onnx") {
			t.Errorf("%v (%s), want %q", err, hint.Way(err), want)
		}
	}
	m := exporttest.Checkpoint(t, "gpt2")
	if _, err := Write(m, filepath.Join(t.TempDir(), "export"), Options{Format: "gguf", Precision: Int8}); err == nil || !strings.Contains(hint.Way(err), "q4_0") {
		t.Errorf("int8: %v", err)
	}
}

func TestAnAlteredGGUFIsRefused(t *testing.T) {
	dir := asGGUF(t, exporttest.Checkpoint(t, "gpt2"), F16)
	path := filepath.Join(dir, GGUFFile)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), GGUFFile) {
		t.Errorf("%v", err)
	}
}

func TestTheCardOfAGGUFTellsOfPrompts(t *testing.T) {
	m := exporttest.Checkpoint(t, "bert_mlm")
	m.Config.Sentence = &model.Sentence{Normalize: true, Prompts: map[string]string{"query": "query: ", "passage": "passage: "}, DefaultPrompt: "query"}
	m.Config.Pooling = "first"
	dir := asGGUF(t, m, F16)
	card, err := os.ReadFile(filepath.Join(dir, model.CardFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"license: apache-2.0", `prompt: "query: " before each text that is a query, where none is named`, "llama-embedding -m model.gguf", "float16"} {
		if !strings.Contains(string(card), want) {
			t.Errorf("the card lacks %q:\n%s", want, card)
		}
	}
	again := opened(t, dir)
	if again.Config.Pooling != "first" || again.Config.Sentence.Prompts["passage"] != "passage: " {
		t.Errorf("%+v", again.Config.Sentence)
	}
}
