package train

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/adapter"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// LoRA says how a network learns by low-rank changes of its matrices (Hu et al. 2021): the part `train.lora`.
type LoRA struct {
	Rank           int      `yaml:"rank" json:"rank,omitempty" doc:"train low-rank changes of this rank beside matrices that stay as they are, which takes a fraction of the memory; a pretrained encoder then learns at 0.0005 where train.learning_rate is not set; 0 to train the matrices themselves (encoder, transformer)" default:"0" min:"0" max:"1024"`
	Alpha          float64  `yaml:"alpha" json:"alpha,omitempty" doc:"weight of the changes: they count alpha/rank times" default:"16" min:"0.001" max:"100000"`
	Dropout        float64  `yaml:"dropout" json:"dropout,omitempty" doc:"probability with which an input of a change is dropped" default:"0" min:"0" max:"0.9"`
	Targets        []string `yaml:"targets" json:"targets,omitempty" doc:"which layers change: ends of their names in the checkpoint, such as query,value, or all-linear" default:"all-linear"`
	RankStabilized bool     `yaml:"rank_stabilized" json:"rank_stabilized,omitempty" doc:"changes count alpha/√rank times instead, which suits high ranks" default:"false"`
}

// config is the adapter that c describes.
func (c *LoRA) config(m *model.Model) adapter.Config {
	a := adapter.Config{
		Rank: c.Rank, Alpha: c.Alpha, Dropout: c.Dropout, RankStabilized: c.RankStabilized,
		Base: m.Config.Base, Task: peftTasks[m.Config.Head], Targets: adapter.Targets{Ends: c.Targets},
	}
	if len(c.Targets) == 1 && c.Targets[0] == adapter.AllLinear {
		a.Targets = adapter.Targets{Expression: adapter.AllLinear}
	}
	return a
}

// peftTasks are PEFT's names of what a head does.
var peftTasks = map[string]string{
	model.ClassHead: "SEQ_CLS", model.MultiLabelHead: "SEQ_CLS", model.RegressionHead: "SEQ_CLS",
	model.TokensHead: "TOKEN_CLS", model.AnswerHead: "QUESTION_ANS", model.EmbeddingHead: "FEATURE_EXTRACTION",
}

// newLoRA adds the changes to the model; nil where none are wanted.
func newLoRA(m *model.Model, c *Config) (*adapter.LoRA, error) {
	if c.LoRA.Rank == 0 {
		return nil, nil
	}
	if c.Reinit > 0 {
		return nil, hint.Errorf("set one of them to 0", "training: train.reinit draws layers anew that train.lora.rank does not train")
	}
	modules := m.Modules()
	if len(modules) == 0 {
		return nil, hint.Errorf("leave out train.lora", "training: train.lora: the family %s has no layers with low-rank changes", m.Config.Family)
	}
	l, err := adapter.New(c.LoRA.config(m), modules, m.Params, c.Seed)
	if err != nil {
		return nil, fmt.Errorf("training: train.lora: %w", err)
	}
	return l, nil
}

// Adapter returns the low-rank changes of a finished training, which are in the model's matrices then as well; nil if
// it had none.
func (tr *Trainer) Adapter() *adapter.Adapter { return tr.adapter }
