package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/data/stats"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func dataStats(term *terminal) *cobra.Command {
	var html string
	var o stats.Options
	var asJSON bool
	cmd := dataSubcommand("stats", "Statistics of a file, as a table or a web page: lengths, labels, vocabulary, scripts, doubles, suspicious rows", func(ctx context.Context, c *data.Config) error {
		if o.Threshold != 0 {
			if err := data.CheckThreshold(o.Threshold); err != nil {
				return usageError{err}
			}
		}
		term.quiet = asJSON && !term.live
		r, err := stats.Compute(ctx, c, o, stages(term))
		if err != nil {
			return err
		}
		term.endStage()
		if html != "" {
			if err := writeStats(html, c.Path, r); err != nil {
				return err
			}
		}
		if asJSON {
			return term.printJSON(r)
		}
		r.Text(term.out)
		if html != "" {
			fmt.Fprintf(term.out, "\nreport   %s\n", html)
		}
		return nil
	})
	flags := cmd.Flags()
	flags.StringVar(&html, "html", "", "write the statistics as a web page with figures to this file")
	flags.Float64Var(&o.Threshold, "threshold", 0.8, "how alike near doubles are (Jaccard), up to 1; 0 to leave them out")
	flags.IntVar(&o.Listed, "limit", 20, "suspicious rows of each kind, and groups of near doubles, to list; -1 for all")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func writeStats(path, data string, r *stats.Report) error {
	const way = "choose another file, or free some space"
	w, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, way, "writing the statistics")
	}
	defer w.Abort()
	if err := r.HTML(w, filepath.Base(data)); err != nil {
		return hint.Wrap(err, way, "writing %s", path)
	}
	if err := w.Commit(); err != nil {
		return hint.Wrap(err, way, "writing %s", path)
	}
	return nil
}
