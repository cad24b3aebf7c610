package text

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// kind is a stage that tokenizer.json can name. make returns one with the format's defaults; the fields of the stage,
// where it has any, are those of the file.
type kind[T any] struct {
	name string
	make func() T
}

var normalizerKinds = []kind[Normalizer]{
	{"BertNormalizer", func() Normalizer { return &bertNormalizer{Clean: true, Chinese: true, Lower: true} }},
	{"ByteLevel", func() Normalizer { return byteNormalizer{} }},
	{"Lowercase", func() Normalizer { return lowercaser{} }},
	{"NFC", func() Normalizer { return nfc }},
	{"NFD", func() Normalizer { return nfd }},
	{"NFKC", func() Normalizer { return nfkc }},
	{"NFKD", func() Normalizer { return nfkd }},
	{"Nmt", func() Normalizer { return nmt{} }},
	{"Precompiled", func() Normalizer { return &precompiled{} }},
	{"Prepend", func() Normalizer { return &prepend{} }},
	{"Replace", func() Normalizer { return &replace{} }},
	{"Strip", func() Normalizer { return &strip{} }},
	{"StripAccents", func() Normalizer { return stripAccents{} }},
}

var preTokenizerKinds = []kind[PreTokenizer]{
	{"BertPreTokenizer", func() PreTokenizer { return bertPreTokenizer{} }},
	{"ByteLevel", func() PreTokenizer { return &byteLevel{true, true, true} }},
	{"CharDelimiterSplit", func() PreTokenizer { return &charDelimiterSplit{} }},
	{"Digits", func() PreTokenizer { return &digits{} }},
	{"FixedLength", func() PreTokenizer { return &fixedLength{} }},
	{"Metaspace", func() PreTokenizer { return &metaspace{Split: true} }},
	{"Punctuation", func() PreTokenizer { return &punctuation{isolated} }},
	{"Split", func() PreTokenizer { return &splitStage{} }},
	{"Whitespace", func() PreTokenizer { return whitespace{} }},
	{"WhitespaceSplit", func() PreTokenizer { return whitespaceSplit{} }},
}

var processorKinds = []kind[processor]{
	{"BertProcessing", func() processor { return &bertProcessing{} }},
	{"ByteLevel", func() processor { return &byteLevel{true, true, true} }},
	{"RobertaProcessing", func() processor { return &robertaProcessing{Trim: true, AddPrefix: true} }},
	{"TemplateProcessing", func() processor { return &templateProcessing{} }},
}

var decoderKinds = []kind[decoder]{
	{"BPEDecoder", func() decoder { return &bpeDecoder{"</w>"} }},
	{"ByteFallback", func() decoder { return byteFallback{} }},
	{"ByteLevel", func() decoder { return &byteLevel{true, true, true} }},
	{"Fuse", func() decoder { return fuse{} }},
	{"Metaspace", func() decoder { return &metaspace{Split: true} }},
	{"Replace", func() decoder { return &replace{} }},
	{"Strip", func() decoder { return &stripDecoder{} }},
	{"WordPiece", func() decoder { return &wordPieceDecoder{"##", true} }},
}

// maxStages bounds how deep sequences may be nested.
const maxStages = 16

// readStages reads a section: a stage, a Sequence of stages, or null. list is the key of a Sequence's stages.
func readStages[T any](section json.RawMessage, what, list string, kinds []kind[T], depth int) ([]T, error) {
	if len(section) == 0 || string(section) == "null" {
		return nil, nil
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(section, &head); err != nil {
		return nil, hint.Wrap(err, useAnother, "the %s", what)
	}
	if head.Type == "Sequence" {
		var parts map[string]json.RawMessage
		var stages []json.RawMessage
		err := json.Unmarshal(section, &parts)
		if err == nil {
			err = json.Unmarshal(parts[list], &stages)
		}
		if err != nil {
			return nil, hint.Wrap(err, useAnother, "the %s Sequence has no list %q", what, list)
		}
		if depth == maxStages {
			return nil, hint.Errorf(useAnother, "the %s is nested more than %d deep", what, maxStages)
		}
		var all []T
		for _, s := range stages {
			more, err := readStages(s, what, list, kinds, depth+1)
			if err != nil {
				return nil, err
			}
			all = append(all, more...)
		}
		return all, nil
	}
	for _, k := range kinds {
		if k.name != head.Type {
			continue
		}
		stage := k.make()
		err := fill(stage, section)
		if err != nil {
			return nil, hint.Wrap(err, useAnother, "the %s %s", what, k.name)
		}
		return []T{stage}, nil
	}
	return nil, hint.Errorf(useAnother, "the %s %q is not known; known are Sequence, %s", what, head.Type, names(kinds))
}

// fill reads the fields of a stage and has it get ready.
func fill(stage any, section json.RawMessage) error {
	if reflect.TypeOf(stage).Kind() == reflect.Pointer {
		if _, shared := stage.(*form); !shared {
			if err := json.Unmarshal(section, stage); err != nil {
				return err
			}
		}
	}
	if p, ok := stage.(interface{ prepare() error }); ok {
		return p.prepare()
	}
	return nil
}

func names[T any](kinds []kind[T]) string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.name)
	}
	return strings.Join(all, ", ")
}

// writeStages writes a section.
func writeStages[T any](stages []T, list string, kinds []kind[T]) (json.RawMessage, error) {
	var parts []json.RawMessage
	for _, s := range stages {
		name, ok := nameOf(s, kinds)
		if !ok {
			return nil, fmt.Errorf("a stage %T without a name", s)
		}
		fields := []byte("{}")
		if _, shared := any(s).(*form); !shared {
			var err error
			if fields, err = marshal(s); err != nil {
				return nil, err
			}
		}
		head := []byte(`{"type":` + string(quote(name)))
		if len(fields) > 2 {
			head = append(head, ',')
		}
		parts = append(parts, append(head, fields[1:]...))
	}
	switch len(parts) {
	case 0:
		return json.RawMessage("null"), nil
	case 1:
		return parts[0], nil
	}
	return json.RawMessage(fmt.Sprintf(`{"type":"Sequence",%s:[%s]}`, quote(list), bytes.Join(bytesOfAll(parts), []byte(",")))), nil
}

func bytesOfAll(parts []json.RawMessage) (out [][]byte) {
	for _, p := range parts {
		out = append(out, p)
	}
	return out
}

// nameOf finds the kind of a stage: by identity for those that are shared or have no fields, else by type.
func nameOf[T any](stage T, kinds []kind[T]) (string, bool) {
	for _, k := range kinds {
		if any(k.make()) == any(stage) {
			return k.name, true
		}
	}
	for _, k := range kinds {
		if reflect.TypeOf(k.make()) == reflect.TypeOf(stage) {
			return k.name, true
		}
	}
	return "", false
}

// marshal writes JSON without escaping what HTML would need.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// quote writes a JSON string.
func quote(s string) []byte {
	// A string can always be encoded.
	b, _ := marshal(s)
	return b
}
