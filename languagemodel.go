package xiaoyu

import (
	"encoding/json"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data/corpus"
	"github.com/xiaoyu-slm/xiaoyu/generate"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// What differs where a pretraining makes a language model that writes (objective causal): its sequences are of full
// length, whatever texts lie in them, and it has to know where a text ends.

// writes tells that it does.
func (p *pretraining) writes() bool { return p.config.Pretrain.Objective == model.CausalHead }

// special is the token that a fresh tokenizer needs for the objective.
func (p *pretraining) special() string {
	if p.writes() {
		return text.Ending
	}
	return text.Mask
}

// encodeEndings has the corpus put the end behind each text, where the texts end and not where sequences do.
func (p *pretraining) encodeEndings(o *corpus.Options) error {
	tok := p.model.Tokenizer.Literal()
	end, err := p.ending()
	o.Encode = func(dst []corpus.Token, s string) []corpus.Token {
		for _, id := range append(tok.Encode(s).IDs, end...) {
			dst = append(dst, corpus.Token{ID: id})
		}
		return dst
	}
	return err
}

// ending is the token that stands behind each text; a base may have none.
func (p *pretraining) ending() ([]int32, error) {
	if p.base == nil {
		id, _ := p.model.Tokenizer.ID(text.Ending)
		return []int32{id}, nil
	}
	writer, err := generate.New(p.base)
	if err != nil {
		return nil, err
	}
	return writer.Ends()[:min(1, len(writer.Ends()))], nil
}

// addTokenizerConfig adds the file by which transformers takes the tokenizer as it is, where texts end as ours do.
func (p *pretraining) addTokenizerConfig(files map[string][]byte) error {
	end, err := p.ending()
	if id, ok := p.model.Tokenizer.ID(text.Ending); err != nil || !ok || !slices.Equal(end, []int32{id}) {
		return err
	}
	content, err := json.MarshalIndent(map[string]any{
		"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": text.Ending, "eos_token": text.Ending, "pad_token": text.Ending,
		"model_max_length": p.model.Config.MaxTokens, "clean_up_tokenization_spaces": false,
	}, "", "  ")
	files["tokenizer_config.json"] = append(content, '\n')
	return err
}
