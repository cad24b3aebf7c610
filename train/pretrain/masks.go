package pretrain

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// masker hides tokens of a batch, others each time that a text is read (Liu et al. 2019, "RoBERTa", call it dynamic),
// and with them the words that they belong to (Cui et al. 2021, "Pre-Training with Whole Word Masking for Chinese BERT").
type masker struct {
	rate     float64
	keep     float64 // of the hidden tokens: this share is shown as it is
	swap     float64 // and this share shown as another token; the rest becomes the mask
	mask     int32
	ordinary []int32 // tokens that text is made of
	special  []bool  // of each token: it stands for no text and is never hidden

	words  []word
	hidden []int32
}

// word is the tokens [from, to) of a batch.
type word struct{ from, to int32 }

// BERT's shares (Devlin et al. 2019): what a fine-tuned model sees has no masks, so that some tokens have to be judged as
// they stand.
const bertShare = 0.1

func newMasker(tok *text.Tokenizer, mask int32, rate float64) *masker {
	m := &masker{rate: rate, mask: mask, special: make([]bool, tok.VocabSize())}
	for _, id := range tok.Special() {
		m.special[id] = true
	}
	for id := range m.special {
		if !m.special[id] {
			m.ordinary = append(m.ordinary, int32(id))
		}
	}
	return m
}

// hide changes ids, those of the batch b, and returns the places of what has to be guessed, rising, and what stood
// there. As many words are hidden as reach the rate of the batch's tokens.
func (m *masker) hide(ids []int32, b *corpus.Batch, random *rand.Rand) (places, targets []int32) {
	m.findWords(b)
	tokens := 0
	for _, w := range m.words {
		tokens += int(w.to - w.from)
	}
	wanted := int(math.Round(m.rate * float64(tokens)))
	m.hidden = m.hidden[:0]
	for i := 0; i < len(m.words) && len(m.hidden) < wanted; i++ {
		j := i + random.IntN(len(m.words)-i)
		m.words[i], m.words[j] = m.words[j], m.words[i]
		for at := m.words[i].from; at < m.words[i].to; at++ {
			m.hidden = append(m.hidden, at)
		}
	}
	slices.Sort(m.hidden)
	for _, at := range m.hidden {
		targets = append(targets, ids[at])
		switch p := random.Float64(); {
		case p < m.keep:
		case p < m.keep+m.swap:
			ids[at] = m.ordinary[random.IntN(len(m.ordinary))]
		default:
			ids[at] = m.mask
		}
	}
	return slices.Clone(m.hidden), targets
}

// findWords lists the words of a batch, without special tokens.
func (m *masker) findWords(b *corpus.Batch) {
	m.words = m.words[:0]
	for s := range b.Len() {
		open := false
		for at := b.Offsets[s]; at < b.Offsets[s+1]; at++ {
			if m.special[b.IDs[at]] {
				open = false
				continue
			}
			if !open || b.Words[at] {
				m.words = append(m.words, word{at, at})
				open = true
			}
			m.words[len(m.words)-1].to = at + 1
		}
	}
}
