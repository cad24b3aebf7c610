package model

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

var texts = []string{"房间很干净，服务好", "太脏了，不会再来", "<b>一般</b>般", "", "早餐 breakfast OK", "鑫", "的"}

// small returns an untrained model of a family, with +wide beside n-grams.
func small(t testing.TB, family string) *Model {
	t.Helper()
	tok, err := text.Train(context.Background(), slices.Values(texts), text.Config{Kind: "char", Lowercase: true, NFKC: true, MinFrequency: 1, VocabSize: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	family, wide := strings.CutSuffix(family, "+wide")
	c := Config{Family: family, Wide: wide, MaxTokens: 20, EmbedDim: 8, Filters: 6, Widths: []int{1, 3}, Hidden: 5, Layers: 2, Heads: 1, Buckets: 50, Bidirectional: true, Activation: "gelu", Pooling: "last",
		NGram: NGrams{Form: "yes", Tokens: 2, CharsMin: 2, CharsMax: 3, MinTexts: 1, MaxFeatures: 1000, Weighting: "tfidf"}}
	m, err := New(c, text.CleanConfig{HTML: true, Space: true}, tok, []string{"好 评", "差😀", "c"}, 3, func(yield func(Example) bool) {
		for _, s := range texts {
			if e := tok.Encode(s); !yield(Example{Text: &e}) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range m.Params.Values() { // weights that are all 0 would hide mistakes
		m.Params.Values()[i] = v + float32(i%7-3)/10
	}
	return m
}

func TestPackageHoldsTheModel(t *testing.T) {
	for _, family := range append(Families(), "gru+wide") {
		t.Run(family, func(t *testing.T) {
			m := small(t, family)
			dir := filepath.Join(t.TempDir(), "sub", "m")
			p, err := m.Save(dir, map[string][]byte{CardFile: []byte("# card")})
			if err != nil {
				t.Fatal(err)
			}
			again, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer again.Package.Close()
			if again.Package.Digest != p.Digest || again.Package.Size != p.Size || !slices.Equal(again.Labels, m.Labels) {
				t.Errorf("opened %+v %v", again.Package, again.Labels)
			}
			want, err := m.Predict(context.Background(), texts)
			if err != nil {
				t.Fatal(err)
			}
			got, err := again.Predict(context.Background(), texts)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				for j := range want[i].Probabilities {
					if d := want[i].Probabilities[j] - got[i].Probabilities[j]; d > 1e-6 || d < -1e-6 {
						t.Errorf("%q: %v, want %v", texts[i], got[i].Probabilities, want[i].Probabilities)
					}
				}
			}
			second, err := m.Save(filepath.Join(t.TempDir(), "m"), map[string][]byte{CardFile: []byte("# card")})
			if err != nil || second.Digest != p.Digest {
				t.Errorf("the same model has another digest (%v)", err)
			}
		})
	}
}

func TestSaveReplacesAPackageAndNothingElse(t *testing.T) {
	m := small(t, "mlp")
	dir := filepath.Join(t.TempDir(), "m")
	for range 2 {
		if _, err := m.Save(dir, nil); err != nil {
			t.Fatal(err)
		}
	}
	left, _ := os.ReadDir(filepath.Dir(dir))
	if len(left) != 1 {
		t.Errorf("%d entries beside the package", len(left)-1)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "thesis.docx"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Save(other, nil); err == nil || hint.Way(err) == "" {
		t.Errorf("a folder with other files: %v", err)
	}
	if _, err := os.Stat(filepath.Join(other, "thesis.docx")); err != nil {
		t.Error("the user's file is gone")
	}
}

func TestACardMayBeWrittenIn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "m")
	m := small(t, "ngram")
	if _, err := m.Save(dir, map[string][]byte{CardFile: []byte("# card")}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, CardFile), []byte("---\nlicense: mit\n---\n# card"), 0o644); err != nil {
		t.Fatal(err)
	}
	back, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	back.Package.Close()
	os.Remove(filepath.Join(dir, CardFile))
	if _, err := Open(dir); err == nil {
		t.Error("a package without its card was opened")
	}
}

// resign puts the digests of changed files into the manifest, so that what lies behind it is tested.
func resign(t testing.TB, dir string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, ManifestFile)); err != nil {
		t.Fatal(err)
	}
	if err := writeManifest(dir, nil); err != nil {
		t.Fatal(err)
	}
}

