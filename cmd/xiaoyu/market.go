package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/serve"
)

func marketCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "market",
		Short: "Run a market: packages of models, data sets and applications, published, found and installed",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(marketServeCommand(term), marketUserCommand(term), marketTokenCommand(term), marketInviteCommand(term), marketAuditCommand(term), marketCollectCommand(term), marketScrubCommand(term), marketBackupCommand(term), marketRestoreCommand(term), marketMirrorCommand(term), marketBenchmarkCommand(term), marketWorkerCommand(term), marketVerifyCommand(term), tryWorkerCommand(term))
	return cmd
}

// marketFlags say where a market's data is.
type marketFlags struct {
	data, database, store string
	grace                 time.Duration
}

func (f *marketFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.data, "data", "market-data", "folder of the market's data")
	cmd.Flags().StringVar(&f.store, "store", "", "files in an object store, as s3://bucket/prefix?endpoint=URL&region=NAME with credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; otherwise in the folder")
	cmd.Flags().StringVar(&f.database, "database", "", "catalogue in PostgreSQL, as postgres://user@host/name; otherwise SQLite in the folder")
}

func (f *marketFlags) addGrace(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.grace, "grace", depot.Grace, "how long files that no package needs are kept, since a push may be about to need them")
}

// open opens the data of a market that need not be serving. A folder that is not there is a mistake.
func (f *marketFlags) open(ctx context.Context) (*depot.Depot, error) {
	if !exists(f.data) && (f.database == "" || f.store == "") { // nothing is in it otherwise
		return nil, hint.Errorf("pass the folder that `xiaoyu market serve` uses with --data", "opening the market's data: there is no folder %s", f.data)
	}
	return depot.Open(ctx, depot.Options{Data: f.data, Database: f.database, Store: f.store, Grace: f.grace})
}

// with is what a command runs that works on an opened market.
func (f *marketFlags) with(do func(ctx context.Context, d *depot.Depot, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		d, err := f.open(cmd.Context())
		if err != nil {
			return err
		}
		defer d.Close()
		return do(cmd.Context(), d, args)
	}
}

func marketServeCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var addr string
	var people peopleFlags
	var measure measuring
	var withSamples, noWorker bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve a market on one port, with all that it holds in one folder",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := market.Options{Data: f.data, Database: f.database, Store: f.store, Grace: f.grace, Log: slog.New(slog.NewTextHandler(term.err, nil)), Verify: measure.options(), NoWorker: noWorker}
			if err := people.apply(&o); err != nil {
				return err
			}
			m, err := market.Open(cmd.Context(), o)
			if err != nil {
				return err
			}
			defer m.Close()
			l, err := serve.Listen(addr)
			if err != nil {
				return err
			}
			term.Note("market    http://%s   data in %s; Ctrl-C stops it", l.Addr(), f.data)
			if host, _, err := net.SplitHostPort(l.Addr().String()); err == nil && !net.ParseIP(host).IsLoopback() {
				term.Note("note: it can be reached from other machines, and does not encrypt; put it behind a server with TLS")
			}
			if withSamples {
				filled := make(chan struct{})
				ctx, cancel := context.WithCancel(cmd.Context())
				go func() {
					defer close(filled)
					publishSamples(ctx, term, m.Depot, l.Addr())
				}()
				defer func() {
					cancel()
					<-filled
				}()
			}
			return m.Run(cmd.Context(), l)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8088", "address to serve on; port 0 means any free one")
	people.add(cmd)
	measure.add(cmd)
	cmd.Flags().BoolVar(&noWorker, "no-worker", false, "leave measuring models by benchmarks to market worker processes")
	cmd.Flags().BoolVar(&withSamples, "with-samples", false, "train and publish three small models, two data sets and an application, once")
	f.add(cmd)
	f.addGrace(cmd)
	return cmd
}

func marketUserCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "user",
		Short: "Accounts of a market",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var f marketFlags
	var email, fullName string
	var passwordStdin, operator, asJSON bool
	add := &cobra.Command{
		Use:   "add NAME",
		Short: "Make an account; --password-stdin reads its password, without one it works by tokens alone",
		Args:  exactly(1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			password := ""
			if passwordStdin {
				var err error
				if password, err = readSecret(term, "password: "); err != nil {
					return err
				}
			}
			if err := os.MkdirAll(f.data, 0o755); err != nil { // the first account may come before the first start
				return hint.Wrap(err, "choose another folder with --data", "opening the market's data")
			}
			d, err := f.open(cmd.Context())
			if err != nil {
				return err
			}
			defer d.Close()
			a, err := d.Catalogue.CreateAccount(cmd.Context(), catalogue.Account{Name: args[0], Email: email, FullName: fullName, Operator: operator}, password)
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(map[string]any{"name": a.Name, "operator": a.Operator, "created": a.Created})
			}
			fmt.Fprintf(term.out, "account %s made\n", a.Name)
			return nil
		},
	}
	flags := add.Flags()
	flags.StringVar(&email, "email", "", "address of the person")
	flags.StringVar(&fullName, "full-name", "", "name of the person")
	flags.BoolVar(&passwordStdin, "password-stdin", false, "read a password from standard input")
	flags.BoolVar(&operator, "operator", false, "the person runs this market, and may do everything on it")
	flags.BoolVar(&asJSON, "json", false, "print the account as JSON")
	f.add(add)
	cmd.AddCommand(add, marketUsersCommand(term), marketPasswordCommand(term), marketResetCommand(term), marketModeratorCommand(term), marketDisableCommand(term, true), marketDisableCommand(term, false))
	return cmd
}

