// Package compress makes smaller models of models. A [Move] takes a model and returns one that keeps less: fewer bits of
// each weight, fewer n-grams, fewer tokens, fewer heads, neurons, filters, units or layers. What it returns is an ordinary
// model, which is saved, opened, trained and compressed like any other; the first one stays as it is.
//
//	moves, err := compress.Parse("grams=40000,int8")
//	for _, move := range moves {
//		m, err = move.Apply(ctx, m, work)
//	}
//	m.Save(dir, nil)
//
// The package does not judge what a move costs, nor read files: the root package does, with a user's data.
package compress

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// Move makes a smaller model of a model.
type Move interface {
	// String is the move as Parse reads it.
	String() string
	// Apply returns the smaller model. It may use the memory of m, which stays as it is and has to stay open.
	Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error)
}

// Work is what moves may need beside the model. What is nil is not known; a move that cannot do without it says so.
type Work struct {
	Texts []string // of the kind that the model will read, such as those it was trained on
	// Set returns labelled examples as m reads them.
	Set func(m *model.Model) *train.Set
	// Heal trains m further for so many epochs on labelled examples, so that it makes up for what it lost; of a linear
	// model it solves the weights anew. after, where it is not nil, sees the weights after each step, and before the first
	// (step 0), and may change them; then the last weights count and not the best.
	Heal func(ctx context.Context, m *model.Model, epochs float64, after func(step, steps int)) error
	// Distill is Heal on what the original says of the examples as well.
	Distill func(ctx context.Context, m *model.Model, epochs float64) error
	// Student trains a fresh model of a family on labels and on what the original says. What heals it heeds both as well.
	Student func(ctx context.Context, family string) (*model.Model, error)
}

// kindOfMove is a row of the table of moves.
type kindOfMove struct {
	doc   string
	value string // what stands behind the =: "number", "share" of (0, 1), "percent" of (50, 100], "family", or "" for nothing
	build func(v float64) Move
}

var kinds = map[string]kindOfMove{
	"grams":        {"keep so many n-gram features, known by fingerprints of 16 bits", "number", func(v float64) Move { return grams{int(v), 16} }},
	"grams8":       {"the same with fingerprints of 8 bits", "number", func(v float64) Move { return grams{int(v), 8} }},
	"vocabulary":   {"keep the tokens that the texts use most, so many of them", "number", func(v float64) Move { return vocabulary(v) }},
	"heads":        {"keep so many attention heads of each layer", "number", func(v float64) Move { return heads(v) }},
	"feed_forward": {"keep so many neurons of each feed-forward part", "number", func(v float64) Move { return feedForward(v) }},
	"layers":       {"keep so many layers of a transformer", "number", func(v float64) Move { return layers(v) }},
	"units":        {"keep so many filters of each width, or units or neurons of each layer (cnn, rnn, lstm, gru, mlp)", "number", func(v float64) Move { return units(v) }},
	"rank":         {"large matrices and embeddings as products of two, of this share of their rank; for the end", "share", func(v float64) Move { return rank(v) }},
	"sparsity":     {"let this share of each large matrix become zero while it trains for two epochs", "share", func(v float64) Move { return sparsity(v) }},
	"qat8":         {"train for so many epochs as if weights were of 8 bits already, then keep them so", "number", func(v float64) Move { return aware{v, quant.Int8} }},
	"qat4":         {"the same for 4 bits", "number", func(v float64) Move { return aware{v, quant.Int4} }},
	"distill":      {"train further for so many epochs on what the original says as well", "number", func(v float64) Move { return distilled(v) }},
	"student":      {"a fresh model of this family (ngram, cnn, gru …) in its place, taught by the original", "family", nil},
	"heal":         {"train further for so many epochs", "number", func(v float64) Move { return heal(v) }},
	"share":        {"let the layers of a transformer share their weights in so many groups: their average, trained for two epochs", "number", func(v float64) Move { return share{int(v), false} }},
	"share_first":  {"the same with the weights of each group's first layer", "number", func(v float64) Move { return share{int(v), true} }},
	"minmax8":      {"int8 with inputs of linear layers in whole numbers of one scale each, within the ranges that they have on examples", "", func(float64) Move { return static{quant.Calibration{Method: quant.MinMax}} }},
	"percentile8":  {"the same within ranges that hold so many percent of them, such as 99.9", "percent", func(v float64) Move { return static{quant.Calibration{Method: quant.Percentile, Share: v}} }},
	"entropy8":     {"the same within ranges that lose least of their distribution", "", func(float64) Move { return static{quant.Calibration{Method: quant.Entropy}} }},
	"pack":         {"keep the tokenizer as a gzip file", "", func(float64) Move { return pack{} }},
	"f16":          {"weights in 16 bits", "", func(float64) Move { return weights(quant.F16) }},
	"bf16":         {"weights in the upper 16 bits of float32", "", func(float64) Move { return weights(quant.BF16) }},
	"int8":         {"weights in whole numbers of 8 bits, multiplied so", "", func(float64) Move { return weights(quant.Int8) }},
	"int4":         {"weights in whole numbers of 4 bits, multiplied in 8", "", func(float64) Move { return weights(quant.Int4) }},
}

