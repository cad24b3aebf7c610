package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/answer"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// indexFlags say which texts are looked at by meaning, and where their vectors are kept.
type indexFlags struct {
	columns     columnFlags
	reading     vectorFlags
	dir, prompt string
}

func (f *indexFlags) add(cmd *cobra.Command) {
	f.columns.add(cmd, false)
	f.reading.add(cmd)
	cmd.Flags().StringVar(&f.dir, "index", "", "folder that keeps the vectors of the texts: made if it is not there, taken up if it was interrupted")
	cmd.Flags().StringVar(&f.prompt, "text-prompt", "", "name of the model's prompt for the texts, such as passage")
}

// open opens the model and the index.
func (f *indexFlags) open(ctx context.Context, term *terminal, name string) (*xiaoyu.Model, *xiaoyu.Index, error) {
	if f.columns.data == "" && f.dir == "" {
		return nil, nil, usageError{hint.Errorf("pass --data FILE --text COLUMN, or --index DIR that was made before", "no texts are named")}
	}
	if f.columns.data == "-" && f.dir != "" {
		return nil, nil, usageError{hint.Errorf("save the texts to a file, or leave --index out", "an index that is kept cannot be made of standard input")}
	}
	c, err := f.columns.columns()
	if err != nil {
		return nil, nil, err
	}
	m, err := f.reading.open(ctx, term, name)
	if err != nil {
		return nil, nil, err
	}
	x, err := xiaoyu.OpenIndex(ctx, m, xiaoyu.IndexOptions{Path: f.columns.data, Columns: c, Prompt: f.prompt, Dir: f.dir, Observer: term})
	term.endStage()
	if err != nil {
		m.Close()
		return nil, nil, err
	}
	return m, x, nil
}

func findCommand(term *terminal) *cobra.Command {
	var texts indexFlags
	var prompt string
	var top int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "find MODEL [QUESTION…] --data FILE --text COLUMN",
		Short: "Find the texts of a file that are nearest in meaning to a question",
		Long: `Find compares the vectors of a file's texts with that of each question, an argument or a line of standard input, and
prints the nearest texts with their cosine. Up to a million texts the search is exact; of more it asks a graph.

With --index DIR the vectors are kept: the file is embedded once, and later questions need no --data.`,
		Example: `  xiaoyu find hf://sentence-transformers/all-MiniLM-L6-v2 "how do I get my money back" --data faq.csv --text question --index faq.index`,
		Args:    atLeast(1, "a model: its folder, hf://owner/name or market://owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if top < 1 {
				return usageError{hint.Errorf("pass 1 or more", "--top is %d", top)}
			}
			if texts.columns.data == "-" && len(args) == 1 {
				return usageError{hint.Errorf("give the questions as arguments", "standard input cannot have both the texts and the questions")}
			}
			term.quiet = asJSON && !term.live
			m, x, err := texts.open(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			defer x.Close()
			ask := func(question string) error {
				found, err := x.Find(cmd.Context(), m, question, prompt, top)
				if err != nil {
					return err
				}
				return printFound(term, question, found, asJSON)
			}
			if len(args) > 1 {
				for _, question := range args[1:] {
					if err := ask(question); err != nil {
						return err
					}
				}
				return nil
			}
			var failed error
			err = answer.ReadLines(cmd.Context(), os.Stdin, func(line string) bool {
				failed = ask(line)
				return failed == nil
			})
			if failed != nil {
				return failed
			}
			return err
		},
	}
	texts.add(cmd)
	cmd.Flags().StringVar(&prompt, "prompt", "", "name of the model's prompt for the questions, such as query, in place of its default one")
	cmd.Flags().IntVar(&top, "top", 10, "texts to show of each question")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON, a line for each question")
	return cmd
}

func printFound(term *terminal, question string, found []xiaoyu.Found, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(term.out)
		e.SetEscapeHTML(false)
		return e.Encode(map[string]any{"question": question, "found": found})
	}
	fmt.Fprintf(term.out, "%s\n", question)
	for _, f := range found {
		fmt.Fprintf(term.out, "  %.3f  line %-7d %s\n", f.Cosine, f.Line, data.OneLine(f.Text, 100))
	}
	return nil
}
