package exporttest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/golden"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// Checkpoint opens a tiny random checkpoint of golden/hf: an encoder without its head, or a network that writes; with a
// tokenizer of parts of words or of bytes whose vocabulary fits it.
func Checkpoint(t testing.TB, name string) *model.Model {
	t.Helper()
	from, dir := golden.Path(t, "golden", "hf", name), t.TempDir()
	read := func(file string) []byte {
		data, err := os.ReadFile(filepath.Join(from, file))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	config := read(model.ConfigFile)
	for _, head := range []string{"ForMaskedLM", "ForSequenceClassification", "ForTokenClassification"} {
		config = []byte(strings.ReplaceAll(string(config), head, "Model"))
	}
	var c struct {
		Type  string `json:"model_type"`
		Vocab int    `json:"vocab_size"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		t.Fatal(err)
	}
	tokenizer := wordPieces(c.Vocab)
	if c.Type == "gpt2" || c.Type == "llama" || strings.HasPrefix(c.Type, "qwen") {
		tokenizer = visibleBytes(c.Vocab)
	}
	for file, data := range map[string][]byte{model.ConfigFile: config, model.WeightsFile: read(model.WeightsFile), model.TokenizerFile: tokenizer} {
		if err := os.WriteFile(filepath.Join(dir, file), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m, err := model.Open(dir)
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	t.Cleanup(func() { m.Package.Close() })
	return m
}

// file is a tokenizer.json with so many tokens of those that there are.
func file(size int, tokens []string, special int, rest string, model string) []byte {
	vocab := map[string]int{}
	var added []string
	for i, token := range tokens[:min(size, len(tokens))] {
		vocab[token] = i
		if i < special {
			added = append(added, fmt.Sprintf(`{"id":%d,"content":%q,"special":true}`, i, token))
		}
	}
	words, _ := json.Marshal(vocab) // of a map of strings there is nothing to go wrong
	return fmt.Appendf(nil, `{"version":"1.0","added_tokens":[%s],%s,"model":{%s,"vocab":%s}}`, strings.Join(added, ","), rest, model, words)
}

// wordPieces is the tokenizer of a BERT whose words are letters.
func wordPieces(size int) []byte {
	tokens := []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789,.!房间很干净服务好太脏了不会再来一般早餐" {
		tokens = append(tokens, string(c))
	}
	for c := 'a'; c <= 'z'; c++ {
		tokens = append(tokens, "##"+string(c))
	}
	return file(size, tokens, 5, `"normalizer":{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true},
		"pre_tokenizer":{"type":"BertPreTokenizer"},"decoder":{"type":"WordPiece","prefix":"##","cleanup":true},
		"post_processor":{"type":"BertProcessing","cls":["[CLS]",2],"sep":["[SEP]",3]}`,
		`"type":"WordPiece","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":100`)
}

// visibleBytes is the tokenizer of a GPT-2 that knows printable ASCII alone, and a few pairs.
func visibleBytes(size int) []byte {
	tokens := []string{"<unk>", "<s>", "</s>", "Ġ", "Ċ"}
	for c := '!'; c <= '~'; c++ {
		tokens = append(tokens, string(c))
	}
	tokens = append(tokens, "th", "Ġth", "in", "ing", "er")
	bytes := `{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true}`
	return file(size, tokens, 3, `"pre_tokenizer":`+bytes+`,"decoder":`+bytes, `"type":"BPE","unk_token":"<unk>","merges":["t h","Ġ th","i n","in g","e r"]`)
}

// States are what a checkpoint's network makes of a sequence of tokens: the scores of the next token at each, or of a
// network without a head its states.
func States(m *model.Model, ids ...int32) []float32 {
	tape := nn.NewTape(nil)
	tape.Begin(nn.Inference, 0, 0)
	n, batch := m.Transformer(), tensor.Packed{IDs: ids, Offsets: []int32{0, int32(len(ids))}}
	x := n.Forward(tape, encoder.Input{Tokens: &batch})
	if m.Config.Head == model.CausalHead {
		x = n.Logits(tape, x, batch.Offsets)
	}
	return append([]float32(nil), x.Data...)
}
