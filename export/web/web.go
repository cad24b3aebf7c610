// Package web makes what runs a model in a browser, without a server: one page that holds everything, or a folder for
// programs in JavaScript.
package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/export/program"
	"github.com/xiaoyu-slm/xiaoyu/export/web/simd128"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/payload"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/serve"
)

//go:embed core.js boot.js index.js index.d.ts
var assets embed.FS

// Options say what to make.
type Options struct {
	Name     string   // of the model, as the page and the package.json have it
	Examples []string // texts to try, shown on the page
	Runner   string   // file of a runner for the web; "" for that of this program, or one that Go compiles now
	Notify   func(format string, args ...any)
}

// Result is what was made.
type Result struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	Packed int64  `json:"runner_gzip_bytes"` // of Bytes, the program's without the model
	Digest string `json:"package"`
}

// maxPage bounds the package that goes into a page, in bytes: browsers hold it several times while it starts.
const maxPage = 200 << 20

// parts are what both forms are made of.
type parts struct {
	model               *model.Model
	name                string
	runner, glue, files []byte // program, the script beside it, the archive of the package
}

func load(ctx context.Context, m *model.Model, o Options) (*parts, error) {
	dir := m.Package.Dir
	files, err := export.PackageFiles(m, dir)
	if err != nil {
		return nil, err
	}
	p := &parts{model: m, name: o.Name}
	if p.name == "" {
		p.name = filepath.Base(dir)
	}
	if p.files, err = payload.Archive(files); err != nil {
		return nil, err
	}
	runner := program.Options{Target: program.Web, Runner: o.Runner, Notify: o.Notify}
	if p.runner, err = runner.Load(ctx); err != nil {
		return nil, err
	}
	p.glue, err = program.Glue(ctx)
	return p, err
}

// ExportPage writes a model that was opened from its package as one HTML file to path, whole or not at all.
func ExportPage(ctx context.Context, m *model.Model, path string, o Options) (*Result, error) {
	dir := m.Package.Dir
	p, err := load(ctx, m, o)
	if err != nil {
		return nil, err
	}
	if len(p.files) > maxPage {
		return nil, hint.Errorf("compress the model, or export it as a folder: --out without .html", "exporting %s as a page: it has %d MB, a page holds at most %d", dir, len(p.files)>>20, maxPage>>20)
	}
	var b bytes.Buffer
	packed, err := p.page(&b, o)
	if err != nil {
		return nil, fmt.Errorf("exporting %s as a page: %w", dir, err)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := atomicfile.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return nil, hint.Wrap(err, "choose another file with --out", "exporting %s as a page", dir)
	}
	return &Result{path, int64(b.Len()), packed, p.model.Package.Digest}, nil
}

// page writes the page, and returns the size of the program in it, compressed.
func (p *parts) page(w io.Writer, o Options) (int64, error) {
	page, err := serve.Standalone(p.model, serve.Options{Name: p.name, Examples: o.Examples})
	if err != nil {
		return 0, err
	}
	runner, err := pack(p.runner)
	if err != nil {
		return 0, err
	}
	vectors, err := pack(simd128.Module())
	if err != nil {
		return 0, err
	}
	archive, err := pack(p.files)
	if err != nil {
		return 0, err
	}
	core, boot := asset("core.js"), asset("boot.js")
	const policy = "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; img-src data:"
	_, err = fmt.Fprintf(w, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="%s">
<title>%s · Xiaoyu 小语</title>
<style>%s</style>
<template id="en">%s</template>
<template id="zh">%s</template>
<script type="text/plain" id="runner">%s</script>
<script type="text/plain" id="vectors">%s</script>
<script type="text/plain" id="model">%s</script>
<script>%s</script>
<script type="module">
%s
%s
%s
</script>
</head>
<body></body>
</html>
`, policy, html.EscapeString(p.name), page.Style, page.Body["en"], page.Body["zh"], runner, vectors, archive, inline(p.glue), core, boot, inline(page.Script))
	return int64(base64.StdEncoding.DecodedLen(len(runner) + len(vectors))), err
}

// inline keeps a script from ending the element that it stands in.
func inline(script []byte) string { return strings.ReplaceAll(string(script), "</script", `<\/script`) }

// pack compresses data and writes it as text.
func pack(data []byte) (string, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return "", err
	}
	if _, err := z.Write(data); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.Bytes()), nil
}

func asset(name string) string {
	data, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(data)
}

// ExportFolder writes a model that was opened from its package as a package for JavaScript to the folder path, whole or not
// at all.
func ExportFolder(ctx context.Context, m *model.Model, path string, o Options) (*Result, error) {
	dir := m.Package.Dir
	entries, err := os.ReadDir(path)
	if err == nil && len(entries) > 0 {
		return nil, hint.Errorf("choose a new or empty folder with --out", "exporting %s for the web: %s holds files", dir, path)
	}
	p, err := load(ctx, m, o)
	if err != nil {
		return nil, err
	}
	about, err := p.packageJSON()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{
		"package.json": about, "index.d.ts": []byte(asset("index.d.ts")),
		"index.js":     []byte(strings.Replace(asset("index.js"), "/* CORE */", asset("core.js"), 1)),
		"wasm_exec.js": p.glue, "runner.wasm": p.runner, "simd128.wasm": simd128.Module(), "model.zip": p.files,
	}
	r := &Result{Path: path, Digest: p.model.Package.Digest, Packed: int64(len(p.runner))}
	err = atomicfile.Folder(path, func(temp string) error {
		for name, data := range files {
			r.Bytes += int64(len(data))
			if err := atomicfile.WriteFile(filepath.Join(temp, name), data, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, hint.Wrap(err, "free some space, or choose a folder that you may write to", "exporting %s for the web", dir)
	}
	return r, nil
}

// packageJSON is what npm wants to know of the folder.
func (p *parts) packageJSON() ([]byte, error) {
	name := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-':
			return r
		}
		return '-'
	}, p.name), "-")
	if name == "" {
		name = "model"
	}
	data, err := json.MarshalIndent(map[string]any{
		"name": name, "version": "1.0.0", "type": "module", "main": "index.js", "types": "index.d.ts",
		"description": p.model.Architecture() + ", package " + p.model.Package.Digest,
		"exports":     map[string]any{".": map[string]string{"types": "./index.d.ts", "default": "./index.js"}},
	}, "", "  ")
	return append(data, '\n'), err
}
