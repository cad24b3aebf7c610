// Command market measures a market that runs as a process of its own, and prints tables in Markdown:
//
//	go run ./bench/market                       # all of it, 1,000,000 packages
//	go run ./bench/market --only transfer,crowd
//	go run ./bench/market --only search --database postgres://user@host/empty
//
// transfer pushes and pulls a package of 1 GiB over loopback beside skopeo, against the same server and store, by turns.
// crowd downloads a package of 20 MB a thousand times at once. search asks eight at a time among many packages, in SQLite or in
// PostgreSQL, start measures the time from the program's start to its first answers, and page what the server takes for a package's page.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
)

// bench is what all measurements have.
type bench struct {
	program string // xiaoyu
	dir     string // of all that is made
}

func main() {
	program := flag.String("xiaoyu", "", "the program to measure; built of this module if empty")
	dir := flag.String("dir", "", "folder for some 8 GB, whose catalogues the next run finds again; a temporary one if empty")
	only := flag.String("only", "transfer,crowd,start,search", "what to measure")
	packages := flag.Int("packages", 1_000_000, "packages of the search")
	database := flag.String("database", "", "an empty PostgreSQL for the search, postgres://…; SQLite if empty")
	few := flag.Int("start-packages", 100_000, "packages of the start and the page")
	size := flag.Int64("bytes", 1<<30, "bytes of the package to push and pull")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *program, *dir, strings.Split(*only, ","), *packages, *database, *few, *size); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, program, dir string, only []string, packages int, database string, few int, size int64) error {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "xiaoyu-bench-market-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary)
		dir = temporary
	}
	b := &bench{program, dir}
	if program == "" {
		b.program = filepath.Join(dir, "xiaoyu")
		build := exec.CommandContext(ctx, "go", "build", "-o", b.program, "./cmd/xiaoyu")
		build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building xiaoyu (from the module's root): %w", err)
		}
	}
	for _, what := range only {
		var err error
		switch what {
		case "transfer":
			err = b.transfer(ctx, size)
		case "crowd":
			err = b.crowd(ctx, 1000, 20<<20)
		case "start":
			err = b.start(ctx, few)
		case "search":
			err = b.search(ctx, packages, database)
		default:
			err = fmt.Errorf("--only %s: it is transfer, crowd, start or search", what)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}
