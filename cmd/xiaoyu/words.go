package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func dataWords(term *terminal) *cobra.Command {
	var asJSON bool
	var out, dictionary string
	var d text.Discovery
	cmd := dataSubcommandOn("words", "Find Chinese words that no dictionary has: strings that cohere between changing neighbours", func(c *data.Columns) { c.Label = "" }, func(ctx context.Context, c *data.Config) error {
		if c.Path == "-" {
			return usageError{hint.Errorf("write the texts to a file", "xiaoyu data words: the texts are read twice, which standard input cannot be")}
		}
		seg, err := newSegmenter(dictionary, nil, false)
		if err != nil {
			return err
		}
		term.Stage("looking", 0, "texts")
		found, err := text.Discover(ctx, rereadable(ctx, c), seg, d, func(done int64) { term.Progress(done, "") })
		if err != nil {
			return err
		}
		term.endStage()
		if out != "" {
			if err := writeDictionary(out, found); err != nil {
				return err
			}
			term.Note("%d words written to %s; use them with --dict, or as tokenizer.dictionary", len(found), out)
		}
		if asJSON {
			return term.printJSON(found)
		}
		if len(found) == 0 {
			fmt.Fprintln(term.out, "no new words; a lower --min-count, --cohesion or --entropy finds more")
			return nil
		}
		fmt.Fprintf(term.out, "%7s  %8s  %5s  %5s  %s\n", "count", "cohesion", "left", "right", "word")
		for _, w := range found {
			fmt.Fprintf(term.out, "%7d  %8.1f  %5.2f  %5.2f  %s   %s\n", w.Count, w.Cohesion, w.Left, w.Right, w.Word, strings.Join(w.Examples[:min(len(w.Examples), 1)], ""))
		}
		return nil
	})
	flags := cmd.Flags()
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	flags.StringVar(&out, "out", "", "file to write as a dictionary of your own; look through it before you use it")
	flags.StringVar(&dictionary, "dict", "", "words that you have already")
	flags.IntVar(&d.Limit, "n", 100, "how many words at most; 0 for all")
	flags.IntVar(&d.MaxLength, "max-length", 4, "characters of a word, at most 8")
	flags.IntVar(&d.MinCount, "min-count", 10, "a word must occur so often")
	flags.Float64Var(&d.Cohesion, "cohesion", 5, "least mutual information of its parts, in bits")
	flags.Float64Var(&d.Entropy, "entropy", 1.2, "least entropy of the characters on each side, in bits")
	return cmd
}

// rereadable yields the texts of a file, each time that it is walked over.
func rereadable(ctx context.Context, c *data.Config) func(yield func(string, error) bool) {
	return func(yield func(string, error) bool) {
		r, err := data.Open(ctx, c.Path, c.Columns)
		if err != nil {
			yield("", err)
			return
		}
		defer r.Close()
		for e, err := range r.All() {
			if !yield(e.Text, err) || err != nil {
				return
			}
		}
	}
}

// writeDictionary writes candidates as hot words.
func writeDictionary(path string, found []text.Candidate) error {
	var words []text.DictionaryWord
	for _, w := range found {
		words = append(words, text.DictionaryWord{Word: w.Word})
	}
	file, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, "check the folder", "writing the dictionary")
	}
	defer file.Abort()
	return cmp.Or(text.NewDictionary(words...).Write(file), file.Commit())
}
