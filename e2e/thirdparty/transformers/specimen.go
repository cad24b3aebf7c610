package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// specimen is a package that was trained here, and what it says of some texts.
type specimen struct {
	Name   string   `json:"name"`
	Folder string   `json:"folder"`
	Kind   string   `json:"kind"`           // how it is opened: a head's name, mean, sentence or adapter
	Base   string   `json:"base,omitempty"` // of an adapter
	Texts  []string `json:"texts"`
	Pairs  []string `json:"pairs,omitempty"`

	failed  error // it could not be made
	ids     [][]int32
	outputs [][][]float64
}

// recipe is a way to train a package from a checkpoint.
type recipe struct {
	name     string
	kind     string       // see specimen
	head     encoder.Head // that the architecture must have
	task     string
	data     string            // file
	settings map[string]string // of the configuration, beside the preset
}

var recipes = []recipe{
	{"class", "sequence", encoder.Sequence, data.Classes, "texts.csv", nil},
	{"pair", "sequence", encoder.Sequence, data.Classes, "texts.csv", map[string]string{"data.pair": "pair"}},
	{"multilabel", "sequence", encoder.Sequence, data.MultiLabel, "texts.csv", map[string]string{"data.label": "several"}},
	{"regression", "sequence", encoder.Sequence, data.Scores, "texts.csv", map[string]string{"data.label": "number"}},
	{"frozen", "sequence", encoder.Sequence, data.Classes, "texts.csv", map[string]string{"train.freeze": "all", "train.epochs": "2"}},
	{"lora", "sequence", encoder.Sequence, data.Classes, "texts.csv", map[string]string{"train.lora.rank": "4", "train.learning_rate": "0.01"}},
	{"adapter", "adapter", encoder.Sequence, data.Classes, "texts.csv", map[string]string{"train.lora.rank": "4", "train.learning_rate": "0.01"}},
	{"tokens", "tokens", encoder.Tokens, data.Tags, "tags.conll", nil},
	{"mean", "mean", encoder.Bare, data.Classes, "texts.csv", map[string]string{"model.pooling": "mean"}},
	{"sentence", "sentence", encoder.Bare, data.Similarity, "texts.csv", map[string]string{"data.pair": "pair", "data.label": "number"}},
	{"masked", "masked", encoder.Masked, "", "texts.txt", nil},
	{"causal", "causal", encoder.Causal, "", "texts.txt", map[string]string{"pretrain.objective": model.CausalHead}},
}

