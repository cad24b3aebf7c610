package distill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// averaged are several teachers whose probabilities are averaged.
type averaged struct {
	teachers []Teacher
	about    About
}

// Average makes one teacher of several of one task, with the same labels in any order: its probabilities are the mean of
// theirs, of those that have an opinion. One alone stays what it is.
func Average(teachers []Teacher) (Teacher, error) {
	first := teachers[0].About()
	if len(teachers) == 1 {
		return teachers[0], nil
	}
	if first.Head == model.TokensHead {
		return nil, hint.Errorf("join them with `xiaoyu ensemble`, which knows where their tokens lie", "several teachers of task %s", data.Tags)
	}
	t := &averaged{teachers: teachers, about: *first}
	t.about.Parameters, t.about.Bytes, t.about.Slow, t.about.Thresholds = 0, 0, false, nil
	var names, digests []string
	known := true // the sizes of all
	for _, one := range teachers {
		a := one.About()
		if err := a.Check(first.Head, first.Labels, first.Pair); err != nil {
			return nil, err
		}
		names, digests = append(names, a.Name), append(digests, a.Digest)
		t.about.Parameters += a.Parameters
		t.about.Bytes += a.Bytes
		t.about.Slow = t.about.Slow || a.Slow
		known = known && a.Parameters > 0
	}
	if !known {
		t.about.Parameters, t.about.Bytes = 0, 0
	}
	sum := sha256.Sum256([]byte(strings.Join(digests, " ")))
	t.about.Name, t.about.Digest = strings.Join(names, " + "), "sha256:"+hex.EncodeToString(sum[:])
	return t, nil
}

func (t *averaged) About() *About { return &t.about }

func (t *averaged) Close() error {
	var errs []error
	for _, one := range t.teachers {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

func (t *averaged) Opinions(ctx context.Context, queries []model.Query) ([]data.Opinion, error) {
	sums, voices := make([][]float64, len(queries)), make([]int, len(queries))
	for _, one := range t.teachers {
		said, err := Ask(ctx, one, t.about.Labels, queries, nil)
		if err != nil {
			return nil, err
		}
		for i, o := range said {
			if o.Logits == nil {
				continue
			}
			if voices[i]++; sums[i] == nil {
				sums[i] = make([]float64, len(o.Logits))
			}
			for c, p := range Probabilities(t.about.Head, o.Logits) {
				sums[i][c] += float64(p)
			}
		}
	}
	out := make([]data.Opinion, len(queries))
	for i, sum := range sums {
		if voices[i] == 0 {
			continue
		}
		mean := make([]float32, len(sum))
		for c, v := range sum {
			mean[c] = float32(v / float64(voices[i]))
		}
		switch t.about.Head {
		case model.RegressionHead:
			out[i].Logits = mean
		case model.MultiLabelHead:
			out[i].Logits = model.LogOdds(mean)
		default:
			out[i].Logits = model.LogProbabilities(mean)
		}
	}
	return out, nil
}
