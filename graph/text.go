package graph

import (
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Names of the inputs, as Hugging Face's exports have them, and of those that they do not know.
const (
	InputIDs   = "input_ids"      // [batch, length], the tokenizer's ids
	InputMask  = "attention_mask" // [batch, length], 1 for tokens and 0 for padding, which stands on the right
	InputTypes = "token_type_ids" // [batch, length], which text of a pair a token belongs to

	PairPrefix = "pair_" // of the same for the second text, where texts of a pair are compared

	InputFeatures   = "feature_ids"   // [batch, length, features] hashed features of each token, -1 for none
	InputCharacters = "character_ids" // [batch, length, windows, 3] three characters in a row of each token, -1 for none
	InputDirect     = "direct_ids"    // [batch, length, direct] features that score labels directly, -1 for none

	InputNGrams = "ngram_ids"    // [batch, features] numbers of the n-grams that a text has
	InputCounts = "ngram_counts" // [batch, features] how often it has them, as float; 0 for padding
)

// Text is a padded batch of texts as a graph sees it.
type Text struct {
	g         *Graph
	prefix    string
	length    int    // Length or PairLength
	IDs, Mask *Value // whole [batch, length]

	Present *Value // float [batch, length]: 1 for tokens, 0 for padding
	Tokens  *Value // float [batch, 1]: how many tokens there are
	Places  *Value // float [1, length]: 0, 1 … length-1
	places  *Value // the same as whole numbers
	types   *Value
}

// Text adds the inputs of texts; their names begin with prefix, "" or PairPrefix.
func (g *Graph) Text(prefix string) *Text {
	t := &Text{g: g, prefix: prefix, length: Length}
	if prefix != "" {
		t.length = PairLength
	}
	t.IDs = g.Input(prefix+InputIDs, Int, Batch, t.length)
	t.Mask = g.Input(prefix+InputMask, Int, Batch, t.length)
	t.Present = g.Cast(t.Mask, Float)
	t.Tokens = g.Sum(t.Present, 1)
	t.places = g.Reshape(g.Range(t.IDs, 1), 1, t.length)
	t.Places = g.Cast(t.places, Float)
	return t
}

// Types is the input that tells the texts of a pair apart, [batch, length]; it is added when it is first asked for.
func (t *Text) Types() *Value {
	if t.types == nil {
		t.types = t.g.Input(t.prefix+InputTypes, Int, Batch, t.length)
	}
	return t.types
}

// Positions are the whole numbers 0, 1 … length-1 from first on, [1, length].
func (t *Text) Positions(first int) *Value {
	if first == 0 {
		return t.places
	}
	return t.g.Add(t.places, t.g.Whole("first position", []int64{int64(first)}))
}

// Embedding looks up a row for each token: [batch, length, dim].
func (t *Text) Embedding(table *nn.Param) *Value { return t.g.Gather(t.g.Param(table), t.IDs) }

// present is Present over rows, [batch, length, 1].
func (t *Text) present() *Value { return t.g.Reshape(t.Present, Batch, t.length, 1) }

// Clear sets the rows of padding to zero, as convolutions see what is beyond the ends of a text.
func (t *Text) Clear(x *Value) *Value { return t.g.Mul(x, t.present()) }

// far is subtracted, times a number of at least 1, from what must not win.
const far = 1e9

// Pool makes one row of x, [batch, length, dim], for each text: [batch, dim]. An empty text gives zeros.
func (t *Text) Pool(x *Value, how nn.Pooling) *Value {
	g, dim := t.g, x.Shape[2]
	row := func(v *Value) *Value { return g.Reshape(v, Batch, dim) }
	one := g.Number(1)
	switch how {
	case nn.MaxPool:
		absent := g.Mul(g.Sub(t.present(), one), g.Number(far))
		return g.Mul(row(g.Highest(g.Add(x, absent), 1)), g.Min(t.Tokens, one))
	case nn.FirstPool:
		return g.Mul(row(g.Slice(x, 1, 0, 1)), g.Min(t.Tokens, one))
	case nn.LastPool:
		last := g.Relu(g.Sub(one, g.Abs(g.Sub(t.Places, g.Sub(t.Tokens, one))))) // 1 there, 0 elsewhere
		return row(g.Sum(g.Mul(x, g.Reshape(last, Batch, t.length, 1)), 1))
	}
	tokens := g.Max(t.Tokens, one)
	if how == nn.RootMeanPool {
		tokens = g.Sqrt(tokens)
	}
	return g.Div(row(g.Sum(t.Clear(x), 1)), tokens)
}

// ConvMax is nn.Tape.ConvMax: x is [batch, length, dim], the result [batch, sum of filters].
func (t *Text) ConvMax(x *Value, convs []nn.Conv, a nn.Activation) *Value {
	g := t.g
	x = t.Clear(x)
	var list []*Value
	for _, c := range convs {
		filters, width := c.W.Shape[0], c.W.Shape[1]
		y := g.Activate(g.Conv(x, g.Param(c.W), g.Param(c.B), [2]int{0, width - 1}, 1), a)
		// Windows begin at 0 up to tokens - width; a text that is shorter has the first one.
		last := g.Relu(g.Sub(t.Tokens, g.Number(float32(width))))
		beyond := g.Mul(g.Relu(g.Sub(t.Places, last)), g.Number(-far)) // [batch, length]
		y = g.Highest(g.Add(y, g.Reshape(beyond, Batch, t.length, 1)), 1)
		list = append(list, g.Reshape(y, Batch, filters))
	}
	return g.Concat(1, list...)
}

// ConvSame is nn.Tape.ConvSame: one row a token.
func (t *Text) ConvSame(x *Value, c nn.Conv, a nn.Activation) *Value {
	g := t.g
	return g.Activate(g.Conv(t.Clear(x), g.Param(c.W), g.Param(c.B), around(c.W.Shape[1]), 1), a)
}

// DepthwiseConv is nn.Tape.DepthwiseConv: one filter a column.
func (t *Text) DepthwiseConv(x *Value, w, b *nn.Param) *Value {
	g, width, dim := t.g, w.Shape[0], w.Shape[1]
	data := w.Floats()
	turned := make([]float32, len(data)) // [dim, width, 1]
	for i := range width {
		for j := range dim {
			turned[j*width+i] = data[i*dim+j]
		}
	}
	return g.Conv(t.Clear(x), g.Weights(w.Name, turned, dim, width, 1), g.Param(b), around(width), dim)
}

// around is how many zeros stand before and behind, where the window of token i begins at i - (width-1)/2.
func around(width int) [2]int { return [2]int{(width - 1) / 2, width - 1 - (width-1)/2} }

// Recurrent is nn.Tape.Recurrent: the states of all tokens, [batch, length, directions·hidden], and those after the last
// step of each direction, [batch, directions·hidden].
func (t *Text) Recurrent(cell nn.Cell, x *Value, directions []nn.Recurrent) (states, final *Value) {
	var all, last []*Value
	for d, r := range directions {
		how := nn.LastPool
		if d == 1 {
			how = nn.FirstPool
		}
		h := t.g.Recurrent(x, t.Present, r, cell, d == 1)
		all, last = append(all, h), append(last, t.Pool(h, how))
	}
	return t.g.Concat(2, all...), t.g.Concat(1, last...)
}

// Bag looks up the rows of a table that an input of [batch, length, n] names for each token, and adds them up: [batch,
// length, dim]. With mean, it is their mean.
func (t *Text) Bag(table *nn.Param, input string, size int, mean bool) *Value {
	g, dim := t.g, table.Width()
	ids := g.Input(t.prefix+input, Int, Batch, t.length, size)
	there := g.known(ids)
	rows := g.Gather(g.Param(table), g.Max(ids, g.Whole("whole 0", []int64{0})))
	rows = g.Mul(rows, g.Reshape(there, Batch, t.length, size, 1))
	sum := g.Reshape(g.Sum(rows, 2), Batch, t.length, dim)
	if mean {
		sum = g.Div(sum, g.Max(g.Sum(there, 2), g.Number(1)))
	}
	return sum
}

// Rows looks up rows of a table by whole numbers.
func (t *Text) Rows(table *nn.Param, index *Value) *Value { return t.g.Gather(t.g.Param(table), index) }

// Linear is nn.Tape.Linear.
func (t *Text) Linear(x *Value, w, b *nn.Param, a nn.Activation) *Value {
	return t.g.Activate(t.g.Linear(x, t.g.Param(w), t.g.Param(b)), a)
}

// Add is x + y.
func (t *Text) Add(x, y *Value) *Value { return t.g.Add(x, y) }

// Concat joins along an axis.
func (t *Text) Concat(axis int, list ...*Value) *Value { return t.g.Concat(axis, list...) }

// Characters is a convolution over the characters of each token, and its maximum: [batch, length, filters]. They come
// as windows of as many characters as the filters are wide.
func (t *Text) Characters(table *nn.Param, conv nn.Conv, a nn.Activation) *Value {
	g, dim := t.g, table.Width()
	filters, width := conv.W.Shape[0], conv.W.Shape[1]
	ids := g.Input(t.prefix+InputCharacters, Int, Batch, t.length, Windows, width)
	there := g.known(ids) // [batch, length, windows, width]
	x := g.Gather(g.Param(table), g.Max(ids, g.Whole("whole 0", []int64{0})))
	x = g.Mul(x, g.Reshape(there, Batch, t.length, Windows, width, 1))
	y := t.Linear(g.Reshape(x, Batch, t.length, Windows, width*dim), conv.W, conv.B, a)
	absent := g.Mul(g.Sub(g.Highest(there, 3), g.Number(1)), g.Number(far)) // [batch, length, windows, 1]
	return g.Reshape(g.Highest(g.Add(y, absent), 2), Batch, t.length, filters)
}

// known is 1 where a whole number is not negative, 0 where it is -1.
func (g *Graph) known(ids *Value) *Value {
	return g.Min(g.Relu(g.Add(g.Cast(ids, Float), g.Number(1))), g.Number(1))
}
