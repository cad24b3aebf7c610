package answer

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/explain"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// View is a model.View of a prediction, and what explains it.
type View struct {
	view  any
	words []explain.Word
}

// MarshalJSON writes the members of the view, and "words" behind them if the prediction was explained.
func (v View) MarshalJSON() ([]byte, error) {
	data, err := json.Marshal(v.view)
	if err != nil || v.words == nil {
		return data, err
	}
	words, err := json.Marshal(v.words)
	return fmt.Appendf(data[:len(data)-1], `,"words":%s}`, words), err
}

// Views predicts queries, with the top labels (0 for all), and if explained, finds out which words mattered.
func Views(ctx context.Context, m *model.Model, queries []model.Query, top int, explained bool) ([]View, error) {
	predictions, err := m.PredictQueries(ctx, queries)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(predictions))
	for i, p := range predictions {
		views[i].view = m.View(p, top)
		if !explained {
			continue
		}
		if views[i].words, err = explain.Words(ctx, m, queries[i], p.Class); err != nil {
			return nil, err
		}
	}
	return views, nil
}
