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

const module = "github.com/xiaoyu-slm/xiaoyu"

// Web is the target of runners for browsers and Node; package export/web has use for them.
var Web = Target{"js", "wasm"}

// source is the package that is a target's runner, and tags are those that it is compiled with.
func (t Target) source() (path, tags string) {
	if t == Web {
		return module + "/export/web/runner", "slim,simd128"
	}
	return module + "/cmd/runner", "slim,nethttpomithttp2"
}

// maxRunner bounds a runner, in bytes.
const maxRunner = 64 << 20

// Load returns a runner for the target: the file that was named, else the one that this program carries (a release
// does, see embedded.go), else one that the Go toolchain compiles from the source of this very version.
func (o *Options) Load(ctx context.Context) ([]byte, error) {
	if o.Runner != "" {
		data, err := os.ReadFile(o.Runner)
		if err != nil {
			return nil, hint.Wrap(err, "check the path", "reading the runner %s", o.Runner)
		}
		return data, checkRunner(o.Runner, data, o.Target)
	}
	if data, err := carried(o.file()); err == nil {
		return data, nil
	}
	return o.compile(ctx)
}

// carried reads a file that this program carries, if it is a release.
func carried(name string) ([]byte, error) {
	data, err := fs.ReadFile(embedded, "runners/"+name+".zst")
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderMaxMemory(maxRunner))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return io.ReadAll(io.LimitReader(z, maxRunner))
}

// file is the name of an embedded runner.
func (t Target) file() string { return t.OS + "-" + t.Arch }

// Glue returns the script wasm_exec.js, by which Go's WebAssembly talks to JavaScript: that of a release, or of the Go
// toolchain, which must be the one that compiled the runner.
func Glue(ctx context.Context) ([]byte, error) {
	if data, err := carried(glueFile); err == nil {
		return data, nil
	}
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err == nil {
		var data []byte
		if data, err = os.ReadFile(filepath.Join(strings.TrimSpace(string(out)), "lib", "wasm", glueFile)); err == nil {
			return data, nil
		}
	}
	return nil, hint.Wrap(err, "take xiaoyu from a release, or install Go", "looking for %s, which belongs to Go", glueFile)
}

const glueFile = "wasm_exec.js"

// checkRunner tells whether a file is a runner of ours, for the target.
func checkRunner(path string, data []byte, want Target) error {
	if want == Web {
		if !bytes.HasPrefix(data, []byte("\x00asm")) {
			return hint.Errorf("name a runner of a release, or leave --runner out", "%s is no WebAssembly", path)
		}
		return nil
	}
	source, _ := want.source()
	info, err := buildinfo.Read(bytes.NewReader(data))
	if err != nil || info.Path != source {
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
	source, err := sourceDir(ctx)
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
	target, tags := t.source()
	c := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-tags="+tags, "-ldflags=-s -w", "-o", path, target)
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

// sourceDir is where the project's source code lies: where this program was compiled, else in the module cache.
func sourceDir(ctx context.Context) (string, error) {
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
