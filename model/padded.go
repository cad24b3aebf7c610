package model

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
)

// Program executes a graph in place of network and head. What it is given and gives are padded texts under the names of
// package graph. It may be run by any number of goroutines at once.
type Program interface {
	Inputs() []string
	// Run returns the output that stands for Model.Forward's result.
	Run(in map[string]graph.Tensor) (graph.Tensor, error)
	Close() error
}

// runProgram is Forward of a model that is a program.
func (m *Model) runProgram(t *nn.Tape, in *Input) (*nn.Var, error) {
	if in.Tokens.Len() == 0 {
		return t.Input(nil, 0, 1), nil
	}
	padded := m.Padded(in)
	feeds := map[string]graph.Tensor{}
	for _, name := range m.program.Inputs() {
		x, ok := padded[name]
		if !ok {
			return nil, fmt.Errorf("the graph asks for the input %q, which this model does not give", name)
		}
		feeds[name] = x
	}
	out, err := m.program.Run(feeds)
	if err != nil {
		return nil, err
	}
	return m.packed(t, in, out)
}

// Padded are the inputs of a batch as graphs read them, by name: those that graphs of this model have. The texts of a
// pair whose embeddings are compared are texts by themselves.
func (m *Model) Padded(in *Input) map[string]graph.Tensor {
	out := map[string]graph.Tensor{}
	if _, ok := m.Network.(*ngram); ok {
		padCounts(out, &in.Tokens)
		return out
	}
	if m.wide != nil {
		padCounts(out, &in.Wide)
	}
	each, prefixes := 1, []string{""}
	if m.compares() {
		each, prefixes = 2, []string{"", graph.PairPrefix}
	}
	for side, prefix := range prefixes {
		p := padding{in: in, first: side, step: each}
		p.measure()
		p.tokens(out, prefix)
	}
	return out
}

// padding lays out some of the sequences of a batch: first, first+step …
type padding struct {
	in            *Input
	first, step   int
	texts, length int
}

func (p *padding) measure() {
	p.length = 1 // no runtime likes tensors without numbers
	for s := p.first; s < p.in.Tokens.Len(); s += p.step {
		p.texts++
		p.length = max(p.length, len(p.in.Tokens.Sequence(s)))
	}
}

// each calls f for every token: its place in the padded batch and in the packed one.
func (p *padding) each(f func(to, from int)) {
	for row := range p.texts {
		s := p.first + row*p.step
		from := int(p.in.Tokens.Offsets[s])
		for i := range len(p.in.Tokens.Sequence(s)) {
			f(row*p.length+i, from+i)
		}
	}
}

func (p *padding) tokens(out map[string]graph.Tensor, prefix string) {
	shape := []int{p.texts, p.length}
	n := p.texts * p.length
	ids, mask, types := make([]int64, n), make([]int64, n), make([]int64, n)
	p.each(func(to, from int) {
		ids[to], mask[to] = int64(p.in.Tokens.IDs[from]), 1
		if len(p.in.Types) > 0 {
			types[to] = int64(p.in.Types[from])
		}
	})
	out[prefix+graph.InputIDs] = graph.Tensor{Shape: shape, Ints: ids}
	out[prefix+graph.InputMask] = graph.Tensor{Shape: shape, Ints: mask}
	out[prefix+graph.InputTypes] = graph.Tensor{Shape: shape, Ints: types}
	all := p.in.Tokens.Tokens() // 0 of an empty text, which has features as well
	if p.in.Features.Len() == all {
		out[prefix+graph.InputFeatures] = p.bags(&p.in.Features)
	}
	if p.in.Direct.Len() == all {
		out[prefix+graph.InputDirect] = p.bags(&p.in.Direct)
	}
	if p.in.Characters.Len() == all {
		out[prefix+graph.InputCharacters] = p.windows(&p.in.Characters)
	}
}

// bags are the ids of each token, [texts, length, most of a token], -1 where there are fewer.
func (p *padding) bags(from *tensor.Packed) graph.Tensor {
	most := 1
	p.each(func(_, i int) { most = max(most, len(from.Sequence(i))) })
	ids := absent(p.texts * p.length * most)
	p.each(func(to, i int) {
		for j, id := range from.Sequence(i) {
			ids[to*most+j] = int64(id)
		}
	})
	return graph.Tensor{Shape: []int{p.texts, p.length, most}, Ints: ids}
}

// windows are three characters in a row, [texts, length, most of a token, 3]; a token of fewer has one window.
func (p *padding) windows(from *tensor.Packed) graph.Tensor {
	const width = 3
	most := 1
	p.each(func(_, i int) { most = max(most, len(from.Sequence(i))-width+1) })
	ids := absent(p.texts * p.length * most * width)
	p.each(func(to, i int) {
		characters := from.Sequence(i)
		for w := range max(len(characters)-width+1, 1) {
			for j := range min(width, len(characters)-w) {
				ids[(to*most+w)*width+j] = int64(characters[w+j])
			}
		}
	})
	return graph.Tensor{Shape: []int{p.texts, p.length, most, width}, Ints: ids}
}

func absent(n int) []int64 {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = -1
	}
	return ids
}

