package xiaoyu

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/conf"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
	"github.com/xiaoyu-slm/xiaoyu/train/pretrain"
	"github.com/xiaoyu-slm/xiaoyu/tune"
)

// ConfigFile is the name of a project's configuration.
const ConfigFile = "xiaoyu.yaml"

// Config is a project: what xiaoyu.yaml holds. Every key is documented by its tag; `xiaoyu config --explain` prints
// them all.
type Config struct {
	Name      string          `yaml:"name" json:"name" doc:"name of the project and of its model; while it is model, xiaoyu train --out FOLDER calls the model after the folder" default:"model"`
	Out       string          `yaml:"out" json:"out" doc:"folder of the model package; models/NAME if empty" default:""`
	Runs      string          `yaml:"runs" json:"runs" doc:"folder in which the records of trainings are kept" default:"runs"`
	Task      string          `yaml:"task" json:"task" doc:"what is learnt: class (one label a text), multilabel (any number), regression (a number), tokens (labelled stretches of the text), embedding (vectors of texts, from pairs with a score, or pairs that belong together), qa (the stretch of a text that answers a question about it), or auto: tokens for files in CoNLL columns, qa for those of questions with answers about texts, else class" default:"auto" enum:"auto|class|multilabel|regression|tokens|embedding|qa"`
	Data      data.Config     `yaml:"data" json:"data" doc:"the examples: where they are, and how they are cleaned and split"`
	Tokenizer text.Config     `yaml:"tokenizer" json:"tokenizer" doc:"how texts become tokens"`
	Model     model.Config    `yaml:"model" json:"model" doc:"the network; each family reads the keys that name it"`
	Train     train.Config    `yaml:"train" json:"train" doc:"how the network is trained"`
	Pretrain  pretrain.Config `yaml:"pretrain" json:"pretrain,omitzero" doc:"texts without labels that the network learns from before it is trained on the examples (transformer, encoder, dwcnn, rnn, lstm, gru)"`
	Continue  Continue        `yaml:"continue" json:"continue,omitzero" doc:"what a model keeps while it learns from new data (xiaoyu train --continue)"`
	Distill   Distill         `yaml:"distill" json:"distill,omitzero" doc:"a teacher from which the model learns beside labels, or in their place"`
	Ensemble  Ensemble        `yaml:"ensemble" json:"ensemble,omitzero" doc:"several models instead of one, whose answers are joined"`
	Eval      Eval            `yaml:"eval" json:"eval" doc:"how the model is judged"`
	Tune      tune.Config     `yaml:"tune" json:"tune,omitzero" doc:"how settings are searched (xiaoyu tune)"`

	chosen     []string // keys, see Chosen
	pretrained bool     // Model.Base is what Pretrain has brought
}

// Chosen notes that a key was set by somebody: nothing that suits a task replaces it.
func (c *Config) Chosen(key string) { c.chosen = append(slices.Clip(c.chosen), key) }

// Eval is the `eval` part of xiaoyu.yaml.
type Eval struct {
	Bootstrap int  `yaml:"bootstrap" json:"bootstrap" doc:"resamples for the confidence intervals; 0 for none" default:"1000" min:"0" max:"100000"`
	Mistakes  int  `yaml:"mistakes" json:"mistakes" doc:"most confident mistakes that are listed" default:"20" min:"0" max:"10000"`
	Calibrate bool `yaml:"calibrate" json:"calibrate" doc:"after training, choose on the validation part a temperature for the probabilities, and for task multilabel a threshold for each label" default:"true"`
}

// Ensemble is the `ensemble` part of xiaoyu.yaml.
type Ensemble struct {
	Members []string `yaml:"members" json:"members,omitempty" doc:"families to train and to join, such as ngram,cnn,gru; each has its preset, but the project's own family (model.family) the project's settings; all that can start from model.vectors; empty for the project's own family alone: one model, or those of ensemble.seeds and ensemble.folds" default:""`
	Seeds   int      `yaml:"seeds" json:"seeds,omitempty" doc:"models of each member, with train.seed and the seeds after it" default:"1" min:"1" max:"100"`
	Folds   int      `yaml:"folds" json:"folds,omitempty" doc:"models of each member and seed, each trained without one of so many parts of the training and validation rows, which picks its best epoch; 0 for none" default:"0" min:"0" max:"20"`
	Vote    bool     `yaml:"vote" json:"vote,omitempty" doc:"members vote with what they decide; else their probabilities are averaged" default:"false"`
	Weights string   `yaml:"weights" json:"weights,omitempty" doc:"equal; auto: chosen on rows that members were not trained on, the folds or the validation part; stack: a model of what they say of those rows joins them, with a weight for each member and label (tasks class, multilabel, regression)" default:"equal" enum:"equal|auto|stack"`
}

