package main

import (
	"bufio"
	"cmp"
	"context"
	"iter"
	"os"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/answer"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

func predictCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var format string
	var top int
	var exact precision
	cmd := &cobra.Command{
		Use:   "predict MODEL [TEXT…]",
		Short: "Predict texts: arguments, lines of standard input, or a column of a file",
		Long: `Predict writes one line for each text, in the same order: on a terminal for people, elsewhere as JSON
lines; --format chooses. Texts come from the arguments, else from --data and --text, else from the
lines of standard input. A model of pairs takes two arguments for each pair, two columns (--pair), or
lines with a tab between the two texts. One that answers questions takes the question and then the text;
of a file, the columns question (--pair) and context (--text), or passages as SQuAD nests them.`,
		Args: atLeast(1, "a model: its folder, hf://owner/name or market://owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if top < 0 {
				return usageError{hint.Errorf("pass 0 for all labels", "--top %d is negative", top)}
			}
			m, err := exact.open(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			out := bufio.NewWriter(term.out)
			write, err := answer.NewWriter(format, out, m.Model, top, len(args) > 1)
			if err != nil {
				return usageError{err}
			}
			var failed error
			texts, err := queriesOf(cmd.Context(), m, args[1:], &columns, &failed)
			if err != nil {
				return usageError{err}
			}
			all, cut := 0, 0
			counted := func(a model.Answer) error {
				all++
				if a.Dropped > 0 {
					cut++
				}
				return write(a)
			}
			if err := answer.All(cmd.Context(), m.Model, texts, counted, out); err != nil {
				return err
			}
			if cut > 0 {
				term.Note("note: %d of %d texts are longer than the %d tokens that the model reads; their ends were cut off", cut, all, m.Config.MaxTokens)
			}
			return cmp.Or(failed, out.Flush())
		},
	}
	columns.add(cmd, false)
	exact.add(cmd)
	cmd.Flags().StringVar(&format, "format", "", "jsonl, csv or text; text for arguments, jsonl otherwise")
	cmd.Flags().IntVar(&top, "top", 0, "how many labels with their probabilities; 0 for all")
	return cmd
}

// queriesOf yields what to predict; an error that ends it is left in failed.
func queriesOf(ctx context.Context, m *xiaoyu.Model, args []string, columns *columnFlags, failed *error) (iter.Seq[model.Query], error) {
	switch {
	case len(args) > 0:
		return answer.Arguments(m.Model, args)
	case columns.data == "":
		return answer.Lines(ctx, m.Model, os.Stdin, failed), nil
	}
	return func(yield func(model.Query) bool) {
		from := data.Columns{Text: cmp.Or(columns.text, "text"), Pair: columns.pair, Encoding: columns.encoding,
			Format: columns.format, Delimiter: columns.delimiter, Header: columns.header, Invalid: columns.invalid}
		if m.Config.Head == model.AnswerHead {
			from.SuitQuestions()
		}
		r, err := data.Open(ctx, columns.data, from)
		if err != nil {
			*failed = err
			return
		}
		defer r.Close()
		for e, err := range r.All() {
			if err != nil {
				*failed = err
				return
			}
			if !yield(model.Query{Text: e.Text, Pair: e.Pair}) {
				return
			}
		}
	}, nil
}
