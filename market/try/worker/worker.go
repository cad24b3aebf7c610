// Package worker is the process in which a visitor of a market tries a model, see package try: it shuts itself in, opens
// the package in its folder, and answers questions, a line of JSON each.
package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/explain"
	"github.com/xiaoyu-slm/xiaoyu/export"
	"github.com/xiaoyu-slm/xiaoyu/generate"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/internal/similar"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

const (
	topLabels   = 10
	longestLine = 1 << 20
	explaining  = time.Second // that finding out which words mattered may take
	newTokens   = 60          // that a model of language writes
)

// Work shuts the process in, with memory for so many bytes beside the model's file, opens the model in the current folder,
// and answers the questions of in until it ends. It is for a process that does nothing else.
func Work(ctx context.Context, memory int64, in io.Reader, out io.Writer) error {
	lacks := Confine(memory)
	w := bufio.NewWriter(out)
	say := func(r try.Reply) error {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		return errors.Join(e.Encode(r), w.Flush())
	}
	m, err := open()
	if err != nil {
		return say(failure(err))
	}
	defer m.Package.Close()
	lacks = append(lacks, Seal()...)
	if err := say(try.Reply{Lacks: lacks, About: &try.About{Head: string(m.Config.Head), Pair: m.Config.Pair, Labels: labels(m)}}); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		var q try.Question
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		a, err := answer(ctx, m, q)
		r := try.Reply{Answer: a}
		if err != nil {
			r = failure(err)
		}
		if err := say(r); err != nil {
			return err
		}
	}
	return lines.Err()
}

func failure(err error) try.Reply { return try.Reply{Error: err.Error(), Way: hint.Way(err)} }

// open opens the package in the current folder.
func open() (*model.Model, error) {
	if _, err := os.Stat(model.ConfigFile); err != nil {
		return nil, errors.New("the package has no config.json")
	}
	if export.Is(".") {
		return export.Open(".")
	}
	return model.Open(".")
}

func answer(ctx context.Context, m *model.Model, q try.Question) (*try.Answer, error) {
	a := &try.Answer{Head: string(m.Config.Head), Pair: m.Config.Pair}
	begun := time.Now()
	if len(q.Batch) > 0 {
		return a, batch(ctx, m, q, a)
	}
	if m.Config.Head == model.CausalHead {
		g, err := generate.New(m)
		if err != nil {
			return nil, err
		}
		r, err := g.Generate(ctx, q.Text, generate.Options{MaxTokens: newTokens})
		if err != nil {
			return nil, err
		}
		a.Generated, a.Milli = r.Text, milliseconds(time.Since(begun))
		return a, nil
	}
	query, err := queryOf(m, q)
	if err != nil {
		return nil, err
	}
	list, err := m.PredictQueries(ctx, []model.Query{query})
	if err != nil {
		return nil, err
	}
	p := list[0]
	took := time.Since(begun)
	a.Milli, a.Dropped = milliseconds(took), p.Dropped
	view, err := json.Marshal(m.View(p, topLabels))
	if err == nil {
		err = json.Unmarshal(view, a)
	}
	if err != nil || !q.Explain {
		return a, err
	}
	// Three predictions a token are what it takes, and batches make them cheaper than single ones.
	if tokens := len(m.Tokens(query).Text.IDs); time.Duration(min(tokens, 160))*took > explaining {
		return a, nil
	}
	limited, stop := context.WithTimeout(ctx, explaining)
	defer stop()
	words, err := explain.Words(limited, m, query, p.Class)
	if err != nil && limited.Err() == nil {
		return nil, err
	}
	for _, w := range words {
		if !math.IsNaN(w.Weight) && !math.IsInf(w.Weight, 0) {
			a.Words = append(a.Words, try.Word(w))
		}
	}
	return a, nil
}

// labels are those of the model's answers: of entities their types.
func labels(m *model.Model) []string {
	if m.Config.Head == model.TokensHead {
		return m.Types()
	}
	return m.Labels
}

