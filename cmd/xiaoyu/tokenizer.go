package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func tokenizerCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tokenizer",
		Short: "Train, look at and try tokenizers: tokenizer.json, as Hugging Face's library has it",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(tokenizerTrain(term), tokenizerEncode(term), tokenizerDecode(term), tokenizerShow(term))
	return cmd
}

func tokenizerTrain(term *terminal) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	var out, kind string
	var size int
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "train --out FILE",
		Short: "Train a tokenizer on all texts of a file, cleaned as the project says",
		Args:  exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usageError{hint.Errorf("pass --out tokenizer.json", "xiaoyu tokenizer train: no output file is named")}
			}
			c, err := project.load(cmd, columns.data != "")
			if err != nil {
				return err
			}
			if err := columns.apply(c); err != nil {
				return err
			}
			if cmd.Flags().Changed("kind") {
				err = conf.Set(c, "tokenizer.kind", kind)
			}
			if err == nil && cmd.Flags().Changed("vocab-size") {
				err = conf.Set(c, "tokenizer.vocab_size", strconv.Itoa(size))
			}
			if err != nil {
				return err
			}
			if c.Data.Path == "" {
				return hint.Errorf("pass --data FILE, or set data.path in "+xiaoyu.ConfigFile, "no file of texts is named")
			}
			if c.Tokenizer.Kind == "auto" {
				return usageError{hint.Errorf("pass --kind char, word, whole, wordpiece, bpe or unigram", "xiaoyu tokenizer train: no kind of tokenizer is chosen")}
			}
			tok, err := trainTokenizer(cmd.Context(), term, c)
			if err != nil {
				return err
			}
			if err := tok.Save(out); err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(map[string]any{"file": out, "tokenizer": tok.Describe()})
			}
			fmt.Fprintf(term.out, "written         %s: %s, %d tokens\n", out, tok.Describe().Algorithm, tok.VocabSize())
			return nil
		},
	}
	project.add(cmd)
	columns.add(cmd, false)
	cmd.Flags().StringVar(&out, "out", "", "file to write: a tokenizer.json")
	cmd.Flags().StringVar(&kind, "kind", "", "char, word, whole, wordpiece, bpe or unigram; otherwise as the project says")
	cmd.Flags().IntVar(&size, "vocab-size", 0, "at most so many tokens; otherwise as the project says")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// trainTokenizer reads the texts as a stream.
func trainTokenizer(ctx context.Context, term *terminal, c *xiaoyu.Config) (*text.Tokenizer, error) {
	columns := c.Data.Columns
	columns.Label = "" // a tokenizer needs none
	r, err := data.Open(ctx, c.Data.Path, columns)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	cleaner := text.NewCleaner(c.Data.Clean)
	var failed error
	texts := func(yield func(string) bool) {
		for e, err := range r.All() {
			if err != nil {
				failed = err
				return
			}
			for _, s := range []string{e.Text, e.Pair} {
				clean, _ := cleaner.Clean(s)
				if clean != "" && !yield(clean) {
					return
				}
			}
		}
	}
	stage := ""
	tok, err := text.TrainStages(ctx, texts, c.Tokenizer, func(now string, done, total int64) {
		if now != stage {
			stage = now
			unit := map[string]string{text.StageReading: "texts", text.StageMerging: "tokens", text.StagePruning: "rounds"}[now]
			term.Stage(now, total, unit)
		}
		term.Progress(done, "")
	})
	term.endStage()
	if failed != nil {
		return nil, failed
	}
	return tok, err
}

