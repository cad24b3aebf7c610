package distill

import (
	"encoding/json"
	"math"
	"strings"
)

// read returns the probabilities that an answer gives to the labels, nil where it names none of them or several.
func (t *service) read(a *answer) []float32 {
	choice := &a.Choices[0]
	if p := t.likely(choice.Logprobs.Content); p != nil {
		return p
	}
	at := t.find(choice.Message.Content)
	if at < 0 {
		return nil
	}
	p := make([]float32, len(t.names))
	for i := range p {
		p[i] = float32((1 - t.Certainty) / float64(max(len(p)-1, 1)))
	}
	p[at] = float32(t.Certainty)
	return p
}

// likely reads the probabilities of labels from the first token of an answer that stands for one. What is not among the
// likeliest tokens is as likely as the least likely of those, at most.
func (t *service) likely(tokens []spoken) []float32 {
	for _, token := range tokens {
		if t.begins(token.Token) < 0 {
			if strings.TrimSpace(token.Token) == "" || strings.Trim(token.Token, "\"'`*( \n") == "" {
				continue
			}
			return nil
		}
		p := make([]float64, len(t.names))
		least, sum := 1.0, 0.0
		for _, other := range token.Top {
			v := math.Exp(min(other.Logprob, 0))
			least = min(least, v)
			if at := t.begins(other.Token); at >= 0 {
				p[at] += v
			}
		}
		if len(token.Top) == 0 {
			return nil
		}
		for _, v := range p {
			sum += v
		}
		rest := max(1-sum, 0)
		out := make([]float32, len(p))
		total := 0.0
		for i, v := range p {
			if v == 0 {
				p[i] = min(least, rest) / 2
			}
			total += p[i]
		}
		for i, v := range p {
			out[i] = float32(v / total)
		}
		return out
	}
	return nil
}

// begins returns the label that a token alone stands for: its letter, its name, or the beginning of one name and no
// other; -1 for none.
func (t *service) begins(token string) int {
	token = strings.Trim(token, " \t\n\"'`.():*")
	if token == "" {
		return -1
	}
	found := -1
	for i, name := range t.names {
		if strings.EqualFold(token, letterOf(i)) || strings.EqualFold(token, name) {
			return i
		}
		if len(name) >= len(token) && strings.EqualFold(name[:len(token)], token) {
			if found >= 0 {
				found = -2
			} else if found == -1 {
				found = i
			}
		}
	}
	return max(found, -1)
}

// find returns the label that an answer names; -1 where that is not clear.
func (t *service) find(answer string) int {
	answer = strings.TrimSpace(answer)
	var object struct{ Label string }
	if strings.HasPrefix(answer, "{") && json.Unmarshal([]byte(answer), &object) == nil {
		answer = object.Label
	}
	bare := strings.Trim(answer, " \t\n\"'`.:*()。“”「」")
	first, rest, cut := strings.Cut(bare, ".")
	for i, name := range t.names {
		if strings.EqualFold(bare, letterOf(i)) || strings.EqualFold(bare, name) || strings.EqualFold(bare, t.about.Labels[i]) {
			return i
		}
		if cut && strings.EqualFold(strings.TrimSpace(first), letterOf(i)) && strings.EqualFold(strings.TrimSpace(rest), name) {
			return i
		}
	}
	found := -1
	for i, name := range t.names {
		if !strings.Contains(strings.ToLower(answer), strings.ToLower(name)) {
			continue
		}
		if found >= 0 {
			return -1
		}
		found = i
	}
	return found
}
