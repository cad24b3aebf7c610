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
// was; what is lost falls apart into shorter tokens, or becomes unknown.
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

// keepParts keeps what kept tokens are joined from, and the bytes that every piece begins as.
func (b *bpe) keepParts(kept []bool) {
	for _, place := range b.single {
		for _, id := range place {
			if id >= 0 && b.bytes {
				kept[id] = true
			}
		}
	}
	for _, id := range b.fall {
		if id >= 0 {
			kept[id] = true
		}
	}
	for rank := len(b.pairs) - 1; rank >= 0; rank-- { // parts are older than what they are joined to
		if kept[b.merged[rank]] {
			kept[b.ids[b.pairs[rank][0]]], kept[b.ids[b.pairs[rank][1]]] = true, true
		}
	}
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
	a, err := trimAlgorithm(t.algorithm, number, old)
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

// trimAlgorithm is the algorithm with the tokens of old alone.
func trimAlgorithm(a Algorithm, number, old []int32) (Algorithm, error) {
	all := a.vocabulary()
	var tokens []string
	var scores []float64
	for _, id := range old {
		if int(id) >= len(all) {
			break // added ones
		}
		tokens = append(tokens, all[id])
		if u, ok := a.(*unigram); ok {
			scores = append(scores, u.scores[id])
		}
	}
	switch a := a.(type) {
	case *wordLevel:
		return newWordLevel(tokens, number[a.unk]), nil
	case *wordPiece:
		return newWordPiece(newVocab(tokens), number[a.unk], a.prefix, a.longest), nil
	case *unigram:
		u := newUnigram(tokens, scores, number[a.unk])
		if a.fallBack {
			u.fallBackToBytes()
		}
		return u, nil
	case *bpe:
		var pairs [][2]string
		for rank, p := range a.pairs {
			if number[a.merged[rank]] >= 0 && number[a.ids[p[0]]] >= 0 && number[a.ids[p[1]]] >= 0 {
				pairs = append(pairs, p)
			}
		}
		return newBPE(newVocab(tokens), pairs, a.config, a.bytes)
	}
	return nil, fmt.Errorf("an algorithm %T without a name", a)
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
