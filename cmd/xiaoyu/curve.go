package main

import (
	"fmt"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/eval"
)

// curveFlags ask for a learning curve.
type curveFlags struct {
	draw   bool
	seeds  int
	shares []float64
	plot   string
}

func (f *curveFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.draw, "curve", false, "draw the learning curve: train on parts of the training data, and tell what twice the labels would bring")
	cmd.Flags().IntVar(&f.seeds, "curve-seeds", 3, "trainings of each part")
	cmd.Flags().Float64SliceVar(&f.shares, "curve-shares", nil, "the parts; 0.0625,0.125,0.25,0.5,1 if not given")
	cmd.Flags().StringVarP(&f.plot, "plot", "o", "", "draw the curve of --curve or --find-lr into this file: .svg or .png")
}

func (f *curveFlags) options(term *terminal) xiaoyu.CurveOptions {
	return xiaoyu.CurveOptions{Observer: term, Shares: f.shares, Seeds: max(f.seeds, 1)}
}

// write draws the curve into the file that was asked for.
func (f *curveFlags) write(term *terminal, c *eval.LearningCurve, told bool) error {
	if f.plot == "" {
		return nil
	}
	if err := writePlot(f.plot, c.Plot()); err != nil {
		return err
	}
	if told {
		fmt.Fprintf(term.out, "plot     %s\n", f.plot)
	}
	return nil
}
