package model

import (
	"encoding/json"
	"slices"
)

// tokenizerConfigFile is the one by which transformers knows how to read TokenizerFile.
const tokenizerConfigFile = "tokenizer_config.json"

// addTokenizerConfig has transformers take the tokenizer of a pretrained network as it is. Without the file, its class is
// the architecture's own, which makes a tokenizer of its own rules and special tokens from the vocabulary, if it opens the
// folder at all.
func (m *Model) addTokenizerConfig(files map[string][]byte) error {
	if m.Config.Encoder == nil {
		return nil
	}
	config := map[string]any{
		"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": m.Config.MaxTokens, "clean_up_tokenization_spaces": false,
		"model_input_names": m.inputNames(),
	}
	special := m.Tokenizer.Special()
	name := func(key string, id int32) {
		if slices.Contains(special, id) {
			config[key] = m.Tokenizer.Token(id)
		}
	}
	name("unk_token", m.Tokenizer.UnkID())
	name("pad_token", m.Tokenizer.PadID())
	if mask, ok := m.Tokenizer.MaskID(); ok {
		name("mask_token", mask)
	}
	begin, end := m.Around()
	if len(begin) == 1 {
		name("cls_token", begin[0])
		name("bos_token", begin[0])
	}
	if len(end) == 1 {
		name("sep_token", end[0])
		name("eos_token", end[0])
	}
	content, err := json.MarshalIndent(config, "", "  ")
	files[tokenizerConfigFile] = append(content, '\n')
	return err
}

// inputNames are what the network reads; one without a table of types is not told of types.
func (m *Model) inputNames() []string {
	if m.Config.Encoder.Types > 0 {
		return []string{"input_ids", "token_type_ids", "attention_mask"}
	}
	return []string{"input_ids", "attention_mask"}
}