// batch has a model read texts at once, which is measured to the microsecond.
func batch(ctx context.Context, m *model.Model, q try.Question, a *try.Answer) error {
	head, single := m.Config.Head, !m.Config.Pair
	switch head {
	case model.ClassHead, model.MultiLabelHead, model.TokensHead, model.RegressionHead:
	case model.EmbeddingHead:
		single = false // each text of a pair is read by itself
	default:
		return hint.Errorf("ask one by one", "batches are for models of labels, entities, numbers and vectors")
	}
	if single != (len(q.Pairs) == 0) || !single && len(q.Pairs) != len(q.Batch) {
		return hint.Errorf("give a second text for each where the model compares two", "%d texts and %d second ones", len(q.Batch), len(q.Pairs))
	}
	begun := time.Now()
	took := func() { a.Milli = math.Round(float64(time.Since(begun))/float64(time.Microsecond)) / 1000 }
	if head == model.EmbeddingHead {
		list, err := cosines(ctx, m, q)
		took()
		a.Numbers = list
		return err
	}
	queries := make([]model.Query, len(q.Batch))
	for i, text := range q.Batch {
		if queries[i].Text = text; !single {
			queries[i].Pair = q.Pairs[i]
		}
	}
	list, err := m.PredictQueries(ctx, queries)
	if err != nil {
		return err
	}
	took()
	number := map[string]int{}
	for i, l := range labels(m) {
		number[l] = i
	}
	for _, p := range list {
		switch head {
		case model.RegressionHead:
			a.Numbers = append(a.Numbers, finite(p.Score))
			continue
		case model.TokensHead:
			found := []try.Named{}
			for _, e := range p.Entities {
				found = append(found, try.Named{Start: e.Start, End: e.End, Label: number[e.Label]})
			}
			a.Found = append(a.Found, found)
			continue
		case model.MultiLabelHead:
			hold := []int{}
			for _, l := range p.Labels {
				hold = append(hold, number[l])
			}
			slices.Sort(hold)
			a.Hold = append(a.Hold, hold)
		}
		a.Batch = append(a.Batch, p.Probabilities)
	}
	return nil
}

// cosines are those of pairs of texts by their vectors.
func cosines(ctx context.Context, m *model.Model, q try.Question) (list []*float64, err error) {
	prompt, err := m.Prompt("")
	if err != nil {
		return nil, err
	}
	vectors, err := m.Embed(ctx, slices.Concat(q.Batch, q.Pairs), prompt)
	if err != nil {
		return nil, err
	}
	for _, v := range vectors {
		similar.Unit(v)
	}
	for i := range q.Batch {
		list = append(list, finite(float64(kernel.Dot(vectors[i], vectors[len(q.Batch)+i]))))
	}
	return list, nil
}

// finite is a number as JSON can say it; nil for what is none.
func finite(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// queryOf is what the model reads: people ask before they give the text, which models have the other way round.
func queryOf(m *model.Model, q try.Question) (model.Query, error) {
	if !m.Config.Pair && m.Config.Head != model.AnswerHead {
		return model.Query{Text: q.Text}, nil
	}
	if strings.TrimSpace(q.Pair) == "" {
		return model.Query{}, hint.Errorf("give the second one too", "this model compares two texts")
	}
	return model.Query{Text: q.Text, Pair: q.Pair}, nil
}

func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Millisecond)*100) / 100
}

// Arguments reads those of the process: how much memory a model may have, in bytes.
func Arguments(args []string) (memory int64, err error) {
	if len(args) != 1 {
		return 0, errors.New("one argument is expected, the memory in bytes")
	}
	if _, err := fmt.Sscan(args[0], &memory); err != nil || memory < 1<<20 {
		return 0, fmt.Errorf("%q is no number of bytes for a model", args[0])
	}
	return memory, nil
}
