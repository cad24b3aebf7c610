package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func dataLabel(term *terminal) *cobra.Command {
	var project projectFlags
	var columns columnFlags
	var o xiaoyu.WeakOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "label --rules RULES.yaml",
		Short: "Label texts by rules that vote: keywords, patterns, lexicons, lists of names, other models",
		Long: `Label lets labelling functions vote on each text and weighs their votes, without knowing the truth, by how they agree.
It tells how often each function votes, overlaps and conflicts with others, and how often it is right by estimate; with
labels in the file (--label), how often it is right in fact. --out writes JSON lines with a probability for each label,
which training learns with data.soft. Rows that have a label keep it.

The rules are a file such as

  functions:
    - {name: praise, label: good, keywords: [满意, 推荐, great], unless: '不|没'}
    - {name: refund, label: bad, pattern: '退款|投诉'}
    - name: mood                     # the sum of a lexicon's weights: entry, tab, weight
      lexicon: mood.tsv
      above: {score: 1, label: good}
      below: {score: -1, label: bad}
    - {name: places, label: travel, entities: cities.txt, at_least: 2}
    - {name: short, label: bad, max_chars: 4}
    - {name: old, model: models/old, confidence: 0.9, rename: {"1": bad, "5": good}}

with one way to vote in each function, and unless, a pattern on which it abstains. labels and balance (how frequent each
label is) may stand beside functions; files are looked for beside the rules.`,
		Example: `  xiaoyu data label --data new.csv --text review --rules rules.yaml --out labelled.jsonl
  xiaoyu train --data labelled.jsonl --text text --label label --set data.soft=true`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := project.loadWithData(cmd, &columns)
			if err != nil {
				return err
			}
			name := strings.TrimSuffix(strings.TrimSuffix(o.Out, ".gz"), ".zst")
			switch {
			case o.Rules == "":
				return usageError{hint.Errorf("pass --rules FILE; see `xiaoyu data label --help` for its form", "labelling needs a file of rules")}
			case o.Out != "" && filepath.Ext(name) != ".jsonl":
				return usageError{hint.Errorf("name a file that ends in .jsonl", "--out %s: probabilities are written as JSON lines", o.Out)}
			case o.Least < 0 || o.Least > 1:
				return usageError{hint.Errorf("pass a number from 0 to 1", "--least %g", o.Least)}
			}
			if !cmd.Flags().Changed("label") && !cmd.Flags().Changed("config") && columns.data != "" {
				c.Data.Label = ""
			}
			if c.Task == "auto" {
				c.Task = data.Classes
			}
			c.Data.Task = c.Task
			term.quiet = asJSON && !term.live
			o.Observer = term
			r, err := xiaoyu.WeakLabels(cmd.Context(), &c.Data, o)
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				return term.printJSON(r)
			}
			r.Text(term.out)
			if o.Out != "" {
				fmt.Fprintf(term.out, "\nwritten         %s (%d rows)\n\nnext            xiaoyu train --data %s --text text --label label --set data.soft=true\n", o.Out, r.Written, o.Out)
			}
			return nil
		},
	}
	project.add(cmd)
	columns.add(cmd, true)
	flags := cmd.Flags()
	flags.StringVar(&o.Rules, "rules", "", "file of labelling functions (YAML)")
	flags.StringVar(&o.Out, "out", "", "file of JSON lines to write: text, label, probabilities; without it there is the report alone")
	flags.Float64Var(&o.Least, "least", 0, "leave out rows whose likeliest label is less probable")
	flags.BoolVar(&o.All, "all", false, "write rows on which no function votes, too, without a label")
	flags.BoolVar(&asJSON, "json", false, "print the report as JSON")
	return cmd
}