// makeAll trains what the pattern picks, below dir.
func makeAll(ctx context.Context, golden, dir, only string) ([]*specimen, error) {
	folders, err := filepath.Glob(filepath.Join(golden, "*", model.ConfigFile))
	if err != nil {
		return nil, err
	}
	if len(folders) == 0 {
		return nil, fmt.Errorf("%s holds no checkpoints; name their folder with --golden", golden)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	if err := writeData(dir); err != nil {
		return nil, err
	}
	var made []*specimen
	for _, config := range folders {
		from := filepath.Dir(config)
		for _, r := range recipes {
			name := filepath.Base(from) + "/" + r.name
			if !wanted(only, name) {
				continue
			}
			base := filepath.Join(dir, filepath.Base(from), "base")
			able, err := copyBase(from, base, &r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if !able {
				continue
			}
			s, err := r.make(ctx, dir, base, name)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				s = &specimen{Name: name, failed: err} // a row of the table
			}
			made = append(made, s)
		}
	}
	if name := "decoder/fresh"; wanted(only, name) {
		s, err := makeDecoder(ctx, dir, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		made = append(made, s)
	}
	return made, nil
}

// make trains a package and asks it.
func (r *recipe) make(ctx context.Context, dir, base, name string) (*specimen, error) {
	c, err := xiaoyu.Preset(model.EncoderFamily)
	if err != nil {
		return nil, err
	}
	s := &specimen{Name: name, Kind: r.kind, Folder: filepath.Join(dir, name)}
	c.Name, c.Out, c.Runs = r.name, s.Folder, filepath.Join(dir, "runs")
	c.Model.Base, c.Model.Pooling = base, model.OwnPooling
	c.Train.Epochs, c.Train.Threads, c.Eval.Bootstrap = 1, 1, 0
	for key, value := range r.settings {
		if err := conf.Set(c, key, value); err != nil {
			return nil, err
		}
	}
	if r.task == "" {
		err = learnTexts(ctx, c, filepath.Join(dir, r.data))
	} else {
		c.Task, c.Data.Path = r.task, filepath.Join(dir, r.data)
		_, err = xiaoyu.Train(ctx, c, xiaoyu.TrainOptions{})
	}
	if err != nil {
		return nil, err
	}
	if err := s.ask(c.Data.Pair != "" && r.task != data.Similarity); err != nil {
		return nil, err
	}
	if r.kind == "adapter" {
		s.Folder, s.Base = filepath.Join(s.Folder, "adapter"), base
	}
	return s, nil
}

func learnTexts(ctx context.Context, c *xiaoyu.Config, texts string) error {
	c.Pretrain.Out, c.Pretrain.Texts = c.Out, []string{texts}
	c.Pretrain.Steps, c.Pretrain.BatchTokens, c.Pretrain.Threads = 5, 128, 1
	_, err := xiaoyu.Pretrain(ctx, c, xiaoyu.TrainOptions{})
	return err
}

// makeDecoder trains a language model from fresh weights.
func makeDecoder(ctx context.Context, dir, name string) (*specimen, error) {
	c, err := xiaoyu.Preset(model.DecoderFamily)
	if err != nil {
		return nil, err
	}
	s := &specimen{Name: name, Kind: "causal", Folder: filepath.Join(dir, name)}
	c.Name, c.Out, c.Runs = "decoder", s.Folder, filepath.Join(dir, "runs")
	c.Model.Hidden, c.Model.Layers, c.Model.Heads, c.Model.KeyHeads = 32, 2, 4, 2
	if err := learnTexts(ctx, c, filepath.Join(dir, "texts.txt")); err != nil {
		return nil, err
	}
	return s, s.ask(false)
}

// ask notes what the package says of texts of several lengths.
func (s *specimen) ask(pairs bool) error {
	m, err := model.Open(s.Folder)
	if err != nil {
		return err
	}
	defer m.Package.Close()
	s.Texts = []string{"a b c d e f g", "q", "x y z", strings.TrimSpace(strings.Repeat("h i j ", 4))}
	if m.Config.Head != model.CausalHead { // some decoders get the rules of their own tokenizer, which knows no unknown words
		s.Texts[2] = "x unknown z"
	}
	if pairs {
		s.Pairs = []string{"h i", "j k l m n o p", "b", "a c"}
	}
	tape := nn.NewTape(nil)
	for i, text := range s.Texts {
		var in model.Input
		var e model.Sample
		if pairs {
			m.Encode(&in, &e, text, s.Pairs[i])
		} else if m.Config.Pair {
			m.EncodeText(&in, &e, text)
		} else {
			m.Encode(&in, &e, text, "")
		}
		if head := m.Config.Head; head == model.MaskedHead || head == model.CausalHead { // all places are asked, not only those of gaps
			in.Wanted = in.Wanted[:0]
			for at := range in.Tokens.IDs {
				in.Wanted = append(in.Wanted, int32(at))
			}
		}
		s.ids = append(s.ids, in.Tokens.IDs)
		tape.Begin(nn.Inference, 0, 0)
		logits := m.Forward(tape, &in)
		var rows [][]float64
		for r := range logits.Rows {
			row := make([]float64, logits.Cols)
			for c, v := range logits.Row(r) {
				row[c] = float64(v)
			}
			if m.Config.Head == model.RegressionHead {
				row[0] = m.Head.Predict(logits, &in, r).Score // the number itself is what users of the library read
			}
			rows = append(rows, row)
		}
		s.outputs = append(s.outputs, rows)
	}
	return nil
}

// copyBase makes a checkpoint that users could have of one of the test material, unless its architecture has no such
// head.
func copyBase(from, to string, r *recipe) (able bool, err error) {
	config, err := os.ReadFile(filepath.Join(from, model.ConfigFile))
	if err != nil {
		return false, err
	}
	c, err := encoder.ReadConfig(config)
	if err != nil {
		return false, err
	}
	if c.IsCausal != (r.head == encoder.Causal) || c.SetHead(r.head, []string{"a", "b"}) != nil {
		return false, nil
	}
	if _, err := os.Stat(to); err == nil {
		return true, nil
	}
	weights, err := os.ReadFile(filepath.Join(from, model.WeightsFile))
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return false, err
	}
	files := map[string][]byte{model.ConfigFile: config, model.WeightsFile: weights}
	if err := addTokenizer(files, config); err != nil {
		return false, err
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(to, name), content, 0o644); err != nil {
			return false, err
		}
	}
	return true, nil
}
