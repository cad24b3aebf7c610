package markettest

import (
	"context"
	"fmt"
	"os"

	"github.com/xiaoyu-slm/xiaoyu/market/try/worker"
)

const tryWorker = "try-worker"

// works tells that this program is a worker when it is started as one.
var works bool

// Worker makes of a test's program what a market starts to try a model; TestMain calls it first. Without it the markets of
// that program try none: they would start all of its tests anew.
func Worker() {
	if works = true; len(os.Args) != 3 || os.Args[1] != tryWorker {
		return
	}
	memory, err := worker.Arguments(os.Args[2:])
	if err == nil {
		err = worker.Work(context.Background(), memory, os.Stdin, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// workerCommand starts a worker.
func workerCommand() []string {
	if !works {
		return []string{"a test whose TestMain does not call markettest.Worker"}
	}
	return []string{os.Args[0], tryWorker}
}
