package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/answer"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func segmentCommand(term *terminal) *cobra.Command {
	var columns columnFlags
	var dictionary, separator string
	var hot []string
	var newWords, asJSON bool
	cmd := &cobra.Command{
		Use:   "segment [TEXT…]",
		Short: "Cut Chinese texts into words: arguments, lines of standard input, or a column of a file",
		Long: `Segment writes one line for each text, its words with blanks between them, or with --json the words as
a list. Texts come from the arguments, else from --data and --text, else from the lines of standard
input. --dict and --hot add words of your own.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			seg, err := newSegmenter(dictionary, hot, newWords)
			if err != nil {
				return err
			}
			out := bufio.NewWriterSize(term.out, 1<<16)
			err = eachText(cmd.Context(), args, &columns, func(s string) error {
				err := writeWords(out, seg, s, separator, asJSON)
				if err == nil && columns.data == "" {
					err = out.Flush() // somebody may wait for each answer
				}
				return err
			})
			return cmp.Or(err, out.Flush())
		},
	}
	columns.add(cmd, false)
	flags := cmd.Flags()
	flags.StringVar(&dictionary, "dict", "", "file of words of your own: a line each, word [frequency] [tag]; without a frequency never cut")
	flags.StringArrayVar(&hot, "hot", nil, "a word that is never cut; may be given several times")
	flags.BoolVar(&newWords, "new-words", false, "find names of people and dates too, and cut set phrases into their words")
	flags.StringVar(&separator, "separator", " ", "what to write between words")
	flags.BoolVar(&asJSON, "json", false, "write a JSON object a line: text and words")
	return cmd
}

// newSegmenter returns a segmenter with the words of a dictionary file, "" for none, and hot words.
func newSegmenter(dictionary string, hot []string, newWords bool) (*text.WordSegmenter, error) {
	d := text.NewDictionary()
	if dictionary != "" {
		var err error
		if d, err = text.LoadDictionary(dictionary); err != nil {
			return nil, err
		}
	}
	for _, w := range hot {
		d.Add(text.DictionaryWord{Word: w})
	}
	options := []text.SegmentOption{text.WithDictionary(d)}
	if newWords {
		options = append(options, text.WithNewWords())
	}
	return text.NewSegmenter(options...)
}

// writeWords writes the words of a text as a line. White space between words is no word.
func writeWords(out *bufio.Writer, seg text.Segmenter, s, separator string, asJSON bool) error {
	words := []string{}
	for _, span := range seg.Segment(s) {
		if w := s[span.Start:span.End]; strings.TrimSpace(w) != "" {
			words = append(words, w)
		}
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		return e.Encode(struct {
			Text  string   `json:"text"`
			Words []string `json:"words"`
		}{s, words})
	}
	_, err := fmt.Fprintln(out, strings.Join(words, separator))
	return err
}

// eachText calls do with the arguments, else the texts of --data, else the lines of standard input.
func eachText(ctx context.Context, args []string, columns *columnFlags, do func(s string) error) error {
	if len(args) > 0 {
		for _, s := range args {
			if err := do(s); err != nil {
				return err
			}
		}
		return nil
	}
	var failed error
	if columns.data == "" {
		err := answer.ReadLines(ctx, os.Stdin, func(line string) bool {
			failed = do(line)
			return failed == nil
		})
		return cmp.Or(failed, err)
	}
	c, err := columns.columns()
	if err != nil {
		return err
	}
	r, err := data.Open(ctx, columns.data, c)
	if err != nil {
		return err
	}
	defer r.Close()
	for e, err := range r.All() {
		if err == nil {
			err = do(e.Text)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
