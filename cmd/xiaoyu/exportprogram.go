package main

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/export/program"
	"github.com/xiaoyu-slm/xiaoyu/export/web"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// programs are the exports that hold the package itself beside a program that runs it: every model can become one.
var programs = []string{"exe", "web"}

// programFlags are the flags of such exports.
type programFlags struct{ goos, arch, runner string }

func (f *programFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.goos, "os", runtime.GOOS, "with --to exe: linux, windows or darwin")
	flags.StringVar(&f.arch, "arch", runtime.GOARCH, "with --to exe: amd64 or arm64")
	flags.StringVar(&f.runner, "runner", "", "with --to exe or web: file of the program that runs the model, if not that of this xiaoyu")
}

// export makes an executable, or what runs in a browser: a page if out ends in .html, else a folder.
func (f *programFlags) export(ctx context.Context, term *terminal, m *xiaoyu.Model, to, out string, asJSON bool) error {
	if m.Package == nil {
		return hint.Errorf("name the folder of its package", "exporting a model as a program: it lies in no folder")
	}
	if to == "exe" {
		r, err := program.Export(ctx, m.Model, out, program.Options{Target: program.Target{OS: f.goos, Arch: f.arch}, Runner: f.runner, Notify: term.Note})
		if err != nil {
			return err
		}
		if asJSON {
			return term.printJSON(r)
		}
		fmt.Fprintf(term.out, "%-10s%s   (%s, of which %s run it)\n", "program", r.Path, size.Bytes(r.Bytes), size.Bytes(r.Runner))
		fmt.Fprintf(term.out, "%-10s%s\n\n%-10s%s \"…\"\n%-10s%s --serve\n", "package", r.Digest, "try", here(r.Path), "", here(r.Path))
		return nil
	}
	o := web.Options{Runner: f.runner, Notify: term.Note}
	write := web.ExportFolder
	if strings.EqualFold(filepath.Ext(out), ".html") {
		write = web.ExportPage
	}
	r, err := write(ctx, m.Model, out, o)
	if err != nil {
		return err
	}
	if asJSON {
		return term.printJSON(r)
	}
	fmt.Fprintf(term.out, "%-10s%s   (%s)\n%-10s%s\n", "web", r.Path, size.Bytes(r.Bytes), "package", r.Digest)
	return nil
}

// here is how a shell names a program in this folder.
func here(path string) string {
	if !strings.ContainsAny(path, `/\`) {
		return "./" + path
	}
	return path
}
