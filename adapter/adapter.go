// Package adapter changes pretrained networks by a few weights that are kept beside them: low-rank changes of matrices
// (LoRA), in the files of the PEFT library (https://huggingface.co/docs/peft/developer_guides/checkpoint), so that
// adapters go both ways.
//
// To train one, give a network's matrices changes and train as always; its layers are frozen then:
//
//	lora, err := adapter.New(config, network.Modules(), params, seed)
//	… training …
//	err = lora.Adapter(nil).Write(dir)
//	lora.Merge() // the network is one of plain matrices again
//
// To use one, lay it over the weights that it was trained on:
//
//	a, err := adapter.Open(dir)
//	weights, err := a.Over(base) // the base's tensors, changed
package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// The files of an adapter.
const (
	ConfigFile  = "adapter_config.json"
	WeightsFile = "adapter_model.safetensors"
	oldWeights  = "adapter_model.bin"
)

// prefix stands before the names of the network's modules.
const prefix = "base_model.model."

// maxConfig bounds the size of adapter_config.json in bytes.
const maxConfig = 10 << 20

// Config is what adapter_config.json says, under the keys of PEFT's LoraConfig.
type Config struct {
	Type           string             `json:"peft_type"`
	Task           string             `json:"task_type,omitempty"` // SEQ_CLS, TOKEN_CLS, FEATURE_EXTRACTION, CAUSAL_LM …
	Base           string             `json:"base_model_name_or_path"`
	Rank           int                `json:"r"`
	Alpha          float64            `json:"lora_alpha"`
	Dropout        float64            `json:"lora_dropout"` // of the input, while training
	Targets        Targets            `json:"target_modules"`
	Saved          []string           `json:"modules_to_save"` // modules that are kept as a whole
	RankStabilized bool               `json:"use_rslora"`      // divide by √rank instead of rank (Kalajdzievski 2023)
	Transposed     bool               `json:"fan_in_fan_out"`  // matrices are [in, out], as GPT-2's Conv1D
	RankPattern    map[string]int     `json:"rank_pattern"`
	AlphaPattern   map[string]float64 `json:"alpha_pattern"`
	Bias           string             `json:"bias"`
	Inference      bool               `json:"inference_mode"`

	// What is refused unless it is off.
	DoRA     bool            `json:"use_dora"`
	WithBias bool            `json:"lora_bias"`
	Init     json.RawMessage `json:"init_lora_weights,omitempty"`
	Megatron json.RawMessage `json:"megatron_config,omitempty"`
}

// Targets are the modules that change: ends of their names, or one expression for whole names, which is "all-linear"
// for all linear layers but the head.
type Targets struct {
	Ends       []string
	Expression string
}

// UnmarshalJSON reads a list of names or one text.
func (t *Targets) UnmarshalJSON(data []byte) error {
	*t = Targets{}
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &t.Expression)
	}
	return json.Unmarshal(data, &t.Ends)
}

// MarshalJSON writes them as UnmarshalJSON reads them.
func (t Targets) MarshalJSON() ([]byte, error) {
	if t.Expression != "" {
		return json.Marshal(t.Expression)
	}
	return json.Marshal(append([]string{}, t.Ends...))
}

// AllLinear are all linear layers of the network's body.
const AllLinear = "all-linear"

// matches tells which modules change.
func (t Targets) matches() (func(module string) bool, error) {
	if t.Expression == AllLinear {
		return func(string) bool { return true }, nil
	}
	if t.Expression != "" {
		return compile("^(?:" + t.Expression + ")$")
	}
	return func(module string) bool {
		return slices.ContainsFunc(t.Ends, func(end string) bool { return module == end || strings.HasSuffix(module, "."+end) })
	}, nil
}

func compile(expression string) (func(string) bool, error) {
	e, err := regexp.Compile(expression)
	if err != nil {
		return nil, hint.Wrap(err, "write the ends of modules' names as a list instead", "%s: an expression", ConfigFile)
	}
	return e.MatchString, nil
}

// scale returns what the product of a module's two matrices is multiplied by.
func (c *Config) scale(module string, rank int) (float32, error) {
	alpha := c.Alpha
	for pattern, own := range c.AlphaPattern {
		matches, err := compile(`^(?:.*\.)?(?:` + pattern + `)$`)
		if err != nil {
			return 0, err
		}
		if matches(module) {
			alpha = own
		}
	}
	if c.RankStabilized {
		return float32(alpha / math.Sqrt(float64(rank))), nil
	}
	return float32(alpha / float64(rank)), nil
}

