package main

import (
	"fmt"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
)

func evalCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var html string
	var mistakes int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "eval MODEL --data FILE --text COLUMN --label COLUMN",
		Short: "Judge a model on a file of examples",
		Args:  exactly(1, "the folder of a model"),
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
			c.Eval.Mistakes = mistakes
			term.quiet = asJSON && !term.live
			report, err := xiaoyu.Evaluate(cmd.Context(), m, c, term)
			if err != nil {
				return err
			}
			term.endStage()
			if html != "" {
				if err := xiaoyu.WriteReport(html, m, c, report); err != nil {
					return err
				}
			}
			if asJSON {
				return term.printJSON(report)
			}
			report.Text(term.out)
			if html != "" {
				fmt.Fprintf(term.out, "\nreport   %s\n", html)
			}
			return nil
		},
	}
	columns.add(cmd, true)
	cmd.Flags().StringVar(&html, "html", "", "write the report as a web page to this file")
	cmd.Flags().IntVar(&mistakes, "mistakes", 20, "how many of the most confident mistakes to list")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}
