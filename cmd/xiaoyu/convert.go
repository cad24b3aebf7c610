package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func dataConvert(term *terminal) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	var out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "convert IN --out FILE",
		Short: "Write the examples of a file, as they are, in another format: JSON lines, CSV, TSV, Parquet or CoNLL columns",
		Long: `Write the examples of a file or folder, as they are, in the format that the name of --out says: .jsonl, .csv, .tsv,
.parquet (zstd inside), .conll or .bio; texts also as .gz or .zst. The columns of the new file are called text and
label, and pair, group and time where they were named; labelled stretches of a text go along.`,
		Example: `  xiaoyu data convert label-studio-export.json --out train.jsonl
  xiaoyu data convert reviews.xlsx --text 评论 --label 星级 --out reviews.parquet
  xiaoyu data convert train.bmes --out train.jsonl`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && columns.data != "" {
				return nil
			}
			return exactly(1, "the file to convert")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usageError{hint.Errorf("pass --out FILE.jsonl, .csv, .tsv, .parquet or .conll", "xiaoyu data convert: no output file is named")}
			}
			if len(args) > 0 {
				columns.data = args[0]
			}
			c, err := project.load(cmd, true)
			if err != nil {
				return err
			}
			if err := columns.apply(c); err != nil {
				return err
			}
			result, err := data.Convert(cmd.Context(), &c.Data, out, progress(term, "converting"))
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				return term.printJSON(result)
			}
			for _, note := range result.Notes {
				term.Note("note: %s", note)
			}
			fmt.Fprintf(term.out, "%d rows of %s, %d labelled stretches  %s\n", result.Rows, result.Format, result.Entities, result.To)
			return nil
		},
	}
	project.add(cmd)
	columns.add(cmd, true)
	cmd.Flags().StringVar(&out, "out", "", "file to write: .jsonl, .csv, .tsv, .parquet, .conll or .bio")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was written as JSON")
	return cmd
}
