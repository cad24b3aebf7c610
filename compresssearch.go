package xiaoyu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/compress"
	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// CompressSearchOptions say what a search for a smaller model has to find.
type CompressSearchOptions struct {
	CompressOptions // without Moves
	Limits          compress.Limits
	Minutes         float64 // after which no further combination is tried
	Healing         string  // how what was cut off is made up for; "": heal=2, and distill=2 where that is not enough
	Report          string  // file of a page with tables and fronts; "" for none
}

// Searched is what a search found.
type Searched struct {
	Compressed
	Trials []compress.Trial `json:"trials"`
	Chosen string           `json:"chosen"` // moves of the best combination
	Failed string           `json:"failed"` // why no package was written; "" if one was
}

// trialsFile is the record of a search, beside the package that it will write.
func trialsFile(out string) string { return filepath.Clean(out) + ".search.json" }

// record is what of a search is kept.
type searchRecord struct {
	Identity string           `json:"identity"` // of model, data and settings
	Trials   []compress.Trial `json:"trials"`
}

// CompressSearch tries combinations of moves within a budget of time, judged on rows of their own, and writes the package of
// the best one that holds the limits, judged on the test part beside the original. What was tried is kept in a file beside
// the package, from which the same call goes on. Where no combination holds the limits nothing is written, and Failed says
// what comes nearest.
func CompressSearch(ctx context.Context, m *Model, c *Config, o CompressSearchOptions) (*Searched, error) {
	if c.Data.Path == "" {
		return nil, hint.Errorf("pass --data FILE, with its columns", "searching for a smaller model: there are no examples to judge it by")
	}
	if err := model.Replaceable(o.Out); err != nil {
		return nil, err
	}
	b, err := newWorkbench(ctx, m, c, o.Observer)
	if err != nil {
		return nil, err
	}
	defer b.close()
	s, err := b.search(ctx, &o)
	if err != nil {
		return nil, err
	}
	found := &Searched{Trials: s.Trials}
	best := s.Best()
	if best == nil {
		near, why := s.Nearest()
		found.Failed = fmt.Sprintf("none of %d combinations holds the limits; %s comes nearest: %s", len(s.Trials), named(near.Moves), why)
		found.Compressed = b.result
		return found, b.writeReport(o.Report, s, nil)
	}
	if best.Moves == "" {
		found.Failed = fmt.Sprintf("none of %d combinations is better than the model as it is, which holds the limits already", len(s.Trials))
		found.Compressed = b.result
		return found, b.writeReport(o.Report, s, best)
	}
	found.Chosen = best.Moves
	b.Note("chosen: %s, %s, %s %.4f on the rows that choose", best.Moves, size.Bytes(best.Bytes), b.result.Steps[0].Figure, best.Value)
	o.Moves = best.Moves
	if err := b.apply(ctx, o.CompressOptions); err != nil {
		return nil, err
	}
	found.Compressed = b.result
	return found, b.writeReport(o.Report, s, best)
}

// named is a list of moves as people read it.
func named(moves string) string {
	if moves == "" {
		return "the original"
	}
	return moves
}

// search runs, or goes on with, the search.
func (b *workbench) search(ctx context.Context, o *CompressSearchOptions) (*compress.Search, error) {
	rows, err := b.choosing(ctx)
	if err != nil {
		return nil, err
	}
	healing := []string{"heal=2", "distill=2"}
	if o.Healing != "" {
		healing = []string{o.Healing}
	}
	if _, err := compress.Parse(strings.Join(healing, ",")); err != nil {
		return nil, err
	}
	s := &compress.Search{Axes: compress.Axes(b.original, healing...), Limits: o.Limits}
	identity, err := b.identity(s)
	if err != nil {
		return nil, err
	}
	path := trialsFile(o.Out)
	if s.Trials, err = readTrials(path, identity); err != nil {
		return nil, err
	}
	if len(s.Trials) > 0 {
		b.Note("%d combinations were tried before: %s", len(s.Trials), path)
	}
	judge, err := b.newTrialJudge(ctx, rows)
	if err != nil {
		return nil, err
	}
	start := time.Now()
	budget := func() bool { return time.Since(start).Minutes() < o.Minutes }
	err = s.Run(ctx, budget, judge.try, func(t *compress.Trial) error {
		word := ""
		if t.Refused != "" {
			word = "; refused: " + t.Refused
		}
		if t.Failed == "" {
			b.Note("%-44s %9s  %.3g ms  %.4f%s", named(t.Moves), size.Bytes(t.Bytes), t.Milli, t.Value, word)
		} else {
			b.Note("%-44s %s", named(t.Moves), t.Refused)
		}
		content, err := json.MarshalIndent(searchRecord{identity, s.Trials}, "", "  ")
		if err != nil {
			return err
		}
		return atomicfile.WriteFile(path, append(content, '\n'), 0o644)
	})
	if errors.Is(err, context.Canceled) {
		err = hint.Wrap(err, "the same command goes on", "searching for a smaller model")
	}
	return s, err
}

