package trial_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/c99"
	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/export/trial"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// inC writes a model as C to a folder of its own.
func inC(t *testing.T, m *model.Model) string {
	t.Helper()
	s, err := c99.Write(m, c99.Options{Name: "m"})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "c")
	if _, err := model.SaveFiles(dir, map[string][]byte{"m.c": s.Source, "m.h": s.Header}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestASourceOfCIsAsked compares what C says with what the model says, for each head that C has.
func TestASourceOfCIsAsked(t *testing.T) {
	for _, head := range []string{model.ClassHead, model.MultiLabelHead, model.RegressionHead} {
		m := exporttest.Model(t, "mlp", head, nil)
		dir := inC(t, m)
		if !trial.Is(dir) {
			t.Fatalf("%s is taken for no program", dir)
		}
		p, err := trial.Open(t.Context(), dir)
		if err != nil {
			if strings.Contains(err.Error(), "no C compiler") {
				t.Skip(err)
			}
			t.Fatalf("%v; %s", err, hint.Way(err))
		}
		defer p.Close()
		queries := []model.Query{{Text: "两行\n文字"}, {Text: "a zero\x00within"}}
		for _, q := range exporttest.Queries {
			queries = append(queries, model.Query{Text: q.Text})
		}
		want, err := m.PredictQueries(t.Context(), queries)
		if err != nil {
			t.Fatal(err)
		}
		got, took, err := p.Ask(t.Context(), m, queries, nil)
		if err != nil || len(took) != len(queries) {
			t.Fatal(err)
		}
		for i := range want {
			if got[i].Label != want[i].Label || strings.Join(got[i].Labels, "|") != strings.Join(want[i].Labels, "|") || math.Abs(got[i].Score-want[i].Score) > 1e-4 {
				t.Errorf("%s: %q: it says %+v, the model %+v", head, queries[i].Text, got[i], want[i])
			}
			for k := range want[i].Probabilities {
				if math.Abs(float64(got[i].Probabilities[k]-want[i].Probabilities[k])) > 1e-5 {
					t.Errorf("%s: %q: probability %v, of the model %v", head, queries[i].Text, got[i].Probabilities[k], want[i].Probabilities[k])
				}
			}
		}
	}
}

// TestWhatCannotBeRunIsRefused damages a source, and takes away what runs exports.
func TestWhatCannotBeRunIsRefused(t *testing.T) {
	dir := inC(t, exporttest.Model(t, "mlp", model.ClassHead, nil))
	refused := func(path, says string) {
		t.Helper()
		p, err := trial.Open(t.Context(), path)
		if err == nil {
			p.Close()
		}
		if err == nil || !strings.Contains(err.Error(), says) || hint.Way(err) == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, way %q, want %q", err, hint.Way(err), says)
		}
	}
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CC", "")
	t.Setenv("XIAOYU_CHROMIUM", "")
	refused(dir, "there is no C compiler here")
	source := filepath.Join(dir, "m.c")
	content, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source, content[:len(content)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	refused(dir, "m.c is not the file that was packed")
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(page, []byte("<!doctype html>"), 0o644); err != nil {
		t.Fatal(err)
	}
	refused(page, "the page holds no model")
	refused(filepath.Join(dir, "m.h"), "it is no program")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	refused(self, "carries no files")
}
