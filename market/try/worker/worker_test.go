package worker_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/export/exporttest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
	"github.com/xiaoyu-slm/xiaoyu/market/try/worker"
)

// TestMain makes of this program what the market starts: a worker, or one that does what no model should.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 {
		if f := behaviours[os.Args[1]]; f != nil {
			memory, err := worker.Arguments(os.Args[2:])
			if err == nil {
				err = f(memory)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

var behaviours = map[string]func(memory int64) error{
	"good":   func(memory int64) error { return worker.Work(context.Background(), memory, os.Stdin, os.Stdout) },
	"silent": func(int64) error { time.Sleep(time.Hour); return nil },
	"hang": asked(func(string) string {
		for busy := true; busy; {
			busy = os.Getpid() > 0
		}
		return ""
	}),
	"crash": asked(func(string) string { panic("a bug") }),
	"leave": asked(func(string) string { os.Exit(0); return "" }),
	"noise": asked(func(string) string {
		for {
			fmt.Print(strings.Repeat("noise", 1000))
		}
	}),
	"eat": asked(func(string) string {
		var all [][]byte
		for {
			b := make([]byte, 64<<20)
			for i := 0; i < len(b); i += 4096 {
				b[i] = 1
			}
			all = append(all, b)
			if len(all) > 100 {
				return "there is no limit"
			}
		}
	}),
	"pry": asked(pry),
}

// asked is a process that opens well and does f when it is asked; what f returns is its answer.
func asked(f func(question string) string) func(int64) error {
	return func(memory int64) error {
		lacks := worker.Confine(memory)
		if err := json.NewEncoder(os.Stdout).Encode(try.Reply{Lacks: lacks}); err != nil {
			return err
		}
		lines := bufio.NewScanner(os.Stdin)
		for lines.Scan() {
			fmt.Printf(`{"answer":{"label":%q}}`+"\n", f(lines.Text()))
		}
		return nil
	}
}

// pry tries to get at what a model has no business with, and tells what it got.
func pry(string) string {
	var got []string
	try := func(what string, err error) {
		if err == nil {
			got = append(got, what)
		}
	}
	_, err := os.ReadFile("/etc/passwd")
	try("/etc/passwd", err)
	_, err = os.ReadFile("/proc/self/environ")
	try("/proc", err)
	_, err = os.ReadDir("..")
	if err == nil {
		entries, _ := os.ReadDir("..")
		for _, e := range entries {
			if e.Name() != "config.json" {
				got = append(got, "../"+e.Name())
			}
		}
	}
	try("a new file", os.WriteFile("new", []byte("x"), 0o600))
	f, err := os.OpenFile("config.json", os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write([]byte("x"))
	}
	try("a changed file", err)
	c, err := net.DialTimeout("tcp", "127.0.0.1:"+port(), time.Second)
	if err == nil {
		c.Close()
	}
	try("the network", err)
	if _, err := os.ReadFile("config.json"); err != nil {
		got = append(got, "not even its own file: "+err.Error())
	}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "GO") {
			got = append(got, e)
		}
	}
	return strings.Join(got, ", ")
}

// port is one of the test's, which it leaves in the package.
func port() string {
	b, _ := os.ReadFile("config.json")
	return strings.TrimSpace(string(b))
}

// packed is a model of files in memory.
func packed(key string, files map[string]string) try.Model {
	m := try.Model{Key: key, Open: func(_ context.Context, f pack.File) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(files[f.Path])), nil
	}}
	for name, content := range files {
		m.Files = append(m.Files, pack.File{Path: name, Size: int64(len(content))})
	}
	return m
}

func pool(t *testing.T, behaviour string, o try.Options) *try.Pool {
	o.Command = []string{os.Args[0], behaviour}
	p := try.New(o)
	t.Cleanup(func() { p.Close() })
	return p
}

