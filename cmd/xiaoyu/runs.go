package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

// chosenRuns are the flags that choose and order runs.
type chosenRuns struct {
	dir, filter, sort string
	reverse           bool
}

func (c *chosenRuns) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&c.filter, "filter", "", `only runs that fit, as in "family=cnn accuracy>0.9 status=finished name~sst"`)
	cmd.Flags().StringVar(&c.sort, "sort", "", "order by a figure, a setting, name, start or time: the best first; the newest first if not given")
	cmd.Flags().BoolVar(&c.reverse, "reverse", false, "turn the order round")
}

// list reads the runs that are asked for.
func (c *chosenRuns) list() ([]track.Info, error) {
	filter, err := track.ParseFilter(c.filter)
	if err != nil {
		return nil, usageError{err}
	}
	runs, err := track.List(c.dir)
	if err != nil {
		return nil, err
	}
	if runs, err = filter.Choose(runs); err != nil {
		return nil, err
	}
	return runs, track.Sort(runs, cmp.Or(c.sort, "start"), c.reverse)
}

func runsCommand(term *terminal) *cobra.Command {
	var chosen chosenRuns
	var asJSON bool
	var columns string
	var limit int
	list := &cobra.Command{
		Use:   "runs",
		Short: "List the records of trainings; show, compare, plot, export or delete some",
		Long: `Runs lists the records of trainings, the newest first.

A filter is made of conditions, all of which must hold: KEY=VALUE, with = != > >= < <= ~ (contains) or !~. A key is
id, name, status, task, family, start, time, data, a figure such as accuracy, or a setting such as train.epochs.`,
		Args: unknownCommand,
		RunE: func(*cobra.Command, []string) error {
			runs, err := chosen.list()
			if err != nil {
				return err
			}
			if limit > 0 {
				runs = runs[:min(limit, len(runs))]
			}
			if asJSON {
				return term.printJSON(append([]track.Info{}, runs...))
			}
			if len(runs) == 0 {
				if chosen.filter != "" {
					fmt.Fprintf(term.out, "no run in %s fits %s\n", chosen.dir, chosen.filter)
					return nil
				}
				fmt.Fprintf(term.out, "no runs in %s; `xiaoyu train` makes one\n", chosen.dir)
				return nil
			}
			return listRuns(term, runs, columns)
		},
	}
	list.PersistentFlags().StringVar(&chosen.dir, "runs", "runs", "folder of the runs")
	list.PersistentFlags().BoolVar(&asJSON, "json", false, "print as JSON")
	list.Flags().StringVar(&columns, "columns", "", "what to show of each run, as in accuracy,log_loss,train.epochs; the figures of the task if not given")
	list.Flags().IntVar(&limit, "limit", 0, "show so many; 0 for all")
	chosen.add(list)
	list.AddCommand(&cobra.Command{
		Use:   "show RUN",
		Short: "Show one run: an ID, the beginning of one, or last",
		Args:  exactly(1, "the ID of a run"),
		RunE: func(_ *cobra.Command, args []string) error {
			info, err := track.Load(chosen.dir, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(info)
			}
			return showRun(term, chosen.dir, info)
		},
	}, runsCompareCommand(term, &chosen.dir, &asJSON), runsPlotCommand(term, &chosen.dir), runsExportCommand(term, &chosen.dir), runsDeleteCommand(term, &chosen.dir))
	return list
}

// taskFigures are the figures by which runs of a task are told apart at a glance.
var taskFigures = map[string][]string{
	data.Classes:    {"accuracy", "macro_f1"},
	data.MultiLabel: {"micro_f1", "macro_f1"},
	data.Scores:     {"r2", "mae"},
	data.Similarity: {"spearman", "mrr"},
	data.Answers:    {"answer_f1", "exact_match"},
	data.Tags:       {"micro_f1", "micro_precision", "micro_recall"},
}

// listRuns prints a table whose columns fit the tasks.
func listRuns(term *terminal, runs []track.Info, wanted string) error {
	columns, err := runColumns(runs, wanted)
	if err != nil {
		return err
	}
	fmt.Fprintf(term.out, "%-24s  %-11s  %8s", "run", "status", "time")
	widths := make([]int, len(columns))
	for i, c := range columns {
		widths[i] = max(len(c), 8)
		for _, r := range runs {
			widths[i] = max(widths[i], len(runCell(&r, c)))
		}
		fmt.Fprintf(term.out, "  %*s", widths[i], c)
	}
	fmt.Fprintln(term.out, "  name")
	for _, r := range runs {
		fmt.Fprintf(term.out, "%-24s  %-11s  %8s", r.ID, r.Status, shortTime(r.Duration()))
		for i, c := range columns {
			fmt.Fprintf(term.out, "  %*s", widths[i], runCell(&r, c))
		}
		name := r.Name
		if r.Status == track.Damaged {
			name = "(" + r.Error + ")"
		}
		fmt.Fprintf(term.out, "  %s\n", name)
	}
	return nil
}

