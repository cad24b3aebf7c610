package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func dataDedup(term *terminal) *cobra.Command {
	var out string
	var o data.DoublesOptions
	var asJSON bool
	var meaning, prompt string
	var cmd *cobra.Command
	cmd = dataSubcommand("dedup", "Find texts that are nearly the same, and write the file without them", func(ctx context.Context, c *data.Config) error {
		if err := data.CheckThreshold(o.Threshold); err != nil {
			return usageError{err}
		}
		if o.Keep != "first" && o.Keep != "longest" {
			return usageError{hint.Errorf("pass --keep first or --keep longest", "there is no way %q to choose the row that stays", o.Keep)}
		}
		term.quiet = asJSON && !term.live
		if meaning != "" {
			m, err := openModel(ctx, term, meaning)
			if err != nil {
				return err
			}
			defer m.Close()
			before, err := m.Prompt(prompt)
			if err != nil {
				return err
			}
			o.By = xiaoyu.Meaning(m, before)
			if !cmd.Flags().Changed("threshold") {
				o.Threshold = sameMeaning
			}
		}
		d, err := data.FindDoubles(ctx, c, o, stages(term))
		if err != nil {
			return err
		}
		term.endStage()
		if out != "" {
			if err := d.Write(out); err != nil {
				return err
			}
		}
		if asJSON {
			return term.printJSON(d)
		}
		d.Text(term.out)
		if out != "" {
			fmt.Fprintf(term.out, "\nwritten         %s\n", out)
		}
		return nil
	})
	flags := cmd.Flags()
	flags.Float64Var(&o.Threshold, "threshold", 0.8, "how alike near doubles are: the least share of common short character runs (Jaccard), up to 1")
	flags.StringVar(&meaning, "by-meaning", "", "a model whose vectors tell how alike texts are, by their cosine (0.95 unless --threshold is given): finds the same said in other words")
	flags.StringVar(&prompt, "prompt", "", "name of a prompt of that model, in place of its default one")
	flags.StringVar(&o.Keep, "keep", "first", "which row of a group stays: first or longest")
	flags.IntVar(&o.Examples, "limit", 10, "groups to show; -1 for all")
	flags.StringVar(&out, "out", "", "file to write without the near doubles: .jsonl or .csv")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// sameMeaning is the cosine from which two texts count as saying the same.
const sameMeaning = 0.95

// stages shows work that names its stages as it goes.
func stages(term *terminal) func(stage string, done, total int64) {
	current := ""
	return func(stage string, done, total int64) {
		if stage != current {
			current = stage
			unit := "texts"
			if stage == "reading" {
				unit = "bytes"
			}
			term.Stage(stage, total, unit)
		}
		term.Progress(done, "")
	}
}
