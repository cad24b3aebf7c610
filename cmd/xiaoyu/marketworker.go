package main

import (
	"os"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/market/try/worker"
)

// tryWorkerCommand is the process in which a market's visitors try a model; the market calls it, people do not.
func tryWorkerCommand(term *terminal) *cobra.Command {
	return &cobra.Command{
		Use:    "try-worker BYTES",
		Short:  "Answer questions to the model in this folder, shut in",
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			memory, err := worker.Arguments(args)
			if err != nil {
				return usageError{err}
			}
			return worker.Work(cmd.Context(), memory, os.Stdin, term.out)
		},
	}
}
