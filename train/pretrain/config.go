package pretrain

import (
	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// Config says how a network is trained on texts without labels: the `pretrain` section of xiaoyu.yaml.
type Config struct {
	corpus.Config `yaml:",inline"`
	Out           string  `yaml:"out" json:"out,omitempty" doc:"folder of the pretrained model's package; models/NAME-pretrained if empty" default:""`
	Objective     string  `yaml:"objective" json:"objective" doc:"what is learnt: masked (tokens that are hidden, as BERT does), replaced (which tokens a small network has put there, as ELECTRA does) or causal (the token that follows, as GPT does: family decoder)" default:"masked" enum:"masked|replaced|causal"`
	Mask          float64 `yaml:"mask" json:"mask" doc:"share of the tokens that have to be guessed" default:"0.15" min:"0.01" max:"0.9"`
	WholeWords    bool    `yaml:"whole_words" json:"whole_words" doc:"tokens of one word are hidden together; Chinese words are those of the segmenter" default:"true"`
	Generator     float64 `yaml:"generator" json:"generator,omitempty" doc:"width of the network that replaces tokens, as a share of the model's (objective replaced)" default:"0.33" min:"0.01" max:"1"`
	MaxTokens     int     `yaml:"max_tokens" json:"max_tokens,omitempty" doc:"tokens of a sequence; longer texts are cut into several; 0 for model.max_tokens" default:"0" min:"0" max:"100000"`
	BatchTokens   int     `yaml:"batch_tokens" json:"batch_tokens" doc:"tokens of one step" default:"4096" min:"16" max:"10000000"`
	Epochs        float64 `yaml:"epochs" json:"epochs" doc:"times that the corpus is read" default:"4" min:"0.000001" max:"100000"`
	Steps         int     `yaml:"steps" json:"steps,omitempty" doc:"number of steps, instead of epochs; 0 for epochs" default:"0" min:"0" max:"1000000000"`
	LearningRate  float64 `yaml:"learning_rate" json:"learning_rate" doc:"highest learning rate of the schedule" default:"0.001" min:"0" max:"1000"`
	Schedule      string  `yaml:"schedule" json:"schedule" doc:"course of the learning rate, see train.schedule" default:"linear" enum:"constant|linear|cosine|inverse_sqrt|one_cycle"`
	Warmup        float64 `yaml:"warmup" json:"warmup" doc:"share of all steps in which the learning rate rises from 0" default:"0.06" min:"0" max:"1"`
	WeightDecay   float64 `yaml:"weight_decay" json:"weight_decay" doc:"weight decay of matrices" default:"0.01" min:"0" max:"10"`
	Clip          float64 `yaml:"clip" json:"clip" doc:"largest norm of the gradient; 0 for no limit" default:"1" min:"0" max:"1000000"`
	Dropout       float64 `yaml:"dropout" json:"dropout" doc:"share of hidden numbers dropped; that of the fine-tuning is model.dropout" default:"0.1" min:"0" max:"0.95"`
	HeldOutTokens int     `yaml:"held_out_tokens" json:"held_out_tokens" doc:"of the held-out texts, so many tokens are read for each measurement of the perplexity" default:"200000" min:"1" max:"1000000000"`
	Seed          uint64  `yaml:"seed" json:"seed" doc:"seed of fresh weights, order of texts, hidden tokens and dropout" default:"1"`
	Precision     string  `yaml:"precision" json:"precision,omitempty" doc:"of the factors of matrix products, see train.precision" default:"auto" enum:"auto|f32|bf16"`
	Threads       int     `yaml:"threads" json:"threads,omitempty" doc:"processors used; 0 for all" default:"0" min:"0" max:"1024"`
	Checkpoint    int     `yaml:"checkpoint" json:"checkpoint,omitempty" doc:"seconds between checkpoints" default:"60" min:"1" max:"86400"`
}

// training is what of it package train knows.
func (c *Config) training() train.Config {
	return train.Config{Optimizer: "adamw", LearningRate: c.LearningRate, Schedule: c.Schedule, Warmup: c.Warmup, WeightDecay: c.WeightDecay, Clip: c.Clip, Precision: c.Precision}
}
