package text

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Trimmed returns a tokenizer that knows fewer tokens, numbered anew in their old order, and the old number of each. It
// keeps those that keep names and those that nothing works without: special and added tokens, the unknown one, bytes that
// unknown characters fall back to, and of BPE what kept tokens are made of. A text whose tokens are all kept is cut as it
// was; what is lost falls apart into shorter tokens, or becomes unknown. Unlike Restricted it leaves the special tokens
// around texts where they were, and keeps no single character for its own sake.
func (t *Tokenizer) Trimmed(keep func(id int32) bool) (*Tokenizer, []int32, error) {
	kept := make([]bool, t.VocabSize())
	for id := range kept {
		kept[id] = keep(int32(id))
	}
	for _, id := range t.Special() {
		kept[id] = true
	}
	if t.added != nil {
		for id := range t.added.byID {
			kept[id] = true
		}
	}
	if b, ok := t.algorithm.(*bpe); ok {
		for id, token := range b.tokens { // pieces begin as bytes
			kept[id] = kept[id] || b.bytes && token != "" && t.indivisible(token)
		}
		b.keepParts(kept)
	}
	if u, ok := t.algorithm.(*unigram); ok && u.fallBack {
		for _, id := range u.fall {
			if id >= 0 {
				kept[id] = true
			}
		}
	}
	number, old := make([]int32, len(kept)), []int32(nil)
	for id := range kept {
		number[id] = -1
		if kept[id] {
			number[id] = int32(len(old))
			old = append(old, int32(id))
		}
	}
	data, err := t.renumbered(number, old)
	if err != nil {
		return nil, nil, hint.Wrap(err, "keep the whole vocabulary", "leaving out tokens")
	}
	trimmed, err := Read(data)
	if err != nil {
		return nil, nil, fmt.Errorf("leaving out tokens: %w", err)
	}
	return trimmed, old, nil
}

// renumbered is the tokenizer.json with the tokens of old alone; number is the new number of each, or -1.
func (t *Tokenizer) renumbered(number, old []int32) ([]byte, error) {
	data, err := t.MarshalJSON()
	if err != nil {
		return nil, err
	}
	var f tokenizerFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, err
	}
	var tokens []string
	var scores []float64
	for _, id := range old {
		if int(id) >= len(t.algorithm.vocabulary()) {
			break // added ones
		}
		tokens = append(tokens, t.algorithm.vocabulary()[id])
		if u, ok := t.algorithm.(*unigram); ok {
			scores = append(scores, u.scores[id])
		}
	}
	a, err := t.restrictedTo(tokens, scores, number)
	if err != nil {
		return nil, err
	}
	if f.Model, err = writeModel(a); err != nil {
		return nil, err
	}
	for i := range f.AddedTokens {
		f.AddedTokens[i].ID = number[f.AddedTokens[i].ID]
	}
	if f.Padding != nil && int(f.Padding.PadID) < len(number) {
		p := *f.Padding
		p.PadID = max(number[p.PadID], 0)
		f.Padding = &p
	}
	if f.PostProcessor, err = renumberProcessor(f.PostProcessor, number); err != nil {
		return nil, err
	}
	return json.Marshal(f)
}

// renumberProcessor gives the special tokens that a post-processor names their new numbers.
func renumberProcessor(section json.RawMessage, number []int32) (json.RawMessage, error) {
	if len(section) == 0 || string(section) == "null" {
		return section, nil
	}
	var v any
	d := json.NewDecoder(strings.NewReader(string(section)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	renew := func(v any) (any, error) {
		n, ok := v.(json.Number)
		id, err := n.Int64()
		if !ok || err != nil || id < 0 || int(id) >= len(number) || number[id] < 0 {
			return nil, fmt.Errorf("the post-processor names the token %v, which there is none", v)
		}
		return number[id], nil
	}
	var walk func(v any) error
	walk = func(v any) (err error) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				if err := walk(x); err != nil {
					return err
				}
			}
		case map[string]any:
			for key, x := range v {
				list, _ := x.([]any)
				switch {
				case key == "ids":
					for i := range list {
						if list[i], err = renew(list[i]); err != nil {
							return err
						}
					}
				case (key == "sep" || key == "cls") && len(list) == 2:
					if list[1], err = renew(list[1]); err != nil {
						return err
					}
				default:
					if err := walk(x); err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
	if err := walk(v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}
