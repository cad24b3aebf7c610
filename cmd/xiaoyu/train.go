package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func trainCommand(term *terminal) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	var curve curveFlags
	var out, resume string
	var asJSON, findLR bool
	var auto autoFlags
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train the project's model, judge it on the test part, and write its package",
		Long: `Train reads xiaoyu.yaml (see ` + "`xiaoyu config --explain`" + `). With --data, it works without one.

Ctrl-C writes a checkpoint; --resume goes on to the same result.

With --curve it writes no model, but trains on parts of the training data, from a sixteenth to all of it, each several
times, judges on the same rows, and tells what twice the labels would bring. The same command goes on after Ctrl-C.

With --continue MODEL it trains a package further on data that is new to it: some of the old data is read again, weights
that matter to the rest hold their place, labels may be new. It tells what was won on the new test part and lost on the
old one, and refuses to write the package where the old figure falls by more than continue.max_drop. Settings are those
that the package was trained with, unless --config names others; without --out, the package is replaced.

With --auto it picks family and settings itself, within --minutes. With --find-lr it trains nothing that stays: it tells
which learning rate suits, by a few hundred steps of rising rates.`,
		Args: runBehind(&resume),
		RunE: func(cmd *cobra.Command, _ []string) error {
			project.suit = &columns
			c, err := project.load(cmd, columns.data != "" || auto.on && resume != "")
			if err != nil {
				return err
			}
			if err := columns.apply(c); err != nil {
				return err
			}
			if out != "" {
				c.Out = out
				if base := filepath.Base(filepath.Clean(out)); c.Name == "model" && base != "." && base != string(filepath.Separator) { // nobody has named it
					c.Name = base
				}
			}
			term.quiet = asJSON && !term.live
			switch {
			case curve.plot != "" && !findLR && !curve.draw:
				return usageError{hint.Errorf("add --find-lr or --curve, whose plot it is", "xiaoyu train -o %s: a training draws no plot; `xiaoyu runs plot` draws its record", curve.plot)}
			case findLR && (auto.on || curve.draw || resume != "") || auto.on && curve.draw:
				return usageError{hint.Errorf("choose one of them", "xiaoyu train: --find-lr, --auto and --curve do different things")}
			case project.parent != "" && (findLR || auto.on || curve.draw):
				return usageError{hint.Errorf("choose one of them", "xiaoyu train --continue %s: --find-lr, --auto and --curve train models from nothing", project.parent)}
			case cmd.Flags().Changed("minutes") && !auto.on:
				return usageError{hint.Errorf("add --auto", "xiaoyu train --minutes %g: only an automatic training has a limit", auto.minutes)}
			case curve.draw:
				return trainCurve(cmd.Context(), term, c, &curve, asJSON)
			case findLR:
				return findRate(cmd.Context(), term, c, curve.plot, asJSON)
			case auto.on:
				return auto.run(cmd, term, c, &project, resume, asJSON)
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
	columns.addParts(cmd)
	curve.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "folder for the model package; models/NAME if not given")
	cmd.Flags().StringVar(&project.parent, "continue", "", "folder of a package to train further on new data, without forgetting the old")
	resumeFlag(cmd, &resume)
	cmd.Flags().BoolVar(&findLR, "find-lr", false, "suggest a learning rate by a range test, and leave the model as it is")
	auto.add(cmd)
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
