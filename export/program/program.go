// Package program makes one executable of a model: a runner, which knows nothing but to run models, with the package of
// the model in it. What it makes needs nothing else where it runs: no Go, no folder, no library.
package program

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/payload"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/serve"
)

// Target is the machine that a program is for, by Go's names.
type Target struct{ OS, Arch string }

func (t Target) String() string { return t.OS + "/" + t.Arch }

// Targets are the machines that there are runners for.
var Targets = []Target{{"linux", "amd64"}, {"linux", "arm64"}, {"windows", "amd64"}, {"darwin", "amd64"}, {"darwin", "arm64"}}

// Options say what program to make.
type Options struct {
	Target
	Runner string                           // file of a runner; "" for that of this program, or one that Go compiles now
	Notify func(format string, args ...any) // told of what takes time; may be nil
}

// Result is what was made.
type Result struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	Runner int64  `json:"runner_bytes"` // of Bytes, the runner's
	Digest string `json:"package"`      // of the model's package
}

// Export writes a model that was opened from its package as a program to path, whole or not at all. The program carries all
// files of the package: card, licence and lineage too.
func Export(ctx context.Context, m *model.Model, path string, o Options) (*Result, error) {
	if !slices.Contains(Targets, o.Target) {
		return nil, hint.Errorf("choose "+list(Targets), "exporting a program: there is no runner for %s", o.Target)
	}
	if o.OS == "windows" && filepath.Ext(path) != ".exe" {
		path += ".exe"
	}
	dir := m.Package.Dir
	files, err := export.PackageFiles(m, dir)
	if err != nil {
		return nil, err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".exe")
	for _, lang := range serve.Languages {
		if files[payload.PageFile(lang)], err = serve.Page(m, &serve.Options{Name: name}, lang); err != nil {
			return nil, err
		}
	}
	runner, err := o.Load(ctx)
	if err != nil {
		return nil, err
	}
	out, err := payload.Attach(runner, files, m.Package.Digest)
	if err != nil {
		return nil, fmt.Errorf("exporting %s as a program for %s: %w", dir, o.Target, err)
	}
	if err := payload.Check(out); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := atomicfile.WriteFile(path, out, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose another file with --out", "exporting %s as a program", dir)
	}
	return &Result{path, int64(len(out)), int64(len(runner)), m.Package.Digest}, nil
}

func list(targets []Target) string {
	var names []string
	for _, t := range targets {
		names = append(names, t.String())
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
