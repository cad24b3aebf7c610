package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

func predictCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var format string
	var top int
	cmd := &cobra.Command{
		Use:   "predict MODEL [TEXT…]",
		Short: "Predict texts: arguments, lines of standard input, or a column of a file",
		Long: `Predict writes one line for each text, in the same order: on a terminal for people, elsewhere as JSON
lines; --format chooses. Texts come from the arguments, else from --data and --text, else from the
lines of standard input.`,
		Args: atLeast(1, "the folder of a model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if top < 0 {
				return usageError{hint.Errorf("pass 0 for all labels", "--top %d is negative", top)}
			}
			m, err := xiaoyu.Open(args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			out := bufio.NewWriter(term.out)
			write, err := predictionWriter(format, out, m, top, len(args) > 1)
			if err != nil {
				return err
			}
			var failed error
			texts := textsOf(cmd.Context(), args[1:], &columns, &failed)
			if err := predictAll(cmd.Context(), m, texts, write, out); err != nil {
				return err
			}
			return cmp.Or(failed, out.Flush())
		},
	}
	columns.add(cmd, false)
	cmd.Flags().StringVar(&format, "format", "", "jsonl, csv or text; text for arguments, jsonl otherwise")
	cmd.Flags().IntVar(&top, "top", 0, "how many labels with their probabilities; 0 for all")
	return cmd
}

// predictAll writes a line for each text as it comes; nothing waits in the buffer for another text.
func predictAll(ctx context.Context, m *xiaoyu.Model, texts iter.Seq[string], write func(text string, p model.Prediction) error, out *bufio.Writer) error {
	for a, err := range m.PredictAll(ctx, texts) {
		if err != nil {
			return err
		}
		err := write(a.Text, a.Prediction)
		if err == nil && !a.More {
			err = out.Flush()
		}
		if err != nil {
			return fmt.Errorf("writing predictions: %w", err)
		}
	}
	return nil
}

// textsOf yields the texts to predict; an error that ends them is left in failed.
func textsOf(ctx context.Context, args []string, columns *columnFlags, failed *error) iter.Seq[string] {
	switch {
	case len(args) > 0:
		return slices.Values(args)
	case columns.data != "":
		return func(yield func(string) bool) {
			r, err := data.Open(ctx, columns.data, data.Columns{Text: cmp.Or(columns.text, "text"), Encoding: columns.encoding,
				Format: columns.format, Delimiter: columns.delimiter, Header: columns.header, Invalid: columns.invalid})
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
				if !yield(e.Text) {
					return
				}
			}
		}
	}
	return func(yield func(string) bool) { *failed = readLines(ctx, os.Stdin, yield) }
}

// readLines yields the lines of standard input.
func readLines(ctx context.Context, in io.Reader, yield func(string) bool) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !utf8.Valid(lines.Bytes()) {
			return hint.Errorf("convert it, or pass it by --data - --text 1 --header no with its --encoding", "reading standard input: line %d is not UTF-8", n)
		}
		if !yield(lines.Text()) {
			return nil
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return hint.Errorf("break the text into lines", "reading standard input: a line has more than 64 MB")
	}
	return lines.Err()
}

// predictionWriter returns what writes one prediction in the wanted format.
func predictionWriter(format string, w io.Writer, m *xiaoyu.Model, top int, arguments bool) (func(string, model.Prediction) error, error) {
	if format == "" {
		format = "jsonl"
		if arguments {
			format = "text"
		}
	}
	switch format {
	case "jsonl":
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return func(text string, p model.Prediction) error {
			return e.Encode(struct {
				Text        string        `json:"text"`
				Label       string        `json:"label"`
				Probability float32       `json:"probability"`
				Scores      []model.Score `json:"scores"`
			}{text, p.Label, p.Probability, m.Top(p, top)})
		}, nil
	case "csv":
		c := csv.NewWriter(w)
		header := append([]string{"text", "label", "probability"}, m.Labels...)
		if err := c.Write(header); err != nil {
			return nil, err
		}
		return func(text string, p model.Prediction) error {
			row := []string{text, p.Label, number(p.Probability)}
			for _, v := range p.Probabilities {
				row = append(row, number(v))
			}
			if err := c.Write(row); err != nil {
				return err
			}
			c.Flush()
			return c.Error()
		}, nil
	case "text":
		return func(text string, p model.Prediction) error {
			var others []string
			for _, s := range m.Top(p, max(top, 3))[1:] {
				others = append(others, fmt.Sprintf("%s %.1f %%", s.Label, 100*s.Probability))
			}
			_, err := fmt.Fprintf(w, "%s  %.1f %%   (%s)   %s\n", p.Label, 100*p.Probability, strings.Join(others, ", "), strings.Join(strings.Fields(text), " "))
			return err
		}, nil
	}
	return nil, usageError{hint.Errorf("choose jsonl, csv or text", "unknown format %q", format)}
}

func number(v float32) string { return strconv.FormatFloat(float64(v), 'g', 6, 32) }
