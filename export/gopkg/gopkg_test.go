package gopkg_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/export/gopkg"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// write writes files below a folder.
func write(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, data := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// packed saves a model and returns it as it opens.
func packed(t *testing.T, m *model.Model) (*model.Model, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "package")
	if _, err := m.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Package.Close() })
	return m, dir
}

const program = `package main

import (
	"context"
	"encoding/json"
	"os"

	"example.org/outside/reviews"
	"example.org/outside/pairs"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

func main() {
	var texts []string
	if err := json.NewDecoder(os.Stdin).Decode(&texts); err != nil {
		panic(err)
	}
	predictions, err := reviews.Predict(context.Background(), texts...)
	if err != nil {
		panic(err)
	}
	both, err := pairs.Predict(context.Background(), model.Query{Text: texts[0], Pair: texts[1]})
	if err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(append(predictions, both...)); err != nil {
		panic(err)
	}
}
`

func TestAProgramOfAnotherModuleImportsModels(t *testing.T) {
	reviews, reviewsDir := packed(t, exporttest.Model(t, "transformer", model.ClassHead, nil))
	pairs, pairsDir := packed(t, exporttest.Model(t, "ngram", model.ClassHead, func(c *model.Config) { c.Pair = true }))
	checkout, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(checkout, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(checkout, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	outside := t.TempDir()
	module := strings.Replace(string(mod), "module github.com/xiaoyu-slm/xiaoyu", "module example.org/outside", 1) +
		"\nrequire github.com/xiaoyu-slm/xiaoyu v0.0.0\n\nreplace github.com/xiaoyu-slm/xiaoyu => " + checkout + "\n"
	write(t, outside, map[string][]byte{"go.mod": []byte(module), "go.sum": sums, "main.go": []byte(program)})
	for name, m := range map[string]*model.Model{"reviews": reviews, "pairs": pairs} {
		dir := map[string]string{"reviews": reviewsDir, "pairs": pairsDir}[name]
		files, err := gopkg.Files(m, dir, name, "A model.\nLicence of the model: Apache-2.0.")
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(outside, name), files)
	}
	run := func(stdin string, args ...string) string {
		t.Helper()
		c := exec.Command(args[0], args[1:]...)
		c.Dir, c.Stdin = outside, strings.NewReader(stdin)
		c.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
		var errs strings.Builder
		c.Stderr = &errs
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, errs.String())
		}
		return string(out)
	}
	if out := run("", "gofmt", "-l", "reviews", "pairs"); out != "" {
		t.Errorf("gofmt would change %s", out)
	}
	run("", "go", "vet", "./...")
	binary := filepath.Join(t.TempDir(), "program")
	run("", "go", "build", "-o", binary, ".")
	var texts []string
	for _, q := range exporttest.Queries {
		texts = append(texts, q.Text)
	}
	want, err := reviews.Predict(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	both, err := pairs.PredictQueries(t.Context(), []model.Query{{Text: texts[0], Pair: texts[1]}})
	if err != nil {
		t.Fatal(err)
	}
	wanted, err := json.Marshal(append(want, both...))
	if err != nil {
		t.Fatal(err)
	}
	given, err := json.Marshal(texts)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(run(string(given), binary)); got != string(wanted) {
		t.Errorf("the program says\n%.800s\nthe models\n%.800s", got, wanted)
	}
	// A file that is another than the one that was exported is no model any more.
	write(t, outside, map[string][]byte{"reviews/model/config.json": []byte("{}")})
	run("", "go", "build", "-o", binary, ".")
	c := exec.Command(binary)
	c.Stdin = strings.NewReader(string(given))
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "config.json is not the file that was packed") {
		t.Errorf("a program with an altered model ends with %v: %.300s", err, out)
	}
}
