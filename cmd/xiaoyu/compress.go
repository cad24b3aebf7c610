package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/compress"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// compressFlags say what becomes of a model.
type compressFlags struct {
	columns         columnFlags
	quantize, moves string
	test, out       string
	set, texts      []string
	asJSON          bool

	maxDrop, minutes    float64
	maxSize, maxLatency string
	healing, report     string
}

func compressCommand(term *terminal) *cobra.Command {
	var f compressFlags
	cmd := &cobra.Command{
		Use:   "compress MODEL --out DIR",
		Short: "Make a smaller model of a model, and tell what that cost",
		Long: `Compress makes a smaller package of a model's. What it makes is an ordinary model, opened and used like any other.

--quantize keeps the weights in fewer bits: f16, bf16, int8 (a scale a row, multiplied as whole numbers) or int4 (a
scale for each 32 numbers, multiplied in 8 bits). --moves makes several steps, one after the other, with commas between:

  ` + strings.Join(compress.Moves(), "\n  ") + `

With --data, or with the columns and the test file that the model was trained on, moves that need examples have them,
what was cut off is made up for by training further, and a table compares each step with the original: the main figure
with its interval, agreement, size, memory, the time of one text, labels, and the examples whose answer changed. Rows
are split as for training: what the model learnt from does not judge it, where the file is the same. --texts names
texts without labels of the same kind, which distill and student have the original label: the more is cut off, the more
they help.

With --max-drop, --max-size or --max-latency it searches: it tries combinations of moves for --minutes, judges them on
the validation part (or half of the test part, where there is none or the model has learnt from it), refuses steps that
make the model larger, slower on this machine, or neither smaller nor faster nor better, or that lose a label, and writes
the best combination that holds all limits, or says that none does. Where a limit is far from what an encoder or a
transformer has, students of other families are tried early. Training that wins back what was lost (distill,
qat8, qat4, share_first) is tried where something was lost. What was tried is kept in DIR.search.json; the same
command goes on after Ctrl-C.`,
		Args: exactly(1, "a model: its folder, hf://owner/name or market://owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			term.quiet = f.asJSON && !term.live
			return f.run(cmd, term, args[0])
		},
	}
	f.columns.add(cmd, true)
	flags := cmd.Flags()
	flags.StringVar(&f.quantize, "quantize", "", "keep weights in fewer bits: f16, bf16, int8 or int4")
	flags.StringVar(&f.moves, "moves", "", "steps to make, in their order, with commas between: see above")
	flags.StringVar(&f.test, "test", "", "file of examples that judge, of the same form as that of --data; else a part of it does")
	flags.StringArrayVar(&f.texts, "texts", nil, "file of texts without labels, which distill and student learn from as well; may be given several times")
	flags.StringArrayVar(&f.set, "set", nil, "change a key of the configuration that it is trained further with: --set train.learning_rate=0.0001")
	flags.Float64Var(&f.maxDrop, "max-drop", 0, "search: points of the main figure that may be lost, such as 0.5")
	flags.StringVar(&f.maxSize, "max-size", "", "search: largest package, such as 200KB or 2MB")
	flags.StringVar(&f.maxLatency, "max-latency", "", "search: longest median time of one text on this machine, such as 1ms")
	flags.Float64Var(&f.minutes, "minutes", 10, "search: minutes after which nothing more is tried")
	flags.StringVar(&f.healing, "healing", "", "search: the move that makes up for what was cut out of a network: heal=N or distill=N (default heal=2, and distill=2 where that loses too much)")
	flags.StringVar(&f.report, "report", "", "search: write a page with tables and Pareto fronts to this file")
	flags.StringVar(&f.out, "out", "", "folder for the new package")
	flags.BoolVar(&f.asJSON, "json", false, "print the result as JSON")
	return cmd
}

