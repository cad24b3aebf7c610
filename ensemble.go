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
	"github.com/xiaoyu-slm/xiaoyu/train"
)

// JoinOptions say how models become an ensemble.
type JoinOptions struct {
	Out      string    // folder of the package
	Vote     bool      // members vote; else their probabilities are averaged
	Weights  []float64 // of the members; nil for equal ones
	Auto     bool      // choose the weights on the labelled rows of Data, which no member should have been trained on
	Stack    bool      // fit a stack on these rows: see model.Stack
	Data     *Config   // its data part is read; with Auto or Stack
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
	Stack   *model.Stack   `json:"stack,omitempty"`
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
	if o.Auto || o.Stack {
		if err := weighOn(ctx, m, o); err != nil {
			return nil, err
		}
	}
	joined := &Joined{Task: taskName(m.Config.Head), Labels: m.Labels, Vote: o.Vote, Stack: m.Ensemble.Stack}
	for i, member := range members {
		joined.Members = append(joined.Members, JoinedMember{filepath.Base(names[i]), member.Config.Family, member.Package.Digest, m.Ensemble.Weights[i]})
	}
	origin, err := json.MarshalIndent(map[string]any{"created": time.Now().UTC(), "command": o.Command, "version": Version(), "members": joined.Members, "vote": o.Vote, "stack": o.Stack}, "", "  ")
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
	switch {
	case j.Stack != nil:
		how = "what a model of their answers, fitted on rows that they were not trained on, makes of them (stacking)"
	case j.Vote:
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

// weighOn chooses the members' weights, or fits a stack, on the labelled rows of a file.
func weighOn(ctx context.Context, m *model.Model, o JoinOptions) error {
	j := &judgement{Observer: o.Observer, config: o.Data}
	if err := j.read(ctx, m.Config.Head); err != nil {
		return err
	}
	rows, _, err := evalRows(m, j.examples, o.Data)
	if err != nil {
		return err
	}
	h, err := ask(ctx, m, rows, o.Observer)
	if err != nil {
		return err
	}
	if o.Stack {
		return h.stack(m)
	}
	return h.weigh(ctx, m, o.Observer)
}

// heldOut is what members say of rows that they were not trained on. Of a family's folds each is asked about its own
// rows, so that they are one group; others are groups by themselves.
type heldOut struct {
	rows   []data.Row
	groups []int                // of each member
	said   [][]model.Prediction // of each group, of each row
	voices *model.Model         // an ensemble of one member of each group
}

// ask asks all members about rows that none was trained on.
func ask(ctx context.Context, m *model.Model, rows []data.Row, o Observer) (*heldOut, error) {
	if len(rows) == 0 {
		return nil, hint.Errorf("name a file of labelled rows, or give the weights", "choosing an ensemble's weights: there is no labelled row")
	}
	h := &heldOut{rows: rows, voices: m}
	o.Stage("asking members", int64(len(m.Ensemble.Members)), "members")
	for i, member := range m.Ensemble.Members {
		said, err := member.PredictQueries(ctx, queriesFor(rows))
		if err != nil {
			return nil, err
		}
		h.groups, h.said = append(h.groups, i), append(h.said, said)
		o.Progress(int64(i+1), "")
	}
	return h, nil
}

func queriesFor(rows []data.Row) []model.Query {
	queries := make([]model.Query, len(rows))
	for i, r := range rows {
		queries[i] = model.Query{Text: r.Text, Pair: r.Pair}
	}
	return queries
}

// stack fits the model that joins what the groups say.
func (h *heldOut) stack(m *model.Model) error {
	labels := len(m.Labels)
	if m.Config.Head == model.TokensHead {
		return m.Stack(&model.Stack{}) // says why not
	}
	own := make([]int, len(h.said))
	for g := range own {
		own[g] = g
	}
	var inputs, targets []float64
	one := make([]model.Prediction, len(h.said))
	for r, row := range h.rows {
		for g := range h.said {
			one[g] = h.said[g][r]
		}
		inputs = h.voices.StackInputs(inputs, own, one)
		y := make([]float64, labels)
		switch m.Config.Head {
		case model.RegressionHead:
			y[0] = row.Score
		case model.MultiLabelHead:
			for _, c := range row.Labels {
				y[c] = 1
			}
		default:
			y[row.Class] = 1
		}
		targets = append(targets, y...)
	}
	weights, biases := train.FitStack(m.Config.Head, inputs, len(h.said), targets, labels)
	return m.Stack(&model.Stack{Groups: h.groups, Weights: weights, Biases: biases})
}

// selectionRounds is how many times a member is chosen; a weight is a member's share of the choices.
const selectionRounds = 20

// weigh chooses the weights of an ensemble's members by greedy selection with replacement (Caruana, Niculescu-Mizil, Crew
// & Ksikes 2004, "Ensemble Selection from Libraries of Models"): again and again the group joins, once more, with which
// the ensemble does best on the rows. The members of a group share its weight.
func (h *heldOut) weigh(ctx context.Context, m *model.Model, o Observer) error {
	o.Stage("weighing", selectionRounds, "rounds")
	counts := make([]float64, len(h.said))
	var best []float64
	bestFigure := math.Inf(-1)
	for round := range selectionRounds {
		if err := ctx.Err(); err != nil {
			return err
		}
		chosen, figure := -1, math.Inf(-1)
		for i := range counts {
			counts[i]++
			f, err := joinedFigure(h.voices, counts, h.said, h.rows)
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
		o.Progress(int64(round+1), "")
	}
	sizes, weights := make([]float64, len(best)), make([]float64, len(h.groups))
	for _, g := range h.groups {
		sizes[g]++
	}
	for i, g := range h.groups {
		weights[i] = best[g] / sizes[g]
	}
	return m.Reweigh(weights)
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
