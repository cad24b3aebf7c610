package main

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
)

// work is something that both sides do.
type work struct {
	name string
	set  string // data set that it needs, "" for none
	// One of these: the contenders, which then take turns; or a measurement of another kind.
	contenders func(b *bench, threads int) ([]*contender, error)
	measure    func(b *bench, threads int) ([]result, error)
	operations float64 // of an iteration, 0 where they are not counted
}

// kind is what its name begins with: gemm, train, infer, text, embed, reach, labels, ngram, finetune, memory or scaling.
func (w *work) kind() string {
	kind, _, _ := strings.Cut(w.name, "-")
	return kind
}

// allWorks lists everything in the order of the report.
func allWorks() []work {
	var all []work
	for _, s := range [][3]int{{1024, 384, 384}, {1024, 384, 1536}, {1024, 1536, 384}, {512, 512, 512}} {
		for _, order := range []string{"nn", "nt", "tn", "packed"} {
			all = append(all, gemm(product{s[0], s[1], s[2], order}))
		}
	}
	for _, letter := range []string{"a", "b", "c", "d"} {
		all = append(all, work{name: "train-" + letter, contenders: func(b *bench, threads int) ([]*contender, error) {
			return b.training(letter, nil, threads)
		}})
	}
	for _, letter := range []string{"a", "b", "c", "d"} {
		sizes := [][2]int{{1, 64}, {32, 64}}
		if letter < "c" {
			sizes = [][2]int{{1, 16}, {32, 64}}
		}
		for _, size := range sizes {
			all = append(all, work{name: fmt.Sprintf("infer-%s-%dx%d", letter, size[0], size[1]), contenders: func(b *bench, threads int) ([]*contender, error) {
				return b.predicting(letter, "", size[0], size[1], threads)
			}})
		}
	}
	for _, set := range []string{"chnsenticorp", "online_shopping"} {
		for _, letter := range []string{"a", "b", "c", "d"} {
			all = append(all,
				work{name: "train-real-" + letter + "-" + set, set: set, contenders: func(b *bench, threads int) ([]*contender, error) {
					c, err := b.corpus(set)
					if err != nil {
						return nil, err
					}
					return b.training(letter, c, threads)
				}},
				work{name: "infer-real-" + letter + "-" + set, set: set, contenders: func(b *bench, threads int) ([]*contender, error) {
					return b.predicting(letter, set, 32, 0, threads)
				}},
				work{name: "text-" + letter + "-" + set, set: set, contenders: func(b *bench, threads int) ([]*contender, error) {
					return b.reading(letter, set, threads)
				}})
		}
	}
	for _, set := range []string{"chnsenticorp", "sst2"} {
		all = append(all, work{name: "embed-real-" + set, set: set, contenders: func(b *bench, threads int) ([]*contender, error) {
			return b.embedding(set, threads)
		}})
	}
	for _, letter := range []string{"a", "b", "c", "d"} {
		all = append(all, work{name: "labels-" + letter, set: "sst2", measure: func(b *bench, threads int) ([]result, error) {
			return b.agree(letter, "sst2", threads)
		}})
	}
	for _, letter := range []string{"c", "d", "a"} {
		all = append(all, work{name: "reach-" + letter + "-chnsenticorp", set: "chnsenticorp", measure: func(b *bench, threads int) ([]result, error) {
			return b.reach(letter, "chnsenticorp", threads)
		}})
	}
	for _, set := range []string{"sst2", "chnsenticorp", "online_shopping", "imdb"} {
		all = append(all, work{name: "ngram-" + set, set: set, measure: func(b *bench, threads int) ([]result, error) {
			return b.ngram(set, threads)
		}})
	}
	all = append(all, work{name: "finetune-chnsenticorp", set: "chnsenticorp", measure: func(b *bench, threads int) ([]result, error) {
		return b.finetuning("chnsenticorp", "multilingual-e5-small-zh-en", threads)
	}})
	return slices.Concat(all, memoryOf(all), scalingOf(all))
}

