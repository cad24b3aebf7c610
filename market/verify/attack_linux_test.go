package verify_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
	"github.com/xiaoyu-slm/xiaoyu/market/try/worker"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// taken is a model's process that somebody has got hold of: it is shut in like any, opens well, and does f when it is
// given texts.
func taken(f func(texts []string) [][]float32) func(int64) error {
	return takenAs(&try.About{Labels: []string{"negative", "neutral", "positive"}}, func(texts []string) any { return try.Answer{Batch: f(texts)} })
}

// takenAs is taken for a model that says that it is another one, and answers with any JSON.
func takenAs(about *try.About, f func(texts []string) any) func(int64) error {
	return func(memory int64) error {
		lacks := append(worker.Confine(memory), worker.Seal()...)
		out := json.NewEncoder(os.Stdout)
		if err := out.Encode(try.Reply{Lacks: lacks, About: about}); err != nil {
			return err
		}
		lines := bufio.NewScanner(os.Stdin)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var q try.Question
			if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
				return err
			}
			if err := out.Encode(map[string]any{"answer": f(q.Batch)}); err != nil {
				return err
			}
		}
		return nil
	}
}

func init() {
	behaviours["hangs"] = taken(func([]string) [][]float32 {
		for os.Getpid() > 0 {
		}
		return nil
	})
	behaviours["eats"] = taken(func([]string) [][]float32 {
		var all [][]byte
		for len(all) < 64 {
			b := make([]byte, 64<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
		}
		return nil
	})
	behaviours["forks"] = taken(func([]string) [][]float32 {
		for range 1000 {
			syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0)
		}
		return nil
	})
	behaviours["starts"] = taken(func([]string) [][]float32 { exec.Command("/proc/self/exe").Run(); return nil })
	behaviours["dials"] = taken(func([]string) [][]float32 { net.DialTimeout("tcp", "127.0.0.1:80", time.Second); return nil })
	behaviours["reads"] = taken(func([]string) [][]float32 {
		filepath.WalkDir("/", func(file string, _ os.DirEntry, _ error) error { os.ReadFile(file); return nil })
		return nil
	})
	behaviours["dies"] = taken(func([]string) [][]float32 { panic("a bug") })
	behaviours["lies"] = taken(func(texts []string) [][]float32 { return make([][]float32, len(texts)+1) })
	behaviours["babbles"] = taken(func([]string) [][]float32 {
		for {
			fmt.Print(strings.Repeat("noise", 1000))
		}
	})
}

// TestAModelThatMisbehavesIsStoppedAndItsPackageMarked has the process of a model taken over in all the ways that there
// are to harm a market, or to get at the labels.
func TestAModelThatMisbehavesIsStoppedAndItsPackageMarked(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	train, held := reviews(t)
	add(t, m, "reviews", held)
	push(t, m, trained(t, train, "0.5"), "ada/model:1.0.0")
	ada, err := m.Depot.Catalogue.Authenticate(t.Context(), m.Token(t, "ada", catalogue.Write))
	if err != nil {
		t.Fatal(err)
	}
	r, err := m.Depot.Catalogue.Repository(t.Context(), ada, "ada/model")
	if err != nil {
		t.Fatal(err)
	}
	target, err := m.Depot.Catalogue.Resolve(t.Context(), r, "")
	if err != nil {
		t.Fatal(err)
	}
	for behaviour, want := range map[string]error{"hangs": try.ErrTime, "eats": try.ErrMemory, "forks": try.ErrForbidden, "starts": try.ErrForbidden, "dials": try.ErrForbidden,
		"reads": try.ErrForbidden, "dies": try.ErrCrash, "babbles": try.ErrCrash, "lies": nil} {
		if raceDetector && want == try.ErrMemory {
			want = try.ErrCrash // its allocator ends the process first, and in other words
		}
		o := options(behaviour)
		o.Try.Answer, o.Try.Memory = 20*time.Second, 64<<20
		if want == try.ErrTime {
			o.Try.Answer = time.Second
		}
		list := measured(t, m, o, "ada/model")
		var found verify.Record
		if err := json.Unmarshal(list[0].Record, &found); err != nil {
			t.Fatal(err)
		}
		if list[0].State != catalogue.Failed || len(found.Figures) > 0 || want != nil && !strings.Contains(found.Problem, want.Error()) {
			t.Errorf("%s: %+v", behaviour, found)
		}
		if behaviour == "forks" {
			if _, page := fetch(t, m.URL+"/ada/model?lang=en"); !strings.Contains(page, "This model was stopped, or does not work") {
				t.Errorf("%s: the page does not say so", behaviour)
			}
			if _, page := fetch(t, m.URL+"/benchmarks/reviews"); strings.Contains(page, "ada/model") {
				t.Errorf("%s: it is on the leaderboard", behaviour)
			}
		}
		if _, err := m.Depot.Catalogue.Verify(t.Context(), ada, r, &target.Manifest); err != nil {
			t.Fatal(err)
		}
	}
}