// readSecret reads a line that is not shown, from the terminal or standard input.
func readSecret(t *terminal, prompt string) (string, error) {
	if term.IsTerminal(int(os.Stdin.Fd())) {
		fmt.Fprint(t.err, prompt)
		b, err := term.ReadPassword(int(os.Stdin.Fd()))
		fmt.Fprintln(t.err)
		return strings.TrimSpace(string(b)), err
	}
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if line = strings.TrimSpace(line); line == "" {
		return "", hint.Errorf("write it on a line of standard input", "nothing was given: %v", err)
	}
	return line, nil
}

func marketTokenCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var user, scope, expires, name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make a token of an account, and print it; it is not kept and cannot be shown again",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			right, err := catalogue.ParseRight(scope)
			if err != nil {
				return usageError{hint.Wrap(err, "", "--scopes")}
			}
			if user == "" {
				return usageError{hint.Errorf("pass --user NAME", "no account is named")}
			}
			var end time.Time
			if expires != "" {
				lasts, err := parseDays(expires)
				if err != nil {
					return usageError{err}
				}
				end = time.Now().Add(lasts)
			}
			d, err := f.open(cmd.Context())
			if err != nil {
				return err
			}
			defer d.Close()
			a, err := d.Catalogue.Account(cmd.Context(), user)
			if err != nil {
				return err
			}
			token, err := d.Catalogue.CreateToken(cmd.Context(), a, name, right, end)
			if err != nil {
				return err
			}
			if asJSON {
				out := map[string]any{"token": token, "user": a.Name, "scope": right.String()}
				if !end.IsZero() {
					out["expires"] = end.UTC()
				}
				return term.printJSON(out)
			}
			fmt.Fprintln(term.out, token)
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&user, "user", "", "the account")
	flags.StringVar(&scope, "scopes", "read", "what it may do: read, write (publish), or admin (settings of the account as well)")
	flags.StringVar(&expires, "expires", "", "when it ends, such as 30d or 12h; never if empty")
	flags.StringVar(&name, "name", "command line", "what it is for")
	flags.BoolVar(&asJSON, "json", false, "print it as JSON")
	f.add(cmd)
	return cmd
}

// parseDays reads a duration, in which d stands for a day.
func parseDays(s string) (time.Duration, error) {
	var days int
	if n, err := fmt.Sscanf(s, "%dd", &days); n == 1 && err == nil && s == fmt.Sprintf("%dd", days) && days > 0 && days < 100_000 {
		return time.Duration(days) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, hint.Errorf("write it as in 30d or 12h", "%q is no time", s)
	}
	return d, nil
}

func marketCollectCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Remove files that no package needs any more; the market may be serving",
		Args:  exactly(0, "no arguments"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, _ []string) error {
			c, err := d.Collect(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(c)
			}
			fmt.Fprintf(term.out, "%d files removed (%s), %d uploads that were left alone\n", c.Blobs, size.Bytes(c.Bytes), c.Uploads)
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was removed as JSON")
	f.add(cmd)
	f.addGrace(cmd)
	return cmd
}

func marketScrubCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "scrub",
		Short: "Compare every file with its digest; the market may be serving",
		Long: `Compare every file of the market with its digest. What is damaged or missing counts as missing from then on,
so that the next push of a package that needs it sends it again. Ends with 3 where something was found.`,
		Args: exactly(0, "no arguments"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, _ []string) error {
			term.Stage("reading", 0, "files")
			var bytes int64
			blobs := 0
			damages, err := d.Scrub(ctx, func(n int, b int64) {
				blobs, bytes = n, b
				term.Progress(int64(n), size.Bytes(b))
			})
			term.endStage()
			if err != nil {
				return err
			}
			if damages == nil {
				damages = []depot.Damage{}
			}
			if asJSON {
				err = term.printJSON(map[string]any{"files": blobs, "bytes": bytes, "damages": damages})
			} else {
				for _, x := range damages {
					fmt.Fprintf(term.out, "%s: %s\n", x.Problem, strings.Join(x.NeededBy, ", "))
				}
				fmt.Fprintf(term.out, "%d files read (%s), %d damaged or missing\n", blobs, size.Bytes(bytes), len(damages))
			}
			if err == nil && len(damages) > 0 {
				err = exitCode(3)
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was found as JSON")
	f.add(cmd)
	return cmd
}

func marketBackupCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "backup FOLDER",
		Short: "Copy a market into a folder while it serves; what an earlier backup has there is not copied again",
		Args:  exactly(1, "the folder of the backup"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, args []string) error {
			term.Stage("copying", 0, "files")
			c, err := d.Backup(ctx, args[0], term.copied)
			return term.printCopied(c, err, asJSON)
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was copied as JSON")
	f.add(cmd)
	return cmd
}

func marketRestoreCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "restore FOLDER",
		Short: "Make a market of a backup: in a new folder, an empty database, an object store; every file is verified",
		Args:  exactly(1, "the folder of the backup"),
		RunE: func(cmd *cobra.Command, args []string) error {
			term.Stage("copying", 0, "files")
			c, err := depot.Restore(cmd.Context(), args[0], depot.Options{Data: f.data, Database: f.database, Store: f.store}, term.copied)
			return term.printCopied(c, err, asJSON)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was copied as JSON")
	f.add(cmd)
	return cmd
}

func (t *terminal) copied(c depot.Copied) { t.Progress(int64(c.Blobs), size.Bytes(c.Bytes)) }

func (t *terminal) printCopied(c depot.Copied, err error, asJSON bool) error {
	t.endStage()
	switch {
	case err != nil:
		return err
	case asJSON:
		return t.printJSON(c)
	}
	fmt.Fprintf(t.out, "%d files copied (%s), %d were there\n", c.Blobs, size.Bytes(c.Bytes), c.Known)
	return nil
}
