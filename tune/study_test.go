package tune

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func plan(t *testing.T) Plan {
	return Plan{Name: "test", Space: valleySpace(t), Objectives: []Objective{{Name: "loss"}}, Sampler: "tpe", Pruner: "none", Seed: 1}
}

func create(t *testing.T, p Plan) *Study {
	t.Helper()
	s, err := Create(filepath.Join(t.TempDir(), "study"), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func measure(_ context.Context, a *Attempt) (Outcome, error) {
	return Outcome{Values: []float64{valley(a.Params)}}, nil
}

// shape is what two runs of the same search have in common.
func shape(trials []Trial) []string {
	var out []string
	for _, t := range trials {
		out = append(out, fmt.Sprint(t.Number, t.State, t.Params, t.Values, t.Steps, t.Note))
	}
	return out
}

func TestAStudyGoesOnAfterAnInterruptionToTheSameTrials(t *testing.T) {
	whole := create(t, plan(t))
	if err := whole.Run(t.Context(), RunOptions{Trials: 25}, measure); err != nil {
		t.Fatal(err)
	}
	broken := create(t, plan(t))
	ctx, stop := context.WithCancel(t.Context())
	err := broken.Run(ctx, RunOptions{Trials: 25}, func(ctx context.Context, a *Attempt) (Outcome, error) {
		if a.Number == 14 {
			stop()
			return Outcome{}, ctx.Err()
		}
		return measure(ctx, a)
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("interrupted: %v", err)
	}
	if err := broken.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Resume(broken.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if n := len(again.Trials()); n != 14 || again.Trials()[13].State != Waiting {
		t.Fatalf("%d trials, the last is %s", n, again.Trials()[n-1].State)
	}
	if err := again.Run(t.Context(), RunOptions{Trials: 25}, measure); err != nil {
		t.Fatal(err)
	}
	if got, want := shape(again.Trials()), shape(whole.Trials()); !reflect.DeepEqual(got, want) {
		t.Errorf("got %s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	read, err := Open(again.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := shape(read.Trials()); !reflect.DeepEqual(got, shape(again.Trials())) {
		t.Errorf("the log tells of %s", strings.Join(got, "\n"))
	}
	if best := read.Best(); best == nil || best.Values[0] != Ranked(read.Trials(), read.Objectives)[0].Values[0] {
		t.Errorf("the best is %+v", best)
	}
}

func TestATornLogLosesItsLastLineAlone(t *testing.T) {
	s := create(t, plan(t))
	if err := s.Run(t.Context(), RunOptions{Trials: 3}, measure); err != nil {
		t.Fatal(err)
	}
	s.Close()
	log := filepath.Join(s.Dir, logFile)
	content, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	content = append([]byte("no event\n{\"trial\":-1}\n{\"trial\":99999999999}\n\n"), content[:len(content)-7]...)
	if err := os.WriteFile(log, content, 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := Resume(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	trials := again.Trials()
	if len(trials) != 3 || trials[1].State != Complete || trials[2].State != Waiting {
		t.Fatalf("%s", shape(trials))
	}
	if err := again.Run(t.Context(), RunOptions{Trials: 4}, measure); err != nil {
		t.Fatal(err)
	}
	read, err := Open(s.Dir)
	if err != nil || len(read.Trials()) != 4 || read.Trials()[3].State != Complete || read.Trials()[2].State != Complete {
		t.Errorf("%v, %v", shape(read.Trials()), err)
	}
}

func TestTrialsRunSideBySide(t *testing.T) {
	s := create(t, plan(t))
	const parallel = 4
	var mu sync.Mutex
	running, most, told := 0, 0, 0
	together := make(chan struct{}) // closed when so many run at once
	err := s.Run(t.Context(), RunOptions{Trials: 20, Parallel: parallel, Each: func(Trial) { told++ }}, func(ctx context.Context, a *Attempt) (Outcome, error) {
		mu.Lock()
		if running++; running == parallel && most < parallel {
			close(together)
		}
		most = max(most, running)
		mu.Unlock()
		select {
		case <-together:
		case <-time.After(time.Minute):
		}
		mu.Lock()
		running--
		mu.Unlock()
		return measure(ctx, a)
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Trials()); n != 20 || told != 20 {
		t.Errorf("%d trials, told of %d", n, told)
	}
	if most != parallel {
		t.Errorf("%d trials ran at once, not %d", most, parallel)
	}
}

func TestPruningEndsTrials(t *testing.T) {
	p := plan(t)
	p.Pruner = "asha"
	s := create(t, p)
	err := s.Run(t.Context(), RunOptions{Trials: 30}, func(_ context.Context, a *Attempt) (Outcome, error) {
		for epoch := 1; epoch <= 6; epoch++ {
			prune, err := a.Report(epoch, valley(a.Params)+1/float64(epoch))
			if err != nil {
				return Outcome{}, err
			}
			if prune {
				return Outcome{}, fmt.Errorf("epoch %d: %w", epoch, ErrPruned)
			}
		}
		return Outcome{Values: []float64{valley(a.Params)}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	count := map[State]int{}
	for _, trial := range s.Trials() {
		count[trial.State]++
	}
	if count[Pruned] < 5 || count[Complete] < 3 || count[Pruned]+count[Complete] != 30 {
		t.Errorf("%v", count)
	}
}

func TestASearchEndsWhenTheSpaceDoes(t *testing.T) {
	p := plan(t)
	p.Space, _ = ParseSpace(map[string]string{"a": "x,y", "b": "1..30 if a=x"})
	s := create(t, p)
	err := s.Run(t.Context(), RunOptions{Trials: 100, Parallel: 3}, func(ctx context.Context, a *Attempt) (Outcome, error) {
		time.Sleep(time.Duration(a.Number%3) * time.Millisecond) // some are under way when others find nothing to do
		return Outcome{Values: []float64{1}}, ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Trials()); n != 31 {
		t.Errorf("%d trials of a space with 31 settings", n)
	}
	for _, trial := range s.Trials() {
		if trial.State != Complete {
			t.Errorf("trial %d is %s", trial.Number, trial.State)
		}
	}
}

func TestASearchEndsWhenNothingWorks(t *testing.T) {
	s := create(t, plan(t))
	err := s.Run(t.Context(), RunOptions{Trials: 100}, func(context.Context, *Attempt) (Outcome, error) {
		return Outcome{}, hint.Errorf("the way out", "broken")
	})
	if err == nil || !strings.Contains(err.Error(), "the first 5 trials failed") || hint.Way(err) != "the way out" || len(s.Trials()) != 5 {
		t.Errorf("%v after %d trials", err, len(s.Trials()))
	}
	// One failure among others is only that trial's.
	s = create(t, plan(t))
	err = s.Run(t.Context(), RunOptions{Trials: 12}, func(ctx context.Context, a *Attempt) (Outcome, error) {
		if a.Number%2 == 0 {
			return Outcome{}, errors.New("broken")
		}
		return measure(ctx, a)
	})
	if err != nil || len(s.Trials()) != 12 || s.Trials()[1].Note != "broken" {
		t.Errorf("%v after %d trials", err, len(s.Trials()))
	}
}

func TestWaitingTrialsComeFirstAndCanBeRepeated(t *testing.T) {
	s := create(t, plan(t))
	chosen := map[string]string{"rate": "0.01", "kind": "b", "deep": "0.7"}
	if err := s.Enqueue(chosen, "by hand"); err != nil {
		t.Fatal(err)
	}
	if err := s.Run(t.Context(), RunOptions{Trials: 2}, measure); err != nil {
		t.Fatal(err)
	}
	first := s.Trials()[0]
	if !reflect.DeepEqual(first.Params, chosen) || first.Note != "by hand" || first.Values[0] != 0 {
		t.Errorf("%+v", first)
	}
	if err := s.Repeat(1); err != nil {
		t.Fatal(err)
	}
	if err := s.Repeat(7); err == nil {
		t.Error("there is no trial 7")
	}
	s.Close()
	again, err := Resume(s.Dir)
	if err != nil || again.Trials()[0].State != Waiting {
		t.Fatalf("%v, %v", shape(again.Trials()), err)
	}
	defer again.Close()
	if err := again.Run(t.Context(), RunOptions{Trials: 2}, measure); err != nil || again.Trials()[0].State != Complete {
		t.Errorf("%v, %v", shape(again.Trials()), err)
	}
}

func TestAStudyBelongsToOneProcess(t *testing.T) {
	s := create(t, plan(t))
	if _, err := Resume(s.Dir); err == nil || !strings.Contains(err.Error(), "searched by process") {
		t.Errorf("a second opening: %v", err)
	}
	if err := Delete(s.Dir); err == nil {
		t.Error("a study that is searched was deleted")
	}
	if _, err := Create(s.Dir, plan(t)); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("created twice: %v", err)
	}
	s.Close()
	// The lock of a process that is gone is void.
	if err := os.WriteFile(filepath.Join(s.Dir, lockFile), []byte(strconv.Itoa(1<<30)), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := Resume(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	if err := Delete(s.Dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after deletion: %v", err)
	}
}

func TestDamagedStudiesAreRefused(t *testing.T) {
	for _, content := range []string{"", "{", "[]", "{}", `{"space":[{"name":"a","kind":"choice"}],"objectives":[{"name":"x"}]}`,
		`{"space":[{"name":"a","kind":"float","low":1,"high":0}],"objectives":[{"name":"x"}]}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, planFile), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || hint.Way(err) == "" {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestThePageOfAStudyEscapesAndShowsAll(t *testing.T) {
	p := plan(t)
	p.Name = "<script>"
	p.Objectives = []Objective{{Name: "accuracy", Maximise: true}, {Name: "size"}}
	trials := run(TPE{}, p.Space, p.Objectives, 1, 20, func(params map[string]string) []float64 {
		return []float64{-valley(params), 1e6 * value(params, "rate")}
	})
	trials[3].State, trials[3].Values, trials[3].Note = Failed, nil, "<b>broken</b>"
	trials[4].State, trials[4].Values, trials[4].Steps = Pruned, nil, []Step{{2, 0.1}}
	var b bytes.Buffer
	if err := Page(&b, p, trials); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"&lt;script&gt;", "&lt;b&gt;broken", "Pareto", "帕累托", "18 complete, 1 given up early, 1 failed", "What mattered", "平行坐标"} {
		if !strings.Contains(page, want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(page, "<script>") || strings.Contains(page, "http://") && !strings.Contains(page, "www.w3.org") {
		t.Error("the page has scripts or links")
	}
	if n := strings.Count(page, "<svg"); n != 5 {
		t.Errorf("%d figures", n)
	}
	for _, trials := range [][]Trial{nil, trials[3:5]} {
		if err := Page(&b, p, trials); err != nil {
			t.Error(err)
		}
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add([]byte(`{"trial":1,"state":"running","params":{"a":"1"}}` + "\n" + `{"trial":1,"step":1,"value":0.5}` + "\n" + `{"trial":1,"state":"complete","values":[1]}` + "\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), logFile)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		trials, keep, err := readLog(path)
		if err != nil || keep > int64(len(content)) {
			t.Errorf("%d of %d bytes, %v", keep, len(content), err)
		}
		if !slices.IsSortedFunc(trials, func(a, b Trial) int { return a.Number - b.Number }) {
			t.Error("the trials are not in order")
		}
	})
}