func TestModelsAnswer(t *testing.T) {
	p := pool(t, "good", try.Options{Processes: 1})
	for _, c := range []struct {
		head     string
		question try.Question
		right    func(a *try.Answer) bool
	}{
		{"", try.Question{Text: "the room was clean", Explain: true}, func(a *try.Answer) bool { return a.Label != "" && len(a.Scores) > 1 && len(a.Words) > 1 }},
		{"tokens", try.Question{Text: "the room was clean"}, func(a *try.Answer) bool { return a.Head == "tokens" }},
		{"regression", try.Question{Text: "the room was clean"}, func(a *try.Answer) bool { return a.Score != nil }},
		{"multilabel", try.Question{Text: "the room was clean"}, func(a *try.Answer) bool { return len(a.Scores) > 1 }},
	} {
		dir := filepath.Join(t.TempDir(), "model")
		if _, err := exporttest.Model(t, "cnn", c.head, nil).Save(dir, nil); err != nil {
			t.Fatal(err)
		}
		m := folder(t, dir)
		for range 2 {
			a, err := p.Ask(t.Context(), m, c.question)
			if err != nil {
				t.Fatalf("%s: %v", c.head, err)
			}
			if !c.right(a) {
				t.Errorf("%s: %+v", c.head, a)
			}
		}
	}
}

// folder is the model in a folder.
func folder(t *testing.T, dir string) try.Model {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(b)
	}
	return packed(dir, files)
}

