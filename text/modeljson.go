package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// readModel reads the section "model". Files of old have no type in it; what they hold tells.
func readModel(section json.RawMessage, byteLevel bool) (Algorithm, string, error) {
	var head struct {
		Type   string          `json:"type"`
		Vocab  json.RawMessage `json:"vocab"`
		Merges json.RawMessage `json:"merges"`
		MaxIn  *int            `json:"max_input_chars_per_word"`
	}
	if err := json.Unmarshal(section, &head); err != nil {
		return nil, "", err
	}
	if head.Type == "" {
		switch {
		case head.Merges != nil:
			head.Type = "BPE"
		case bytes.HasPrefix(head.Vocab, []byte("[")):
			head.Type = "Unigram"
		case head.MaxIn != nil:
			head.Type = "WordPiece"
		}
	}
	if byteLevel && head.Type != "BPE" {
		return nil, head.Type, fmt.Errorf("the pre-tokenizer ByteLevel is known with BPE only")
	}
	var a Algorithm
	var err error
	switch head.Type {
	case "WordLevel":
		a, err = readWordLevel(section, head.Vocab)
	case "WordPiece":
		a, err = readWordPiece(section, head.Vocab)
	case "BPE":
		a, err = readBPE(section, head.Vocab, head.Merges, byteLevel)
	case "Unigram":
		a, err = readUnigram(section, head.Vocab)
	default:
		err = fmt.Errorf("it is not known; known are BPE, Unigram, WordLevel, WordPiece")
	}
	return a, fmt.Sprintf("%q", head.Type), err
}

// readVocab reads {token: id}. Ids may have holes, within reason.
func readVocab(data json.RawMessage) (vocab, error) {
	var ids map[string]int32
	if err := json.Unmarshal(data, &ids); err != nil {
		return vocab{}, fmt.Errorf("vocabulary: %w", err)
	}
	size := int32(0)
	for token, id := range ids {
		if id < 0 || int(id) > idLimit(len(ids)) {
			return vocab{}, fmt.Errorf("vocabulary: token %q has the id %d, of %d tokens", token, id, len(ids))
		}
		size = max(size, id+1)
	}
	tokens := make([]string, size)
	for token, id := range ids {
		if tokens[id] != "" {
			return vocab{}, fmt.Errorf("vocabulary: the tokens %q and %q have the same id %d", tokens[id], token, id)
		}
		tokens[id] = token
	}
	return newVocab(tokens), nil
}

// known returns the number of a token that a setting names.
func (v *vocab) known(what, token string) (int32, error) {
	id, ok := v.id(token)
	if !ok {
		return 0, fmt.Errorf("the %s token %q is not in the vocabulary", what, token)
	}
	return id, nil
}

// readVocabWith also returns the number of the token for what is not known.
func readVocabWith(words json.RawMessage, unknown string) (v vocab, unk int32, err error) {
	if v, err = readVocab(words); err == nil {
		unk, err = v.known("unknown", unknown)
	}
	return v, unk, err
}

func readWordLevel(section, words json.RawMessage) (Algorithm, error) {
	var c struct {
		Unknown string `json:"unk_token"`
	}
	if err := json.Unmarshal(section, &c); err != nil {
		return nil, err
	}
	v, unk, err := readVocabWith(words, c.Unknown)
	if err != nil {
		return nil, err
	}
	return &wordLevel{v, unk}, nil
}

func readWordPiece(section, words json.RawMessage) (Algorithm, error) {
	c := wordPieceConfig{"[UNK]", "##", 100}
	if err := json.Unmarshal(section, &c); err != nil {
		return nil, err
	}
	v, unk, err := readVocabWith(words, c.Unknown)
	if err != nil {
		return nil, err
	}
	return newWordPiece(v, unk, c.Prefix, c.Longest), nil
}

type wordPieceConfig struct {
	Unknown string `json:"unk_token"`
	Prefix  string `json:"continuing_subword_prefix"`
	Longest int    `json:"max_input_chars_per_word"`
}

func readBPE(section, words, merges json.RawMessage, byteLevel bool) (Algorithm, error) {
	var c bpeConfig
	if err := json.Unmarshal(section, &c); err != nil {
		return nil, err
	}
	if c.Dropout != nil && *c.Dropout != 0 {
		return nil, fmt.Errorf("dropout %v is not supported: it would encode by chance", *c.Dropout)
	}
	v, err := readVocab(words)
	if err != nil {
		return nil, err
	}
	pairs, err := readMerges(merges)
	if err != nil {
		return nil, err
	}
	return newBPE(v, pairs, c, byteLevel)
}

