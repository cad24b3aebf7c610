package export

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
)

// Calibrate runs texts through a model and notes the range of the numbers that enter each linear layer. progress, which
// may be nil, hears how many texts are done.
func Calibrate(ctx context.Context, m *model.Model, queries []model.Query, progress func(done int)) (Ranges, error) {
	if len(queries) == 0 {
		return nil, hint.Errorf("name a file that has some with --data and --text", "calibrating: there are no texts")
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
		if n.Op == graph.Linear {
			names = append(names, n.In[0].Name)
		}
	}
	p.Watch(names)
	ranges := Ranges{}
	note := func(name string, numbers []float32) {
		r := ranges[name]
		for _, v := range numbers {
			r[0], r[1] = min(r[0], v), max(r[1], v)
		}
		ranges[name] = r
	}
	var in model.Input
	var sample model.Sample
	for i, q := range queries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		in.Reset() // one at a time: padding has no part in the ranges
		m.Encode(&in, &sample, q.Text, q.Pair)
		if _, err := p.Run(m.Padded(&in), note); err != nil {
			return nil, err
		}
		if progress != nil {
			progress(i + 1)
		}
	}
	return ranges, nil
}
