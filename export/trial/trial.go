// Package trial asks exports that are programs of their own, as the people who get them will: an executable on its
// standard input, a source of C by a compiler of this machine, a page or a folder for browsers in Chromium with the
// network cut off.
//
//	p, err := trial.Open(ctx, "reviews.exe")
//	defer p.Close()
//	predictions, err := p.Ask(ctx, m, queries, nil) // m is what the export was made from
//
// What is needed to run an export and is not on this machine is named by the error.
package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/payload"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Program is an export that is asked.
type Program struct {
	Path  string
	Kind  string // what it is, in words: "executable for linux/arm64, by qemu-aarch64"
	Bytes int64
	asked
	files *payload.Files // the package that it carries; nil for C
}

// asked is what answers.
type asked interface {
	// ask puts one query. Where the answer leaves out what m knows, it is filled in.
	ask(ctx context.Context, m *model.Model, q model.Query) (model.Prediction, error)
	// clean is a query as the export can be given it.
	clean(q model.Query) model.Query
	close() error
}

// Is tells whether path is such an export: an executable that carries a model, a page, a folder for browsers, or a source
// of C with its header.
func Is(path string) bool { return kindOf(path) != nil }

// opener makes an export ready.
type opener func(ctx context.Context, path string) (*Program, error)

func kindOf(path string) opener {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(path, name))
		return err == nil
	}
	switch extension := strings.ToLower(filepath.Ext(path)); {
	case info.IsDir() && there("runner.wasm") && there("model.zip"):
		return openFolder
	case info.IsDir() && sourceIn(path) != "":
		return openC
	case info.IsDir():
	case extension == ".html":
		return openPage
	case extension == ".c":
		return func(ctx context.Context, path string) (*Program, error) { return openC(ctx, filepath.Dir(path)) }
	case isExecutable(path):
		return openExecutable
	}
	return nil
}

// Open makes an export ready to be asked. Close ends what runs it.
func Open(ctx context.Context, path string) (*Program, error) {
	open := kindOf(path)
	if open == nil {
		return nil, hint.Errorf("name an executable, a page or a folder that `xiaoyu export` made", "opening the export %s: it is no program", path)
	}
	p, err := open(ctx, path)
	if err != nil {
		return nil, hint.Wrap(err, hint.Way(err), "running the export %s", path)
	}
	p.Path = path
	return p, nil
}

// Carried opens the package that the export carries; it is usable until Close. nil if it carries none.
func (p *Program) Carried() (*model.Model, error) {
	if p.files == nil {
		return nil, nil
	}
	m, err := model.OpenFS(p.files, p.Path)
	if err == nil && m.Package != nil {
		m.Package.Dir = p.Path
	}
	return m, err
}

// Clean is a query as the export can be given it: a line of standard input has no line breaks.
func (p *Program) Clean(q model.Query) model.Query { return p.clean(q) }

// Ask puts queries one after the other and returns what was said of them, and how long each took. progress sees how many
// are done; it may be nil.
func (p *Program) Ask(ctx context.Context, m *model.Model, queries []model.Query, progress func(done int)) ([]model.Prediction, []time.Duration, error) {
	said, took := make([]model.Prediction, len(queries)), make([]time.Duration, len(queries))
	for i, q := range queries {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		start := time.Now()
		var err error
		if said[i], err = p.ask(ctx, m, p.clean(q)); err != nil {
			return nil, nil, fmt.Errorf("asking the export %s: %w", p.Path, err)
		}
		if took[i] = time.Since(start); progress != nil {
			progress(i + 1)
		}
	}
	return said, took, nil
}

// Close ends what runs the export and lets go of its package.
func (p *Program) Close() error {
	var err error
	if p.asked != nil {
		err = p.close()
	}
	if p.files != nil {
		err = errors.Join(err, p.files.Close())
	}
	return err
}

// lastLine is the end of what a program said, or why it failed where a line says so.
func lastLine(out []byte) string {
	for line := range bytes.Lines(out) {
		if bytes.HasPrefix(line, []byte("error: ")) || bytes.HasPrefix(line, []byte("fatal error: ")) {
			return string(bytes.TrimSpace(line))
		}
	}
	out = bytes.TrimSpace(out)
	return strings.TrimSpace(string(out[bytes.LastIndexByte(out, '\n')+1:]))
}
