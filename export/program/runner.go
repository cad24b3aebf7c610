package program

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const (
	module     = "github.com/xiaoyu-slm/xiaoyu"
	runnerPath = module + "/cmd/runner"
)

// maxRunner bounds a runner, in bytes.
const maxRunner = 64 << 20

// runner returns a runner for the target: the file that was named, else the one that this program carries (a release
// does, see embedded.go), else one that the Go toolchain compiles from the source of this very version.
func (o *Options) runner(ctx context.Context) ([]byte, error) {
	if o.Runner != "" {
		data, err := os.ReadFile(o.Runner)
		if err != nil {
			return nil, hint.Wrap(err, "check the path", "reading the runner %s", o.Runner)
		}
		return data, checkRunner(o.Runner, data, o.Target)
	}
	if data, err := fs.ReadFile(embedded, o.file()); err == nil {
		z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderMaxMemory(maxRunner))
		if err != nil {
			return nil, err
		}
		defer z.Close()
		return io.ReadAll(io.LimitReader(z, maxRunner))
	}
	return o.compile(ctx)
}

// file is the name of an embedded runner.
func (t Target) file() string { return "runners/" + t.OS + "-" + t.Arch + ".zst" }

// checkRunner tells whether a file is a runner of ours, for the target.
func checkRunner(path string, data []byte, want Target) error {
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil || info.Path != runnerPath {
		return hint.Errorf("name a runner of a release, or leave --runner out", "%s is no runner", path)
	}
	var got Target
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			got.OS = s.Value
		case "GOARCH":
			got.Arch = s.Value
		}
	}
	if got != want {
		return hint.Errorf("name one for the target", "the runner %s is for %s, not for %s", path, got, want)
	}
	return nil
}

// compile has the Go toolchain make a runner.
func (o *Options) compile(ctx context.Context) ([]byte, error) {
	fail := func(err error) error {
		return hint.Wrap(err, "take xiaoyu from a release, which carries runners, or name one with --runner", "making a runner for %s: this program carries none, and compiling one failed", o.Target)
	}
	source, err := source(ctx)
	if err != nil {
		return nil, fail(err)
	}
	temp, err := os.MkdirTemp("", "xiaoyu-runner-*")
	if err != nil {
		return nil, fail(err)
	}
	defer os.RemoveAll(temp)
	if o.Notify != nil {
		o.Notify("compiling the runner for %s", o.Target)
	}
	path := filepath.Join(temp, "runner")
	if err := Compile(ctx, source, o.Target, path); err != nil {
		return nil, fail(err)
	}
	return os.ReadFile(path)
}

// Compile makes a runner of the project's source code, without symbols and without anything of this machine in it.
func Compile(ctx context.Context, source string, t Target, path string) error {
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags=slim,nethttpomithttp2", "-ldflags=-s -w", "-o", path, runnerPath)
	c.Dir = source
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.OS, "GOARCH="+t.Arch, "GOFLAGS=")
	if out, err := c.CombinedOutput(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("go build: %w: %s", err, lastLine(out))
	}
	return nil
}

// source is where the project's source code lies: where this program was compiled, else in the module cache.
func source(ctx context.Context) (string, error) {
	if _, file, _, ok := runtime.Caller(0); ok && filepath.IsAbs(file) {
		dir := filepath.Dir(filepath.Dir(filepath.Dir(file)))
		if _, err := os.Stat(filepath.Join(dir, "cmd", "runner", "main.go")); err == nil {
			return dir, nil
		}
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || !strings.HasPrefix(info.Main.Version, "v") {
		return "", fmt.Errorf("its source code is not on this machine")
	}
	c := exec.CommandContext(ctx, "go", "mod", "download", "-json", module+"@"+info.Main.Version)
	out, err := c.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download: %w", err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil || found.Dir == "" {
		return "", fmt.Errorf("go mod download found no source code of %s", info.Main.Version)
	}
	return found.Dir, nil
}

func lastLine(out []byte) string {
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}
