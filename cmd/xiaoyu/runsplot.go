package main

import (
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/chart"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/track"
)

// maxCurves is how many curves can still be told apart in one plot.
const maxCurves = 16

func runsPlotCommand(term *terminal, dir *string) *cobra.Command {
	var metrics []string
	var out string
	var smooth float64
	var log bool
	cmd := &cobra.Command{
		Use:   "plot RUN… --metric NAME -o plot.svg",
		Short: "Draw curves of runs over the steps, as SVG or PNG",
		Args:  atLeast(1, "the ID of a run"),
		RunE: func(_ *cobra.Command, args []string) error {
			plot, err := curvesOf(*dir, args, metrics, smooth)
			if err != nil {
				return err
			}
			plot.Y.Log = log
			if err := writePlot(out, plot); err != nil {
				return err
			}
			fmt.Fprintf(term.out, "plot     %s\n", out)
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&metrics, "metric", nil, "which curves, as in valid/loss,train/loss; valid/loss if not given")
	cmd.Flags().StringVarP(&out, "out", "o", "plot.svg", "file to write: .svg or .png")
	cmd.Flags().Float64Var(&smooth, "smooth", 0, "weight of the past in a moving average, from 0 (none) to 0.999")
	cmd.Flags().BoolVar(&log, "log", false, "logarithmic vertical axis")
	return cmd
}

// curvesOf draws the metrics of runs.
func curvesOf(dir string, ids, metrics []string, smooth float64) (*chart.Plot, error) {
	if len(metrics) == 0 {
		metrics = []string{"valid/loss"}
	}
	if smooth < 0 || smooth > 0.999 || math.IsNaN(smooth) {
		return nil, usageError{hint.Errorf("use a number from 0 to 0.999", "--smooth %v", smooth)}
	}
	if n := len(ids) * len(metrics); n > maxCurves {
		return nil, usageError{hint.Errorf("name fewer runs or metrics", "%d curves cannot be told apart in one plot; %d can", n, maxCurves)}
	}
	p := &chart.Plot{X: chart.Axis{Name: chart.Label{EN: "step"}}}
	if len(metrics) == 1 {
		p.Y.Name.EN = metrics[0]
	}
	for _, id := range ids {
		info, err := track.Load(dir, id)
		if err != nil {
			return nil, err
		}
		for _, metric := range metrics {
			s, err := track.Curve(dir, info.ID, metric)
			if err != nil {
				return nil, err
			}
			c := chart.Curve{Name: chart.Label{EN: curveName(info, metric, len(ids) > 1, len(metrics) > 1)}, Y: average(s.Values, smooth), Style: chart.Marked}
			for _, step := range s.Steps {
				c.X = append(c.X, float64(step))
			}
			p.Curves = append(p.Curves, c)
		}
	}
	return p, nil
}

// curveName tells curves apart by what differs between them. The font of PNG files has no Chinese, so a name that is not
// Latin gives way to the ID.
func curveName(info *track.Info, metric string, manyRuns, manyMetrics bool) string {
	if !manyRuns && manyMetrics {
		return metric
	}
	name := info.Name
	if strings.ContainsFunc(name, func(r rune) bool { return r > unicode.MaxLatin1 }) {
		name = ""
	}
	name = strings.TrimSpace(name + " " + info.ID[max(0, len(info.ID)-4):])
	if manyMetrics {
		name += " " + metric
	}
	return name
}

// average is the exponential moving average, corrected for its beginning as in TensorBoard.
func average(values []float64, weight float64) []float64 {
	if weight == 0 {
		return values
	}
	out := make([]float64, len(values))
	sum, norm := 0.0, 0.0
	for i, v := range values {
		sum, norm = weight*sum+(1-weight)*v, weight*norm+(1-weight)
		out[i] = sum / norm
	}
	return out
}

// writePlot writes a figure in the format that the file's name asks for.
func writePlot(path string, p *chart.Plot) error {
	write := map[string]func(io.Writer) error{".svg": p.WriteSVG, ".png": p.WritePNG}[strings.ToLower(filepath.Ext(path))]
	if write == nil {
		return usageError{hint.Errorf("name it .svg or .png", "drawing %s: the format is not known", path)}
	}
	w, err := atomicfile.Create(path)
	if err != nil {
		return hint.Wrap(err, "choose another file", "drawing %s", path)
	}
	defer w.Abort()
	if err := write(w); err != nil {
		return hint.Wrap(err, "choose another file, or free some space", "drawing %s", path)
	}
	return w.Commit()
}
