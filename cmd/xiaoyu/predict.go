package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
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
	var exact precision
	cmd := &cobra.Command{
		Use:   "predict MODEL [TEXT…]",
		Short: "Predict texts: arguments, lines of standard input, or a column of a file",
		Long: `Predict writes one line for each text, in the same order: on a terminal for people, elsewhere as JSON
lines; --format chooses. Texts come from the arguments, else from --data and --text, else from the
lines of standard input. A model of pairs takes two arguments for each pair, two columns (--pair), or
lines with a tab between the two texts.`,
		Args: atLeast(1, "a model: its folder or hf://owner/name"),
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
			write, err := predictionWriter(format, out, m, top, len(args) > 1)
			if err != nil {
				return err
			}
			var failed error
			if m.Config.Pair && (len(args)-1)%2 != 0 {
				return usageError{hint.Errorf("give two texts for each pair", "this model compares two texts, there are %d", len(args)-1)}
			}
			texts := queriesOf(cmd.Context(), m, args[1:], &columns, &failed)
			if err := predictAll(cmd.Context(), m, texts, write, out); err != nil {
				return err
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

// predictAll writes a line for each text as it comes; nothing waits in the buffer for another text.
func predictAll(ctx context.Context, m *xiaoyu.Model, texts iter.Seq[model.Query], write func(a model.Answer) error, out *bufio.Writer) error {
	for a, err := range m.PredictAll(ctx, texts) {
		if err != nil {
			return err
		}
		err := write(a)
		if err == nil && !a.More {
			err = out.Flush()
		}
		if err != nil {
			return fmt.Errorf("writing predictions: %w", err)
		}
	}
	return nil
}

// queriesOf yields what to predict; an error that ends it is left in failed.
func queriesOf(ctx context.Context, m *xiaoyu.Model, args []string, columns *columnFlags, failed *error) iter.Seq[model.Query] {
	pair := m.Config.Pair
	switch {
	case len(args) > 0 && pair:
		return func(yield func(model.Query) bool) {
			for i := 0; i+1 < len(args); i += 2 {
				if !yield(model.Query{Text: args[i], Pair: args[i+1]}) {
					return
				}
			}
		}
	case len(args) > 0:
		return func(yield func(model.Query) bool) {
			for _, s := range args {
				if !yield(model.Query{Text: s}) {
					return
				}
			}
		}
	case columns.data != "":
		return func(yield func(model.Query) bool) {
			r, err := data.Open(ctx, columns.data, data.Columns{Text: cmp.Or(columns.text, "text"), Pair: columns.pair, Encoding: columns.encoding,
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
				if !yield(model.Query{Text: e.Text, Pair: e.Pair}) {
					return
				}
			}
		}
	}
	return func(yield func(model.Query) bool) {
		*failed = readLines(ctx, os.Stdin, func(line string) bool {
			q := model.Query{Text: line}
			if pair {
				q.Text, q.Pair, _ = strings.Cut(line, "\t")
			}
			return yield(q)
		})
	}
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
func predictionWriter(format string, w io.Writer, m *xiaoyu.Model, top int, arguments bool) (func(model.Answer) error, error) {
	if format == "" {
		format = "jsonl"
		if arguments {
			format = "text"
		}
	}
	switch format {
	case "jsonl":
		return func(a model.Answer) error { return writeJSONLine(w, a, m.View(a.Prediction, top)) }, nil
	case "csv":
		c := csv.NewWriter(w)
		if err := c.Write(csvHeader(m)); err != nil {
			return nil, err
		}
		return func(a model.Answer) error {
			if err := c.Write(csvRow(m, a)); err != nil {
				return err
			}
			c.Flush()
			return c.Error()
		}, nil
	case "text":
		return func(a model.Answer) error {
			text := strings.Join(strings.Fields(a.Text), " ")
			if a.Pair != "" {
				text += " ⇄ " + strings.Join(strings.Fields(a.Pair), " ")
			}
			_, err := fmt.Fprintf(w, "%s   %s\n", headline(m, a.Prediction, top), text)
			return err
		}, nil
	}
	return nil, usageError{hint.Errorf("choose jsonl, csv or text", "unknown format %q", format)}
}

// writeJSONLine writes the texts and the members of view as one object.
func writeJSONLine(w io.Writer, a model.Answer, view any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	texts := map[string]string{"text": a.Text}
	if a.Pair != "" {
		texts["pair"] = a.Pair
	}
	if err := e.Encode(texts); err != nil {
		return err
	}
	b.Truncate(b.Len() - len("}\n"))
	b.WriteByte(',')
	at := b.Len()
	if err := e.Encode(view); err != nil {
		return err
	}
	line := b.Bytes()
	line = append(line[:at], line[at+1:]...) // the brace that opens view
	_, err := w.Write(line)
	return err
}

func csvHeader(m *xiaoyu.Model) []string {
	header := []string{"text"}
	if m.Config.Pair {
		header = append(header, "pair")
	}
	switch m.Config.Head {
	case model.RegressionHead:
		return append(header, "score")
	case model.EmbeddingHead:
		if m.Config.Pair {
			return append(header, "score")
		}
		return append(header, "embedding")
	case model.TokensHead, model.ReplacedHead:
		return append(header, "entities")
	case model.MaskedHead, model.CausalHead:
		return append(header, "masks")
	case model.MultiLabelHead:
		header = append(header, "labels")
	default:
		header = append(header, "label", "probability")
	}
	return append(header, m.Labels...)
}

func csvRow(m *xiaoyu.Model, a model.Answer) []string {
	row := []string{a.Text}
	if m.Config.Pair {
		row = append(row, a.Pair)
	}
	switch m.Config.Head {
	case model.RegressionHead:
		return append(row, strconv.FormatFloat(a.Score, 'g', 6, 64))
	case model.EmbeddingHead:
		if m.Config.Pair {
			return append(row, strconv.FormatFloat(a.Score, 'g', 6, 64))
		}
		return append(row, vectorList(a.Vector))
	case model.TokensHead, model.ReplacedHead:
		return append(row, entityList(a.Entities, "|"))
	case model.MaskedHead, model.CausalHead:
		return append(row, maskList(a.Masks, 1, "|"))
	case model.MultiLabelHead:
		row = append(row, strings.Join(a.Labels, "|"))
	default:
		row = append(row, a.Label, number(a.Probability))
	}
	for _, v := range a.Probabilities {
		row = append(row, number(v))
	}
	return row
}

// vectorList writes numbers with spaces between them.
func vectorList(v []float32) string {
	list := make([]string, len(v))
	for i, x := range v {
		list[i] = number(x)
	}
	return strings.Join(list, " ")
}

func entityList(entities []model.Entity, separator string) string {
	var list []string
	for _, e := range entities {
		list = append(list, e.Label+":"+e.Text)
	}
	return strings.Join(list, separator)
}

// maskList names the most probable tokens of each mask.
func maskList(masks [][]model.Score, top int, separator string) string {
	var list []string
	for _, guesses := range masks {
		var tokens []string
		for _, s := range guesses[:min(top, len(guesses))] {
			tokens = append(tokens, fmt.Sprintf("%s %.1f %%", s.Label, 100*s.Probability))
		}
		list = append(list, strings.Join(tokens, ", "))
	}
	return strings.Join(list, separator)
}

// headline says a prediction in a few words.
func headline(m *xiaoyu.Model, p model.Prediction, top int) string {
	var scores []string
	switch m.Config.Head {
	case model.RegressionHead:
		return strconv.FormatFloat(p.Score, 'g', 4, 64)
	case model.EmbeddingHead:
		if m.Config.Pair {
			return strconv.FormatFloat(p.Score, 'g', 4, 64)
		}
		return fmt.Sprintf("%s … (%d numbers)", vectorList(p.Vector[:min(len(p.Vector), 4)]), len(p.Vector))
	case model.MaskedHead, model.CausalHead:
		if len(p.Masks) == 0 {
			return "(no [MASK] in the text, or no text)"
		}
		return maskList(p.Masks, max(top, 5), "  |  ")
	case model.TokensHead, model.ReplacedHead:
		if len(p.Entities) == 0 {
			return "(nothing found)"
		}
		return entityList(p.Entities, ", ")
	case model.MultiLabelHead:
		for _, s := range m.Top(p, max(top, len(p.Labels), 1)) {
			scores = append(scores, fmt.Sprintf("%s %.1f %%", s.Label, 100*s.Probability))
		}
		if len(p.Labels) == 0 {
			return "(no label)  (" + strings.Join(scores, ", ") + ")"
		}
		return strings.Join(scores, ", ")
	}
	for _, s := range m.Top(p, max(top, 3))[1:] {
		scores = append(scores, fmt.Sprintf("%s %.1f %%", s.Label, 100*s.Probability))
	}
	return fmt.Sprintf("%s  %.1f %%   (%s)", p.Label, 100*p.Probability, strings.Join(scores, ", "))
}

func number(v float32) string { return strconv.FormatFloat(float64(v), 'g', 6, 32) }
