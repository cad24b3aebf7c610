package encoder

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// memory is a checkpoint whose tensors a test may change.
type memory map[string]safetensors.Tensor

func inMemory(t *testing.T, f *safetensors.File) memory {
	t.Helper()
	m := memory{}
	for _, name := range f.Names() {
		m[name], _ = f.Tensor(name)
	}
	return m
}

func (m memory) Names() []string {
	var names []string
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (m memory) Shape(name string) ([]int, bool) { t, ok := m[name]; return t.Shape, ok }

func (m memory) Float32(name string) ([]float32, error) { return m[name].Float32() }

func (m memory) Tensor(name string) (safetensors.Tensor, error) { return m[name], nil }

func (m memory) rename(from, to string) {
	t := m[from]
	delete(m, from)
	t.Name = to
	m[to] = t
}

func packedOf(sequences ...[]int32) *tensor.Packed {
	p := &tensor.Packed{}
	for _, ids := range sequences {
		p.Append(ids)
	}
	return p
}

// edited returns config.json with some keys changed; nil deletes one.
func edited(t *testing.T, config []byte, changes map[string]any) []byte {
	t.Helper()
	var values map[string]any
	if err := json.Unmarshal(config, &values); err != nil {
		t.Fatal(err)
	}
	for key, value := range changes {
		if value == nil {
			delete(values, key)
		} else {
			values[key] = value
		}
	}
	data, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const wordTable = "bert.embeddings.word_embeddings.weight"

func TestTensorsThatDoNotFitAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		checkpoint string
		config     map[string]any
		change     func(m memory)
		want       string
	}{
		"one is missing": {"bert_seqcls", nil, func(m memory) { delete(m, "bert.encoder.layer.1.output.dense.bias") },
			`"bert.encoder.layer.1.output.dense.bias" is missing`},
		"the head is missing": {"bert_seqcls", nil, func(m memory) { delete(m, "classifier.weight") }, `"classifier.weight" is missing`},
		"one is surplus": {"bert_seqcls", nil, func(m memory) { m["bert.extra.weight"] = m["classifier.weight"] },
			`"bert.extra.weight" has no place`},
		"a layer more than config.json tells": {"bert_seqcls", map[string]any{"num_hidden_layers": 2}, nil, "encoder.layer.2."},
		"a layer less":                        {"bert_seqcls", map[string]any{"num_hidden_layers": 4}, nil, "and 13 tensors more do not fit"},
		"another vocabulary": {"bert_seqcls", map[string]any{"vocab_size": 121}, nil,
			`"` + wordTable + `" is [120 32], config.json asks for [121 32]`},
		"other labels": {"bert_seqcls", map[string]any{"id2label": map[string]string{"0": "a", "1": "b"}}, nil, `"classifier.bias" is [3], config.json asks for [2]`},
		"a number that is none": {"bert_seqcls", nil, func(m memory) {
			x := m["classifier.bias"]
			x.Data = bytes.Repeat([]byte{255}, len(x.Data))
			m["classifier.bias"] = x
		}, `"classifier.bias": number 0 is NaN`},
		"whole numbers": {"bert_seqcls", nil, func(m memory) {
			x := m["classifier.bias"]
			x.DType = safetensors.I32
			m["classifier.bias"] = x
		}, "holds I32"},
		"a tied matrix that is another": {"llama3_scaled_tied", nil, func(m memory) {
			x := m["model.embed_tokens.weight"]
			x.Data = slices.Clone(x.Data)
			x.Data[0]++
			m["lm_head.weight"] = x
		}, "tie_word_embeddings"},
		"an untied matrix that is missing": {"llama", nil, func(m memory) { delete(m, "lm_head.weight") }, `"lm_head.weight" is missing`},
		"a layer's weights not transposed": {"gpt2", nil, func(m memory) {
			x := m["transformer.h.0.mlp.c_fc.weight"]
			x.Shape = []int{128, 32}
			m["transformer.h.0.mlp.c_fc.weight"] = x
		}, "is [128 32], config.json asks for [32 128]"},
		"too few angles": {"roformer_seqcls", map[string]any{"max_position_embeddings": 64}, nil, "embed_positions"},
	} {
		t.Run(name, func(t *testing.T) {
			c := openCheckpoint(t, test.checkpoint)
			m := inMemory(t, c.weights)
			if test.change != nil {
				test.change(m)
			}
			config, err := ReadConfig(edited(t, c.config, test.config))
			if err != nil {
				t.Fatal(err)
			}
			config.Fit(m)
			err = New(config, new(nn.Params)).Load(m)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") || hint.Way(err) == "" {
				t.Errorf("error %v (%s), want one with %s", err, hint.Way(err), test.want)
			}
		})
	}
}

