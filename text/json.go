package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// tokenizer.json, the format of Hugging Face's tokenizers library (https://huggingface.co/docs/tokenizers).

// stage is one JSON object with a "type"; the fields of all kinds stand side by side.
type stage struct {
	Type          string          `json:"type"`
	Normalizers   []stage         `json:"normalizers,omitempty"`
	PreTokenizers []stage         `json:"pretokenizers,omitempty"`
	Pattern       *splitPattern   `json:"pattern,omitempty"`
	Behavior      string          `json:"behavior,omitempty"`
	Invert        *bool           `json:"invert,omitempty"`
	Vocab         json.RawMessage `json:"vocab,omitempty"`
	UnkToken      string          `json:"unk_token,omitempty"`
	UnkID         *int32          `json:"unk_id,omitempty"`
	ByteFallback  *bool           `json:"byte_fallback,omitempty"`
}

type splitPattern struct {
	Regex  string `json:"Regex,omitempty"`
	String string `json:"String,omitempty"`
}

type tokenizerFile struct {
	Version       string          `json:"version"`
	Truncation    json.RawMessage `json:"truncation"`
	Padding       json.RawMessage `json:"padding"`
	AddedTokens   []any           `json:"added_tokens"`
	Normalizer    *stage          `json:"normalizer"`
	PreTokenizer  *stage          `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         stage           `json:"model"`
}

func (nfkc) stage() stage            { return stage{Type: "NFKC"} }
func (lowercase) stage() stage       { return stage{Type: "Lowercase"} }
func (whitespaceSplit) stage() stage { return stage{Type: "WhitespaceSplit"} }

func (punctuation) stage() stage { return stage{Type: "Punctuation", Behavior: "Isolated"} }

func (splitCharacters) stage() stage {
	no := false
	return stage{Type: "Split", Pattern: &splitPattern{Regex: "."}, Behavior: "Isolated", Invert: &no}
}

func (w *wordLevel) stage() stage {
	// Numbers in the order of the ids, as the library writes them: a map would be sorted by token.
	var vocab bytes.Buffer
	vocab.WriteByte('{')
	for i, t := range w.tokens {
		if i > 0 {
			vocab.WriteByte(',')
		}
		fmt.Fprintf(&vocab, "%s:%d", quote(t), i)
	}
	vocab.WriteByte('}')
	return stage{Type: "WordLevel", Vocab: vocab.Bytes(), UnkToken: w.tokens[w.unk]}
}

func (u *unigram) stage() stage {
	var vocab bytes.Buffer
	vocab.WriteByte('[')
	for i, t := range u.tokens {
		if i > 0 {
			vocab.WriteByte(',')
		}
		score, err := json.Marshal(u.scores[i])
		if err != nil {
			score = []byte("0") // scores are finite: newUnigram's callers see to it
		}
		fmt.Fprintf(&vocab, "[%s,%s]", quote(t), score)
	}
	vocab.WriteByte(']')
	no := false
	return stage{Type: "Unigram", Vocab: vocab.Bytes(), UnkID: &u.unk, ByteFallback: &no}
}

// quote writes a JSON string without escaping what HTML would need.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	// A string can always be encoded.
	_ = e.Encode(s)
	return bytes.TrimRight(b.Bytes(), "\n")
}

// MarshalJSON returns the tokenizer as the content of a tokenizer.json.
func (t *Tokenizer) MarshalJSON() ([]byte, error) {
	null := json.RawMessage("null")
	f := tokenizerFile{Version: "1.0", Truncation: null, Padding: null, AddedTokens: []any{}, PostProcessor: null, Decoder: null}
	if len(t.normalizers) > 0 {
		f.Normalizer = &stage{Type: "Sequence"}
		for _, n := range t.normalizers {
			f.Normalizer.Normalizers = append(f.Normalizer.Normalizers, n.(interface{ stage() stage }).stage())
		}
	}
	f.PreTokenizer = &stage{Type: "Sequence"}
	for _, p := range t.preTokenizers {
		f.PreTokenizer.PreTokenizers = append(f.PreTokenizer.PreTokenizers, p.(interface{ stage() stage }).stage())
	}
	f.Model = t.algorithm.(interface{ stage() stage }).stage()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(f); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// Save writes a tokenizer.json, as a whole or not at all.
func (t *Tokenizer) Save(path string) error {
	data, err := t.MarshalJSON()
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return atomicfile.WriteFile(path, data, 0o644)
}

// maxFile bounds a tokenizer.json: the largest in use have some ten megabytes.
const maxFile = 256 << 20

// Load reads the tokenizer.json at path.
func Load(path string) (*Tokenizer, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the tokenizer: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("reading the tokenizer %s: %d bytes, at most %d are read", path, info.Size(), maxFile)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the tokenizer: %w", err)
	}
	t, err := Read(data)
	if err != nil {
		return nil, fmt.Errorf("reading the tokenizer %s: %w", path, err)
	}
	return t, nil
}

// Read reads the content of a tokenizer.json. What it cannot do exactly as the library does is refused by name.
func Read(data []byte) (*Tokenizer, error) {
	const way = "use a tokenizer that xiaoyu wrote"
	var f tokenizerFile
	if err := json.Unmarshal(data, &f); err != nil {
		return nil, hint.Wrap(err, way, "it is no tokenizer.json")
	}
	if f.Version != "1.0" {
		return nil, hint.Errorf(way, "version %q; 1.0 is supported", f.Version)
	}
	if len(f.AddedTokens) > 0 {
		return nil, hint.Errorf(way, "added tokens are not supported yet")
	}
	for name, part := range map[string]json.RawMessage{"truncation": f.Truncation, "padding": f.Padding, "post_processor": f.PostProcessor, "decoder": f.Decoder} {
		if len(part) > 0 && string(part) != "null" {
			return nil, hint.Errorf(way, "a %s is not supported yet", name)
		}
	}
	t := &Tokenizer{}
	for _, s := range flatten(f.Normalizer, func(s *stage) []stage { return s.Normalizers }) {
		switch s.Type {
		case "NFKC":
			t.normalizers = append(t.normalizers, nfkc{})
		case "Lowercase":
			t.normalizers = append(t.normalizers, lowercase{})
		default:
			return nil, hint.Errorf(way, "normalizer %q; NFKC and Lowercase are supported", s.Type)
		}
	}
	for _, s := range flatten(f.PreTokenizer, func(s *stage) []stage { return s.PreTokenizers }) {
		switch {
		case s.Type == "WhitespaceSplit":
			t.preTokenizers = append(t.preTokenizers, whitespaceSplit{})
		case s.Type == "Punctuation" && s.Behavior == "Isolated":
			t.preTokenizers = append(t.preTokenizers, punctuation{})
		case s.Type == "Split" && s.Pattern != nil && s.Pattern.Regex == "." && s.Behavior == "Isolated" && s.Invert != nil && !*s.Invert:
			t.preTokenizers = append(t.preTokenizers, splitCharacters{})
		default:
			return nil, hint.Errorf(way, "pre-tokenizer %q as configured; WhitespaceSplit, Punctuation (Isolated) and Split by characters are supported", s.Type)
		}
	}
	var err error
	t.algorithm, err = f.Model.algorithm()
	if err != nil {
		return nil, hint.Wrap(err, way, "model %q", f.Model.Type)
	}
	return t, nil
}

// flatten returns the stages of a sequence, or the one stage, or none.
func flatten(s *stage, parts func(*stage) []stage) []stage {
	switch {
	case s == nil:
		return nil
	case s.Type == "Sequence":
		return parts(s)
	}
	return []stage{*s}
}

func (s *stage) algorithm() (Algorithm, error) {
	switch s.Type {
	case "WordLevel":
		var ids map[string]int32
		if err := json.Unmarshal(s.Vocab, &ids); err != nil {
			return nil, fmt.Errorf("vocabulary: %w", err)
		}
		tokens := make([]string, len(ids))
		seen := make([]bool, len(ids))
		for t, id := range ids {
			if id < 0 || int(id) >= len(ids) || seen[id] {
				return nil, fmt.Errorf("vocabulary: the ids of %d tokens are not 0 to %d", len(ids), len(ids)-1)
			}
			tokens[id], seen[id] = t, true
		}
		unk, ok := ids[s.UnkToken]
		if !ok {
			return nil, fmt.Errorf("the unknown token %q is not in the vocabulary", s.UnkToken)
		}
		return newWordLevel(tokens, unk), nil
	case "Unigram":
		var pairs []unigramEntry
		if err := json.Unmarshal(s.Vocab, &pairs); err != nil {
			return nil, fmt.Errorf("vocabulary: %w", err)
		}
		if s.UnkID == nil || *s.UnkID < 0 || int(*s.UnkID) >= len(pairs) {
			return nil, fmt.Errorf("unk_id is missing or outside the vocabulary")
		}
		if s.ByteFallback != nil && *s.ByteFallback {
			return nil, fmt.Errorf("byte_fallback is not supported yet")
		}
		tokens, scores, seen := make([]string, len(pairs)), make([]float64, len(pairs)), make(map[string]bool, len(pairs))
		for i, p := range pairs {
			if p.token == "" || seen[p.token] {
				return nil, fmt.Errorf("vocabulary: token %d, %q, is empty or stands twice", i, p.token)
			}
			seen[p.token] = true
			tokens[i], scores[i] = p.token, p.score
		}
		return newUnigram(tokens, scores, *s.UnkID), nil
	}
	return nil, fmt.Errorf("WordLevel and Unigram are supported")
}

// unigramEntry is written as [token, score].
type unigramEntry struct {
	token string
	score float64
}

func (u *unigramEntry) UnmarshalJSON(data []byte) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("an entry of %d parts, not [token, score]", len(pair))
	}
	if err := json.Unmarshal(pair[0], &u.token); err != nil {
		return err
	}
	if err := json.Unmarshal(pair[1], &u.score); err != nil {
		return err
	}
	if math.IsNaN(u.score) || math.IsInf(u.score, 0) {
		return fmt.Errorf("score %v", u.score)
	}
	return nil
}
