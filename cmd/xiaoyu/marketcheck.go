package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/market/sign"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

// checked is what `market verify` has found.
type checked struct {
	Package string           `json:"package"`
	Digest  digest.Digest    `json:"digest"`
	Signed  []*verify.Record `json:"signed"`         // what the market has signed, checked
	Here    *verify.Record   `json:"here,omitempty"` // what was measured on this machine
	Same    *bool            `json:"same,omitempty"` // whether that is what the market has signed of the same rows
	claims  []pack.Figure
}

func marketVerifyCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var c data.Columns
	var test, key, kind string
	var again bool
	var m measuring
	cmd := &cobra.Command{
		Use:   "verify OWNER/NAME[:VERSION]",
		Short: "Check the figures that a market has signed of a package, and measure them again on this machine",
		Long: `Check the signatures of the figures that a market has measured of a package, and show them beside what its card claims.
With --test FILE the model is measured here as well, in a process that is shut in, on examples of yours: on a copy of the
benchmark, which is known by its digest, the figures have to be the same, but for those of the machine. Ends with 3 where
they are not, or where the model misbehaves. --again asks the market to measure the package anew.`,
		Args: exactly(1, "a package"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if key != "" {
				text, err := os.ReadFile(key)
				if err != nil {
					return hint.Wrap(err, "name the market's public key", "reading --key")
				}
				public, err := sign.ReadPublicKey(text)
				if err != nil {
					return err
				}
				f.trust.Keys = []sign.PublicKey{public}
			}
			market, err := f.client()
			if err != nil {
				return err
			}
			ref, err := client.ParseReference(args[0])
			if err != nil {
				return usageError{err}
			}
			if again {
				n, err := market.Verify(cmd.Context(), ref)
				if err != nil {
					return fmt.Errorf("asking for a verification of %s: %w", ref, err)
				}
				if f.asJSON {
					return term.printJSON(map[string]int{"benchmarks": n})
				}
				fmt.Fprintf(term.out, "%s will be measured by %d benchmarks\n", ref, n)
				return nil
			}
			found, err := check(cmd.Context(), term, market, ref, test, kind, c, m.options().Options)
			if err != nil {
				return err
			}
			if f.asJSON {
				err = term.printJSON(found)
			} else {
				found.print(term)
			}
			if err == nil && (found.Same != nil && !*found.Same || found.Here != nil && found.Here.State == catalogue.Failed) {
				err = exitCode(3)
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&test, "test", "", "file of examples to measure the model on here")
	addRowFlags(flags, &kind, &c)
	flags.Lookup("kind").DefValue = ""
	kind = "" // that of what was signed
	flags.StringVar(&key, "key", "", "PEM file of the market's public key; otherwise the one that it had when you first asked")
	flags.BoolVar(&f.trust.Renew, "renew-keys", false, "take the market's key of today in the place of the one that it had")
	flags.BoolVar(&again, "again", false, "ask the market to measure the package anew; it takes a token of somebody who may publish it")
	f.add(cmd)
	m.add(cmd)
	return cmd
}

// check fetches a package and what was signed of it, and measures it where a file of examples is named.
func check(ctx context.Context, term *terminal, market *client.Client, ref client.Reference, test, kind string, c data.Columns, o verify.Options) (*checked, error) {
	dir, err := os.MkdirTemp("", "xiaoyu-verify-")
	if err != nil {
		return nil, hint.Wrap(err, "make room for temporary files", "verifying %s", ref)
	}
	defer os.RemoveAll(dir)
	dir = filepath.Join(dir, "package")
	// The key that was named is the market's: who signed the files is what `xiaoyu pull` looks at.
	pulled, err := market.PullUnsigned(ctx, ref, dir, transfer(term, "pulling"))
	term.endStage()
	if err != nil {
		return nil, err
	}
	out := &checked{Package: ref.String(), Digest: pulled.Digest, Signed: []*verify.Record{}}
	if text, err := os.ReadFile(filepath.Join(dir, pack.CardFile)); err == nil {
		if card, err := pack.ReadCard(text); err == nil {
			out.claims = card.Figures
		}
	}
	if out.Signed, err = signedRecords(ctx, market, ref, pulled.Digest); err != nil {
		return nil, err
	}
	if test == "" {
		return out, nil
	}
	k, rows, err := readTest(ctx, test, kind, c, out.Signed)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, hint.Errorf("name its columns, and --kind", "%s has no examples to measure a model on", test)
	}
	b := &catalogue.Benchmark{Name: filepath.Base(test), Kind: k.Name, Metric: k.Metrics[0], Labels: k.Labels(rows), Digest: verify.Digest(rows)}
	var before *verify.Record
	for _, r := range out.Signed {
		if r.Rows == b.Digest.String() {
			before, b.Name, b.Metric = r, r.Benchmark, r.Metric
		}
	}
	model, err := verify.FolderModel(dir)
	if err != nil {
		return nil, err
	}
	term.Note("measuring %s on %d examples", ref, len(rows))
	o.Version = xiaoyu.Version()
	if out.Here, err = verify.Measure(ctx, o, model, b, rows); err != nil {
		return nil, err
	}
	if before != nil {
		same := before.Same(out.Here)
		out.Same = &same
	}
	return out, nil
}

