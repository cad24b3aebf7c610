package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is a market in a process of its own.
type server struct {
	cmd   *exec.Cmd
	url   string
	token string    // of ada, who may write
	home  string    // of her client
	from  time.Time // when it was started
	ready time.Duration
}

// serve starts a market on a data folder, with more options for its place, and waits until it answers.
func (b *bench) serve(ctx context.Context, data string, place ...string) (*server, error) {
	s := &server{home: filepath.Join(data, "home")}
	place = append([]string{"--data", data}, place...)
	if _, err := os.Stat(filepath.Join(data, "token")); err != nil {
		issue := append([]string{"market", "token", "--user", "ada", "--scopes", "write"}, place...)
		token, err := b.xiaoyu(ctx, nil, issue...)
		if err != nil { // there is no ada yet
			if _, err := b.xiaoyu(ctx, nil, append([]string{"market", "user", "add", "ada"}, place...)...); err != nil {
				return nil, err
			}
			token, err = b.xiaoyu(ctx, nil, issue...)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(data, "token"), []byte(strings.TrimSpace(token)), 0o600)
		}
		if err != nil {
			return nil, err
		}
	}
	token, err := os.ReadFile(filepath.Join(data, "token"))
	if err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	l.Close()
	s.token, s.url = string(token), "http://"+address
	s.cmd = exec.Command(b.program, append([]string{"market", "serve", "--addr", address}, place...)...)
	s.cmd.Stderr = os.Stderr
	s.from = time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for {
		answer, err := http.Get(s.url + "/readyz")
		if err == nil {
			answer.Body.Close()
		}
		if err == nil && answer.StatusCode == http.StatusOK {
			s.ready = time.Since(s.from)
			return s, nil
		}
		if time.Since(s.from) > time.Minute {
			s.stop()
			return nil, errors.New("the market does not start")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (s *server) stop() {
	s.cmd.Process.Signal(syscall.SIGTERM)
	s.cmd.Wait()
}

// memory is the most that the server has had, in bytes (VmHWM of Linux).
func (s *server) memory() (int64, error) { return s.status("VmHWM") }

// status is a figure of memory that the system tells of the server's process, in bytes.
func (s *server) status(name string) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var kb int64
		if n, _ := fmt.Sscanf(lines.Text(), name+": %d kB", &kb); n == 1 {
			return kb << 10, nil
		}
	}
	return 0, errors.New("the system does not tell the memory of processes")
}

// xiaoyu runs a command and returns what it prints.
func (b *bench) xiaoyu(ctx context.Context, s *server, args ...string) (string, error) {
	var environment []string
	if s != nil {
		environment = []string{"XIAOYU_MARKET=" + s.url, "XIAOYU_TOKEN=" + s.token, "XIAOYU_HOME=" + s.home}
	}
	return command(ctx, environment, b.program, args...)
}

func command(ctx context.Context, environment []string, program string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), environment...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, stderr.String())
	}
	return string(out), nil
}

// weightsFile holds a model's weights.
const weightsFile = "model.safetensors"

// model writes a folder with a model: a tensor of so many random bytes.
func model(dir string, size int64) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{"README.md": "---\nlicense: mit\nlanguage: zh\npipeline_tag: text-classification\n---\n# A model\n\nIt has weights, and says what texts are about.\n", "config.json": `{"model_type":"bert"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	f, err := os.Create(filepath.Join(dir, weightsFile))
	if err != nil {
		return err
	}
	header := fmt.Sprintf(`{"w":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}`, size, size)
	header += strings.Repeat(" ", (8-len(header)%8)%8)
	_, err = f.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...))
	if err == nil {
		_, err = io.CopyN(f, rand.NewChaCha8([32]byte([]byte(fmt.Sprintf("%032d", time.Now().UnixNano())))), size)
	}
	return errors.Join(err, f.Sync(), f.Close())
}
