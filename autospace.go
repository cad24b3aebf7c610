package xiaoyu

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// autoFamilies are those that Auto looks at, the cheapest and mostly strongest first.
var (
	autoFamilies      = []string{"ngram", "mlp", "cnn", "fasttext", "gru"}
	autoTokenFamilies = []string{"gru", "cnn", "lstm", "dwcnn"}
	autoPairFamilies  = []string{"static", "fasttext", "cnn", "gru"}
)

// autoRanges are the keys that are searched for a family, about its preset.
var autoRanges = map[string]map[string]string{
	"ngram":    {"model.ngram.weighting": "tfidf,tf,binary", "model.ngram.min_texts": "1..3"}, // its costs are searched by every training
	"fasttext": {"train.learning_rate": "log:0.002..0.015", "model.embed_dim": "32,64,100", "model.embed_dropout": "0..0.6", "model.ngram.tokens": "1..3"},
	"mlp":      {"train.learning_rate": "log:0.001..0.01", "model.embed_dim": "64..200/4", "model.embed_dropout": "0.1..0.6", "model.hidden": "32..128/16", "model.dropout": "0.1..0.6"},
	"cnn": {"train.learning_rate": "log:0.0004..0.004", "model.filters": "60..200/20", "model.dropout": "0.2..0.6", "model.embed_dropout": "0.1..0.5",
		"model.widths": "2,3,4|3,4,5|1,2,3"},
	"dwcnn": {"train.learning_rate": "log:0.0007..0.006", "model.hidden": "64..192/32", "model.embed_dropout": "0.1..0.5", "model.layers": "1..4"},
	"gru":   recurrentRanges,
	"lstm":  recurrentRanges,
}

var recurrentRanges = map[string]string{"train.learning_rate": "log:0.0007..0.006", "model.hidden": "64..192/32", "model.embed_dropout": "0.1..0.6", "model.dropout": "0.1..0.6"}

// autoSpace returns the space over families, each with keys of its own.
func autoSpace(c *Config, families []string, chinese bool) (tune.Space, error) {
	family := tune.Param{Name: "model.family", Kind: tune.Choice, Choices: families}
	space := tune.Space{family}
	add := func(family, key, span string) error {
		p, err := tune.ParseParam(family+": "+key, span)
		p.Key, p.If = key, tune.Condition{Name: "model.family", Values: []string{family}}
		space = append(space, p)
		return err
	}
	for _, f := range families {
		ranges := map[string]string{}
		for key, span := range autoRanges[f] {
			ranges[key] = span
		}
		if f == "ngram" {
			ranges["model.ngram.tokens"] = "2..5"
			if !chinese {
				ranges["model.ngram.tokens"], ranges["model.ngram.chars_min"], ranges["model.ngram.chars_max"] = "1..4", "1..4", "0,4,5,6,7"
			}
		}
		if chinese && c.Task != data.Tags {
			ranges["tokenizer.kind"] = "char,word"
		}
		for _, key := range slices.Sorted(maps.Keys(ranges)) {
			if err := add(f, key, ranges[key]); err != nil {
				return nil, err
			}
		}
	}
	if err := space.Bind(c); err != nil {
		return nil, err
	}
	return space, space.Check()
}

// presetParams are the settings of a family's preset, as far as the space holds them: a value beyond it stays the
// preset's own.
func presetParams(space tune.Space, c *Config, family string) map[string]string {
	params := map[string]string{"model.family": family}
	for i := range space {
		p := &space[i]
		if len(p.If.Values) == 0 || p.If.Values[0] != family {
			continue
		}
		value, _ := conf.Get(c, p.Target())
		if p.Kind == tune.Choice {
			if slices.Contains(p.Choices, value) {
				params[p.Name] = value
			}
		} else if v, err := strconv.ParseFloat(value, 64); err == nil && v >= p.Low && v <= p.High {
			params[p.Name] = value
		}
	}
	return params
}

// changes tells in which keys settings differ from their family's preset.
func (s *search) changes(params map[string]string) []string {
	preset, err := s.configOf(map[string]string{"model.family": params["model.family"]})
	if err != nil {
		return nil
	}
	var out []string
	for i := range s.space {
		p := &s.space[i]
		value, ok := params[p.Name]
		if before, _ := conf.Get(preset, p.Target()); ok && p.Name != "model.family" && value != before {
			if before == "-1" || before == "auto" {
				before = "chosen by the text"
			}
			out = append(out, fmt.Sprintf("%s %s (preset: %s)", p.Target(), value, before))
		}
	}
	return out
}
