package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	xiaoyu "github.com/xiaoyu-slm/xiaoyu"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// What fine-tuning is measured on: so many steps of so many texts, cut to so many tokens.
const (
	finetuneSteps  = 12
	finetuneTexts  = 16
	finetuneTokens = 128
)

// finetuning are steps of training a pretrained network further on a random part of a set's texts, the same ones on both
// sides. Ours takes the preset of family encoder; PyTorch the usual loop over the classes of transformers: random batches
// padded to their longest text or, as its second mode, batches of texts sorted by length.
func (b *bench) finetuning(set, base string, threads int) ([]result, error) {
	folder := filepath.Join(b.models, base)
	if _, err := os.Stat(folder); err != nil {
		return nil, fmt.Errorf("%w: there is no %s; point --models to the folder of pretrained networks", errSkip, folder)
	}
	c, err := b.corpus(set)
	if err != nil {
		return nil, err
	}
	config, err := xiaoyu.Preset(model.EncoderFamily)
	if err != nil {
		return nil, err
	}
	config.Model.MaxTokens, config.Train.BatchSize = finetuneTokens, finetuneTexts
	config.Train.Epochs, config.Train.Schedule, config.Train.Threads = 100_000, "constant", threads // it ends when it has been measured
	if config.Train.Precision = "f32"; hasAMX() {
		config.Train.Precision = "bf16" // as auto has it
	}
	m, err := adapted(folder, config, c.names)
	if err != nil {
		return nil, err
	}
	d := c.drawn(m, finetuneSteps, finetuneTexts)
	tokens := 0
	for _, batch := range d.ids {
		for _, ids := range batch {
			tokens += len(ids)
		}
	}
	mine, err := trainer(m, d, config.Train, finetuneSteps)
	if err != nil {
		return nil, err
	}
	s := spec{Kind: "finetune", Folder: folder, Batches: d.ids, Classes: d.classes, Pass: finetuneSteps, Rate: config.Train.LearningRate}
	all, err := b.with([]*contender{mine}, s, "peer_torch.py", threads, []string{"shuffled", "sorted"}, b.torchPrecisions())
	defer func() { closeAll(all) }()
	if err != nil {
		return nil, err
	}
	able, err := b.alternate(all)
	if err != nil {
		return nil, err
	}
	var results []result
	for _, peer := range able[1:] {
		r := line(mine.precision, mine, peer)
		r.Note = fmt.Sprintf("a step of %d texts, %d tokens on average; an epoch of %d texts: %.1f min, theirs %.1f", finetuneTexts, tokens/finetuneSteps,
			len(c.texts), r.OursMS*float64(len(c.texts))/finetuneTexts/60_000, r.PeerMS*float64(len(c.texts))/finetuneTexts/60_000)
		results = append(results, r)
	}
	return results, nil
}

// adapted is a pretrained network with a fresh head for labels.
func adapted(folder string, c *xiaoyu.Config, labels []string) (*model.Model, error) {
	base, err := model.Open(folder)
	if err != nil {
		return nil, err
	}
	defer base.Package.Close()
	return model.Adapt(base, c.Model, text.CleanConfig{}, labels, c.Train.Seed, nil)
}

// drawn makes batches of random texts of the set, as a model reads them.
func (c *corpus) drawn(m *model.Model, count, texts int) *batches {
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(c.texts))
	d := &batches{ragged: true}
	for i := range count {
		var in model.Input
		var e model.Sample
		var ids [][]int32
		var classes []int32
		for _, at := range order[i*texts : (i+1)*texts] {
			from := in.Tokens.Tokens()
			m.Encode(&in, &e, c.texts[at], "")
			ids, classes = append(ids, in.Tokens.IDs[from:]), append(classes, c.classes[at])
		}
		d.ids, d.classes = append(d.ids, ids), append(d.classes, classes)
	}
	return d
}
