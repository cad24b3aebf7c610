package text

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"testing"
)

// tabRule is a map of characters with one rule, a tab becomes a space, as a tokenizer.json; change may spoil its trie.
func tabRule(change func(units []uint32)) string {
	units := make([]uint32, 33)
	units[0] = 16 << 10                   // the children of the root: 16 xor byte
	units[16^'\t'] = '\t' | 1<<8 | 57<<10 // a rule ends here; its value: 25 xor 57
	units[16^'\t'^57] = 0 | 1<<31         // place 0 in the replacements
	if change != nil {
		change(units)
	}
	content := binary.LittleEndian.AppendUint32(nil, uint32(4*len(units)))
	for _, u := range units {
		content = binary.LittleEndian.AppendUint32(content, u)
	}
	content = append(content, " \x00"...)
	return fmt.Sprintf(`{"version":"1.0","normalizer":{"type":"Precompiled","precompiled_charsmap":"%s"},"pre_tokenizer":{"type":"Metaspace","replacement":"▁"},
"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["▁a",-1],["▁b",-2]]}}`, base64.StdEncoding.EncodeToString(content))
}

func TestPrecompiledRules(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(units []uint32)
	}{
		{"good", "a b", nil},
		{"value behind the replacements", "a\tb", func(u []uint32) { u[32] = 1<<31 | 1<<30 }},
		{"children outside the trie", "a\tb", func(u []uint32) { u[0] = 1 << 30 }},
		{"value outside the trie", "a\tb", func(u []uint32) { u[16^'\t'] |= 1 << 9 }},
	} {
		tok, err := Read([]byte(tabRule(c.change)))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got := tok.Normalize("a\tb"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		checkSpans(t, c.name, tok, "a\tb\t\t")
	}
}
