package track

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// some are runs of three kinds.
func some() []Info {
	run := func(id, name, family string, status Status, figures map[string]float64) Info {
		return Info{ID: id, Name: name, Task: "class", Family: family, Status: status, Start: time.Date(2026, 1, int(id[0]-'0'), 12, 0, 0, 0, time.Local), End: time.Date(2026, 1, int(id[0]-'0'), 12, 5, 0, 0, time.Local), Summary: figures,
			Parameters: json.RawMessage(fmt.Sprintf(`{"task":"class","model":{"family":%q,"widths":[3,4]},"train":{"epochs":12,"learning_rate":0.001}}`, family)), Data: map[string]string{"sst2/train.tsv": "sha256:1"}}
	}
	return []Info{
		run("1", "sst base", "cnn", Finished, map[string]float64{"accuracy": 0.91, "log_loss": 0.3}),
		run("2", "hotel", "gru", Finished, map[string]float64{"accuracy": 0.88, "log_loss": 0.2}),
		run("3", "SST wide", "cnn", Failed, nil),
	}
}

func ids(runs []Info) string {
	var out []string
	for _, r := range runs {
		out = append(out, r.ID)
	}
	return strings.Join(out, "")
}

func TestFilters(t *testing.T) {
	for expression, want := range map[string]string{
		"":                         "123",
		"family=cnn":               "13",
		"model.family = gru":       "2",
		"family=cnn accuracy>0.9":  "1",
		"accuracy >= 0.88":         "12",
		"accuracy!=0.91":           "23",
		"accuracy<0.9":             "2",
		"name~sst":                 "13",
		"name!~sst":                "2",
		`name="sst base"`:          "1",
		"status=finished":          "12",
		"train.learning_rate=1e-3": "123", // compared as numbers
		"start>2026-01-02":         "23",
		"time>=5m":                 "123",
		"data~sst2":                "123",
		"widths=3,4":               "123",
		"status!=failed name~o":    "2",
	} {
		f, err := ParseFilter(expression)
		if err != nil {
			t.Errorf("%s: %v", expression, err)
			continue
		}
		got, err := f.Choose(some())
		if err != nil || ids(got) != want {
			t.Errorf("%s: %s, want %s (%v)", expression, ids(got), want, err)
		}
	}
}

