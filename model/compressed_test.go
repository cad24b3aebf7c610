package model

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Every family in every kind of weights is saved, opened, and predicts what it predicted before it was saved.
func TestStoredWeightsSurviveThePackage(t *testing.T) {
	ctx := context.Background()
	for _, family := range append(Families(), "gru+wide") {
		for kind, wrong := range map[quant.Kind]float64{quant.F16: 0.002, quant.BF16: 0.02, quant.Int8: 0.05, quant.Int4: 0.4, quant.Sparse: 0.05, quant.PQ: 0.5} {
			m := small(t, family)
			want, err := m.Predict(ctx, texts)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.Store(nn.F32, func(p *nn.Param) quant.Kind { return kind }); err != nil {
				t.Fatalf("%s, %s: %v", family, kind, err)
			}
			stored, err := m.Predict(ctx, texts)
			if err != nil {
				t.Fatal(err)
			}
			m.Compression.Packed = true
			dir := filepath.Join(t.TempDir(), "m")
			if _, err := m.Save(dir, nil); err != nil {
				t.Fatal(err)
			}
			again, err := Open(dir)
			if err != nil {
				t.Fatalf("%s, %s: %v", family, kind, err)
			}
			defer again.Package.Close()
			opened, err := again.Predict(ctx, texts)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if !slices.Equal(stored[i].Probabilities, opened[i].Probabilities) {
					t.Errorf("%s, %s: opened, it says %v of %q, and %v before", family, kind, opened[i].Probabilities, texts[i], stored[i].Probabilities)
				}
				for c, p := range want[i].Probabilities {
					if d := math.Abs(float64(p - opened[i].Probabilities[c])); d > wrong {
						t.Errorf("%s, %s: probability %v became %v", family, kind, p, opened[i].Probabilities[c])
					}
				}
			}
			if grown, err := again.Grow(again.Tokenizer, again.Labels, 1); err != nil || grown.Params.All()[0].Data == nil {
				t.Errorf("%s, %s: cannot be trained further: %v", family, kind, err)
			}
		}
	}
}

func TestAPackageOpensInItsPrecision(t *testing.T) {
	m := small(t, "transformer")
	if err := m.Store(nn.INT8, func(p *nn.Param) quant.Kind { return quant.Int8 }); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "m")
	if _, err := m.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	again, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Package.Close()
	if again.Precision() != nn.INT8 {
		t.Errorf("opened in %v", again.Precision())
	}
}

func TestFewGramsAreFoundByTheirFingerprints(t *testing.T) {
	for _, family := range []string{"ngram", "gru+wide"} {
		m := small(t, family)
		norms := m.GramNorms()
		all := make([]int32, len(norms))
		for i := range all {
			all[i] = int32(i)
		}
		slices.SortStableFunc(all, func(a, b int32) int {
			if norms[a] > norms[b] {
				return -1
			}
			return 1
		})
		whole, err := m.KeepGrams(all, 16)
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Predict(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		got, err := whole.Predict(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range want { // all features are there: only their numbers are others
			for c := range want[i].Probabilities {
				if d := want[i].Probabilities[c] - got[i].Probabilities[c]; d > 1e-4 || d < -1e-4 {
					t.Errorf("%s: %q: %v, want %v", family, texts[i], got[i].Probabilities, want[i].Probabilities)
				}
			}
		}
		half, err := m.KeepGrams(all[:len(all)/2], 8)
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "m")
		if _, err := half.Save(dir, nil); err != nil {
			t.Fatal(err)
		}
		again, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer again.Package.Close()
		a, _ := half.Predict(context.Background(), texts)
		b, err := again.Predict(context.Background(), texts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a {
			if !slices.Equal(a[i].Probabilities, b[i].Probabilities) {
				t.Errorf("%s: opened, it says %v of %q, and %v before", family, b[i].Probabilities, texts[i], a[i].Probabilities)
			}
		}
		if _, err := half.KeepGrams([]int32{0}, 8); err == nil {
			t.Errorf("%s: fingerprints were made of fingerprints", family)
		}
	}
}

func TestAWrongCompressionIsRefused(t *testing.T) {
	m := small(t, "cnn")
	if err := m.Store(nn.INT8, func(p *nn.Param) quant.Kind { return quant.Int8 }); err != nil {
		t.Fatal(err)
	}
	for was, is := range map[string]string{`"precision": "int8"`: `"precision": "int3"`, `"convs.0.weight": "int8"`: `"convs.0.weight": "int4"`,
		`"convs.0.bias": "int8"`: `"convs.0.bios": "int8"`, `"format": 4`: `"format": 99`} {
		dir := filepath.Join(t.TempDir(), "m")
		if _, err := m.Save(dir, nil); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, ConfigFile)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		changed := strings.Replace(string(data), was, is, 1)
		if changed == string(data) {
			t.Fatalf("config.json holds no %s:\n%s", was, data)
		}
		if err := os.WriteFile(path, []byte(changed), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, ManifestFile)); err != nil {
			t.Fatal(err)
		}
		if err := writeManifest(dir, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || is == `"format": 99` && !errors.Is(err, ErrNewer) {
			t.Errorf("%s: %v", is, err)
		}
	}
}
