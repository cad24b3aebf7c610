package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/vectors"
)

func vectorsCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "vectors",
		Short: "Train word vectors, find near words and analogies, convert files of vectors",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(vectorsTrain(term), vectorsNearest(term), vectorsAnalogy(term), vectorsConvert(term))
	return cmd
}

func vectorsTrain(term *terminal) *cobra.Command {
	var columns columnFlags
	var out, format, dictionary string
	var newWords, resume bool
	c := vectors.Defaults
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Make vectors of the words of a column of texts",
		Long: `Train makes word vectors of the texts of a file by skip-gram, or CBOW with --cbow. Texts are put in
lower case, Chinese is cut into words, and punctuation is left out. An interrupted training leaves a
checkpoint beside --out; the same command with --resume goes on. Use the vectors in a model with
model.vectors in xiaoyu.yaml.`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if columns.data == "" || out == "" {
				return usageError{hint.Errorf("pass --data FILE --text COLUMN --out vectors.txt", "xiaoyu vectors train: no file of texts, or no file to write, is named")}
			}
			if _, err := os.Stat(filepath.Dir(out)); err != nil { // before minutes are spent
				return hint.Errorf("make it, or choose another --out", "writing %s: there is no folder %s", out, filepath.Dir(out))
			}
			seg, err := newSegmenter(dictionary, nil, newWords)
			if err != nil {
				return err
			}
			checkpoint := out + ".checkpoint"
			s, err := vectors.Train(cmd.Context(), sentences(cmd.Context(), &columns, seg), c, vectors.TrainOptions{
				Progress: trainingProgress(term), Checkpoint: checkpoint, Resume: resume, Dir: filepath.Dir(out),
			})
			if err != nil {
				return err
			}
			term.endStage()
			if err := s.Write(out, formatOf(out, format)); err != nil {
				return err
			}
			if err := os.Remove(checkpoint); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			fmt.Fprintf(term.out, "%d words of %d numbers  %s\ntry  xiaoyu vectors nearest %s %s\n", s.Len(), s.Dim, out, out, s.Words[min(s.Len()-1, 100)])
			return nil
		},
	}
	columns.add(cmd, false)
	flags := cmd.Flags()
	flags.StringVar(&out, "out", "", "file to write")
	addFormat(cmd, &format)
	flags.BoolVar(&c.CBOW, "cbow", c.CBOW, "CBOW instead of skip-gram")
	flags.IntVar(&c.Dim, "dim", c.Dim, "numbers of a vector")
	flags.IntVar(&c.Window, "window", c.Window, "words on each side that are around a word, at most")
	flags.IntVar(&c.Negative, "negative", c.Negative, "random words that each true one is told from")
	flags.IntVar(&c.Epochs, "epochs", c.Epochs, "times that the texts are gone through")
	flags.IntVar(&c.MinCount, "min-count", c.MinCount, "a word must occur so often")
	flags.IntVar(&c.MaxWords, "max-words", c.MaxWords, "at most so many words")
	flags.Float64Var(&c.Sample, "sample", c.Sample, "share of the texts above which a word is passed over at times; -1 for never")
	flags.Float64Var(&c.LearningRate, "learning-rate", c.LearningRate, "at the beginning")
	flags.IntVar(&c.Threads, "threads", c.Threads, "0 for one a processor; with 1 the same seed gives the same vectors, to the bit")
	flags.Uint64Var(&c.Seed, "seed", 1, "of the random numbers")
	flags.BoolVar(&resume, "resume", false, "go on with an interrupted training")
	flags.StringVar(&dictionary, "dict", "", "file of words of your own, which are never cut: word [frequency] [tag] a line")
	flags.BoolVar(&newWords, "new-words", false, "names of people and dates are words too, set phrases are cut")
	return cmd
}

// errStopped ends a walk over texts whose rest nobody wants.
var errStopped = errors.New("stopped")

