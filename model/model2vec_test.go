package model

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// staticTokenizer has the tokens <unk>, a, b, and of sentence-transformers' kind no special ones around texts.
const staticTokenizer = `{"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
"pre_tokenizer":{"type":"Whitespace"},"post_processor":null,"decoder":null,
"model":{"type":"WordLevel","vocab":{"<unk>":0,"a":1,"b":2},"unk_token":"<unk>"}}`

// writeStatic writes a folder as model2vec does.
func writeStatic(t *testing.T, config string, tensors ...safetensors.Tensor) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{ConfigFile: config, TokenizerFile: staticTokenizer} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := safetensors.WriteFile(filepath.Join(dir, WeightsFile), tensors, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

func vectorOf(t *testing.T, m *Model, s string) []float32 {
	t.Helper()
	v, err := m.Embed(context.Background(), []string{s}, "")
	if err != nil {
		t.Fatal(err)
	}
	return v[0]
}

func closeTo(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Abs(float64(a[i]-b[i])) > 1e-6 {
			return false
		}
	}
	return true
}

func TestEveryFormOfStaticEmbeddingsIsTheMeanOfItsTokens(t *testing.T) {
	rows := []float32{9, 9, 1, 0, 0, 2}
	whole := safetensors.Tensor{Name: rowsTensor, DType: safetensors.I8, Shape: []int{2, 2}, Data: []byte{2, 0, 0, 0xfc}} // 2 0, 0 -4
	mapping := safetensors.Tensor{Name: mappingTensor, DType: safetensors.I64, Shape: []int{3}, Data: []byte{
		1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
	for _, c := range []struct {
		name, config string
		tensors      []safetensors.Tensor
		want         []float32 // of "a b unknown a"
	}{
		{"plain", `{"model_type":"model2vec","normalize":false}`, []safetensors.Tensor{safetensors.FromFloat32(rowsTensor, []int{3, 2}, rows)}, []float32{2.0 / 3, 2.0 / 3}},
		{"normalized", `{"model_type":"model2vec","normalize":true,"max_length":null}`, []safetensors.Tensor{safetensors.ToF16(rowsTensor, []int{3, 2}, rows)}, []float32{0.70710677, 0.70710677}},
		{"cut", `{"model_type":"model2vec","normalize":false,"max_length":1}`, []safetensors.Tensor{safetensors.FromFloat32(rowsTensor, []int{3, 2}, rows)}, []float32{1, 0}},
		{"weighted, mapped, int8", `{"model_type":"model2vec","normalize":false}`,
			[]safetensors.Tensor{whole, safetensors.FromFloat32(weightsTensor, []int{3}, []float32{1, 0.5, 3}), mapping}, []float32{2, -4.0 / 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, err := Open(writeStatic(t, c.config, c.tensors...))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Package.Close()
			if got := vectorOf(t, m, "a b unknown a"); !closeTo(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
			if got := vectorOf(t, m, "unknown"); !closeTo(got, []float32{0, 0}) {
				t.Errorf("a text of unknown tokens: %v", got)
			}
			dir := filepath.Join(t.TempDir(), "package")
			if _, err := m.Save(dir, nil); err != nil {
				t.Fatal(err)
			}
			again, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Package.Close()
			if got := vectorOf(t, again, "a b unknown a"); !closeTo(got, c.want) {
				t.Errorf("as a package: %v, want %v", got, c.want)
			}
			file, err := safetensors.Open(filepath.Join(dir, WeightsFile))
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			for _, want := range c.tensors {
				got, ok := file.Tensor(want.Name)
				if !ok || got.DType != want.DType || !bytes.Equal(got.Data, want.Data) {
					t.Errorf("the tensor %s is another in the package", want.Name)
				}
			}
			var keys model2vecConfig
			data, _ := os.ReadFile(filepath.Join(dir, ConfigFile))
			if err := json.Unmarshal(data, &keys); err != nil || keys.ModelType != Model2Vec || keys.Normalize != m.Config.Sentence.Normalize {
				t.Errorf("config.json of the package: %+v, %v", keys, err)
			}
			modules, _ := os.ReadFile(filepath.Join(dir, modulesFile))
			if !strings.Contains(string(modules), "models.StaticEmbedding") || strings.Contains(string(modules), "Normalize") != keys.Normalize {
				t.Errorf("modules.json of the package: %s", modules)
			}
		})
	}
}

func TestAStaticModuleOfSentenceTransformersIsRead(t *testing.T) {
	dir := writeStatic(t, `{}`, safetensors.FromFloat32(rowsTensorST, []int{3, 2}, []float32{9, 9, 1, 0, 0, 2}))
	inner := filepath.Join(dir, "0_StaticEmbedding")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{WeightsFile, TokenizerFile} {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(inner, name)); err != nil {
			t.Fatal(err)
		}
	}
	os.Remove(filepath.Join(dir, ConfigFile))
	modules := `[{"idx":0,"name":"0","path":"0_StaticEmbedding","type":"sentence_transformers.models.StaticEmbedding"},
{"idx":1,"name":"1","path":"1_Normalize","type":"sentence_transformers.models.Normalize"}]`
	if err := os.WriteFile(filepath.Join(dir, modulesFile), []byte(modules), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Package.Close()
	if got := vectorOf(t, m, "b"); !closeTo(got, []float32{0, 1}) {
		t.Errorf("%v", got)
	}
}

func TestQuantisedRowsAreNearAndStayAsTheyAre(t *testing.T) {
	tok, err := text.Read([]byte(staticTokenizer))
	if err != nil {
		t.Fatal(err)
	}
	table := []float32{0, 0, 0.8, -0.31, 1e-4, 3e-5}
	for stored, most := range map[safetensors.DType]float64{safetensors.F32: 0, safetensors.F16: 1e-3, safetensors.I8: 1.0 / 254} {
		m, err := NewStatic(tok, table, 2, stored, Sentence{})
		if err != nil {
			t.Fatal(err)
		}
		got := m.Params.Get(embeddingName).Data
		for i := range table {
			if row := max(math.Abs(float64(table[i/2*2])), math.Abs(float64(table[i/2*2+1]))); math.Abs(float64(got[i]-table[i])) > most*row+1e-9 {
				t.Errorf("%s: number %d is %v, was %v", stored, i, got[i], table[i])
			}
		}
		// A task on it keeps the table as it is stored, as long as it is not trained.
		c := Config{Family: "static", Head: ClassHead, MaxTokens: 9, Frozen: true}
		a, err := Adapt(m, c, text.CleanConfig{}, []string{"x", "y"}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		if tensors := a.tensors(); tensors[0].DType != stored || tensors[0].Name != rowsTensor {
			t.Errorf("%s: the classifier has %s %s", stored, tensors[0].Name, tensors[0].DType)
		}
		a.Params.Get(embeddingName).Data[2] = 0.123456789
		if tensors := a.tensors(); tensors[0].DType != safetensors.F32 {
			t.Errorf("%s: trained rows are stored as %s", stored, tensors[0].DType)
		}
	}
}

func TestBrokenStaticEmbeddingsAreRefused(t *testing.T) {
	good := `{"model_type":"model2vec"}`
	table := safetensors.FromFloat32(rowsTensor, []int{3, 2}, make([]float32, 6))
	far := safetensors.Tensor{Name: mappingTensor, DType: safetensors.I32, Shape: []int{3}, Data: []byte{0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0}}
	for _, c := range []struct {
		config  string
		tensors []safetensors.Tensor
		want    string
	}{
		{good, nil, `"embeddings" is missing`},
		{good, []safetensors.Tensor{safetensors.FromFloat32(rowsTensor, []int{2, 2}, make([]float32, 4))}, "embeddings of 2 tokens with 2 numbers each: the tokenizer has 3 tokens"},
		{good, []safetensors.Tensor{safetensors.FromFloat32(rowsTensor, []int{6}, make([]float32, 6))}, "not a table"},
		{good, []safetensors.Tensor{table, safetensors.FromFloat32("classifier", []int{1}, []float32{1})}, `"classifier" has no place`},
		{good, []safetensors.Tensor{table, safetensors.FromFloat32(weightsTensor, []int{2}, []float32{1, 1})}, "2 numbers for 3 tokens"},
		{good, []safetensors.Tensor{table, far}, "gives token 1 the row 3, of 3"},
		{good, []safetensors.Tensor{safetensors.FromFloat32(rowsTensor, []int{3, 2}, []float32{0, 0, 0, float32(math.Inf(1)), 0, 0})}, "infinite"},
		{`{"model_type":"model2vec","max_length":"x"}`, []safetensors.Tensor{table}, "max_length"},
	} {
		_, err := Open(writeStatic(t, c.config, c.tensors...))
		if err == nil || !strings.Contains(err.Error(), c.want) || hint.Way(err) == "" {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
