package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/compress"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// compressFlags say what becomes of a model.
type compressFlags struct {
	columns         columnFlags
	quantize, moves string
	test, out       string
	set             []string
	asJSON          bool
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
are split as for training: what the model learnt from does not judge it, where the file is the same.`,
		Args: exactly(1, "a model: its folder or hf://owner/name"),
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
	flags.StringArrayVar(&f.set, "set", nil, "change a key of the configuration that it is trained further with: --set train.learning_rate=0.0001")
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
	switch {
	case moves == "":
		return usageError{hint.Errorf("pass --quantize int8, or --moves; see `xiaoyu compress --help`", "xiaoyu compress: nothing is said to be done")}
	case f.out == "":
		return usageError{hint.Errorf("pass --out DIR", "xiaoyu compress: no folder is named for the new package")}
	case f.test != "" && f.columns.data == "":
		return usageError{hint.Errorf("pass --data FILE, the examples to learn from", "--test %s", f.test)}
	}
	if _, err := compress.Parse(moves); err != nil {
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
	c.Data.Test = f.test
	for _, s := range f.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return usageError{hint.Errorf("write --set key=value", "--set %s", s)}
		}
		if err := conf.Set(c, key, value); err != nil {
			return usageError{err}
		}
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
