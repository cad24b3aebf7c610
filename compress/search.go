package compress

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/model"
)

// Limits are what a compressed model has to hold; 0 for no limit.
type Limits struct {
	MaxDrop    float64 `json:"max_drop"`    // of the main figure, in its own unit: 0.005 is half a point
	MaxSize    int64   `json:"max_size"`    // bytes of the package
	MaxLatency float64 `json:"max_latency"` // milliseconds of one text
}

// Outcome is how a model on trial did.
type Outcome struct {
	Bytes     int64    `json:"bytes"`
	Milli     float64  `json:"milliseconds"` // of one text
	Value     float64  `json:"value"`        // main figure on the rows that choose
	Agreement float64  `json:"agreement"`    // with the original
	Collapsed []string `json:"collapsed,omitempty"`
}

// Trial is a combination of moves and what became of it.
type Trial struct {
	Levels  []int  `json:"levels"` // of each axis
	Moves   string `json:"moves"`
	From    string `json:"from"`              // the trial that it goes one step further than
	Refused string `json:"refused,omitempty"` // why nothing goes on from here
	Outcome
}

// Axis is one way to make a model smaller: moves from none at all to the strongest. Axes are applied in their order.
type Axis struct {
	Levels []string // moves as Parse reads them; "" first
	Hurts  bool     // what is cut off is to be made up for by training
}

// Axes returns the ways in which a model can be made smaller.
func Axes(m *model.Model) []Axis {
	var axes []Axis
	parts := m.Parts()
	counted := func(name string, have int, hurts bool, shares ...float64) {
		a := Axis{Levels: []string{""}, Hurts: hurts}
		for _, s := range shares {
			n := int(s*float64(have) + 0.5)
			level := name + "=" + itoa(n)
			if n >= 1 && n < have && !slices.Contains(a.Levels, level) {
				a.Levels = append(a.Levels, level)
			}
		}
		if len(a.Levels) > 1 {
			axes = append(axes, a)
		}
	}
	if parts.Layers > 1 {
		counted("layers", parts.Layers, true, 0.75, 0.5, 1.0/3)
	}
	if parts.Heads > 1 && parts.Inner > 1 {
		a := Axis{Levels: []string{""}, Hurts: true}
		for _, s := range []float64{0.75, 0.5, 0.25} {
			h, f := max(int(s*float64(parts.Heads)), 1), max(int(s*float64(parts.Inner)), 1)
			a.Levels = append(a.Levels, fmt.Sprintf("heads=%d,feed_forward=%d", h, f))
		}
		axes = append(axes, a)
	}
	if parts.Units > 1 {
		counted("units", parts.Units, true, 0.5, 0.25)
	}
	if norms := m.GramNorms(); norms != nil {
		counted("grams", len(norms), false, 0.25, 0.125, 0.0625, 0.03125)
	}
	if m.Tokenizer.VocabSize() > 500 {
		counted("vocabulary", m.Tokenizer.VocabSize(), m.Linear() == nil, 0.5, 0.25, 0.125)
	}
	bits := Axis{Levels: []string{"", "pack,int8"}}
	if m.GramNorms() == nil {
		bits.Levels = append(bits.Levels, "pack,int4")
	}
	return append(axes, bits)
}

// moves joins the moves of levels. Where something was cut off that hurts, training follows, before weights lose their bits.
func moves(axes []Axis, levels []int, healing string) string {
	var list []string
	hurt := false
	for i, a := range axes {
		if i == len(axes)-1 && hurt && healing != "" {
			list = append(list, healing)
		}
		if move := a.Levels[levels[i]]; move != "" {
			list = append(list, move)
			hurt = hurt || a.Hurts
		}
	}
	return strings.Join(list, ",")
}

// Search tries combinations of moves, each one step further than one that did well, beginning with what is smallest so far.
type Search struct {
	Axes    []Axis
	Healing string // the move that makes up for what was cut off, such as "heal=2" or "distill=2"
	Limits  Limits
	Trials  []Trial // done; those of an earlier search may stand here
}

// slower is how much longer a text may take before a step counts as one that makes the model slower: less is within what
// times vary by.
const slower = 1.15

// Run tries until nothing is left to try, or ctx or more says that it is enough. try makes the model of a list of moves and
// judges it; the first trial is the original, of no moves. done sees each trial after it was added.
func (s *Search) Run(ctx context.Context, more func() bool, try func(ctx context.Context, moves string) (*Outcome, error), done func(*Trial) error) error {
	add := func(levels []int, from *Trial) error {
		t := Trial{Levels: levels, Moves: moves(s.Axes, levels, s.Healing)}
		o, err := try(ctx, t.Moves)
		if err != nil {
			return err
		}
		if t.Outcome = *o; from != nil {
			t.From = from.Moves
			t.Refused = s.refuse(&t, from)
		}
		s.Trials = append(s.Trials, t)
		return done(&s.Trials[len(s.Trials)-1])
	}
	if len(s.Trials) == 0 {
		if err := add(make([]int, len(s.Axes)), nil); err != nil {
			return err
		}
	}
	for more() {
		levels, from := s.next()
		if levels == nil {
			return nil
		}
		if err := add(levels, from); err != nil {
			return err
		}
	}
	return nil
}