// check reports what an adapter asks for and this package cannot do.
func (c *Config) check() error {
	unsupported := func(what string) error {
		return hint.Errorf("merge the adapter with the program that made it, and take the merged model", "%s: %s is not supported", ConfigFile, what)
	}
	var init string
	_ = json.Unmarshal(c.Init, &init) // a flag where it is no text
	switch {
	case c.Type != "LORA":
		return unsupported(fmt.Sprintf("peft_type %q", c.Type))
	case c.DoRA:
		return unsupported("use_dora")
	case c.WithBias:
		return unsupported("lora_bias")
	case init != "" && init != "gaussian" && init != "eva" && init != "orthogonal": // these leave the base as it is
		return unsupported(fmt.Sprintf("init_lora_weights %q, which changes the base as well", init))
	case len(c.Megatron) > 0 && string(c.Megatron) != "null":
		return unsupported("megatron_config")
	case math.IsNaN(c.Alpha) || math.IsInf(c.Alpha, 0):
		return hint.Errorf("write a number", "%s: lora_alpha is %v", ConfigFile, c.Alpha)
	}
	return nil
}

// ReadConfig reads the adapter_config.json of a folder.
func ReadConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, ConfigFile)
	info, err := os.Stat(path)
	if err == nil && info.Size() > maxConfig {
		err = errors.New("it is too large")
	}
	var data []byte
	if err == nil {
		data, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, hint.Wrap(err, "an adapter is a folder with "+ConfigFile+" and "+WeightsFile, "reading the adapter %s", dir)
	}
	c, err := parseConfig(data)
	if err != nil {
		return nil, fmt.Errorf("reading the adapter %s: %w", dir, err)
	}
	return c, nil
}

func parseConfig(data []byte) (*Config, error) {
	c := &Config{}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, hint.Wrap(err, "take the file as PEFT wrote it", "%s", ConfigFile)
	}
	return c, c.check()
}

// Adapter is the changes of a network's weights, apart from the network.
type Adapter struct {
	Config  Config
	Tensors []safetensors.Tensor // under PEFT's names
}

// Open reads an adapter from a folder in PEFT's layout.
func Open(dir string) (*Adapter, error) {
	c, err := ReadConfig(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, WeightsFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(dir, oldWeights)
	}
	weights, err := checkpoint.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the adapter %s: %w", dir, err)
	}
	defer weights.Close()
	a := &Adapter{Config: *c}
	for _, name := range weights.Names() {
		t, err := weights.Tensor(name)
		if err != nil {
			return nil, fmt.Errorf("reading the adapter %s: %w", dir, err)
		}
		t.Data = slices.Clone(t.Data)
		a.Tensors = append(a.Tensors, t)
	}
	return a, nil
}

// Files returns the files of the adapter's folder by name.
func (a *Adapter) Files() (map[string][]byte, error) {
	c := a.Config
	c.Inference = true
	if c.RankPattern == nil { // PEFT takes an object, and no null
		c.RankPattern = map[string]int{}
	}
	if c.AlphaPattern == nil {
		c.AlphaPattern = map[string]float64{}
	}
	config, err := json.MarshalIndent(c, "", "  ")
	if err != nil {
		return nil, err
	}
	var weights bytes.Buffer
	if err := safetensors.Write(&weights, a.Tensors, map[string]string{"format": "pt"}); err != nil {
		return nil, err
	}
	return map[string][]byte{ConfigFile: append(config, '\n'), WeightsFile: weights.Bytes()}, nil
}

// Write writes the adapter into a folder, which is made if need be: the configuration last, so that a folder that has
// one is whole.
func (a *Adapter) Write(dir string) error {
	files, err := a.Files()
	if err == nil {
		err = os.MkdirAll(dir, 0o755)
	}
	for _, name := range []string{WeightsFile, ConfigFile} {
		if err == nil {
			err = atomicfile.WriteFile(filepath.Join(dir, name), files[name], 0o644)
		}
	}
	if err != nil {
		return hint.Wrap(err, "check the folder and its free space", "saving the adapter %s", dir)
	}
	return nil
}

// cutLast splits a name at its last dot.
func cutLast(name string) (module, end string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", name, false
	}
	return name[:i], name[i+1:], true
}
