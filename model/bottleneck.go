package model

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/adapter"
	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Bottleneck says which small networks stand between the parts of a network's layers (encoder.Layers.AddBottlenecks).
type Bottleneck struct {
	Size      int  `json:"size,omitempty"`      // their width; 0 for none
	Attention bool `json:"attention,omitempty"` // behind attention too
}

// maxBottleneck bounds Bottleneck.Size.
const maxBottleneck = 1 << 14

// layersOf returns the network's transformer layers, nil for families without such.
func (m *Model) layersOf() *encoder.Layers {
	switch n := m.Network.(type) {
	case *pretrained:
		return n.network.Layers
	case *transformer:
		return n.layers
	}
	return nil
}

// BottleneckConfig is adapter_config.json of bottlenecks. PEFT has no layout for them: what it names is named as it does,
// and the rest is ours.
type BottleneckConfig struct {
	Type   string `json:"peft_type"`
	Task   string `json:"task_type,omitempty"`
	Base   string `json:"base_model_name_or_path"`
	Xiaoyu struct {
		Model  Config           `json:"model"`
		Clean  text.CleanConfig `json:"clean"`
		Labels []string         `json:"labels"`
	} `json:"xiaoyu"`
}

// BottleneckType is BottleneckConfig.Type.
const BottleneckType = "BOTTLENECK"

// BottleneckFiles returns the files, by name, that keep apart from the base what a training with bottlenecks has learnt:
// these and all else that was not frozen, under our names. task is the name of the task as PEFT has it.
func (m *Model) BottleneckFiles(task string) (map[string][]byte, error) {
	c := BottleneckConfig{Type: BottleneckType, Task: task, Base: m.Config.Base}
	c.Xiaoyu.Model, c.Xiaoyu.Labels = m.Config, m.Labels
	c.Xiaoyu.Clean, _ = m.Clean.Packed()
	config, err := json.MarshalIndent(&c, "", "  ")
	if err != nil {
		return nil, err
	}
	var tensors []safetensors.Tensor
	for _, p := range m.Params.All() {
		if !p.Frozen {
			tensors = append(tensors, safetensors.FromFloat32(p.Name, p.Shape, p.Data))
		}
	}
	var weights bytes.Buffer
	if err := safetensors.Write(&weights, tensors, map[string]string{"format": "pt"}); err != nil {
		return nil, err
	}
	return map[string][]byte{adapter.ConfigFile: append(config, '\n'), adapter.WeightsFile: weights.Bytes()}, nil
}

// IsBottleneck tells whether a folder holds bottlenecks, and the name of their base.
func IsBottleneck(dir string) (base string, ok bool) {
	var c BottleneckConfig
	data, err := readSmall(os.DirFS(dir), adapter.ConfigFile)
	if err != nil || json.Unmarshal(data, &c) != nil {
		return "", false
	}
	return c.Base, c.Type == BottleneckType
}

// OpenBottleneck opens the model in the folder base with the bottlenecks in dir, and what was learnt beside them. They are
// parts of the network: there are no matrices that they could be merged into.
func OpenBottleneck(base, dir string) (*Model, error) {
	m, err := openBottleneck(base, dir)
	if err != nil {
		return nil, fmt.Errorf("opening the model %s with the bottlenecks %s: %w", base, dir, err)
	}
	return m, nil
}

func openBottleneck(base, dir string) (*Model, error) {
	data, err := readSmall(os.DirFS(dir), adapter.ConfigFile)
	if err != nil {
		return nil, err
	}
	var c BottleneckConfig
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, hint.Wrap(err, "take the folder again from where it came", "reading %s", adapter.ConfigFile)
	}
	file, err := safetensors.Open(filepath.Join(dir, adapter.WeightsFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	from, err := Open(base)
	if err != nil {
		return nil, err
	}
	m, err := Adapt(from, c.Xiaoyu.Model, c.Xiaoyu.Clean, c.Xiaoyu.Labels, 1, nil)
	if err == nil {
		err = m.fill(file)
	}
	if err != nil {
		from.Package.Close()
		return nil, err
	}
	m.Config.Temperature, m.Config.Thresholds = c.Xiaoyu.Model.Temperature, c.Xiaoyu.Model.Thresholds
	m.Package = from.Package
	m.Params.Freeze(nn.F32)
	return m, nil
}

// fill gives the network the tensors of a file, which must have those of all bottlenecks, and none that has no place.
func (m *Model) fill(file *safetensors.File) error {
	way := "take the base that " + adapter.ConfigFile + " names"
	for _, name := range file.Names() {
		t, _ := file.Tensor(name)
		p := m.Params.Get(name)
		if p == nil || !slices.Equal(p.Shape, t.Shape) {
			return hint.Errorf(way, "tensor %q, %v, has no place in the network", name, t.Shape)
		}
		data, err := t.Float32()
		if err != nil {
			return err
		}
		copy(p.Data, data)
	}
	for _, p := range m.Params.All() {
		if _, ok := file.Tensor(p.Name); !ok && (strings.HasPrefix(p.Name, encoder.BottleneckPrefix) || ofHead(p.Name)) {
			return hint.Errorf("take the folder again from where it came", "the tensor %q is missing", p.Name)
		}
	}
	return nil
}
