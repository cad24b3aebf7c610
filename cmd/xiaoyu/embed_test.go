package main

import (
	"bufio"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
)

// TestEmbedWritesWhatWasRecorded embeds texts as users do, and compares with what PyTorch made of them.
func TestEmbedWritesWhatWasRecorded(t *testing.T) {
	if testing.Short() {
		t.Skip("real encoders read hundreds of texts")
	}
	for _, name := range []string{"all-MiniLM-L6-v2", "multilingual-e5-small-zh-en"} {
		t.Run(name, func(t *testing.T) {
			folder := golden.Path(t, "models", name)
			type row struct {
				Text      string    `json:"text"`
				Embedding []float64 `json:"embedding"`
			}
			read := func(path string, every int) (rows []row) {
				f, err := os.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				lines := bufio.NewScanner(f)
				lines.Buffer(nil, 1<<20)
				for n := 0; lines.Scan(); n++ {
					if n%every != 0 {
						continue
					}
					var r row
					if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
						t.Fatal(err)
					}
					rows = append(rows, r)
				}
				return rows
			}
			every := 4
			if testing.Short() {
				every = 30
			}
			want := read(filepath.Join(folder, "golden.jsonl"), every)
			dir := t.TempDir()
			texts, err := os.Create(filepath.Join(dir, "texts.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range want {
				if err := json.NewEncoder(texts).Encode(map[string]string{"text": r.Text}); err != nil {
					t.Fatal(err)
				}
			}
			if err := texts.Close(); err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(dir, "out.jsonl")
			// The texts were cut to 512 tokens, where one folder says 256.
			if code := run([]string{"embed", folder, "--data", texts.Name(), "--text", "text", "--max-tokens", "512", "--out", out}); code != 0 {
				t.Fatalf("exit code %d", code)
			}
			got := read(out, 1)
			if len(got) != len(want) || len(want) < 5 {
				t.Fatalf("%d vectors of %d texts", len(got), len(want))
			}
			for i, w := range want {
				if got[i].Text != w.Text || len(got[i].Embedding) != len(w.Embedding) {
					t.Fatalf("line %d is %q, want %q", i+1, got[i].Text, w.Text)
				}
				for j, v := range w.Embedding {
					if math.Abs(got[i].Embedding[j]-v) > 1e-4 {
						t.Fatalf("%.20q: number %d is %v, want %v", w.Text, j, got[i].Embedding[j], v)
					}
				}
			}
		})
	}
}
