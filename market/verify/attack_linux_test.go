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
	return func(memory int64) error {
		lacks := append(worker.Confine(memory), worker.Seal()...)
		out := json.NewEncoder(os.Stdout)
		if err := out.Encode(try.Reply{Lacks: lacks, About: &try.About{Labels: []string{"negative", "neutral", "positive"}}}); err != nil {
			return err
		}
		lines := bufio.NewScanner(os.Stdin)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var q try.Question
			if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
				return err
			}
			if err := out.Encode(try.Reply{Answer: &try.Answer{Batch: f(q.Batch)}}); err != nil {
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