// sentences yields the words of each text.
func sentences(ctx context.Context, columns *columnFlags, seg text.Segmenter) func(yield func([]string, error) bool) {
	return func(yield func([]string, error) bool) {
		err := eachText(ctx, nil, columns, func(s string) error {
			if !yield(text.Words(seg, s), nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && err != errStopped {
			yield(nil, err)
		}
	}
}

// trainingProgress shows a training as two stages.
func trainingProgress(term *terminal) func(vectors.Progress) {
	stage := ""
	return func(p vectors.Progress) {
		name := "reading"
		if p.Training {
			name = "training"
		}
		if name != stage {
			stage = name
			term.Stage(name, p.Total, "words")
		}
		detail := ""
		if p.Training {
			detail = fmt.Sprintf("epoch %d  %.0f k words/s", p.Epoch, p.WordsPerSecond/1000)
		}
		term.Progress(p.Done, detail)
	}
}

func vectorsNearest(term *terminal) *cobra.Command {
	var n int
	var asJSON bool
	var read vectors.Options
	cmd := &cobra.Command{
		Use:   "nearest FILE WORD…",
		Short: "The words nearest to each word",
		Args:  atLeast(2, "a file of word vectors and a word"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := readVectors(cmd.Context(), term, args[0], read)
			if err != nil {
				return err
			}
			answers := map[string][]vectors.Neighbour{}
			for _, w := range args[1:] {
				if answers[w], err = s.Nearest(w, n); err != nil {
					return err
				}
			}
			if asJSON {
				return term.printJSON(answers)
			}
			for _, w := range args[1:] {
				fmt.Fprintf(term.out, "%s\n", w)
				printNeighbours(term, answers[w])
			}
			return nil
		},
	}
	addQuery(cmd, &n, &asJSON, &read)
	return cmd
}

func vectorsAnalogy(term *terminal) *cobra.Command {
	var n int
	var asJSON bool
	var read vectors.Options
	cmd := &cobra.Command{
		Use:   "analogy FILE A B C",
		Short: "What is to C as B is to A: man king woman → queen",
		Args:  exactly(4, "a file of word vectors and three words"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := readVectors(cmd.Context(), term, args[0], read)
			if err != nil {
				return err
			}
			answer, err := s.Analogy(args[1], args[2], args[3], n)
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(answer)
			}
			printNeighbours(term, answer)
			return nil
		},
	}
	addQuery(cmd, &n, &asJSON, &read)
	return cmd
}

func addQuery(cmd *cobra.Command, n *int, asJSON *bool, read *vectors.Options) {
	cmd.Flags().IntVar(n, "n", 10, "how many words")
	cmd.Flags().BoolVar(asJSON, "json", false, "print as JSON")
	cmd.Flags().BoolVar(&read.Skip, "skip", false, "pass over broken lines of the file")
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if *n < 1 {
			return usageError{hint.Errorf("give a number of words", "--n %d", *n)}
		}
		return check(cmd, args)
	}
}

func printNeighbours(term *terminal, list []vectors.Neighbour) {
	for _, n := range list {
		fmt.Fprintf(term.out, "  %6.3f  %s\n", n.Similarity, n.Word)
	}
}

func vectorsConvert(term *terminal) *cobra.Command {
	var out, format string
	var read vectors.Options
	cmd := &cobra.Command{
		Use:   "convert FILE",
		Short: "Write word vectors in another format, or the first of them",
		Args:  exactly(1, "a file of word vectors"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if out == "" {
				return usageError{hint.Errorf("pass --out FILE", "xiaoyu vectors convert: no file to write is named")}
			}
			s, err := readVectors(cmd.Context(), term, args[0], read)
			if err != nil {
				return err
			}
			if err := s.Write(out, formatOf(out, format)); err != nil {
				return err
			}
			fmt.Fprintf(term.out, "%d of %d words, %d numbers each  %s\n", s.Len(), s.Total, s.Dim, out)
			return nil
		},
	}
	cmd.Flags().StringVar(&out, "out", "", "file to write")
	addFormat(cmd, &format)
	cmd.Flags().IntVar(&read.Limit, "limit", 0, "only the first words, which are the most frequent in most files; 0 for all")
	cmd.Flags().BoolVar(&read.Skip, "skip", false, "pass over broken lines of the file")
	return cmd
}

func addFormat(cmd *cobra.Command, format *string) {
	cmd.Flags().StringVar(format, "format", "", "text (word2vec's, fastText's .vec), binary (word2vec's) or glove; binary for .bin, otherwise text")
}

func formatOf(path, format string) vectors.Format {
	switch {
	case format != "":
		return vectors.Format(format)
	case filepath.Ext(path) == ".bin":
		return vectors.Binary
	}
	return vectors.Text
}

// readVectors reads a file of vectors with a bar, and tells what is strange about it.
func readVectors(ctx context.Context, term *terminal, path string, o vectors.Options) (*vectors.Set, error) {
	o.Progress = progress(term, "reading")
	s, err := vectors.Read(ctx, path, o)
	if err != nil {
		return nil, err
	}
	term.endStage()
	for _, note := range s.Notes {
		term.Note("note: %s: %s", path, note)
	}
	return s, nil
}
