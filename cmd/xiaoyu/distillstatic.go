package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// staticFlags are those of `distill --static`.
type staticFlags struct {
	on      bool
	options xiaoyu.StaticOptions
}

// staticAlone are the flags that mean something with --static only.
var staticAlone = []string{"dim", "sif", "store", "vocabulary", "fit", "fit-tokens"}

func (f *staticFlags) add(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &f.options
	flags.BoolVar(&f.on, "static", false, "make a table of token vectors of one sentence encoder, in place of training a student")
	flags.IntVar(&o.Dim, "dim", 256, "with --static: numbers of a vector; 0 for as many as the encoder's have")
	flags.Float64Var(&o.SIF, "sif", 1e-3, "with --static: how much frequent tokens count less, a of a/(a+p) for a token of frequency p; 0 for not at all")
	flags.StringVar(&o.Store, "store", "f16", "with --static: how numbers are stored: f32, f16 or int8")
	flags.BoolVar(&o.Vocabulary, "vocabulary", false, "with --static: leave out the tokens that the texts of --data lack")
	flags.IntVar(&o.Fit, "fit", 0, "with --static: fit the vectors to what the encoder says of so many texts of --data")
	flags.IntVar(&o.FitTokens, "fit-tokens", 64, "with --static: tokens of a text that are read for --fit")
}

// run makes the embedding.
func (f *staticFlags) run(cmd *cobra.Command, term *terminal, args []string, columns *columnFlags, out string, asJSON bool) error {
	if len(args) != 1 {
		return usageError{hint.Errorf("see `xiaoyu distill --help`", "distill --static takes one encoder: its folder, hf://owner/name or market://owner/name")}
	}
	if out == "" {
		return usageError{hint.Errorf("pass --out FOLDER", "where the package goes is missing")}
	}
	o := f.options
	o.Encoder, o.Out, o.Observer, o.Command = args[0], out, term, os.Args
	if columns.data == "" && (o.Vocabulary || o.Fit > 0) {
		return usageError{hint.Errorf("pass --data FILE --text COLUMN", "--vocabulary and --fit need texts")}
	}
	if columns.data != "" {
		var err error
		o.Path = columns.data
		if o.Columns, err = columns.columns(); err != nil {
			return err
		}
	}
	term.quiet = asJSON && !term.live
	r, err := xiaoyu.DistillStatic(cmd.Context(), o)
	if err != nil {
		return err
	}
	term.endStage()
	if asJSON {
		return term.printJSON(r)
	}
	fmt.Fprintf(term.out, "%d tokens, %d numbers each as %s  %s   (%s, %.1f s)\n", r.Tokens, r.Dim, r.Store, r.Package, size.Bytes(r.Bytes), r.Seconds)
	fmt.Fprintf(term.out, "\ntry      xiaoyu embed %s \"…\"\n         xiaoyu train --base %s --data FILE --text COLUMN --label COLUMN\n", r.Package, r.Package)
	return nil
}
