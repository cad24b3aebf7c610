package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

func exportCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var o xiaoyu.ExportOptions
	var list, asJSON bool
	var carried programFlags
	var precision string
	var names []string
	for _, f := range export.Formats() {
		names = append(names, f.Name)
	}
	names = append(append(names, xiaoyu.Sources()...), programs...)
	cmd := &cobra.Command{
		Use:   "export MODEL --to FORMAT --out FOLDER",
		Short: "Write a model as a file that other programs execute",
		Long: `Export writes a folder with the model as a file of another format and what its user needs beside it: the
tokenizer, the labels, a card that shows how it is called, licence, lineage and digests. --list tells what a
model can become and how large each would be. --to exe and --to web write a program that carries the package
itself: one executable, or what runs in a browser, a page if --out ends in .html and a folder otherwise.
--to c and --to go write source code: a header and a source of C99 for machines without files, memory and
operating system, for small families; a package of Go with the model in it, for all.

` + "`xiaoyu predict`, `xiaoyu eval` and `xiaoyu serve`" + ` run exports to ONNX and GGUF as they run packages, and encoders that others
exported to ONNX, beside whose file config.json and tokenizer.json stand. ` + "`xiaoyu verify`" + ` compares an export with the
model that it was made from.`,
		Example: `  xiaoyu export models/reviews --list
  xiaoyu export models/reviews --to exe --os windows --arch amd64 --out reviews.exe
  xiaoyu export models/reviews --to web --out reviews.html
  xiaoyu export models/reviews --to c --precision int8 --length 128 --out firmware/reviews
  xiaoyu export models/reviews --to go --out internal/reviews
  xiaoyu export models/reviews --to onnx --precision int8 --out exports/reviews
  xiaoyu export models/tales --to gguf --precision q8_0 --out exports/tales
  xiaoyu predict exports/reviews/model.onnx "房间很干净"`,
		Args: exactly(1, "one model: its folder, hf://owner/name or market://owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !list {
				if err := checkExport(&o, names); err != nil {
					return err
				}
			}
			term.quiet = asJSON && !term.live
			m, err := openModel(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			if list {
				return listExports(term, m, asJSON)
			}
			if slices.Contains(programs, o.Format) {
				return carried.export(cmd.Context(), term, m, o.Format, o.Out, asJSON)
			}
			if o.Data, err = xiaoyu.Preset("cnn"); err != nil { // only its data part is used
				return err
			}
			if err := columns.apply(o.Data); err != nil {
				return err
			}
			o.Observer, o.Command, o.Precision = term, os.Args, export.Precision(precision)
			e, err := xiaoyu.Export(cmd.Context(), m, o)
			if err != nil {
				return err
			}
			return printExported(term, e, asJSON)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Format, "to", "", "what the model becomes: "+strings.Join(names, ", "))
	flags.StringVar(&o.Out, "out", "", "folder for the export")
	flags.StringVar(&precision, "precision", "", "f32, f16, int8 (inputs rounded row by row), int8-qdq (within ranges found on the texts of --data) or int8-weights; of gguf f32, f16, q8_0 or q4_0")
	flags.IntVar(&o.Length, "length", 0, "tokens of a text, 0 for as many as the model reads: with --to tflite those that the file has room for as long as nobody resizes it, with --to c those that are read")
	flags.StringVar(&o.Calibrate, "calibrate", "", "with --precision int8-qdq: ranges reach to the least and the greatest number (minmax, the default), hold a share of them (percentile, percentile=99.99), or lose least of their distribution (entropy)")
	flags.BoolVar(&list, "list", false, "tell what the model can become, and what each costs")
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	flags.StringVar(&o.Name, "name", "", "with --to c or go: what functions begin with, or how the package is called; the last part of --out if not given")
	carried.add(cmd)
	columns.add(cmd, false)
	return cmd
}

// checkExport tells what is missing in the flags, or wrong.
func checkExport(o *xiaoyu.ExportOptions, names []string) error {
	switch {
	case o.Format == "":
		return usageError{hint.Errorf("pass --to "+strings.Join(names, " or "), "what the model becomes is missing")}
	case !slices.Contains(names, o.Format):
		return usageError{hint.Errorf(hint.OneOf(o.Format, names), "unknown format %q", o.Format)}
	case o.Out == "":
		return usageError{hint.Errorf("pass --out FOLDER", "where the export goes is missing")}
	}
	return nil
}

func printExported(term *terminal, e *xiaoyu.Exported, asJSON bool) error {
	term.endStage()
	if asJSON {
		return term.printJSON(e)
	}
	fmt.Fprintf(term.out, "%-10s%s, %s   (%s)\n", "export", e.Folder, e.File, size.Bytes(e.Bytes))
	fmt.Fprintf(term.out, "%-10s%s\n", "digest", e.Digest)
	if e.Cost != nil {
		fmt.Fprintf(term.out, "%-10s%s\n", "takes", e.Cost)
	}
	printOutside(term, e.Outside)
	return nil
}

func printOutside(term *terminal, list []string) {
	name := "outside"
	for _, s := range list {
		fmt.Fprintf(term.out, "%-10s%s\n", name, s)
		name = ""
	}
}

func listExports(term *terminal, m *xiaoyu.Model, asJSON bool) error {
	costs, err := export.Costs(m.Model)
	if err != nil {
		return err
	}
	if asJSON {
		return term.printJSON(map[string]any{"exports": costs, "sources": xiaoyu.SourceCosts(m), "outside": export.Outside(m.Model)})
	}
	for _, c := range costs {
		what := c.Reason
		if c.Reason == "" {
			what = size.Bytes(c.Bytes)
		}
		fmt.Fprintf(term.out, "%-12s%-14s%s\n", c.Format, c.Precision, what)
	}
	for _, c := range xiaoyu.SourceCosts(m) {
		fmt.Fprintf(term.out, "%-12s%-14s%s\n", c.Format, c.Precision, c)
	}
	if m.Package != nil {
		packed := size.Bytes(m.Package.Size)
		fmt.Fprintf(term.out, "%-12s%-14s%s and some 11 MB of program\n", "exe", "", packed)
		fmt.Fprintf(term.out, "%-12s%-14s%s and some 3 MB of program, a third more in base64\n", "web", "", packed)
	}
	fmt.Fprintln(term.out)
	printOutside(term, export.Outside(m.Model))
	return nil
}
