package trial

import (
	"bufio"
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/payload"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// isExecutable tells of a program that a Go compiler made, as runners are; whether it carries a model shows when it is
// opened.
func isExecutable(path string) bool {
	_, err := buildinfo.ReadFile(path)
	return err == nil
}

// emulators run programs for other machines, by their system and processor.
var emulators = map[string]struct {
	programs []string
	from     string // the packages of Debian that have them
}{
	"linux/arm64":   {[]string{"qemu-aarch64", "qemu-aarch64-static"}, "qemu-user"},
	"linux/amd64":   {[]string{"qemu-x86_64", "qemu-x86_64-static"}, "qemu-user"},
	"windows/amd64": {[]string{"wine", "wine64"}, "wine64 and wine"},
}

// emulator is the command before the program, nothing for one of this machine.
func emulator(target string) ([]string, error) {
	if target == runtime.GOOS+"/"+runtime.GOARCH {
		return nil, nil
	}
	e, ok := emulators[target]
	if !ok {
		return nil, hint.Errorf("verify it on a machine of that kind", "it is for %s, which nothing runs here", target)
	}
	for _, name := range e.programs {
		if path, err := exec.LookPath(name); err == nil {
			return []string{path}, nil
		}
	}
	return nil, hint.Errorf("install it (on Debian "+e.from+"), or verify it on a machine of that kind", "it is for %s, and %s, which would run it here, is not on the path", target, e.programs[0])
}

func openExecutable(ctx context.Context, path string) (*Program, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var system, processor string
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			system = s.Value
		case "GOARCH":
			processor = s.Value
		}
	}
	p := &Program{Kind: "executable for " + system + "/" + processor}
	if p.files, err = payload.Open(path); err != nil {
		return nil, err
	}
	command, err := emulator(system + "/" + processor)
	if err != nil {
		p.files.Close()
		return nil, err
	}
	if len(command) > 0 {
		p.Kind += ", by " + filepath.Base(command[0])
	}
	absolute, err := filepath.Abs(path)
	if err == nil {
		p.asked, err = startLines(ctx, append(append(command, absolute), "--format", "jsonl"))
	}
	if err != nil {
		p.files.Close()
		return nil, err
	}
	if info, err := os.Stat(path); err == nil {
		p.Bytes = info.Size()
	}
	return p, nil
}

// lines is a program that answers each line of its standard input by a line.
type lines struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	errs *ending
	stop context.CancelFunc
}

func startLines(ctx context.Context, command []string) (*lines, error) {
	ctx, stop := context.WithCancel(ctx)
	l := &lines{cmd: exec.CommandContext(ctx, command[0], command[1:]...), errs: new(ending), stop: stop}
	l.cmd.Stderr = l.errs
	l.cmd.Env = append(os.Environ(), "WINEDEBUG=-all")
	var err error
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		stop()
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err == nil {
		l.out = bufio.NewReader(out)
		err = l.cmd.Start()
	}
	if err != nil {
		stop()
		return nil, err
	}
	return l, nil
}

// say puts a line and returns the one that comes back.
func (l *lines) say(line []byte) ([]byte, error) {
	_, err := l.in.Write(append(line, '\n'))
	var answer []byte
	if err == nil {
		answer, err = l.out.ReadBytes('\n')
	}
	if err == nil {
		return answer, nil
	}
	_ = l.cmd.Wait() // what it said at its end is more than its status
	if last := lastLine(l.errs.bytes()); last != "" {
		return nil, fmt.Errorf("it ended: %s", last)
	}
	return nil, fmt.Errorf("it ended: %v", l.cmd.ProcessState)
}

func (l *lines) ask(_ context.Context, m *model.Model, q model.Query) (model.Prediction, error) {
	line := q.Text
	switch {
	case m.Config.Head == model.AnswerHead:
		line = q.Pair + "\t" + q.Text
	case m.Config.Pair:
		line += "\t" + q.Pair
	}
	answer, err := l.say([]byte(line))
	if err != nil {
		return model.Prediction{}, err
	}
	return readAnswer(m, answer)
}

var (
	unbroken = strings.NewReplacer("\n", " ", "\r", " ") // places in the text stay what they are
	untabbed = strings.NewReplacer("\t", " ")
)

func (l *lines) clean(q model.Query) model.Query {
	q.Text, q.Pair = unbroken.Replace(q.Text), unbroken.Replace(q.Pair)
	if q.Pair != "" { // a tab stands between both
		q.Text, q.Pair = untabbed.Replace(q.Text), untabbed.Replace(q.Pair)
	}
	q.Text, q.Pair = strings.ToValidUTF8(q.Text, "\uFFFD"), strings.ToValidUTF8(q.Pair, "\uFFFD")
	return q
}

func (l *lines) close() error {
	l.in.Close()
	l.stop()
	_ = l.cmd.Wait() // it was stopped
	return nil
}

// ending keeps the end of what a program says.
type ending struct {
	mu   sync.Mutex
	text []byte
}

func (e *ending) Write(b []byte) (int, error) {
	const most = 1 << 12
	e.mu.Lock()
	defer e.mu.Unlock()
	e.text = append(e.text, b...)
	e.text = e.text[max(0, len(e.text)-most):]
	return len(b), nil
}

func (e *ending) bytes() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	return bytes.Clone(e.text)
}
