package text

// Description is what a tokenizer is made of, in the names of tokenizer.json.
type Description struct {
	Algorithm     string       `json:"algorithm"`
	Tokens        int          `json:"tokens"` // ids are below it
	Unknown       string       `json:"unknown"`
	Pad           string       `json:"pad"`
	Normalizers   []string     `json:"normalizers"`
	PreTokenizers []string     `json:"pre_tokenizers"`
	Processors    []string     `json:"post_processors"`
	Decoders      []string     `json:"decoders"`
	Added         []AddedToken `json:"added_tokens"`
	Truncation    *Truncation  `json:"truncation"`
	Padding       *Padding     `json:"padding"`
}

// Describe tells what the tokenizer is made of.
func (t *Tokenizer) Describe() Description {
	d := Description{
		Tokens: t.VocabSize(), Unknown: t.Token(t.UnkID()), Pad: t.Token(t.PadID()), Truncation: t.truncation, Padding: t.padding, Added: []AddedToken{},
		Normalizers: namesOf(t.normalizers, normalizerKinds), PreTokenizers: namesOf(t.preTokenizers, preTokenizerKinds),
		Processors: namesOf(t.processors, processorKinds), Decoders: namesOf(t.decoder, decoderKinds),
	}
	if t.added != nil {
		d.Added = t.added.list
	}
	switch t.algorithm.(type) {
	case *wordLevel:
		d.Algorithm = "WordLevel"
	case *wordPiece:
		d.Algorithm = "WordPiece"
	case *bpe:
		d.Algorithm = "BPE"
	case *unigram:
		d.Algorithm = "Unigram"
	}
	return d
}

func namesOf[T any](stages []T, kinds []kind[T]) []string {
	all := []string{}
	for _, s := range stages {
		name, _ := nameOf(s, kinds)
		all = append(all, name)
	}
	return all
}
