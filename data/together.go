package data

import (
	"context"
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/internal/partition"
	"github.com/xiaoyu-slm/xiaoyu/text/near"
)

// Together tells of the near doubles that a split keeps on one side.
type Together struct {
	Groups int `json:"groups"`
	Rows   int `json:"rows"`   // in those groups
	Moved  int `json:"moved"`  // rows that would be on another side by themselves
	Broken int `json:"broken"` // groups too large for one side, which were split where texts are less alike
}

const (
	maxTogether  = 0.05 // share of all rows that one group may bring to a side
	minTogether  = 20   // rows that it may bring in any case
	tightestNear = 0.97 // beyond it, only equal texts are held together
)

// joinDoubles gives the rows of each group of near doubles one side: by time the latest of their sides, so that nothing
// is learnt from the future; else the side of the smallest key, whatever the order of the file. Groups by column are
// joined through the near doubles that they share.
func (l *loader) joinDoubles(ctx context.Context, sides []Side) error {
	texts := make([]string, len(l.waiting))
	for i, w := range l.waiting {
		texts[i] = w.text
	}
	groups, err := l.doubles(ctx, texts, l.config.Split.Near)
	if err != nil {
		return err
	}
	if l.config.Split.By == "group" {
		groups = l.joinColumn(groups)
	}
	rows := l.set.Parts[Train]
	t := &l.set.Together
	for number, g := range groups {
		first := g[0]
		for _, i := range g {
			rows[i].doubles = int32(number + 1)
			if l.config.Split.By == "time" && sides[i] > sides[first] || l.config.Split.By != "time" && l.waiting[i].key < l.waiting[first].key {
				first = i
			}
		}
		side := sides[first]
		t.Groups++
		t.Rows += len(g)
		for _, i := range g {
			if sides[i] != side {
				t.Moved++
				sides[i] = side
			}
		}
	}
	if t.Moved > 0 {
		l.set.Notes = append(l.set.Notes, fmt.Sprintf("%d of %d near doubles were moved to the side of the others of their group (data.split.near)", t.Moved, t.Rows))
	}
	if t.Broken > 0 {
		l.set.Notes = append(l.set.Notes, fmt.Sprintf("%d groups of near doubles are too large for one side of the split and were held together only where they are more alike; see `xiaoyu data dedup`", t.Broken))
	}
	return nil
}

// doubles returns the groups of near doubles. One with more than a twentieth of all rows, such as texts of one template
// that differ in a number, would turn the split over: it is grouped anew by a stricter threshold.
func (l *loader) doubles(ctx context.Context, texts []string, threshold float64) ([][]int32, error) {
	r, err := near.Groups(ctx, texts, near.Options{Threshold: threshold})
	if err != nil {
		return nil, err
	}
	limit := max(minTogether, int(maxTogether*float64(len(l.waiting))))
	var groups [][]int32
	for _, g := range r.Groups {
		if len(g) <= limit || threshold == 1 {
			groups = append(groups, g)
			continue
		}
		if threshold == l.config.Split.Near {
			l.set.Together.Broken++
		}
		stricter := (1 + threshold) / 2
		if stricter > tightestNear {
			stricter = 1
		}
		part := make([]string, len(g))
		for i, id := range g {
			part[i] = texts[id]
		}
		smaller, err := l.doubles(ctx, part, stricter)
		if err != nil {
			return nil, err
		}
		for _, s := range smaller {
			for i := range s {
				s[i] = g[s[i]]
			}
			groups = append(groups, s)
		}
	}
	return groups, nil
}

// joinColumn joins groups of near doubles with the rows of one value of data.group.
func (l *loader) joinColumn(doubles [][]int32) [][]int32 {
	joined := partition.New(len(l.waiting))
	first := map[string]int32{}
	for i, w := range l.waiting {
		if f, ok := first[w.key]; ok {
			joined.Join(f, int32(i))
		} else {
			first[w.key] = int32(i)
		}
	}
	for _, g := range doubles {
		for _, i := range g[1:] {
			joined.Join(g[0], i)
		}
	}
	return joined.Groups()
}

// maxLeakCheck bounds the text, in bytes, in which a training looks for test rows that it trains on; `xiaoyu data leak`
// has no bound.
const maxLeakCheck = 64 << 20

// warnOfLeaks notes how many rows of the test file are near doubles of rows of the training file, and how many were
// dropped because they equal an earlier row.
func (l *loader) warnOfLeaks(ctx context.Context, dropped int64) error {
	if dropped > 0 {
		l.set.Notes = append(l.set.Notes, fmt.Sprintf("%d rows of %s were dropped: they equal an earlier row of it or of the training file (data.rows.duplicates)", dropped, l.config.Test))
	}
	tests := len(l.set.Parts[Test])
	size := 0
	texts := make([]string, len(l.waiting))
	for i, w := range l.waiting {
		texts[i] = w.text
		size += len(w.text)
	}
	if l.config.Split.Near == 0 || size > maxLeakCheck {
		return nil
	}
	r, err := near.Groups(ctx, texts, near.Options{Threshold: l.config.Split.Near})
	if err != nil {
		return err
	}
	border := int32(len(texts) - tests)
	leaked := 0
	for _, g := range r.Groups {
		if g[0] < border { // the group's first row is one for training
			at, _ := slices.BinarySearch(g, border)
			leaked += len(g) - at
		}
	}
	if leaked > 0 {
		l.set.Notes = append(l.set.Notes, fmt.Sprintf("%d of the %d test rows left are near doubles of rows for training: `xiaoyu data leak %s %s` shows them", leaked, tests, l.config.Path, l.config.Test))
	}
	return nil
}
