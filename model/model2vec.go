package model

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// Model2Vec is the Config.Layout of static embeddings that the library model2vec reads and writes
// (https://github.com/MinishLab/model2vec): a table of rows, of smaller numbers perhaps, weights of the tokens, and a
// mapping where several tokens share a row.
const Model2Vec = "model2vec"

// The tensors of that layout. sentence-transformers has another name for the first.
const (
	rowsTensor    = "embeddings" // [rows, dim]
	rowsTensorST  = "embedding.weight"
	weightsTensor = "weights" // [tokens]; 1 where there is none
	mappingTensor = "mapping" // [tokens] → row; token i has row i where there is none
)

// model2vec is a static network whose table stands in files so. In memory it is whole: a float32 row a token, weight
// included. Unknown tokens are passed over.
type model2vec struct {
	static
	stored []safetensors.Tensor // what the table was read from, or made to stand in files as
}

// known appends the ids that stand for something.
func (m *model2vec) known(dst, ids []int32) []int32 {
	for _, id := range ids {
		if id != m.unknown {
			dst = append(dst, id)
		}
	}
	return dst
}

// tensorSource gives tensors as they are stored.
type tensorSource interface {
	Tensor(name string) (safetensors.Tensor, error)
}

// load takes the table from w.
func (m *model2vec) load(w encoder.Weights) error {
	stored, err := staticTensors(w)
	if err != nil {
		return err
	}
	return m.set(stored)
}

