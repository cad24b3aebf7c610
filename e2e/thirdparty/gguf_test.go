package thirdparty

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/generate"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// asGGUF exports a model and returns the path of its file.
func asGGUF(t *testing.T, m *model.Model, p export.Precision) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	if _, err := export.Write(m, dir, export.Options{Format: "gguf", Precision: p}); err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	return filepath.Join(dir, export.GGUFFile)
}

// TestThePackageGGUFReadsEveryTensor has the package gguf read what is exported, in every precision, and round the same
// numbers itself: the bytes are the same.
func TestThePackageGGUFReadsEveryTensor(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"bert_mlm", "modernbert_mlm", "xlmroberta_tokcls", "gpt2", "llama", "llama3_scaled_tied", "qwen2", "qwen3"} {
		m := exporttest.Checkpoint(t, name)
		keys, theirs, err := m.Transformer().GGUF()
		if err != nil {
			t.Fatal(err)
		}
		tensors, err := checkpoint.ToGGUF(keys["general.architecture"].(string), m.Transformer().Config.Heads, m.Transformer().Config.KeyHeads, theirs)
		if err != nil {
			t.Fatal(err)
		}
		var expected []safetensors.Tensor
		for _, x := range tensors {
			expected = append(expected, safetensors.FromFloat32(x.Name, x.Shape, x.Data))
		}
		for _, p := range []export.Precision{export.F32, export.F16, export.Q8_0, export.Q4_0} {
			base := filepath.Join(dir, name+"-"+string(p))
			if err := os.Rename(asGGUF(t, m, p), base+".gguf"); err != nil {
				t.Fatal(err)
			}
			if err := safetensors.WriteFile(base+".expected.safetensors", expected, nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Log(python(t, "gguf_check.py", dir))
}

// question is what llama_check.mjs is asked, answer what it says.
type question struct {
	Model  string    `json:"model"`
	Texts  []string  `json:"texts,omitempty"`
	IDs    [][]int32 `json:"ids,omitempty"`
	Prompt []int32   `json:"prompt,omitempty"`
	Count  int       `json:"count,omitempty"`
}

type answer struct {
	Tokens    [][]int32   `json:"tokens"`
	Vectors   [][]float32 `json:"vectors"`
	Following []int32     `json:"following"`
}

// llama asks llama.cpp. XIAOYU_LLAMA names the folder in which npm has installed package.json of the folder llama.
func llama(t *testing.T, questions []question) []answer {
	t.Helper()
	folder := os.Getenv("XIAOYU_LLAMA")
	if folder == "" {
		t.Skip("needs XIAOYU_LLAMA, a folder with the packages of e2e/thirdparty/llama/package.json")
	}
	dir := t.TempDir()
	file, out := filepath.Join(dir, "questions.json"), filepath.Join(dir, "answers.json")
	data, err := json.Marshal(questions)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command("node", "llama_check.mjs", folder, file, out).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if data, err = os.ReadFile(out); err != nil {
		t.Fatal(err)
	}
	var said struct {
		Release string   `json:"release"`
		Answers []answer `json:"answers"`
	}
	if err := json.Unmarshal(data, &said); err != nil || len(said.Answers) != len(questions) {
		t.Fatalf("%v: %d answers", err, len(said.Answers))
	}
	t.Logf("llama.cpp %s", said.Release)
	return said.Answers
}

var ggufPrecisions = []export.Precision{export.F32, export.F16, export.Q8_0, export.Q4_0}

// TestLlamaCppWritesTheSame has llama.cpp continue prompts from files of every decoder in every precision. In float32 and
// float16 the tokens are those that the reference library has recorded. Of rounded weights llama.cpp rounds what they are
// multiplied with as well, and may choose another of two tokens that score about the same: each has to be the best, or near
// it, by our scores of the same file.
func TestLlamaCppWritesTheSame(t *testing.T) {
	var questions []question
	var recorded [][]int32
	var names []string
	for _, name := range []string{"gpt2", "llama", "llama3_scaled_tied", "qwen2", "qwen3"} {
		m := exporttest.Checkpoint(t, name)
		f, err := safetensors.Open(golden.Path(t, "golden", "hf", name, "generate.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		prompt, greedy := numbers(t, f, "in.prompt"), numbers(t, f, "out.greedy")
		for _, p := range ggufPrecisions {
			questions = append(questions, question{Model: asGGUF(t, m, p), Prompt: prompt, Count: 16})
			recorded, names = append(recorded, greedy[len(greedy)-16:]), append(names, name+" "+string(p))
		}
	}
	for i, a := range llama(t, questions) {
		if i%len(ggufPrecisions) < 2 {
			if !slices.Equal(a.Following, recorded[i]) {
				t.Errorf("%s: %v, want %v", names[i], a.Following, recorded[i])
			}
			continue
		}
		behind := farthestBehind(t, questions[i], a.Following)
		t.Logf("%s: a token's score is %.3f deviations below the best at most", names[i], behind)
		if behind > 0.3 {
			t.Errorf("%s: %v", names[i], a.Following)
		}
	}
}

// farthestBehind follows tokens by our scores of the same file: how far below the best one a token's score is at most, in
// standard deviations of all scores.
func farthestBehind(t *testing.T, q question, following []int32) float64 {
	t.Helper()
	m, err := export.Open(filepath.Dir(q.Model))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Package.Close()
	if len(following) != q.Count {
		t.Fatalf("%d tokens, want %d", len(following), q.Count)
	}
	ids, most := slices.Clone(q.Prompt), 0.0
	for _, next := range following {
		scores := exporttest.States(m, ids...)
		scores = scores[len(scores)-m.Transformer().Config.Vocab:]
		var sum, squares float64
		for _, v := range scores {
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(len(scores))
		most = max(most, float64(slices.Max(scores)-scores[next])/math.Sqrt(squares/n-sum/n*sum/n))
		ids = append(ids, next)
	}
	return most
}

// TestLlamaCppContinuesWhatIsTrainedHere trains a small language model on tales, and has llama.cpp read its prompt as text
// and continue it.
func TestLlamaCppContinuesWhatIsTrainedHere(t *testing.T) {
	if os.Getenv("XIAOYU_LLAMA") == "" {
		t.Skip("needs XIAOYU_LLAMA, a folder with the packages of e2e/thirdparty/llama/package.json")
	}
	dir := t.TempDir()
	tales := filepath.Join(dir, "tales.txt")
	if err := os.WriteFile(tales, []byte(strings.Repeat("the cat sat on the mat. the dog ran to the cat.\n小猫坐在垫子上，小狗跑来了。\n", 40)), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := xiaoyu.Preset("decoder")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{"tokenizer.vocab_size": "320", "model.hidden": "32", "model.layers": "2", "model.heads": "2", "model.key_heads": "1", "model.max_tokens": "48",
		"pretrain.batch_tokens": "256", "pretrain.epochs": "12", "pretrain.learning_rate": "0.01", "pretrain.threads": "1", "pretrain.out": filepath.Join(dir, "tales"), "runs": filepath.Join(dir, "runs")} {
		if err := conf.Set(c, key, value); err != nil {
			t.Fatal(err)
		}
	}
	c.Pretrain.Texts = []string{tales}
	if _, err := xiaoyu.Pretrain(t.Context(), c, xiaoyu.TrainOptions{}); err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	m, err := model.Open(filepath.Join(dir, "tales"))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Package.Close()
	writer, err := generate.New(m)
	if err != nil {
		t.Fatal(err)
	}
	const count = 12
	prompts := []string{"the cat", "小狗"}
	var questions []question
	for _, p := range ggufPrecisions {
		for _, s := range prompts {
			questions = append(questions, question{Model: asGGUF(t, m, p), Texts: []string{s}, Prompt: m.Tokenizer.Encode(s).IDs, Count: count})
		}
	}
	for i, a := range llama(t, questions) {
		s := prompts[i%len(prompts)]
		said, err := writer.Generate(t.Context(), s, generate.Options{MaxTokens: count})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(a.Tokens[0], questions[i].Prompt) {
			t.Errorf("%q: llama.cpp makes the tokens %v, want %v", s, a.Tokens[0], questions[i].Prompt)
		}
		end, _ := m.Tokenizer.ID(text.Ending)
		following := a.Following
		if at := slices.Index(following, end); at >= 0 {
			following = following[:at]
		}
		if got := m.Tokenizer.Decode(following, true); got != said.Text {
			t.Errorf("%s: %q continues %q, want %q", ggufPrecisions[i/len(prompts)], s, got, said.Text)
		}
	}
}

// numbers reads a tensor of whole numbers.
func numbers(t *testing.T, f *safetensors.File, name string) (list []int32) {
	t.Helper()
	x, ok := f.Tensor(name)
	if !ok {
		t.Fatalf("no tensor %s", name)
	}
	whole, err := x.Integers()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range whole {
		list = append(list, int32(n))
	}
	return list
}

// embedded is a model whose embeddings are compared, with texts.
type embedded struct {
	name  string
	model *model.Model
	ids   [][]int32
	texts []string // normalised
	whole []bool   // of each text: nothing was cut off

	precisions []export.Precision
}

// TestLlamaCppEmbedsTheSame has llama.cpp make embeddings of the same tokens, by tiny encoders and by real ones, and
// compares them with those of the model, and with those that we make of the same file; and the tokens of the texts, which
// are normalised beforehand where the tokenizer says so.
func TestLlamaCppEmbedsTheSame(t *testing.T) {
	if os.Getenv("XIAOYU_LLAMA") == "" {
		t.Skip("needs XIAOYU_LLAMA, a folder with the packages of e2e/thirdparty/llama/package.json")
	}
	tiny := []string{"a good room, the best", "脏了 再来 一般", "it rains", "x"}
	var cases []*embedded
	for _, name := range []string{"bert_mlm", "modernbert_mlm", "roberta_seqcls", "xlmroberta_tokcls", "distilbert_seqcls"} {
		cases = append(cases, embeddedOf(name, exporttest.Checkpoint(t, name), tiny))
	}
	first := exporttest.Checkpoint(t, "bert_mlm")
	first.Config.Pooling = "first"
	cases = append(cases, embeddedOf("bert, first token", first, tiny))
	for _, name := range []string{"all-MiniLM-L6-v2", "multilingual-e5-small-zh-en"} {
		dir := golden.Path(t, "models", name)
		m, err := model.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Package.Close()
		c := embeddedOf(name, m, recordedTexts(t, filepath.Join(dir, "golden.jsonl"), 8))
		c.precisions = ggufPrecisions[1:] // they are stored in float16
		cases = append(cases, c)
	}
	var questions []question
	var asked []*embedded
	var precisions []export.Precision
	for _, c := range cases {
		for _, p := range c.precisions {
			questions = append(questions, question{Model: asGGUF(t, c.model, p), IDs: c.ids, Texts: c.texts})
			asked, precisions = append(asked, c), append(precisions, p)
		}
	}
	for i, a := range llama(t, questions) {
		c, p := asked[i], precisions[i]
		file, err := export.Open(filepath.Dir(questions[i].Model))
		if err != nil {
			t.Fatal(err)
		}
		least, leastOfFile := 1.0, 1.0
		for j, ids := range c.ids {
			least = min(least, cosine(a.Vectors[j], vectorOf(t, c.model, ids)))
			leastOfFile = min(leastOfFile, cosine(a.Vectors[j], vectorOf(t, file, ids)))
			if got := a.Tokens[j]; c.whole[j] && !slices.Equal(got, ids[1:len(ids)-1]) {
				t.Errorf("%s: of %q llama.cpp makes the tokens %v, want %v", c.name, c.texts[j], got, ids)
			}
		}
		file.Package.Close()
		t.Logf("%s %s: cosine with the model %.7f at least, with our reading of the file %.7f", c.name, p, least, leastOfFile)
		// Random weights of rows of 32 suffer from few bits more than those of real models do.
		limit := map[export.Precision]float64{export.F32: 0.9999, export.F16: 0.9999, export.Q8_0: 0.999, export.Q4_0: 0.8}[p]
		if p == export.Q8_0 && c.name == "modernbert_mlm" { // gated layers: 0.9979 is what llama.cpp makes of this one
			limit = 0.997
		}
		if least < limit || leastOfFile < 0.999 {
			t.Errorf("%s %s: cosine %v, want %v; of the file %v", c.name, p, least, limit, leastOfFile)
		}
	}
}

func embeddedOf(name string, m *model.Model, texts []string) *embedded {
	c := &embedded{name: name, model: m, precisions: ggufPrecisions}
	var e text.Encoding
	for _, s := range texts {
		const most = 100 // tokens: longer ones tell nothing more
		m.Tokenizer.EncodeText(&e, s, text.EncodeOptions{Special: true, MaxTokens: min(m.Config.MaxTokens, most)})
		c.ids, c.texts, c.whole = append(c.ids, slices.Clone(e.IDs)), append(c.texts, m.Tokenizer.Normalize(s)), append(c.whole, e.Dropped == 0)
	}
	return c
}

// vectorOf is the embedding of tokens, by the pooling of the model.
func vectorOf(t *testing.T, m *model.Model, ids []int32) []float32 {
	t.Helper()
	states, width := exporttest.States(m, ids...), m.Transformer().Config.Hidden
	out := make([]float32, width)
	switch m.Config.Pooling {
	case "first":
		return states[:width]
	case "mean":
		for i, v := range states {
			out[i%width] += v / float32(len(ids))
		}
	default:
		t.Fatalf("pooling %s", m.Config.Pooling)
	}
	return out
}

// recordedTexts takes about n texts from all over a file.
func recordedTexts(t *testing.T, path string, n int) (some []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var texts []string
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var row struct{ Prefix, Text string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, row.Prefix+row.Text)
	}
	step := max(len(texts)/n, 1)
	for i := 0; i < len(texts); i += step {
		some = append(some, texts[i])
	}
	return some
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