func (f *compressFlags) run(cmd *cobra.Command, term *terminal, name string) error {
	moves := f.moves
	switch f.quantize {
	case "":
	case "f16", "bf16", "int8", "int4":
		moves = strings.Trim(moves+","+f.quantize, ",")
	default:
		return usageError{hint.Errorf("pass f16, bf16, int8 or int4", "--quantize %s", f.quantize)}
	}
	limits, err := f.limits()
	if err != nil {
		return usageError{err}
	}
	searches := limits != (compress.Limits{})
	switch {
	case searches && moves != "":
		return usageError{hint.Errorf("leave out one of them", "xiaoyu compress: limits make a search of its own, --moves and --quantize name what is done")}
	case f.report != "" && !searches:
		return usageError{hint.Errorf("add a limit, such as --max-drop 0.5", "xiaoyu compress --report: only a search draws one")}
	case moves == "" && !searches:
		return usageError{hint.Errorf("pass --quantize int8, or --moves; see `xiaoyu compress --help`", "xiaoyu compress: nothing is said to be done")}
	case f.out == "":
		return usageError{hint.Errorf("pass --out DIR", "xiaoyu compress: no folder is named for the new package")}
	case f.test != "" && f.columns.data == "":
		return usageError{hint.Errorf("pass --data FILE, the examples to learn from", "--test %s", f.test)}
	case len(f.texts) > 0 && !searches && !strings.Contains(moves, "distill") && !strings.Contains(moves, "student"):
		return usageError{hint.Errorf("add the move distill=N or student=FAMILY", "--texts: no move learns from what the original says of texts")}
	}
	if _, err := compress.Parse(moves); err != nil && !searches {
		return usageError{err}
	}
	m, err := openModel(cmd.Context(), term, name)
	if err != nil {
		return err
	}
	defer m.Close()
	c, err := xiaoyu.CompressConfig(m.Package.Dir, m)
	if err != nil {
		return err
	}
	if err := f.columns.apply(c); err != nil {
		return err
	}
	c.Data.Test, c.Distill.Texts = f.test, f.texts
	for _, s := range f.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return usageError{hint.Errorf("write --set key=value", "--set %s", s)}
		}
		if err := conf.Set(c, key, value); err != nil {
			return usageError{err}
		}
	}
	if searches {
		return f.search(cmd, term, m, c, limits)
	}
	result, err := xiaoyu.Compress(cmd.Context(), m, c, xiaoyu.CompressOptions{Observer: term, Command: os.Args, Moves: moves, Out: f.out})
	if err != nil {
		return err
	}
	term.endStage()
	if f.asJSON {
		return term.printJSON(result)
	}
	fmt.Fprintln(term.out)
	result.Text(term.out)
	fmt.Fprintf(term.out, "\nmodel    %s\n", result.Package)
	return nil
}

// limits reads those that were given.
func (f *compressFlags) limits() (l compress.Limits, err error) {
	l.MaxDrop = f.maxDrop / 100
	if !(f.maxDrop >= 0 && f.maxDrop <= 100) {
		return l, hint.Errorf("pass points of the main figure, such as 0.5", "--max-drop %v", f.maxDrop)
	}
	if f.maxSize != "" {
		if l.MaxSize, err = size.Parse(f.maxSize); err != nil {
			return l, hint.Wrap(err, "write it like 200KB or 2MB", "--max-size")
		}
	}
	if f.maxLatency != "" {
		d, err := time.ParseDuration(f.maxLatency)
		if err != nil || d <= 0 {
			return l, hint.Errorf("write it like 1ms or 500us", "--max-latency %s", f.maxLatency)
		}
		l.MaxLatency = float64(d.Nanoseconds()) / 1e6
	}
	return l, nil
}

func (f *compressFlags) search(cmd *cobra.Command, term *terminal, m *xiaoyu.Model, c *xiaoyu.Config, limits compress.Limits) error {
	found, err := xiaoyu.CompressSearch(cmd.Context(), m, c, xiaoyu.CompressSearchOptions{
		CompressOptions: xiaoyu.CompressOptions{Observer: term, Command: os.Args, Out: f.out},
		Limits:          limits, Minutes: f.minutes, Healing: f.healing, Report: f.report,
	})
	if err != nil {
		return err
	}
	term.endStage()
	if f.asJSON {
		err = term.printJSON(found)
	} else {
		fmt.Fprintf(term.out, "\n%s", found.Text())
		if found.Failed == "" {
			fmt.Fprintf(term.out, "\nmodel    %s\n", found.Package)
		}
	}
	if err == nil && found.Failed != "" {
		return exitCode(3)
	}
	return err
}