func runColumns(runs []track.Info, wanted string) ([]string, error) {
	if wanted != "" {
		columns := strings.Split(wanted, ",")
		for i, c := range columns {
			columns[i] = strings.TrimSpace(c)
			if err := track.KnownField(runs, columns[i]); err != nil {
				return nil, err
			}
		}
		return columns, nil
	}
	var tasks []string
	for _, r := range runs {
		if task := cmp.Or(r.Task, data.Classes); !slices.Contains(tasks, task) && r.Status != track.Damaged {
			tasks = append(tasks, task)
		}
	}
	slices.Sort(tasks)
	columns := []string{"family"}
	if len(tasks) > 1 {
		columns = []string{"task", "family"}
	}
	for _, task := range tasks {
		for _, c := range taskFigures[task] {
			if !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	return columns, nil
}

// runCell writes a field of a run: numbers with four decimals, – for what it lacks.
func runCell(r *track.Info, key string) string {
	text, ok := r.Field(key)
	if !ok || text == "" {
		return "–"
	}
	if v, isFigure := r.Summary[key]; isFigure {
		return figureText(v)
	}
	return text
}

func figureText(v float64) string {
	if v != 0 && (v >= 1e6 || v <= -1e6 || v < 1e-4 && v > -1e-4) {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return strconv.FormatFloat(v, 'f', 4, 64)
}

// shortTime writes a duration in the room of eight characters.
func shortTime(d time.Duration) string {
	switch {
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	case d < 24*time.Hour:
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.1f d", d.Hours()/24)
}

func showRun(term *terminal, dir string, r *track.Info) error {
	w := term.out
	fmt.Fprintf(w, "run      %s\nname     %s\nstatus   %s", r.ID, r.Name, r.Status)
	if r.Error != "" {
		fmt.Fprintf(w, ": %s", r.Error)
	}
	fmt.Fprintf(w, "\nstarted  %s\ntime     %s\nsteps    %d\n", r.Start.Local().Format(time.DateTime), r.Duration().Round(100*time.Millisecond), r.Step)
	e := r.Environment
	fmt.Fprintf(w, "on       %s/%s, %d cores, kernel %s, %s, version %s\n", e.OS, e.Arch, e.Cores, e.Kernel, e.Go, e.Version)
	if e.PeakRSS > 0 {
		fmt.Fprintf(w, "memory   %s at most\n", size.Bytes(e.PeakRSS))
	}
	if len(r.Command) > 0 {
		fmt.Fprintf(w, "command  %s\n", strings.Join(r.Command, " "))
	}
	for file, digest := range r.Data {
		fmt.Fprintf(w, "data     %s  %s\n", file, digest)
	}
	for name, digest := range r.Artefacts {
		fmt.Fprintf(w, "made     %s  %s\n", name, digest)
	}
	if len(r.Summary) > 0 {
		fmt.Fprintln(w, "\nfigures")
		for _, key := range sortedKeys(r.Summary) {
			fmt.Fprintf(w, "  %-22s %s\n", key, figureText(r.Summary[key]))
		}
	}
	series, err := track.Metrics(dir, r.ID)
	if err != nil {
		return err
	}
	if len(series) > 0 {
		fmt.Fprintln(w, "\ncurves")
	}
	for _, s := range series {
		fmt.Fprintf(w, "  %-22s %s  last %.5g at step %d\n", s.Name, spark(s.Values, 24), s.Values[len(s.Values)-1], s.Steps[len(s.Steps)-1])
	}
	return nil
}

func runsDeleteCommand(term *terminal, dir *string) *cobra.Command {
	chosen := chosenRuns{}
	var yes bool
	cmd := &cobra.Command{
		Use:   "delete [RUN…]",
		Short: "Delete runs: by ID, or those that a filter chooses",
		Long: `Delete removes records of trainings, not the models that they made. Whole IDs are deleted at once; last, the
beginning of an ID and a filter need --yes, and without it are told apart but not deleted.`,
		RunE: func(_ *cobra.Command, args []string) error {
			chosen.dir = *dir
			if (len(args) == 0) == (chosen.filter == "") {
				return usageError{hint.Errorf("see `xiaoyu runs delete --help`", "xiaoyu runs delete needs IDs of runs or a filter, one of the two")}
			}
			var ids []string
			byName := chosen.filter == ""
			for _, id := range args {
				full, err := track.Find(*dir, id)
				if err != nil {
					return err
				}
				byName = byName && full == id
				ids = append(ids, full)
			}
			if chosen.filter != "" {
				runs, err := chosen.list()
				if err != nil {
					return err
				}
				for _, r := range runs {
					ids = append(ids, r.ID)
				}
			}
			if !byName && !yes {
				for _, id := range ids {
					fmt.Fprintln(term.out, id)
				}
				return hint.Errorf("add --yes to delete them", "deleting runs: %d would be deleted", len(ids))
			}
			for _, id := range ids {
				if err := track.Delete(*dir, id); err != nil {
					return err
				}
				fmt.Fprintf(term.out, "deleted %s\n", id)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&chosen.filter, "filter", "", `delete the runs that fit, as in "status=failed"`)
	cmd.Flags().BoolVar(&yes, "yes", false, "delete without naming whole IDs")
	return cmd
}
