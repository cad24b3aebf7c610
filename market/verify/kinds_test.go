package verify_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// subject is a kind of benchmark with examples that a small model learns, and how that is trained.
type subject struct {
	kind, preset, task string
	file               string // how examples are written
	columns            data.Columns
	write              func(r *rand.Rand) string
	claims             []pack.Figure // of the main figure, far beyond what is reached
}

var (
	places = []string{"Berlin", "Shanghai", "Lisbon", "北京", "Nairobi", "Osaka"}
	people = []string{"Ann", "Boris", "李明", "Carla", "Deepak", "王芳"}
	things = []string{"the train", "a lamp", "some tea", "this hotel", "that phone", "my desk"}
)

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

var subjects = []subject{
	{kind: "multilabel", preset: "ngram", task: "multilabel", file: "x.csv", columns: data.Columns{Text: "text", Label: "label", Separator: "|"}, claims: []pack.Figure{{Name: "F1 (micro)", Value: .999}},
		write: func(r *rand.Rand) string {
			var words, labels []string
			for _, w := range []string{"cheap", "clean", "quick"} {
				if r.IntN(2) == 0 {
					words, labels = append(words, w), append(labels, strings.ToUpper(w))
				}
			}
			if r.IntN(8) == 0 {
				labels = nil // what no model can know
			}
			return fmt.Sprintf("%s %d was %s for us,%s\n", pick(r, things), r.IntN(900), strings.Join(words, " and "), strings.Join(labels, "|"))
		}},
	{kind: "tokens", preset: "cnn", task: "tokens", file: "x.jsonl", columns: data.Columns{Text: "text", Label: "label"}, claims: []pack.Figure{{Name: "entity F1", Value: 99.9}},
		write: func(r *rand.Rand) string {
			a, b, middle := pick(r, people), pick(r, places), pick(r, []string{" went to ", " slept near ", " 去了 "})
			type span struct {
				Start int    `json:"start"`
				End   int    `json:"end"`
				Label string `json:"label"`
			}
			n := func(s string) int { return len([]rune(s)) }
			tail := fmt.Sprintf(" and bought %s number %d", pick(r, things), r.IntN(900))
			entities := []span{{0, n(a), "PER"}, {n(a) + n(middle), n(a) + n(middle) + n(b), "LOC"}}
			if r.IntN(6) == 0 {
				entities = entities[:1] // what no model can know
			}
			line, _ := json.Marshal(map[string]any{"text": a + middle + b + tail, "entities": entities})
			return string(line) + "\n"
		}},
	{kind: "similarity", preset: "static", task: "embedding", file: "x.csv", columns: data.Columns{Text: "text", Pair: "second", Label: "label"}, claims: []pack.Figure{{Name: "cosine_spearman", Value: .999}}, write: graded},
	{kind: "similarity", preset: "cnn", task: "regression", file: "x.csv", columns: data.Columns{Text: "text", Pair: "second", Label: "label"}, claims: []pack.Figure{{Name: "Spearman's ρ", Value: 99.9}}, write: graded},
	{kind: "regression", preset: "ngram", task: "regression", file: "x.csv", columns: data.Columns{Text: "text", Label: "label"}, claims: []pack.Figure{{Name: "spearmanr", Value: .9999}},
		write: func(r *rand.Rand) string {
			score, words := 0.0, []string{}
			for range 6 {
				w := r.IntN(3)
				score += float64(w - 1)
				words = append(words, []string{"awful", "usual", "superb"}[w])
			}
			return fmt.Sprintf("%s,%g\n", strings.Join(words, " "), score+r.Float64())
		}},
}

// graded is a pair of texts, and how many of its words are shared.
func graded(r *rand.Rand) string {
	words := []string{"river", "stone", "green", "house", "seven", "music", "winter", "paper", "yellow", "bridge"}
	r.Shuffle(len(words), func(i, j int) { words[i], words[j] = words[j], words[i] })
	shared := r.IntN(5)
	return fmt.Sprintf("%s,%s,%g\n", strings.Join(words[:4], " "), strings.Join(append(slices.Clone(words[:shared]), words[5:9-shared]...), " "), float64(shared)+r.Float64()/2)
}

