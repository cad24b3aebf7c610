package main

import (
	"fmt"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/eval"
)

func evalCommand(term *terminal) *cobra.Command {
	var columns columnFlags
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
chance: by McNemar's exact test (numbers: the sign test) and by resampling the examples in pairs.`,
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
			if err != nil {
				return err
			}
			term.endStage()
			if html != "" {
				if err := xiaoyu.WriteReport(html, m, c, report, page); err != nil {
					return err
				}
			}
			switch {
			case asJSON && page.Comparison != nil:
				return term.printJSON(map[string]any{"report": report, "comparison": page.Comparison})
			case asJSON:
				return term.printJSON(report)
			case page.Comparison != nil:
				page.Comparison.Text(term.out)
			default:
				report.Text(term.out)
			}
			if html != "" {
				fmt.Fprintf(term.out, "\nreport   %s\n", html)
			}
			return nil
		},
	}
	columns.add(cmd, true)
	cmd.Flags().StringVar(&against, "against", "", "another model, to be judged on the same rows and compared")
	cmd.Flags().StringArrayVar(&slices, "slice", nil, "a column by whose values the figures are told apart as well; may be given again")
	cmd.Flags().StringVar(&html, "html", "", "write the report as a web page to this file")
	cmd.Flags().IntVar(&mistakes, "mistakes", 20, "how many of the most confident mistakes to list")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}
