package model

import (
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// inputs is what all neural families begin with: the embeddings of tokens, and of their features.
type inputs struct {
	config    *Config
	vocab     int
	unknown   int32
	mask      int32 // -1 for none
	maskToken string
	table     *nn.Param   // [vocabulary, embed_dim]
	features  *nn.Param   // [buckets, features.dim], nil for none
	chars     *characters // nil for none
	types     *nn.Param   // [questionTypes, embed_dim] for head qa, nil for others
}

const embeddingName = "embeddings.weight"

// declare adds the weights and returns the width of a token's row.
func (in *inputs) declare(ps *nn.Params) int {
	c := in.config
	if in.table == nil {
		in.table = ps.AddTable(embeddingName, nn.Normal(0.1), in.vocab, c.EmbedDim)
		in.table.Frozen = c.Frozen
	}
	if c.Head == AnswerHead {
		in.types = ps.AddTable("types.weight", nn.Normal(0.1), questionTypes, c.EmbedDim)
	}
	if c.Features.Dim > 0 {
		in.features = ps.AddTable("features.weight", nn.Normal(0.1), c.Features.Buckets, c.Features.Dim)
	}
	if c.Features.Chars > 0 {
		in.chars = newCharacters(ps, c.Features.Chars)
	}
	return c.EmbedDim + c.Features.Dim + c.Features.Chars
}

func (in *inputs) tokenTable() *nn.Param { return in.table }

func (in *inputs) shareTable(p *nn.Param) { in.table = p }

// forward returns [tokens, width].
func (in *inputs) forward(t *nn.Tape, batch *Input) *nn.Var {
	c := in.config
	x := t.Embedding(in.table, t.Replace(batch.Tokens.IDs, float32(c.WordDropout), in.unknown))
	if in.types != nil {
		x = t.Add(x, t.Embedding(in.types, batch.Types))
	}
	if in.features != nil {
		x = t.Concat(x, t.EmbeddingBag(in.features, &batch.Features))
	}
	if in.chars != nil {
		x = t.Concat(x, in.chars.forward(t, batch))
	}
	return t.Dropout(x, float32(c.EmbedDropout))
}

// ReadsVectors tells whether a family has embeddings of words, which word vectors can be.
func ReadsVectors(family string) bool { return slices.Contains(families[family].keys, "embed_dim") }

// SetEmbeddings copies pretrained vectors over the fresh embeddings of the tokens that find knows, and returns how many
// there were. Each must have Config.EmbedDim numbers. Tokens without a vector keep fresh numbers, scaled so that they
// vary as the vectors do (Kim 2014).
func (m *Model) SetEmbeddings(find func(token string) []float32) int {
	table := m.Params.Get(embeddingName)
	if table == nil {
		return 0
	}
	dim, tokens, found := table.Width(), min(table.Shape[0], m.Tokenizer.VocabSize()), 0
	var vectors, fresh float64 // sums of squares
	var without []int
	for id := range tokens {
		row := table.Data[id*dim : (id+1)*dim]
		v := find(m.Tokenizer.Token(int32(id)))
		fresh += kernel.SumSquares(row)
		if len(v) != dim {
			without = append(without, id)
			continue
		}
		vectors += kernel.SumSquares(v)
		copy(row, v)
		found++
	}
	if found == 0 {
		return 0
	}
	factor := float32(math.Sqrt(vectors / float64(found) / (fresh / float64(tokens))))
	for _, id := range without {
		kernel.Scale(factor, table.Data[id*dim:(id+1)*dim])
	}
	return found
}

func (in *inputs) lower(t *graph.Text) *graph.Value {
	x := t.Embedding(in.table)
	if g := t.Graph(); in.types != nil {
		x = g.Add(x, g.Gather(g.Param(in.types), t.Types()))
	}
	list := []*graph.Value{x}
	if in.features != nil {
		list = append(list, t.Bag(in.features, graph.InputFeatures, graph.Count, true))
	}
	if in.chars != nil {
		list = append(list, in.chars.lower(t))
	}
	return t.Concat(2, list...)
}

// TokenEmbeddings returns the network's embeddings of tokens, [vocabulary, width], which must not be changed; nil for
// networks without such.
func (m *Model) TokenEmbeddings() (table []float32, width int) {
	for _, name := range []string{embeddingName, "embeddings.tokens.weight"} {
		if p := m.Params.Get(name); p != nil && p.Shape[0] >= m.Tokenizer.VocabSize() {
			return p.Data, p.Width()
		}
	}
	return nil, 0
}
