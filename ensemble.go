package xiaoyu

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/eval"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
)

// JoinOptions say how models become an ensemble.
type JoinOptions struct {
	Out      string    // folder of the package
	Vote     bool      // members vote; else their probabilities are averaged
	Weights  []float64 // of the members; nil for equal ones
	Auto     bool      // choose the weights on the labelled rows of Data, which no member should have been trained on
	Data     *Config   // its data part is read; with Auto
	Observer Observer  // nil for silence
	Command  []string  // recorded in the package
}

// Joined is an ensemble that was made.
type Joined struct {
	Package string         `json:"package"`
	Digest  string         `json:"digest"`
	Bytes   int64          `json:"bytes"`
	Task    string         `json:"task"`
	Labels  []string       `json:"labels"`
	Vote    bool           `json:"vote"`
	Members []JoinedMember `json:"members"`
}

// JoinedMember is a member of an ensemble.
type JoinedMember struct {
	Name   string  `json:"name"` // of its folder
	Family string  `json:"family"`
	Digest string  `json:"digest"`
	Weight float64 `json:"weight"`
}

// Join makes an ensemble of model packages, which are copied into its own; they are named as Fetch takes them.
func Join(ctx context.Context, names []string, o JoinOptions) (*Joined, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	if err := model.Replaceable(o.Out); err != nil {
		return nil, err
	}
	var members []*model.Model
	defer func() {
		for _, m := range members {
			m.Package.Close()
		}
	}()
	for _, name := range names {
		m, err := openReference(ctx, name, o.Observer)
		if err != nil {
			return nil, err
		}
		members = append(members, m)
	}
	m, err := model.NewEnsemble(members, o.Weights, o.Vote)
	if err != nil {
		return nil, err
	}
	if o.Auto {
		if err := weighOn(ctx, m, o.Data, o.Observer); err != nil {
			return nil, err
		}
	}
	joined := &Joined{Task: taskName(m.Config.Head), Labels: m.Labels, Vote: o.Vote}
	for i, member := range members {
		joined.Members = append(joined.Members, JoinedMember{filepath.Base(names[i]), member.Config.Family, member.Package.Digest, m.Ensemble.Weights[i]})
	}
	origin, err := json.MarshalIndent(map[string]any{"created": time.Now().UTC(), "command": o.Command, "version": Version(), "members": joined.Members, "vote": o.Vote}, "", "  ")
	if err != nil {
		return nil, err
	}
	p, err := m.Save(o.Out, map[string][]byte{model.LineageFile: append(origin, '\n'), model.CardFile: []byte(joined.card(filepath.Base(o.Out)))})
	if err != nil {
		return nil, err
	}
	joined.Package, joined.Digest, joined.Bytes = p.Dir, p.Digest, p.Size
	return joined, nil
}

func (j *Joined) card(name string) string {
	var b strings.Builder
	task := "text-classification"
	if j.Task == data.Tags {
		task = "token-classification"
	}
	how := "the average of what they say"
	if j.Vote {
		how = "their vote"
	}
	fmt.Fprintf(&b, "---\nlibrary_name: xiaoyu\npipeline_tag: %s\ntags: [xiaoyu, ensemble, %s]\n---\n\n# %s\n\nAn ensemble of %d models, made with Xiaoyu 小语: its answer is %s.\n\n", task, task, name, len(j.Members), how)
	b.WriteString("| member | family | weight | digest |\n|---|---|---|---|\n")
	for _, m := range j.Members {
		fmt.Fprintf(&b, "| %s | %s | %.3f | `%s` |\n", m.Name, m.Family, m.Weight, m.Digest)
	}
	fmt.Fprintf(&b, "\n## Use\n\n```sh\nxiaoyu predict %s \"…\"\nxiaoyu serve %s\n```\n", name, name)
	return b.String()
}

// weighOn chooses the members' weights on the labelled rows of a file.
func weighOn(ctx context.Context, m *model.Model, c *Config, o Observer) error {
	j := &judgement{Observer: o, config: c}
	if err := j.read(ctx, m.Config.Head); err != nil {
		return err
	}
	rows, _, err := evalRows(m, j.examples, c)
	if err != nil {
		return err
	}
	return weigh(ctx, m, rows, o)
}

// selectionRounds is how many times a member is chosen; a weight is a member's share of the choices.
const selectionRounds = 20

// weigh chooses the weights of an ensemble's members by greedy selection with replacement (Caruana, Niculescu-Mizil, Crew
// & Ksikes 2004, "Ensemble Selection from Libraries of Models"): again and again the member joins, once more, with which
// the ensemble does best on rows.
func weigh(ctx context.Context, m *model.Model, rows []data.Row, o Observer) error {
	if len(rows) == 0 {
		return hint.Errorf("name a file of labelled rows, or give the weights", "choosing an ensemble's weights: there is no labelled row")
	}
	e := m.Ensemble
	queries := make([]model.Query, len(rows))
	for i, r := range rows {
		queries[i] = model.Query{Text: r.Text, Pair: r.Pair}
	}
	said := make([][]model.Prediction, len(e.Members))
	o.Stage("weighing", int64(len(e.Members)+selectionRounds), "steps")
	for i, member := range e.Members {
		var err error
		if said[i], err = member.PredictQueries(ctx, queries); err != nil {
			return err
		}
		o.Progress(int64(i+1), "")
	}
	counts := make([]float64, len(e.Members))
	var best []float64
	bestFigure := math.Inf(-1)
	for round := range selectionRounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		chosen, figure := -1, math.Inf(-1)
		for i := range counts {
			counts[i]++
			f, err := joinedFigure(m, counts, said, rows)
			if err != nil {
				return err
			}
			if f > figure {
				chosen, figure = i, f
			}
			counts[i]--
		}
		counts[chosen]++
		if figure > bestFigure {
			best, bestFigure = slices.Clone(counts), figure
		}
		o.Progress(int64(len(e.Members)+round+1), "")
	}
	return m.Reweigh(best)
}

// joinedFigure is how well an ensemble does with the given weights, the higher the better: the mean log probability of the
// right label, and for other heads and for votes the main figure of a report.
func joinedFigure(m *model.Model, weights []float64, said [][]model.Prediction, rows []data.Row) (float64, error) {
	if err := m.Reweigh(weights); err != nil {
		return 0, err
	}
	joined, one := make([]model.Prediction, len(rows)), make([]model.Prediction, len(said))
	sum := 0.0
	for r, row := range rows {
		for i := range said {
			one[i] = said[i][r]
		}
		joined[r] = m.Ensemble.Join(m, one)
		if m.Config.Head == model.ClassHead {
			sum += math.Log(max(float64(joined[r].Probabilities[row.Class]), 1e-6))
		}
	}
	if m.Config.Head == model.ClassHead && !m.Ensemble.Vote {
		return sum / float64(len(rows)), nil
	}
	report, err := judgeRows(m, rows, joined, eval.Options{})
	if err != nil {
		return 0, err
	}
	return report.Main().Value, nil
}
