package trial

import (
	"encoding/json"
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// answerJSON is what programs write of a query: the members of model.Model.View.
type answerJSON struct {
	Label       string          `json:"label"`
	Probability float32         `json:"probability"`
	Labels      []string        `json:"labels"`
	Scores      []model.Score   `json:"scores"`
	Score       float64         `json:"score"`
	Entities    []model.Entity  `json:"entities"`
	Embedding   []float32       `json:"embedding"`
	Answers     []model.Span    `json:"answers"`
	Masks       [][]model.Score `json:"masks"`
}

// readAnswer makes a prediction of m's of what a program wrote.
func readAnswer(m *model.Model, data []byte) (model.Prediction, error) {
	var a answerJSON
	if err := json.Unmarshal(data, &a); err != nil {
		return model.Prediction{}, fmt.Errorf("it wrote %.100q: %w", data, err)
	}
	p := model.Prediction{Label: a.Label, Probability: a.Probability, Labels: a.Labels, Score: a.Score, Entities: a.Entities, Vector: a.Embedding, Answers: a.Answers, Masks: a.Masks}
	if len(a.Scores) == 0 {
		return p, nil
	}
	number := map[string]int{}
	for i, l := range m.Labels {
		number[l] = i
	}
	p.Probabilities = make([]float32, len(m.Labels))
	for _, s := range a.Scores {
		i, ok := number[s.Label]
		if !ok {
			return p, fmt.Errorf("it says %q, which is no label of the model", s.Label)
		}
		p.Probabilities[i] = s.Probability
	}
	mostProbable(m, &p)
	return p, nil
}

// mostProbable fills in the most probable label.
func mostProbable(m *model.Model, p *model.Prediction) {
	for i, v := range p.Probabilities {
		if v > p.Probabilities[p.Class] {
			p.Class = i
		}
	}
	if p.Label == "" {
		p.Label, p.Probability = m.Labels[p.Class], p.Probabilities[p.Class]
	}
}
