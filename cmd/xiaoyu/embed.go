package main

import (
	"bufio"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func embedCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var reading vectorFlags
	var out, prompt string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "embed MODEL [TEXT…]",
		Short: "Turn texts into vectors: arguments, lines of standard input, or a column of a file",
		Long: `Embed writes the vector of each text, in the same order: with --json or --out as JSON lines with the keys text and
embedding. Texts whose vectors have a high cosine say much the same. MODEL is a sentence encoder, or any neural model
that was trained here, whose vectors are what its last layer judges by. The model's default prompt is put before each
text; --prompt names another one.

A file of any size is read as it comes. With --out, an interrupted call leaves what is done in FILE.part, and the same
command goes on.`,
		Example: `  xiaoyu embed hf://sentence-transformers/all-MiniLM-L6-v2 --data reviews.csv --text review --out vectors.jsonl`,
		Args:    atLeast(1, "a model: its folder, hf://owner/name or market://owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out != "" {
				switch {
				case columns.data == "" || columns.data == "-" || len(args) > 1:
					return usageError{hint.Errorf("pass --data FILE --text COLUMN, or leave --out out", "--out is for the texts of a file")}
				case !strings.EqualFold(filepath.Ext(out), ".jsonl"):
					return usageError{hint.Errorf("pass --out FILE.jsonl", "the output %q is no file of JSON lines", out)}
				}
			}
			m, err := reading.open(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			if out == "" {
				return printEmbeddings(cmd.Context(), term, m, args[1:], &columns, prompt, asJSON)
			}
			c, err := columns.columns()
			if err != nil {
				return err
			}
			rows, err := xiaoyu.EmbedFile(cmd.Context(), m, xiaoyu.EmbedFileOptions{Path: columns.data, Columns: c, Prompt: prompt, Out: out, Observer: term})
			if err != nil {
				return err
			}
			term.endStage()
			fmt.Fprintf(term.out, "%d vectors of %d numbers  %s\n", rows, m.Dim(), out)
			return nil
		},
	}
	columns.add(cmd, false)
	reading.add(cmd)
	cmd.Flags().StringVar(&out, "out", "", "file of JSON lines to write; an interrupted call is taken up again")
	cmd.Flags().StringVar(&prompt, "prompt", "", "name of a prompt of the model, to be put before each text in place of its default one")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON lines")
	return cmd
}

// vectorFlags say how a model reads texts whose vectors are wanted.
type vectorFlags struct {
	precision
	maxTokens int
}

func (f *vectorFlags) add(cmd *cobra.Command) {
	f.precision.add(cmd)
	cmd.Flags().IntVar(&f.maxTokens, "max-tokens", 0, "tokens of a text that are read, in place of what the model's folder says")
}

func (f *vectorFlags) open(ctx context.Context, term *terminal, name string) (*xiaoyu.Model, error) {
	m, err := f.precision.open(ctx, term, name)
	if err != nil || f.maxTokens == 0 {
		return m, err
	}
	if err := m.SetMaxTokens(f.maxTokens); err != nil {
		m.Close()
		return nil, usageError{err}
	}
	return m, nil
}

// printEmbeddings writes to standard output, each window of texts as it is done.
func printEmbeddings(ctx context.Context, term *terminal, m *xiaoyu.Model, args []string, columns *columnFlags, prompt string, asJSON bool) error {
	out := bufio.NewWriter(term.out)
	examples := func(yield func(data.Example, error) bool) {
		err := eachText(ctx, args, columns, func(s string) error {
			if !yield(data.Example{Text: s}, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && err != errStopped {
			yield(data.Example{}, err)
		}
	}
	before, err := m.Prompt(prompt)
	if err != nil {
		return err
	}
	var line []byte
	for e, err := range xiaoyu.EmbedAll(ctx, m, examples, before) {
		if err != nil {
			out.Flush()
			return err
		}
		if asJSON {
			if line, err = e.AppendJSON(line[:0]); err != nil {
				return err
			}
			_, err = out.Write(line)
		} else {
			_, err = fmt.Fprintf(out, "%s   %s\n", vectorText(e.Vector), data.OneLine(e.Text, 60))
		}
		if err != nil {
			return fmt.Errorf("writing vectors: %w", err)
		}
	}
	return out.Flush()
}

// vectorText is the beginning of a vector, as people can take it in.
func vectorText(v []float32) string {
	var b strings.Builder
	for _, x := range v[:min(len(v), 4)] {
		fmt.Fprintf(&b, "%7.4f ", x)
	}
	if len(v) > 4 {
		fmt.Fprintf(&b, "… (%d)", len(v))
	}
	return b.String()
}