func gemm(p product) work {
	name := fmt.Sprintf("%dx%dx%d", p.m, p.k, p.n)
	if p.order != "nn" {
		name = p.order + "-" + name
	}
	return work{name: "gemm-" + name, operations: p.operations(), contenders: func(b *bench, threads int) ([]*contender, error) {
		var all []*contender
		precisions := []kernel.Precision{kernel.F32, kernel.BF16}
		scripts := []string{"peer_numpy.py", "peer_torch.py"}
		if p.order == "packed" { // as prediction multiplies; the others are training's, which knows no int8
			precisions, scripts = append(precisions, kernel.INT8), append(scripts, "peer_ort.py")
		}
		for _, precision := range precisions {
			all = append(all, p.multiplier(precision, threads))
		}
		for _, script := range scripts {
			peer, err := b.peer(script, threads)
			if err != nil {
				return nil, err
			}
			s := spec{Kind: "gemm", M: p.m, K: p.k, N: p.n, Order: p.order, Pass: 1}
			for _, s.Precision = range map[string][]string{"peer_numpy.py": {"f32"}, "peer_torch.py": {"f32", "bf16"}, "peer_ort.py": {"f32", "int8"}}[script] {
				all = append(all, peer.contender(s))
			}
		}
		return all, nil
	}}
}

const realBatches = 6 // of a real set in one pass

// training are steps on random texts of 64 tokens, or on real ones.
func (b *bench) training(letter string, c *corpus, threads int) ([]*contender, error) {
	n := networks[letter]
	tok, d, pass := b.tokenizer, random(8, n.batch, 64), 1
	if c != nil {
		tok, d, pass = c.tok, c.sorted(realBatches, n.batch), realBatches
	}
	var all []*contender
	for _, precision := range b.precisions(false) {
		m, err := n.newModel(tok, []string{"a", "b"}, 1)
		if err != nil {
			return nil, err
		}
		ours, err := n.trainer(m, d, precision, threads, pass)
		if err != nil {
			return nil, err
		}
		all = append(all, ours)
	}
	s := b.spec("train", n, tok.VocabSize(), d, pass)
	return b.with(all, s, "peer_torch.py", threads, b.torchModes, b.torchPrecisions())
}

// predicting are batches of random texts of so many tokens, or of a set's.
func (b *bench) predicting(letter, set string, texts, tokens, threads int) ([]*contender, error) {
	n := networks[letter]
	tok, d, pass := b.tokenizer, random(4, texts, tokens), 1
	if set != "" {
		c, err := b.corpus(set)
		if err != nil {
			return nil, err
		}
		tok, d, pass = c.tok, c.sorted(realBatches, texts), realBatches
	}
	return b.forward("infer", n, tok, d, pass, threads)
}

// reading is predicting from text.
func (b *bench) reading(letter, set string, threads int) ([]*contender, error) {
	c, err := b.corpus(set)
	if err != nil {
		return nil, err
	}
	return b.forward("text", networks[letter], c.tok, c.sorted(realBatches, 32), realBatches, threads, c.file)
}

// spec tells peers of a network and its data.
func (b *bench) spec(kind string, n network, vocab int, d *batches, pass int) spec {
	c := n.config
	c.MaxTokens = maxTokens
	return spec{Kind: kind, Ragged: d.ragged, Batches: d.ids, Classes: d.classes, Pass: pass}.describe(&c, vocab)
}

// with adds a peer's contenders, one of each mode and precision.
func (b *bench) with(all []*contender, s spec, script string, threads int, modes, precisions []string) ([]*contender, error) {
	if b.alone != "" {
		if b.alone != script {
			return all, nil
		}
		modes, precisions = modes[:1], precisions[:1]
	}
	p, err := b.peer(script, threads)
	if err != nil {
		return nil, err
	}
	for _, s.Mode = range modes {
		for _, s.Precision = range precisions {
			all = append(all, p.contender(s))
		}
	}
	return all, nil
}

// choose returns the works that a list of prefixes or patterns picks, all if it is empty.
func choose(all []work, only string) ([]work, error) {
	if only == "" {
		return all, nil
	}
	var chosen []work
	patterns := strings.Split(only, ",")
	found := make([]bool, len(patterns))
	for _, w := range all {
		for i, p := range patterns {
			match, err := path.Match(p+"*", w.name) // the name may go on, so a prefix is a pattern too
			if err != nil {
				return nil, fmt.Errorf("--only: %q is no pattern: %w", p, err)
			}
			if !match || p == "" {
				continue
			}
			found[i] = true
			if len(chosen) == 0 || chosen[len(chosen)-1].name != w.name {
				chosen = append(chosen, w)
			}
		}
	}
	if i := slices.Index(found, false); i >= 0 {
		return nil, fmt.Errorf("--only: no work's name begins with or matches %q; --list shows them", patterns[i])
	}
	return chosen, nil
}
