package main

import "github.com/xiaoyu-slm/xiaoyu/text"

// forward makes the contenders of a prediction: kind is infer, or text with the tokenizer's file.
func (b *bench) forward(kind string, n network, tok *text.Tokenizer, d *batches, pass, threads int, file ...string) ([]*contender, error) {
	var all []*contender
	for _, precision := range b.precisions(true) {
		m, err := n.newModel(tok, []string{"a", "b"}, 1)
		if err != nil {
			return nil, err
		}
		make := predictor
		if kind == "text" {
			make = reader
		}
		ours, err := make(m, d, precision, pass)
		if err != nil {
			return nil, err
		}
		all = append(all, ours)
	}
	s := b.spec(kind, n, tok.VocabSize(), d, pass)
	if kind == "text" {
		s.Tokenizer, s.Batches, s.Classes = file[0], nil, nil
		for _, texts := range d.texts {
			s.Texts = append(s.Texts, texts...)
		}
	}
	modes := []string{"plain"}
	if n.config.Family == "transformer" {
		modes = append(modes, "fused")
	}
	all, err := b.with(all, s, "peer_ort.py", threads, modes, []string{"f32", "int8"})
	if err != nil {
		return nil, err
	}
	return b.with(all, s, "peer_torch.py", threads, []string{"eager"}, b.torchPrecisions())
}
