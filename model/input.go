package model

import (
	"github.com/xiaoyu-slm/xiaoyu/constraint"
	"github.com/xiaoyu-slm/xiaoyu/tensor"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/text/knowledge"
)

// Sample is one example as tokens; its memory is reused from one to the next.
type Sample struct {
	Text   text.Encoding
	Pair   text.Encoding // of the second text, for models of pairs
	Source string        // what Text.Spans count in
	ids    []int32

	known, second []knowledge.Match // in both texts, at places as those of the tokens
	hits          []constraint.Hit  // of rules that bind the prediction, likewise
	hashes        [2][]uint64
}

// Input is a packed batch of examples as networks read it.
type Input struct {
	Tokens     tensor.Packed // ids; a sequence an example, and for neural models of pairs two
	Features   tensor.Packed // hashed features, a sequence a token; empty unless Config.Features says otherwise
	Characters tensor.Packed // those of each token as it was written, a sequence a token; empty without Features.Chars
	Direct     tensor.Packed // the same with those of the surroundings, for Features.Direct
	Known      tensor.Packed // what is known beforehand, a sequence an example, or a token for head tokens; empty but for Config.Knowledge
	Wide       tensor.Packed // n-grams, a sequence an example; empty but for Config.Wide
	Given      []float32     // scores in place of those of Wide, [examples, outputs], or none
	Types      []int32       // of Tokens: which text of a pair each belongs to, where both are one sequence; empty elsewhere. See questionTypes
	States     []float32     // what the network makes of the examples, [examples, width], where it is known beforehand; see Model.Know
	Wanted     []int32       // head masked: the tokens whose scores are wanted, by their place in Tokens, rising
	Keep       *Kept         // where a pass leaves what it made on its way; nil where nobody looks
	Contexts   []int32       // head qa: of each sequence, its first token of the text and the one after the last, from its beginning
	Each       int           // sequences of an example, where it is not what the model says: pairs that bring negatives; 0 else
}

// each returns how many sequences an example has, of a model by which it is so many.
func (in *Input) each(usual int) int {
	if in.Each > 0 {
		return in.Each
	}
	return usual
}

// Reset empties the batch and keeps its memory.
func (in *Input) Reset() {
	in.Tokens.Reset()
	in.Features.Reset()
	in.Characters.Reset()
	in.Direct.Reset()
	in.Wide.Reset()
	in.Known.Reset()
	in.Given, in.Wanted, in.Types, in.States, in.Each = in.Given[:0], in.Wanted[:0], in.Types[:0], in.States[:0], 0
	in.Contexts = in.Contexts[:0]
}

// AppendSequence copies sequence i of another batch.
func (in *Input) AppendSequence(from *Input, i int) {
	in.Tokens.Append(from.Tokens.Sequence(i))
	if len(from.Types) > 0 {
		in.Types = append(in.Types, from.Types[from.Tokens.Offsets[i]:from.Tokens.Offsets[i+1]]...)
	}
	if len(from.Contexts) > 0 {
		in.Contexts = append(in.Contexts, from.Contexts[2*i:2*i+2]...)
	}
	for t := int(from.Tokens.Offsets[i]); t < int(from.Tokens.Offsets[i+1]); t++ {
		if from.Features.Len() > 0 {
			in.Features.Append(from.Features.Sequence(t))
		}
		if from.Characters.Len() > 0 {
			in.Characters.Append(from.Characters.Sequence(t))
		}
		if from.Direct.Len() > 0 {
			in.Direct.Append(from.Direct.Sequence(t))
		}
	}
}

// AppendExample copies example i of another batch of m's, all its sequences.
func (m *Model) AppendExample(in, from *Input, i int) {
	n := from.each(m.sequences())
	for s := range n {
		in.AppendSequence(from, n*i+s)
	}
	if len(from.States) > 0 {
		in.States = append(in.States, from.States[i*m.width:(i+1)*m.width]...)
	}
	switch {
	case m.known == nil:
	case m.Config.Head == TokensHead:
		for t := from.Tokens.Offsets[i]; t < from.Tokens.Offsets[i+1]; t++ {
			in.Known.Append(from.Known.Sequence(int(t)))
		}
	default:
		in.Known.Append(from.Known.Sequence(i))
	}
	if m.wide != nil {
		in.Wide.Append(from.Wide.Sequence(i))
		if k := len(m.Labels); len(from.Given) > 0 {
			in.Given = append(in.Given, from.Given[i*k:(i+1)*k]...)
		}
	}
}