// staticTensors returns the tensors of a table, and refuses others.
func staticTensors(w encoder.Weights) ([]safetensors.Tensor, error) {
	source, ok := w.(tensorSource)
	if !ok {
		return nil, errors.New("the weights cannot be read as they are stored")
	}
	var list []safetensors.Tensor
	for _, name := range w.Names() {
		if !slices.Contains([]string{rowsTensor, rowsTensorST, weightsTensor, mappingTensor}, name) {
			return nil, hint.Errorf("take static embeddings in the layout of model2vec", "tensor %q has no place in static embeddings", name)
		}
		t, err := source.Tensor(name)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// set makes the table from tensors.
func (m *model2vec) set(stored []safetensors.Tensor) error {
	table, dim, err := staticTable(stored)
	if err != nil {
		return err
	}
	if want := m.table.Shape; dim != want[1] || len(table) != want[0]*dim {
		return hint.Errorf("take the tokenizer and the weights of one model", "embeddings of %d tokens with %d numbers each: the tokenizer has %d tokens, %s says %d numbers",
			len(table)/max(dim, 1), dim, want[0], ConfigFile, want[1])
	}
	m.table.Data, m.stored = table, stored
	return nil
}

// staticTable makes a row a token from the tensors of a table.
func staticTable(stored []safetensors.Tensor) (table []float32, dim int, err error) {
	by := map[string]*safetensors.Tensor{}
	for i := range stored {
		name := stored[i].Name
		if name == rowsTensorST {
			name = rowsTensor
		}
		if by[name] != nil {
			return nil, 0, fmt.Errorf("the tensor %q stands twice", name)
		}
		by[name] = &stored[i]
	}
	rows := by[rowsTensor]
	if rows == nil {
		return nil, 0, hint.Errorf("take static embeddings in the layout of model2vec", "the tensor %q is missing", rowsTensor)
	}
	if len(rows.Shape) != 2 || rows.Shape[1] == 0 {
		return nil, 0, fmt.Errorf("the tensor %q is %v, not a table", rows.Name, rows.Shape)
	}
	dim = rows.Shape[1]
	if table, err = rows.Numbers(); err != nil {
		return nil, 0, err
	}
	if t := by[mappingTensor]; t != nil {
		if table, err = mapped(table, dim, t); err != nil {
			return nil, 0, err
		}
	}
	if t := by[weightsTensor]; t != nil {
		weights, err := t.Numbers()
		if err != nil {
			return nil, 0, err
		}
		if len(weights) != len(table)/dim {
			return nil, 0, fmt.Errorf("the tensor %q has %d numbers for %d tokens", t.Name, len(weights), len(table)/dim)
		}
		table = slices.Clone(table)
		for i, w := range weights {
			kernel.Scale(w, table[i*dim:(i+1)*dim])
		}
	}
	if kernel.HasNonFinite(table) {
		return nil, 0, fmt.Errorf("the tensor %q holds numbers that are infinite or not numbers", rows.Name)
	}
	return table, dim, nil
}

// mapped gives each token the row that it shares with others.
func mapped(rows []float32, dim int, t *safetensors.Tensor) ([]float32, error) {
	places, err := t.Integers()
	if err != nil {
		return nil, err
	}
	table := make([]float32, len(places)*dim)
	for i, p := range places {
		if p < 0 || p >= int64(len(rows)/dim) {
			return nil, fmt.Errorf("the tensor %q gives token %d the row %d, of %d", t.Name, i, p, len(rows)/dim)
		}
		copy(table[i*dim:(i+1)*dim], rows[int(p)*dim:])
	}
	return table, nil
}

// tensors are those that the table was read from, as long as it has not changed; else it stands alone.
func (m *model2vec) tensors() []safetensors.Tensor {
	if table, _, err := staticTable(m.stored); err == nil && slices.Equal(table, m.table.Data) {
		list := slices.Clone(m.stored)
		slices.SortFunc(list, func(a, b safetensors.Tensor) int { return cmp.Compare(a.Name, b.Name) })
		return list
	}
	if t, ok := safetensors.Narrow(safetensors.F16, rowsTensor, m.table.Shape, m.table.Data); ok {
		return []safetensors.Tensor{t}
	}
	return []safetensors.Tensor{safetensors.FromFloat32(rowsTensor, m.table.Shape, m.table.Data)}
}

// inherit takes the form in files from the network whose table m has.
func (m *model2vec) inherit(from *model2vec) {
	for _, t := range from.stored {
		t.Data, t.Shape = slices.Clone(t.Data), slices.Clone(t.Shape)
		m.stored = append(m.stored, t)
	}
}

// NewStatic makes a sentence encoder of static embeddings, in model2vec's layout: table is [tokens, dim], a row a token
// of tok. The rows are rounded to what they are stored as: F32, F16, or I8 with a scale a row.
func NewStatic(tok *text.Tokenizer, table []float32, dim int, stored safetensors.DType, sentence Sentence) (*Model, error) {
	shape := []int{len(table) / max(dim, 1), dim}
	var tensors []safetensors.Tensor
	switch stored {
	case safetensors.F32:
		tensors = []safetensors.Tensor{safetensors.FromFloat32(rowsTensor, shape, table)}
	case safetensors.F16:
		tensors = []safetensors.Tensor{safetensors.ToF16(rowsTensor, shape, table)}
	case safetensors.I8:
		tensors = quantised(table, shape)
	default:
		return nil, hint.Errorf("choose F32, F16 or I8", "static embeddings are not stored as %s", stored)
	}
	c := Config{Family: "static", Layout: Model2Vec, Head: EmbeddingHead, EmbedDim: dim, MaxTokens: maxTokensLimit, Sentence: &sentence}
	m, err := assemble(c, text.CleanConfig{}, tok, nil)
	if err != nil {
		return nil, err
	}
	m.declare()
	if err := m.Network.(*model2vec).set(tensors); err != nil {
		return nil, err
	}
	m.Params.Freeze(nn.F32)
	return m, nil
}

// quantised rounds each row to whole numbers up to 127 and a weight.
func quantised(table []float32, shape []int) []safetensors.Tensor {
	n, dim := shape[0], shape[1]
	whole, weights := make([]byte, n*dim), make([]float32, n)
	for i := range n {
		row := table[i*dim : (i+1)*dim]
		largest := float32(0)
		for _, v := range row {
			largest = max(largest, v, -v)
		}
		if largest == 0 {
			continue
		}
		weights[i] = largest / 127
		for j, v := range row {
			whole[i*dim+j] = byte(int8(math.RoundToEven(float64(v / weights[i]))))
		}
	}
	return []safetensors.Tensor{
		{Name: rowsTensor, DType: safetensors.I8, Shape: shape, Data: whole},
		safetensors.FromFloat32(weightsTensor, []int{n}, weights),
	}
}

// model2vecConfig is config.json of that layout.
type model2vecConfig struct {
	ModelType string          `json:"model_type"`
	Normalize bool            `json:"normalize"`
	MaxLength json.RawMessage `json:"max_length"` // absent: 512; null: none
}

const staticModule = "StaticEmbedding"

// openStatic opens static embeddings: a folder of model2vec, or one of sentence-transformers whose first module they are.
// c is Config as far as the modules say; path is the module's, or "" for the folder itself.
func openStatic(dir string, c Config, path string) (*Model, error) {
	if !filepath.IsLocal(filepath.Join(".", path)) {
		return nil, fmt.Errorf("%s names the path %q, which is outside the folder", modulesFile, path)
	}
	at := filepath.Join(dir, path)
	weights, err := checkpoint.Open(at)
	if err != nil {
		return nil, err
	}
	m, err := staticFrom(at, c, weights)
	if err != nil {
		weights.Close()
		return nil, err
	}
	m.Package = &Package{Dir: dir, file: weights}
	if m.Package.Digest, m.Package.Size, err = digestFolder(dir); err == nil && path != "" && path != "." {
		var inner string
		var size int64
		if inner, size, err = digestFolder(at); err == nil {
			m.Package.Digest, m.Package.Size = digestOf([]byte(m.Package.Digest+inner)), m.Package.Size+size
		}
	}
	if err != nil {
		weights.Close()
		return nil, err
	}
	m.Params.Freeze(nn.F32)
	return m, nil
}

func staticFrom(dir string, c Config, weights *checkpoint.Set) (*Model, error) {
	stored, err := staticTensors(weights)
	if err != nil {
		return nil, err
	}
	tok, err := openTokenizer(dir)
	if err != nil {
		return nil, err
	}
	c.Family, c.Layout, c.Head, c.Pooling = "static", Model2Vec, EmbeddingHead, ""
	if _, c.EmbedDim, err = staticTable(stored); err != nil {
		return nil, err
	}
	m, err := assemble(c, text.CleanConfig{}, tok, nil)
	if err != nil {
		return nil, err
	}
	m.declare()
	return m, m.Network.(*model2vec).set(stored)
}

// readStatic tells whether a folder holds static embeddings, of model2vec or as the first module of
// sentence-transformers, then in the folder path; c is Config as far as the folder says it.
func readStatic(dir string) (c Config, path string, ok bool, err error) {
	var keys model2vecConfig
	found, err := readJSON(dir, ConfigFile, &keys)
	if err == nil && found && keys.ModelType == Model2Vec {
		err = c.readModel2Vec(&keys)
		return c, "", true, err
	}
	var modules []module
	if _, err := readJSON(dir, modulesFile, &modules); err != nil || len(modules) == 0 || modules[0].kind() != staticModule {
		return c, "", false, err
	}
	c.MaxTokens, c.Sentence = maxTokensLimit, &Sentence{}
	for _, m := range modules[1:] {
		if m.kind() != normalizeModule {
			return c, "", true, hint.Errorf("take static embeddings with Normalize alone behind them", "%s: the module %s behind %s is not supported", modulesFile, m.Type, staticModule)
		}
		c.Sentence.Normalize = true
	}
	return c, modules[0].Path, true, c.readPrompts(dir)
}

// readModel2Vec takes what config.json of model2vec says.
func (c *Config) readModel2Vec(keys *model2vecConfig) error {
	c.Sentence, c.MaxTokens = &Sentence{Normalize: keys.Normalize}, 512
	switch {
	case string(keys.MaxLength) == "null":
		c.MaxTokens = maxTokensLimit
	case keys.MaxLength != nil:
		if err := json.Unmarshal(keys.MaxLength, &c.MaxTokens); err != nil {
			return fmt.Errorf("reading %s: max_length: %w", ConfigFile, err)
		}
		c.MaxTokens = min(c.MaxTokens, maxTokensLimit)
	}
	return nil
}

// model2vecKeys are the keys of config.json that the library reads.
func (m *Model) model2vecKeys(all map[string]any) {
	rows := m.Network.(*model2vec).tensors()[0]
	all["model_type"], all["architectures"] = Model2Vec, []string{"StaticModel"}
	all["hidden_dim"], all["normalize"], all["seq_length"] = m.Config.EmbedDim, m.Config.Sentence != nil && m.Config.Sentence.Normalize, 1000000
	all["max_length"] = m.Config.MaxTokens
	all["embedding_dtype"] = map[safetensors.DType]string{safetensors.I8: "int8", safetensors.F16: "float16", safetensors.F64: "float64"}[rows.DType]
	if all["embedding_dtype"] == "" {
		all["embedding_dtype"] = "float32"
	}
}
