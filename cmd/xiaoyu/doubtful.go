package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/label"
)

func dataDoubtful(term *terminal) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	var o xiaoyu.DoubtOptions
	var out, seed string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doubtful",
		Short: "Find rows whose labels are probably wrong, with reasons",
		Long: `Find rows whose labels are probably wrong, with reasons.

Models are trained, each without a part of the rows; where a model is sure of another label than a row has that it did
not see, the label is doubted (confident learning). The family is ngram, which is fast, unless --model names another.`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if project.family == "" {
				project.family = "ngram"
			}
			c, err := project.loadWithData(cmd, &columns)
			if err != nil {
				return err
			}
			if seed != "" {
				if err := conf.Set(c, "train.seed", seed); err != nil {
					return usageError{err}
				}
			}
			if o.Folds < 2 || o.Folds > 100 {
				return usageError{hint.Errorf("pass 2 to 100, such as 5", "--folds %d", o.Folds)}
			}
			term.quiet = asJSON && !term.live
			o.Observer = term
			shown := o.Limit
			if out != "" {
				o.Limit = -1 // a file has reasons for all
			}
			r, err := xiaoyu.Doubtful(cmd.Context(), c, o)
			if err != nil {
				return err
			}
			term.endStage()
			if out != "" {
				if err := writeDoubts(out, r.Doubts); err != nil {
					return err
				}
			}
			if asJSON {
				if shown >= 0 {
					r.Doubts = r.Doubts[:min(len(r.Doubts), shown)]
				}
				return term.printJSON(r)
			}
			r.Text(term.out, shown)
			if out != "" {
				fmt.Fprintf(term.out, "\nwritten         %s\n", out)
			}
			return nil
		},
	}
	project.add(cmd)
	columns.add(cmd, true)
	flags := cmd.Flags()
	flags.IntVar(&o.Folds, "folds", 5, "models to train, each without one part of so many")
	flags.IntVar(&o.Neighbors, "neighbors", 3, "nearest rows that are compared with each doubtful one")
	flags.IntVar(&o.Limit, "limit", 20, "doubts to show; -1 for all")
	flags.StringVar(&seed, "seed", "", "seed of the parts and of the models; otherwise train.seed")
	flags.StringVar(&out, "out", "", "file of JSON lines for all doubts, with their reasons")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// writeDoubts writes a line of JSON a doubt.
func writeDoubts(path string, doubts []label.Doubt) error {
	const way = "choose another file, or free some space"
	w, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, way, "writing the doubts")
	}
	defer w.Abort()
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, d := range doubts {
		if err := e.Encode(d); err != nil {
			return hint.Wrap(err, way, "writing %s", path)
		}
	}
	if err := w.Commit(); err != nil {
		return hint.Wrap(err, way, "writing %s", path)
	}
	return nil
}
