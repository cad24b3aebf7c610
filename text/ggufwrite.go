package text

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// GGUFOptions say what of a model its tokenizer has to know in a GGUF file.
type GGUFOptions struct {
	Rows       int   // of the network's table of tokens: numbers that no token has are filled up
	Begin, End int32 // tokens that begin and end a text that is written; -1: none
	Wrapped    bool  // special tokens stand around each text that is read
}

// GGUF returns the tokenizer as keys of a GGUF file (FromGGUF reads them, and has the list of kinds), the whole
// tokenizer.json among them, and what callers of llama.cpp, which reads the others, have to do to texts beforehand. A
// tokenizer that those keys cannot tell of is an error.
func (t *Tokenizer) GGUF(o GGUFOptions) (keys map[string]any, outside []string, err error) {
	whole, err := t.MarshalJSON()
	if err != nil {
		return nil, nil, err
	}
	w := &ggufWriter{t: t, o: o, keys: map[string]any{ggufWhole: string(whole)}}
	if err := w.vocabulary(); err != nil {
		return nil, nil, err
	}
	switch a := t.algorithm.(type) {
	case *wordPiece:
		err = w.wordPiece(a)
	case *unigram:
		err = w.unigram(a)
	case *bpe:
		if a.bytes {
			err = w.byteLevel(a)
		} else {
			err = w.sentencePiece(a)
		}
	default:
		err = w.missing("an algorithm that knows whole words alone")
	}
	if err == nil {
		err = w.around()
	}
	if err != nil {
		return nil, nil, err
	}
	w.set("tokens", w.tokens)
	w.set("token_type", w.types)
	return w.keys, w.outside, nil
}

// ggufWriter collects keys.
type ggufWriter struct {
	t       *Tokenizer
	o       GGUFOptions
	keys    map[string]any
	tokens  []string
	types   []int32
	outside []string
}

func (w *ggufWriter) set(name string, value any) { w.keys["tokenizer.ggml."+name] = value }

func (w *ggufWriter) missing(format string, args ...any) error {
	return hint.Errorf("train with tokenizer.kind wordpiece, bpe or unigram, or serve the package itself", "GGUF cannot tell of the tokenizer: "+format, args...)
}

// vocabulary lists all tokens with their types.
func (w *ggufWriter) vocabulary() error {
	t := w.t
	if n := t.VocabSize(); n > w.o.Rows {
		return fmt.Errorf("a tokenizer of %d tokens for %d rows", n, w.o.Rows)
	}
	for id, name := range t.algorithm.vocabulary() {
		if token := t.Token(int32(id)); name != "" && token != name {
			return w.missing("token %d is %q for the model, and %q was added under its number", id, name, token)
		}
	}
	special := map[int32]bool{}
	for _, id := range append(t.Special(), w.o.Begin, w.o.End) {
		special[id] = true
	}
	const normal = 1
	for id := range int32(w.o.Rows) {
		token, kind := t.Token(id), int32(normal)
		switch {
		case token == "":
			token, kind = fmt.Sprintf("[unused %d]", id), ggufUnused
		case special[id]:
			kind = ggufControl
		case t.added != nil && t.added.byID[id] != nil:
			kind = ggufUser
		}
		w.tokens, w.types = append(w.tokens, token), append(w.types, kind)
	}
	if unk := t.UnkID(); unk >= 0 {
		w.set("unknown_token_id", uint32(unk))
	}
	if pad := t.PadID(); t.padding != nil || special[pad] {
		w.set("padding_token_id", uint32(pad))
	}
	if mask, ok := t.MaskID(); ok {
		w.set("mask_token_id", uint32(mask))
	}
	return nil
}

// around tells which tokens stand around a text.
func (w *ggufWriter) around() error {
	before, after := []int32{}, []int32{}
	if w.o.Wrapped {
		list := &before
		for _, p := range w.t.wrapping().single {
			if p.text >= 0 {
				list = &after
				continue
			}
			*list = append(*list, p.id)
		}
	}
	if len(before) > 1 || len(after) > 1 {
		return w.missing("%d tokens before each text and %d behind it", len(before), len(after))
	}
	first, last := w.o.Begin, w.o.End
	if len(before) > 0 {
		first = before[0]
		w.set("cls_token_id", uint32(first))
	}
	if len(after) > 0 {
		last = after[0]
		w.set("seperator_token_id", uint32(last)) // sic
	}
	if first >= 0 {
		w.set("bos_token_id", uint32(first))
	}
	if last >= 0 {
		w.set("eos_token_id", uint32(last))
	}
	w.set("add_bos_token", len(before) > 0)
	w.set("add_eos_token", len(after) > 0)
	return nil
}