// readTest reads examples of a kind; where none is named, of that of the signed record that is about the same rows, or else
// of the first one, or of one label.
func readTest(ctx context.Context, file, kind string, c data.Columns, signed []*verify.Record) (*verify.Kind, []verify.Row, error) {
	if kind == "" {
		for _, r := range signed {
			if k, err := verify.KindOf(r.Kind); err == nil {
				if rows, err := k.ReadRows(ctx, file, c); err == nil && verify.Digest(rows).String() == r.Rows {
					return k, rows, nil
				}
			}
		}
		if len(signed) > 0 {
			kind = signed[0].Kind
		}
	}
	k, err := verify.KindOf(kind)
	if err != nil {
		return nil, nil, err
	}
	rows, err := k.ReadRows(ctx, file, c)
	return k, rows, err
}

// signedRecords fetches and checks what the market has signed of a package, the last of each benchmark.
func signedRecords(ctx context.Context, market *client.Client, ref client.Reference, of digest.Digest) ([]*verify.Record, error) {
	bundles, err := market.Statements(ctx, ref, of, verify.ArtifactType)
	if err != nil || len(bundles) == 0 {
		return []*verify.Record{}, err
	}
	keys, err := market.MarketKeys(ctx)
	if err != nil {
		return nil, err
	}
	records, failed := []*verify.Record{}, error(nil)
	for _, b := range bundles {
		r, err := verify.ReadStatement(b, sign.Trust{Keys: keys}, of)
		if err != nil { // anybody who may write to a repository can put something beside a package
			failed = errors.Join(failed, err)
			continue
		}
		records = append(records, r)
	}
	if len(records) == 0 {
		if errors.Is(failed, sign.ErrUntrusted) {
			return nil, hint.Errorf("ask who runs the market on another way whether the key is new, then pass --renew-keys", "the figures are signed by a key that the market did not have when you first asked: %w", sign.ErrUntrusted)
		}
		return nil, failed
	}
	return verify.Newest(records), nil
}

// print shows what was found: claimed, signed by the market, measured here.
func (c *checked) print(term *terminal) {
	fmt.Fprintf(term.out, "%s (%s)\n", c.Package, c.Digest)
	if len(c.Signed) == 0 {
		fmt.Fprintln(term.out, "the market has measured nothing of it")
	}
	show := func(title string, r *verify.Record) {
		fmt.Fprintf(term.out, "\n%s: %d examples, %s\n", title, r.Examples, cmp.Or(r.Machine.Processor, r.Machine.System))
		if r.Problem != "" {
			fmt.Fprintf(term.out, "  %s\n", r.Problem)
		}
		w := tabwriter.NewWriter(term.out, 0, 0, 2, ' ', 0)
		for _, l := range r.Compare(c.claims) {
			fmt.Fprintf(w, "  %s\t%.4f", l.Key, l.Value)
			if l.Bounded() {
				fmt.Fprintf(w, "\t%.4f – %.4f", l.Low, l.High)
			}
			if l.Claim {
				fmt.Fprintf(w, "\tclaimed %.4f", l.Claimed)
			}
			if l.Missed {
				fmt.Fprint(w, ", not reached")
			}
			fmt.Fprintln(w)
		}
		for _, d := range r.Robust {
			fmt.Fprintf(w, "  %s with %s\t%.4f\tof %.4f\n", d.Of(), d.Kind, d.After(), d.Clean)
		}
		if r.State == catalogue.Measured {
			fmt.Fprintf(w, "  one text\t%.3f ms\tamong 32: %.3f ms, memory %s\n", r.Latency, r.Batch, size.Bytes(r.Memory))
		}
		w.Flush()
	}
	for _, r := range c.Signed {
		show("signed by the market, "+r.Benchmark, r)
	}
	if c.Here != nil {
		show("measured here, "+c.Here.Benchmark, c.Here)
	}
	switch {
	case c.Same != nil && *c.Same:
		fmt.Fprintln(term.out, "\nthe same examples give the same figures here")
	case c.Same != nil:
		fmt.Fprintln(term.out, "\nthe same examples give other figures here")
	}
}
