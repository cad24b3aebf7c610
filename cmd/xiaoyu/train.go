package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
)

func trainCommand(term *terminal) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	var curve curveFlags
	var out, resume string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train the project's model, judge it on the test part, and write its package",
		Long: `Train reads xiaoyu.yaml (see ` + "`xiaoyu config --explain`" + `). With --data, it works without one.

Ctrl-C writes a checkpoint; --resume goes on to the same result.

With --curve it writes no model, but trains on parts of the training data, from a sixteenth to all of it, each several
times, judges on the same rows, and tells what twice the labels would bring. The same command goes on after Ctrl-C.`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := project.load(cmd, columns.data != "")
			if err != nil {
				return err
			}
			if err := columns.apply(c); err != nil {
				return err
			}
			if out != "" {
				c.Out = out
			}
			term.quiet = asJSON && !term.live
			if curve.draw {
				return trainCurve(cmd.Context(), term, c, &curve, asJSON)
			}
			result, err := xiaoyu.Train(cmd.Context(), c, xiaoyu.TrainOptions{Observer: term, Command: os.Args, Resume: resume})
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				return term.printJSON(result)
			}
			resultText(term, result)
			return nil
		},
	}
	project.add(cmd)
	columns.add(cmd, true)
	curve.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "folder for the model package; models/NAME if not given")
	cmd.Flags().StringVar(&resume, "resume", "", "go on with an interrupted run: its ID, or last (the default if no ID is given)")
	cmd.Flags().Lookup("resume").NoOptDefVal = "last"
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// trainCurve trains on parts of the data instead of training a model.
func trainCurve(ctx context.Context, term *terminal, c *xiaoyu.Config, flags *curveFlags, asJSON bool) error {
	learning, err := xiaoyu.LearningCurve(ctx, c, flags.options(term))
	if err != nil {
		return err
	}
	term.endStage()
	if asJSON {
		return errors.Join(flags.write(term, learning, false), term.printJSON(learning))
	}
	fmt.Fprintln(term.out)
	learning.Text(term.out)
	return flags.write(term, learning, true)
}
