// Command runner is the program that `xiaoyu export MODEL --to exe` makes, but for the model: it runs the one that it
// carries (see internal/payload), on its arguments, on the lines of standard input, or over HTTP. It links what running
// a model needs and nothing more.
package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/xiaoyu-slm/xiaoyu/internal/answer"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/payload"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/serve"
)

const usage = `%[1]s predicts texts: %[2]s.

  %[1]s TEXT…             one line for each text
  %[1]s < texts.txt       one line of JSON for each line of standard input
  %[1]s --serve           over HTTP, with a page to try it

Flags:
`

// options are the command line.
type options struct {
	format string
	top    int
	serve  bool
	addr   string
	info   string
}

// errUsage is a wrong call that has been explained.
var errUsage = errors.New("wrong use")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the process at once
	switch err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr); {
	case err == nil:
	case errors.Is(err, errUsage):
		os.Exit(2)
	case errors.Is(err, context.Canceled):
		os.Exit(130)
	default:
		message := "error: " + err.Error()
		if way := hint.Way(err); way != "" {
			message += "; " + way
		}
		fmt.Fprintln(os.Stderr, message)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out, progress io.Writer) error {
	for _, warning := range kernel.Warnings() {
		fmt.Fprintln(progress, "note:", warning)
	}
	files, err := payload.Own()
	if err != nil {
		return err
	}
	defer files.Close()
	name := strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe")
	m, err := model.OpenFS(files, name)
	if err != nil {
		return err
	}
	if m.Package.Digest != files.Note {
		return hint.Errorf("the program was altered: get it again", "opening the model %s: it is another than the one that was exported", name)
	}
	o, texts, err := parse(name, m, args, progress)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	switch {
	case o.info != "":
		return info(out, files, m, o.info)
	case o.serve:
		return serveHTTP(ctx, m, files, name, o.addr, progress)
	}
	return predict(ctx, m, o, texts, in, out)
}

func parse(name string, m *model.Model, args []string, out io.Writer) (*options, []string, error) {
	o := &options{}
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.format, "format", "", "jsonl, csv or text; text for arguments, jsonl otherwise")
	f.IntVar(&o.top, "top", 0, "how many labels with their probabilities; 0 for all")
	f.BoolVar(&o.serve, "serve", false, "answer over HTTP: POST /v1/predict, and a page")
	f.StringVar(&o.addr, "addr", "127.0.0.1:8080", "with --serve: address, 127.0.0.1:8080 if not given; port 0 means any free one")
	f.StringVar(&o.info, "info", "", "print a file that the program carries, such as README.md, lineage.json or config.json; list for their names")
	f.Usage = func() {
		fmt.Fprintf(out, usage, name, about(m))
		f.VisitAll(func(f *flag.Flag) { fmt.Fprintf(out, "  --%-8s %s\n", f.Name, f.Usage) })
	}
	if err := f.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, nil, err
		}
		return nil, nil, errUsage // which flag has explained
	}
	if o.top < 0 {
		return nil, nil, hint.Errorf("pass 0 for all labels", "--top %d is negative", o.top)
	}
	return o, f.Args(), nil
}

// about says what model this is in a few words.
func about(m *model.Model) string {
	s := fmt.Sprintf("%s, %s parameters", m.Architecture(), size.Count(m.Parameters()))
	if n := len(m.Labels); n > 0 {
		s += ", labels " + strings.Join(m.Labels[:min(n, 8)], ", ")
		if n > 8 {
			s += fmt.Sprintf(" and %d more", n-8)
		}
	}
	return s
}

// info prints a file of the package, or the names of all.
func info(out io.Writer, files *payload.Files, m *model.Model, name string) error {
	if name != "list" {
		data, err := files.ReadFile(name)
		if err != nil {
			return hint.Wrap(err, "--info list has their names", "this program carries no such file")
		}
		_, err = out.Write(data)
		return err
	}
	fmt.Fprintf(out, "%s\npackage %s\n", about(m), m.Package.Digest)
	for _, f := range files.File {
		fmt.Fprintf(out, "%10d  %s\n", f.UncompressedSize64, f.Name)
	}
	return nil
}

func serveHTTP(ctx context.Context, m *model.Model, files *payload.Files, name, addr string, progress io.Writer) error {
	pages := map[string][]byte{}
	for _, lang := range serve.Languages {
		page, err := files.ReadFile(payload.PageFile(lang))
		if err != nil {
			return err
		}
		pages[lang] = page
	}
	l, err := serve.Listen(addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(progress, "serving  http://%s   (Ctrl-C stops)\n", l.Addr())
	return serve.New(m, serve.Options{Name: name, Pages: pages}).Run(ctx, l)
}

func predict(ctx context.Context, m *model.Model, o *options, texts []string, in io.Reader, out io.Writer) error {
	w := bufio.NewWriter(out)
	write, err := answer.NewWriter(o.format, w, m, o.top, len(texts) > 0)
	if err != nil {
		return err
	}
	var failed error
	queries := answer.Lines(ctx, m, in, &failed)
	if len(texts) > 0 {
		if queries, err = answer.Arguments(m, texts); err != nil {
			return err
		}
	}
	if err := answer.All(ctx, m, queries, write, w); err != nil {
		return err
	}
	return cmp.Or(failed, w.Flush())
}
