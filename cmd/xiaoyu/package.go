package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// clientFlags say which market a command talks to.
type clientFlags struct {
	market string
	asJSON bool
	trust  client.Trust
}

func (f *clientFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.market, "market", "", "address of the market; otherwise $XIAOYU_MARKET, or the one of the last login")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print the result as JSON")
}

func (f *clientFlags) client() (*client.Client, error) {
	return client.New(client.Options{Market: f.market, Trust: f.trust})
}

// transfer shows the progress of a push or a pull.
func transfer(term *terminal, name string) client.Watch {
	const kilobyte = 1000
	begun := int64(-1)
	return client.Watch{
		Progress: func(done, total int64, file string) {
			if begun != total {
				begun = total
				term.Stage(name, total/kilobyte, "kB")
			}
			term.Progress(done/kilobyte, file)
		},
		Warn: func(message string) { term.Note("note: %s", message) },
	}
}

func loginCommand(term *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "Log in to a market with a token, which is read from the terminal or standard input",
		Long: `Log in to a market with a token, which is read from the terminal or standard input and kept for this user and this
market alone. Tokens are made in a browser, under Settings, Tokens: at the market's address with /settings/tokens.`,
		Args: exactly(1, "a market's address"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := client.New(client.Options{Market: args[0]})
			if err != nil {
				return err
			}
			token, err := readSecret(term, "token of "+c.Market()+", made at "+c.Market()+"/settings/tokens: ")
			if err != nil {
				return err
			}
			who, err := c.LogIn(cmd.Context(), token)
			if err != nil {
				return fmt.Errorf("logging in to %s: %w", c.Market(), err)
			}
			if asJSON {
				return term.printJSON(map[string]any{"market": c.Market(), "name": who.Name, "scope": who.Scope})
			}
			fmt.Fprintf(term.out, "logged in to %s as %s (%s)\n", c.Market(), who.Name, who.Scope)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

func whoamiCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "Say who is logged in to a market",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			who, err := c.WhoAmI(cmd.Context())
			if err != nil {
				return fmt.Errorf("asking %s: %w", c.Market(), err)
			}
			if f.asJSON {
				return term.printJSON(map[string]any{"market": c.Market(), "name": who.Name, "scope": who.Scope, "organisations": who.Organisations})
			}
			fmt.Fprintf(term.out, "%s at %s (%s)\n", who.Name, c.Market(), who.Scope)
			for name, role := range who.Organisations {
				fmt.Fprintf(term.out, "  %s (%s)\n", name, role)
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

func pushCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var kind, key string
	var private, check bool
	cmd := &cobra.Command{
		Use:   "push FOLDER OWNER/NAME[:VERSION]",
		Short: "Publish a model, a data set or an application on a market",
		Long: `Publish a folder on a market. Only files that the market does not have are sent; after an interruption the same
command goes on. A version such as 1.0.0 never changes once it is published, and becomes the latest one if it is the
highest; without a version the package is published as latest, under another tag (such as beta) as that.

Before anything is sent, the folder is inspected as the market will do it: programs, pickles and broken weights are
refused, a version needs a card with licence, language and task, and personal data in samples is pointed out. --check
does nothing else.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if check && len(args) == 1 {
				return nil
			}
			return exactly(2, "a folder and owner/name or owner/name:version")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if check {
				return checkFolder(cmd.Context(), term, args, pack.Kind(kind), f.asJSON)
			}
			to, err := client.ParseReference(args[1])
			if err == nil && to.Digest != "" {
				err = hint.Errorf("write owner/name:version", "a package cannot be published under a digest")
			}
			if err != nil {
				return usageError{err}
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			var signer *sign.Signer
			if key != "" {
				if signer, err = readSigner(key, "", nil); err != nil {
					return err
				}
			}
			watch := transfer(term, "reading")
			p, err := pack.Folder(cmd.Context(), args[0], pack.Options{Kind: pack.Kind(kind), Progress: watch.Progress})
			if err != nil {
				return err
			}
			if err := refuseUnfit(cmd.Context(), term, p, to); err != nil {
				return err
			}
			if private {
				if err := c.Create(cmd.Context(), client.NewPackage{Name: to.Name, Kind: string(p.Kind), Private: true}); err != nil && !errors.Is(err, client.ErrExists) {
					return err
				}
			}
			pushed, err := c.Push(cmd.Context(), p, to, transfer(term, "pushing"))
			term.endStage()
			if err != nil {
				return err
			}
			if signer != nil {
				if err := c.Sign(cmd.Context(), p, to, signer); err != nil {
					return fmt.Errorf("the package is published, but not signed: %w", err)
				}
				pushed.SignedBy = signer.Public().Fingerprint()
			}
			if f.asJSON {
				return term.printJSON(pushed)
			}
			fmt.Fprintf(term.out, "%s:%s published: a %s of %d files, %s, of which %s were sent\n%s\n", pushed.Name, pushed.Tag, pushed.Kind, pushed.Files, size.Bytes(pushed.Size), size.Bytes(pushed.Sent), pushed.Digest)
			return nil
		},
	}
	cmd.Flags().StringVar(&kind, "kind", "", "model, dataset or application, if the files do not tell")
	cmd.Flags().BoolVar(&private, "private", false, "make the package private if it is new")
	cmd.Flags().StringVar(&key, "sign", "", "sign it with this private key (a PEM file), whose public half the market has been given with `xiaoyu keys add`")
	cmd.Flags().BoolVar(&check, "check", false, "inspect the folder as the market will, and send nothing; the name may be left out, for a version then")
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 1)
	return cmd
}

// refuseUnfit inspects a folder as the market will, so that nothing is sent in vain.
func refuseUnfit(ctx context.Context, term *terminal, p *pack.Packed, to client.Reference) error {
	final := catalogue.IsVersion(to.Tag)
	found, err := inspect.New(inspect.Limits{}).Folder(ctx, p, final)
	if err != nil || !inspect.Refuses(found, final) {
		return err
	}
	term.endStage()
	printFindings(term.err, found)
	return hint.Errorf("see what is wrong above; `xiaoyu push --check "+p.Dir+"` looks again", "pushing %s: the package is not fit to be published", to)
}

// checkFolder inspects a folder and sends nothing.
func checkFolder(ctx context.Context, term *terminal, args []string, kind pack.Kind, asJSON bool) error {
	final := true
	if len(args) > 1 {
		to, err := client.ParseReference(args[1])
		if err != nil {
			return usageError{err}
		}
		final = catalogue.IsVersion(to.Tag)
	}
	p, err := pack.Folder(ctx, args[0], pack.Options{Kind: kind, Progress: transfer(term, "reading").Progress})
	if err != nil {
		return err
	}
	found, err := inspect.New(inspect.Limits{}).Folder(ctx, p, final)
	term.endStage()
	if err != nil {
		return err
	}
	fit := !inspect.Refuses(found, final)
	if asJSON {
		if found == nil {
			found = []inspect.Finding{}
		}
		err = term.printJSON(map[string]any{"folder": args[0], "kind": p.Kind, "files": len(p.Files), "fit": fit, "findings": found})
	} else {
		printFindings(term.out, found)
		verdict := "fit to be published"
		if !fit {
			verdict = "not fit to be published"
		}
		fmt.Fprintf(term.out, "%s: a %s of %d files, %s\n", args[0], p.Kind, len(p.Files), verdict)
	}
	if err == nil && !fit {
		err = exitCode(3)
	}
	return err
}

func printFindings(w io.Writer, list []inspect.Finding) {
	for _, f := range list {
		fmt.Fprintf(w, "%-10s %s (%s)\n", f.Severity, f.Sentence(), f.Rule)
	}
}

func pullCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var out string
	var force bool
	var keys []string
	cmd := &cobra.Command{
		Use:   "pull OWNER/NAME[:VERSION|@DIGEST]",
		Short: "Install a package from a market into a folder",
		Long: `Install a package from a market into a new folder. Every file is verified; what was loaded stays in a cache, so that an
interrupted pull goes on and versions share their files. Where a package is signed, the signature has to be by a key that
its publisher had when you first took something of his: those are remembered. --renew-keys takes those of today,
--key names the only ones that count, and --require-signature refuses what nobody signed.`,
		Args: exactly(1, "owner/name, owner/name:version or owner/name@sha256:…"),
		RunE: func(cmd *cobra.Command, args []string) error {
			from, err := client.ParseReference(args[0])
			if err != nil {
				return usageError{err}
			}
			trusted, err := (&signatureFlags{keys: keys}).readKeys()
			if err != nil {
				return err
			}
			f.trust.Keys = trusted
			c, err := f.client()
			if err != nil {
				return err
			}
			pulled, err := c.Pull(cmd.Context(), from, cmp.Or(out, path.Base(from.Name)), force, transfer(term, "pulling"))
			term.endStage()
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(pulled)
			}
			fmt.Fprintf(term.out, "%s is in %s: a %s of %d files, %s, of which %s were loaded\n%s\n", from, pulled.Dir, pulled.Kind, pulled.Files, size.Bytes(pulled.Size), size.Bytes(pulled.Received), pulled.Digest)
			if pulled.SignedBy != "" {
				fmt.Fprintf(term.out, "signed with the key %.16s…\n", pulled.SignedBy)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "folder to write; otherwise the package's name")
	cmd.Flags().BoolVar(&force, "force", false, "replace the folder if it is there")
	cmd.Flags().StringSliceVar(&keys, "key", nil, "public keys (PEM files): it has to be signed with one of them")
	cmd.Flags().BoolVar(&f.trust.Require, "require-signature", false, "refuse it if nobody signed it")
	cmd.Flags().BoolVar(&f.trust.Renew, "renew-keys", false, "take the keys that its publisher has today, and remember them")
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 0)
	return cmd
}

func infoCommand(term *terminal) *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "info OWNER/NAME[:VERSION]",
		Short: "Say what a market knows of a package: versions, files, figures",
		Args:  exactly(1, "owner/name or owner/name:version"),
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := client.ParseReference(args[0])
			if err != nil {
				return usageError{err}
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			p, err := c.Info(cmd.Context(), of.Name, cmp.Or(of.Digest.String(), of.Tag))
			if err != nil {
				return fmt.Errorf("asking %s: %w", c.Market(), err)
			}
			var measured []client.Verification
			if p.Kind == "model" && p.Digest != "" {
				if measured, err = c.Verifications(cmd.Context(), of); err != nil {
					return fmt.Errorf("asking %s: %w", c.Market(), err)
				}
			}
			if f.asJSON {
				return term.printJSON(struct {
					*client.Package
					Measured []client.Verification `json:"measured,omitempty"`
				}{p, measured})
			}
			printPackage(term, p)
			return printMeasured(term, measured)
		},
	}
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 0)
	return cmd
}

// printMeasured says what the market has found of a model, a line a benchmark.
func printMeasured(term *terminal, list []client.Verification) error {
	title := "\nmeasured by the market\n"
	for _, v := range list {
		if v.State != catalogue.Measured {
			continue
		}
		var r verify.Record
		if err := json.Unmarshal(v.Record, &r); err != nil {
			return fmt.Errorf("reading what was measured by %s: %w", v.Benchmark, err)
		}
		if f, ok := r.Figure(r.Metric); ok {
			fmt.Fprintf(term.out, "%s  %-24s %s %.3f (%.3f – %.3f), %s a text\n", title, v.Benchmark, f.Key, f.Value, f.Low, f.High, time.Duration(r.Latency*float64(time.Millisecond)).Round(time.Microsecond))
			title = ""
		}
	}
	return nil
}

func printPackage(term *terminal, p *client.Package) {
	fmt.Fprintf(term.out, "%s  %s\n", p.Name, p.Title)
	if p.Description != "" {
		fmt.Fprintln(term.out, p.Description)
	}
	fmt.Fprintln(term.out)
	kind := cmp.Or(p.Kind, "nothing is published yet")
	if p.Private {
		kind += ", private"
	}
	rating := ""
	if p.Ratings > 0 {
		rating = fmt.Sprintf("%.1f of 5 stars, from %d people", p.Rating, p.Ratings)
	}
	for _, row := range [][2]string{{"kind", kind}, {"licence", p.Licence}, {"task", p.Task}, {"family", p.Family}, {"language", strings.Join(p.Labels["language"], ", ")},
		{"downloads", fmt.Sprint(p.Downloads)}, {"rating", rating}, {"likes", fmt.Sprint(p.Likes)}, {"updated", p.Updated.Local().Format(time.DateOnly)}, {"digest", p.Digest}} {
		if row[1] != "" {
			fmt.Fprintf(term.out, "%-10s %s\n", row[0], row[1])
		}
	}
	if len(p.Versions) > 0 {
		fmt.Fprintln(term.out, "\nversions")
	}
	for _, v := range p.Versions {
		note := v.State
		if v.State != "" {
			note += ": " + v.Reason
		}
		if v.Successor != "" {
			note += "; take " + v.Successor
		}
		fmt.Fprintln(term.out, strings.TrimRight(fmt.Sprintf("  %-16s %s  %s  %s", v.Name, v.Updated.Local().Format(time.DateOnly), shortDigest(v.Digest), note), " "))
	}
	if len(p.Files) > 0 {
		fmt.Fprintln(term.out, "\nfiles")
	}
	for _, file := range p.Files {
		fmt.Fprintf(term.out, "  %-32s %10s  %s\n", file.Path, size.Bytes(file.Size), shortDigest(file.Digest))
	}
	for _, s := range p.Signatures {
		fmt.Fprintf(term.out, "\nsigned on %s with the key %s\n", s.At.Local().Format(time.DateOnly), s.Key)
	}
	if len(p.Findings) > 0 {
		fmt.Fprintln(term.out, "\nnoticed when it was published")
		printFindings(term.out, p.Findings)
	}
}

func shortDigest(d string) string { return d[:min(len(d), len("sha256:")+12)] }

func yankCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var r client.Retirement
	var deprecate, undo bool
	cmd := &cobra.Command{
		Use:   "yank OWNER/NAME:VERSION --reason WHY",
		Short: "Take back a version: nobody gets it who does not ask for exactly it",
		Args:  exactly(1, "owner/name:version"),
		RunE: func(cmd *cobra.Command, args []string) error {
			of, err := client.ParseReference(args[0])
			if err == nil && (of.Tag == "" || of.Digest != "") {
				err = hint.Errorf("write owner/name:1.0.0", "%q names no version", args[0])
			}
			if err == nil && deprecate && undo {
				err = hint.Errorf("pass one of them", "--deprecate and --undo exclude each other")
			}
			if err == nil && r.Reason == "" && !undo {
				err = hint.Errorf("pass --reason", "no reason is given")
			}
			if err != nil {
				return usageError{err}
			}
			switch {
			case undo:
			case deprecate:
				r.State = "deprecated"
			default:
				r.State = "yanked"
			}
			c, err := f.client()
			if err == nil {
				err = c.Retire(cmd.Context(), of.Name, of.Tag, r)
			}
			if err != nil {
				return err
			}
			if f.asJSON {
				return term.printJSON(map[string]any{"name": of.Name, "version": of.Tag, "state": r.State, "reason": r.Reason, "successor": r.Successor})
			}
			fmt.Fprintf(term.out, "%s is %s\n", of, cmp.Or(r.State, "as good as any other again"))
			return nil
		},
	}
	cmd.Flags().StringVar(&r.Reason, "reason", "", "why")
	cmd.Flags().StringVar(&r.Successor, "successor", "", "what to take in its place: a version, or owner/name:version")
	cmd.Flags().BoolVar(&deprecate, "deprecate", false, "only say that there is something better")
	cmd.Flags().BoolVar(&undo, "undo", false, "take that back")
	f.add(cmd)
	cmd.ValidArgsFunction = completePackage(&f, 0)
	return cmd
}
