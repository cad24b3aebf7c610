package label

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// CrossValidate returns for each row the probabilities of all labels by a model that was trained without it. The models
// are trained side by side, each on one processor, so that the result depends on the seed alone. They share a
// tokenizer, which sees no labels.
func CrossValidate(ctx context.Context, rows []data.Row, labels []string, s Settings, progress func(done, total int64)) ([][]float32, error) {
	if err := checkRows(rows, labels, s.Folds); err != nil {
		return nil, err
	}
	tok, err := text.Train(ctx, func(yield func(string) bool) {
		for _, r := range rows {
			if !yield(r.Text) || r.Pair != "" && !yield(r.Pair) {
				return
			}
		}
	}, s.Tokenizer, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	fold := folds(rows, len(labels), s.Folds, s.Train.Seed)
	out := make([][]float32, len(rows))
	steps, failed := make(chan struct{}, 64), make(chan error, s.Folds)
	gate := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for f := range s.Folds {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			if err := trainFold(ctx, rows, labels, s, tok, fold, f, out, func() { steps <- struct{}{} }); err != nil {
				failed <- err
				cancel()
			}
		})
	}
	go func() {
		wg.Wait()
		close(steps)
	}()
	per := len(rows) - len(rows)/s.Folds
	done, total := int64(0), int64(s.Folds*s.Train.Epochs*((per+s.Train.BatchSize-1)/s.Train.BatchSize))
	for range steps {
		if done++; progress != nil {
			progress(min(done, total), total)
		}
	}
	select {
	case err := <-failed:
		return nil, err
	default:
		return out, nil
	}
}

// folds deals the rows of each label out over k parts, in an order that follows from the seed.
func folds(rows []data.Row, classes, k int, seed uint64) []int {
	members := make([][]int, classes)
	for i, r := range rows {
		members[r.Class] = append(members[r.Class], i)
	}
	rng := rand.New(rand.NewPCG(seed, 0x666f6c64))
	out := make([]int, len(rows))
	next := 0
	for _, m := range members {
		rng.Shuffle(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
		for _, i := range m {
			out[i] = next % k
			next++
		}
	}
	return out
}

// trainFold trains without the rows of part f and predicts those.
func trainFold(ctx context.Context, rows []data.Row, labels []string, s Settings, tok *text.Tokenizer, fold []int, f int, out [][]float32, step func()) error {
	var in, held []int
	for i, at := range fold {
		if at == f {
			held = append(held, i)
		} else {
			in = append(in, i)
		}
	}
	c := s.Model
	c.Head = model.ClassHead
	m, err := model.New(c, s.Clean, tok, labels, s.Train.Seed, func(yield func(model.Example) bool) {
		var a, b text.Encoding
		for _, i := range in {
			tok.EncodeTo(&a, rows[i].Text)
			a.Cut(c.MaxTokens)
			tok.EncodeTo(&b, rows[i].Pair)
			b.Cut(c.MaxTokens)
			if !yield(model.Example{Text: &a, Pair: &b, Source: rows[i].Text, Second: rows[i].Pair, Classes: []int32{int32(rows[i].Class)}}) {
				return
			}
		}
	})
	if err != nil {
		return err
	}
	set := &train.Set{}
	var e model.Sample
	for _, i := range in {
		m.Encode(&set.Input, &e, rows[i].Text, rows[i].Pair)
		set.Targets.Classes = append(set.Targets.Classes, int32(rows[i].Class))
		set.Add()
	}
	config := s.Train
	config.Threads = 1
	trainer, err := train.New(m, set, &train.Set{}, config)
	if err != nil {
		return err
	}
	defer trainer.Finish()
	for event, err := range trainer.Run(ctx) {
		if err != nil {
			return fmt.Errorf("looking for doubtful labels: %w", err)
		}
		if event.Step != nil {
			step()
		}
	}
	for at := 0; at < len(held); at += predictAtOnce {
		part := held[at:min(at+predictAtOnce, len(held))]
		queries := make([]model.Query, len(part))
		for n, i := range part {
			queries[n] = model.Query{Text: rows[i].Text, Pair: rows[i].Pair}
		}
		predictions, err := m.PredictQueries(ctx, queries)
		if err != nil {
			return fmt.Errorf("looking for doubtful labels: %w", err)
		}
		for n, i := range part {
			out[i] = predictions[n].Probabilities
		}
	}
	return nil
}

const predictAtOnce = 512