func TestModelsThatMisbehaveAreStopped(t *testing.T) {
	for _, c := range []struct {
		behaviour string
		want      error
	}{{"hang", try.ErrTime}, {"silent", try.ErrTime}, {"noise", try.ErrCrash}, {"crash", try.ErrCrash}, {"leave", try.ErrCrash}, {"eat", try.ErrMemory}} {
		t.Run(c.behaviour, func(t *testing.T) {
			if c.behaviour == "eat" && runtime.GOOS != "linux" {
				t.Skip("only Linux limits memory")
			}
			limits := try.Options{Memory: 64 << 20, Answer: time.Minute}
			if c.want == try.ErrTime {
				limits.Answer, limits.Open = 300*time.Millisecond, time.Second
			}
			p := pool(t, c.behaviour, limits)
			if _, err := p.Ask(t.Context(), packed("x", map[string]string{"config.json": "{}"}), try.Question{Text: "a"}); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestModelsThatCannotBeOpenedSaySo(t *testing.T) {
	p := pool(t, "good", try.Options{Files: 1000})
	for _, files := range []map[string]string{{"README.md": "nothing"}, {"config.json": "{}"}, {"config.json": "broken"}, {"config.json": strings.Repeat(" ", 2000)}} {
		if _, err := p.Ask(t.Context(), packed("x", files), try.Question{Text: "a"}); !errors.Is(err, try.ErrModel) {
			t.Errorf("%.40v: %v", files, err)
		}
	}
	for _, q := range []try.Question{{}, {Text: strings.Repeat("好", try.MaxText+1)}, {Text: "\xff"}} {
		if _, err := p.Ask(t.Context(), packed("x", nil), q); !errors.Is(err, try.ErrQuestion) {
			t.Errorf("%.20q: %v", q.Text, err)
		}
	}
	if _, err := p.Ask(t.Context(), packed("x", map[string]string{"../config.json": "{}"}), try.Question{Text: "a"}); err == nil {
		t.Error("a file outside of the folder")
	}
}

func TestModelsAreShutIn(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux shuts processes in")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	t.Setenv("XIAOYU_SECRET", "in the environment")
	_, number, _ := net.SplitHostPort(l.Addr().String())
	a, err := pool(t, "pry", try.Options{}).Ask(t.Context(), packed("x", map[string]string{"config.json": number}), try.Question{Text: "a"})
	if err != nil {
		t.Fatal(err)
	}
	if a.Label != "" {
		t.Errorf("a model got at %s", a.Label)
	}
}

func TestVisitorsWaitForTheirTurnAndNotForEver(t *testing.T) {
	p := pool(t, "hang", try.Options{Processes: 1, Queue: 1, Answer: 700 * time.Millisecond})
	m := packed("x", map[string]string{"config.json": "{}"})
	errs := make(chan error, 3)
	for range 3 {
		go func() {
			_, err := p.Ask(t.Context(), m, try.Question{Text: "a"})
			errs <- err
		}()
	}
	busy, late := 0, 0
	for range 3 {
		switch err := <-errs; {
		case errors.Is(err, try.ErrBusy):
			busy++
		case errors.Is(err, try.ErrTime):
			late++
		default:
			t.Error(err)
		}
	}
	if busy != 1 || late != 2 {
		t.Errorf("%d were sent away and %d waited; want 1 and 2", busy, late)
	}
}

func TestModelsStayOpenForAWhileAndLeaveNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	if os.TempDir() != temp {
		t.Skip("this system's folder for temporary files is not named by TMPDIR")
	}
	count := func() int {
		entries, err := os.ReadDir(temp)
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	p := pool(t, "pry", try.Options{Processes: 2, Idle: 500 * time.Millisecond})
	for _, key := range []string{"a", "b", "a", "c"} {
		if _, err := p.Ask(t.Context(), packed(key, map[string]string{"config.json": "1"}), try.Question{Text: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := count(); n == 0 || n > 3 { // the third is being removed
		t.Errorf("%d models are open, want 2", n)
	}
	for deadline := time.Now().Add(10 * time.Second); count() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d folders are left", count())
		}
	}
}

func TestRateBoundsEachClient(t *testing.T) {
	r := try.Rate{Every: time.Second, Burst: 3}
	now := time.Unix(0, 0)
	for i := range 5 {
		if ok, wait := r.Allow("a", now); ok != (i < 3) || !ok && wait != time.Second {
			t.Errorf("question %d: %v, wait %v", i, ok, wait)
		}
	}
	if ok, _ := r.Allow("b", now); !ok {
		t.Error("another client waits as well")
	}
	if ok, _ := r.Allow("a", now.Add(time.Second)); !ok {
		t.Error("a second later there is still no question allowed")
	}
}

// TestFoldersOfModelsGo has models asked beside what a market left that was killed, and beside another market.
func TestFoldersOfModelsGo(t *testing.T) {
	temp := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP"} {
		t.Setenv(name, temp)
	}
	m := packed("x", map[string]string{"config.json": "{}"})
	ask := func(p *try.Pool) {
		t.Helper()
		if _, err := p.Ask(t.Context(), m, try.Question{Text: "a"}); err != nil {
			t.Fatal(err)
		}
	}
	there := func() []string {
		t.Helper()
		found, err := filepath.Glob(filepath.Join(temp, "xiaoyu-try-*"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	other := pool(t, "pry", try.Options{})
	ask(other)
	left, fresh := filepath.Join(temp, "xiaoyu-try-left"), filepath.Join(temp, "xiaoyu-try-fresh")
	for _, dir := range []string{left, fresh} {
		if err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(filepath.Join(dir, "lock"), nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(there()); n != 3 {
		t.Fatalf("%d folders, want that of a model that may be asked and two", n)
	}
	for _, dir := range there() {
		if dir == fresh {
			continue
		}
		hour := time.Now().Add(-time.Hour)
		if err := os.Chtimes(dir, hour, hour); err != nil {
			t.Fatal(err)
		}
	}
	p := pool(t, "pry", try.Options{})
	ask(p)
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was left is still there: %v", err)
	}
	if n := len(there()); n != 3 {
		t.Errorf("%d folders, want those of both models and the fresh one", n)
	}
	if err := errors.Join(p.Close(), other.Close()); err != nil {
		t.Fatal(err)
	}
	if found := there(); len(found) != 1 || found[0] != fresh {
		t.Errorf("%q are left, want what might be another market's alone", found)
	}
}
