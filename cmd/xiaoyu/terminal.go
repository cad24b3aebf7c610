package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// How the program talks: results go to standard output, all else to standard error. An error is one line, "error:
// what was being done: why; the way out", in lower case, without a full stop. Progress is a bar on a terminal and a
// line every few seconds elsewhere. With --json, standard output holds the result as JSON and nothing else.

// terminal is where a command talks to its user. It is a xiaoyu.Observer.
type terminal struct {
	out, err io.Writer
	live     bool // err is a terminal
	quiet    bool
	stage    *stage
}

type stage struct {
	name, unit  string
	total, done int64
	detail      string
	start, told time.Time
	bar         *progressbar.ProgressBar
}

func newTerminal(out, err *os.File) *terminal {
	return &terminal{out: out, err: err, live: term.IsTerminal(int(err.Fd())) && os.Getenv("TERM") != "dumb"}
}

// Stage begins a part of the work; total 0 means that its size is not known.
func (t *terminal) Stage(name string, total int64, unit string) {
	t.endStage()
	s := &stage{name: name, unit: unit, total: total, start: time.Now(), told: time.Now()}
	t.stage = s
	if t.quiet || !t.live {
		return
	}
	if total == 0 {
		total = -1
	}
	s.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(t.err), progressbar.OptionSetDescription(fmt.Sprintf("%-10s", name)),
		progressbar.OptionSetWidth(24), progressbar.OptionThrottle(80*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetMaxDetailRow(0),
		progressbar.OptionSetSpinnerChangeInterval(0), // no goroutine that goes on drawing when the stage has ended
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "█", SaucerPadding: "░", BarStart: "", BarEnd: ""}))
}

// Progress tells how much of the stage is done, and a word about it.
func (t *terminal) Progress(done int64, detail string) {
	s := t.stage
	if s == nil {
		return
	}
	s.done, s.detail = done, detail
	switch {
	case t.quiet:
	case s.bar != nil:
		s.bar.Describe(fmt.Sprintf("%-10s %s", s.name, detail))
		// A bar that cannot be drawn is no reason to stop the work.
		_ = s.bar.Set64(done)
	case time.Since(s.told) > 5*time.Second:
		s.told = time.Now()
		share := ""
		if s.total > 0 {
			share = fmt.Sprintf(" of %d", s.total)
		}
		fmt.Fprintf(t.err, "%-10s %d%s %s  %s\n", s.name, done, share, s.unit, detail)
	}
}

// Note says something worth a line of its own.
func (t *terminal) Note(format string, args ...any) {
	if t.quiet {
		return
	}
	if t.stage != nil && t.stage.bar != nil {
		_ = t.stage.bar.Clear()
	}
	fmt.Fprintf(t.err, format+"\n", args...)
}

// endStage closes the stage with a line that stays.
func (t *terminal) endStage() {
	s := t.stage
	t.stage = nil
	if s == nil || t.quiet {
		return
	}
	if s.bar != nil {
		_ = s.bar.Clear()
		_ = s.bar.Exit()
	}
	count := ""
	if s.done > 0 {
		count = fmt.Sprintf("%d %s", s.done, s.unit)
	}
	line := fmt.Sprintf("%-10s %-16s %6.1f s  %s", s.name, count, time.Since(s.start).Seconds(), s.detail)
	fmt.Fprintln(t.err, strings.TrimRight(line, " "))
}

// fail prints an error and the way out.
func (t *terminal) fail(err error) {
	if errors.Is(err, context.Canceled) {
		message := "interrupted"
		if way := hint.Way(err); way != "" {
			message += "; " + way
		}
		fmt.Fprintln(t.err, message)
		return
	}
	line := "error: " + strings.ReplaceAll(err.Error(), "\n", " ")
	if way := hint.Way(err); way != "" {
		line += "; " + way
	}
	fmt.Fprintln(t.err, line)
}

// warn prints what an error would say, where the command goes on.
func (t *terminal) warn(err error) { t.Note("note: %v; %s", err, hint.Way(err)) }

// printJSON writes v to standard output.
func (t *terminal) printJSON(v any) error {
	e := json.NewEncoder(t.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// usageError is a wrong call of the program.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// flagError explains a wrong flag and names the nearest one.
func flagError(cmd *cobra.Command, err error) error {
	way := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := hint.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			way = fmt.Sprintf("did you mean --%s? %s", near, way)
		}
	}
	return usageError{hint.Wrap(err, way, "%s", cmd.CommandPath())}
}

// unknownCommand refuses a word that is no command and names the nearest one.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	way := fmt.Sprintf("see `%s --help`", cmd.CommandPath())
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	if near := hint.Nearest(args[0], names); near != "" {
		way = fmt.Sprintf("did you mean `%s %s`? %s", cmd.CommandPath(), near, way)
	}
	return usageError{hint.Errorf(way, "unknown command %q", args[0])}
}

// exactly, atMost and atLeast check the number of arguments, saying what they are.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == n {
			return nil
		}
		return usageError{hint.Errorf(fmt.Sprintf("see `%s --help`", cmd.CommandPath()), "%s takes %s, not %d arguments", cmd.CommandPath(), what, len(args))}
	}
}

func atMost(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		return usageError{hint.Errorf(fmt.Sprintf("see `%s --help`", cmd.CommandPath()), "%s takes %s", cmd.CommandPath(), what)}
	}
}

func atLeast(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= n {
			return nil
		}
		return usageError{hint.Errorf(fmt.Sprintf("see `%s --help`", cmd.CommandPath()), "%s needs %s", cmd.CommandPath(), what)}
	}
}
