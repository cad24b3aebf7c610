package checkpoint

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"
)

// ggufBuilder writes a GGUF file.
type ggufBuilder struct {
	keys, tensors, data []byte
	nKeys, nTensors     uint64
}

func ggufText(s string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...)
}

// key adds a value that is encoded already.
func (b *ggufBuilder) key(name string, typ uint32, value []byte) *ggufBuilder {
	b.keys = slices.Concat(b.keys, ggufText(name), binary.LittleEndian.AppendUint32(nil, typ), value)
	b.nKeys++
	return b
}

func (b *ggufBuilder) text(name, value string) *ggufBuilder {
	return b.key(name, ggufString, ggufText(value))
}

func (b *ggufBuilder) number(name string, value uint32) *ggufBuilder {
	return b.key(name, ggufUint32, binary.LittleEndian.AppendUint32(nil, value))
}

// tensor adds a tensor of dimensions, innermost first.
func (b *ggufBuilder) tensor(name string, typ uint32, data []byte, dims ...uint64) *ggufBuilder {
	b.tensors = append(b.tensors, ggufText(name)...)
	b.tensors = binary.LittleEndian.AppendUint32(b.tensors, uint32(len(dims)))
	for _, d := range dims {
		b.tensors = binary.LittleEndian.AppendUint64(b.tensors, d)
	}
	b.tensors = binary.LittleEndian.AppendUint32(b.tensors, typ)
	b.tensors = binary.LittleEndian.AppendUint64(b.tensors, uint64(len(b.data)))
	b.data = append(b.data, data...)
	for len(b.data)%32 != 0 {
		b.data = append(b.data, 0)
	}
	b.nTensors++
	return b
}

func (b *ggufBuilder) bytes() []byte {
	head := binary.LittleEndian.AppendUint32([]byte("GGUF"), 3)
	head = binary.LittleEndian.AppendUint64(head, b.nTensors)
	head = binary.LittleEndian.AppendUint64(head, b.nKeys)
	head = slices.Concat(head, b.keys, b.tensors)
	for len(head)%32 != 0 {
		head = append(head, 0)
	}
	return append(head, b.data...)
}

func ggufOf(architecture string) *ggufBuilder {
	return (&ggufBuilder{}).text("general.architecture", architecture)
}

func TestGGUFIsReadUnderHuggingFaceNames(t *testing.T) {
	numbers := float32Bytes(1, 2, 3, 4, 5, 6)
	list := slices.Concat(binary.LittleEndian.AppendUint32(nil, ggufString), binary.LittleEndian.AppendUint64(nil, 2), ggufText("[PAD]"), ggufText("好"))
	b := ggufOf("bert").number("bert.block_count", 1).
		key("bert.attention.causal", ggufBool, []byte{0}).
		key("bert.attention.layer_norm_epsilon", ggufFloat32, float32Bytes(1e-12)).
		key("tokenizer.ggml.tokens", ggufArray, list).
		tensor("token_embd.weight", 0, numbers, 3, 2).
		tensor("blk.0.attn_q.bias", 1, []byte{0, 0x3c, 0, 0xc0}, 2).
		tensor("blk.0.layer_output_norm.weight", 30, []byte{0x80, 0x3f}, 1)
	s := open(t, write(t, t.TempDir(), "model.gguf", b.bytes()))
	if s.Format() != "GGUF" || s.Architecture() != "bert" {
		t.Errorf("format %s, architecture %s", s.Format(), s.Architecture())
	}
	same(t, s, "embeddings.word_embeddings.weight", []int{2, 3}, 1, 2, 3, 4, 5, 6)
	same(t, s, "encoder.layer.0.attention.self.query.bias", []int{2}, 1, -2)
	same(t, s, "encoder.layer.0.output.LayerNorm.weight", []int{1}, 1)
	m := s.Metadata()
	if m["bert.block_count"] != int64(1) || m["bert.attention.causal"] != false ||
		m["bert.attention.layer_norm_epsilon"] != float64(float32(1e-12)) ||
		!slices.Equal(m["tokenizer.ggml.tokens"].([]string), []string{"[PAD]", "好"}) {
		t.Errorf("metadata %v", m)
	}
}

func TestBlocksAreWidened(t *testing.T) {
	q4, q8 := []byte{0, 0x38}, []byte{0, 0x38} // a scale of 0.5
	var want4, want8 [32]float32
	for i := range 16 {
		q4 = append(q4, byte(i|(15-i)<<4))
		want4[i], want4[i+16] = float32(i-8)/2, float32(15-i-8)/2
	}
	for i := range 32 {
		q8 = append(q8, byte(i-16))
		want8[i] = float32(i-16) / 2
	}
	s := open(t, write(t, t.TempDir(), "m.gguf", ggufOf("qwen2").
		tensor("token_embd.weight", 2, q4, 32, 1).tensor("output_norm.weight", 8, q8, 32).bytes()))
	same(t, s, "model.embed_tokens.weight", []int{1, 32}, want4[:]...)
	same(t, s, "model.norm.weight", []int{32}, want8[:]...)
	if s.DType("model.norm.weight") != "Q8_0" {
		t.Errorf("type %s", s.DType("model.norm.weight"))
	}
	if raw, err := s.Tensor("model.norm.weight"); err != nil || raw.DType != "F32" || len(raw.Data) != 128 {
		t.Errorf("as safetensors: %v, %v", raw.DType, err)
	}
}

