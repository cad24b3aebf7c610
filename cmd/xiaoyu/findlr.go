package main

import (
	"context"
	"fmt"
	"strings"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// findRate is `xiaoyu train --find-lr`.
func findRate(ctx context.Context, term *terminal, c *xiaoyu.Config, plot string, asJSON bool) error {
	if plot != "" && !strings.HasSuffix(strings.ToLower(plot), ".svg") && !strings.HasSuffix(strings.ToLower(plot), ".png") {
		return usageError{hint.Errorf("name it .svg or .png", "drawing %s: the format is not known", plot)}
	}
	test, err := xiaoyu.FindRate(ctx, c, term)
	if err != nil {
		return err
	}
	term.endStage()
	if plot != "" {
		if err := writePlot(plot, xiaoyu.RatePlot(test)); err != nil {
			return err
		}
	}
	if asJSON {
		return term.printJSON(test)
	}
	fmt.Fprintf(term.out, "the loss falls most steeply at %.2g and is lowest at %.2g", test.Steepest, test.Lowest)
	if test.Diverged > 0 {
		fmt.Fprintf(term.out, "; at %.2g it has broken down", test.Diverged)
	}
	fmt.Fprintf(term.out, "\nsuggested  train.learning_rate: %.2g   (now %.2g)\n", test.Suggested, c.Train.LearningRate)
	if plot != "" {
		fmt.Fprintf(term.out, "plot       %s\n", plot)
	}
	fmt.Fprintf(term.out, "try        xiaoyu train --set train.learning_rate=%.2g\n", test.Suggested)
	return nil
}