// normalized says of normalizers that GGUF does not know that callers run them.
func (w *ggufWriter) normalized(rest []Normalizer) {
	var list []string
	for _, n := range rest {
		name, _ := nameOf(n, normalizerKinds)
		list = append(list, name)
	}
	if len(list) > 0 {
		w.outside = append(w.outside, "normalisation: by the normalizer of tokenizer.json ("+strings.Join(slices.Compact(list), ", ")+"), of which GGUF knows nothing")
	}
}

// refuseStage says how texts are cut.
func (w *ggufWriter) refuseStage(stages []PreTokenizer) error {
	var list []string
	for _, s := range stages {
		name, _ := nameOf(s, preTokenizerKinds)
		list = append(list, name)
	}
	return w.missing("texts are cut by %s", strings.Join(list, ", "))
}

// wordPiece writes beginnings of words with ▁ and the rest without ##.
func (w *ggufWriter) wordPiece(a *wordPiece) error {
	stages := w.t.preTokenizers
	if len(stages) != 1 || !isStage[bertPreTokenizer](stages[0]) {
		return w.refuseStage(stages)
	}
	if a.prefix != "##" {
		return w.missing("parts of words begin with %q, not ##", a.prefix)
	}
	normalizers := w.t.normalizers
	bert, ok := (*bertNormalizer)(nil), false
	if n := len(normalizers); n > 0 {
		bert, ok = normalizers[n-1].(*bertNormalizer)
	}
	if !ok || !bert.Clean || !bert.Chinese {
		return w.missing("its normalizer is not BERT's")
	}
	w.normalized(normalizers[:len(normalizers)-1])
	w.set("normalizer.lowercase", bert.Lower)
	w.set("normalizer.strip_accents", bert.stripsAccents())
	if !bert.Lower || !bert.stripsAccents() {
		w.outside = append(w.outside, "letters: llama.cpp before its keys tokenizer.ggml.normalizer makes all of them small, without accents; this tokenizer does not")
	}
	for id, token := range w.tokens {
		if strings.HasPrefix(token, "[") && strings.HasSuffix(token, "]") || w.types[id] == ggufControl {
			continue
		}
		if rest, within := strings.CutPrefix(token, "##"); within {
			w.tokens[id] = rest
		} else {
			w.tokens[id] = "▁" + token
		}
	}
	w.set("model", "bert")
	w.set("pre", "default")
	return nil
}

// byteLevel names the expression that texts are cut by.
func (w *ggufWriter) byteLevel(a *bpe) error {
	stages := w.t.preTokenizers
	last, ok := stages[len(stages)-1].(*byteLevel)
	pre := ""
	switch {
	case !ok || len(stages) > 2:
	case len(stages) == 1 && last.UseRegex:
		pre = "gpt-2"
	case len(stages) == 2 && !last.UseRegex:
		if s, split := stages[0].(*splitStage); split && s.Pattern.Regex != nil && s.Behavior == isolated && !s.Invert {
			for name, expression := range ggufSplits {
				if expression == *s.Pattern.Regex {
					pre = name
				}
			}
		}
	}
	if pre == "" {
		return w.refuseStage(stages)
	}
	if a.config.IgnoreMerges != (pre == "llama-bpe") {
		return w.missing("words that are tokens as they stand are taken or not (ignore_merges) otherwise than %s has it", pre)
	}
	if orEmpty(a.config.Prefix)+orEmpty(a.config.Suffix) != "" {
		return w.missing("its tokens have marks within or behind words")
	}
	if last.AddPrefix {
		w.outside = append(w.outside, "a space: before each text that does not begin with one")
	}
	w.normalized(w.t.normalizers)
	merges := make([]string, len(a.pairs))
	for i, p := range a.pairs {
		merges[i] = p[0] + " " + p[1]
	}
	w.set("model", "gpt2")
	w.set("pre", pre)
	w.set("merges", merges)
	return nil
}

