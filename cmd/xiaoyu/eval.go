package main

import (
	"fmt"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/eval"
)

func evalCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var curve curveFlags
	var html, against string
	var slices []string
	var mistakes int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "eval MODEL --data FILE --text COLUMN --label COLUMN",
		Short: "Judge a model on a file of examples, or compare two",
		Long: `Eval judges a model of any task on a file of examples: figures with their intervals, by label and by the
values of other columns (--slice), and the mistakes.

With --against OTHER it judges a second model on the same rows and tells whether one of them is better beyond
chance: by McNemar's exact test (numbers: the sign test) and by resampling the examples in pairs.

With --curve it also trains on parts of the model's own training data, as ` + "`xiaoyu train --curve`" + ` does.`,
		Args: exactly(1, "the folder of a model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := xiaoyu.Preset("cnn") // only its data part is used
			if err != nil {
				return err
			}
			if err := columns.apply(c); err != nil {
				return err
			}
			m, err := xiaoyu.Open(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			c.Eval.Mistakes, c.Data.Slices = mistakes, slices
			term.quiet = asJSON && !term.live
			page := eval.Page{}
			var report *eval.Report
			if against == "" {
				report, err = xiaoyu.Evaluate(cmd.Context(), m, c, term)
			} else {
				var other *xiaoyu.Model
				if other, err = xiaoyu.Open(against); err != nil {
					return err
				}
				defer other.Close()
				report, page.Comparison, err = xiaoyu.Compare(cmd.Context(), m, other, c, term)
			}
			if err == nil && curve.draw {
				page.Curve, err = xiaoyu.CurveOfModel(cmd.Context(), m, curve.options(term))
			}
			if err != nil {
				return err
			}
			term.endStage()
			if page.Curve != nil {
				if err := curve.write(term, page.Curve, false); err != nil {
					return err
				}
			}
			if html != "" {
				if err := xiaoyu.WriteReport(html, m, c, report, page); err != nil {
					return err
				}
			}
			if asJSON {
				return term.printJSON(judgementJSON(report, page))
			}
			if page.Comparison != nil {
				page.Comparison.Text(term.out)
			} else {
				report.Text(term.out)
			}
			if page.Curve != nil {
				fmt.Fprintln(term.out, "\nlearning curve")
				page.Curve.Text(term.out)
			}
			if html != "" {
				fmt.Fprintf(term.out, "\nreport   %s\n", html)
			}
			return nil
		},
	}
	columns.add(cmd, true)
	curve.add(cmd)
	cmd.Flags().StringVar(&against, "against", "", "another model, to be judged on the same rows and compared")
	cmd.Flags().StringArrayVar(&slices, "slice", nil, "a column by whose values the figures are told apart as well; may be given again")
	cmd.Flags().StringVar(&html, "html", "", "write the report as a web page to this file")
	cmd.Flags().IntVar(&mistakes, "mistakes", 20, "how many of the most confident mistakes to list")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// judgementJSON is the report alone where there is nothing else.
func judgementJSON(report *eval.Report, page eval.Page) any {
	if page.Comparison == nil && page.Curve == nil {
		return report
	}
	out := map[string]any{"report": report}
	if page.Comparison != nil {
		out["comparison"] = page.Comparison
	}
	if page.Curve != nil {
		out["curve"] = page.Curve
	}
	return out
}
