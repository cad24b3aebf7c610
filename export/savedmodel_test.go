package export

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/savedmodel"
)

// checkSavedModel tells what in a model is not whole. That it computes the same is e2e/thirdparty's to tell.
func checkSavedModel(m *savedmodel.Model) error {
	legal := regexp.MustCompile(`^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$`)
	names, functions := map[string]bool{}, map[string]bool{}
	for _, f := range m.Functions {
		if functions[f.Name] {
			return fmt.Errorf("two functions are called %s", f.Name)
		}
		functions[f.Name] = true
	}
	check := func(nodes []*savedmodel.Node, known map[string]bool) error {
		for _, n := range nodes {
			if names[n.Name] || !legal.MatchString(n.Name) {
				return fmt.Errorf("the name %q is taken, or no name", n.Name)
			}
			names[n.Name] = true
			for _, in := range n.In {
				if name, _, _ := strings.Cut(in, ":"); !known[name] {
					return fmt.Errorf("%s reads %q, which nothing before it makes", n.Name, in)
				}
			}
			for _, a := range n.Attrs {
				if call, ok := a.(savedmodel.Call); ok && !functions[string(call)] {
					return fmt.Errorf("%s calls %s, which there is not", n.Name, call)
				}
			}
			known[n.Name] = true
		}
		return nil
	}
	all := map[string]bool{}
	if err := check(m.Nodes, all); err != nil {
		return err
	}
	for _, f := range m.Functions {
		known := map[string]bool{}
		for _, a := range f.In {
			known[a.Name] = true
		}
		if err := check(f.Nodes, known); err != nil {
			return err
		}
		if len(f.Results) != len(f.Out) {
			return fmt.Errorf("%s has %d results of %d", f.Name, len(f.Results), len(f.Out))
		}
	}
	for _, i := range append(m.Inputs, m.Outputs...) {
		if !all[i.Name] {
			return fmt.Errorf("nothing is called %s", i.Name)
		}
	}
	return nil
}

func TestEveryFamilyAndHeadIsAWholeSavedModel(t *testing.T) {
	exporttest.Each(t, func(name string, m *model.Model) {
		g, err := m.Graph()
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int
		for _, p := range []Precision{F32, F16} {
			var files [2][]byte
			for i := range files {
				s, err := SavedModel(g, p)
				if err == nil {
					err = checkSavedModel(s)
				}
				if err == nil {
					files[i], err = s.Marshal()
				}
				if err != nil {
					t.Fatalf("%s as %s: %v", name, p, err)
				}
			}
			if !bytes.Equal(files[0], files[1]) {
				t.Errorf("%s as %s: two exports differ", name, p)
			}
			sizes = append(sizes, len(files[0]))
		}
		if sizes[1] > sizes[0] {
			t.Errorf("%s: f16 takes %d bytes, f32 %d", name, sizes[1], sizes[0])
		}
	})
}

func TestAConvolutionOfGroupsIsRefusedByName(t *testing.T) {
	g := graph.New()
	x := g.Input("x", graph.Float, graph.Batch, graph.Length, 4)
	g.Output("y", g.Conv(x, g.Weights("w", make([]float32, 4*3*2), 4, 3, 2), g.Weights("b", make([]float32, 4), 4), [2]int{1, 1}, 2))
	if _, err := SavedModel(g, F32); err == nil || !strings.Contains(err.Error(), "the format savedmodel has no operation Conv of 2 groups") || !strings.Contains(hint.Way(err), "choose --to onnx") {
		t.Errorf("error %v; %s", err, hint.Way(err))
	}
}

func TestASavedModelIsAFolderWithAllThatItsUserNeeds(t *testing.T) {
	m := exporttest.Model(t, "gru", model.ClassHead, nil)
	dir := filepath.Join(t.TempDir(), "export")
	if _, err := Write(m, dir, Options{Format: "savedmodel"}); err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	card, err := os.ReadFile(filepath.Join(dir, model.CardFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tensorflow.saved_model.load(\".\")", "v1/models/model:predict", "tensorflow/serving", "| `input_ids` | int32 | [batch, length] |", "tokenizer.enable_truncation(40)"} {
		if !strings.Contains(string(card), want) {
			t.Errorf("the card lacks %s:\n%s", want, card)
		}
	}
	refused := func(err error, want, way string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(hint.Way(err), way) {
			t.Errorf("error %v; %s, want %s; %s", err, hint.Way(err), want, way)
		}
	}
	_, err = Open(dir)
	refused(err, "the format savedmodel is not run here", "xiaoyu verify --python")
	_, err = OpenIn(t.Context(), dir, filepath.Join(dir, "no-python"))
	refused(err, "no-python", "an interpreter that has tensorflow")
	if runtime.GOOS == "windows" {
		return
	}
	python := func(lines ...string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "python")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+strings.Join(lines, "\n")+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		return path
	}
	broken := python("echo 'ModuleNotFoundError: no tensorflow' >&2", "exit 1")
	_, err = OpenIn(t.Context(), dir, broken)
	refused(err, "it ended: ModuleNotFoundError: no tensorflow", "an interpreter that has tensorflow")
	_, err = OpenIn(t.Context(), dir, python(`echo '{"inputs": ["input_ids"], "outputs": ["other"]}'`))
	refused(err, "its outputs [other] are not known", "")
	const there = `echo '{"inputs": ["input_ids", "attention_mask"], "outputs": ["logits"]}'; read line`
	for answer, want := range map[string]string{
		`{"error": "out of range"}`:                 "the other runtime says out of range",
		`{"shape": [1, 3], "data": "AAAA"}`:         "gave 3 bytes for numbers of shape [1 3]",
		`{"shape": [-1, -3], "data": ""}`:           "gave 0 bytes for numbers of shape [-1 -3]",
		`{"shape": [1, 2], "data": "AAAAAAAAAAA="}`: "the graph made [1 2] of",
	} {
		m, err := OpenIn(t.Context(), dir, python(there, "echo '"+answer+"'", "cat >/dev/null"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = m.Logits(t.Context(), exporttest.Queries[:1])
		refused(err, want, "")
		if err := m.Package.Close(); err != nil {
			t.Error(err)
		}
	}
	dead, err := OpenIn(t.Context(), dir, python(there, "echo 'out of memory' >&2", "exit 3"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = dead.Logits(t.Context(), exporttest.Queries[:1])
	refused(err, "it ended: ", "")
	onnx := filepath.Join(t.TempDir(), "export")
	if _, err := Write(m, onnx, Options{Format: "onnx"}); err != nil {
		t.Fatal(err)
	}
	_, err = OpenIn(t.Context(), onnx, broken)
	refused(err, "no format that Python runs", "leave out --python")
}