func TestWrongFiltersSayWhatToWrite(t *testing.T) {
	for expression, want := range map[string]string{
		"accuracy":        "has no operator",
		"=3":              "no condition",
		"accuracy>":       "has no value",
		`name="sst`:       "quote that is not closed",
		"accuracy>good":   "is no number",
		"two words=3":     "no condition",
		"accurcay>0.9":    "did you mean accuracy?",
		"famly=cnn":       "did you mean family?",
		"accuracy!0.9":    "no condition",
		"nonsensical=yes": "no run has a field",
	} {
		f, err := ParseFilter(expression)
		if err == nil {
			_, err = f.Choose(some())
		}
		if err == nil || !strings.Contains(err.Error()+hint.Way(err), want) || hint.Way(err) == "" {
			t.Errorf("%s: %v; %s", expression, err, hint.Way(err))
		}
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(`family=cnn accuracy>0.9 name~"my run"`)
	f.Add("a!=b c!~d e<=1")
	f.Fuzz(func(t *testing.T, s string) {
		if filter, err := ParseFilter(s); err == nil {
			_, _ = filter.Choose(some())
		}
	})
}

func TestSortingPutsTheBestFirstAndTheLackingLast(t *testing.T) {
	for _, c := range []struct {
		key     string
		reverse bool
		want    string
	}{{"accuracy", false, "123"}, {"accuracy", true, "213"}, {"log_loss", false, "213"}, {"name", false, "321"}, {"start", false, "321"}, {"start", true, "123"}} {
		runs := some()
		if err := Sort(runs, c.key, c.reverse); err != nil || ids(runs) != c.want {
			t.Errorf("%s, reverse %v: %s, want %s (%v)", c.key, c.reverse, ids(runs), c.want, err)
		}
	}
	if err := Sort(some(), "acuracy", false); err == nil || !strings.Contains(hint.Way(err), "accuracy") {
		t.Errorf("%v", err)
	}
}

func TestCurvesAreReadFromAnyWriter(t *testing.T) {
	root := t.TempDir()
	r := start(t, root)
	lines := []string{
		`{"step":1,"epoch":1,"time":1.5,"values":{"train/loss":0.5,"lr":1e-3}}`,
		`{ "step": 2, "values": {"train/loss": 0.25} }`,                    // spaces
		`{"values":{"train/loss":-1e300},"step":3}`,                        // another order
		`{"step":4,"epoch":1,"time":1,"values":{"a\"b":1,"train/loss":4}}`, // a name that is escaped
		`{"step":5,"epoch":1,"time":1,"values":{}}`,
		`{"step":6,"epoch":1,"time":1,"values":{"train/loss":oops}}`,
		`nonsense`, ``,
		`{"step":7,"epoch":1,"time":1,"values":{"train/loss":7}}`,
		`{"step":8,"epoch":1,"time":1,"val`,
	}
	if err := os.WriteFile(filepath.Join(r.Dir(), metricsFile), []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := Curve(root, "last", "train/loss")
	if err != nil || fmt.Sprint(s.Steps) != "[1 2 3 4 7]" || fmt.Sprint(s.Values) != "[0.5 0.25 -1e+300 4 7]" {
		t.Errorf("%+v, %v", s, err)
	}
	all, err := Metrics(root, "last")
	if err != nil || len(all) != 3 || all[0].Name != `a"b` {
		t.Errorf("%+v, %v", all, err)
	}
	if _, err := Curve(root, "last", "train/los"); err == nil || !strings.Contains(hint.Way(err), "train/loss") {
		t.Errorf("%v", err)
	}
}

// FuzzPoint compares the quick reader of lines with encoding/json.
func FuzzPoint(f *testing.F) {
	f.Add(`{"step":1,"epoch":1,"time":1.5,"values":{"train/loss":0.5,"lr":1e-3}}`)
	f.Add(`{"step":1,"values":{"a":1,}}`)
	f.Fuzz(func(t *testing.T, line string) {
		got := map[string]float64{}
		if !scanPoint([]byte(line), func(_ int, name []byte, v float64) { got[string(name)] = v }) {
			return
		}
		var p point
		if json.Unmarshal([]byte(line), &p) != nil {
			return // more lenient is no harm
		}
		for name, v := range p.Values {
			if got[name] != v {
				t.Errorf("%s: %v, want %v", line, got, p.Values)
			}
		}
	})
}

// generate writes runs such as trainings make, with the parameters of a whole configuration.
func generate(b *testing.B, root string, n int) {
	b.Helper()
	settings := map[string]any{}
	for i := range 12 {
		part := map[string]any{}
		for j := range 12 {
			part[fmt.Sprintf("setting_%d", j)] = 0.25
		}
		settings[fmt.Sprintf("part_%d", i)] = part
	}
	settings["model"] = map[string]any{"family": "cnn"}
	for i := range n {
		id := fmt.Sprintf("202601%02d-%06d.000-%04x", 1+i%28, i, i)
		dir := filepath.Join(root, id)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			b.Fatal(err)
		}
		figures := map[string]float64{}
		for _, key := range []string{"accuracy", "macro_f1", "mcc", "kappa", "roc_auc", "pr_auc", "log_loss", "ece", "seconds", "main"} {
			figures[key] = float64(i) / float64(n)
		}
		data, err := json.MarshalIndent(Info{ID: id, Name: "run", Status: Finished, Start: time.Now(), End: time.Now(), Parameters: settings, Summary: figures}, "", "  ")
		if err != nil {
			b.Fatal(err)
		}
		path, old := filepath.Join(dir, infoFile), time.Now().Add(-time.Hour)
		if err := errors.Join(os.WriteFile(path, data, 0o644), os.Chtimes(path, old, old)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListOf2000Runs(b *testing.B) {
	root := b.TempDir()
	generate(b, root, 2000)
	f, err := ParseFilter("family!=gru accuracy>0.5")
	if err != nil {
		b.Fatal(err)
	}
	b.Run("list, without index", func(b *testing.B) {
		for b.Loop() {
			if err := os.RemoveAll(filepath.Join(root, indexFile)); err != nil {
				b.Fatal(err)
			}
			if runs, err := List(root); err != nil || len(runs) != 2000 {
				b.Fatal(err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		for b.Loop() {
			if runs, err := List(root); err != nil || len(runs) != 2000 {
				b.Fatal(err)
			}
		}
	})
	b.Run("filter by a setting, sort by a figure", func(b *testing.B) {
		for b.Loop() {
			runs, err := List(root)
			if err != nil {
				b.Fatal(err)
			}
			if runs, err = f.Choose(runs); err != nil {
				b.Fatal(err)
			}
			if err := Sort(runs, "accuracy", false); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkCurveOfAMillionPoints(b *testing.B) {
	root := b.TempDir()
	r, err := Start(root, Info{Name: "long", Parameters: map[string]int{}})
	if err != nil {
		b.Fatal(err)
	}
	for step := range 1_000_000 {
		if err := r.Log(step, 1, map[string]float64{"train/loss": 1 / float64(step+1), "train/learning_rate": 1e-3, "train/gradient_norm": 1.234567}); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Finish(Finished, nil, nil); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if s, err := Curve(root, "last", "train/loss"); err != nil || len(s.Values) != 1_000_000 {
			b.Fatal(err)
		}
	}
}

func TestTheIndexNeverHidesAChange(t *testing.T) {
	root := t.TempDir()
	var ids []string
	for range 3 {
		r := start(t, root)
		ids = append(ids, r.ID())
		if err := r.Finish(Finished, map[string]float64{"accuracy": 0.5}, nil); err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(r.Dir(), infoFile), old, old); err != nil {
			t.Fatal(err)
		}
	}
	list := func() map[string]Info {
		t.Helper()
		runs, err := List(root)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]Info{}
		for _, r := range runs {
			out[r.ID] = r
		}
		return out
	}
	list()
	index := filepath.Join(root, indexFile)
	if _, err := os.Stat(index); err != nil {
		t.Fatal("no index was written")
	}
	cached := list()[ids[0]]
	if cached.Summary["accuracy"] != 0.5 || cached.Settings()["epochs"] != "3" {
		t.Errorf("from the index: %+v, %v", cached, cached.Settings())
	}
	again, err := Resume(root, ids[0], 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := list()[ids[0]].Status; got != Running {
		t.Errorf("a run that goes on is %s", got)
	}
	if err := again.Finish(Finished, map[string]float64{"accuracy": 0.9}, nil); err != nil {
		t.Fatal(err)
	}
	if err := Delete(root, ids[1]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, ids[2], infoFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := list()
	if len(got) != 2 || got[ids[0]].Summary["accuracy"] != 0.9 || got[ids[2]].Status != Damaged {
		t.Errorf("%+v", got)
	}
	for _, broken := range []string{"", "{", `{"format":1,"runs":[null]}`, `{"format":99}`, `{"format":1,"runs":[{"run":{"id":"x"}}]}`} {
		if err := os.WriteFile(index, []byte(broken), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := list(); len(got) != 2 || got[ids[0]].Summary["accuracy"] != 0.9 {
			t.Errorf("with the index %q: %+v", broken, got)
		}
	}
}