// padCounts writes which n-grams each text has, and how often.
func padCounts(out map[string]graph.Tensor, from *tensor.Packed) {
	texts, most := from.Len(), 1
	lists := make([]map[int32]float32, texts)
	orders := make([][]int32, texts)
	for s := range texts {
		lists[s] = map[int32]float32{}
		for _, id := range from.Sequence(s) {
			if lists[s][id] == 0 {
				orders[s] = append(orders[s], id)
			}
			lists[s][id]++
		}
		most = max(most, len(orders[s]))
	}
	ids, counts := make([]int64, texts*most), make([]float32, texts*most)
	for s, order := range orders {
		for i, id := range order {
			ids[s*most+i], counts[s*most+i] = int64(id), lists[s][id]
		}
	}
	out[graph.InputNGrams] = graph.Tensor{Shape: []int{texts, most}, Ints: ids}
	out[graph.InputCounts] = graph.Tensor{Shape: []int{texts, most}, Floats: counts}
}

// packed takes from what a graph made the rows that Forward gives.
func (m *Model) packed(t *nn.Tape, in *Input, x graph.Tensor) (*nn.Var, error) {
	width := 1
	if n := len(x.Shape); n > 0 {
		width = x.Shape[n-1]
	}
	wrong := func() error {
		return fmt.Errorf("the graph made %v of %d texts, which is not what head %q gives", x.Shape, in.Tokens.Len(), m.Config.Head)
	}
	if len(m.Labels) > 0 && width != len(m.Labels) {
		return nil, wrong()
	}
	if m.Config.Head == EmbeddingHead && len(x.Shape) == 3 { // states of tokens, of models that others exported
		all, err := unpadded(t, in, x)
		if err != nil {
			return nil, wrong()
		}
		how, err := nn.ParsePooling(m.Config.Pooling)
		if err != nil {
			return nil, err
		}
		return t.Pool(all, in.Tokens.Offsets, how), nil
	}
	if !m.Config.OfTokens() {
		rows := in.Tokens.Len() / m.rowSequences()
		if len(x.Shape) != 2 || x.Shape[0] != rows || x.Floats == nil {
			return nil, wrong()
		}
		return t.Input(x.Floats, rows, width), nil
	}
	all, err := unpadded(t, in, x)
	if err != nil {
		return nil, wrong()
	}
	if m.Config.ofVocabulary() {
		return t.Gather(all, in.Wanted), nil
	}
	return all, nil
}

// unpadded are the rows of tokens of x, [texts, length, width].
func unpadded(t *nn.Tape, in *Input, x graph.Tensor) (*nn.Var, error) {
	p := padding{in: in, step: 1}
	p.measure()
	if len(x.Shape) != 3 || x.Shape[0] != p.texts || x.Shape[1] != p.length || x.Floats == nil {
		return nil, fmt.Errorf("shape %v", x.Shape)
	}
	width := x.Shape[2]
	rows := make([]float32, in.Tokens.Tokens()*width)
	p.each(func(to, from int) { copy(rows[from*width:(from+1)*width], x.Floats[to*width:]) })
	return t.Input(rows, in.Tokens.Tokens(), width), nil
}

// rowSequences is of how many sequences a graph makes one row.
func (m *Model) rowSequences() int {
	if m.compares() {
		return 2
	}
	return 1
}

// PaddedRows returns the rows of a graph's first output that belong to example i of a batch, all dimensions but the last
// taken together: those that Logits gives.
func (m *Model) PaddedRows(in *Input, i int) []int {
	from, to := m.rowsOf(in, i)
	var rows []int
	if !m.Config.OfTokens() {
		for r := from; r < to; r++ {
			rows = append(rows, r)
		}
		return rows
	}
	p := padding{in: in, step: 1}
	p.measure()
	place := make([]int, in.Tokens.Tokens())
	p.each(func(to, from int) { place[from] = to })
	for r := from; r < to; r++ {
		token := r
		if m.Config.ofVocabulary() {
			token = int(in.Wanted[r])
		}
		rows = append(rows, place[token])
	}
	return rows
}

// PaddedSizes are sizes of the open dimensions of this model's graph that texts of so many tokens fit into, for runtimes
// that want them known beforehand. Of n-grams of characters in words there may be more: they are as many as the text has
// letters.
func (m *Model) PaddedSizes(tokens int) map[int]int {
	c := &m.Config
	grams := tokens * (c.NGram.Tokens + max(c.NGram.CharsMax-c.NGram.CharsMin+1, 0))
	if c.NGram.ReadsForm() {
		grams += MostForm
	}
	if c.Pair {
		grams *= 2
	}
	sizes := map[int]int{graph.Length: tokens, graph.PairLength: tokens, graph.Count: mostOwn, graph.Direct: mostOwn + mostAround, graph.Windows: longestWord}
	switch c.Family {
	case "ngram":
		sizes[graph.Count] = grams
	case "fasttext":
		sizes[graph.Length] *= max(c.NGram.Tokens, 1)
		sizes[graph.PairLength] = sizes[graph.Length]
	}
	if c.Wide {
		sizes[graph.Count] = grams
	}
	return sizes
}
