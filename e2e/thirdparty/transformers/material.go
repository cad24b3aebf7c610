package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// addTokenizer adds a tokenizer of single letters, with the special tokens where the checkpoint's configuration has
// them.
func addTokenizer(files map[string][]byte, config []byte) error {
	var c struct {
		Pad   *int `json:"pad_token_id"`
		Types *int `json:"type_vocab_size"`
	}
	if err := json.Unmarshal(config, &c); err != nil {
		return err
	}
	special := []string{"[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"}
	if c.Pad != nil && *c.Pad == 1 {
		special[0], special[1] = special[1], special[0]
	}
	vocab, added := map[string]int{}, []map[string]any{}
	for i, token := range special {
		vocab[token] = i
		added = append(added, map[string]any{"id": i, "content": token, "special": true, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false})
	}
	for letter := 'a'; letter <= 'z'; letter++ {
		vocab[string(letter)] = len(vocab)
	}
	second := 1 // type of the second text
	if c.Types != nil && *c.Types == 1 {
		second = 0
	}
	token := func(name string, kind int) map[string]any {
		return map[string]any{"SpecialToken": map[string]any{"id": name, "type_id": kind}}
	}
	sequence := func(name string, kind int) map[string]any {
		return map[string]any{"Sequence": map[string]any{"id": name, "type_id": kind}}
	}
	known := map[string]any{}
	for _, name := range []string{"[CLS]", "[SEP]"} {
		known[name] = map[string]any{"id": name, "ids": []int{vocab[name]}, "tokens": []string{name}}
	}
	tokenizer, err := json.Marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": added, "normalizer": nil, "decoder": nil,
		"pre_tokenizer": map[string]any{"type": "WhitespaceSplit"},
		"post_processor": map[string]any{"type": "TemplateProcessing", "special_tokens": known,
			"single": []any{token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0)},
			"pair":   []any{token("[CLS]", 0), sequence("A", 0), token("[SEP]", 0), sequence("B", second), token("[SEP]", second)},
		},
		"model": map[string]any{"type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]"},
	})
	if err != nil {
		return err
	}
	files[model.TokenizerFile] = tokenizer
	files["tokenizer_config.json"], err = json.Marshal(map[string]any{
		"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "mask_token": "[MASK]",
	})
	return err
}

// writeData writes what is learnt from: random letters, and labels that follow from them.
func writeData(dir string) error {
	draw := rand.New(rand.NewPCG(1, 2))
	words := func() []string {
		list := make([]string, 3+draw.IntN(8))
		for i := range list {
			list[i] = string(rune('a' + draw.IntN(26)))
		}
		return list
	}
	var table, tags, lines strings.Builder
	table.WriteString("text,pair,label,several,number\n")
	for range 160 {
		list := words()
		text, pair := strings.Join(list, " "), strings.Join(words(), " ")
		vowels := 0
		for _, w := range list {
			tag := "O"
			if strings.Contains("aeiou", w) {
				vowels, tag = vowels+1, "S-VOWEL"
			}
			fmt.Fprintln(&tags, w, tag)
		}
		tags.WriteByte('\n')
		several := cmp.Or(strings.Join(list[:vowels%3], "|"), "none")
		fmt.Fprintf(&table, "%s,%s,%s,%s,%d\n", text, pair, []string{"none", "some", "many"}[min(vowels, 2)], several, 3+2*vowels)
		fmt.Fprintln(&lines, text, pair)
	}
	for name, content := range map[string]string{"texts.csv": table.String(), "tags.conll": tags.String(), "texts.txt": lines.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}
