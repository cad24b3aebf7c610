package answer

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// All writes a line for each text as it comes; nothing waits in the buffer for another text.
func All(ctx context.Context, m *model.Model, texts iter.Seq[model.Query], write func(a model.Answer) error, out *bufio.Writer) error {
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

// NewWriter returns what writes one prediction in the wanted format.
func NewWriter(format string, w io.Writer, m *model.Model, top int, arguments bool) (func(model.Answer) error, error) {
	if format == "" {
		format = "jsonl"
		if arguments {
			format = "text"
		}
	}
	switch format {
	case "jsonl":
		return func(a model.Answer) error {
			return writeJSONLine(w, a, m.Config.Head == model.AnswerHead, m.View(a.Prediction, top))
		}, nil
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
			if m.Config.Head == model.AnswerHead {
				text = strings.Join(strings.Fields(a.Pair), " ")
			} else if a.Pair != "" {
				text += " ⇄ " + strings.Join(strings.Fields(a.Pair), " ")
			}
			_, err := fmt.Fprintf(w, "%s   %s\n", headline(m, a.Prediction, top), text)
			return err
		}, nil
	}
	return nil, hint.Errorf("choose jsonl, csv or text", "unknown format %q", format)
}

// writeJSONLine writes the texts, which may be a question and its context, and the members of view as one object.
func writeJSONLine(w io.Writer, a model.Answer, asked bool, view any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	texts := map[string]string{"text": a.Text}
	if a.Pair != "" {
		texts["pair"] = a.Pair
	}
	if asked {
		texts = map[string]string{"question": a.Pair, "context": a.Text}
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
