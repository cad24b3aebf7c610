package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

func runsCommand(term *terminal) *cobra.Command {
	var dir string
	var asJSON bool
	list := &cobra.Command{
		Use:   "runs",
		Short: "List the records of trainings, or show one",
		Args:  unknownCommand,
		RunE: func(*cobra.Command, []string) error {
			runs, err := track.List(dir)
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(runs)
			}
			if len(runs) == 0 {
				fmt.Fprintf(term.out, "no runs in %s; `xiaoyu train` makes one\n", dir)
				return nil
			}
			fmt.Fprintf(term.out, "%-24s  %-11s  %9s  %8s  %8s  %s\n", "run", "status", "time", "accuracy", "F1", "name")
			for _, r := range runs {
				fmt.Fprintf(term.out, "%-24s  %-11s  %9s  %8s  %8s  %s\n", r.ID, r.Status, r.Duration().Round(100*time.Millisecond), figure(r, "accuracy"), figure(r, "macro_f1"), r.Name)
			}
			return nil
		},
	}
	list.PersistentFlags().StringVar(&dir, "runs", "runs", "folder of the runs")
	list.PersistentFlags().BoolVar(&asJSON, "json", false, "print as JSON")
	list.AddCommand(&cobra.Command{
		Use:   "show RUN",
		Short: "Show one run: an ID, the beginning of one, or last",
		Args:  exactly(1, "the ID of a run"),
		RunE: func(_ *cobra.Command, args []string) error {
			info, err := track.Load(dir, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return term.printJSON(info)
			}
			return showRun(term, dir, info)
		},
	}, &cobra.Command{
		Use:   "delete RUN…",
		Short: "Delete runs",
		Args:  atLeast(1, "the ID of a run"),
		RunE: func(_ *cobra.Command, args []string) error {
			for _, id := range args {
				if err := track.Delete(dir, id); err != nil {
					return err
				}
				fmt.Fprintf(term.out, "deleted %s\n", id)
			}
			return nil
		},
	})
	return list
}

func figure(r track.Info, name string) string {
	if v, ok := r.Summary[name]; ok {
		return fmt.Sprintf("%.4f", v)
	}
	return "–"
}

func showRun(term *terminal, dir string, r *track.Info) error {
	w := term.out
	fmt.Fprintf(w, "run      %s\nname     %s\nstatus   %s", r.ID, r.Name, r.Status)
	if r.Error != "" {
		fmt.Fprintf(w, ": %s", r.Error)
	}
	fmt.Fprintf(w, "\nstarted  %s\ntime     %s\nsteps    %d\n", r.Start.Format(time.DateTime), r.Duration().Round(100*time.Millisecond), r.Step)
	e := r.Environment
	fmt.Fprintf(w, "on       %s/%s, %d cores, kernel %s, %s, version %s\n", e.OS, e.Arch, e.Cores, e.Kernel, e.Go, e.Version)
	if e.PeakRSS > 0 {
		fmt.Fprintf(w, "memory   %s at most\n", size.Bytes(e.PeakRSS))
	}
	for file, digest := range r.Data {
		fmt.Fprintf(w, "data     %s  %s\n", file, digest)
	}
	for name, digest := range r.Artefacts {
		fmt.Fprintf(w, "made     %s  %s\n", name, digest)
	}
	series, err := track.Metrics(dir, r.ID)
	if err != nil {
		return err
	}
	for _, s := range series {
		fmt.Fprintf(w, "  %-22s last %.5g at step %d\n", s.Name, s.Values[len(s.Values)-1], s.Steps[len(s.Steps)-1])
	}
	return nil
}