// readMerges reads ["a b", …] or [["a", "b"], …].
func readMerges(data json.RawMessage) ([][2]string, error) {
	var pairs [][]string
	if err := json.Unmarshal(data, &pairs); err == nil {
		out := make([][2]string, len(pairs))
		for i, p := range pairs {
			if len(p) != 2 {
				return nil, fmt.Errorf("merge %d has %d parts", i, len(p))
			}
			out[i] = [2]string(p)
		}
		return out, nil
	}
	var lines []string
	if err := json.Unmarshal(data, &lines); err != nil {
		return nil, fmt.Errorf("merges: %w", err)
	}
	out := make([][2]string, len(lines))
	for i, line := range lines {
		left, right, ok := strings.Cut(line, " ")
		if !ok || strings.Contains(right, " ") {
			return nil, fmt.Errorf("merge %d, %q, is not two tokens with a space between", i, line)
		}
		out[i] = [2]string{left, right}
	}
	return out, nil
}

func readUnigram(section, words json.RawMessage) (Algorithm, error) {
	var c struct {
		Unknown      *int32 `json:"unk_id"`
		ByteFallback bool   `json:"byte_fallback"`
	}
	if err := json.Unmarshal(section, &c); err != nil {
		return nil, err
	}
	var pairs []unigramEntry
	if err := json.Unmarshal(words, &pairs); err != nil {
		return nil, fmt.Errorf("vocabulary: %w", err)
	}
	if c.Unknown == nil || *c.Unknown < 0 || int(*c.Unknown) >= len(pairs) {
		return nil, fmt.Errorf("unk_id is missing or outside the vocabulary")
	}
	tokens, scores, seen := make([]string, len(pairs)), make([]float64, len(pairs)), make(map[string]bool, len(pairs))
	for i, p := range pairs {
		if p.token == "" || seen[p.token] {
			return nil, fmt.Errorf("vocabulary: token %d, %q, is empty or stands twice", i, p.token)
		}
		seen[p.token] = true
		tokens[i], scores[i] = p.token, p.score
	}
	u := newUnigram(tokens, scores, *c.Unknown)
	if c.ByteFallback {
		u.fallBackToBytes()
	}
	return u, nil
}

// unigramEntry is written as [token, score].
type unigramEntry struct {
	token string
	score float64
}

func (u *unigramEntry) UnmarshalJSON(data []byte) error {
	var score json.Number
	err := unmarshalPair(data, &u.token, &score)
	if err == nil {
		u.score, err = parseScore(string(score))
	}
	return err
}

// unmarshalPair reads a list of two values.
func unmarshalPair(data []byte, a, b any) error {
	var pair []json.RawMessage
	if err := json.Unmarshal(data, &pair); err != nil {
		return err
	}
	if len(pair) != 2 {
		return fmt.Errorf("a pair of %d parts", len(pair))
	}
	if err := json.Unmarshal(pair[0], a); err != nil {
		return err
	}
	return json.Unmarshal(pair[1], b)
}

// writeModel writes the section "model".
func writeModel(a Algorithm) (json.RawMessage, error) {
	var head any
	var rest []byte
	switch a := a.(type) {
	case *wordLevel:
		head = struct {
			Type    string `json:"type"`
			Unknown string `json:"unk_token"`
		}{"WordLevel", a.tokens[a.unk]}
		rest = writeVocab(a.tokens)
	case *wordPiece:
		head = struct {
			Type string `json:"type"`
			wordPieceConfig
		}{"WordPiece", wordPieceConfig{a.tokens[a.unk], a.prefix, a.longest}}
		rest = writeVocab(a.tokens)
	case *bpe:
		head = struct {
			Type string `json:"type"`
			bpeConfig
		}{"BPE", a.config}
		merges, err := marshal(a.pairs)
		if err != nil {
			return nil, err
		}
		if a.pairs == nil {
			merges = []byte("[]")
		}
		rest = append(append(writeVocab(a.tokens), `,"merges":`...), merges...)
	case *unigram:
		head = struct {
			Type         string `json:"type"`
			Unknown      int32  `json:"unk_id"`
			ByteFallback bool   `json:"byte_fallback"`
		}{"Unigram", a.unk, a.fallBack}
		rest = a.writeVocab()
	default:
		return nil, fmt.Errorf("an algorithm %T without a name", a)
	}
	out, err := marshal(head)
	if err != nil {
		return nil, err
	}
	out = append(out[:len(out)-1], `,"vocab":`...)
	return append(append(out, rest...), '}'), nil
}

// writeVocab writes {token: id} in the order of the ids, as the library does: a map would be sorted by token.
func writeVocab(tokens []string) []byte {
	b := []byte{'{'}
	for i, t := range tokens {
		if t == "" {
			continue // a hole
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = fmt.Appendf(append(b, quote(t)...), ":%d", i)
	}
	return append(b, '}')
}

func (u *unigram) writeVocab() []byte {
	b := []byte{'['}
	for i, t := range u.tokens {
		if i > 0 {
			b = append(b, ',')
		}
		// Scores are finite: those who make a unigram see to it.
		score, _ := json.Marshal(u.scores[i])
		b = fmt.Appendf(b, "[%s,%s]", quote(t), score)
	}
	return append(b, ']')
}
