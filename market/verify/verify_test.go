package verify_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/examples"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
	"github.com/xiaoyu-slm/xiaoyu/market/try/worker"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// TestMain makes of this program the process of a model: a good one, or one that does what no model should.
func TestMain(m *testing.M) {
	if len(os.Args) != 3 || behaviours[os.Args[1]] == nil {
		os.Exit(m.Run())
	}
	memory, err := worker.Arguments(os.Args[2:])
	if err == nil {
		err = behaviours[os.Args[1]](memory)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

var behaviours = map[string]func(memory int64) error{
	"good": func(memory int64) error { return worker.Work(context.Background(), memory, os.Stdin, os.Stdout) },
}

func options(behaviour string) verify.Options {
	return verify.Options{Version: "test", Try: try.Options{Command: []string{os.Args[0], behaviour}, Memory: 256 << 20}}
}

// reviews are the examples of the project, in two halves that share no text.
func reviews(t testing.TB) (train, held []verify.Row) {
	t.Helper()
	content, err := examples.Reviews("zh")
	if err != nil {
		t.Fatal(err)
	}
	table, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range table[1:] {
		r := verify.Row{Text: row[0], Label: row[1]}
		if digest.FromString(r.Text).Encoded()[0] < '8' {
			train = append(train, r)
		} else {
			held = append(held, r)
		}
	}
	return train, held
}

func write(t *testing.T, file string, rows []verify.Row) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(f)
	w.Write([]string{"text", "label"})
	for _, r := range rows {
		w.Write([]string{r.Text, r.Label})
	}
	if w.Flush(); w.Error() != nil || f.Close() != nil {
		t.Fatal(w.Error())
	}
}

const claims = `---
license: mit
language: zh
pipeline_tag: text-classification
model-index:
- name: x
  results:
  - dataset: {name: elsewhere}
    metrics:
    - {type: accuracy, value: CLAIM}
---
# A model
`

// trained makes a model in a folder, whose card claims an accuracy.
func trained(t *testing.T, rows []verify.Row, claim string) (dir string) {
	t.Helper()
	work := t.TempDir()
	c, err := xiaoyu.Preset("ngram")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(work, "model")
	c.Data.Path, c.Data.Columns.Text, c.Data.Columns.Label, c.Out, c.Runs = filepath.Join(work, "train.csv"), "text", "label", dir, filepath.Join(work, "runs")
	write(t, c.Data.Path, rows)
	if _, err := xiaoyu.Train(t.Context(), c, xiaoyu.TrainOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(strings.Replace(claims, "CLAIM", claim, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func push(t *testing.T, m *markettest.Market, dir, to string) *pack.Packed {
	t.Helper()
	c, err := client.New(client.Options{Market: m.URL, Token: m.Token(t, "ada", catalogue.Write), Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := client.ParseReference(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(t.Context(), p, ref, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	return p
}

// measured runs a worker until a package has nothing wanted, and returns what was found.
func measured(t *testing.T, m *markettest.Market, o verify.Options, full string) []catalogue.Verification {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- verify.NewWorker(m.Depot, verify.WorkerOptions{Options: o}).Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		list := found(t, m, full)
		wanted := false
		for _, v := range list {
			wanted = wanted || v.Wanted
		}
		if !wanted {
			return list
		}
		if time.Now().After(deadline) {
			t.Fatal("it is not measured")
		}
	}
}

func found(t *testing.T, m *markettest.Market, full string) []catalogue.Verification {
	t.Helper()
	r, err := m.Depot.Catalogue.Repository(t.Context(), catalogue.Caller{}, full)
	if err != nil {
		t.Fatal(err)
	}
	target, err := m.Depot.Catalogue.Resolve(t.Context(), r, "")
	if err != nil {
		t.Fatal(err)
	}
	list, err := m.Depot.Catalogue.Verifications(t.Context(), &target.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func add(t *testing.T, m *markettest.Market, name string, rows []verify.Row) {
	t.Helper()
	if err := verify.Add(t.Context(), m.Depot.Catalogue, "", &catalogue.Benchmark{Name: name, Title: name, Task: "text-classification", Language: "zh", Metric: catalogue.Accuracy}, rows); err != nil {
		t.Fatal(err)
	}
}

// TestAModelIsMeasuredAndTheRecordSigned follows one from its publication to what anybody can check.
func TestAModelIsMeasuredAndTheRecordSigned(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	train, held := reviews(t)
	add(t, m, "reviews", held)
	add(t, m, "others", relabelled(held))
	p := push(t, m, trained(t, train, "99.9"), "ada/model:1.0.0")
	list := measured(t, m, options("good"), "ada/model")
	if len(list) != 2 || list[0].State != catalogue.Unfit || list[1].State != catalogue.Measured {
		t.Fatalf("found %+v", list)
	}
	var r verify.Record
	if err := json.Unmarshal(list[1].Record, &r); err != nil {
		t.Fatal(err)
	}
	accuracy, _ := r.Figure(catalogue.Accuracy)
	if accuracy.Value < .5 || accuracy.Low >= accuracy.Value || accuracy.High <= accuracy.Value || r.Examples != len(held) || r.Latency <= 0 || r.Batch <= 0 || r.Memory < 1<<20 || r.Size != list[1].Size || r.Machine.Cores == 0 {
		t.Errorf("the record %+v", r)
	}
	if len(r.Robust) < 3 {
		t.Errorf("robustness: %+v", r.Robust)
	}
	if lines := r.Compare([]pack.Figure{{Name: "accuracy", Value: 99.9}}); !lines[0].Missed || math.Abs(lines[0].Claimed-.999) > 1e-9 {
		t.Errorf("beside the claim: %+v", lines)
	}

	// Whoever has the package finds the record beside it, and the market's key says that it is the market's.
	c, err := client.New(client.Options{Market: m.URL, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := client.ParseReference("ada/model")
	if err != nil {
		t.Fatal(err)
	}
	bundles, err := c.Statements(t.Context(), ref, p.Digest, verify.ArtifactType)
	if err != nil || len(bundles) != 1 {
		t.Fatalf("%d statements, %v", len(bundles), err)
	}
	key, err := m.Depot.Catalogue.Signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trust := sign.Trust{Keys: []sign.PublicKey{key.Public()}}
	signed, err := verify.ReadStatement(bundles[0], trust, p.Digest)
	if err != nil || !reflect.DeepEqual(*signed, r) {
		t.Errorf("signed: %+v, %v; kept: %+v", signed, err, r)
	}
	if _, err := verify.ReadStatement(bundles[0], trust, digest.FromString("another")); err == nil {
		t.Error("it is taken for one about another package")
	}
	bundles[0].Envelope.Payload = []byte(strings.Replace(string(bundles[0].Envelope.Payload), "PASSED", "FAILED", 1))
	if _, err := verify.ReadStatement(bundles[0], trust, p.Digest); err == nil {
		t.Error("a changed one is taken")
	}
	if pulled, err := c.Pull(t.Context(), ref, filepath.Join(t.TempDir(), "out"), false, client.Watch{}); err != nil || pulled.SignedBy != "" {
		t.Errorf("a pull takes the record for a signature of the publisher: %+v, %v", pulled, err)
	}
}

// relabelled has labels that no model knows.
func relabelled(rows []verify.Row) (out []verify.Row) {
	for _, r := range rows {
		out = append(out, verify.Row{Text: r.Text, Label: "x" + r.Label})
	}
	return out
}

// TestMeasuringAgainGivesTheSameFigures also sees that the model's own evaluation says the same of the rows.
func TestMeasuringAgainGivesTheSameFigures(t *testing.T) {
	train, held := reviews(t)
	dir := trained(t, train, "0.5")
	model, err := verify.FolderModel(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &catalogue.Benchmark{Name: "held", Metric: catalogue.MacroF1, Labels: verify.Kinds[0].Labels(held), Digest: verify.Digest(held)}
	var records []*verify.Record
	for range 2 {
		r, err := verify.Measure(t.Context(), options("good"), model, b, held)
		if err != nil || r.State != catalogue.Measured {
			t.Fatalf("%+v, %v", r, err)
		}
		records = append(records, r)
	}
	if !reflect.DeepEqual(records[0].Figures, records[1].Figures) || !reflect.DeepEqual(records[0].Robust, records[1].Robust) || records[0].Figures[0].Key != catalogue.MacroF1 {
		t.Errorf("%+v\n%+v", records[0], records[1])
	}
	opened, err := xiaoyu.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	c, err := xiaoyu.Preset("ngram")
	if err != nil {
		t.Fatal(err)
	}
	c.Data.Path, c.Data.Columns.Text, c.Data.Columns.Label = filepath.Join(t.TempDir(), "held.csv"), "text", "label"
	write(t, c.Data.Path, held)
	report, err := xiaoyu.Evaluate(t.Context(), opened, c, nil)
	if err != nil {
		t.Fatal(err)
	}
	if accuracy, _ := records[0].Figure(catalogue.Accuracy); accuracy.Value != report.Accuracy || records[0].Figures[0].Value != report.MacroF1 {
		t.Errorf("measured %+v, evaluated %v and %v", records[0].Figures, report.Accuracy, report.MacroF1)
	}
}

func TestBenchmarksThatCannotBe(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	_, held := reviews(t)
	for _, c := range []struct {
		why  string
		b    catalogue.Benchmark
		rows []verify.Row
	}{
		{"no rows", catalogue.Benchmark{}, nil},
		{"few rows", catalogue.Benchmark{}, held[:10]},
		{"one label", catalogue.Benchmark{}, []verify.Row{{Text: "a", Label: "b"}}},
		{"another metric", catalogue.Benchmark{Metric: "speed"}, held},
		{"another task", catalogue.Benchmark{Task: "translation"}, held},
		{"no name", catalogue.Benchmark{Name: "../x"}, held},
	} {
		b := catalogue.Benchmark{Name: "x", Task: "text-classification", Metric: catalogue.Accuracy}
		for _, f := range []struct{ from, to *string }{{&c.b.Name, &b.Name}, {&c.b.Task, &b.Task}, {&c.b.Metric, &b.Metric}} {
			if *f.from != "" {
				*f.to = *f.from
			}
		}
		if err := verify.Add(t.Context(), m.Depot.Catalogue, "", &b, c.rows); err == nil {
			t.Errorf("%s: it was added", c.why)
		}
	}
	file := filepath.Join(t.TempDir(), "long.csv")
	write(t, file, []verify.Row{{Text: strings.Repeat("好", try.MaxText+1), Label: "a"}})
	if _, err := verify.Kinds[0].ReadRows(t.Context(), file, data.Columns{Text: "text", Label: "label"}); err == nil || errors.Is(err, os.ErrNotExist) {
		t.Errorf("a text that is too long: %v", err)
	}
}

func fetch(t *testing.T, address string) (status int, body string) {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// TestSealedRowsAreGivenOutByNothing asks every protocol for the texts and the digest of a benchmark.
func TestSealedRowsAreGivenOutByNothing(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	_, held := reviews(t)
	add(t, m, "reviews", held)
	of := verify.Digest(held).String()
	for _, path := range []string{"/benchmarks", "/benchmarks/reviews", "/benchmarks/reviews/rows", "/api/v1/benchmarks", "/api/v1/benchmarks/reviews", "/api/v1/benchmarks/reviews/rows", "/v2/ada/model/blobs/" + of,
		"/v2/benchmarks/reviews/blobs/" + of, "/benchmarks/reviews/resolve/main/rows.jsonl", "/datasets/benchmarks/reviews/resolve/main/rows.jsonl", "/api/datasets/benchmarks/reviews", "/search?q=" + held[0].Text} {
		_, body := fetch(t, m.URL+path)
		for _, r := range held[:20] {
			if strings.Contains(body, r.Text) && !strings.HasPrefix(path, "/search") {
				t.Fatalf("%s tells %q", path, r.Text)
			}
		}
	}
	if status, _ := fetch(t, m.URL+"/v2/ada/model/blobs/"+of); status != http.StatusNotFound && status != http.StatusUnauthorized {
		t.Errorf("the rows as a blob: %d", status)
	}
}
