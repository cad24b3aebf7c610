package model

import (
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Compression says how a package keeps its weights and how it multiplies: the key "compression" in our part of
// config.json. Weights that it does not name are float32.
type Compression struct {
	Precision string                `json:"precision,omitempty"` // in which it opens: bf16 or int8; f32 where nothing is said
	Packed    bool                  `json:"packed,omitempty"`    // tokenizer.json is kept as tokenizer.json.gz
	Weights   map[string]quant.Kind `json:"weights,omitempty"`   // by parameter
	Inputs    map[string]float32    `json:"inputs,omitempty"`    // of int8: magnitudes up to which what enters a linear layer is told apart, by its weight (nn.Param.Limit)
}

// compressedFormat is the version of packages since which weights may be kept in fewer bits.
const compressedFormat = 4

// Precision is that of predictions, unless SetPrecision says otherwise.
func (m *Model) Precision() nn.Precision {
	p, _ := nn.ParsePrecision(m.Compression.Precision)
	return p
}

// compression is what config.json says, nil for a package of which there is nothing to say.
func (m *Model) compression() *Compression {
	c := m.Compression
	c.Weights, c.Inputs = map[string]quant.Kind{}, nil
	for _, p := range m.Params.All() {
		if p.Limit > 0 {
			if c.Inputs == nil {
				c.Inputs = map[string]float32{}
			}
			c.Inputs[p.Name] = p.Limit
		}
		if p.Stored != nil {
			c.Weights[p.Name] = p.Stored.Kind()
		}
	}
	if len(c.Weights) == 0 && !c.Packed && m.Precision() == nn.F32 {
		return nil
	}
	return &c
}

// setCompression takes what config.json says.
func (m *Model) setCompression(c *Compression) error {
	if c == nil {
		return nil
	}
	if _, err := nn.ParsePrecision(c.Precision); err != nil && c.Precision != "" {
		return fmt.Errorf("%s: compression.precision: %w", ConfigFile, err)
	}
	m.Compression = *c
	return nil
}

// storedTensors are the weights of a model some of which are in fewer bits, under their own names.
func (m *Model) storedTensors() []safetensors.Tensor {
	var out []safetensors.Tensor
	for _, p := range m.Params.All() {
		if p.Stored != nil {
			out = append(out, p.Stored.Tensors(p.Name)...)
		} else {
			out = append(out, safetensors.FromFloat32(p.Name, p.Shape, p.Data))
		}
	}
	return out
}

// bindInputs uses the limits of config.json.
func (m *Model) bindInputs() error {
	for name, limit := range m.Compression.Inputs {
		p := m.Params.Get(name)
		if p == nil || !(limit > 0) || math.IsInf(float64(limit), 0) {
			return fmt.Errorf("%s: compression.inputs: %q of %v is no weight with a limit above 0", ConfigFile, name, limit)
		}
		p.Limit = limit
	}
	return nil
}

// bindStored uses the tensors of a file as weights, in fewer bits where config.json says so.
func (m *Model) bindStored(file *safetensors.File, used map[string]bool) error {
	get := func(name string) (safetensors.Tensor, bool) {
		used[name] = true
		return file.Tensor(name)
	}
	left := len(m.Compression.Weights)
	for _, p := range m.Params.All() {
		kind, stored := m.Compression.Weights[p.Name]
		if !stored {
			if err := m.bindFloats(file, p); err != nil {
				return err
			}
			used[p.Name] = true
			continue
		}
		left--
		rows, width := p.StoredShape()
		matrix, err := quant.Read(kind, p.Name, rows, width, get)
		if err != nil {
			return fmt.Errorf("%s: %w", WeightsFile, err)
		}
		p.Store(matrix)
	}
	if left > 0 {
		return fmt.Errorf("%s: compression.weights names %d weights that the network does not have", ConfigFile, left)
	}
	return nil
}

// bindFloats uses a tensor as a weight; it must be finite.
func (m *Model) bindFloats(file *safetensors.File, p *nn.Param) error {
	t, ok := file.Tensor(p.Name)
	if !ok {
		return fmt.Errorf("%s: weight %q is missing", WeightsFile, p.Name)
	}
	data, err := t.Float32()
	if err == nil {
		err = m.Params.Bind(p.Name, t.Shape, data)
	}
	if err == nil {
		err = t.CheckFinite()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", WeightsFile, err)
	}
	return nil
}

// Remake returns a model of another configuration or tokenizer, of the same family, cleaning and labels: what a network
// needs that has lost parts. weights gives each of its parameters its numbers; nil takes those of m under the same name.
// They may be views of m, which has to stay open.
func (m *Model) Remake(c Config, tok *text.Tokenizer, weights func(p *nn.Param) ([]float32, error)) (*Model, error) {
	return m.remake(c, tok, m.bufferNamed, weights)
}

func (m *Model) remake(c Config, tok *text.Tokenizer, buffers func(string) (safetensors.Tensor, bool), weights func(p *nn.Param) ([]float32, error)) (*Model, error) {
	if m.Ensemble != nil {
		return nil, hint.Errorf("compress its members, one by one, and join them again", "compressing an ensemble: it has no weights of its own")
	}
	g, err := assemble(c, m.Clean, tok, m.Labels)
	if err != nil {
		return nil, err
	}
	if b := g.buffered(); b != nil {
		if err := b.setBuffers(buffers); err != nil {
			return nil, err
		}
	}
	g.declare()
	if weights == nil {
		weights = m.Weights
	}
	for _, p := range g.Params.All() {
		data, err := weights(p)
		if err == nil {
			err = g.Params.Bind(p.Name, p.Shape, data)
		}
		if err != nil {
			return nil, err
		}
	}
	g.Compression = m.Compression
	g.Params.Freeze(g.Precision())
	return g, nil
}

// Weights returns the numbers of m's parameter of the same name as p.
func (m *Model) Weights(p *nn.Param) ([]float32, error) {
	q := m.Params.Get(p.Name)
	if q == nil {
		return nil, fmt.Errorf("the model has no weight %q", p.Name)
	}
	return q.Floats(), nil
}

// bufferNamed returns what the network keeps beside its weights, and the shape of those that tell its size.
func (m *Model) bufferNamed(name string) (safetensors.Tensor, bool) {
	if b := m.buffered(); b != nil {
		for _, t := range b.buffers() {
			if t.Name == name {
				return t, true
			}
		}
	}
	if p := m.Params.Get(name); p != nil {
		return safetensors.Tensor{Name: name, Shape: p.Shape}, true
	}
	return safetensors.Tensor{}, false
}

// Store keeps the weights that kind names in fewer bits, in place of what they were; "" leaves one as it is. Predictions
// multiply in precision from now on, also of the package that is saved.
func (m *Model) Store(precision nn.Precision, kind func(p *nn.Param) quant.Kind) error {
	for _, p := range m.Params.All() {
		k := kind(p)
		if k == "" {
			continue
		}
		rows, width := p.StoredShape()
		matrix, err := quant.Encode(k, rows, width, p.Floats())
		if err != nil {
			return fmt.Errorf("weight %q: %w", p.Name, err)
		}
		p.Store(matrix)
	}
	m.Compression.Precision = ""
	if precision != nn.F32 {
		m.Compression.Precision = precision.String()
	}
	m.Params.Freeze(precision)
	return nil
}

// grams returns the n-grams of a model, those of the network or those beside it, and the names of the weights that have a
// row a feature; nil where it has none.
func (m *Model) grams() (*ngram, []string) {
	if m.wide != nil {
		return &m.wide.ngram, []string{"ngram.idf", "wide.weight"}
	}
	if n, ok := m.Network.(*ngram); ok {
		return n, []string{"ngram.idf", "classifier.weight"}
	}
	return nil, nil
}

// GramNorms returns how much each n-gram feature counts: the norm of its row of weights times the value of a single
// occurrence; nil for a model without them.
func (m *Model) GramNorms() []float64 {
	n, names := m.grams()
	if n == nil {
		return nil
	}
	idf, w := m.Params.Get(names[0]).Floats(), m.Params.Get(names[1])
	weights, width := w.Floats(), w.Width()
	out := make([]float64, n.features)
	for i := range out {
		for _, v := range weights[i*width : (i+1)*width] {
			out[i] += float64(v) * float64(v)
		}
		if n.config.weighted() {
			out[i] *= float64(idf[i]) * float64(idf[i])
		}
	}
	return out
}

// KeepGrams returns a model with these n-gram features alone, the most important ones first, known by fingerprints of 8 or
// 16 bits: see fingerprints for what they mistake. Weights are as they were; they fit better when they are fitted again.
func (m *Model) KeepGrams(features []int32, bits int) (*Model, error) {
	n, names := m.grams()
	if n == nil {
		return nil, hint.Errorf("take a model of family ngram, or one with model.wide", "pruning n-grams: the family %s has none", m.Config.Family)
	}
	table, ok := n.table.(slots)
	if !ok {
		return nil, hint.Errorf("begin from the model that it was made of", "pruning n-grams: the model knows them by fingerprints already")
	}
	all := table.hashes(n.features)
	if bits != 8 && bits != 16 {
		return nil, fmt.Errorf("pruning n-grams: fingerprints of %d bits", bits)
	}
	hashes := make([]uint64, len(features))
	for i, f := range features {
		hashes[i] = all[f]
	}
	short, order, err := newFingerprints(hashes, bits)
	if err != nil {
		return nil, fmt.Errorf("pruning n-grams: %w", err)
	}
	buffers := func(name string) (safetensors.Tensor, bool) {
		if name == "ngram.idf" {
			return safetensors.Tensor{Name: name, Shape: []int{len(order)}}, true
		}
		for _, t := range short.tensors() {
			if t.Name == name {
				return t, true
			}
		}
		return safetensors.Tensor{}, false
	}
	return m.remake(m.Config, m.Tokenizer, buffers, func(p *nn.Param) ([]float32, error) {
		old, err := m.Weights(p)
		if err != nil || !slices.Contains(names, p.Name) {
			return old, err
		}
		out, width := make([]float32, 0, p.Size()), p.Width()
		for _, i := range order {
			out = append(out, old[int(features[i])*width:int(features[i]+1)*width]...)
		}
		return out, nil
	})
}

// Memory is about how many bytes predictions keep in memory for the weights and tables of a model, those of a mapped file
// included.
func (m *Model) Memory() int64 {
	n := int64(0)
	if m.Ensemble != nil {
		for _, member := range m.Ensemble.Members {
			n += member.Memory()
		}
		return n
	}
	if b := m.buffered(); b != nil {
		for _, t := range b.buffers() {
			n += int64(len(t.Data))
		}
	}
	for _, p := range m.Params.All() {
		n += p.Memory()
	}
	return n
}
