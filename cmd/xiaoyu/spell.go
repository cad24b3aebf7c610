package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text/spell"
)

func dataSpell(term *terminal) *cobra.Command {
	var out string
	var least float64
	var limit, maxChars int
	var asJSON bool
	texts := func(c *data.Columns) { c.Label, c.Group, c.Time, c.Slices = "", "", "", nil } // nothing else is needed
	cmd := dataSubcommandOn("spell", "Propose corrections of misspellings from the data's own statistics, as a table to edit", texts, func(ctx context.Context, c *data.Config) error {
		if !(least >= 0.5 && least <= 1) {
			return usageError{hint.Errorf("give one from 0.5 to 1", "--least %v: no confidence to propose from", least)}
		}
		if limit < 0 || maxChars < 1 {
			return usageError{hint.Errorf("give numbers above 0", "--limit %d, --max-chars %d", limit, maxChars)}
		}
		if out != "" { // before minutes are spent
			if _, _, err := data.ReadSpelling(out); err != nil {
				return err
			}
		}
		term.quiet = asJSON && !term.live
		r, err := data.ProposeSpelling(ctx, c, spell.Options{Least: least, MaxChars: maxChars, Progress: stages(term)})
		if err != nil {
			return err
		}
		term.endStage()
		added := 0
		if out != "" {
			if added, err = data.WriteSpelling(out, r); err != nil {
				return err
			}
		}
		if asJSON {
			return term.printJSON(r)
		}
		r.Text(term.out, limit)
		if out != "" {
			fmt.Fprintf(term.out, "\nwritten          %10d new lines in %s\nlook through it, then: --set data.clean.spelling=%s, or that key in the configuration\n", added, out, out)
		} else if len(r.Proposals) > 0 {
			fmt.Fprintln(term.out, "\nnothing is written; --out FILE.tsv writes them all as a table to edit")
		}
		return nil
	})
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "table to write; lines that it has stay")
	flags.Float64Var(&least, "least", 0.5, "least confidence of what is proposed")
	flags.IntVar(&limit, "limit", 20, "proposals to print")
	flags.IntVar(&maxChars, "max-chars", 20_000_000, "characters of the data to look at; a Chinese one counts as four")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