// lies are answers of other kinds that no model gives, and what is said of them.
var lies = map[string]struct {
	kind, want string
	answer     func(texts []string) any
}{
	"many spans": {"tokens", "entities in", func(texts []string) any {
		return try.Answer{Found: each(texts, func(text string) (list []try.Named) {
			for range len(text) + 1 {
				list = append(list, try.Named{Start: 0, End: 1})
			}
			return list
		})}
	}},
	"spans beyond the text": {"tokens", "an entity of type 0 of 2 from byte 0 to", func(texts []string) any {
		return try.Answer{Found: each(texts, func(text string) []try.Named { return []try.Named{{End: len(text) + 1}} })}
	}},
	"spans before the text": {"tokens", "from byte -1", func(texts []string) any {
		return try.Answer{Found: each(texts, func(string) []try.Named { return []try.Named{{Start: -1, End: 1}} })}
	}},
	"empty spans": {"tokens", "from byte 1 to 1", func(texts []string) any {
		return try.Answer{Found: each(texts, func(string) []try.Named { return []try.Named{{Start: 1, End: 1}} })}
	}},
	"spans out of order": {"tokens", "after one from 2", func(texts []string) any {
		return try.Answer{Found: each(texts, func(string) []try.Named { return []try.Named{{Start: 2, End: 3}, {Start: 0, End: 1}} })}
	}},
	"spans of no type": {"tokens", "of type 2 of 2", func(texts []string) any {
		return try.Answer{Found: each(texts, func(string) []try.Named { return []try.Named{{End: 1, Label: 2}} })}
	}},
	"too few texts": {"tokens", "answers to", func(texts []string) any { return try.Answer{Found: make([][]try.Named, len(texts)-1)} }},
	"labels that there are not": {"multilabel", "label 3 of 2", func(texts []string) any {
		return try.Answer{Batch: each(texts, func(string) []float32 { return []float32{0, 1} }), Hold: each(texts, func(string) []int { return []int{3} })}
	}},
	"labels twice": {"multilabel", "label 1 of 2", func(texts []string) any {
		return try.Answer{Batch: each(texts, func(string) []float32 { return []float32{0, 1} }), Hold: each(texts, func(string) []int { return []int{1, 1} })}
	}},
	"labels without probabilities": {"multilabel", "0 answers to", func(texts []string) any { return try.Answer{Hold: make([][]int, len(texts))} }},
	"probabilities below 0": {"multilabel", "makes no sense", func(texts []string) any {
		return try.Answer{Batch: each(texts, func(string) []float32 { return []float32{-1, 1} }), Hold: make([][]int, len(texts))}
	}},
	"numbers that are none": {"regression", "a number that is none", func(texts []string) any { return try.Answer{Numbers: make([]*float64, len(texts))} }},
	"NaN":                   {"regression", try.ErrCrash.Error(), func([]string) any { fmt.Println(`{"answer":{"numbers":[NaN]}}`); return nil }},
	"numbers beyond all":    {"regression", try.ErrCrash.Error(), func([]string) any { return map[string]any{"numbers": []json.Number{"1e999"}} }},
	"no numbers":            {"regression", "0 answers to", func(texts []string) any { return try.Answer{Batch: make([][]float32, len(texts))} }},
}

func each[T any](texts []string, f func(string) T) (list []T) {
	for _, text := range texts {
		list = append(list, f(text))
	}
	return list
}

func init() {
	for why, lie := range lies {
		about := &try.About{Head: lie.kind, Labels: []string{"A", "B"}}
		behaviours["lies: "+why] = takenAs(about, lie.answer)
	}
}

// TestAnswersThatNoModelGivesAreFailures has processes lie in the ways that each kind of benchmark allows.
func TestAnswersThatNoModelGivesAreFailures(t *testing.T) {
	score := func(v float64) *float64 { return &v }
	for why, lie := range lies {
		var rows []verify.Row
		for i := range 40 {
			row := verify.Row{Text: fmt.Sprintf("text %d", i)}
			switch lie.kind {
			case "tokens":
				row.Entities = []data.Entity{{Start: 0, End: 4, Label: []string{"A", "B"}[i%2]}}
			case "multilabel":
				row.Labels = []string{"A", "B"}[i%2:]
			default:
				row.Score = score(float64(i))
			}
			rows = append(rows, row)
		}
		k, err := verify.KindOf(lie.kind)
		if err != nil {
			t.Fatal(err)
		}
		b := &catalogue.Benchmark{Name: "x", Kind: lie.kind, Metric: k.Metrics[0], Labels: k.Labels(rows), Digest: verify.Digest(rows)}
		r, err := verify.Measure(t.Context(), options("lies: "+why), try.Model{Key: why}, b, rows)
		if err != nil || r.State != catalogue.Failed || len(r.Figures) > 0 || !strings.Contains(r.Problem, lie.want) {
			t.Errorf("%s: %+v, %v", why, r, err)
		}
	}
}
