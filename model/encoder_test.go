package model

import (
	"bufio"
	"context"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// TestRealSentenceEncodersEmbedAsRecorded opens the checkpoints as their users have them.
func TestRealSentenceEncodersEmbedAsRecorded(t *testing.T) {
	for _, name := range []string{"all-MiniLM-L6-v2", "multilingual-e5-small-zh-en"} {
		t.Run(name, func(t *testing.T) {
			dir := golden.Path(t, "models", name)
			m, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Package.Close()
			m.Config.MaxTokens = 512 // recorded so; one folder says 256
			f, err := os.Open(filepath.Join(dir, "golden.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var texts []string
			var want [][]float32
			prompt, err := m.Prompt("")
			if err != nil {
				t.Fatal(err)
			}
			lines := bufio.NewScanner(f)
			lines.Buffer(nil, 1<<20)
			for lines.Scan() {
				var c struct {
					Text, Prefix string
					IDs          []int32
					Embedding    []float32
				}
				if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
					t.Fatal(err)
				}
				if c.Prefix != prompt {
					t.Fatalf("the default prompt is %q, recorded with %q", prompt, c.Prefix)
				}
				var in Input
				var e Sample
				m.Encode(&in, &e, c.Prefix+c.Text, "")
				if !slices.Equal(in.Tokens.IDs, c.IDs) {
					t.Errorf("%.20q: ids %v, want %v", c.Text, in.Tokens.IDs, c.IDs)
				}
				texts, want = append(texts, c.Text), append(want, c.Embedding)
			}
			if testing.Short() {
				texts = texts[len(texts)-24:]
				want = want[len(want)-24:]
			}
			got, err := m.Embed(context.Background(), texts, prompt)
			if err != nil {
				t.Fatal(err)
			}
			for i, w := range want {
				for j, v := range w {
					if math.Abs(float64(got[i][j]-v)) > 1e-4 {
						t.Fatalf("%.20q: number %d is %v, want %v", texts[i], j, got[i][j], v)
					}
				}
			}
			if len(texts) < 20 {
				t.Errorf("only %d texts were compared", len(texts))
			}
		})
	}
}

// smallEncoder opens a tiny random checkpoint with a tokenizer whose vocabulary fits it.
func smallEncoder(t *testing.T, name string) *Model {
	t.Helper()
	from, dir := golden.Path(t, "golden", "hf", name), t.TempDir()
	for _, file := range []string{ConfigFile, WeightsFile} {
		data, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var words []string
	for c := 'a'; c <= 'z'; c++ {
		words = append(words, string(c))
	}
	tok, err := text.Train(context.Background(), slices.Values([]string{strings.Join(words, " ")}), text.Config{Kind: "word", MinFrequency: 1, VocabSize: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(filepath.Join(dir, TokenizerFile)); err != nil {
		t.Fatal(err)
	}
	m, err := OpenBase(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Package.Close() })
	return m
}

// TestCheckpointsAdaptAndComeBack gives checkpoints heads of ours and of their own, saves the package, and opens it. The
// head of one lies under names that are parameters' too, one brings a tensor that is not trained, the third's head is none
// of ours.
func TestCheckpointsAdaptAndComeBack(t *testing.T) {
	for _, name := range []string{"bert_relu_6x24", "modernbert_seqcls", "roformer_seqcls", "electra_discriminator"} {
		t.Run(name, func(t *testing.T) { adaptAndComeBack(t, smallEncoder(t, name)) })
	}
}

func adaptAndComeBack(t *testing.T, base *Model) {
	for name, c := range map[string]Config{
		"own":        {Pooling: OwnPooling},
		"mean":       {Pooling: "mean"},
		"auto":       {Pooling: AutoPooling},
		"multilabel": {Pooling: "mean", Head: MultiLabelHead},
		"regression": {Pooling: OwnPooling, Head: RegressionHead},
		"tokens":     {Pooling: OwnPooling, Head: TokensHead},
		"pair":       {Pooling: OwnPooling, Pair: true},
		"wide":       {Pooling: "mean", Wide: true, NGram: NGrams{Tokens: 2, MinTexts: 1, MaxFeatures: 1000, Weighting: "tfidf"}},
	} {
		t.Run(name, func(t *testing.T) {
			labels := []string{"no", "yes"}
			switch c.Head {
			case RegressionHead:
				labels = []string{"score"}
			case TokensHead:
				labels = TagNames([]string{"X"})
			}
			c.MaxTokens, c.Dropout = 100, 0.1
			seen := base.Tokenizer.Encode("a b c d x y z")
			m, err := Adapt(base, c, text.CleanConfig{}, labels, 3, slices.Values([]Example{{Text: &seen}}))
			if err != nil {
				t.Fatal(err)
			}
			if l := m.Linear(); l != nil {
				for i, w := range l.W.Data { // a table that is all 0 would tell nothing
					l.W.Data[i] = w + float32(i%7-3)/10
				}
			}
			if m.Config.MaxTokens != base.Config.Encoder.MaxTokens {
				t.Errorf("it reads %d tokens, the checkpoint has positions for %d", m.Config.MaxTokens, base.Config.Encoder.MaxTokens)
			}
			m.SetScale([]float32{3, 5, 10})
			queries := []Query{{Text: "a b c", Pair: "d e"}, {Text: strings.Repeat("x y z ", 30), Pair: "q"}, {}}
			want, err := m.PredictQueries(context.Background(), queries)
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "m")
			p, err := m.Save(dir, nil)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Package.Close()
			if again.Package.Digest != p.Digest {
				t.Errorf("digest %s, saved as %s", again.Package.Digest, p.Digest)
			}
			got, err := again.PredictQueries(context.Background(), queries)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if got[i].Label != want[i].Label || got[i].Score != want[i].Score || !slices.Equal(got[i].Probabilities, want[i].Probabilities) || !slices.Equal(got[i].Tags, want[i].Tags) {
					t.Errorf("query %d: %+v after saving, %+v before", i, got[i], want[i])
				}
			}
		})
	}
}

func TestCheckpointsThatDoNotFitAreNamed(t *testing.T) {
	base := smallEncoder(t, "bert_relu_6x24")
	for name, f := range map[string]func(dir string) (want string){
		"no tokenizer": func(dir string) string {
			os.Remove(filepath.Join(dir, TokenizerFile))
			return "there is no tokenizer.json"
		},
		"no weights": func(dir string) string {
			os.Remove(filepath.Join(dir, WeightsFile))
			return "no weights"
		},
		"config of another size": func(dir string) string {
			path := filepath.Join(dir, ConfigFile)
			data, _ := os.ReadFile(path)
			os.WriteFile(path, []byte(strings.Replace(string(data), `"hidden_size": 24`, `"hidden_size": 48`, 1)), 0o644)
			return "config.json asks for"
		},
		"a smaller vocabulary": func(dir string) string {
			path := filepath.Join(dir, ConfigFile)
			data, _ := os.ReadFile(path)
			os.WriteFile(path, []byte(strings.Replace(string(data), `"vocab_size": 120`, `"vocab_size": 12`, 1)), 0o644)
			return "the tokenizer has"
		},
		"modules of another kind": func(dir string) string {
			os.WriteFile(filepath.Join(dir, "modules.json"), []byte(`[{"path":"","type":"sentence_transformers.models.CNN"}]`), 0o644)
			return "the module CNN is not supported"
		},
		"pooling outside": func(dir string) string {
			os.WriteFile(filepath.Join(dir, "modules.json"), []byte(`[{"path":"../x","type":"sentence_transformers.models.Pooling"}]`), 0o644)
			return "outside the folder"
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(base.Package.Dir)); err != nil {
				t.Fatal(err)
			}
			want := f(dir)
			if m, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("expected an error with %q, got %v, %v", want, m, err)
			}
		})
	}
}

