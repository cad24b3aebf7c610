// Command xiaoyu turns text into small language models: see `xiaoyu help`, or the README.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

func main() { os.Exit(run(os.Args[1:])) }

// exitCode is how a command ends that has found what it looked for, without a failure.
type exitCode int

func (c exitCode) Error() string { return fmt.Sprintf("exit code %d", int(c)) }

// run executes the command line and returns the exit code: 0 for success, 1 for a failure, 2 for a wrong call, 3 where
// a check has found something, 130 after an interruption.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal the next one ends the process at once, as if nothing had been caught.
	context.AfterFunc(ctx, stop)
	term := newTerminal(os.Stdout, os.Stderr)
	for _, warning := range kernel.Warnings() {
		term.Note("note: %s", warning)
	}
	root := newRoot(term)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	term.endStage()
	var found exitCode
	switch {
	case err == nil:
		return 0
	case errors.As(err, &found):
		return int(found)
	case errors.Is(err, context.Canceled):
		term.fail(err)
		return 130
	}
	term.fail(err)
	var usage usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

func newRoot(term *terminal) *cobra.Command {
	root := &cobra.Command{
		Use:   "xiaoyu",
		Short: "Turn text into small language models that run anywhere",
		Long: `Xiaoyu 小语 turns Chinese and English text into small language models: it cleans, trains,
evaluates, packs and serves them, on an ordinary machine.

Start with:  xiaoyu quickstart
With your own file:  xiaoyu quickstart --data reviews.csv --text review --label stars`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetOut(term.out)
	root.SetErr(term.err)
	root.SetFlagErrorFunc(flagError)
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(
		quickstartCommand(term), newCommand(term), dataCommand(term), trainCommand(term), pretrainCommand(term), distillCommand(term), compressCommand(term), ensembleCommand(term), tuneCommand(term), evalCommand(term),
		predictCommand(term), generateCommand(term), replyCommand(term), auditCommand(term), advisoryCommand(term), moderateCommand(term), importCommand(term), exportCommand(term), verifyCommand(term), signCommand(term), embedCommand(term), findCommand(term), clusterCommand(term), segmentCommand(term), vectorsCommand(term), serveCommand(term), runsCommand(term), tokenizerCommand(term), marketCommand(term), loginCommand(term), whoamiCommand(term), pushCommand(term), pullCommand(term), infoCommand(term), searchCommand(term), yankCommand(term), packageCommand(term), likeCommand(term), rateCommand(term), reviewsCommand(term), collectionCommand(term), orgCommand(term), keysCommand(term), bomCommand(term), cacheCommand(term), configCommand(term), versionCommand(term),
	)
	return root
}
