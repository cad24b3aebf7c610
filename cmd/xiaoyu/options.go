package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// columnFlags are the flags that say where in a file text and label are.
type columnFlags struct {
	data, validation, test, text, label, pair, encoding, format, delimiter, header, invalid, part, quotes string
	given                                                                                                 func(flag string) bool
}

func (f *columnFlags) add(cmd *cobra.Command, withLabel bool) {
	flags := cmd.Flags()
	f.given = flags.Changed
	flags.StringVar(&f.data, "data", "", "examples: CSV, TSV, JSON, JSON lines, XLSX, Parquet or CoNLL columns, also as .gz, .zst or .zip, or a folder of .txt; - for standard input")
	flags.StringVar(&f.text, "text", "", "column of the text: its name, or its number from 1")
	if withLabel {
		flags.StringVar(&f.label, "label", "", "column of the label; \"\" for none")
	}
	flags.StringVar(&f.pair, "pair", "", "column of a second text, for tasks on pairs of texts")
	flags.StringVar(&f.encoding, "encoding", "", "encoding of the file, if detection errs: utf-8, gb18030, big5, utf-16le, utf-16be, windows-1252")
	flags.StringVar(&f.format, "data-format", "", "what the file is, if detection errs: csv, jsonl, json, xlsx, parquet, conll, lines or folder")
	flags.StringVar(&f.part, "part", "", "what to read of several: a sheet, by name or number; the path of a list in JSON; a file in an archive")
	flags.StringVar(&f.delimiter, "delimiter", "", "character between columns, if detection errs; tab for a tab")
	flags.StringVar(&f.quotes, "quotes", "", "no: quotation marks in a table are characters like others; yes: they group")
	flags.StringVar(&f.header, "header", "", "yes or no, if detection errs")
	flags.StringVar(&f.invalid, "invalid", "", "replace: put U+FFFD for bytes that the encoding does not know")
}

// addParts adds the flags of commands that train and judge, for data that has a split of its own.
func (f *columnFlags) addParts(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.validation, "validation", "", "examples to choose by while training, in a file of their own (data.validation_path)")
	cmd.Flags().StringVar(&f.test, "test", "", "examples to judge by, in a file of their own; --data is for training alone then (data.test_path)")
}

// apply puts the flags that were given into the configuration.
func (f *columnFlags) apply(c *xiaoyu.Config) error {
	for key, value := range map[string]string{
		"data.path": f.data, "data.validation_path": f.validation, "data.test_path": f.test, "data.text": f.text, "data.label": f.label, "data.pair": f.pair, "data.encoding": f.encoding,
		"data.format": f.format, "data.delimiter": f.delimiter, "data.header": f.header, "data.invalid": f.invalid, "data.part": f.part, "data.quotes": f.quotes,
	} {
		if value == "" && (key != "data.label" || !f.given("label")) { // --label "" is for files without one
			continue
		}
		if err := conf.Set(c, key, value); err != nil {
			return err
		}
	}
	return nil
}

// columns are those of a file whose texts alone are read.
func (f *columnFlags) columns() (data.Columns, error) {
	c := &xiaoyu.Config{}
	if err := f.apply(c); err != nil {
		return data.Columns{}, err
	}
	c.Data.Columns.Text = cmp.Or(c.Data.Columns.Text, "text")
	return c.Data.Columns, nil
}

// projectFlags find the configuration and change keys of it.
type projectFlags struct {
	file    string
	family  string
	base    string
	task    string
	set     []string
	parent  string // package that is trained further
	teacher string // package that teaches, whose data is taken where nobody names any

	suit *columnFlags // the data that a model learns, for commands that train one: they decide the family where nobody names it
}

func (f *projectFlags) add(cmd *cobra.Command) { f.addAs(cmd, "model") }

// addAs gives the flag of the family another name.
func (f *projectFlags) addAs(cmd *cobra.Command, family string) {
	cmd.Flags().StringVar(&f.file, "config", xiaoyu.ConfigFile, "configuration of the project")
	cmd.Flags().StringVar(&f.family, family, "", "another model family than the project's, with its preset: "+strings.Join(model.Families(), ", "))
	cmd.Flags().StringVar(&f.base, "base", "", "pretrained network to start from: a package, a folder in the Hugging Face layout, or hf://owner/name (model.base)")
	cmd.Flags().StringVar(&f.task, "task", "", "what is learnt: class, multilabel, regression, tokens, embedding or qa; otherwise as the project says")
	cmd.Flags().StringArrayVar(&f.set, "set", nil, "change a key of the configuration: --set train.epochs=3")
}

