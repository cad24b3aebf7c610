package answer

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// headline says a prediction in a few words, with the rules that decided it.
func headline(m *model.Model, p model.Prediction, top int) string {
	words := headlineOf(m, p, top)
	if len(p.Rules) > 0 {
		words += "   [decided by rule " + strings.Join(p.Rules, ", ") + "]"
	}
	return words
}

func headlineOf(m *model.Model, p model.Prediction, top int) string {
	var scores []string
	switch m.Config.Head {
	case model.RegressionHead:
		return strconv.FormatFloat(p.Score, 'g', 4, 64)
	case model.EmbeddingHead:
		if m.Config.Pair {
			return strconv.FormatFloat(p.Score, 'g', 4, 64)
		}
		return fmt.Sprintf("%s … (%d numbers)", vectorList(p.Vector[:min(len(p.Vector), 4)]), len(p.Vector))
	case model.MaskedHead, model.CausalHead:
		if len(p.Masks) == 0 {
			return "(no [MASK] in the text, or no text)"
		}
		return maskList(p.Masks, max(top, 5), "  |  ")
	case model.AnswerHead:
		for _, s := range p.Answers[:min(len(p.Answers), max(top, 1))] {
			scores = append(scores, fmt.Sprintf("%s  %.1f %%", cmp.Or(strings.Join(strings.Fields(s.Text), " "), "(no answer)"), 100*s.Probability))
		}
		return strings.Join(scores, "  |  ")
	case model.TokensHead, model.ReplacedHead:
		if len(p.Entities) == 0 {
			return "(nothing found)"
		}
		return entityList(p.Entities, ", ")
	case model.MultiLabelHead:
		for _, s := range m.Top(p, max(top, len(p.Labels), 1)) {
			scores = append(scores, fmt.Sprintf("%s %.1f %%", s.Label, 100*s.Probability))
		}
		if len(p.Labels) == 0 {
			return "(no label)  (" + strings.Join(scores, ", ") + ")"
		}
		return strings.Join(scores, ", ")
	}
	for _, s := range m.Top(p, max(top, 3))[1:] {
		scores = append(scores, fmt.Sprintf("%s %.1f %%", s.Label, 100*s.Probability))
	}
	return fmt.Sprintf("%s  %.1f %%   (%s)", p.Label, 100*p.Probability, strings.Join(scores, ", "))
}

func number(v float32) string { return strconv.FormatFloat(float64(v), 'g', 6, 32) }

// vectorList writes numbers with spaces between them.
func vectorList(v []float32) string {
	list := make([]string, len(v))
	for i, x := range v {
		list[i] = number(x)
	}
	return strings.Join(list, " ")
}

func entityList(entities []model.Entity, separator string) string {
	var list []string
	for _, e := range entities {
		list = append(list, e.Label+":"+e.Text)
	}
	return strings.Join(list, separator)
}

// maskList names the most probable tokens of each mask.
func maskList(masks [][]model.Score, top int, separator string) string {
	var list []string
	for _, guesses := range masks {
		var tokens []string
		for _, s := range guesses[:min(top, len(guesses))] {
			tokens = append(tokens, fmt.Sprintf("%s %.1f %%", s.Label, 100*s.Probability))
		}
		list = append(list, strings.Join(tokens, ", "))
	}
	return strings.Join(list, separator)
}
