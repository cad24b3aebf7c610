package main

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/data/web"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func dataFetch(term *terminal) *cobra.Command {
	var o web.Options
	var list string
	var megabytes float64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fetch URL… --out FILE.jsonl",
		Short: "Bring in text from web pages and RSS or Atom feeds, politely; an interrupted fetch goes on where it was",
		Long: `Bring in text from web pages and RSS or Atom feeds. Pages give their article, without menus and comments; feeds give
the texts of their entries, or with --full the pages that these link to. Each text is a line with url, title, text, date,
author and site. robots.txt is obeyed, a host is asked once a second at most, and what has not changed is not sent again.
The same command run again goes on: what was fetched is in FILE.jsonl.state.`,
		Example: `  xiaoyu data fetch https://example.org/feed.xml --full --out news.jsonl
  xiaoyu data fetch --from addresses.txt --out pages.jsonl --delay 5s`,
		RunE: func(cmd *cobra.Command, addresses []string) error {
			if list != "" {
				more, err := addressList(list)
				if err != nil {
					return err
				}
				addresses = append(addresses, more...)
			}
			if len(addresses) == 0 {
				return usageError{hint.Errorf("xiaoyu data fetch https://example.org/feed.xml --out news.jsonl", "xiaoyu data fetch: no address is given")}
			}
			if !strings.EqualFold(filepath.Ext(o.Out), ".jsonl") {
				return usageError{hint.Errorf("pass --out FILE.jsonl; xiaoyu data convert makes other formats of it", "xiaoyu data fetch: the output %q is no file of JSON lines", o.Out)}
			}
			if o.Delay < 0 || o.Timeout <= 0 || o.Limit < 1 || o.Entries < 1 || megabytes <= 0 || megabytes > 1000 {
				return usageError{hint.Errorf("see `xiaoyu data fetch --help`", "xiaoyu data fetch: delay, timeout, max-mb, limit and entries must be positive, max-mb at most 1000")}
			}
			o.MaxBytes = int64(megabytes * 1e6)
			o.Progress = func(done, all int, address string) {
				if term.stage == nil {
					term.Stage("fetching", int64(all), "addresses")
				}
				term.stage.total = int64(all)
				if u, err := url.Parse(address); err == nil {
					address = u.Host
				}
				term.Progress(int64(done), address)
			}
			report, err := web.Fetch(cmd.Context(), addresses, o)
			if report == nil {
				return err
			}
			term.endStage()
			if asJSON && err == nil {
				return term.printJSON(report)
			}
			if !asJSON {
				printFetched(term, report)
			}
			if err == nil && len(report.Failed) > 0 && report.Documents+report.Known+report.Unchanged == 0 {
				err = errors.New("nothing could be fetched")
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Out, "out", "", "file of JSON lines that texts are appended to")
	flags.StringVar(&list, "from", "", "file with an address a line")
	flags.BoolVar(&o.Full, "full", false, "follow the entries of feeds to their pages")
	flags.BoolVar(&o.Refresh, "refresh", false, "ask again for pages that were fetched before; those that have changed are written once more")
	flags.IntVar(&o.Limit, "limit", 1000, "texts to write at most")
	flags.IntVar(&o.Entries, "entries", 1000, "entries of one feed at most")
	flags.DurationVar(&o.Delay, "delay", time.Second, "time between two requests to one host at least; Crawl-delay of robots.txt counts as well")
	flags.DurationVar(&o.Timeout, "timeout", 30*time.Second, "time for one request")
	flags.Float64Var(&megabytes, "max-mb", 10, "megabytes of one page or feed; what is longer is cut")
	flags.BoolVar(&o.AllowLocal, "allow-local", false, "fetch from this machine and its network as well")
	flags.StringVar(&o.UserAgent, "user-agent", "", "what the program calls itself; a name or address for questions is welcome there")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}

// addressList reads an address a line; # begins a comment.
func addressList(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, hint.Wrap(err, "check the path", "reading the addresses")
	}
	var list []string
	for _, line := range strings.Split(string(content), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list, nil
}

func printFetched(term *terminal, r *web.Report) {
	for _, note := range r.Notes {
		term.Note("note: %s", note)
	}
	const shown = 20
	for _, f := range r.Failed[:min(len(r.Failed), shown)] {
		term.Note("failed: %s: %s", f.URL, f.Reason)
	}
	if n := len(r.Failed) - shown; n > 0 {
		term.Note("failed: and %d more; --json lists all", n)
	}
	fmt.Fprintf(term.out, "%d texts written to %s", r.Documents, r.Out)
	for _, c := range []struct {
		n    int
		what string
	}{{r.Feeds, "feeds read"}, {r.Known, "known before"}, {r.Unchanged, "unchanged"}, {len(r.Failed), "failed"}} {
		if c.n > 0 {
			fmt.Fprintf(term.out, ", %d %s", c.n, c.what)
		}
	}
	fmt.Fprintln(term.out)
}
