package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/api"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/verify"
)

func marketBenchmarkCommand(term *terminal) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "benchmark",
		Short: "What a market measures its models by",
		Args:  unknownCommand,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(benchmarkAddCommand(term), benchmarkListCommand(term), benchmarkShowCommand(term), benchmarkSetCommand(term), benchmarkAgainCommand(term), benchmarkRemoveCommand(term))
	return cmd
}

func benchmarkAddCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var c data.Columns
	b := &catalogue.Benchmark{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "add NAME FILE",
		Short: "Add a benchmark, and have the latest version of every model of its task measured",
		Long: `Add a benchmark: examples with their labels, which are sealed from then on. No protocol of the market gives them out, and
a model that is measured sees the texts alone, one after the other, in a process that is shut in. Keep the file, and publish
it nowhere: who has trained on it gets figures that mean nothing.

The latest version of every model of the task and the language is measured, and each that is published from now on; one
that does not know the labels, or says something else of a text, is left out.

--kind tells what models say of a text, and what the file has: class one label, multilabel several (--separator between
them), tokens entities (CoNLL columns of tokens and tags, or entities in a column or key), similarity a number for a pair of
texts, the larger the more alike (--pair), which models of vectors tell by the cosine, regression a number.`,
		Args: exactly(2, "a name and a file of examples"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.Name = args[0]
			if b.Title == "" {
				b.Title = b.Name
			}
			k, err := verify.KindOf(b.Kind)
			if err != nil {
				return err
			}
			rows, err := k.ReadRows(cmd.Context(), args[1], c)
			if err != nil {
				return err
			}
			d, err := f.open(cmd.Context())
			if err != nil {
				return err
			}
			defer d.Close()
			if err := verify.Add(cmd.Context(), d.Catalogue, "", b, rows); err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(api.Benchmark(b, nil))
			}
			fmt.Fprintf(term.out, "benchmark %s added: %s\n", b.Name, examplesOf(b))
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&b.Title, "title", "", "what people call it; the name if empty")
	flags.StringVar(&b.Description, "description", "", "a sentence or two about it, for its page")
	addRowFlags(flags, &b.Kind, &c)
	flags.StringVar(&b.Task, "task", "", "task of the models, as their cards have it; all that the kind suits if empty")
	flags.StringVar(&b.Language, "language", "", "language of the models, as their cards have it; any if empty")
	flags.StringVar(&b.Metric, "metric", "", "what models are ranked by: accuracy or macro_f1 of class, micro_f1 or macro_f1 of multilabel and tokens, spearman or pearson of numbers; the first of them if empty")
	flags.BoolVar(&asJSON, "json", false, "print the benchmark as JSON")
	f.add(cmd)
	return cmd
}

// addRowFlags adds what tells how examples are read.
func addRowFlags(flags *pflag.FlagSet, kind *string, c *data.Columns) {
	flags.StringVar(kind, "kind", "class", "what is said of a text: class (one label), multilabel (several), tokens (entities), similarity (a number for a pair), regression (a number)")
	flags.StringVar(&c.Text, "text", "text", "column of the text")
	flags.StringVar(&c.Pair, "pair", "", "column of a second text, for models that compare two")
	flags.StringVar(&c.Label, "label", "label", "column of the label, the labels, the number or the entities")
	flags.StringVar(&c.Separator, "separator", "|", "what stands between labels, where there are several")
}

// examplesOf says what a benchmark has.
func examplesOf(b *catalogue.Benchmark) string {
	if len(b.Labels) == 0 {
		return fmt.Sprintf("%d examples with numbers", b.Examples)
	}
	return fmt.Sprintf("%d examples of %d labels", b.Examples, len(b.Labels))
}

func benchmarkListCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the benchmarks",
		Args:  exactly(0, "no arguments"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, _ []string) error {
			list, err := d.Catalogue.Benchmarks(ctx)
			if err != nil {
				return err
			}
			views := []client.Benchmark{}
			for _, b := range list {
				views = append(views, api.Benchmark(b, nil))
			}
			if asJSON {
				return term.printJSON(views)
			}
			for _, b := range list {
				retired := ""
				if b.Retired {
					retired = ", retired"
				}
				fmt.Fprintf(term.out, "%s  %s  %d examples, by %s%s\n", b.Name, b.Title, b.Examples, b.Metric, retired)
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	f.add(cmd)
	return cmd
}

func benchmarkShowCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: "Show a benchmark and its leaderboard; its examples are shown to nobody",
		Args:  exactly(1, "the name of a benchmark"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, args []string) error {
			b, err := d.Catalogue.Benchmark(ctx, args[0])
			if err != nil {
				return err
			}
			board, err := d.Catalogue.Leaderboard(ctx, b)
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(api.Benchmark(b, board))
			}
			fmt.Fprintf(term.out, "%s: %s, by %s\n", b.Title, examplesOf(b), b.Metric)
			w := tabwriter.NewWriter(term.out, 0, 0, 2, ' ', 0)
			for i, p := range board {
				fmt.Fprintf(w, "%d\t%s\t%.3f\t(%.3f – %.3f)\t%.2f ms\t%s\n", i+1, p.FullName(), p.Score, p.Low, p.High, p.Latency, size.Bytes(p.Size))
			}
			return w.Flush()
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print it as JSON")
	f.add(cmd)
	return cmd
}

func benchmarkSetCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var title, description string
	var retire, restore, asJSON bool
	cmd := &cobra.Command{
		Use:   "set NAME",
		Short: "Change what is said of a benchmark, or retire it",
		Long: `Change the title or the description of a benchmark, or retire it: nothing more is measured by it then, and what was found
stays on the pages. --restore takes it up again, and has what was published in the meantime measured.`,
		Args: exactly(1, "the name of a benchmark"),
	}
	cmd.RunE = f.with(func(ctx context.Context, d *depot.Depot, args []string) error {
		var s catalogue.BenchmarkSettings
		changed := cmd.Flags().Changed
		if changed("title") {
			s.Title = &title
		}
		if changed("description") {
			s.Description = &description
		}
		if retire || restore {
			s.Retired = &retire
		}
		if s == (catalogue.BenchmarkSettings{}) {
			return hint.Errorf("give it --title, --description, --retire or --restore", "setting the benchmark %s: nothing is to be changed", args[0])
		}
		b, err := d.Catalogue.ConfigureBenchmark(ctx, "", args[0], s)
		if err != nil {
			return err
		}
		if asJSON {
			return term.printJSON(api.Benchmark(b, nil))
		}
		fmt.Fprintf(term.out, "benchmark %s changed\n", b.Name)
		return nil
	})
	flags := cmd.Flags()
	flags.StringVar(&title, "title", "", "what people call it")
	flags.StringVar(&description, "description", "", "a sentence or two about it, for its page")
	flags.BoolVar(&retire, "retire", false, "measure nothing more by it")
	flags.BoolVar(&restore, "restore", false, "take it up again")
	cmd.MarkFlagsMutuallyExclusive("retire", "restore")
	flags.BoolVar(&asJSON, "json", false, "print the benchmark as JSON")
	f.add(cmd)
	return cmd
}

func benchmarkAgainCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "again NAME [PACKAGE]",
		Short: "Have the latest version of a package, or of all, measured anew",
		Args:  atMost(2, "the name of a benchmark, and of a package"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, args []string) error {
			if len(args) == 0 {
				return hint.Errorf("see `xiaoyu market benchmark list`", "measuring anew: no benchmark is named")
			}
			of := ""
			if len(args) > 1 {
				of = args[1]
			}
			n, err := d.Catalogue.Remeasure(ctx, "", args[0], of)
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(map[string]int{"asked": n})
			}
			fmt.Fprintf(term.out, "%d to be measured anew by %s\n", n, args[0])
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print how many those are as JSON")
	f.add(cmd)
	return cmd
}

func benchmarkRemoveCommand(term *terminal) *cobra.Command {
	var f marketFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a benchmark, its examples, and what was measured by it; signed records stay with their packages",
		Args:  exactly(1, "the name of a benchmark"),
		RunE: f.with(func(ctx context.Context, d *depot.Depot, args []string) error {
			if err := d.Catalogue.RemoveBenchmark(ctx, "", args[0]); err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(map[string]string{"removed": args[0]})
			}
			fmt.Fprintf(term.out, "benchmark %s removed\n", args[0])
			return nil
		}),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print what was removed as JSON")
	f.add(cmd)
	return cmd
}
