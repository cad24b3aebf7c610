package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/track"
)

func runsCompareCommand(term *terminal, dir *string, asJSON *bool) *cobra.Command {
	var metrics []string
	var out string
	cmd := &cobra.Command{
		Use:   "compare RUN RUN…",
		Short: "Set runs side by side: settings that differ, figures, curves",
		Args:  atLeast(2, "the IDs of two runs or more"),
		RunE: func(_ *cobra.Command, args []string) error {
			if out != "" {
				plot, err := curvesOf(*dir, args, metrics, 0)
				if err != nil {
					return err
				}
				if err := writePlot(out, plot); err != nil {
					return err
				}
			}
			var runs []*track.Info
			curves := map[string][][]float64{}
			for i, id := range args {
				info, err := track.Load(*dir, id)
				if err != nil {
					return err
				}
				runs = append(runs, info)
				series, err := track.Metrics(*dir, info.ID)
				if err != nil {
					return err
				}
				for _, s := range series {
					if curves[s.Name] == nil {
						curves[s.Name] = make([][]float64, len(args))
					}
					curves[s.Name][i] = s.Values
				}
			}
			if *asJSON {
				return term.printJSON(map[string]any{"runs": runs, "settings": differingSettings(runs)})
			}
			compareRuns(term, runs, curves)
			if out != "" {
				fmt.Fprintf(term.out, "\nplot     %s\n", out)
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&metrics, "metric", nil, "curves of the plot; valid/loss if not given")
	cmd.Flags().StringVarP(&out, "out", "o", "", "draw the curves into this file as well: .svg or .png")
	return cmd
}

// differingSettings returns the settings that are not the same in all runs, by path; "" where a run has none.
func differingSettings(runs []*track.Info) map[string][]string {
	out := map[string][]string{}
	for _, r := range runs {
		for path := range r.Settings() {
			if out[path] != nil {
				continue
			}
			for _, q := range runs {
				out[path] = append(out[path], q.Settings()[path])
			}
		}
	}
	maps.DeleteFunc(out, func(_ string, values []string) bool {
		return !slices.ContainsFunc(values, func(v string) bool { return v != values[0] })
	})
	return out
}

func compareRuns(term *terminal, runs []*track.Info, curves map[string][][]float64) {
	w := term.out
	row := func(name string, cells []string) {
		line := fit(name, 26)
		for _, c := range cells {
			line += "  " + fit(c, 30)
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	each := func(of func(r *track.Info) string) (cells []string) {
		for _, r := range runs {
			cells = append(cells, of(r))
		}
		return cells
	}
	row("run", each(func(r *track.Info) string { return r.ID }))
	row("name", each(func(r *track.Info) string { return r.Name }))
	row("status", each(func(r *track.Info) string { return string(r.Status) }))
	row("time", each(func(r *track.Info) string { return shortTime(r.Duration()) }))
	settings := differingSettings(runs)
	fmt.Fprintln(w, "\nsettings that differ")
	if len(settings) == 0 {
		fmt.Fprintln(w, "  none")
	}
	for _, path := range sortedKeys(settings) {
		row("  "+path, settings[path])
	}
	keys := map[string]bool{}
	for _, r := range runs {
		for key := range r.Summary {
			keys[key] = true
		}
	}
	if len(keys) > 0 {
		fmt.Fprintln(w, "\nfigures")
	}
	for _, key := range sortedKeys(keys) {
		row("  "+key, each(func(r *track.Info) string { return runCell(r, key) }))
	}
	if len(curves) > 0 {
		fmt.Fprintln(w, "\ncurves, and their last value")
	}
	for _, name := range sortedKeys(curves) {
		var cells []string
		for _, values := range curves[name] {
			if len(values) == 0 {
				cells = append(cells, "–")
				continue
			}
			cells = append(cells, fmt.Sprintf("%s %.5g", spark(values, 14), values[len(values)-1]))
		}
		row("  "+name, cells)
	}
}

// fit brings s to a width in terminal cells; of what is too long the end is kept, which tells paths apart.
func fit(s string, width int) string {
	for uniseg.StringWidth(s) > width {
		_, rest, _, _ := uniseg.FirstGraphemeClusterInString(strings.TrimPrefix(s, "…"), -1)
		s = "…" + rest
	}
	return s + strings.Repeat(" ", width-uniseg.StringWidth(s))
}

// spark draws a curve in a line of text.
func spark(values []float64, cells int) string {
	bars := []rune("▁▂▃▄▅▆▇█")
	cells = min(cells, len(values))
	means := make([]float64, cells)
	for i := range means {
		part := values[i*len(values)/cells : (i+1)*len(values)/cells]
		for _, v := range part {
			means[i] += v / float64(len(part))
		}
	}
	lo, hi := slices.Min(means), slices.Max(means)
	var b strings.Builder
	for _, v := range means {
		at := 0
		if hi > lo {
			at = int((v - lo) / (hi - lo) * 7.99)
		}
		b.WriteRune(bars[min(max(at, 0), 7)])
	}
	return b.String()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