// refuse tells why nothing should go on from a trial; "" if it did well.
func (s *Search) refuse(t, from *Trial) string {
	switch original := &s.Trials[0]; {
	case len(t.Collapsed) > 0:
		return "it never says " + strings.Join(t.Collapsed, ", ") + " any more"
	case t.Bytes >= from.Bytes:
		return "it is no smaller than without the last step"
	case t.Milli > slower*from.Milli && !(s.Limits.MaxLatency > 0 && t.Milli <= s.Limits.MaxLatency):
		return fmt.Sprintf("it is slower on this machine: %.3g ms a text, %.3g before the last step", t.Milli, from.Milli)
	case s.Limits.MaxDrop > 0 && original.Value-t.Value > s.Limits.MaxDrop:
		return fmt.Sprintf("it loses %.2f points", 100*(original.Value-t.Value))
	}
	return ""
}

// next is the untried combination one step beyond the smallest trial that did well and has such a step.
func (s *Search) next() (levels []int, from *Trial) {
	seen := map[string]bool{}
	for i := range s.Trials {
		seen[fmt.Sprint(s.Trials[i].Levels)] = true
	}
	for _, share := range []int{2, 1} { // first the middle and the end of all axes: they tell where to look
		probe := make([]int, len(s.Axes))
		for i, a := range s.Axes {
			probe[i] = max((len(a.Levels)-1)/share, min(len(a.Levels)-1, 1))
		}
		if !seen[fmt.Sprint(probe)] {
			return probe, &s.Trials[0]
		}
	}
	order := make([]*Trial, 0, len(s.Trials))
	for i := range s.Trials {
		if s.Trials[i].Refused == "" {
			order = append(order, &s.Trials[i])
		}
	}
	slices.SortStableFunc(order, func(a, b *Trial) int { return cmp.Compare(a.Bytes, b.Bytes) })
	for _, t := range order {
		for i := len(s.Axes) - 1; i >= 0; i-- { // bits cost least
			if t.Levels[i]+1 >= len(s.Axes[i].Levels) {
				continue
			}
			further := slices.Clone(t.Levels)
			further[i]++
			if !seen[fmt.Sprint(further)] {
				return further, t
			}
		}
	}
	return nil, nil
}

// Best returns the trial that holds all limits and is best: with a limit of size or time the one with the highest figure,
// else the smallest. nil if none holds them; what stands in the way is then said by Nearest.
func (s *Search) Best() *Trial {
	var best *Trial
	for i := range s.Trials {
		t := &s.Trials[i]
		if s.misses(t) != "" || len(t.Collapsed) > 0 {
			continue
		}
		better := best == nil || t.Bytes < best.Bytes
		if best != nil && (s.Limits.MaxSize > 0 || s.Limits.MaxLatency > 0) {
			better = t.Value > best.Value || t.Value == best.Value && t.Bytes < best.Bytes
		}
		if better {
			best = t
		}
	}
	return best
}

// misses tells which limits a trial does not hold, "" for none.
func (s *Search) misses(t *Trial) string {
	var list []string
	if l := s.Limits; l.MaxDrop > 0 && s.Trials[0].Value-t.Value > l.MaxDrop {
		list = append(list, fmt.Sprintf("%.2f points are lost", 100*(s.Trials[0].Value-t.Value)))
	}
	if l := s.Limits.MaxSize; l > 0 && t.Bytes > l {
		list = append(list, fmt.Sprintf("%d bytes", t.Bytes))
	}
	if l := s.Limits.MaxLatency; l > 0 && t.Milli > l {
		list = append(list, fmt.Sprintf("%.3g ms a text", t.Milli))
	}
	return strings.Join(list, ", ")
}

// Nearest is the trial that misses fewest limits, and what it misses; of several the one with the highest figure.
func (s *Search) Nearest() (*Trial, string) {
	var near *Trial
	count := func(t *Trial) int { return strings.Count(s.misses(t), ",") }
	for i := range s.Trials {
		t := &s.Trials[i]
		if near == nil || count(t) < count(near) || count(t) == count(near) && s.closer(t, near) {
			near = t
		}
	}
	if near == nil {
		return nil, ""
	}
	return near, s.misses(near)
}

// closer tells which of two trials that miss as many limits comes nearer.
func (s *Search) closer(a, b *Trial) bool {
	switch l := s.Limits; {
	case l.MaxSize > 0 && max(a.Bytes, b.Bytes) > l.MaxSize && a.Bytes != b.Bytes:
		return a.Bytes < b.Bytes
	case l.MaxLatency > 0 && max(a.Milli, b.Milli) > l.MaxLatency && a.Milli != b.Milli:
		return a.Milli < b.Milli
	}
	return a.Value > b.Value
}

// Front returns the trials that no other beats in both cost and figure, the cheapest first (Pareto).
func (s *Search) Front(cost func(*Trial) float64) []*Trial {
	var all []*Trial
	for i := range s.Trials {
		all = append(all, &s.Trials[i])
	}
	slices.SortStableFunc(all, func(a, b *Trial) int { return cmp.Or(cmp.Compare(cost(a), cost(b)), cmp.Compare(b.Value, a.Value)) })
	var front []*Trial
	for _, t := range all {
		if len(front) == 0 || t.Value > front[len(front)-1].Value {
			front = append(front, t)
		}
	}
	return front
}
