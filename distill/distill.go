// Package distill asks teachers: models, files of soft labels and services that hold an opinion of texts, from which a
// student learns beside labels or in their place (Hinton, Vinyals & Dean 2015, "Distilling the Knowledge in a Neural
// Network").
//
//	teacher, err := distill.NewModel(m, "models/large")
//	cached, err := distill.Cached(teacher, "runs/opinions")
//	opinions, err := distill.Ask(ctx, cached, labels, queries, progress)
//
// An opinion is cached on disk under the digests of teacher and text, so that nothing is asked twice and an interruption
// loses nothing. How a student learns from opinions is the affair of packages nn, model (Targets.Soft) and train.
package distill

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Teacher has opinions of texts.
type Teacher interface {
	About() *About
	// Opinions returns one for each query, its logits in the order of About's labels. An opinion without logits says that
	// the teacher has none. Beside an error come those of the first queries, as far as they are good.
	Opinions(ctx context.Context, queries []model.Query) ([]data.Opinion, error)
	Close() error
}

// About is what is known of a teacher.
type About struct {
	Name       string    // for people: a folder, a file, an address
	Digest     string    // of all that its opinions follow from: "sha256:…"
	Head       string    // as model.Config.Head
	Labels     []string  // of the logits; for head tokens the types of entities, for head regression none
	Thresholds []float64 // head multilabel: from which probability on each label holds; nil for 0.5
	Pair       bool      // it reads pairs of texts
	Parameters int       // 0 where that is not known
	Bytes      int64     // on disk, 0 where that is not known
	Slow       bool      // each opinion costs time or money
}

// Check tells why a teacher cannot teach a student of this head, with these labels.
func (a *About) Check(head string, labels []string, pair bool) error {
	switch {
	case head == model.AnswerHead:
		return hint.Errorf("leave out distill.teacher", "task qa: answers to questions are learnt from labels, not from a teacher")
	case a.Head != head:
		return hint.Errorf("choose a teacher of the same task", "the teacher %s is of task %s, the student of task %s", a.Name, taskOf(a.Head), taskOf(head))
	case a.Pair != pair:
		return hint.Errorf("choose a teacher that reads what the student reads", "the teacher %s reads %s, the student %s", a.Name, reads(a.Pair), reads(pair))
	case head == model.RegressionHead:
		return nil
	}
	var missing, surplus []string
	for _, l := range labels {
		if !slices.Contains(a.Labels, l) {
			missing = append(missing, l)
		}
	}
	for _, l := range a.Labels {
		if !slices.Contains(labels, l) {
			surplus = append(surplus, l)
		}
	}
	if len(missing)+len(surplus) == 0 {
		return nil
	}
	return hint.Errorf("teacher and data need the same labels: rename them in the data, or choose another teacher",
		"the teacher %s has other labels%s%s", a.Name, listed(": it lacks ", missing), listed("; it alone has ", surplus))
}

func taskOf(head string) string {
	if head == model.ClassHead {
		return data.Classes
	}
	return head
}

func reads(pair bool) string {
	if pair {
		return "pairs of texts"
	}
	return "single texts"
}

// listed names a few labels behind some words, nothing where there are none.
func listed(words string, labels []string) string {
	if len(labels) == 0 {
		return ""
	}
	const shown = 5
	more := ""
	if n := len(labels) - shown; n > 0 {
		more = fmt.Sprintf(" and %d more", n)
		labels = labels[:shown]
	}
	return words + strings.Join(labels, ", ") + more
}

// askedAtOnce is how many queries a teacher gets in one call: enough for all processors, few enough to see progress.
// Where each takes long, fewer are lost when one of them fails.
const (
	askedAtOnce     = 64
	askedAtOnceSlow = 16
)

// Ask returns a teacher's opinions with the logits in the order of labels, those that Check has found to be the
// teacher's. progress, which may be nil, is told how many are done.
func Ask(ctx context.Context, t Teacher, labels []string, queries []model.Query, progress func(done int)) ([]data.Opinion, error) {
	order := orderOf(t.About(), labels)
	out := make([]data.Opinion, 0, len(queries))
	each := askedAtOnce
	if t.About().Slow {
		each = askedAtOnceSlow
	}
	for len(out) < len(queries) {
		said, err := t.Opinions(ctx, queries[len(out):min(len(out)+each, len(queries))])
		if err != nil {
			return nil, err
		}
		for i := range said {
			said[i].Logits = reorder(said[i].Logits, order)
		}
		out = append(out, said...)
		if progress != nil {
			progress(len(out))
		}
	}
	return out, nil
}

// orderOf returns for each output of a teacher its place among those of labels.
func orderOf(a *About, labels []string) []int {
	from, to := a.Labels, labels
	if a.Head == model.TokensHead {
		from, to = model.TagNames(from), model.TagNames(to)
	}
	order := make([]int, len(from))
	for i, l := range from {
		order[i] = slices.Index(to, l)
	}
	return order
}

// reorder returns rows of logits with that of output i at place order[i].
func reorder(logits []float32, order []int) []float32 {
	if len(logits) == 0 || len(order) == 0 || slices.IsSorted(order) {
		return logits
	}
	out := make([]float32, len(logits))
	for at := 0; at < len(out); at += len(order) {
		for i, to := range order {
			out[at+to] = logits[at+i]
		}
	}
	return out
}