// unigram is SentencePiece's, with its rules of characters where it has some.
func (w *ggufWriter) unigram(a *unigram) error {
	if a.fallBack {
		return w.missing("characters that no token has become bytes")
	}
	if w.t.UnkID() < 0 {
		return w.missing("no token stands for what is unknown")
	}
	if err := w.spaces(); err != nil {
		return err
	}
	normalizers := w.t.normalizers
	if len(normalizers) > 0 {
		if p, ok := normalizers[0].(*precompiled); ok {
			w.set("precompiled_charsmap", p.Map)
			normalizers = normalizers[1:]
		}
	}
	w.normalized(slices.DeleteFunc(slices.Clone(normalizers), joinsSpaces))
	w.scores(func(id int) float32 { return float32(a.scores[id]) })
	w.set("model", "t5")
	w.set("pre", "default")
	return nil
}

// scores writes one a token, and marks the unknown token.
func (w *ggufWriter) scores(of func(id int) float32) {
	list := make([]float32, len(w.tokens))
	for id := range w.t.algorithm.vocabulary() {
		list[id] = of(id)
	}
	if unk := w.t.UnkID(); unk >= 0 {
		w.types[unk] = ggufUnknown
	}
	w.set("scores", list)
}

// spaces tells how spaces become ▁.
func (w *ggufWriter) spaces() error {
	stages := w.t.preTokenizers
	merged := slices.ContainsFunc(w.t.normalizers, joinsSpaces)
	if len(stages) == 2 && isStage[whitespaceSplit](stages[0]) {
		stages, merged = stages[1:], true
	}
	space, ok := (*metaspace)(nil), false
	if len(stages) == 1 {
		space, ok = stages[0].(*metaspace)
	}
	if !ok || space.Replacement != "▁" {
		return w.refuseStage(w.t.preTokenizers)
	}
	w.set("add_space_prefix", space.Scheme != "never")
	w.set("remove_extra_whitespaces", merged)
	return nil
}

// joinsSpaces tells of a normalizer that makes one space of several.
func joinsSpaces(n Normalizer) bool {
	r, ok := n.(*replace)
	return ok && r.Pattern.Regex != nil && *r.Pattern.Regex == " {2,}" && (r.Content == " " || r.Content == "▁")
}

// sentencePiece is BPE whose merges follow from scores. Merges that scores cannot tell of are found by reading them back.
func (w *ggufWriter) sentencePiece(a *bpe) error {
	rank := map[string]int{}
	for i, p := range a.pairs {
		if _, ok := rank[p[0]+p[1]]; !ok {
			rank[p[0]+p[1]] = i + 1
		}
	}
	w.scores(func(id int) float32 {
		if r, ok := rank[a.tokens[id]]; ok {
			return float32(-r)
		}
		return float32(-len(a.pairs) - 1)
	})
	if w.t.UnkID() < 0 {
		return w.missing("no token stands for what is unknown")
	}
	if !a.config.ByteFallback || len(rank) >= 1<<24 {
		return w.missing("characters that no token has do not become bytes")
	}
	for _, token := range a.fall {
		if token >= 0 {
			w.types[token] = ggufByte
		}
	}
	prefixed, spaces := false, false
	for _, n := range w.t.normalizers {
		switch n := n.(type) {
		case *prepend:
			prefixed = n.Prepend == "▁" && !spaces
		case *replace:
			spaces = n.Pattern.String != nil && *n.Pattern.String == " " && n.Content == "▁"
		default:
			return w.missing("its normalizer is not SentencePiece's")
		}
	}
	if len(w.t.preTokenizers) == 0 && spaces {
		w.set("add_space_prefix", prefixed)
	} else if err := w.spaces(); err != nil || len(w.t.normalizers) > 0 {
		return w.missing("its normalizer is not SentencePiece's")
	}
	w.set("model", "llama")
	w.set("pre", "default")
	return w.sameMerges(a)
}

// sameMerges compares the merges with those that the keys stand for.
func (w *ggufWriter) sameMerges(a *bpe) error {
	g := &ggufTokenizer{keys: map[string]any{"tokenizer.ggml.unknown_token_id": int64(max(a.unk, 0))}, tokens: w.tokens}
	scores := make([]float64, len(w.tokens))
	for i, s := range w.keys["tokenizer.ggml.scores"].([]float32) {
		scores[i] = float64(s)
		g.types = append(g.types, int64(w.types[i]))
	}
	g.keys["tokenizer.ggml.scores"] = scores
	file, err := g.sentencePiece()
	if err != nil {
		return err
	}
	merges, _ := file["model"].(map[string]any)["merges"].([][2]string)
	if !slices.Equal(merges, a.pairs) {
		return w.missing("its merges do not follow from scores of its tokens")
	}
	return nil
}

// isStage tells the type of a stage.
func isStage[T any](s any) bool { _, ok := s.(T); return ok }
