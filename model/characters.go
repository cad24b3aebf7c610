package model

import (
	"unicode/utf8"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// characters makes a row of the spelling of each token: its characters embedded, filters over three of them at a time,
// and the maximum over the token (Ma & Hovy 2016, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF"). It
// tells what a word is like that training never saw.
type characters struct {
	table *nn.Param // [characterRows, characterDim]
	conv  nn.Conv   // [features.chars, 3, characterDim]
}

const (
	characterDim     = 32
	characterRows    = 1024 // those below 256 by their number, others hashed to the rest
	characterDropout = 0.25
	longestWord      = 40 // characters; of longer words the first ones are read
	wordBegin        = 1  // control characters, which no token has
	wordEnd          = 2
)

func newCharacters(ps *nn.Params, filters int) *characters {
	return &characters{ps.AddTable("characters.weight", nn.Normal(0.3), characterRows, characterDim), nn.Conv{
		W: ps.Add("characters.conv.weight", nn.Kaiming(1), filters, 3, characterDim),
		B: ps.Add("characters.conv.bias", nn.Zeros, filters),
	}}
}

// forward returns [tokens, features.chars].
func (c *characters) forward(t *nn.Tape, in *Input) *nn.Var {
	x := t.Dropout(t.Embedding(c.table, in.Characters.IDs), characterDropout)
	return t.ConvMax(x, in.Characters.Offsets, []nn.Conv{c.conv}, nn.ReLU)
}

// characterIDs appends the characters of a word between its ends, of a very long one the first ones.
func characterIDs(dst []int32, word []byte) []int32 {
	dst = append(dst, wordBegin)
	for n := 0; len(word) > 0 && n < longestWord; n++ {
		r, size := utf8.DecodeRune(word)
		if r >= 256 {
			r = 256 + int32(finish(hashBytes(prime, word[:size]))%(characterRows-256))
		}
		dst, word = append(dst, r), word[size:]
	}
	return append(dst, wordEnd)
}

func (c *characters) lower(t *graph.Text) *graph.Value { return t.Characters(c.table, c.conv, nn.ReLU) }