// load returns the project's configuration; where there is no file, that of the family's preset if base allows it.
func (f *projectFlags) load(cmd *cobra.Command, standalone bool) (*xiaoyu.Config, error) {
	var c *xiaoyu.Config
	var err error
	switch {
	case !standalone && f.teacher != "" && !cmd.Flags().Changed("config") && !exists(f.file):
		c, err = xiaoyu.DistillConfig(f.teacher, f.family)
	case standalone && !cmd.Flags().Changed("config") && f.parent != "":
		if c, err = xiaoyu.ContinueConfig(f.parent); err == nil && f.family != "" {
			c.Model.Family = f.family
		}
	case standalone && !cmd.Flags().Changed("config"):
		family := f.family
		switch {
		case family == "" && f.base != "":
			family = model.FamilyOf(f.base)
		case family == "":
			if family, err = f.suitable(cmd.Context()); err != nil {
				return nil, err
			}
		}
		c, err = xiaoyu.Preset(family)
	default:
		c, err = xiaoyu.LoadConfig(f.file)
		if err == nil && f.family != "" && f.family != c.Model.Family {
			c, err = c.WithFamily(f.family)
		}
	}
	if err != nil {
		return nil, err
	}
	if f.base != "" {
		if family := model.FamilyOf(f.base); f.family == "" && c.Model.Base == "" && c.Model.Family != family {
			if c, err = c.WithFamily(family); err != nil {
				return nil, err
			}
		}
		c.Model.Base = f.base
	}
	if f.parent != "" {
		c.Continue.Model = f.parent
	}
	return c, f.apply(c)
}

// apply changes the keys that --task and --set name.
func (f *projectFlags) apply(c *xiaoyu.Config) error {
	if f.task != "" {
		if err := conf.Set(c, "task", f.task); err != nil {
			return usageError{err}
		}
	}
	for _, s := range f.set {
		key, value, ok := strings.Cut(s, "=")
		if !ok {
			return usageError{hint.Errorf("write --set key=value", "--set %s", s)}
		}
		if err := conf.Set(c, key, value); err != nil {
			return usageError{err}
		}
	}
	return nil
}

// suitable is the family that suits what the flags say of task and data.
func (f *projectFlags) suitable(ctx context.Context) (string, error) {
	if f.suit == nil {
		return "cnn", nil // whose keys have their defaults
	}
	c := &xiaoyu.Config{}
	conf.Defaults(c)
	if err := f.apply(c); err != nil {
		return "", err
	}
	if err := f.suit.apply(c); err != nil {
		return "", err
	}
	return c.SuitableFamily(ctx)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// loadWithData is load for what needs a file of examples, named in the configuration or by the flags.
func (f *projectFlags) loadWithData(cmd *cobra.Command, columns *columnFlags) (*xiaoyu.Config, error) {
	c, err := f.load(cmd, columns.data != "")
	if err != nil {
		return nil, err
	}
	if err := columns.apply(c); err != nil {
		return nil, err
	}
	if c.Data.Path == "" {
		return nil, hint.Errorf("pass --data FILE, or set data.path in "+xiaoyu.ConfigFile, "no file of examples is named")
	}
	return c, nil
}

const lastRun = "last"

// resumeFlag adds --resume.
func resumeFlag(cmd *cobra.Command, run *string) {
	cmd.Flags().StringVar(run, "resume", "", "go on with an interrupted run: its ID, or last (the default if no ID is given)")
	cmd.Flags().Lookup("resume").NoOptDefVal = lastRun
}

// runBehind lets the ID of a run follow --resume after a space, of a command that takes no arguments.
func runBehind(run *string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if *run == lastRun && len(args) == 1 {
			*run, args = args[0], nil
		}
		return exactly(0, "no arguments")(cmd, args)
	}
}

// resultText prints what a training brought.
func resultText(term *terminal, r *xiaoyu.Result) {
	fmt.Fprintln(term.out)
	r.Report.Text(term.out)
	if r.Continued != nil {
		fmt.Fprintf(term.out, "\n%s\n", r.Continued)
	}
	if r.Folds != nil {
		fmt.Fprintf(term.out, "\ncross-validation  %s\n", r.Folds)
	}
	if r.Taught != nil {
		fmt.Fprintln(term.out)
		r.Taught.Text(term.out)
	}
	fmt.Fprintf(term.out, "\nmodel    %s\nreport   %s\nrun      %s   (%.1f s in all)\n", r.Package, r.ReportFile, r.Run, r.Seconds)
	fmt.Fprintf(term.out, "\ntry      xiaoyu predict %s \"…\"\n         xiaoyu serve %s\n", r.Package, r.Package)
}
