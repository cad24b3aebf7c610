package encoder

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/parallel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// sentence is a line of a real checkpoint's golden.jsonl.
type sentence struct {
	Text      string    `json:"text"`
	Prefix    string    `json:"prefix"`
	IDs       []int32   `json:"ids"`
	Embedding []float32 `json:"embedding"`
}

// openReal opens a real sentence encoder of the test material.
func openReal(t testing.TB, name string) (*Network, string) {
	t.Helper()
	dir := golden.Path(t, "models", name)
	config, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	c, err := ReadConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c.Fit(FromFile(f))
	n := New(c, new(nn.Params))
	if err := n.Load(FromFile(f)); err != nil {
		t.Fatal(err)
	}
	return n, dir
}

func sentences(t testing.TB, dir string) []sentence {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "golden.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var list []sentence
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s sentence
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// TestRealEncodersEmbedAsRecorded takes a part of the texts, the odd ones at the end among them; package model takes
// them all.
func TestRealEncodersEmbedAsRecorded(t *testing.T) {
	if testing.Short() {
		t.Skip("real encoders read hundreds of texts")
	}
	for _, name := range []string{"all-MiniLM-L6-v2", "multilingual-e5-small-zh-en"} {
		t.Run(name, func(t *testing.T) {
			n, dir := openReal(t, name)
			tok, err := text.Load(filepath.Join(dir, "tokenizer.json"))
			if err != nil {
				t.Fatal(err)
			}
			n.params.Freeze(nn.F32)
			pool := parallel.New(2)
			defer pool.Close()
			tape := nn.NewTape(pool)
			list := sentences(t, dir)
			list = slices.Concat(list[:24], list[len(list)-12:])
			worst := 0.0
			var e text.Encoding
			for batch := range slices.Chunk(list, 16) {
				tokens := &tensor.Packed{}
				for _, s := range batch {
					tok.EncodeText(&e, s.Prefix+s.Text, text.EncodeOptions{Special: true, MaxTokens: n.Config.MaxTokens})
					if !slices.Equal(e.IDs, s.IDs) {
						t.Fatalf("%q: ids %v, want %v", s.Text, e.IDs, s.IDs)
					}
					tokens.Append(e.IDs)
				}
				tape.Begin(nn.Inference, 0, 0)
				pooled := tape.Pool(n.Forward(tape, Input{Tokens: tokens}), tokens.Offsets, nn.MeanPool)
				for i, s := range batch {
					worst = max(worst, distance(normalised(pooled.Row(i)), s.Embedding))
				}
			}
			if !(worst < 1e-4) {
				t.Errorf("an embedding is off by %g", worst)
			}
			t.Logf("%d texts, off by at most %.2g", len(list), worst)
		})
	}
}

// normalised returns x at length 1.
func normalised(x []float32) []float32 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(float64(v) / math.Sqrt(sum))
	}
	return out
}

// distance is the largest difference of two numbers.
func distance(a, b []float32) float64 {
	worst := 0.0
	for i := range b {
		worst = max(worst, math.Abs(float64(a[i])-float64(b[i])))
	}
	return worst
}