// examples writes n of them to a file.
func (s *subject) examples(t *testing.T, n int, seed uint64) string {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	var b strings.Builder
	if strings.HasSuffix(s.file, ".csv") {
		if b.WriteString("text,"); s.columns.Pair != "" {
			b.WriteString("second,")
		}
		b.WriteString("label\n")
	}
	for range n {
		b.WriteString(s.write(r))
	}
	path := filepath.Join(t.TempDir(), s.file)
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func (s *subject) config(t *testing.T, path string) *xiaoyu.Config {
	t.Helper()
	c, err := xiaoyu.Preset(s.preset)
	if err != nil {
		t.Fatal(err)
	}
	c.Task, c.Data.Path, c.Data.Columns = s.task, path, s.columns
	work := t.TempDir()
	c.Out, c.Runs, c.Train.Epochs = filepath.Join(work, "model"), filepath.Join(work, "runs"), 6
	return c
}

func (s *subject) of(t *testing.T) *verify.Kind {
	t.Helper()
	k, err := verify.KindOf(s.kind)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// benchmark reads held-back examples of a subject.
func (s *subject) benchmark(t *testing.T, path string) (*catalogue.Benchmark, []verify.Row) {
	t.Helper()
	k := s.of(t)
	rows, err := k.ReadRows(t.Context(), path, s.columns)
	if err != nil {
		t.Fatal(err)
	}
	return &catalogue.Benchmark{Name: s.kind, Kind: s.kind, Metric: k.Metrics[0], Labels: k.Labels(rows), Digest: verify.Digest(rows)}, rows
}

// TestModelsOfEachKindAreMeasured trains a model of each kind, and sees that the market finds what the model's own evaluation
// says of the same examples, and that no model is measured by what it is not for.
func TestModelsOfEachKindAreMeasured(t *testing.T) {
	if testing.Short() {
		t.Skip("models of five kinds are trained")
	}
	type learnt struct {
		subject
		path  string // of held-back examples
		model try.Model
	}
	var learners []learnt
	for _, s := range subjects {
		c := s.config(t, s.examples(t, 300, 1))
		if _, err := xiaoyu.Train(t.Context(), c, xiaoyu.TrainOptions{}); err != nil {
			t.Fatalf("%s: %v", s.kind, err)
		}
		m, err := verify.FolderModel(c.Out)
		if err != nil {
			t.Fatal(err)
		}
		learners = append(learners, learnt{s, s.examples(t, 120, 2), m})
		opened, err := xiaoyu.Open(c.Out)
		if err != nil {
			t.Fatal(err)
		}
		c = s.config(t, learners[len(learners)-1].path)
		report, err := xiaoyu.Evaluate(t.Context(), opened, c, nil)
		opened.Package.Close()
		if err != nil {
			t.Fatalf("%s: %v", s.kind, err)
		}
		b, rows := s.benchmark(t, c.Data.Path)
		r, err := verify.Measure(t.Context(), options("good"), m, b, rows)
		if err != nil || r.State != catalogue.Measured {
			t.Fatalf("%s: %+v, %v", s.kind, r, err)
		}
		judged := map[string]float64{}
		for _, f := range report.Figures() {
			judged[f.Key] = f.Value
		}
		for _, f := range r.Figures {
			if math.Abs(f.Value-judged[f.Key]) > 1e-6 {
				t.Errorf("%s: %s is %v, the model's own evaluation says %v", s.kind, f.Key, f.Value, judged[f.Key])
			}
		}
		main := r.Figures[0]
		if main.Key != s.of(t).Metrics[0] || main.Value < .3 || main.Value > .9999 || !(main.Low < main.Value && main.Value < main.High) {
			t.Errorf("%s: %+v", s.kind, main)
		}
		if r.Latency <= 0 || r.Batch <= 0 || r.Memory < 1<<20 || r.Kind != s.kind || len(r.Robust) < 2 {
			t.Errorf("%s: %+v", s.kind, r)
		}
		for _, x := range r.Robust {
			if x.Of() != main.Key || x.Clean < .2 || x.Examples == 0 {
				t.Errorf("%s: disturbed %+v", s.kind, x)
			}
		}
		if lines := r.Compare(s.claims); !lines[0].Claim || !lines[0].Missed {
			t.Errorf("%s: a claim of %v is not marked: %+v", s.kind, s.claims, lines[0])
		}
		if lines := r.Compare([]pack.Figure{{Name: s.claims[0].Name, Value: main.Value}}); !lines[0].Claim || lines[0].Missed {
			t.Errorf("%s: a true claim is marked, or not read: %+v", s.kind, lines[0])
		}
		again, err := verify.Measure(t.Context(), options("good"), m, b, rows)
		if err != nil || !r.Same(again) {
			t.Errorf("%s: measured again it is %+v, %v", s.kind, again, err)
		}
	}
	train, _ := reviews(t)
	single, err := verify.FolderModel(trained(t, train, "0.5"))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range append(learners, learnt{subject: subject{kind: "class"}, model: single}) {
		for _, b := range learners {
			if a.kind == b.kind {
				continue
			}
			bench, rows := b.benchmark(t, b.path)
			if r, err := verify.Measure(t.Context(), options("good"), a.model, bench, rows[:20]); err != nil || r.State != catalogue.Unfit {
				t.Errorf("a model of %s by a benchmark of %s: %+v, %v", a.kind, b.kind, r, err)
			}
		}
	}
	m := markettest.Start(t, market.Options{})
	for i, a := range learners {
		card, err := os.ReadFile(filepath.Join(a.model.Key, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		// The card is that of the training, but for its figures, which are better than the model.
		text := regexp.MustCompile(`value: -?[0-9.]+`).ReplaceAllString("---\nlicense: mit\n"+strings.TrimPrefix(string(card), "---\n"), "value: 0.9999")
		if err := os.WriteFile(filepath.Join(a.model.Key, "README.md"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		name, k := fmt.Sprintf("%s-%d", a.kind, i), a.of(t)
		_, rows := a.benchmark(t, a.path)
		if err := verify.Add(t.Context(), m.Depot.Catalogue, "", &catalogue.Benchmark{Name: name, Title: name, Kind: a.kind}, rows); err != nil {
			t.Fatal(err)
		}
		push(t, m, a.model.Key, "ada/"+name+":1.0.0")
		var r verify.Record
		for _, v := range measured(t, m, options("good"), "ada/"+name) {
			if v.Benchmark.Name != name {
				continue
			}
			if v.State != catalogue.Measured {
				t.Fatalf("%s: %+v", name, v)
			}
			if err := json.Unmarshal(v.Record, &r); err != nil {
				t.Fatal(err)
			}
		}
		if len(r.Figures) == 0 {
			t.Fatalf("%s was not measured", name)
		}
		figure := fmt.Sprintf("%.3f", r.Figures[0].Value)
		for path, wants := range map[string][]string{"/ada/" + name + "?lang=en": {"Measured by this market", figure, "The card claims more than was reached here.", "When texts are disturbed"}, "/benchmarks/" + name + "?lang=zh": {"ada/" + name, figure, "95% 区间"}} {
			_, body := fetch(t, m.URL+path)
			for _, want := range wants {
				if !strings.Contains(body, want) {
					t.Errorf("%s does not say %q", path, want)
				}
			}
		}
		board, err := http.Get(m.URL + "/api/v1/benchmarks/" + name)
		if err != nil {
			t.Fatal(err)
		}
		var told client.Benchmark
		if err := json.NewDecoder(board.Body).Decode(&told); err != nil || told.Kind != a.kind || told.Metric != k.Metrics[0] || len(told.Places) == 0 || !slices.Equal(append([]string{told.Task}, told.Also...), k.Tasks) {
			t.Errorf("%+v, %v", told, err)
		}
		board.Body.Close()
	}
}

// TestRowsOfOneLabelKeepTheirDigest sees that what was sealed and signed before there were other kinds stays the same.
func TestRowsOfOneLabelKeepTheirDigest(t *testing.T) {
	rows := []verify.Row{{Text: "a <b>", Label: "x"}, {Text: "c", Pair: "d", Label: "y"}}
	if want := digest.FromString("{\"text\":\"a <b>\",\"label\":\"x\"}\n{\"text\":\"c\",\"pair\":\"d\",\"label\":\"y\"}\n"); verify.Digest(rows) != want {
		t.Error(verify.Digest(rows))
	}
	old := `{"benchmark":"b","rows":"sha256:0","examples":20,"metric":"accuracy","state":"done","figures":[{"key":"accuracy","value":0.9,"low":0.8,"high":0.95}],"robustness":[{"kind":"typos","examples":4,"clean":0.9,"accuracy":0.8}],"size":1,"machine":{"processor":"p","system":"s","cores":2},"xiaoyu":"1","at":"2026-01-02T03:04:05Z","seconds":3}`
	var r verify.Record
	if err := json.Unmarshal([]byte(old), &r); err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(r); err != nil || string(text) != old || r.Robust[0].After() != .8 {
		t.Errorf("%s, %v", text, err)
	}
}

// TestBenchmarksOfEachKindThatCannotBe have rows that their kind has no use for.
func TestBenchmarksOfEachKindThatCannotBe(t *testing.T) {
	score := func(v float64) *float64 { return &v }
	many := func(f func(i int) verify.Row) (rows []verify.Row) {
		for i := range 30 {
			rows = append(rows, f(i))
		}
		return rows
	}
	for _, c := range []struct {
		why, want string
		b         catalogue.Benchmark
		rows      []verify.Row
	}{
		{"a kind that there is not", `the kind of benchmark "ranking" is not known`, catalogue.Benchmark{Kind: "ranking"}, nil},
		{"one number", "all rows have the same number", catalogue.Benchmark{Kind: "regression"}, many(func(int) verify.Row { return verify.Row{Text: "a", Score: score(1)} })},
		{"no pairs", "the rows have one", catalogue.Benchmark{Kind: "similarity"}, many(func(i int) verify.Row { return verify.Row{Text: "a", Score: score(float64(i))} })},
		{"no entities", "it has 0 labels", catalogue.Benchmark{Kind: "tokens"}, many(func(int) verify.Row { return verify.Row{Text: "a"} })},
		{"another's metric", `the metric "accuracy" is none of the kind tokens`, catalogue.Benchmark{Kind: "tokens", Metric: "accuracy"}, nil},
		{"another's task", `cannot be measured by the kind tokens`, catalogue.Benchmark{Kind: "tokens", Task: "text-classification"}, nil},
	} {
		c.b.Name = "x"
		if err := verify.Add(t.Context(), nil, "", &c.b, c.rows); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
	file := filepath.Join(t.TempDir(), "x.csv")
	if err := os.WriteFile(file, []byte("text,label\na,high\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	k, _ := verify.KindOf("regression")
	if _, err := k.ReadRows(t.Context(), file, data.Columns{Text: "text", Label: "label"}); err == nil || !strings.Contains(err.Error(), `the label of line 2 is "high", where a number is wanted`) {
		t.Errorf("a label that is no number: %v", err)
	}
}

// TestTokensWithTagsAreRowsOfEntities reads columns of tokens and tags, a sentence without entities among them.
func TestTokensWithTagsAreRowsOfEntities(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.conll")
	if err := os.WriteFile(file, []byte("Ann B-PER\nsaw O\nNew B-LOC\nYork I-LOC\n\nNo O\none O\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	k, _ := verify.KindOf("tokens")
	rows, err := k.ReadRows(t.Context(), file, data.Columns{Text: "text", Label: "label"})
	if err != nil || len(rows) != 2 || len(rows[0].Entities) != 2 || rows[0].Entities[1] != (data.Entity{Start: 8, End: 16, Label: "LOC"}) || !slices.Equal(k.Labels(rows), []string{"LOC", "PER"}) {
		t.Fatalf("%+v, %v", rows, err)
	}
}
