package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// recipe is how a network is trained to its end, here and in the peer: AdamW, a linear schedule after a tenth of warm-up.
type recipe struct {
	epochs int
	rate   float64
}

var recipes = map[string]recipe{"a": {5, 5e-4}, "c": {5, 1e-3}, "d": {5, 2e-3}}

// near is how much below the lower of the two best accuracies the goal is, so that chance in the last figure does not
// decide about half of the time.
const near = 0.005

// course is a training that is judged twice an epoch.
type course struct {
	who       string
	model     *model.Model // nil for a peer's
	precision string
	advance   func() (ms, accuracy float64, err error) // half an epoch
	close     func()
	spent     []float64 // seconds of training up to each figure
	accuracy  []float64
}

// reach compares how long trainings on real texts take to the same accuracy on held-out texts, which are a sixth of the
// training part. The courses take turns, half an epoch each.
func (b *bench) reach(letter, set string, threads int) ([]result, error) {
	c, err := b.corpus(set)
	if err != nil {
		return nil, err
	}
	fit, judge := c.part()
	var all []*course
	defer func() {
		for _, one := range all {
			one.close()
		}
	}()
	for _, precision := range b.precisions(false) {
		one, err := ownCourse(networks[letter], recipes[letter], fit, judge, precision, threads)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	one, err := b.peerCourse(networks[letter], recipes[letter], fit, judge, threads)
	if err != nil {
		return nil, err
	}
	all = append(all, one)
	for range 2 * recipes[letter].epochs {
		for _, one := range all {
			ms, accuracy, err := one.advance()
			if err != nil {
				return nil, fmt.Errorf("%s: %w", one.who, err)
			}
			if n := len(one.spent); n > 0 {
				ms += 1000 * one.spent[n-1]
			}
			one.spent, one.accuracy = append(one.spent, ms/1000), append(one.accuracy, accuracy)
		}
	}
	var results []result
	for _, ours := range all[:len(all)-1] {
		results = append(results, race(ours, one))
	}
	return results, nil
}

// part splits a corpus into texts to fit and texts to judge by.
func (c *corpus) part() (fit, judge *corpus) {
	fit, judge = &corpus{tok: c.tok, names: c.names}, &corpus{tok: c.tok, names: c.names}
	for i := range c.ids {
		to := fit
		if i%6 == 5 {
			to = judge
		}
		if len(c.ids[i]) > 0 {
			to.ids, to.classes, to.texts = append(to.ids, c.ids[i]), append(to.classes, c.classes[i]), append(to.texts, c.texts[i])
		}
	}
	return fit, judge
}

// race compares two courses at the accuracy that both reach.
func race(ours, theirs *course) result {
	top := func(c *course) (best float64) {
		for _, a := range c.accuracy {
			best = max(best, a)
		}
		return best
	}
	goal := min(top(ours), top(theirs)) - near
	at := func(c *course) (seconds float64) {
		for i, a := range c.accuracy {
			if a >= goal {
				return c.spent[i]
			}
		}
		return 0
	}
	return result{Precision: ours.precision, Ours: ours.precision, Peer: theirs.who, PeerPrecision: theirs.precision, OursMS: 1000 * at(ours), PeerMS: 1000 * at(theirs),
		OursFigure: top(ours), PeerFigure: top(theirs), Note: fmt.Sprintf("goal %.4f", goal)}
}

func ownCourse(n network, r recipe, fit, judge *corpus, precision string, threads int) (*course, error) {
	m, err := n.newModel(fit.tok, []string{"a", "b"}, 1)
	if err != nil {
		return nil, err
	}
	tr, err := train.New(m, fit.set(), &train.Set{}, train.Config{Epochs: r.epochs, BatchSize: n.batch, Optimizer: "adamw", LearningRate: r.rate, WeightDecay: 0.01,
		Schedule: "linear", Warmup: 0.1, Loss: "cross_entropy", Precision: precision, GroupByLength: true, Threads: threads, Seed: 1})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	next, stop := iter.Pull2(tr.Run(ctx))
	held, tape := judge.set(), nn.NewTape(nil)
	half, steps, done := tr.StepsPerEpoch()/2, tr.StepsPerEpoch()*r.epochs, 0
	advance := func() (ms, accuracy float64, err error) {
		last := done + half
		if steps-done < 2*half {
			last = steps
		}
		start := time.Now()
		for done < last {
			event, err, ok := next()
			if err != nil || !ok {
				return 0, 0, errors.Join(errors.New("the training ended"), err)
			}
			if event.Step != nil {
				done++
			}
		}
		ms = milliseconds(start)
		scores, _, err := train.Evaluate(context.Background(), m, held, tape)
		return ms, scores.Main, err
	}
	return &course{who: "ours", model: m, precision: precision, advance: advance, close: func() { cancel(); stop(); tr.Finish() }}, nil
}

// set holds all texts.
func (c *corpus) set() *train.Set {
	d := &batches{ids: [][][]int32{c.ids}, classes: [][]int32{c.classes}}
	return d.set()
}

func (b *bench) peerCourse(n network, r recipe, fit, judge *corpus, threads int) (*course, error) {
	p, err := b.peer("peer_torch.py", threads)
	if err != nil {
		return nil, err
	}
	d := fit.sorted(len(fit.ids)/n.batch, n.batch)
	s := b.spec("fit", n, fit.tok.VocabSize(), d, 1)
	s.Mode, s.Precision, s.Rate, s.Epochs, s.Seed, s.Judge, s.Truth = "eager", "f32", r.rate, r.epochs, 1, judge.ids, judge.classes
	name, err := p.prepare(s)
	if err != nil {
		return nil, err
	}
	advance := func() (ms, accuracy float64, err error) {
		a, err := p.ask(map[string]any{"op": "advance", "name": name})
		if err != nil {
			return 0, 0, err
		}
		return a.MS[0], a.Figure, nil
	}
	return &course{who: p.product, precision: "f32", advance: advance, close: func() { p.drop(name) }}, nil
}

// agree trains a network for a while and tells on how many held-out texts its label in a precision is that in f32.
func (b *bench) agree(letter, set string, threads int) ([]result, error) {
	c, err := b.corpus(set)
	if err != nil {
		return nil, err
	}
	n := networks[letter]
	fit, judge := c.part()
	one, err := ownCourse(n, recipe{3, 5e-4}, fit, judge, "f32", threads)
	if err != nil {
		return nil, err
	}
	learnt := 0.0
	for range 6 {
		if _, learnt, err = one.advance(); err != nil {
			return nil, err
		}
	}
	one.close()
	if usual := judge.usual(); learnt < usual+0.05 {
		return nil, fmt.Errorf("the network is right on %.3f, where one label alone is on %.3f: that precisions agree would say nothing", learnt, usual)
	}
	var results []result
	var exact []model.Prediction
	var base float64
	for _, precision := range b.precisions(true) {
		if err := freeze(one.model, precision); err != nil {
			return nil, err
		}
		start := time.Now()
		labels, err := one.model.PredictTokens(b.ctx, samples(judge.ids))
		if err != nil {
			return nil, err
		}
		ms := milliseconds(start)
		if exact == nil {
			exact, base = labels, ms
			continue
		}
		same := 0
		for i := range labels {
			if labels[i].Class == exact[i].Class {
				same++
			}
		}
		results = append(results, result{Precision: precision, Ours: precision, OursMS: ms, Peer: "ours", PeerPrecision: "f32", PeerMS: base,
			OursFigure: float64(same) / float64(len(labels)), Note: fmt.Sprintf("share of %d texts with f32's label, which is right on %.3f", len(labels), share(exact, judge.classes))})
	}
	return results, nil
}

// usual is the share of the most frequent label.
func (c *corpus) usual() float64 {
	counts := make([]int, len(c.names))
	for _, class := range c.classes {
		counts[class]++
	}
	return float64(slices.Max(counts)) / float64(len(c.classes))
}
