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

func clusterCommand(term *terminal) *cobra.Command {
	var texts indexFlags
	var o xiaoyu.ClusterOptions
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "cluster MODEL --data FILE --text COLUMN",
		Short: "Part the texts of a file by meaning, with the keywords of each part",
		Long: `Cluster parts texts by their vectors (k-means), and tells of each part how many texts it has, which words are
frequent in it and rare elsewhere, and its most typical texts. Without --clusters, numbers from 2 to 50 are tried, and the
one with the clearest parts is taken.`,
		Args: exactly(1, "a model: its folder, hf://owner/name or market://owner/name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.K < 0 || o.Keywords < 0 || o.Examples < 0 {
				return usageError{hint.Errorf("pass 0 or more", "--clusters, --keywords and --examples count something")}
			}
			if o.Out != "" && !strings.EqualFold(filepath.Ext(o.Out), ".jsonl") {
				return usageError{hint.Errorf("pass --out FILE.jsonl", "the output %q is no file of JSON lines", o.Out)}
			}
			term.quiet = asJSON && !term.live
			m, x, err := texts.open(cmd.Context(), term, args[0])
			if err != nil {
				return err
			}
			defer m.Close()
			defer x.Close()
			o.Observer = term
			c, err := x.Cluster(cmd.Context(), o)
			if err != nil {
				return err
			}
			term.endStage()
			if asJSON {
				return term.printJSON(c)
			}
			printClusters(term, c, o.Out)
			return nil
		},
	}
	texts.add(cmd)
	flags := cmd.Flags()
	flags.IntVar(&o.K, "clusters", 0, "how many; 0 finds a number that suits the texts")
	flags.Uint64Var(&o.Seed, "seed", 1, "of the random numbers")
	flags.IntVar(&o.Keywords, "keywords", 8, "words of each cluster to show")
	flags.IntVar(&o.Examples, "examples", 3, "texts of each cluster to show")
	flags.StringVar(&o.Out, "out", "", "file of JSON lines to write: every text with its cluster")
	flags.BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

func printClusters(term *terminal, c *xiaoyu.Clusters, out string) {
	fmt.Fprintf(term.out, "%d texts in %d clusters, silhouette %.3f\n", c.Rows, len(c.Clusters), c.Silhouette)
	for _, p := range c.Clusters {
		fmt.Fprintf(term.out, "\n%3d  %6d texts   %s\n", p.Cluster, p.Size, strings.Join(p.Keywords, ", "))
		for _, e := range p.Examples {
			fmt.Fprintf(term.out, "     line %-7d %s\n", e.Line, data.OneLine(e.Text, 100))
		}
	}
	if out != "" {
		fmt.Fprintf(term.out, "\nwritten  %s\n", out)
	}
}