// TestOtherToolsFindWhatTheyNeed looks into a package for what transformers reads: numbers in config.json as they were,
// the tokenizer's class and special tokens, tensors that are not trained, and a regressor's layer with the scale in it.
func TestOtherToolsFindWhatTheyNeed(t *testing.T) {
	base := smallEncoder(t, "roformer_seqcls")
	m, err := Adapt(base, Config{Head: RegressionHead, Pooling: OwnPooling, MaxTokens: 20}, text.CleanConfig{}, []string{"score"}, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.SetScale([]float32{3, 5, 10})
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := m.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	numbers := func(dir, name string) []float32 {
		f, err := safetensors.Open(filepath.Join(dir, WeightsFile))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		x, ok := f.Tensor(name)
		if !ok {
			t.Fatalf("no tensor %s among %v", name, f.Names())
		}
		data, err := x.Float32()
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	w, b := m.Transformer().Decoder()
	const mean, deviation = 6, 2.9439203 // of 3, 5 and 10
	if got := numbers(dir, "classifier.out_proj.bias")[0]; math.Abs(float64(got-(b.Data[0]*deviation+mean))) > 1e-5 {
		t.Errorf("the bias is %v", got)
	}
	for i, got := range numbers(dir, "classifier.out_proj.weight") {
		if math.Abs(float64(got-w.Data[i]*deviation)) > 1e-6 {
			t.Errorf("weight %d is %v, was %v", i, got, w.Data[i])
		}
	}
	if turns := "roformer.encoder.embed_positions.weight"; !slices.Equal(numbers(dir, turns), numbers(base.Package.Dir, turns)) {
		t.Error("the angles of positions are not the checkpoint's")
	}
	var about struct {
		Class string   `json:"tokenizer_class"`
		Pad   string   `json:"pad_token"`
		Names []string `json:"model_input_names"`
	}
	if ok, err := readJSON(dir, tokenizerConfigFile, &about); !ok || err != nil || about.Class != "PreTrainedTokenizerFast" || about.Pad != text.Pad || len(about.Names) != 3 {
		t.Errorf("%s: %v, %v", tokenizerConfigFile, about, err)
	}
	config, err := os.ReadFile(filepath.Join(smallEncoder(t, "modernbert_seqcls").Package.Dir, ConfigFile))
	if err != nil || !strings.Contains(string(config), `"initializer_cutoff_factor": 2.0`) {
		t.Fatal("the checkpoint is not what this test takes it for", err)
	}
	m, err = Adapt(smallEncoder(t, "modernbert_seqcls"), Config{Pooling: OwnPooling, MaxTokens: 20}, text.CleanConfig{}, []string{"a", "b"}, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	if config, err = m.configJSON(&configJSON{}); err != nil || !strings.Contains(string(config), `"initializer_cutoff_factor": 2.0`) {
		t.Errorf("2.0 became another number: %v\n%s", err, config)
	}
}
