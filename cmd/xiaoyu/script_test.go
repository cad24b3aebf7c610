package main

import (
	"flag"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"xiaoyu": func() { os.Exit(run(os.Args[1:])) }})
}

var update = flag.Bool("update", false, "write the output that scripts compare with")

// TestScripts runs the command lines of testdata: one file a command, with the wrong uses in it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", UpdateScripts: *update, Condition: func(cond string) (bool, error) {
		return cond == "root" && os.Getuid() == 0, nil
	}})
}
