package main

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// source is a data set below --data.
type source struct {
	file, text, label string
	rate              string // fastText's best learning rate of 0.1, 0.2 and 0.5, on texts of the training part
}

var sources = map[string]source{
	"chnsenticorp":    {"chnsenticorp/chnsenticorp_htl.csv", "review", "label", "0.2"},
	"online_shopping": {"online_shopping/online_shopping_10_cats.csv", "review", "label", "0.1"},
	"sst2":            {"sst2/train.tsv", "1", "2", "0.5"},
	"imdb":            {"imdb/train.jsonl.gz", "text", "label", "0.5"},
}

// corpus is the training part of a data set as tokens. Test rows are never read.
type corpus struct {
	texts   []string
	labels  []string
	classes []int32 // of each text
	names   []string
	tok     *text.Tokenizer
	file    string // of the tokenizer, as the peers read it
	ids     [][]int32
}

// corpus reads a set once. Its tokenizer is of BERT's kind, with as many tokens as a Chinese BERT has.
func (b *bench) corpus(name string) (*corpus, error) {
	if c, ok := b.corpora[name]; ok {
		return c, nil
	}
	s := sources[name]
	r, err := data.Open(context.Background(), filepath.Join(b.data, s.file), data.Columns{Text: s.text, Label: s.label})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	c := &corpus{}
	for e, err := range r.All() {
		if err != nil {
			return nil, err
		}
		own := strings.HasSuffix(s.file, ".csv") // split by digest, see the sets' README
		if digest := sha256.Sum256([]byte(e.Text)); e.Text == "" || own && digest[0] < 51 {
			continue
		}
		c.texts, c.labels = append(c.texts, e.Text), append(c.labels, e.Label)
	}
	c.names = slices.Compact(slices.Sorted(slices.Values(c.labels)))
	for _, l := range c.labels {
		c.classes = append(c.classes, int32(slices.Index(c.names, l)))
	}
	if err := c.tokenize(filepath.Join(b.temp, name+".json")); err != nil {
		return nil, err
	}
	b.corpora[name] = c
	return c, nil
}

func (c *corpus) tokenize(file string) error {
	texts := func(yield func(string) bool) {
		for _, s := range c.texts {
			if !yield(s) {
				return
			}
		}
		yield(characters()) // so that the vocabulary is full
	}
	var err error
	c.tok, err = text.Train(context.Background(), texts, text.Config{Kind: "wordpiece", Lowercase: true, MinFrequency: 1, VocabSize: vocabulary}, nil)
	if err != nil {
		return err
	}
	c.file = file
	if err := c.tok.Save(file); err != nil {
		return err
	}
	var e text.Encoding
	for _, s := range c.texts {
		c.tok.EncodeTo(&e, s)
		e.Cut(maxTokens)
		c.ids = append(c.ids, slices.Clone(e.IDs))
	}
	return nil
}

// characters are as many different ones as a vocabulary takes beside its two special tokens.
func characters() string {
	var b strings.Builder
	for i := range vocabulary - 2 {
		b.WriteRune(rune(0x4e00 + i))
	}
	return b.String()
}

// syntheticTokenizer has the vocabulary of a Chinese BERT, for works on random ids.
func syntheticTokenizer() (*text.Tokenizer, error) {
	texts := func(yield func(string) bool) { yield(characters()) }
	return text.Train(context.Background(), texts, text.Config{Kind: "char", MinFrequency: 1, VocabSize: vocabulary}, nil)
}

// batches are texts as both sides get them.
type batches struct {
	ids     [][][]int32
	classes [][]int32
	texts   [][]string // nil for random ones
	ragged  bool
}

// random makes batches of texts of one length.
func random(count, texts, tokens int) *batches {
	rng := rand.New(rand.NewPCG(1, 2))
	d := &batches{}
	for range count {
		var ids [][]int32
		var classes []int32
		for range texts {
			row := make([]int32, tokens)
			for i := range row {
				row[i] = int32(2 + rng.IntN(vocabulary-2))
			}
			ids, classes = append(ids, row), append(classes, int32(rng.IntN(2)))
		}
		d.ids, d.classes = append(d.ids, ids), append(d.classes, classes)
	}
	return d
}

// sorted lays the whole set out in batches of texts of like length, and takes count of them at even distances: what a
// peer that sorts by length pads.
func (c *corpus) sorted(count, texts int) *batches {
	order := make([]int, 0, len(c.ids))
	for i, ids := range c.ids {
		if len(ids) > 0 {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(len(c.ids[i]), len(c.ids[j])) })
	all := len(order) / texts
	d := &batches{ragged: true}
	for i := range min(count, all) {
		at := (2*i + 1) * all / (2 * count)
		var ids [][]int32
		var classes []int32
		var raw []string
		for _, j := range order[at*texts : (at+1)*texts] {
			ids, classes, raw = append(ids, c.ids[j]), append(classes, c.classes[j]), append(raw, c.texts[j])
		}
		d.ids, d.classes, d.texts = append(d.ids, ids), append(d.classes, classes), append(d.texts, raw)
	}
	return d
}

// missing tells why a set cannot be read, "" if it can.
func (b *bench) missing(name string) string {
	file := filepath.Join(b.data, sources[name].file)
	if _, err := os.Stat(file); err != nil {
		return fmt.Sprintf("there is no %s; point --data to the folder of data sets", file)
	}
	return ""
}
