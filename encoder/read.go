package encoder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Bounds of what a config.json may ask for.
const (
	maxWidth  = 1 << 16
	maxLayers = 1 << 10
	maxVocab  = 1 << 24
	maxTokens = 1 << 24
	maxLabels = 1 << 20
)

// ReadConfig reads a config.json in the Hugging Face layout (https://huggingface.co/docs/transformers/main_classes/configuration).
// What it asks for and this package cannot do is an error that names it and what comes closest; keys that decide
// nothing about the network are passed over.
func ReadConfig(configJSON []byte) (*Config, error) {
	d, err := parseDocument(configJSON)
	if err != nil {
		return nil, fmt.Errorf("reading config.json: %w", err)
	}
	c := &Config{source: d}
	if err := c.read(d); err != nil {
		return nil, hint.Wrap(err, hint.Way(err), "reading config.json")
	}
	return c, nil
}

func (c *Config) read(d *document) error {
	c.Architecture = d.word("model_type", "")
	a, ok := architectures[c.Architecture]
	if !ok {
		return unknownArchitecture(c.Architecture)
	}
	if d.has("quantization_config") {
		return hint.Errorf("take the checkpoint that it was made from", "quantization_config: weights that are quantised in this way are not supported")
	}
	head, err := headOf(d, a)
	if err != nil {
		return err
	}
	a.read(d, c)
	var r Reduction
	if d.read(reducedKey, &r) {
		d.fail(c.reduce(&r))
	}
	if d.err != nil {
		return d.err
	}
	if err := c.check(); err != nil {
		return err
	}
	var labels []string
	if head == Sequence || head == Tokens {
		labels = d.labels()
	}
	if d.err != nil {
		return d.err
	}
	return c.SetHead(head, labels)
}

// unknownArchitecture names the supported ones, and the one whose name is nearest.
func unknownArchitecture(name string) error {
	all := slices.Sorted(maps.Keys(architectures))
	if name == "" {
		return hint.Errorf("take the config.json that came with the weights", "the key model_type is missing")
	}
	way := "there are " + strings.Join(all, ", ")
	if near, ok := relatives[name]; ok {
		way = fmt.Sprintf("%s comes closest; %s", near, way)
	}
	return hint.Errorf(way, "model_type: the architecture %q is not supported", name)
}

// headOf reads the head from the name of the class that the checkpoint was saved from.
func headOf(d *document, a *architecture) (Head, error) {
	var classes []string
	d.read("architectures", &classes)
	if len(classes) == 0 {
		return Bare, d.err
	}
	task, known := strings.CutPrefix(classes[0], a.class)
	for h := range Head(len(headNames)) {
		if known && task == a.task(h) {
			return h, nil
		}
	}
	if task == "ForPreTraining" { // BERT's: the masked language model, and beside it whether two texts belong together
		return Masked, nil
	}
	return Bare, hint.Errorf(fmt.Sprintf("%s comes closest", a.class+a.task(Bare)), "architectures: %s is not supported", classes[0])
}

// tasks are the ends of the names of classes, by head.
var tasks = [...]string{"Model", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "ForMaskedLM", "ForCausalLM", "ForPreTraining"}

// task is what the name of the class with that head ends in; "" if there is none.
func (a *architecture) task(h Head) string {
	if name, ok := a.tasks[h]; ok {
		return name
	}
	if _, ok := a.heads[h]; ok || h == Bare {
		return tasks[h]
	}
	return ""
}

// JSON returns the config.json of the network as it is now: that which was read, with the head's keys renewed.
func (c *Config) JSON() ([]byte, error) {
	a := architectures[c.Architecture]
	values := maps.Clone(c.source.values)
	set := func(key string, value any) error {
		raw, err := json.Marshal(value)
		values[key] = raw
		return err
	}
	if err := set("architectures", []string{a.class + a.task(c.Head)}); err != nil {
		return nil, err
	}
	for _, key := range []string{"id2label", "label2id", "num_labels"} {
		delete(values, key)
	}
	if len(c.Labels) > 0 {
		names, numbers := map[string]string{}, map[string]int{}
		for i, l := range c.Labels {
			names[fmt.Sprint(i)], numbers[l] = l, i
		}
		if err := set("id2label", names); err != nil {
			return nil, err
		}
		if err := set("label2id", numbers); err != nil {
			return nil, err
		}
	}
	return json.MarshalIndent(values, "", "  ")
}
