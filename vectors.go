package xiaoyu

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/vectors"
)

// pretrained is what a file of word vectors gives to a training.
type pretrained struct {
	file  string
	set   *vectors.Set
	forms map[string]string // token → the first word of the file that normalises to it, where no word is spelled so
	known int               // tokens of the training texts with a vector
	of    int               // tokens of the training texts
	added int               // words that the vectors alone have
}

// readVectors reads the vectors of the tokenizer's tokens, and returns a tokenizer that also knows the words that the
// file alone has, as many as tokenizer.vocab_size leaves room for.
func (t *training) readVectors(ctx context.Context, tok *text.Tokenizer) (*text.Tokenizer, error) {
	c := &t.config
	if c.Model.Vectors == "" {
		return tok, nil
	}
	if !model.ReadsVectors(c.Model.Family) {
		return nil, hint.Errorf("choose another family, or leave model.vectors empty", "model.vectors: the family %s has no embeddings of words", c.Model.Family)
	}
	p := &pretrained{file: c.Model.Vectors, forms: map[string]string{}, of: tok.VocabSize() - 2} // without [PAD] and [UNK]
	words := slices.Contains([]string{"word", "whole", "char"}, c.Tokenizer.Kind)
	var added []string
	isAdded := map[string]bool{}
	keep := func(word string) bool {
		form := tok.Normalize(word)
		_, known := tok.ID(form)
		if !known && !isAdded[form] {
			if !words || tok.VocabSize()+len(added) >= c.Tokenizer.VocabSize || !tok.Whole(form) {
				return false
			}
			added = append(added, form)
			isAdded[form] = true
		}
		if _, seen := p.forms[form]; seen && form != word {
			return false // an earlier spelling of this token serves
		}
		if _, seen := p.forms[form]; !seen {
			p.forms[form] = word
		}
		return true
	}
	t.Stage("vectors", 0, "bytes")
	var err error
	p.set, err = vectors.Read(ctx, p.file, vectors.Options{Keep: keep, Skip: c.Model.VectorsSkip, Progress: func(done, _ int64) { t.Progress(done, "") }})
	if err != nil {
		return nil, err
	}
	for _, note := range p.set.Notes {
		t.Note("note: %s: %s", p.file, note)
	}
	c.Model.EmbedDim = p.set.Dim
	p.added = len(added)
	t.vectors = p
	return tok.Extended(added)
}

// find returns the vector of a token: of the word spelled so, else of its lower case, else of the first word that the
// tokenizer turns into it.
func (p *pretrained) find(token string) []float32 {
	if v := p.set.Find(token); v != nil {
		return v
	}
	return p.set.Find(p.forms[token])
}

// setVectors puts the vectors into the fresh model.
func (t *training) setVectors() error {
	p := t.vectors
	if p == nil {
		return nil
	}
	p.known = t.model.SetEmbeddings(p.find) - p.added
	if p.known+p.added == 0 {
		return hint.Errorf("take vectors of the texts' language; for characters take vectors of characters, or set tokenizer.kind to word",
			"model.vectors: %s has a vector for none of the %d tokens of the texts", p.file, p.of)
	}
	how := "trained further"
	if t.config.Model.Frozen {
		how = "frozen"
	}
	t.Note("%s: %s of %s tokens of the texts have a vector (%d numbers, %s); %s words that it alone has were added",
		filepath.Base(p.file), thousands(p.known), thousands(p.of), p.set.Dim, how, thousands(p.added))
	p.set.Words, p.set.Values = nil, nil // the model has them now
	return nil
}

// files returns the digests of the files that the training reads, by name.
func (t *training) files(name func(string) string) map[string]string {
	files := map[string]string{name(t.config.Data.Path): t.set.Digest}
	if t.vectors != nil {
		files[name(t.vectors.file)] = t.vectors.set.Digest
	}
	if path := t.config.Tokenizer.Dictionary; path != "" {
		// It was read a moment ago; what cannot be read now has no digest.
		files[name(path)], _ = data.DigestFile(path)
	}
	for _, path := range append(slices.Clone(t.config.Model.Knowledge), t.config.Model.Constraints) {
		if path != "" {
			files[name(path)], _ = data.DigestFile(path)
		}
	}
	return files
}

// thousands writes a count with commas.
func thousands(n int) string {
	var parts []string
	for ; n >= 1000; n /= 1000 {
		parts = append(parts, fmt.Sprintf(",%03d", n%1000))
	}
	slices.Reverse(parts)
	out := fmt.Sprint(n)
	for _, p := range parts {
		out += p
	}
	return out
}
