package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
)

// ensembleFlags say how models are joined.
type ensembleFlags struct {
	columns       columnFlags
	out, weights  string
	vote, average bool
}

func ensembleCommand(term *terminal) *cobra.Command {
	var f ensembleFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ensemble MODEL MODEL… --out DIR",
		Short: "Join models into one that asks all of them",
		Long: `Ensemble copies models of one task and with the same labels into one package, which every command opens like any
other. Its answer is the average of theirs, or with --vote what most of them say: of labels, of each label of a set, of
numbers (the median), of labelled stretches.

--weights auto chooses how much each counts on the labelled rows of --data, which none of them should have been trained on;
--weights stack fits a model on what they say of these rows, with a weight for each member and label (stacking).

An ensemble is trained from the start by the part ensemble of xiaoyu.yaml:

  ensemble: {members: [ngram, cnn, gru], seeds: 2}
  ensemble: {members: [ngram, cnn], folds: 5, weights: stack}

With folds each member is several models, each trained without a part of the rows; what it says of that part tells how
much to trust it. ` + "`xiaoyu distill DIR`" + ` teaches one small model what an ensemble knows.`,
		Example: `  xiaoyu ensemble models/a models/b --out models/both
  xiaoyu ensemble models/a models/b --weights stack --data held-out.csv --text review --label stars --out models/both
  xiaoyu distill models/both --out models/small`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usageError{hint.Errorf("see `xiaoyu ensemble --help`", "ensemble needs the folders of two models or more")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			o, err := f.options(len(args))
			if err != nil {
				return err
			}
			o.Observer, o.Command = term, os.Args
			term.quiet = asJSON && !term.live
			j, err := xiaoyu.Join(cmd.Context(), args, o)
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				return term.printJSON(j)
			}
			for i, m := range j.Members {
				fmt.Fprintf(term.out, "%.3f  %-12s %s\n", m.Weight, m.Family, args[i])
			}
			fmt.Fprintf(term.out, "\nmodel    %s   (%s, %d labels, %s)\n\ntry      xiaoyu predict %s \"…\"\n", j.Package, j.Task, len(j.Labels), size.Bytes(j.Bytes), j.Package)
			return nil
		},
	}
	f.columns.add(cmd, true)
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "folder for the model package")
	flags.BoolVar(&f.vote, "vote", false, "members vote with what each decides")
	flags.BoolVar(&f.average, "average", false, "probabilities are averaged (the default)")
	flags.StringVar(&f.weights, "weights", "", "weight of each member, such as 2,1,1; or auto; or stack; equal if not given")
	flags.BoolVar(&asJSON, "json", false, "print the result as JSON")
	return cmd
}

// options are the flags as they join so many models.
func (f *ensembleFlags) options(members int) (xiaoyu.JoinOptions, error) {
	o := xiaoyu.JoinOptions{Out: f.out, Vote: f.vote}
	switch {
	case f.out == "":
		return o, usageError{hint.Errorf("pass --out DIR", "ensemble needs a folder for the model")}
	case f.vote && f.average:
		return o, usageError{hint.Errorf("choose one", "--vote and --average exclude each other")}
	case f.weights == "auto" || f.weights == "stack":
		c, err := xiaoyu.Preset("cnn") // only its data part is used
		if err != nil {
			return o, err
		}
		if f.columns.data == "" {
			return o, usageError{hint.Errorf("pass --data FILE, of rows that no member was trained on", "--weights %s needs labelled rows", f.weights)}
		}
		o.Auto, o.Stack, o.Data = f.weights == "auto", f.weights == "stack", c
		return o, f.columns.apply(c)
	case f.columns.data != "":
		return o, usageError{hint.Errorf("pass --weights auto or stack, or leave --data out", "--data is for choosing weights")}
	case f.weights != "":
		var err error
		o.Weights, err = parseWeights(f.weights, members)
		return o, err
	}
	return o, nil
}

func parseWeights(list string, members int) ([]float64, error) {
	const way = "give a number for each model, such as 2,1,1, or auto, or stack"
	var weights []float64
	for _, s := range strings.Split(list, ",") {
		w, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
		if err != nil {
			return nil, usageError{hint.Errorf(way, "--weights: %q is no number", s)}
		}
		weights = append(weights, w)
	}
	if len(weights) != members {
		return nil, usageError{hint.Errorf(way, "--weights has %d numbers for %d models", len(weights), members)}
	}
	return weights, nil
}
