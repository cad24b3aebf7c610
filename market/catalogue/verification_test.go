package catalogue

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
)

func benchmark(name, task, language string) *Benchmark {
	return &Benchmark{Name: name, Title: "Of " + name, Task: task, Language: language, Metric: Accuracy, Labels: []string{"bad", "good"}, Examples: 2, Digest: digest.FromString(name)}
}

// model publishes one of a task.
func model(t *testing.T, c *Catalogue, who Caller, r *Repository, ref, content, task string) {
	t.Helper()
	p := publication(t, c, r, ref, content)
	p.Package.Task = task
	if _, err := c.Publish(t.Context(), who, r, p); err != nil {
		t.Fatal(err)
	}
}

var quietly = slog.New(slog.DiscardHandler)

// working works on jobs until all that is wanted is done.
func working(t *testing.T, c *Catalogue, o WorkOptions, do func(context.Context, *Task) (*Outcome, error)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	o.Log = quietly
	if o.Limit == 0 {
		o.Limit = time.Minute
	}
	go func() { ended <- c.Work(ctx, o, do) }()
	for deadline := time.Now().Add(90 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var left int
		if err := c.reading(t.Context()).row("SELECT COUNT(*) FROM verifications WHERE wanted", nil, &left); err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("%d verifications are still wanted", left)
			break
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func verifications(t *testing.T, c *Catalogue, who Caller, full, ref string) []Verification {
	t.Helper()
	r, err := c.Repository(t.Context(), who, full)
	if err != nil {
		t.Fatal(err)
	}
	target, err := c.Resolve(t.Context(), r, ref)
	if err != nil {
		t.Fatal(err)
	}
	list, err := c.Verifications(t.Context(), &target.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestModelsAreVerifiedByTheBenchmarksOfTheirTask(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		early := repository(t, c, ada, "ada/early", false)
		model(t, c, ada, early, "1.0.0", "early", "text-classification")
		for _, b := range []*Benchmark{benchmark("zh-reviews", "text-classification", "zh"), benchmark("any", "text-classification", ""), benchmark("en", "text-classification", "en"), benchmark("tags", "token-classification", "zh")} {
			if err := c.AddBenchmark(t.Context(), "", b, []byte("rows of "+b.Name)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.AddBenchmark(t.Context(), "", benchmark("Any", "text-classification", ""), nil); !errors.Is(err, ErrExists) {
			t.Errorf("a second one of a name: %v", err)
		}
		late := repository(t, c, ada, "ada/late", false)
		model(t, c, ada, late, "1.0.0", "late", "text-classification")
		model(t, c, ada, repository(t, c, ada, "ada/other", false), "1.0.0", "other", "fill-mask")
		hidden := repository(t, c, ada, "ada/hidden", true)
		model(t, c, ada, hidden, "1.0.0", "hidden", "text-classification")
		if list := verifications(t, c, ada, "ada/late", "1.0.0"); len(list) != 2 || !list[0].Wanted || list[0].State != "" {
			t.Errorf("wanted at once: %+v", list)
		}
		score := map[string]float64{"ada/early": .8, "ada/late": .9, "ada/hidden": 1}
		var done atomic.Int32
		working(t, c, WorkOptions{Name: "one", Parallel: 2}, func(ctx context.Context, task *Task) (*Outcome, error) {
			name := task.Repository.FullName()
			if done.Add(1); string(task.Sealed) != "rows of "+task.Benchmark.Name || task.Version != "1.0.0" || len(task.Facts.Labels[Language]) != 1 {
				t.Errorf("the task %+v", task)
			}
			record := []byte("statement of " + name + task.Benchmark.Name)
			return &Outcome{Verification: Verification{State: Measured, Score: score[name], Low: .7, High: .95, Latency: 2, Size: 7, Record: []byte(`{"a":1}`)},
				Signed: &Publication{Digest: digest.FromBytes(record), MediaType: "m", ArtifactType: "test", Subject: task.Manifest.Digest, Content: record, Blobs: []digest.Digest{store(t, c, task.Repository, string(record))}}}, nil
		})
		if n := done.Load(); n != 6 {
			t.Errorf("%d jobs were done, want 6", n)
		}
		list := verifications(t, c, ada, "ada/late", "1.0.0")
		if len(list) != 2 || list[1].Benchmark.Name != "zh-reviews" || list[1].Score != .9 || list[1].Wanted || list[1].State != Measured || string(list[1].Record) != `{"a":1}` || list[1].At.IsZero() {
			t.Errorf("found: %+v", list)
		}
		target, err := c.Resolve(t.Context(), late, "1.0.0")
		if err != nil {
			t.Fatal(err)
		}
		if referrers, _, err := c.Referrers(t.Context(), late, target.Manifest.Digest, "test"); err != nil || len(referrers) != 2 || referrers[0].Digest != list[0].Statement && referrers[0].Digest != list[1].Statement {
			t.Errorf("statements: %+v, %v", referrers, err)
		}
		b, err := c.Benchmark(t.Context(), "ANY")
		if err != nil {
			t.Fatal(err)
		}
		if board, err := c.Leaderboard(t.Context(), b); err != nil || len(board) != 2 || board[0].FullName() != "ada/late" || board[1].Score != .8 {
			t.Errorf("the leaderboard: %+v, %v", board, err)
		}
		for query, want := range map[string]int{"verified": 2, "latency": 2} {
			found, err := c.Search(t.Context(), Caller{}, Query{Facets: map[string]string{query: map[string]string{"verified": "yes", "latency": Under10ms}[query]}})
			if err != nil || found.Total != want {
				t.Errorf("by %s: %d packages, %v; want %d", query, found.Total, err, want)
			}
		}
		if err := c.RemoveBenchmark(t.Context(), "", "any"); err != nil {
			t.Fatal(err)
		}
		if err := c.RemoveBenchmark(t.Context(), "", "zh-reviews"); err != nil {
			t.Fatal(err)
		}
		if found, err := c.Search(t.Context(), Caller{}, Query{Facets: map[string]string{"verified": "yes"}}); err != nil || found.Total != 0 {
			t.Errorf("without benchmarks %d packages are verified, %v", found.Total, err)
		}
		if err := c.RemoveBenchmark(t.Context(), "", "any"); !errors.Is(err, ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
	})
}

func TestVerificationsAreMadeAnewWhenTheirOwnerAsks(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada, bob := person(t, c, "ada"), person(t, c, "bob")
		if err := c.AddBenchmark(t.Context(), "", benchmark("any", "text-classification", ""), []byte("rows")); err != nil {
			t.Fatal(err)
		}
		r := repository(t, c, ada, "ada/model", false)
		model(t, c, ada, r, "1.0.0", "one", "text-classification")
		target, err := c.Resolve(t.Context(), r, "1.0.0")
		if err != nil {
			t.Fatal(err)
		}
		var tries atomic.Int32
		do := func(context.Context, *Task) (*Outcome, error) {
			if tries.Add(1)%2 == 1 {
				return nil, errors.New("the store is away")
			}
			return &Outcome{Verification: Verification{State: Failed, Score: float64(tries.Load())}}, nil
		}
		working(t, c, WorkOptions{Name: "a"}, do)
		seen, err := c.Repository(t.Context(), bob, "ada/model")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Verify(t.Context(), bob, seen, &target.Manifest); !errors.Is(err, ErrForbidden) {
			t.Errorf("a stranger asks: %v", err)
		}
		for range 2 {
			if n, err := c.Verify(t.Context(), ada, r, &target.Manifest); n != 1 || err != nil {
				t.Fatal(n, err)
			}
		}
		if list := verifications(t, c, ada, "ada/model", ""); !list[0].Wanted || list[0].State != Failed || list[0].Score != 2 {
			t.Errorf("while it is made anew: %+v", list)
		}
		working(t, c, WorkOptions{Name: "b"}, do)
		if list := verifications(t, c, ada, "ada/model", ""); list[0].Wanted || list[0].Score != 4 || tries.Load() != 4 {
			t.Errorf("made anew: %+v", list)
		}
	})
}

// TestAJobWhoseWorkerHasGoneIsDoneAgainWithOneOutcome finds the database as a worker leaves it that was killed; and that
// worker comes back when another one has done the job.
func TestAJobWhoseWorkerHasGoneIsDoneAgainWithOneOutcome(t *testing.T) {
	t.Parallel() // it waits
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		if err := c.AddBenchmark(t.Context(), "", benchmark("any", "text-classification", ""), []byte("rows")); err != nil {
			t.Fatal(err)
		}
		model(t, c, ada, repository(t, c, ada, "ada/model", false), "1.0.0", "one", "text-classification")
		earlier := "strftime('%Y-%m-%d %H:%M:%f', 'now', '-1 hour')"
		if c.postgres {
			earlier = "now() - interval '1 hour'"
		}
		if err := c.update(t.Context(), func(q queries) error {
			n, err := q.exec("UPDATE river_job SET state = 'running', attempt = 1, attempted_at = " + earlier)
			if n != 1 {
				t.Errorf("%d jobs", n)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		var taken *Task
		tries := 0
		working(t, c, WorkOptions{Name: "b"}, func(_ context.Context, task *Task) (*Outcome, error) {
			tries++
			taken = task
			return &Outcome{Verification: Verification{State: Measured, Score: .5}}, nil
		})
		if err := c.update(t.Context(), func(q queries) error {
			done, err := c.settle(q, taken, &Outcome{Verification: Verification{State: Failed}})
			if done {
				t.Error("a second outcome is taken")
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if list := verifications(t, c, ada, "ada/model", ""); len(list) != 1 || list[0].State != Measured || tries != 1 {
			t.Errorf("after %d tries: %+v", tries, list)
		}
	})
}

func TestJobsSurviveABackup(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		if err := c.AddBenchmark(t.Context(), "", benchmark("any", "text-classification", ""), []byte("rows")); err != nil {
			t.Fatal(err)
		}
		model(t, c, ada, repository(t, c, ada, "ada/model", false), "1.0.0", "one", "text-classification")
		key, err := c.Signer(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		file := t.TempDir() + "/copy.db"
		if err := c.Snapshot(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		to := open(t, strings.TrimSuffix(file, "copy.db")+"new.db")
		if err := to.Load(t.Context(), file); err != nil {
			t.Fatal(err)
		}
		working(t, to, WorkOptions{Name: "a"}, func(_ context.Context, task *Task) (*Outcome, error) {
			if string(task.Sealed) != "rows" {
				t.Errorf("the rows are %q", task.Sealed)
			}
			return &Outcome{Verification: Verification{State: Measured}}, nil
		})
		if again, err := to.Signer(t.Context()); err != nil || again.Public().Fingerprint() != key.Public().Fingerprint() {
			t.Errorf("the key of the copy: %v", err)
		}
	})
}

// TestABenchmarkIsForModelsOfSeveralTasks has models of each, and of another, published before and after it is added.
func TestABenchmarkIsForModelsOfSeveralTasks(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ada := person(t, c, "ada")
		publish := func(task, when string) {
			full := "ada/" + when + "-" + task
			r := repository(t, c, ada, full, false)
			model(t, c, ada, r, "1.0.0", full, task)
		}
		tasks := []string{"similarity", "embedding", "scoring", "tagging"}
		for _, task := range tasks {
			publish(task, "early")
		}
		b := benchmark("alike", "similarity", "")
		b.Kind, b.Also = "similarity", []string{"embedding", "scoring"}
		if err := c.AddBenchmark(t.Context(), "", b, []byte("rows")); err != nil {
			t.Fatal(err)
		}
		for _, task := range tasks {
			publish(task, "late")
		}
		for _, when := range []string{"early", "late"} {
			for _, task := range tasks {
				if list := verifications(t, c, ada, "ada/"+when+"-"+task, ""); (len(list) == 1 && list[0].Wanted) != (task != "tagging") {
					t.Errorf("%s, published %s: %+v", task, when, list)
				}
			}
		}
		kept, err := c.Benchmark(t.Context(), "alike")
		if err != nil || kept.Kind != "similarity" || !slices.Equal(kept.Also, b.Also) {
			t.Errorf("%+v, %v", kept, err)
		}
	})
}
