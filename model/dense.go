package model

import (
	"bytes"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// Dense is a fully connected layer over what is pooled, the module Dense of sentence-transformers.
type Dense struct {
	In         int    `json:"in"`
	Out        int    `json:"out"`
	Bias       bool   `json:"bias,omitempty"`
	Activation string `json:"activation"` // as PyTorch calls it, with the place of its code

	path string // of the module in the folder that it is read from
}

const denseModule = "Dense"

// denseKeys is the config.json of the module.
type denseKeys struct {
	In         int    `json:"in_features"`
	Out        int    `json:"out_features"`
	Bias       bool   `json:"bias"`
	Activation string `json:"activation_function"`
}

// denseActivations are the names of activations, by the last part of PyTorch's.
var denseActivations = map[string]nn.Activation{"Identity": nn.Identity, "Tanh": nn.Tanh, "ReLU": nn.ReLU, "GELU": nn.GELU, "SiLU": nn.SiLU, "Sigmoid": nn.Sigmoid}

func (d *Dense) activation() (nn.Activation, bool) {
	a, ok := denseActivations[d.Activation[strings.LastIndex(d.Activation, ".")+1:]]
	return a, ok
}

// readDense reads the module in a folder.
func (s *Sentence) readDense(dir, at string) error {
	if !filepath.IsLocal(at) {
		return fmt.Errorf("%s names the path %q, which is outside the folder", modulesFile, at)
	}
	keys := denseKeys{Bias: true, Activation: "torch.nn.modules.activation.Tanh"}
	file := path.Join(filepath.ToSlash(at), ConfigFile)
	found, err := readJSON(dir, file, &keys)
	if err == nil && !found {
		err = fmt.Errorf("%s is missing", file)
	}
	if err != nil {
		return err
	}
	d := Dense{In: keys.In, Out: keys.Out, Bias: keys.Bias, Activation: keys.Activation, path: at}
	if _, ok := d.activation(); !ok {
		return hint.Errorf("take a model with one of Identity, Tanh, ReLU, GELU, SiLU, Sigmoid", "%s: the activation %q is not supported", file, keys.Activation)
	}
	if !inRange(d.In, 1, 1<<16) || !inRange(d.Out, 1, 1<<16) {
		return fmt.Errorf("%s: a layer from %d to %d numbers", file, d.In, d.Out)
	}
	s.Dense = append(s.Dense, d)
	return nil
}

// dense is such a layer in a network.
type dense struct {
	w, b       *nn.Param // [out, in], [out] or nil
	activation nn.Activation
}

// declareDense adds the layers over rows of a width, and returns the width of the last one's.
func declareDense(ps *nn.Params, list []Dense, width int) ([]dense, int) {
	layer := ps.Layers() // they learn and freeze with the highest one
	var out []dense
	for i := range list {
		d := &list[i]
		a, _ := d.activation()
		l := dense{w: ps.Add(fmt.Sprintf("sentence.dense.%d.weight", i), nn.Xavier, d.Out, width), activation: a}
		l.w.Layer = layer
		if d.Bias {
			l.b = ps.Add(fmt.Sprintf("sentence.dense.%d.bias", i), nn.Zeros, d.Out)
			l.b.Layer = layer
		}
		out, width = append(out, l), d.Out
	}
	return out, width
}

func (d *dense) params() []*nn.Param {
	if d.b == nil {
		return []*nn.Param{d.w}
	}
	return []*nn.Param{d.w, d.b}
}

// set gives a parameter the numbers of a tensor.
func (d *dense) set(p *nn.Param, from encoder.Weights, name string) error {
	const way = "take the files of one model"
	shape, ok := from.Shape(name)
	if !ok {
		return hint.Errorf(way, "the tensor %q is missing", name)
	}
	if !slices.Equal(shape, p.Shape) {
		return hint.Errorf(way, "the tensor %q is %v, %v is needed", name, shape, p.Shape)
	}
	data, err := from.Float32(name)
	if err != nil {
		return err
	}
	for i, v := range data {
		if v-v != 0 {
			return hint.Errorf(way, "the tensor %q: number %d is %v", name, i, v)
		}
	}
	p.Data = slices.Clone(data)
	return nil
}

// inModule is the name of a parameter's tensor in the files of a module.
func inModule(p *nn.Param) string { return "linear" + p.Name[strings.LastIndex(p.Name, "."):] }

// loadDense reads the weights of the layers from their modules.
func (e *pretrained) loadDense(dir string) error {
	for i := range e.dense {
		at := e.config.Sentence.Dense[i].path
		if err := e.dense[i].read(filepath.Join(dir, at)); err != nil {
			return hint.Wrap(err, hint.Way(err), "the module %s", at)
		}
	}
	return nil
}

func (d *dense) read(dir string) error {
	set, err := checkpoint.Open(dir)
	if err != nil {
		return err
	}
	defer set.Close()
	for _, p := range d.params() {
		if err := d.set(p, set, inModule(p)); err != nil {
			return err
		}
	}
	if n := len(set.Names()); n != len(d.params()) {
		return hint.Errorf("take the files of one model", "%d tensors, its config.json asks for %d", n, len(d.params()))
	}
	return nil
}

// denseFiles adds the files of the layers as sentence-transformers has them.
func (m *Model) denseFiles(files map[string][]byte) error {
	e, ok := m.Network.(*pretrained)
	if !ok {
		return nil
	}
	for i, d := range e.dense {
		c := m.Config.Sentence.Dense[i]
		at := fmt.Sprintf("%d_%s/", i+2, denseModule)
		config, err := jsonFiles(map[string]any{at + ConfigFile: denseKeys{c.In, c.Out, c.Bias, c.Activation}})
		if err != nil {
			return err
		}
		var tensors []safetensors.Tensor
		for _, p := range d.params() {
			tensors = append(tensors, safetensors.FromFloat32(inModule(p), p.Shape, p.Data))
		}
		var b bytes.Buffer
		if err := safetensors.Write(&b, tensors, map[string]string{"format": "pt"}); err != nil {
			return err
		}
		files[at+ConfigFile], files[at+WeightsFile] = config[at+ConfigFile], b.Bytes()
	}
	return nil
}