func TestConfigurationsThatAreNotSupportedAreNamed(t *testing.T) {
	for name, test := range map[string]struct {
		checkpoint string
		changes    map[string]any
		want, way  string
	}{
		"an architecture of another kind":  {"bert_seqcls", map[string]any{"model_type": "mamba"}, `"mamba" is not supported`, "there are albert"},
		"an architecture that is near one": {"llama", map[string]any{"model_type": "mistral"}, `"mistral"`, "llama comes closest"},
		"no architecture":                  {"bert_seqcls", map[string]any{"model_type": nil}, "model_type is missing", "came with"},
		"a head of another kind":           {"bert_seqcls", map[string]any{"architectures": []string{"BertForMultipleChoice"}}, "BertForMultipleChoice", "comes closest"},
		"a head that it does not have":     {"gpt2", map[string]any{"architectures": []string{"GPT2ForMaskedLM"}}, "GPT2ForMaskedLM", "comes closest"},
		"quantised weights":                {"llama", map[string]any{"quantization_config": map[string]any{}}, "quantization_config", "made from"},
		"relative positions of BERT":       {"bert_seqcls", map[string]any{"position_embedding_type": "relative_key"}, "position_embedding_type", "absolute"},
		"BERT as a decoder":                {"bert_mlm", map[string]any{"is_decoder": true}, "is_decoder", "false"},
		"convolution in DeBERTa":           {"debertav2_seqcls", map[string]any{"conv_kernel_size": 3}, "conv_kernel_size", "0"},
		"an unknown activation":            {"bert_seqcls", map[string]any{"hidden_act": "mish"}, "hidden_act: mish", "gelu"},
		"angles of another kind": {"llama", map[string]any{"rope_parameters": map[string]any{"rope_type": "yarn", "rope_theta": 1e4}},
			"rope_type: yarn", "llama3"},
		"a part of the head turns":      {"llama", map[string]any{"partial_rotary_factor": 0.5, "rope_parameters": nil}, "partial_rotary_factor", "1"},
		"a kind of layer":               {"modernbert_mlm", map[string]any{"layer_types": []string{"linear_attention", "", "", ""}}, "linear_attention", "full_attention"},
		"too few kinds of layers":       {"modernbert_mlm", map[string]any{"layer_types": []string{"full_attention"}}, "1 layers for 4", ""},
		"a width that is missing":       {"bert_seqcls", map[string]any{"hidden_size": nil}, "hidden_size is missing", "came with"},
		"a width that is text":          {"bert_seqcls", map[string]any{"hidden_size": "wide"}, "hidden_size", ""},
		"a width out of bounds":         {"bert_seqcls", map[string]any{"hidden_size": 1 << 40}, "hidden_size", ""},
		"heads that do not fit":         {"bert_seqcls", map[string]any{"num_attention_heads": 5}, "5 heads", ""},
		"key heads that do not fit":     {"llama", map[string]any{"num_key_value_heads": 3}, "3 of keys", ""},
		"a dropout of more than all":    {"bert_seqcls", map[string]any{"hidden_dropout_prob": 1.5}, "hidden_dropout_prob", ""},
		"labels with a gap":             {"bert_seqcls", map[string]any{"id2label": map[string]string{"0": "a", "2": "b"}}, "id2label", ""},
		"no place behind the padding's": {"roberta_mlm", map[string]any{"pad_token_id": 50}, "positions for", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := openCheckpoint(t, test.checkpoint)
			_, err := ReadConfig(edited(t, c.config, test.changes))
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(hint.Way(err), test.way) {
				t.Errorf("error %v (%s), want one with %s (%s)", err, hint.Way(err), test.want, test.way)
			}
		})
	}
	if _, err := ReadConfig([]byte("[]")); err == nil {
		t.Error("a list passes for a configuration")
	}
}

