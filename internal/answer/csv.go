package answer

import (
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

func csvHeader(m *model.Model) []string {
	header := []string{"text"}
	if m.Config.Pair {
		header = append(header, "pair")
	}
	switch m.Config.Head {
	case model.RegressionHead:
		return append(header, "score")
	case model.EmbeddingHead:
		if m.Config.Pair {
			return append(header, "score")
		}
		return append(header, "embedding")
	case model.AnswerHead:
		return []string{"question", "context", "answer", "start", "end", "probability"}
	case model.TokensHead, model.ReplacedHead:
		return append(header, "entities")
	case model.MaskedHead, model.CausalHead:
		return append(header, "masks")
	case model.MultiLabelHead:
		header = append(header, "labels")
	default:
		header = append(header, "label", "probability")
	}
	return append(header, m.Labels...)
}

func csvRow(m *model.Model, a model.Answer) []string {
	row := []string{a.Text}
	if m.Config.Pair {
		row = append(row, a.Pair)
	}
	switch m.Config.Head {
	case model.RegressionHead:
		return append(row, strconv.FormatFloat(a.Score, 'g', 6, 64))
	case model.EmbeddingHead:
		if m.Config.Pair {
			return append(row, strconv.FormatFloat(a.Score, 'g', 6, 64))
		}
		return append(row, vectorList(a.Vector))
	case model.AnswerHead:
		best := a.Answers[0]
		return []string{a.Pair, a.Text, best.Text, strconv.Itoa(best.Start), strconv.Itoa(best.End), number(best.Probability)}
	case model.TokensHead, model.ReplacedHead:
		return append(row, entityList(a.Entities, "|"))
	case model.MaskedHead, model.CausalHead:
		return append(row, maskList(a.Masks, 1, "|"))
	case model.MultiLabelHead:
		row = append(row, strings.Join(a.Labels, "|"))
	default:
		row = append(row, a.Label, number(a.Probability))
	}
	for _, v := range a.Probabilities {
		row = append(row, number(v))
	}
	return row
}
