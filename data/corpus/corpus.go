// Package corpus reads plain text of any size for training without labels.
//
// A [Source] yields the texts of some files, cleaned, each once. [Build] turns them into numbers of tokens, cut or laid
// together to sequences of a bounded length, and keeps these on disk, where a [Store] finds them again: a number takes
// four bytes, about as much as the text did. A [Cursor] then reads the sequences in an order that follows from a seed,
// and can go to any place of it, so that an interrupted training goes on where it was:
//
//	source := corpus.Source{Config: corpus.Config{Texts: []string{"reviews.txt.gz"}, HeldOut: 0.01}}
//	store, err := corpus.Build(ctx, dir, &source, corpus.Options{Encode: encode, MaxTokens: 128})
//	cursor := store.Train.Shuffled(seed, 1<<22)
//	var batch corpus.Batch
//	err = cursor.Next(&batch, 8192) // sequences of about 8192 tokens
//
// Memory holds a buffer of tokens and a few numbers for each block of the files, whatever their size. Package corpus
// knows nothing of networks; what is predicted of which tokens is train/pretrain's work.
package corpus

import "github.com/xiaoyu-slm/xiaoyu/tensor"

// Config names a corpus: a part of the `pretrain` section of xiaoyu.yaml.
type Config struct {
	Texts      []string `yaml:"texts" json:"texts,omitempty" doc:"files of texts without labels, of any size: plain text, a text a line, also as .gz or .zst; folders of .txt files; with column, any file that data.path takes; empty for no pretraining" default:""`
	Column     string   `yaml:"column" json:"column,omitempty" doc:"column of the texts, where the files are tables, JSON or Parquet; empty for plain text" default:""`
	Paragraphs bool     `yaml:"paragraphs" json:"paragraphs,omitempty" doc:"in plain text an empty line ends a text, instead of each line" default:"false"`
	Exclude    []string `yaml:"exclude" json:"exclude,omitempty" doc:"files of data whose texts (column data.text) are left out, such as those that a model will be judged by" default:""`
	MinChars   int      `yaml:"min_chars" json:"min_chars,omitempty" doc:"leave out shorter texts, in characters" default:"2" min:"0" max:"1000000"`
	HeldOut    float64  `yaml:"held_out" json:"held_out,omitempty" doc:"share of the texts that is not trained on, by which perplexity is measured; which ones follows from their digests" default:"0.01" min:"0" max:"0.5"`
	Join       bool     `yaml:"join" json:"join,omitempty" doc:"lay short texts together to sequences of full length, instead of a sequence a text" default:"false"`
	Buffer     int      `yaml:"buffer" json:"buffer,omitempty" doc:"tokens that are shuffled together, four bytes each: a corpus beyond it is read in shuffled blocks" default:"16000000" min:"1000" max:"2000000000"`
}

// Token is a token of a text.
type Token struct {
	ID   int32 // below 1<<30
	Word bool  // it begins a word; the others go on with that of the token before
}

// Batch is some sequences of a corpus.
type Batch struct {
	tensor.Packed
	Words []bool // of each token: it begins a word
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Packed.Reset()
	b.Words = b.Words[:0]
}