func TestRotaryPairsBecomeHalves(t *testing.T) {
	// Two heads of four rows, a row being its number: the converter has put rows 0 2 1 3 of each head there.
	rows := float32Bytes(0, 2, 1, 3, 4, 6, 5, 7)
	s := open(t, write(t, t.TempDir(), "m.gguf", ggufOf("llama").
		number("llama.attention.head_count", 2).number("llama.attention.head_count_kv", 1).
		tensor("blk.0.attn_q.weight", 0, rows, 1, 8).
		tensor("blk.0.attn_k.weight", 0, rows[:16], 1, 4).
		tensor("blk.0.attn_v.weight", 0, rows[:16], 1, 4).
		tensor("rope_freqs.weight", 0, rows[:8], 2).bytes()))
	same(t, s, "model.layers.0.self_attn.q_proj.weight", []int{8, 1}, 0, 1, 2, 3, 4, 5, 6, 7)
	same(t, s, "model.layers.0.self_attn.k_proj.weight", []int{4, 1}, 0, 1, 2, 3)
	same(t, s, "model.layers.0.self_attn.v_proj.weight", []int{4, 1}, 0, 2, 1, 3)
	if len(s.Names()) != 3 {
		t.Errorf("names %v", s.Names())
	}
}

func TestConv1DIsTransposedBack(t *testing.T) {
	s := open(t, write(t, t.TempDir(), "m.gguf", ggufOf("gpt2").
		tensor("blk.3.ffn_up.weight", 0, float32Bytes(1, 2, 3, 4, 5, 6), 2, 3).
		tensor("position_embd.weight", 0, float32Bytes(1, 2, 3, 4), 2, 2).bytes()))
	same(t, s, "transformer.h.3.mlp.c_fc.weight", []int{2, 3}, 1, 3, 5, 2, 4, 6)
	same(t, s, "transformer.wpe.weight", []int{2, 2}, 1, 2, 3, 4)
}

func TestGGUFFilesThatContradictThemselves(t *testing.T) {
	four := float32Bytes(1, 2, 3, 4)
	good := ggufOf("bert").tensor("token_embd.weight", 0, four, 2, 2).bytes()
	version := slices.Clone(good)
	version[4] = 1
	count := slices.Clone(good)
	binary.LittleEndian.PutUint64(count[8:], math.MaxUint64)
	list := func(typ uint32, n uint64) []byte {
		return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, typ), n)
	}
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"an old version", version, "version is 1"},
		{"an empty file", nil, "within its head"},
		{"a cut head", good[:50], "within its head"},
		{"cut data", good[:len(good)-20], "larger than what the file holds"},
		{"a count that lies", count, "within its head"},
		{"a type that is not read", ggufOf("bert").tensor("token_embd.weight", 12, four, 256).bytes(), "Q4_K"},
		{"an unknown type", ggufOf("bert").tensor("token_embd.weight", 99, four, 4).bytes(), "number 99"},
		{"an absurd shape", ggufOf("bert").tensor("token_embd.weight", 0, four, 1<<40, 1<<40).bytes(), "larger than what the file holds"},
		{"a negative shape", ggufOf("bert").tensor("token_embd.weight", 0, four, 1<<63).bytes(), "negative"},
		{"many dimensions", ggufOf("bert").tensor("token_embd.weight", 0, four, 1, 1, 1, 2, 2).bytes(), "5 dimensions"},
		{"half a block", ggufOf("bert").tensor("token_embd.weight", 8, make([]byte, 340), 33).bytes(), "blocks of 32"},
		{"a name twice", ggufOf("bert").tensor("token_embd.weight", 0, four, 4).tensor("token_embd.weight", 0, four, 4).bytes(), "stands twice"},
		{"an unknown tensor", ggufOf("bert").tensor("blk.0.magic.weight", 0, four, 4).bytes(), `"blk.0.magic.weight"`},
		{"a layer without a number", ggufOf("bert").tensor("blk.x.attn_q.weight", 0, four, 4).bytes(), `"blk.x.attn_q.weight"`},
		{"an unknown architecture", ggufOf("mamba").tensor("token_embd.weight", 0, four, 4).bytes(), `"mamba"`},
		{"no architecture", (&ggufBuilder{}).tensor("token_embd.weight", 0, four, 4).bytes(), `""`},
		{"rows of no heads", ggufOf("llama").tensor("blk.0.attn_q.weight", 0, four, 1, 4).bytes(), "heads"},
		{"a list longer than the file", ggufOf("bert").key("k", ggufArray, list(ggufUint8, 1<<60)).bytes(), "a list of"},
		{"lists without end", ggufOf("bert").key("k", ggufArray, []byte(strings.Repeat(string(list(ggufArray, 1)), 100))).bytes(), "lists within lists"},
		{"a value of unknown type", ggufOf("bert").key("k", 77, nil).bytes(), "unknown type 77"},
		{"no alignment", ggufOf("bert").number("general.alignment", 0).tensor("token_embd.weight", 0, four, 4).bytes(), "alignment is 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, write(t, t.TempDir(), "m.gguf", c.data), c.says)
		})
	}
}

func FuzzGGUF(f *testing.F) {
	list := slices.Concat(binary.LittleEndian.AppendUint32(nil, ggufString), binary.LittleEndian.AppendUint64(nil, 1), ggufText("a"))
	f.Add(ggufOf("bert").key("tokens", ggufArray, list).tensor("token_embd.weight", 0, float32Bytes(1, 2, 3, 4), 2, 2).bytes())
	f.Add(ggufOf("llama").number("llama.attention.head_count", 1).tensor("blk.0.attn_q.weight", 8, make([]byte, 68), 32, 2).bytes())
	f.Add(ggufOf("gpt2").tensor("blk.0.ffn_up.weight", 2, make([]byte, 36), 32, 2).bytes())
	fuzzFormat(f, (*Set).parseGGUF)
}
