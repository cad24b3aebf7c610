package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func dataCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Look at, clean, split and convert files of examples",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(dataShow(term), dataClean(term), dataSpell(term), dataSplit(term))
	cmd.AddCommand(dataStats(term), dataDedup(term), dataLeak(term), dataDoubtful(term))
	cmd.AddCommand(dataConvert(term), dataFetch(term), dataWords(term), dataLabel(term))
	return cmd
}

// dataSubcommand builds a subcommand that works on the project's data, or on that of the flags.
func dataSubcommand(use, short string, run func(ctx context.Context, c *data.Config) error) *cobra.Command {
	return dataSubcommandOn(use, short, func(*data.Columns) {}, run)
}

// dataSubcommandOn is dataSubcommand for what needs other columns than those of the configuration.
func dataSubcommandOn(use, short string, change func(c *data.Columns), run func(ctx context.Context, c *data.Config) error) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := project.loadWithData(cmd, &columns)
			if err != nil {
				return err
			}
			change(&c.Data.Columns)
			if err := c.Data.Resolve(cmd.Context(), c.Task); err != nil {
				return err
			}
			return run(cmd.Context(), &c.Data)
		},
	}
	project.add(cmd)
	columns.add(cmd, true)
	return cmd
}

func dataShow(term *terminal) *cobra.Command {
	var asJSON bool
	cmd := dataSubcommand("show", "What a file holds: labels, lengths, languages, what cleaning would do, and the first rows", func(ctx context.Context, c *data.Config) error {
		s, err := data.Summarize(ctx, c, progress(term, "reading"))
		if err != nil {
			return err
		}
		term.endStage()
		if asJSON {
			return term.printJSON(s)
		}
		s.Text(term.out)
		return nil
	})
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func dataClean(term *terminal) *cobra.Command {
	var out string
	var preview, asJSON bool
	cmd := dataSubcommand("clean", "What each cleaning step would do, on examples; with --out, write the cleaned file", func(ctx context.Context, c *data.Config) error {
		if preview && out != "" {
			return usageError{hint.Errorf("pass one of the two", "xiaoyu data clean: --preview writes nothing, --out names a file")}
		}
		term.quiet = asJSON && !term.live
		report, err := data.CleanFile(ctx, c, out, progress(term, "cleaning"))
		if err != nil {
			return err
		}
		term.endStage()
		if asJSON {
			return term.printJSON(report)
		}
		report.Text(term.out)
		if out == "" {
			fmt.Fprintln(term.out, "\nnothing is written; --out FILE.jsonl or FILE.csv applies this, `xiaoyu config --explain` lists the steps (data.clean, data.rows)")
			return nil
		}
		fmt.Fprintf(term.out, "written         %s\n", out)
		return nil
	})
	cmd.Flags().StringVar(&out, "out", "", "file to write: .jsonl or .csv; without it nothing is written")
	cmd.Flags().BoolVar(&preview, "preview", false, "write nothing, as without --out")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func dataSplit(term *terminal) *cobra.Command {
	var out string
	var asJSON bool
	cmd := dataSubcommand("split", "Write training, validation and test part as three files of JSON lines", func(ctx context.Context, c *data.Config) error {
		term.quiet = asJSON && !term.live
		set, err := data.Load(ctx, c, progress(term, "reading"))
		if err != nil {
			return err
		}
		term.endStage()
		files, err := set.WriteParts(out)
		if err != nil {
			return err
		}
		parts := set.Describe(files)
		if asJSON {
			return term.printJSON(map[string]any{"by": c.Split.By, "near": c.Split.Near, "parts": parts, "together": set.Together, "notes": set.Notes})
		}
		for _, note := range set.Notes {
			term.Note("note: %s", note)
		}
		fmt.Fprintf(term.out, "split by %s", c.Split.By)
		if c.Split.Near > 0 {
			t := set.Together
			fmt.Fprintf(term.out, "; %d rows in %d groups of near doubles stay together, %d of them were moved", t.Rows, t.Groups, t.Moved)
		}
		fmt.Fprintln(term.out)
		for _, p := range parts {
			fmt.Fprintf(term.out, "%-12s %8d rows  %5.1f %%  %s\n", p.Side, p.Rows, 100*p.Share, p.File)
		}
		data.PartsText(term.out, parts)
		return nil
	})
	cmd.Flags().StringVar(&out, "out", ".", "folder to write to")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was done as JSON")
	return cmd
}

// progress shows bytes read as a stage that begins with the first of them.
func progress(term *terminal, name string) func(done, total int64) {
	return func(done, total int64) {
		if term.stage == nil {
			term.Stage(name, total, "bytes")
		}
		term.Progress(done, "")
	}
}