// presets hold what differs from the defaults, by family.
var presets = map[string]map[string]string{
	autoFamily: nil, // until the task is known
	"cnn":      {"train.epochs": "12", "model.dropout": "0.4", "model.embed_dropout": "0.2"},
	"mlp":      {"train.epochs": "15", "train.learning_rate": "0.003", "model.embed_dim": "100", "model.hidden": "64", "model.embed_dropout": "0.3"},
	"lstm":     {"train.epochs": "8", "train.learning_rate": "0.002", "model.embed_dropout": "0.3"},
	"gru":      {"train.epochs": "8", "train.learning_rate": "0.002", "train.refit": "true", "model.embed_dropout": "0.3"},
	"rnn":      {"train.epochs": "8", "train.learning_rate": "0.002", "model.embed_dropout": "0.3"},
	"dwcnn":    {"train.epochs": "12", "train.learning_rate": "0.002", "model.embed_dropout": "0.3", "model.layers": "3", "model.widths": "3"},
	"encoder": {"pretrain.learning_rate": "0.0001", "train.epochs": "3", "train.batch_size": "16", "train.learning_rate": "0.00005", "train.warmup": "0.1", "train.group_by_length": "true", "train.precision": "auto",
		"model.dropout": "0.1", "model.pooling": "auto", "model.crf": "false", "model.max_tokens": "256"},
	"transformer": {"train.epochs": "12", "train.learning_rate": "0.0007", "train.warmup": "0.1", "model.embed_dropout": "0.2", "model.layers": "2", "model.activation": "gelu", "model.pooling": "mean"},
	"static":      {"train.epochs": "20", "train.learning_rate": "0.003", "model.embed_dropout": "0.3", "model.dropout": "0"},
	"fasttext":    {"train.epochs": "15", "train.learning_rate": "0.005", "model.embed_dim": "64", "model.embed_dropout": "0.3", "model.dropout": "0", "model.ngram.chars_max": "0"},
	"decoder": {"pretrain.objective": "causal", "pretrain.epochs": "1", "pretrain.schedule": "cosine", "pretrain.dropout": "0", "tokenizer.kind": "bpe", "tokenizer.vocab_size": "8000",
		"tokenizer.lowercase": "false", "tokenizer.nfkc": "false", "model.max_tokens": "256", "model.hidden": "256", "model.layers": "6", "model.heads": "8", "model.key_heads": "4"},
	"ngram": {"train.optimizer": "dual", "train.epochs": "8", "train.refit": "true",
		"tokenizer.min_frequency": "1", "tokenizer.vocab_size": "200000", "model.max_tokens": "2000", "model.dropout": "0"},
}

// Preset returns the configuration that a family starts from.
func Preset(family string) (*Config, error) {
	c := &Config{}
	conf.Defaults(c)
	values, ok := presets[family]
	if !ok {
		return nil, hint.Errorf(hint.OneOf(family, append(model.Families(), model.EncoderFamily)), "unknown model family %q", family)
	}
	c.Model.Family = family
	for key, value := range values {
		if err := conf.Set(c, key, value); err != nil {
			return nil, err
		}
	}
	c.chosen = nil
	return c, nil
}

// LoadConfig reads a xiaoyu.yaml. Keys that it lacks have the values of its family's preset.
func LoadConfig(path string) (*Config, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, hint.Wrap(err, "start a project with `xiaoyu new NAME`, or pass --config FILE", "reading the configuration")
	}
	return ParseConfig(content, path)
}

// ParseConfig reads the content of a xiaoyu.yaml; file is named in errors.
func ParseConfig(content []byte, file string) (*Config, error) {
	first := &Config{}
	conf.Defaults(first)
	if err := conf.Decode(content, file, first); err != nil {
		return nil, err
	}
	family := first.Model.Family
	if family == autoFamily {
		var err error
		if family, err = first.SuitableFamily(context.Background()); err != nil {
			family = usualFamily // whoever reads the data will say what is wrong
		}
	}
	c, err := Preset(family)
	if err != nil {
		return nil, err
	}
	err = conf.Decode(content, file, c)
	c.Model.Family = family
	return c, err
}

// pretrainedDir is where the model goes that has learnt from texts alone.
func (c *Config) pretrainedDir() string {
	if c.Pretrain.Out != "" {
		return c.Pretrain.Out
	}
	return filepath.Join("models", c.Name+"-pretrained")
}

// packageDir is where the model goes.
func (c *Config) packageDir() string {
	if c.Out != "" {
		return c.Out
	}
	return "models/" + c.Name
}
