package model

import (
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/encoder"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// MaskPooling judges a text by what a masked language model would put into the gap of the prompt that stands around it
// (Schick & Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification"): the state at the mask, after the
// masked head's own layer. The head's weights begin as the rows of words of the vocabulary, see SetVerbalizer.
const MaskPooling = "mask"

// maskPlace is where in a prompt the mask goes.
const maskPlace = "{mask}"

// setMask puts the tokenizer's mask into the prompt.
func (c *Config) setMask(tok *text.Tokenizer) error {
	if c.Pooling != MaskPooling {
		return nil
	}
	id, ok := tok.MaskID()
	if !ok {
		return hint.Errorf("take a base with a masked head, such as BERT", "model.pooling: mask: the tokenizer of the base has no mask")
	}
	c.Prompt = strings.ReplaceAll(c.Prompt, maskPlace, tok.Token(id))
	if strings.Count(c.Prompt, tok.Token(id)) != 1 || !strings.Contains(c.Prompt, textPlace) {
		return hint.Errorf(`write model.prompt with {text} and {mask}, such as "{text} It was {mask}."`, "model.prompt: %q has no text or not one mask", c.Prompt)
	}
	return nil
}

// masks returns the place of each text's mask: that of the prompt, should the text itself have some.
func (e *pretrained) masks(in *Input) []int32 {
	before, _ := e.config.around()
	first := strings.Contains(before, e.maskToken)
	places := make([]int32, in.Tokens.Len())
	for i := range places {
		from, to := in.Tokens.Offsets[i], in.Tokens.Offsets[i+1]
		places[i] = from // a text without one cannot be: the prompt is never cut
		for at := from; at < to; at++ {
			if in.Tokens.IDs[at] == e.mask {
				if places[i] = at; first {
					break
				}
			}
		}
	}
	return places
}

// SetVerbalizer has the head of a fresh model with MaskPooling begin as a masked language model would answer: the weights
// of each label are those of the tokens of its word, the mean of several. words are by class number.
func (m *Model) SetVerbalizer(words []string) error {
	e, ok := m.Network.(*pretrained)
	w, b := m.Classifier()
	if !ok || w == nil || m.Config.Encoder.Head != encoder.Masked {
		return hint.Errorf("set train.recipe to full", "a verbalizer is for a head over a masked language model")
	}
	table, bias := e.network.Decoder()
	for class, word := range words {
		ids := m.Tokenizer.Encode(word).IDs
		if len(ids) == 0 || len(ids) == 1 && ids[0] == m.Tokenizer.UnkID() {
			return hint.Errorf("choose another word", "the verbalizer of label %q: the tokenizer does not know %q", m.Labels[class], word)
		}
		row := w.Data[class*w.Width() : (class+1)*w.Width()]
		clear(row)
		b.Data[class] = 0
		share := 1 / float32(len(ids))
		for _, id := range ids {
			kernel.Axpy(share, table.Data[int(id)*table.Width():(int(id)+1)*table.Width()], row)
			if bias != nil {
				b.Data[class] += share * bias.Data[id]
			}
		}
	}
	return nil
}

// maskStates returns the states of the texts' masks, [texts, width of the table of tokens].
func (e *pretrained) maskStates(t *nn.Tape, x *nn.Var, in *Input) *nn.Var {
	return e.network.Features(t, t.Gather(x, e.masks(in)), nil)
}
