package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

// orders are names of orders that people type, beside those of the market's own.
var orders = map[string]string{"trending": "trend", "newest": "updated", "smallest": "size", "fastest": "latency"}

func searchCommand(term *terminal) *cobra.Command {
	var f clientFlags
	var s client.Search
	facets, must := map[string]*string{}, map[string]*bool{}
	cmd := &cobra.Command{
		Use:   "search [WORDS…]",
		Short: "Find packages on a market, by words in Chinese or English",
		Long: `Find models, data sets and applications on a market. Words are found in names, titles, descriptions, tasks and tags, in
either language: 情感 and sentiment find the same packages, and so do traditional characters. The last word may be the beginning
of one, and a misspelt word is read as the nearest one that there is. Without words, all packages are listed.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			s.Text, s.Facets = strings.Join(args, " "), map[string]string{}
			for name, value := range facets {
				if *value != "" {
					s.Facets[name] = *value
				}
			}
			for name, set := range must {
				if *set {
					s.Facets[name] = "yes"
				}
			}
			if order, ok := orders[s.Sort]; ok {
				s.Sort = order
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			found, err := c.Search(cmd.Context(), s)
			if err != nil {
				return fmt.Errorf("searching %s: %w", c.Market(), err)
			}
			if f.asJSON {
				return term.printJSON(found)
			}
			printPackages(term, &s, found)
			return nil
		},
	}
	f.add(cmd)
	for _, flag := range [][2]string{{"kind", "model, dataset or application"}, {"task", "a task, as the hub's pipeline tags name it, such as text-classification"}, {"language", "a language's code, such as zh"},
		{"licence", "a licence's short name, such as apache-2.0"}, {"family", "a family or architecture"}, {"size", "all files: <1MB, <10MB, <100MB or >100MB"}, {"latency", "for one text, as cards say: <1ms, <10ms, <100ms or >100ms"}, {"owner", "a person or an organisation"}} {
		facets[flag[0]] = cmd.Flags().String(flag[0], "", "only those of this "+flag[0]+": "+flag[1])
	}
	for _, flag := range [][2]string{{"verified", "whose figures the market has measured"}, {"signed", "whose latest version is signed by a key of its publisher"}} {
		must[flag[0]] = cmd.Flags().Bool(flag[0], false, "only those "+flag[1])
	}
	cmd.Flags().StringVar(&s.Sort, "sort", "relevance", "relevance, trending, downloads, rating, newest, smallest or fastest")
	cmd.Flags().IntVar(&s.Limit, "limit", 20, "how many, at most 100")
	cmd.Flags().IntVar(&s.Offset, "offset", 0, "how many to pass over")
	return cmd
}

func printPackages(term *terminal, s *client.Search, found *client.Found) {
	if len(found.Packages) == 0 {
		fmt.Fprintln(term.out, "nothing found")
		return
	}
	if found.Instead != "" {
		term.Note("nothing has all of these words; these are for: %s", found.Instead)
	}
	width := 0
	for _, p := range found.Packages {
		width = max(width, len(p.Name))
	}
	for _, p := range found.Packages {
		facts := []string{p.Kind}
		for _, fact := range []string{p.Task, strings.Join(p.Labels["language"], "+"), p.Licence} {
			if fact != "" {
				facts = append(facts, fact)
			}
		}
		for _, name := range []string{"verified", "signed"} {
			if len(p.Labels[name]) > 0 {
				facts = append(facts, name)
			}
		}
		if p.Ratings > 0 {
			facts = append(facts, fmt.Sprintf("%.1f stars of %d", p.Rating, p.Ratings))
		}
		fmt.Fprintf(term.out, "%-*s  %9s  %6d downloads  %s\n", width, p.Name, size.Bytes(p.Size), p.Downloads, strings.Join(facts, ", "))
		if p.Title != "" {
			fmt.Fprintf(term.out, "%-*s  %s\n", width, "", p.Title)
		}
	}
	total := fmt.Sprint(found.Total)
	if found.Estimated {
		total = "more than " + total
	}
	fmt.Fprintf(term.out, "\n%d to %d of %s\n", s.Offset+1, s.Offset+len(found.Packages), total)
}
