package xiaoyu

import (
	"context"
	"fmt"
	"slices"

	"github.com/xiaoyu-slm/xiaoyu/data"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/label/weak"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

// WeakOptions say how a file is labelled by labelling functions.
type WeakOptions struct {
	Rules    string   // file of labelling functions
	Out      string   // file of JSON lines; "" for the report alone
	Least    float64  // rows whose likeliest label is less probable are left out
	All      bool     // rows without votes are written too, without a label
	Observer Observer // nil for silence
}

// WeakLabels labels the texts of c.Data.Path by labelling functions that a label model weighs: see package weak. Rows that
// have a label keep it, and show how good the functions are. The file is read twice, and held in memory at no time.
func WeakLabels(ctx context.Context, c *data.Config, o WeakOptions) (*weak.Report, error) {
	if o.Observer == nil {
		o.Observer = silent{}
	}
	if c.Path == "-" {
		return nil, hint.Errorf("pass the name of a file", "labelling: standard input cannot be read twice")
	}
	if c.Pair != "" || c.Task != data.Classes {
		return nil, hint.Errorf("leave out --pair, and set the task to class", "labelling: functions label single texts with one of several labels")
	}
	rules, err := weak.ReadRules(o.Rules)
	if err != nil {
		return nil, err
	}
	voter, err := weak.NewVoter(rules, func(name string) (*model.Model, error) { return openReference(ctx, name, o.Observer) })
	if err != nil {
		return nil, err
	}
	defer voter.Close()
	l := &labelling{WeakOptions: o, config: c, voter: voter, cleaner: text.NewCleaner(c.Clean)}
	if err := l.vote(ctx); err != nil {
		return nil, err
	}
	balance, err := l.balance()
	if err != nil {
		return nil, err
	}
	o.Observer.Stage("weighing votes", 0, "")
	l.model = weak.Fit(l.votes, len(voter.Labels), weak.Options{Balance: balance})
	o.Observer.Progress(0, fmt.Sprintf("%d rounds", l.model.Rounds))
	l.report = weak.NewReport(voter, l.model, l.votes, l.gold)
	if o.Out == "" {
		return l.report, nil
	}
	return l.report, l.write(ctx)
}

// labelling is the state of one call of WeakLabels.
type labelling struct {
	WeakOptions
	config  *data.Config
	cleaner *text.Cleaner
	voter   *weak.Voter
	votes   [][]int16 // of each row
	gold    []int16
	model   *weak.Model
	report  *weak.Report
}

// votesAtOnce is how many texts functions get in one call: enough for a model to use all processors.
const votesAtOnce = 512

// columns are those that are read: a file without labels has no column of them, which is no mistake here.
func (l *labelling) open(ctx context.Context) (*data.Reader, error) {
	return data.Open(ctx, l.config.Path, l.config.Columns)
}

// rows yields the examples of the file, and shows a stage.
func (l *labelling) rows(ctx context.Context, stage string, each func(e *data.Example) error) error {
	r, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	done, total := r.Progress()
	l.Observer.Stage(stage, total, "bytes")
	n := 0
	for e, err := range r.All() {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = each(&e)
		}
		if err != nil {
			return err
		}
		if n++; n%votesAtOnce == 0 {
			done, _ = r.Progress()
			l.Observer.Progress(done, "")
		}
	}
	done, _ = r.Progress()
	l.Observer.Progress(done, "")
	return nil
}

// vote asks the functions about every text, cleaned as for training.
func (l *labelling) vote(ctx context.Context) error {
	var texts []string
	ask := func() error {
		votes, err := l.voter.Votes(ctx, texts)
		l.votes, texts = append(l.votes, votes...), texts[:0]
		return err
	}
	err := l.rows(ctx, "voting", func(e *data.Example) error {
		gold := int16(weak.Abstain)
		if e.Label != "" {
			gold = int16(slices.Index(l.voter.Labels, e.Label))
			if gold < 0 {
				return hint.Errorf("rename the labels of the functions, list all under labels, or pass --label \"\" to leave those of the file out", "labelling %s: line %d has the label %q, for which no function votes", l.config.Path, e.Line, e.Label)
			}
		}
		cleaned, _ := l.cleaner.Clean(e.Text)
		l.gold, texts = append(l.gold, gold), append(texts, cleaned)
		if len(texts) == votesAtOnce {
			return ask()
		}
		return nil
	})
	if err == nil && len(texts) > 0 {
		err = ask()
	}
	if err == nil && len(l.votes) == 0 {
		err = hint.Errorf("check --data", "labelling %s: it has no rows", l.config.Path)
	}
	return err
}

// balance is that of the rules, in the order of the labels; nil where they have none.
func (l *labelling) balance() ([]float64, error) {
	if l.voter.Balance == nil {
		return nil, nil
	}
	var out []float64
	for _, label := range l.voter.Labels {
		share, ok := l.voter.Balance[label]
		if !ok {
			return nil, hint.Errorf("add it to balance, or leave balance out", "labelling: balance has no share of %q, for which a model votes", label)
		}
		out = append(out, share)
	}
	return out, nil
}

// write writes the rows with their soft labels.
func (l *labelling) write(ctx context.Context) error {
	w, err := data.Create(l.Out, &l.config.Columns)
	if err != nil {
		return err
	}
	defer w.Abort()
	i := -1
	err = l.rows(ctx, "writing", func(e *data.Example) error {
		if i++; i >= len(l.votes) {
			return hint.Errorf("run the command again", "labelling %s: the file has grown meanwhile", l.config.Path)
		}
		if e.Label == "" {
			p, voted := l.model.Probabilities(l.votes[i])
			switch best := slices.Max(p); {
			case !voted && !l.All, voted && best < l.Least:
				return nil
			case voted:
				e.Label = l.voter.Labels[slices.Index(p, best)]
				e.Probabilities = map[string]float64{}
				for c, label := range l.voter.Labels {
					e.Probabilities[label] = p[c]
				}
			}
		}
		l.report.Written++
		return w.Write(e)
	})
	if err != nil {
		return err
	}
	return w.Commit()
}
