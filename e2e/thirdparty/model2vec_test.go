package thirdparty

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// TestModel2VecReadsAndWritesAlike has the package model2vec embed with static embeddings of ours, and ours with those
// that it writes.
func TestModel2VecReadsAndWritesAlike(t *testing.T) {
	ctx := context.Background()
	texts := []string{"the room was clean and quiet", "never again, loud and dirty", "房间 很 干净", "quiet quiet room", "zzz", ""}
	tok, err := text.Train(ctx, slices.Values(texts[:4]), text.Config{Kind: "word", MinFrequency: 1, VocabSize: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	const dim = 6
	table := make([]float32, tok.VocabSize()*dim)
	for i := range table {
		table[i] = float32(random.NormFloat64())
	}
	for _, stored := range []safetensors.DType{safetensors.F32, safetensors.F16, safetensors.I8} {
		t.Run(string(stored), func(t *testing.T) {
			dir := t.TempDir()
			ours, again, shared, list := filepath.Join(dir, "ours"), filepath.Join(dir, "again"), filepath.Join(dir, "shared"), filepath.Join(dir, "texts.json")
			m, err := model.NewStatic(tok, table, dim, stored, model.Sentence{Normalize: true})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := m.Save(ours, nil); err != nil {
				t.Fatal(err)
			}
			data, _ := json.Marshal(texts)
			if err := os.WriteFile(list, data, 0o644); err != nil {
				t.Fatal(err)
			}
			var theirs struct{ Vectors, Shared [][]float64 }
			if err := json.Unmarshal([]byte(python(t, "model2vec_check.py", ours, again, shared, list)), &theirs); err != nil {
				t.Fatal(err)
			}
			for dir, want := range map[string][][]float64{ours: theirs.Vectors, again: theirs.Vectors, shared: theirs.Shared} {
				m, err := model.Open(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer m.Package.Close()
				vectors, err := m.Embed(ctx, texts, "")
				if err != nil {
					t.Fatal(err)
				}
				for i, v := range vectors {
					for j := range v {
						if math.Abs(float64(v[j])-want[i][j]) > 2e-3 { // they compute with half precision where rows are stored so
							t.Fatalf("%s, %q: %v, there %v", filepath.Base(dir), texts[i], v, want[i])
						}
					}
				}
			}
		})
	}
}
