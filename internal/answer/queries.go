// Package answer is how a model talks on a command line: texts come from arguments or lines, predictions go out as lines
// of JSON, CSV or words. The program xiaoyu and the programs that it exports share it.
package answer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Arguments yields the texts of a command line; a model of pairs takes two arguments for each pair.
func Arguments(m *model.Model, args []string) (iter.Seq[model.Query], error) {
	step := 1
	if m.Config.Pair {
		step = 2
	}
	if len(args)%step != 0 {
		return nil, hint.Errorf("give two texts for each pair", "this model compares two texts, there are %d", len(args))
	}
	return func(yield func(model.Query) bool) {
		for pair := range slices.Chunk(args, step) {
			if !yield(query(m, pair[0], pair[step-1])) {
				return
			}
		}
	}, nil
}

// Lines yields the lines of in as texts, of which a model of pairs takes two with a tab between them. An error that ends
// it is left in failed.
func Lines(ctx context.Context, m *model.Model, in io.Reader, failed *error) iter.Seq[model.Query] {
	return func(yield func(model.Query) bool) {
		*failed = ReadLines(ctx, in, func(line string) bool {
			first, second, _ := strings.Cut(line, "\t")
			if !m.Config.Pair {
				first = line
			}
			return yield(query(m, first, second))
		})
	}
}

// query is what m is asked, of one text or two as people give them.
func query(m *model.Model, first, second string) model.Query {
	if !m.Config.Pair {
		second = ""
	}
	if m.Config.Head == model.AnswerHead { // people ask first
		return model.Query{Text: second, Pair: first}
	}
	return model.Query{Text: first, Pair: second}
}

// ReadLines hands on the lines of standard input.
func ReadLines(ctx context.Context, in io.Reader, yield func(string) bool) error {
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
