package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/bom"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

func bomCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var out string
	cmd := &cobra.Command{
		Use:   "bom FOLDER|market://OWNER/NAME[:VERSION]",
		Short: "Write what a package is made of: an AI bill of materials (CycloneDX ML-BOM 1.6)",
		Long: `Write the bill of materials of a folder or of a package on a market: its files with their digests, licence, task, figures,
the data that it was trained on, and the models that it was made from, as its card and its lineage say. The form is
CycloneDX 1.6 for machine learning, which programs for supply chains read.`,
		Example: `  xiaoyu bom models/reviews --out reviews.cdx.json
  xiaoyu bom market://ada/reviews:1.0.0`,
		Args: exactly(1, "a folder or a package's name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			text, err := f.bill(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			if out == "" {
				_, err := term.out.Write(text)
				return err
			}
			if err := atomicfile.WriteFile(out, text, 0o644); err != nil {
				return hint.Wrap(err, "choose another file with --out", "writing the bill of materials")
			}
			fmt.Fprintln(term.out, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write; otherwise standard output")
	cmd.Flags().StringVar(&f.market, "market", "", "address of the market; otherwise $XIAOYU_MARKET, or the one of the last login")
	return cmd
}

// bill makes the bill of a folder, or asks a market for that of a package.
func (f *clientFlags) bill(ctx context.Context, term *terminal, name string) ([]byte, error) {
	if !client.IsReference(name) {
		p, err := pack.Folder(ctx, name, pack.Options{Progress: transfer(term, "reading").Progress})
		term.endStage()
		if err != nil {
			return nil, err
		}
		full, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		return bom.Make(bom.Package{Name: filepath.Base(full), Digest: p.Digest, Files: p.Files, Facts: p.Facts, Open: func(path string) (io.ReadCloser, error) {
			return os.Open(filepath.Join(name, filepath.FromSlash(path)))
		}})
	}
	of, err := client.ParseReference(name)
	if err != nil {
		return nil, usageError{err}
	}
	c, err := f.client()
	if err != nil {
		return nil, err
	}
	text, err := c.Bill(ctx, of.Name, cmp.Or(of.Digest.String(), of.Tag))
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.Market(), err)
	}
	return append(text, '\n'), nil
}