func edit(t testing.TB, path string, change func(data []byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, change(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

func replace(old, new string) func([]byte) []byte {
	return func(data []byte) []byte { return []byte(strings.Replace(string(data), old, new, 1)) }
}

func TestDamagedAndHostilePackagesAreRefused(t *testing.T) {
	weights := func(change func(ts []safetensors.Tensor) []safetensors.Tensor) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, WeightsFile)
			f, err := safetensors.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			var ts []safetensors.Tensor
			for _, name := range f.Names() {
				tensor, _ := f.Tensor(name)
				tensor.Data = append([]byte(nil), tensor.Data...)
				ts = append(ts, tensor)
			}
			f.Close()
			if err := safetensors.WriteFile(path, change(ts), nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	in := func(file string, change func([]byte) []byte) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) { edit(t, filepath.Join(dir, file), change) }
	}
	nan := []byte{0, 0, 0xc0, 0x7f}
	for _, c := range []struct {
		name, family string
		damage       func(t *testing.T, dir string)
		signed       bool // the manifest is made to fit
		message      string
	}{
		{"a flipped byte", "cnn", in(WeightsFile, func(d []byte) []byte { d[len(d)-1] ^= 1; return d }), false, "not the file that was packed"},
		{"cut off", "cnn", in(WeightsFile, func(d []byte) []byte { return d[:len(d)/2] }), true, "malformed"},
		{"weights missing", "cnn", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, WeightsFile)) }, false, WeightsFile},
		{"weights not listed", "cnn", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, WeightsFile)) }, true, "does not list"},
		{"no manifest", "cnn", func(t *testing.T, dir string) { os.Remove(filepath.Join(dir, ManifestFile)) }, false, "no model package"},
		{"manifest that is no JSON", "cnn", in(ManifestFile, func([]byte) []byte { return []byte("{") }), false, ManifestFile},
		{"a path out of the folder", "cnn", in(ManifestFile, replace(`"config.json"`, `"../config.json"`)), false, "outside the package"},
		{"newer manifest", "cnn", in(ManifestFile, replace(`"format": 1`, `"format": 99`)), false, "newer version"},
		{"newer config", "cnn", in(ConfigFile, replace(`"format": 1`, `"format": 99`)), true, "newer version"},
		{"another model's config", "cnn", in(ConfigFile, func([]byte) []byte { return []byte(`{"model_type":"bert"}`) }), true, "not a model of ours"},
		{"unknown family", "cnn", in(ConfigFile, replace(`"family": "cnn"`, `"family": "magic"`)), true, "magic"},
		{"huge network", "cnn", in(ConfigFile, replace(`"embed_dim": 8`, `"embed_dim": 800000000`)), true, "embed_dim"},
		{"negative size", "lstm", in(ConfigFile, replace(`"hidden": 5`, `"hidden": -5`)), true, "hidden"},
		{"another width", "cnn", in(ConfigFile, replace(`"embed_dim": 8`, `"embed_dim": 9`)), true, "shape"},
		{"label lost", "cnn", in(ConfigFile, replace(`"1": "差😀"`, `"7": "差😀"`)), true, "id2label"},
		{"a label twice", "cnn", in(ConfigFile, replace(`"2": "c"`, `"2": "好 评"`)), true, "twice"},
		{"tokenizer of another vocabulary", "cnn", in(TokenizerFile, replace(`"[UNK]":1`, `"[UNK]":1,"zz":26`)), true, ""},
		{"tokenizer that is no JSON", "cnn", in(TokenizerFile, func([]byte) []byte { return []byte("x") }), true, "tokenizer"},
		{"NaN weights", "cnn", weights(func(ts []safetensors.Tensor) []safetensors.Tensor { copy(ts[0].Data, nan); return ts }), true, "NaN"},
		{"a weight missing", "gru", weights(func(ts []safetensors.Tensor) []safetensors.Tensor { return ts[1:] }), true, "missing"},
		{"a weight too many", "mlp", weights(func(ts []safetensors.Tensor) []safetensors.Tensor {
			return append(ts, safetensors.FromFloat32("backdoor", []int{1}, []float32{1}))
		}), true, "backdoor"},
		{"weights of another type", "mlp", weights(func(ts []safetensors.Tensor) []safetensors.Tensor { ts[0].DType = safetensors.I32; return ts }), true, "I32"},
		{"n-gram table full", "ngram", weights(func(ts []safetensors.Tensor) []safetensors.Tensor {
			for i := range ts[0].Data {
				ts[0].Data[i] = 1
			}
			return ts
		}), true, "ngram.table"},
		{"n-gram table of an odd size", "ngram", weights(func(ts []safetensors.Tensor) []safetensors.Tensor {
			ts[0].Shape[0]--
			ts[0].Data = ts[0].Data[8:]
			return ts
		}), true, "power of two"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "m")
			if _, err := small(t, c.family).Save(dir, nil); err != nil {
				t.Fatal(err)
			}
			c.damage(t, dir)
			if c.signed {
				resign(t, dir)
			}
			m, err := Open(dir)
			if err == nil {
				m.Package.Close()
				t.Fatal("opened")
			}
			if !strings.Contains(err.Error(), c.message) || hint.Way(err) == "" || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v; %s", err, hint.Way(err))
			}
			if strings.Contains(c.name, "newer") && !errors.Is(err, ErrNewer) {
				t.Error("a newer format must be ErrNewer")
			}
		})
	}
	for _, dir := range []string{filepath.Join(t.TempDir(), "missing"), t.TempDir()} {
		if _, err := Open(dir); err == nil || hint.Way(err) == "" {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// FuzzConfig changes config.json in any way: opening must fail or give a model that predicts.
func FuzzConfig(f *testing.F) {
	dir := filepath.Join(f.TempDir(), "m")
	if _, err := small(f, "cnn").Save(dir, nil); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(filepath.Join(dir, ConfigFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Fuzz(func(t *testing.T, data []byte) {
		edit(t, filepath.Join(dir, ConfigFile), func([]byte) []byte { return data })
		sum := sha256.Sum256(data)
		edit(t, filepath.Join(dir, ManifestFile), func(old []byte) []byte {
			var man manifest
			if err := json.Unmarshal(old, &man); err != nil {
				t.Fatal(err)
			}
			man.Files[ConfigFile] = manifestFile{int64(len(data)), hex.EncodeToString(sum[:])}
			out, err := json.Marshal(man)
			if err != nil {
				t.Fatal(err)
			}
			return out
		})
		m, err := Open(dir)
		if err != nil {
			return
		}
		defer m.Package.Close()
		if _, err := m.Predict(context.Background(), texts); err != nil {
			t.Fatal(err)
		}
	})
}

func TestPredictKeepsTheOrderFromManyGoroutines(t *testing.T) {
	m := small(t, "gru")
	m.Params.Freeze(nn.F32)
	var many []string
	for i := range 500 {
		many = append(many, fmt.Sprint(texts[i%len(texts)], i%13))
	}
	want, err := m.Predict(context.Background(), many)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	queries := make([]Query, len(many))
	for i, s := range many {
		queries[i].Text = s
	}
	for range 8 {
		wg.Go(func() {
			i := 0
			for p, err := range m.PredictAll(context.Background(), slices.Values(queries)) {
				if err != nil || p.Label != want[i].Label || p.Probability-want[i].Probability > 1e-5 {
					t.Errorf("text %d: %v (%v), want %v", i, p, err, want[i])
					return
				}
				i++
			}
			if i != len(many) {
				t.Errorf("%d predictions of %d", i, len(many))
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := m.Predict(ctx, many); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancelling: %v", err)
	}
}

func TestTopSorts(t *testing.T) {
	m := &Model{Labels: []string{"a", "b", "c"}}
	p := Prediction{Probabilities: []float32{.2, .5, .3}}
	if got := fmt.Sprint(m.Top(p, 2)); got != "[{b 0.5} {c 0.3}]" {
		t.Error(got)
	}
	if len(m.Top(p, 0)) != 3 || len(m.Top(p, 9)) != 3 {
		t.Error("0 and more than there are mean all")
	}
}

func TestOneLabelIsNoClassifier(t *testing.T) {
	tok := small(t, "mlp").Tokenizer
	for name, labels := range map[string][]string{"one": {"a"}, "none": nil, "twice": {"a", "a"}} {
		if _, err := New(Config{Family: "mlp", MaxTokens: 5, EmbedDim: 2, Hidden: 2, Layers: 1, Activation: "relu"}, text.CleanConfig{}, tok, labels, 1, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestRareNGramsAreExplained(t *testing.T) {
	tok := small(t, "mlp").Tokenizer
	c := Config{Family: "ngram", MaxTokens: 50, NGram: NGrams{Tokens: 1, CharsMin: 1, MinTexts: 100, MaxFeatures: 10, Weighting: "tfidf"}}
	_, err := New(c, text.CleanConfig{}, tok, []string{"a", "b"}, 1, func(yield func(Example) bool) {
		e := tok.Encode("好")
		yield(Example{Text: &e})
	})
	if err == nil || !strings.Contains(hint.Way(err), "min_texts") {
		t.Errorf("%v; %s", err, hint.Way(err))
	}
}

// TestALargePassOnAllProcessors gives what it gives on one, from many goroutines at once.
func TestALargePassOnAllProcessors(t *testing.T) {
	for _, family := range []string{"transformer", "lstm"} {
		m := small(t, family)
		m.Params.Freeze(nn.F32)
		w := m.worker()
		for i := 0; w.batch.Tokens.Tokens()*m.Params.Dense() < wideWork; i++ {
			m.Encode(&w.batch, &w.sample, texts[i%len(texts)], "")
		}
		want := slices.Clone(m.run(w, false, m.Forward).Data)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				own := m.worker()
				own.batch = w.batch
				for i, v := range m.run(own, true, m.Forward).Data {
					if d := v - want[i]; d > 1e-5 || d < -1e-5 {
						t.Errorf("%s: logit %d is %v, want %v", family, i, v, want[i])
						return
					}
				}
			})
		}
		wg.Wait()
	}
}

// TestForwardAllocatesNothing: once its memory has grown, a pass over a batch allocates nothing, for any family.
func TestForwardAllocatesNothing(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector makes sync.Pool forget")
	}
	for _, family := range Families() {
		m := small(t, family)
		m.Params.Freeze(nn.F32)
		w := m.worker()
		for _, s := range texts {
			m.Encode(&w.batch, &w.sample, s, "")
		}
		for range 3 {
			m.run(w, false, m.Forward)
		}
		if n := testing.AllocsPerRun(20, func() { m.run(w, false, m.Forward) }); n != 0 {
			t.Errorf("%s: %v allocations a pass", family, n)
		}
	}
}
