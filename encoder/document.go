package encoder

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// document is a config.json. Values are asked for by name; the first thing that is wrong is kept in err. A key that is
// null counts as absent.
type document struct {
	values map[string]json.RawMessage
	err    error
}

func parseDocument(data []byte) (*document, error) {
	d := &document{}
	if err := json.Unmarshal(data, &d.values); err != nil {
		return nil, fmt.Errorf("it is not a JSON object: %w", err)
	}
	maps.DeleteFunc(d.values, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
	return d, nil
}

func (d *document) fail(err error) {
	if d.err == nil && err != nil {
		d.err = err
	}
}

func (d *document) has(key string) bool { return d.values[key] != nil }

// read decodes a key, and tells whether it is there.
func (d *document) read(key string, into any) bool {
	raw, ok := d.values[key]
	if !ok {
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		d.fail(fmt.Errorf("%s: %s is not what stands there in such files", key, raw))
		return false
	}
	return true
}

// size reads a whole number in [1, most] that has to be there.
func (d *document) size(key string, most int) int {
	if !d.has(key) {
		d.fail(hint.Errorf("take the config.json that came with the weights", "the key %s is missing", key))
		return 1
	}
	return d.count(key, 1, 1, most)
}

// count reads a whole number in [least, most].
func (d *document) count(key string, otherwise, least, most int) int {
	n := otherwise
	if d.read(key, &n) && (n < least || n > most) {
		d.fail(fmt.Errorf("%s: %d is not between %d and %d", key, n, least, most))
		return max(least, 1)
	}
	return n
}

func (d *document) number(key string, otherwise float64) float64 {
	x := otherwise
	d.read(key, &x)
	return x
}

// share reads a number in [0, 1).
func (d *document) share(key string, otherwise float64) float32 {
	x := d.number(key, otherwise)
	if !(x >= 0 && x < 1) {
		d.fail(fmt.Errorf("%s: %v is not between 0 and 1", key, x))
	}
	return float32(x)
}

func (d *document) flag(key string, otherwise bool) bool {
	b := otherwise
	d.read(key, &b)
	return b
}

func (d *document) word(key, otherwise string) string {
	s := otherwise
	d.read(key, &s)
	return s
}

// needs says that only these values of a key are supported, as JSON; an absent key is.
func (d *document) needs(key string, values ...string) {
	raw, ok := d.values[key]
	if ok && !slices.Contains(values, string(raw)) {
		d.fail(unsupported(key, string(raw), strings.Join(values, " or ")))
	}
}

// unsupported is an error about a value, which says what would do.
func unsupported(key string, value any, supported string) error {
	return hint.Errorf("supported: "+supported, "%s: %v is not supported", key, value)
}

// words reads a list of words, or one string of them with separators.
func (d *document) words(key, separator string) []string {
	var list []string
	if raw := d.values[key]; len(raw) > 0 && raw[0] == '"' {
		return strings.Split(d.word(key, ""), separator)
	}
	d.read(key, &list)
	return list
}

// activations are the names that config.json has for them.
var activations = map[string]nn.Activation{
	"gelu": nn.GELU, "gelu_python": nn.GELU, "gelu_new": nn.GELUTanh, "gelu_fast": nn.GELUTanh, "gelu_pytorch_tanh": nn.GELUTanh,
	"relu": nn.ReLU, "silu": nn.SiLU, "swish": nn.SiLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid, "linear": nn.Identity,
}

func (d *document) activation(key, otherwise string) nn.Activation {
	name := d.word(key, otherwise)
	a, ok := activations[name]
	if !ok {
		d.fail(unsupported(key, name, strings.Join(slices.Sorted(maps.Keys(activations)), ", ")))
	}
	return a
}

// labels reads id2label: the names of the classes in the order of their numbers.
func (d *document) labels() []string {
	var byID map[string]string
	if !d.read("id2label", &byID) {
		names := make([]string, d.count("num_labels", 2, 1, maxLabels))
		for i := range names {
			names[i] = fmt.Sprint("LABEL_", i)
		}
		return names
	}
	names := make([]string, len(byID))
	for i := range names {
		name, ok := byID[fmt.Sprint(i)]
		if !ok {
			d.fail(fmt.Errorf("id2label: %d labels, and none of number %d", len(byID), i))
		}
		names[i] = name
	}
	return names
}
