package vector

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func about(dim int) About { return About{Model: "abc", Prompt: "passage: ", Data: "a.csv", Dim: dim} }

// stored writes rows of a store from its end on.
func stored(t *testing.T, dir string, vectors [][]float32, to int, finish bool) {
	t.Helper()
	w, err := NewWriter(dir, about(len(vectors[0])))
	if err != nil {
		t.Fatal(err)
	}
	for i := w.Rows(); i < to; i++ {
		if err := w.Add(vectors[i], Row{Line: i + 2, Text: fmt.Sprintf("第 %d 行\n", i)}); err != nil {
			t.Fatal(err)
		}
	}
	if finish {
		err = w.Finish()
	} else {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAStoreGoesOnWhereItWasAndIsReadBack(t *testing.T) {
	vectors, _ := planted(500, 12, 9, 1, 2)
	dir := filepath.Join(t.TempDir(), "index")
	stored(t, dir, vectors, 200, false)
	if _, err := OpenStore(dir); err == nil || !strings.Contains(err.Error(), "not finished") {
		t.Errorf("an unfinished store: %v", err)
	}
	// A kill leaves files of unequal length.
	for name, cut := range map[string]int64{vectorsFile: 5, rowsFile: 3, endsFile: 20} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, info.Size()-cut); err != nil {
			t.Fatal(err)
		}
	}
	stored(t, dir, vectors, 500, true)
	s, err := OpenStore(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	want := setOf(t, vectors)
	got, expected := make([]float32, 12), make([]float32, 12)
	for i := range vectors {
		s.Vector(got, i)
		want.Vector(expected, i)
		row, err := s.Row(i)
		if err != nil || row.Line != i+2 || row.Text != fmt.Sprintf("第 %d 行\n", i) || cosine(got, expected) < 0.99999 {
			t.Fatalf("row %d is %+v, %v", i, row, err)
		}
	}
	if s.Len() != 500 || s.About.Prompt != "passage: " {
		t.Errorf("%d rows, %+v", s.Len(), s.About)
	}
}

func TestAStoreOfSomethingElseIsNotGoneOnWith(t *testing.T) {
	vectors, _ := planted(3, 4, 2, 1, 2)
	dir := filepath.Join(t.TempDir(), "index")
	stored(t, dir, vectors, 3, false)
	other := about(4)
	other.Model = "def"
	if _, err := NewWriter(dir, other); err == nil || hint.Way(err) == "" {
		t.Errorf("vectors of another model: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, stateFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := NewWriter(dir, about(4)); err == nil {
		t.Error("a broken index was gone on with")
	}
	if _, err := NewWriter(filepath.Dir(dir), about(4)); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("a folder of something else: %v", err)
	}
	if _, err := OpenStore(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no index") {
		t.Errorf("a folder without an index: %v", err)
	}
}

func TestDamagedStoresAreRefused(t *testing.T) {
	vectors, _ := planted(300, 4, 5, 1, 2)
	for _, damage := range []struct {
		file string
		do   func(content []byte) []byte
	}{
		{vectorsFile, func(b []byte) []byte { return b[:len(b)-1] }},
		{endsFile, func(b []byte) []byte { return append(b, 0) }},
		{graphFile, func(b []byte) []byte { return b[:len(b)/2] }},
		{graphFile, func(b []byte) []byte { b[12] = 0xff; b[13] = 0x7f; b[14] = 0x7f; b[15] = 0x7f; return b }},
		{graphFile, func(b []byte) []byte { b[4] = 0xff; b[5] = 0x7f; return b }},
		{stateFile, func(b []byte) []byte { return []byte(strings.Replace(string(b), `"rows": 300`, `"rows": -1`, 1)) }},
	} {
		dir := filepath.Join(t.TempDir(), "index")
		stored(t, dir, vectors, 300, true)
		s, err := OpenStore(dir)
		if err != nil {
			t.Fatal(err)
		}
		g, err := BuildGraph(t.Context(), s.Set, nil)
		if err == nil {
			err = g.Write(dir)
		}
		s.Close()
		if err != nil {
			t.Fatal(err)
		}
		if s, err = OpenStore(dir); err != nil || s.Graph == nil {
			t.Fatalf("with a graph: %v", err)
		}
		s.Close()
		path := filepath.Join(dir, damage.file)
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, damage.do(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenStore(dir); err == nil || hint.Way(err) == "" {
			t.Errorf("%s damaged: %v", damage.file, err)
		}
	}
}

func TestAGraphIsReadBack(t *testing.T) {
	vectors, _ := planted(600, 8, 20, 1, 3)
	s := setOf(t, vectors)
	g, err := BuildGraph(t.Context(), s, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := g.Write(dir); err != nil {
		t.Fatal(err)
	}
	back, err := readGraph(filepath.Join(dir, graphFile), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range vectors[:20] {
		want, _ := g.Search(q, 5)
		got, err := back.Search(q, 5)
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v, %v", got, want, err)
		}
	}
}

// FuzzGraph reads files that are no graphs, and walks those that pass for one.
func FuzzGraph(f *testing.F) {
	vectors, _ := planted(40, 4, 5, 1, 3)
	s := setOf(f, vectors)
	g, err := BuildGraph(f.Context(), s, nil)
	if err != nil {
		f.Fatal(err)
	}
	dir := f.TempDir()
	if err := g.Write(dir); err != nil {
		f.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(dir, graphFile))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), graphFile)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		g, err := readGraph(path, s)
		if err != nil {
			return
		}
		if _, err := g.Search(vectors[0], 3); err != nil {
			t.Error(err)
		}
	})
}
