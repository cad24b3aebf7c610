package export

import (
	"cmp"
	"context"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
)

// Calibrate runs texts through a model and finds, in a way that quant.ParseCalibration reads, the range of the numbers that
// enter and leave each linear layer and each convolution. progress, which may be nil, hears how many texts are done.
func Calibrate(ctx context.Context, m *model.Model, queries []model.Query, how string, progress func(done int)) (Ranges, error) {
	const way = "name a file that has some with --data and --text"
	calibration, err := quant.ParseCalibration(how)
	if err != nil {
		return nil, err
	}
	if len(queries) == 0 {
		return nil, hint.Errorf(way, "calibrating: the calibration set is empty: there are no texts")
	}
	g, err := m.Graph()
	if err != nil {
		return nil, err
	}
	file, err := ONNX(g, F32, nil)
	if err != nil {
		return nil, err
	}
	p, err := onnx.NewProgram(file)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range g.Nodes {
		if n.Op == graph.Linear || n.Op == graph.Conv {
			names = append(names, n.In[0].Name, n.Out.Name)
		}
	}
	p.Watch(names)
	seen := map[string]*quant.Histogram{}
	note := func(name string, numbers []float32) {
		if seen[name] == nil {
			seen[name] = new(quant.Histogram)
		}
		if failed := seen[name].Add(numbers); failed != nil && err == nil {
			err = hint.Wrap(failed, "train the model again: its numbers have no end", "what enters or leaves a layer as %s", name)
		}
	}
	var in model.Input
	var sample model.Sample
	for i, q := range queries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in.Reset() // one at a time: padding has no part in the ranges
		m.Encode(&in, &sample, q.Text, q.Pair)
		if _, failed := p.Run(m.Padded(&in), note); failed != nil || err != nil {
			return nil, cmp.Or(failed, err)
		}
		if progress != nil {
			progress(i + 1)
		}
	}
	ranges, count := Ranges{}, int64(0)
	for name, h := range seen {
		lo, hi := h.Range(calibration)
		ranges[name] = [2]float32{min(lo, 0), max(hi, 0)} // 0 has to be among them
		count += h.Count()
	}
	if count == 0 && len(names) > 0 {
		return nil, hint.Errorf(way, "calibrating: the calibration set is empty: %d texts have no tokens", len(queries))
	}
	return ranges, nil
}