// choosing returns the rows on which combinations are judged: the validation part, or half of the test part where there is
// none or the model has learnt from it (train.refit); the other half is then what the result is judged on.
func (b *workbench) choosing(ctx context.Context) ([]data.Row, error) {
	rows, test := b.set.Parts[data.Validation], b.set.Parts[data.Test]
	if (b.config.Train.Refit || len(rows) == 0) && len(test) > 1 {
		why := "the model has learnt from its validation part as well"
		if len(rows) == 0 {
			why = "there is no validation part"
		}
		b.Note("note: %s: every other row of the test part chooses, the rest judges", why)
		rows, b.rows = nil, nil
		for i, r := range test {
			if i%2 == 0 {
				rows = append(rows, r)
			} else {
				b.rows = append(b.rows, r)
			}
		}
		b.report, b.said = nil, nil
		step, err := b.measure(ctx, b.original, "")
		if err != nil {
			return nil, err
		}
		b.result = Compressed{Judged: len(b.rows), Steps: []CompressStep{*step}}
	}
	if len(rows) == 0 {
		return nil, hint.Errorf("raise data.split.valid", "searching for a smaller model: the data has no validation part to choose on")
	}
	return rows, nil
}

// identity is what trials depend on.
func (b *workbench) identity(s *compress.Search) (string, error) {
	content, err := json.Marshal(map[string]any{"model": b.original.Package.Digest, "data": b.files(func(path string) string { return path }), "train": b.config.Train, "split": b.config.Data.Split, "distill": b.config.Distill, "axes": s.Axes, "limits": s.Limits, "version": Version()})
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:]), err
}

func readTrials(path, identity string) ([]compress.Trial, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var r searchRecord
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	switch {
	case err != nil:
		return nil, hint.Wrap(err, "delete the file to search anew", "reading the record of a search, %s", path)
	case r.Identity != identity:
		return nil, hint.Errorf("delete the file to search anew, or choose another --out", "the record of a search, %s, is of another model, other data or other limits", path)
	}
	return r.Trials, nil
}

// trialJudge judges models on the validation part. Times are compared with the original's, one text each in turn, so that
// what else the machine does falls on both.
type trialJudge struct {
	*workbench
	rows   []data.Row
	said   []model.Prediction // by the original
	found  map[string]bool    // labels that the original says
	milli  float64            // of the original
	asking []model.Query
}

func (b *workbench) newTrialJudge(ctx context.Context, rows []data.Row) (*trialJudge, error) {
	j := &trialJudge{workbench: b, rows: rows, found: map[string]bool{}}
	said, err := b.answer(ctx, b.original, "original", rows)
	if err != nil {
		return nil, err
	}
	j.said = said.predictions
	for _, p := range j.said {
		j.found[p.Label] = true
	}
	for _, r := range rows[:min(len(rows), 60)] {
		j.asking = append(j.asking, model.Query{Text: r.Text, Pair: r.Pair})
	}
	j.milli, err = j.time(ctx, b.original)
	return j, err
}

// time is the median of single texts, in milliseconds.
func (j *trialJudge) time(ctx context.Context, m *model.Model) (float64, error) {
	both := []*model.Model{j.original, m}
	ask := func(side int, q model.Query) (float64, error) {
		start := time.Now()
		_, err := both[side].PredictQueries(ctx, []model.Query{q})
		return float64(time.Since(start).Nanoseconds()) / 1e6, err
	}
	for _, q := range j.asking { // tokenizers remember pieces of texts that they have seen: now both have seen these
		for side := range both {
			if _, err := ask(side, q); err != nil {
				return 0, err
			}
		}
	}
	var ratios, own []float64
	for i, q := range j.asking {
		var took [2]float64
		for turn := range both {
			side := (i + turn) % 2
			var err error
			if took[side], err = ask(side, q); err != nil {
				return 0, err
			}
		}
		ratios, own = append(ratios, took[1]/max(took[0], 1e-9)), append(own, took[1])
	}
	slices.Sort(ratios)
	slices.Sort(own)
	if j.milli == 0 {
		return own[len(own)/2], nil
	}
	return j.milli * ratios[len(ratios)/2], nil
}

// try makes a model and judges it.
func (j *trialJudge) try(ctx context.Context, list string) (*compress.Outcome, error) {
	m := j.original
	if list != "" {
		moves, err := compress.Parse(list)
		if err != nil {
			return nil, err
		}
		for _, move := range moves {
			j.Stage(move.String(), 0, "")
			if m, err = move.Apply(ctx, m, &j.work); err != nil && ctx.Err() == nil {
				return &compress.Outcome{Failed: err.Error()}, nil
			}
			if err != nil {
				return nil, err
			}
		}
	}
	said, err := j.answer(ctx, m, "judging", j.rows)
	if err != nil {
		return nil, err
	}
	report, err := judge(m, j.rows, said, nil, j.judgeOptions(0))
	if err != nil {
		return nil, err
	}
	o := &compress.Outcome{Value: report.Main().Value, Agreement: 1}
	if o.Bytes, err = j.bytes(m); err != nil {
		return nil, err
	}
	if o.Milli, err = j.time(ctx, m); err != nil {
		return nil, err
	}
	missing := map[string]bool{}
	for label := range j.found {
		missing[label] = label != ""
	}
	same := 0
	for i, p := range said.predictions {
		delete(missing, p.Label)
		if p.Label == j.said[i].Label && slices.Equal(p.Labels, j.said[i].Labels) {
			same++
		}
	}
	for label, gone := range missing {
		if gone {
			o.Collapsed = append(o.Collapsed, label)
		}
	}
	slices.Sort(o.Collapsed)
	if len(said.predictions) > 0 {
		o.Agreement = float64(same) / float64(len(said.predictions))
	}
	return o, nil
}

// Text prints what was tried, and what came out.
func (s *Searched) Text() string {
	var b strings.Builder
	if s.Failed != "" {
		fmt.Fprintf(&b, "no package was written: %s\n", s.Failed)
		return b.String()
	}
	fmt.Fprintf(&b, "chosen of %d combinations: %s\n\n", len(s.Trials), s.Chosen)
	s.Compressed.Text(&b)
	return b.String()
}
