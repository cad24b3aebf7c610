package label

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/text/near"
)

// Neighbor is a row that is like a doubtful one.
type Neighbor struct {
	Line       int     `json:"line"`
	Label      string  `json:"label"`
	Text       string  `json:"text"`
	Similarity float64 `json:"similarity"` // cosine of the weighted shingles
	Jaccard    float64 `json:"jaccard"`
}

const (
	nearDouble    = 0.8 // Jaccard similarity from which a neighbor is called a near double
	neighborChars = 200
)

// explain adds reasons to doubts.
func explain(ctx context.Context, doubts []Doubt, rows []data.Row, labels []string, k int, progress func(stage string, done, total int64)) error {
	var index *neighbors
	if k > 0 && len(doubts) > 0 {
		index = newNeighbors(doubts, rows)
	}
	for at := range doubts {
		if at%16 == 0 && ctx.Err() != nil {
			return fmt.Errorf("looking for doubtful labels: %w", ctx.Err())
		}
		d := &doubts[at]
		d.Reasons = append(d.Reasons, fmt.Sprintf("labelled %s (%.2f), but a model trained without this row says %s at %.2f", d.Label, d.Given, d.Suggested, d.Other))
		if index != nil {
			d.compare(index.nearest(d.Row, k), rows, labels)
		}
		progress("neighbors", int64(at+1), int64(len(doubts)))
	}
	return nil
}

// compare adds what the nearest rows say.
func (d *Doubt) compare(found []scored, rows []data.Row, labels []string) {
	support, own := 0, 0
	for _, f := range found {
		r := &rows[f.row]
		n := Neighbor{r.Line, labels[r.Class], data.OneLine(r.Text, neighborChars), f.score, near.Jaccard(whole(&rows[d.Row]), whole(r))}
		d.Neighbors = append(d.Neighbors, n)
		switch n.Label {
		case d.Suggested:
			support++
		case d.Label:
			own++
		}
	}
	if len(found) > 0 {
		d.Reasons = append(d.Reasons, fmt.Sprintf("of the %d nearest rows %d are labelled %s, %d %s", len(found), support, d.Suggested, own, d.Label))
	}
	for _, n := range d.Neighbors {
		if n.Jaccard >= nearDouble && n.Label != d.Label {
			d.Reasons = append(d.Reasons, fmt.Sprintf("near double of line %d, which is labelled %s", n.Line, n.Label))
			break
		}
	}
}

func whole(r *data.Row) string {
	if r.Pair == "" {
		return r.Text
	}
	return r.Text + "\n" + r.Pair
}

// neighbors finds the rows nearest to the doubtful ones by the cosine of their shingles, rare ones weighing more
// (TF-IDF). Only shingles of doubtful rows are kept.
type neighbors struct {
	rows     []data.Row
	postings map[uint64][]int32
	idf      map[uint64]float64
	norm     []float64 // of each row
	scores   []float64 // scratch, by row
}

func newNeighbors(doubts []Doubt, rows []data.Row) *neighbors {
	x := &neighbors{rows: rows, postings: map[uint64][]int32{}, idf: map[uint64]float64{}, norm: make([]float64, len(rows)), scores: make([]float64, len(rows))}
	count := map[uint64]int{}
	for _, d := range doubts {
		for _, s := range near.Shingles(whole(&rows[d.Row])) {
			x.postings[s] = nil
		}
	}
	for i := range rows {
		for _, s := range near.Shingles(whole(&rows[i])) {
			count[s]++
			if p, ok := x.postings[s]; ok {
				x.postings[s] = append(p, int32(i))
			}
		}
	}
	for s, n := range count {
		x.idf[s] = math.Log(float64(1+len(rows)) / float64(1+n))
	}
	for i := range rows {
		sum := 0.0
		for _, s := range near.Shingles(whole(&rows[i])) {
			sum += x.idf[s] * x.idf[s]
		}
		x.norm[i] = math.Sqrt(max(sum, 1e-12))
	}
	return x
}

type scored struct {
	row   int
	score float64
}

// nearest returns the k nearest rows, nearest first; fewer where nothing is alike.
func (x *neighbors) nearest(row, k int) []scored {
	var touched []int32
	for _, s := range near.Shingles(whole(&x.rows[row])) {
		w := x.idf[s] * x.idf[s]
		for _, i := range x.postings[s] {
			if x.scores[i] == 0 {
				touched = append(touched, i)
			}
			x.scores[i] += w
		}
	}
	var found []scored
	for _, i := range touched {
		if int(i) != row && x.scores[i] > 0 {
			found = append(found, scored{int(i), x.scores[i] / (x.norm[i] * x.norm[row])})
		}
		x.scores[i] = 0
	}
	slices.SortFunc(found, func(a, b scored) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.row, b.row)) })
	return found[:min(k, len(found))]
}
