package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

func runsExportCommand(term *terminal, dir *string) *cobra.Command {
	chosen := chosenRuns{}
	var format, out string
	var metrics []string
	cmd := &cobra.Command{
		Use:   "export [RUN…]",
		Short: "Export runs, their settings and figures, or their curves, as CSV or JSON",
		RunE: func(_ *cobra.Command, args []string) (err error) {
			chosen.dir = *dir
			if format != "csv" && format != "json" {
				return usageError{hint.Errorf("use csv or json", "unknown format %q", format)}
			}
			runs, err := chosen.list()
			if err != nil {
				return err
			}
			if len(args) > 0 {
				var named []track.Info
				for _, id := range args {
					info, err := track.Load(*dir, id)
					if err != nil {
						return err
					}
					named = append(named, *info)
				}
				runs = named
			}
			table := runTable(runs)
			if len(metrics) > 0 {
				if table, err = curveTable(*dir, runs, metrics); err != nil {
					return err
				}
			}
			return exportTable(term, out, format, table)
		},
	}
	chosen.add(cmd)
	cmd.Flags().StringVar(&format, "format", "csv", "csv or json")
	cmd.Flags().StringSliceVar(&metrics, "metric", nil, "export these curves, a row a step, instead of the figures")
	cmd.Flags().StringVarP(&out, "out", "o", "", "file to write; standard output if not given")
	return cmd
}

// runTable has a row for each run: what it is, its figures, its settings.
func runTable(runs []track.Info) [][]string {
	figures, settings := map[string]bool{}, map[string]bool{}
	for i := range runs {
		for key := range runs[i].Summary {
			figures[key] = true
		}
		for path := range runs[i].Settings() {
			settings[path] = true
		}
	}
	head := []string{"id", "name", "status", "task", "family", "start", "time", "step", "error"}
	own := len(head)
	head = append(head, sortedKeys(figures)...)
	figuresEnd := len(head)
	head = append(head, sortedKeys(settings)...)
	table := [][]string{head}
	for i := range runs {
		r := &runs[i]
		row := make([]string, len(head))
		for c, key := range head {
			switch {
			case c < own:
				row[c], _ = r.Field(key)
			case c < figuresEnd:
				if v, ok := r.Summary[key]; ok {
					row[c] = strconv.FormatFloat(v, 'g', -1, 64)
				}
			default:
				row[c] = r.Settings()[key]
			}
		}
		table = append(table, row)
	}
	return table
}

// curveTable has a row for each run, curve and step.
func curveTable(dir string, runs []track.Info, metrics []string) ([][]string, error) {
	table := [][]string{{"id", "name", "metric", "step", "value"}}
	for _, r := range runs {
		for _, metric := range metrics {
			s, err := track.Curve(dir, r.ID, metric)
			if err != nil {
				return nil, err
			}
			for i, step := range s.Steps {
				table = append(table, []string{r.ID, r.Name, metric, strconv.Itoa(step), strconv.FormatFloat(s.Values[i], 'g', -1, 64)})
			}
		}
	}
	return table, nil
}

// exportTable writes a table whose first row names the columns.
func exportTable(term *terminal, path, format string, table [][]string) error {
	write := func(w io.Writer) error {
		if format == "csv" {
			c := csv.NewWriter(w)
			return c.WriteAll(table)
		}
		rows := []map[string]any{}
		for _, cells := range table[1:] {
			row := map[string]any{}
			for i, cell := range cells {
				if v, err := strconv.ParseFloat(cell, 64); err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) && table[0][i] != "id" && table[0][i] != "name" {
					row[table[0][i]] = v
				} else {
					row[table[0][i]] = cell
				}
			}
			rows = append(rows, row)
		}
		return (&terminal{out: w}).printJSON(rows)
	}
	if path == "" {
		return write(term.out)
	}
	w, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, "choose another file", "exporting to %s", path)
	}
	defer w.Abort()
	if err := write(w); err != nil {
		return hint.Wrap(err, "free some space", "exporting to %s", path)
	}
	fmt.Fprintf(term.err, "%d rows in %s\n", len(table)-1, path)
	return w.Commit()
}