// Moves describes the moves that Parse knows, one a line.
func Moves() []string {
	var out []string
	for name, k := range kinds {
		if k.value != "" {
			name += "=" + strings.ToUpper(k.value)
		}
		out = append(out, fmt.Sprintf("%-20s %s", name, k.doc))
	}
	slices.Sort(out)
	return out
}

// Parse reads moves in their order, with commas between: "grams=40000,heal=1,int8".
func Parse(list string) ([]Move, error) {
	var moves []Move
	for part := range strings.SplitSeq(list, ",") {
		name, value, given := strings.Cut(strings.TrimSpace(part), "=")
		k, ok := kinds[name]
		if !ok {
			var names []string
			for n := range kinds {
				names = append(names, n)
			}
			slices.Sort(names)
			return nil, hint.Errorf(hint.OneOf(name, names), "unknown move %q", name)
		}
		if k.value == "family" {
			if families := model.Families(); !slices.Contains(families, value) {
				return nil, hint.Errorf(hint.OneOf(value, families), "the move %q names no model family", part)
			}
			moves = append(moves, student(value))
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		switch {
		case k.value == "" && given:
			return nil, hint.Errorf("write "+name, "the move %q takes no number", part)
		case k.value == "number" && (err != nil || !(v > 0) || v > 1e9):
			return nil, hint.Errorf(fmt.Sprintf("write %s=NUMBER, a number above 0", name), "the move %q", part)
		case k.value == "percent" && (err != nil || !(v > 50) || v > 100):
			return nil, hint.Errorf(fmt.Sprintf("write %s=PERCENT, such as %s=99.9", name, name), "the move %q: more than 50 and at most 100 percent", part)
		case k.value == "share" && (err != nil || !(v > 0) || v >= 1):
			return nil, hint.Errorf(fmt.Sprintf("write %s=SHARE, such as %s=0.5", name, name), "the move %q: a share is between 0 and 1", part)
		}
		moves = append(moves, k.build(v))
	}
	return moves, nil
}

// heal trains further.
type heal float64

func (h heal) String() string { return "heal=" + strconv.FormatFloat(float64(h), 'g', -1, 64) }

func (h heal) Apply(ctx context.Context, m *model.Model, w *Work) (*model.Model, error) {
	if w.Heal == nil {
		return nil, needsData(h.String())
	}
	g, err := m.Remake(m.Config, m.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	return g, w.Heal(ctx, g, float64(h), nil)
}

func needsData(name string) error {
	return hint.Errorf("pass --data FILE, with its columns", "the move %s needs examples", name)
}

// pack keeps the tokenizer packed.
type pack struct{}

func (pack) String() string { return "pack" }

func (pack) Apply(_ context.Context, m *model.Model, _ *Work) (*model.Model, error) {
	g, err := copyOf(m)
	if err == nil {
		g.Compression.Packed = true
	}
	return g, err
}
