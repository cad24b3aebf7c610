package try

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// process is a model that runs, for one question at a time.
type process struct {
	key  string
	dir  *folder
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	said *tail
	idle *time.Timer

	about About
	lacks []string // what the system could not keep from it

	ended sync.Once
	done  chan struct{} // closed when the process has ended
}

// longestReply bounds what a process may say to one question, in bytes.
const longestReply = 4 << 20

// copyFiles writes the files of a model into a folder, to be read alone.
func copyFiles(ctx context.Context, dir string, m Model) error {
	for _, f := range m.Files {
		name, err := filepath.Localize(f.Path)
		if err != nil {
			return fmt.Errorf("the file %.200q of a package: %w", f.Path, err)
		}
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return hint.Wrap(err, "make room in the folder for temporary files", "trying a model")
		}
		if err := copyFile(ctx, name, f.Size, func() (io.ReadCloser, error) { return m.Open(ctx, f) }); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(ctx context.Context, name string, size int64, open func() (io.ReadCloser, error)) error {
	from, err := open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o444)
	if err != nil {
		return fmt.Errorf("trying a model: %w", err)
	}
	n, err := io.Copy(to, from)
	err = errors.Join(err, to.Close(), ctx.Err())
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes instead of %d", n, size)
	}
	if err != nil {
		return hint.Wrap(err, "make room in the folder for temporary files", "copying a model's file %s", filepath.Base(name))
	}
	return nil
}

// start starts the process of a model whose files are in dir, and waits until it is open.
func (p *Pool) start(ctx context.Context, dir *folder, key string) (*process, error) {
	command := p.options.Command
	if len(command) == 0 {
		self, err := os.Executable()
		if err != nil {
			return nil, fmt.Errorf("trying a model: finding this program: %w", err)
		}
		command = []string{self, "market", "try-worker"}
	}
	w, lacks, err := launch(append(command, strconv.FormatInt(p.options.Memory, 10)), dir, key, p.options.Memory)
	if err != nil {
		return nil, hint.Wrap(err, "see the market's log", "starting a model's process")
	}
	reply, err := w.reply(ctx, p.options.Open)
	if err == nil && reply.Error != "" {
		err = hint.Errorf(reply.Way, "%w: %s", ErrModel, reply.Error)
	}
	if err != nil {
		w.stop()
		return nil, err
	}
	if reply.About != nil {
		w.about = *reply.About
	}
	if lacks = append(lacks, reply.Lacks...); len(lacks) > 0 {
		w.lacks = lacks
		told.Do(func() {
			p.options.Log.Warn("models are tried without some of the protections that Linux can give", "lacking", strings.Join(lacks, "; "))
		})
	}
	return w, nil
}

// told is done once this program has said what its system cannot keep from a model.
var told sync.Once

// launch starts a command in a folder; lacks says what the system could not keep from it.
func launch(command []string, dir *folder, key string, memory int64) (w *process, lacks []string, err error) {
	try := func(alone bool) error {
		w = &process{key: key, dir: dir, said: &tail{}, done: make(chan struct{})}
		w.cmd = exec.Command(command[0], command[1:]...)
		w.cmd.Dir, w.cmd.Stderr = dir.files(), w.said
		w.cmd.Env = []string{"GOMAXPROCS=1", "GOTRACEBACK=none", fmt.Sprintf("GOMEMLIMIT=%d", memory*3/4)}
		lacks = isolate(w.cmd, alone)
		if w.in, err = w.cmd.StdinPipe(); err != nil {
			return err
		}
		out, err := w.cmd.StdoutPipe()
		if err != nil {
			return err
		}
		w.out = bufio.NewReaderSize(out, 64<<10)
		return w.cmd.Start()
	}
	if err = try(true); err != nil { // a system that gives no namespaces to ordinary users
		why := err
		if err = try(false); err == nil {
			lacks = append(lacks, fmt.Sprintf("namespaces, so that the network is not out of reach (%v)", why))
		}
	}
	return w, lacks, err
}

// stop ends the process and removes its files.
func (w *process) stop() {
	w.ended.Do(func() {
		w.in.Close()
		w.cmd.Process.Kill()
		go func() {
			w.cmd.Wait()
			w.dir.remove()
			close(w.done)
		}()
	})
}

// forbidden tells whether the process was ended by the system for doing what no model may.
func (w *process) forbidden() bool {
	select {
	case <-w.done:
		return w.cmd.ProcessState != nil && endedByFilter(w.cmd.ProcessState)
	default:
		return false
	}
}

func (w *process) ask(ctx context.Context, q Question, limit time.Duration) (*Answer, error) {
	line, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	// A process that does not read would hold a write up: its end, which comes in time, ends that.
	wrote := make(chan error, 1)
	go func() {
		_, err := w.in.Write(append(line, '\n'))
		wrote <- err
	}()
	reply, err := w.reply(ctx, limit)
	if err == nil {
		err = <-wrote
	}
	switch {
	case err != nil:
		return nil, err
	case reply.Error != "":
		return nil, hint.Errorf(reply.Way, "%s: %w", reply.Error, ErrQuestion)
	case reply.Answer == nil:
		return nil, fmt.Errorf("it said nothing: %w", ErrCrash)
	}
	return reply.Answer, nil
}

// reply reads a line of the process. One that is late is ended, as is one whose reader has gone.
func (w *process) reply(ctx context.Context, limit time.Duration) (*Reply, error) {
	var r Reply
	read := make(chan error, 1)
	go func() {
		line, err := readLine(w.out)
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		read <- err
	}()
	late := time.NewTimer(limit)
	defer late.Stop()
	var why error
	select {
	case err := <-read:
		if err == nil {
			return &r, nil
		}
	case <-late.C:
		why = fmt.Errorf("after %v: %w", limit, ErrTime)
	case <-ctx.Done():
		why = ctx.Err()
	}
	w.stop()
	if why != nil {
		return nil, hint.Wrap(why, "try a shorter text, or install the model", "asking a model")
	}
	select {
	case <-w.done:
	case <-time.After(time.Second):
	}
	if w.forbidden() {
		return nil, hint.Wrap(ErrForbidden, "tell the publisher", "asking a model")
	}
	if said := w.said.String(); slices.ContainsFunc(ofMemory, func(s string) bool { return strings.Contains(said, s) }) {
		return nil, hint.Wrap(ErrMemory, "try a shorter text, or install the model", "asking a model")
	}
	return nil, hint.Wrap(ErrCrash, "try another text, and tell the publisher", "asking a model")
}

// ofMemory is what Go says on its way out when there is no memory, the last of a thread that could not begin for that (ENOMEM).
var ofMemory = []string{"out of memory", "cannot allocate memory", "errno=12)"}

func readLine(r *bufio.Reader) (line []byte, err error) {
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		if !errors.Is(err, bufio.ErrBufferFull) {
			return line, err
		}
		if len(line) > longestReply {
			return nil, fmt.Errorf("more than %d MB on a line", longestReply>>20)
		}
	}
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, p...)
	if over := len(t.kept) - 8<<10; over > 0 {
		t.kept = append(t.kept[:0], t.kept[over:]...)
	}
	return len(p), nil
}

// brief is the first line of it, or so much of that as a log has room for.
func (t *tail) brief() string {
	line, _, _ := strings.Cut(t.String(), "\n")
	return strings.ToValidUTF8(line[:min(len(line), 200)], "")
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
