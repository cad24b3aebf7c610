package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/eval"
)

// evalFlags say what is judged, and what is made of it.
type evalFlags struct {
	precision     precision
	columns       columnFlags
	curve         curveFlags
	html, against string
	slices        []string
	mistakes      int
	asJSON        bool
}

func evalCommand(term *terminal) *cobra.Command {
	var f evalFlags
	cmd := &cobra.Command{
		Use:   "eval MODEL --data FILE --text COLUMN --label COLUMN",
		Short: "Judge a model on a file of examples, or compare two",
		Long: `Eval judges a model of any task on a file of examples: figures with their intervals, by label and by the
values of other columns (--slice), and the mistakes.

With --against OTHER it judges a second model on the same rows and tells whether one of them is better beyond
chance: by McNemar's exact test (numbers: the sign test) and by resampling the examples in pairs.

With --curve it also trains on parts of the model's own training data, as ` + "`xiaoyu train --curve`" + ` does.`,
		Args: exactly(1, "a model: its folder, hf://owner/name or market://owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			term.quiet = f.asJSON && !term.live
			return f.run(cmd.Context(), term, args[0])
		},
	}
	f.columns.add(cmd, true)
	f.curve.add(cmd)
	f.precision.add(cmd)
	cmd.Flags().StringVar(&f.against, "against", "", "another model, to be judged on the same rows and compared")
	cmd.Flags().StringArrayVar(&f.slices, "slice", nil, "a column by whose values the figures are told apart as well; may be given again")
	cmd.Flags().StringVar(&f.html, "html", "", "write the report as a web page to this file")
	cmd.Flags().IntVar(&f.mistakes, "mistakes", 20, "how many of the most confident mistakes to list")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the report as JSON")
	return cmd
}

func (f *evalFlags) run(ctx context.Context, term *terminal, name string) error {
	c, err := xiaoyu.Preset("cnn") // only its data part is used
	if err != nil {
		return err
	}
	if err := f.columns.apply(c); err != nil {
		return err
	}
	c.Eval.Mistakes, c.Data.Slices = f.mistakes, f.slices
	m, err := f.precision.open(ctx, term, name)
	if err != nil {
		return err
	}
	defer m.Close()
	report, page, err := f.judge(ctx, term, m, c)
	if err != nil {
		return err
	}
	term.endStage()
	if page.Curve != nil {
		if err := f.curve.write(term, page.Curve, false); err != nil {
			return err
		}
	}
	if f.html != "" {
		if err := xiaoyu.WriteReport(f.html, m, c, report, page); err != nil {
			return err
		}
	}
	if f.asJSON {
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
	if f.html != "" {
		fmt.Fprintf(term.out, "\nreport   %s\n", f.html)
	}
	return nil
}

// judge makes the report, and of the page what was asked for.
func (f *evalFlags) judge(ctx context.Context, term *terminal, m *xiaoyu.Model, c *xiaoyu.Config) (report *eval.Report, page eval.Page, err error) {
	if f.against == "" {
		report, err = xiaoyu.Evaluate(ctx, m, c, term)
	} else {
		var other *xiaoyu.Model
		if other, err = openModel(ctx, term, f.against); err != nil {
			return nil, page, err
		}
		defer other.Close()
		report, page.Comparison, err = xiaoyu.Compare(ctx, m, other, c, term)
	}
	if err == nil && f.curve.draw {
		page.Curve, err = xiaoyu.CurveOfModel(ctx, m, f.curve.options(term))
	}
	return report, page, err
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
