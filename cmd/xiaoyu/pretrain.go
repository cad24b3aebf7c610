package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

func pretrainCommand(term *terminal) *cobra.Command {
	var project projectFlags
	var texts []string
	var column, out string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "pretrain",
		Short: "Let the project's network learn from texts without labels, before it is trained on examples",
		Long: `Pretrain reads texts of any size, hides words of them, and lets the network guess what was hidden; or, with
pretrain.objective replaced, lets it tell which words were put there by another. It writes a package that
model.base can name: what the network has learnt of the language it need not learn from labels.

The section pretrain of xiaoyu.yaml says how; with --texts, it works without one (see ` + "`xiaoyu config --explain`" + `). With pretrain.texts there,
` + "`xiaoyu train`" + ` does it by itself first. Texts of the project's test and validation parts are left out.
With --model decoder the result is a language model that writes (` + "`xiaoyu generate`" + `): it learns which token
follows, of texts laid together, and other programs read its package as a Llama.

How well hidden words of held-out texts are guessed is told as perplexity, before and after.

Ctrl-C writes a checkpoint, and the same command goes on to the same result. What is done is not done again.`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			standalone := len(texts) > 0
			if standalone && project.family == "" && !cmd.Flags().Changed("config") {
				project.family = "transformer"
			}
			c, err := project.load(cmd, standalone)
			if err != nil {
				return err
			}
			if standalone {
				c.Pretrain.Texts = texts
			}
			if column != "" {
				c.Pretrain.Column = column
			}
			if out != "" {
				c.Pretrain.Out = out
			}
			term.quiet = asJSON && !term.live
			r, err := xiaoyu.Pretrain(cmd.Context(), c, xiaoyu.TrainOptions{Observer: term, Command: os.Args})
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				return term.printJSON(r)
			}
			pretrainedText(term, r)
			return nil
		},
	}
	project.add(cmd)
	cmd.Flags().StringSliceVar(&texts, "texts", nil, "files of texts, a text a line, also as .gz or .zst; folders of .txt files; with --column, tables, JSON lines or Parquet")
	cmd.Flags().StringVar(&column, "column", "", "column of the texts, where the files are no plain text")
	cmd.Flags().StringVar(&out, "out", "", "folder for the package; models/NAME-pretrained if not given")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// pretrainedText prints what a pretraining brought.
func pretrainedText(term *terminal, r *xiaoyu.Pretrained) {
	fmt.Fprintf(term.out, "\n%d texts, %s tokens, %d steps\n", r.Corpus.Kept, size.Count(int(r.Tokens)), r.Steps)
	if r.Writes {
		writerText(term, r)
		return
	}
	if r.After > 0 {
		fmt.Fprintf(term.out, "perplexity of hidden words of held-out texts  %.2f   (before: %.2f)\n", r.After, r.Before)
	}
	fmt.Fprintf(term.out, "\nmodel    %s\nrun      %s   (%.1f s in all)\n\ntry      xiaoyu train --set model.base=%s\n         xiaoyu predict %s \"…[MASK]…\"\n", r.Package, r.Run, r.Seconds, r.Package, r.Package)
}

// writerText is pretrainedText of a language model that writes.
func writerText(term *terminal, r *xiaoyu.Pretrained) {
	if r.After > 0 {
		fmt.Fprintf(term.out, "perplexity of held-out texts  %.2f   (before: %.2f)\n", r.After, r.Before)
	}
	fmt.Fprintf(term.out, "\nmodel    %s\nrun      %s   (%.1f s in all)\n\ntry      xiaoyu generate %s \"…\"\n", r.Package, r.Run, r.Seconds, r.Package)
}