func TestInputThatHasNoPlaceIsRefused(t *testing.T) {
	c := openCheckpoint(t, "bert_seqcls")
	n := c.network(t)
	for name, change := range map[string]func(in *Input){
		"a token beyond the vocabulary": func(in *Input) { in.Tokens.IDs[3] = 120 },
		"a type too many":               func(in *Input) { in.Types[2] = 2 },
		"types of other tokens":         func(in *Input) { in.Types = in.Types[1:] },
		"a text too long":               func(in *Input) { in.Types = nil; in.Tokens.Append(make([]int32, 41)) },
	} {
		in := openCheckpoint(t, "bert_seqcls").input
		change(&in)
		if err := n.Check(in); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for _, name := range []string{"roberta_mlm", "distilbert_mlm"} { // which know one type, and none
		c := openCheckpoint(t, name)
		c.input.Types = slices.Repeat([]int32{1}, c.input.Tokens.Tokens())
		n := c.network(t)
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		c.compare(t, n, tape, n.Forward(tape, c.input))
	}
	if err := n.Config.CheckVocabulary(121); err == nil || hint.Way(err) == "" {
		t.Errorf("a tokenizer with a token too many: %v", err)
	}
}

func TestABodyServesUnderAnotherHead(t *testing.T) {
	for name, test := range map[string]struct {
		checkpoint    string
		head          Head
		fresh, unused int
	}{
		"a masked language model becomes a classifier": {"bert_mlm", Sequence, 4, 5},
		"a classifier becomes a tagger":                {"roberta_seqcls", Tokens, 2, 4},
		"a classifier gets another number of labels":   {"distilbert_seqcls", Sequence, 2, 2},
		"a body alone becomes a classifier":            {"bert_relu_6x24", Sequence, 2, 0},
		"a discriminator becomes a reader":             {"electra_discriminator", Span, 2, 4},
		"a language model becomes a classifier":        {"qwen3", Sequence, 1, 1},
		"an encoder loses its head":                    {"modernbert_seqcls", Bare, 0, 4},
	} {
		t.Run(name, func(t *testing.T) {
			c := openCheckpoint(t, test.checkpoint)
			config, err := ReadConfig(c.config)
			if err != nil {
				t.Fatal(err)
			}
			if err := config.SetHead(test.head, []string{"good", "bad", "neither", "no text"}); err != nil {
				t.Fatal(err)
			}
			ps := new(nn.Params)
			n := New(config, ps)
			ps.Allocate(1)
			report, err := n.LoadBody(FromFile(c.weights))
			if err != nil {
				t.Fatal(err)
			}
			if len(report.Fresh) != test.fresh || len(report.Unused) != test.unused {
				t.Errorf("fresh %v, unused %v", report.Fresh, report.Unused)
			}
			tape := nn.NewTape(nil)
			tape.Begin(nn.Inference, 0, 0)
			hidden := n.Forward(tape, c.input)
			if test.head != Bare {
				if y := n.Logits(tape, hidden, c.input.Tokens.Offsets); y.Cols != config.Outputs() || math.IsNaN(float64(y.Data[0])) {
					t.Errorf("logits of %d columns, %v", y.Cols, y.Data[0])
				}
			}
			// What is saved is a checkpoint of the new head.
			data, err := config.JSON()
			if err != nil {
				t.Fatal(err)
			}
			again, err := ReadConfig(data)
			if err != nil {
				t.Fatal(err)
			}
			saved := memory{}
			for _, x := range n.Tensors() {
				saved[x.Name] = x
			}
			again.Fit(saved)
			if err := New(again, new(nn.Params)).Load(saved); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestHeadsThatNobodyKnowsAreLeft(t *testing.T) {
	c := openCheckpoint(t, "bert_mlm")
	m := inMemory(t, c.weights)
	m["my_head.weight"] = m["cls.predictions.bias"]
	config, err := ReadConfig(c.config)
	if err != nil {
		t.Fatal(err)
	}
	ps := new(nn.Params)
	n := New(config, ps)
	if err := n.Load(m); err == nil || !strings.Contains(err.Error(), "my_head") {
		t.Errorf("as the network's own: %v", err)
	}
	ps.Allocate(1)
	if report, err := n.LoadBody(m); err != nil || !slices.Contains(report.Unused, "my_head.weight") {
		t.Errorf("below another head: %v, %v", report.Unused, err)
	}
}

func TestABodyWithHolesIsRefusedUnderAnyHead(t *testing.T) {
	c := openCheckpoint(t, "bert_mlm")
	m := inMemory(t, c.weights)
	delete(m, wordTable)
	config, err := ReadConfig(c.config)
	if err != nil {
		t.Fatal(err)
	}
	if err := config.SetHead(Sequence, []string{"a", "b"}); err != nil {
		t.Fatal(err)
	}
	ps := new(nn.Params)
	n := New(config, ps)
	ps.Allocate(1)
	if _, err := n.LoadBody(m); err == nil || !strings.Contains(err.Error(), wordTable) {
		t.Errorf("error %v", err)
	}
	if err := config.SetHead(Causal, nil); err == nil || !strings.Contains(hint.Way(err), "masked") {
		t.Errorf("BERT as a causal language model: %v", err)
	}
	if err := config.SetHead(Tokens, nil); err == nil {
		t.Error("a tagger without labels")
	}
}

// TestNamesOfOlderCheckpointsAreKept loads what older versions of the reference library wrote: norms as TensorFlow
// calls them, tied matrices twice, numbers of positions, a pooler that the head does not use.
func TestNamesOfOlderCheckpointsAreKept(t *testing.T) {
	c := openCheckpoint(t, "bert_mlm")
	m := inMemory(t, c.weights)
	for _, name := range m.Names() {
		if strings.Contains(name, "LayerNorm") {
			m.rename(name, strings.NewReplacer("LayerNorm.weight", "LayerNorm.gamma", "LayerNorm.bias", "LayerNorm.beta").Replace(name))
		}
	}
	add := func(name, like string) {
		x := m[like]
		x.Name = name
		m[name] = x
	}
	add("cls.predictions.decoder.weight", wordTable)
	add("cls.predictions.decoder.bias", "cls.predictions.bias")
	add("bert.pooler.dense.weight", "bert.encoder.layer.0.attention.output.dense.weight")
	add("bert.pooler.dense.bias", "bert.encoder.layer.0.attention.output.dense.bias")
	m["bert.embeddings.position_ids"] = safetensors.Tensor{Name: "bert.embeddings.position_ids", DType: safetensors.I64, Shape: []int{1, 2}, Data: make([]byte, 16)}
	config, err := ReadConfig(c.config)
	if err != nil {
		t.Fatal(err)
	}
	n := New(config, new(nn.Params))
	if err := n.Load(m); err != nil {
		t.Fatal(err)
	}
	tape := nn.NewTape(nil)
	tape.Begin(nn.Inference, 0, 0)
	c.compare(t, n, tape, n.Forward(tape, c.input))
	written := n.Tensors()
	if len(written) != len(m) {
		t.Errorf("%d tensors, want %d", len(written), len(m))
	}
	for _, x := range written {
		if want := m[x.Name]; !slices.Equal(x.Shape, want.Shape) || x.DType != want.DType || !bytes.Equal(x.Data, want.Data) {
			t.Errorf("tensor %q is not the one that was read", x.Name)
		}
	}
}

func TestHalfPrecisionIsKeptUntilAWeightChanges(t *testing.T) {
	for _, dtype := range []safetensors.DType{safetensors.F16, safetensors.BF16} {
		c := openCheckpoint(t, "gpt2")
		m := inMemory(t, c.weights)
		for name, x := range m {
			values, err := x.Float32()
			if err != nil {
				t.Fatal(err)
			}
			short := make([]float32, len(values))
			for i, v := range values {
				short[i] = float32(int(v*64)) / 64 // which both types can tell
			}
			ok := false
			if m[name], ok = safetensors.Narrow(dtype, name, x.Shape, short); !ok {
				t.Fatal("a number does not fit")
			}
		}
		config, err := ReadConfig(c.config)
		if err != nil {
			t.Fatal(err)
		}
		ps := new(nn.Params)
		n := New(config, ps)
		if err := n.Load(m); err != nil {
			t.Fatal(err)
		}
		ps.Get("layers.1.qkv.weight").Data[5] = 1e-9
		for _, x := range n.Tensors() {
			changed := x.Name == "transformer.h.1.attn.c_attn.weight"
			if same := x.DType == dtype && bytes.Equal(x.Data, m[x.Name].Data); same == changed {
				t.Errorf("%s: %s is %s", dtype, x.Name, x.DType)
			}
		}
	}
}

func FuzzReadConfigNeverPanics(f *testing.F) {
	for _, seed := range []string{
		`{"model_type":"bert","vocab_size":3,"hidden_size":4,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":5,"max_position_embeddings":6}`,
		`{"model_type":"albert","vocab_size":3,"hidden_size":4,"num_hidden_layers":3,"num_attention_heads":2,"intermediate_size":5,"max_position_embeddings":6,"num_hidden_groups":2,"embedding_size":2,"inner_group_num":2}`,
		`{"model_type":"modernbert","vocab_size":3,"hidden_size":4,"num_hidden_layers":2,"num_attention_heads":2,"intermediate_size":5,"max_position_embeddings":6,"rope_parameters":{"full_attention":{}}}`,
		`{"model_type":"deberta-v2","vocab_size":3,"hidden_size":4,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":5,"max_position_embeddings":6,"relative_attention":true,"position_buckets":4,"pos_att_type":"c2p|p2c"}`,
		`{"model_type":"qwen3","vocab_size":3,"hidden_size":4,"num_hidden_layers":1,"num_attention_heads":2,"intermediate_size":5,"max_position_embeddings":6,"rope_scaling":{"type":"linear","factor":2},"use_sliding_window":true,"sliding_window":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ReadConfig(data)
		if err != nil || c.Vocab*c.Hidden+c.Layers*c.Hidden*(c.Hidden+c.FeedForward)+(c.Positions+c.Types+c.Tasks)*c.EmbedDim > 1<<16 || c.Heads*c.HeadDim > 1<<8 || c.MaxTokens > 1<<12 {
			return
		}
		if c.Disentangled != nil && c.Disentangled.Span > 1<<12 || c.RelativeBuckets > 1<<12 {
			return
		}
		n := New(c, new(nn.Params))
		n.params.Allocate(1)
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		var in Input
		in.Tokens = packedOf([]int32{0, int32(c.Vocab - 1)}, nil, []int32{0})
		if n.Check(in) != nil {
			return
		}
		y := n.Forward(tape, in)
		if y.Rows != 3 || y.Cols != c.Hidden {
			t.Fatal(fmt.Sprint("states of ", y.Rows, " by ", y.Cols))
		}
	})
}
