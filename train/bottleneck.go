package train

import (
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Bottleneck says how a network learns by small networks between the parts of its layers (Houlsby et al. 2019): the part
// `train.bottleneck`.
type Bottleneck struct {
	Size      int  `yaml:"size" json:"size,omitempty" doc:"train small networks of this width, such as 64, behind the feed-forward part of each layer, which stays as it is; they are kept apart beside the package and are never merged; a pretrained encoder then learns at 0.0005 where train.learning_rate is not set; 0 for none (encoder, transformer)" default:"0" min:"0" max:"16384"`
	Attention bool `yaml:"attention" json:"attention,omitempty" doc:"behind attention too" default:"false"`
}

// Shape is what a model's configuration says of them.
func (c *Bottleneck) Shape() model.Bottleneck {
	return model.Bottleneck{Size: c.Size, Attention: c.Attention && c.Size > 0}
}

// freezeBeside leaves the bottlenecks, and what lies above the layers, to learn.
func freezeBeside(m *model.Model, c *Config) error {
	if c.Bottleneck.Size == 0 {
		return nil
	}
	switch {
	case c.LoRA.Rank > 0:
		return hint.Errorf("set one of them to 0", "training: train.lora.rank and train.bottleneck.size are two ways to learn beside what stays")
	case c.Reinit > 0:
		return hint.Errorf("set one of them to 0", "training: train.reinit draws layers anew that train.bottleneck.size does not train")
	case m.Config.Bottleneck != c.Bottleneck.Shape():
		return hint.Errorf("choose another family, or a base without other bottlenecks", "training: train.bottleneck: the model has bottlenecks of width %d", m.Config.Bottleneck.Size)
	}
	for _, p := range m.Params.All() {
		p.Frozen = p.Frozen || p.Layer > 0 && !strings.HasPrefix(p.Name, encoder.BottleneckPrefix)
	}
	return nil
}

// PEFTTask is PEFT's name of what a head does.
func PEFTTask(head string) string { return peftTasks[head] }
