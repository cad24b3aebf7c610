package worker_test

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
	"github.com/xiaoyu-slm/xiaoyu/market/try/worker"
)

// sealed is a process that is shut in as one with an open model is, and does f when it is asked.
func sealed(f func()) func(int64) error {
	return asked(func(string) string {
		if lacks := worker.Seal(); len(lacks) > 0 {
			return lacks[0]
		}
		f()
		return "nothing has ended it"
	})
}

func init() {
	behaviours["dial"] = sealed(func() { net.Dial("tcp", "127.0.0.1:1") })
	behaviours["listen"] = sealed(func() { net.Listen("tcp", "127.0.0.1:0") })
	behaviours["read"] = sealed(func() { os.ReadFile("config.json") })
	behaviours["start"] = sealed(func() { exec.Command("/bin/true").Run() })
	behaviours["fork"] = sealed(func() { syscall.RawSyscall6(syscall.SYS_CLONE, uintptr(syscall.SIGCHLD), 0, 0, 0, 0, 0) })
}

func TestAnOpenModelIsStoppedAtTheFirstForbiddenCall(t *testing.T) {
	for _, behaviour := range []string{"dial", "listen", "read", "start", "fork"} {
		a, err := pool(t, behaviour, try.Options{}).Ask(t.Context(), packed("x", map[string]string{"config.json": "{}"}), try.Question{Text: "a"})
		if !errors.Is(err, try.ErrForbidden) {
			t.Errorf("%s: %+v, %v", behaviour, a, err)
		}
	}
}

// TestASessionReadsManyTexts also sees that a sealed model can do all that it should.
func TestASessionReadsManyTexts(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "model")
	m := exporttest.Model(t, "cnn", "", nil)
	if _, err := m.Save(dir, nil); err != nil {
		t.Fatal(err)
	}
	s, err := try.Open(t.Context(), try.Options{Command: []string{os.Args[0], "good"}}, folder(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.About.Head != m.Config.Head || len(s.About.Labels) != len(m.Labels) {
		t.Errorf("the model is said to be %+v", s.About)
	}
	texts := []string{"the room was clean", "never again", "房间很干净"}
	a, err := s.Ask(t.Context(), try.Question{Batch: texts})
	if err != nil {
		t.Fatal(err)
	}
	want, err := m.Predict(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range want {
		for j, x := range p.Probabilities {
			if d := a.Batch[i][j] - x; d > 1e-6 || d < -1e-6 {
				t.Errorf("%q: %v, want %v", texts[i], a.Batch[i], p.Probabilities)
			}
		}
	}
	if peak := s.Peak(); peak < 1<<20 {
		t.Errorf("the process has had %d bytes at most", peak)
	}
}
