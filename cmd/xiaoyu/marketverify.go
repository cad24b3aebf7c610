package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// measuring says how models are measured, as a serving market and its workers do it alike.
type measuring struct {
	parallel int
	limit    time.Duration
}

func (m *measuring) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&m.limit, "verify-limit", 5*time.Minute, "how long measuring a model by a benchmark may take")
	cmd.Flags().IntVar(&m.parallel, "verify-parallel", 1, "models that are measured at once; more than one makes their times worse")
}

func (m *measuring) options() verify.WorkerOptions {
	return verify.WorkerOptions{Options: verify.Options{Limit: m.limit, Version: xiaoyu.Version()}, Parallel: m.parallel}
}

func marketWorkerCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var m measuring
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Measure the models of a market by its benchmarks, beside the market or in its place, until Ctrl-C",
		Long: `Measure the models of a market by its benchmarks, until Ctrl-C. A market does so by itself; workers on other machines
take a part of it, with the same --database and --store, or all where it runs with --no-worker. A worker that is killed
loses nothing: another one does what it was at.`,
		Args: exactly(0, "no arguments"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, _ []string) error {
			o := m.options()
			o.Log = slog.New(slog.NewTextHandler(term.err, nil))
			term.Note("worker    measuring what the market wants; Ctrl-C stops it")
			if err := verify.NewWorker(d, o).Run(ctx); err != nil {
				return fmt.Errorf("measuring models: %w", err)
			}
			return nil
		}),
	}
	cmd.Flags().StringVar(&f.database, "db", "", "the same as --database")
	f.add(cmd)
	m.add(cmd)
	return cmd
}