// loadTokenizer reads a tokenizer.json, or that of a model, by its folder or its name on a hub.
func loadTokenizer(ctx context.Context, term *terminal, name string) (*text.Tokenizer, error) {
	path, err := xiaoyu.FetchTokenizer(ctx, name, term)
	term.endStage()
	if err != nil {
		return nil, err
	}
	const way = "pass a tokenizer.json, or the folder of a model"
	info, err := os.Stat(path)
	if err != nil {
		return nil, hint.Wrap(err, way, "reading the tokenizer")
	}
	if info.IsDir() {
		path = filepath.Join(path, model.TokenizerFile)
		if _, err := os.Stat(path); err != nil {
			return nil, hint.Wrap(err, way, "reading the tokenizer")
		}
	}
	return text.Load(path)
}

// encoded is a line of `tokenizer encode`.
type encoded struct {
	Text   string   `json:"text"`
	Pair   string   `json:"pair,omitempty"`
	Tokens []string `json:"tokens"`
	IDs    []int32  `json:"ids"`
	Spans  [][2]int `json:"spans"` // in bytes of the text that the token is of
	Types  []int32  `json:"type_ids"`
	Masks  []int    `json:"special_tokens_mask"`
	second []bool
}

func tokenizerEncode(term *terminal) *cobra.Command {
	var o text.EncodeOptions
	var pairs, literal, asJSON bool
	cmd := &cobra.Command{
		Use:   "encode TOKENIZER [TEXT…]",
		Short: "Tokens of texts: arguments, or lines of standard input",
		Long: `Encode prints the tokens of each text with their numbers and what they stand for in it. TOKENIZER is
a tokenizer.json, or the folder of a model. With --pair, two arguments make a pair, or a line with a tab.`,
		Args: atLeast(1, "a tokenizer.json, or the folder of a model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.MaxTokens < 0 {
				return usageError{hint.Errorf("pass 0 for all tokens", "--max-tokens %d is negative", o.MaxTokens)}
			}
			if pairs && len(args) > 1 && len(args)%2 == 0 {
				return usageError{hint.Errorf("give two texts for each pair", "--pair: there are %d texts", len(args)-1)}
			}
			tok, err := loadTokenizer(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			if literal {
				tok = tok.Literal()
			}
			out := bufio.NewWriter(term.out)
			var e text.Encoding
			for s, err := range textsOf(cmd.Context(), args[1:], pairs, os.Stdin) {
				if err != nil {
					return err
				}
				line := encodeOne(tok, &e, s, pairs, o)
				if asJSON {
					err = json.NewEncoder(out).Encode(line)
				} else {
					line.print(out)
				}
				if err == nil {
					err = out.Flush()
				}
				if err != nil {
					return fmt.Errorf("writing tokens: %w", err)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&o.Special, "special", false, "add the special tokens of the post-processor")
	cmd.Flags().BoolVar(&pairs, "pair", false, "texts come in pairs")
	cmd.Flags().BoolVar(&literal, "literal", false, "special tokens that a text spells are text like any other")
	cmd.Flags().IntVar(&o.MaxTokens, "max-tokens", 0, "at most so many tokens, special ones included; 0 for all")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a line of JSON for each text")
	return cmd
}

// textsOf yields the arguments, or else the lines of a reader. A pair of arguments comes with a tab between.
func textsOf(ctx context.Context, args []string, pairs bool, r io.Reader) iter.Seq2[string, error] {
	step := 1
	if pairs {
		step = 2
	}
	return func(yield func(string, error) bool) {
		for s := range slices.Chunk(args, step) {
			if !yield(strings.Join(s, "\t"), nil) {
				return
			}
		}
		if len(args) > 0 {
			return
		}
		lines := bufio.NewReader(r)
		for ctx.Err() == nil {
			line, err := lines.ReadString('\n')
			if line != "" && !yield(strings.TrimRight(line, "\r\n"), nil) || err == io.EOF {
				return
			}
			if err != nil {
				yield("", fmt.Errorf("reading standard input: %w", err))
				return
			}
		}
		yield("", ctx.Err())
	}
}

func encodeOne(tok *text.Tokenizer, e *text.Encoding, s string, pair bool, o text.EncodeOptions) encoded {
	line := encoded{Text: s}
	if pair {
		line.Text, line.Pair, _ = strings.Cut(s, "\t")
		tok.EncodePair(e, line.Text, line.Pair, o)
	} else {
		tok.EncodeText(e, s, o)
	}
	line.IDs, line.Types, line.second = e.IDs, e.TypeIDs, e.Second
	for i, id := range e.IDs {
		line.Tokens = append(line.Tokens, tok.Token(id))
		line.Spans = append(line.Spans, [2]int{e.Spans[i].Start, e.Spans[i].End})
		mask := 0
		if e.Special[i] {
			mask = 1
		}
		line.Masks = append(line.Masks, mask)
	}
	return line
}

// print writes one token a line: number, token, what it stands for.
func (l *encoded) print(w io.Writer) {
	for i, id := range l.IDs {
		source := l.Text
		if l.second[i] {
			source = l.Pair
		}
		part := "—"
		if l.Masks[i] == 0 {
			part = strconv.Quote(source[l.Spans[i][0]:l.Spans[i][1]])
		}
		fmt.Fprintf(w, "%8d  %s  %s\n", id, l.Tokens[i]+strings.Repeat(" ", max(0, 20-uniseg.StringWidth(l.Tokens[i]))), part)
	}
	fmt.Fprintln(w)
}

func tokenizerDecode(term *terminal) *cobra.Command {
	var skip, asJSON bool
	cmd := &cobra.Command{
		Use:   "decode TOKENIZER ID…",
		Short: "The text that numbers of tokens stand for",
		Args:  atLeast(2, "a tokenizer.json or the folder of a model, and numbers of tokens"),
		RunE: func(cmd *cobra.Command, args []string) error {
			tok, err := loadTokenizer(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			var ids []int32
			for _, a := range args[1:] {
				for _, field := range strings.FieldsFunc(a, func(r rune) bool { return strings.ContainsRune(" ,[]", r) }) {
					id, err := strconv.ParseInt(field, 10, 32)
					if err != nil || id < 0 || int(id) >= tok.VocabSize() {
						return usageError{hint.Errorf(fmt.Sprintf("numbers are 0 to %d", tok.VocabSize()-1), "%q is no token's number", field)}
					}
					ids = append(ids, int32(id))
				}
			}
			s := tok.Decode(ids, skip)
			if asJSON {
				return term.printJSON(map[string]any{"ids": ids, "text": s})
			}
			fmt.Fprintln(term.out, s)
			return nil
		},
	}
	cmd.Flags().BoolVar(&skip, "skip-special", false, "leave special tokens out")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func tokenizerShow(term *terminal) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show TOKENIZER",
		Short: "What a tokenizer is made of",
		Args:  exactly(1, "a tokenizer.json, or the folder of a model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			tok, err := loadTokenizer(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			d := tok.Describe()
			if asJSON {
				return term.printJSON(d)
			}
			row := func(name string, values ...string) {
				value := strings.Join(values, ", ")
				if value == "" {
					value = "none"
				}
				fmt.Fprintf(term.out, "%-16s %s\n", name, value)
			}
			row("algorithm", d.Algorithm)
			row("tokens", strconv.Itoa(d.Tokens))
			row("unknown", d.Unknown)
			row("padding", d.Pad)
			row("normalizers", d.Normalizers...)
			row("pre-tokenizers", d.PreTokenizers...)
			row("post-processors", d.Processors...)
			row("decoders", d.Decoders...)
			var added []string
			for _, a := range d.Added[:min(len(d.Added), 20)] {
				added = append(added, fmt.Sprintf("%s (%d)", a.Content, a.ID))
			}
			if more := len(d.Added) - len(added); more > 0 {
				added = append(added, fmt.Sprintf("and %d more", more))
			}
			row("added tokens", added...)
			if d.Truncation != nil {
				row("truncation", fmt.Sprintf("%s, %d tokens", d.Truncation.Strategy, d.Truncation.MaxLength))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
