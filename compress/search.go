package compress

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
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
	Failed    string   `json:"failed,omitempty"` // why the model could not be made; there are no figures then
}

// Trial is a combination of moves and what became of it.
type Trial struct {
	Levels  []int  `json:"levels"` // of each axis
	Moves   string `json:"moves"`
	From    string `json:"from"`              // the trial that it goes one step further than
	Refused string `json:"refused,omitempty"` // why nothing goes on from here
	Lossy   bool   `json:"lossy,omitempty"`   // it was refused for what it loses alone, which another way may win back
	Outcome
}

// Search tries combinations of moves, each one step further than one that did well, beginning with what is smallest so far.
type Search struct {
	Axes   []Axis
	Limits Limits
	Trials []Trial // done; those of an earlier search may stand here
}

const (
	// slower is how much longer a text may take before a step counts as one that makes the model slower: less is within
	// what times vary by.
	slower = 1.15
	// faster is the share of the time that a step of the same size has to come below to count as faster.
	faster = 0.95
	// reach is how many times the loss that is allowed may be won back by training in another way: more is not tried.
	reach = 3
)

// Run tries until nothing is left to try, or ctx or more says that it is enough. try makes the model of a list of moves and
// judges it; the first trial is the original, of no moves. done sees each trial after it was added.
func (s *Search) Run(ctx context.Context, more func() bool, try func(ctx context.Context, moves string) (*Outcome, error), done func(*Trial) error) error {
	add := func(levels []int, from *Trial) error {
		t := Trial{Levels: levels, Moves: moves(s.Axes, levels)}
		o, err := try(ctx, t.Moves)
		if err != nil {
			return err
		}
		if t.Outcome = *o; from != nil {
			t.From = from.Moves
			t.Refused, t.Lossy = s.refuse(&t, from)
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

// refuse tells why nothing should go on from a trial, "" if it did well; and whether its loss is the only reason.
func (s *Search) refuse(t, from *Trial) (why string, lossy bool) {
	switch lost := s.Trials[0].Value - t.Value; {
	case t.Failed != "":
		return "it cannot be made: " + t.Failed, false
	case len(t.Collapsed) > 0:
		return "it never says " + strings.Join(t.Collapsed, ", ") + " any more", false
	case t.Bytes > from.Bytes:
		return "it is larger than without the last step", false
	case t.Milli > slower*from.Milli && !(s.Limits.MaxLatency > 0 && t.Milli <= s.Limits.MaxLatency):
		return fmt.Sprintf("it is slower on this machine: %.3g ms a text, %.3g before the last step", t.Milli, from.Milli), false
	case t.Bytes == from.Bytes && t.Milli > faster*from.Milli && t.Value <= from.Value:
		return "it is no smaller, no faster and no better than without the last step", false
	case s.Limits.MaxDrop > 0 && lost > s.Limits.MaxDrop:
		return fmt.Sprintf("it loses %.2f points", 100*lost), lost <= reach*s.Limits.MaxDrop
	}
	return "", false
}

// next is the untried combination one step beyond the best trial so far that has such a step.
func (s *Search) next() (levels []int, from *Trial) {
	seen := map[string]bool{}
	for i := range s.Trials {
		seen[s.Trials[i].Moves] = true
	}
	if s.far() {
		for i, a := range s.Axes {
			for k, o := range a.Others {
				probe := make([]int, len(s.Axes))
				probe[i] = len(a.Levels) + k
				if o.Far && !seen[moves(s.Axes, probe)] {
					return probe, &s.Trials[0]
				}
			}
		}
		// What comes of those costs little beside healing what was cut out of the original.
		if levels, from := s.beyond(seen, s.promising(), &s.Trials[0]); levels != nil {
			return levels, from
		}
	}
	for _, share := range []int{2, 1} { // first the middle and the end of all axes: they tell where to look
		probe := make([]int, len(s.Axes))
		for i, a := range s.Axes {
			probe[i] = max((len(a.Levels)-1)/share, min(len(a.Levels)-1, 1))
		}
		if !seen[moves(s.Axes, probe)] {
			return probe, &s.Trials[0]
		}
	}
	return s.beyond(seen, s.promising(), nil)
}

// beyond is the first combination that was not seen one step further than a trial of a list, but for one of them.
func (s *Search) beyond(seen map[string]bool, list []*Trial, without *Trial) (levels []int, from *Trial) {
	for _, t := range list {
		if t == without {
			continue
		}
		for _, further := range s.further(t) {
			if !seen[moves(s.Axes, further)] {
				return further, t
			}
		}
	}
	return nil, nil
}

// far tells whether a limit asks for less than a quarter of what the original has.
func (s *Search) far() bool {
	l, original := s.Limits, &s.Trials[0]
	return l.MaxSize > 0 && l.MaxSize < original.Bytes/4 || l.MaxLatency > 0 && l.MaxLatency < original.Milli/4
}

// promising returns the trials to go on from: the smallest first, or the fastest where time alone has a limit.
func (s *Search) promising() []*Trial {
	order := make([]*Trial, 0, len(s.Trials))
	for i := range s.Trials {
		if t := &s.Trials[i]; t.Refused == "" || t.Lossy {
			order = append(order, t)
		}
	}
	byTime := s.Limits.MaxLatency > 0 && s.Limits.MaxSize == 0
	slices.SortStableFunc(order, func(a, b *Trial) int {
		if byTime {
			return cmp.Compare(a.Milli, b.Milli)
		}
		return cmp.Compare(a.Bytes, b.Bytes)
	})
	return order
}

// further returns the levels one step beyond a trial's: the last axis first, since bits cost least, and levels before others.
// From one that was refused for its loss go those alone that may win it back, and those from no trial that has lost nothing.
func (s *Search) further(t *Trial) [][]int {
	var levels, others [][]int
	lost := t.Value < s.Trials[0].Value
	for i := len(s.Axes) - 1; i >= 0; i-- {
		for _, next := range s.Axes[i].after(t.Levels[i]) {
			if next.recovers && !lost || !next.recovers && t.Lossy {
				continue
			}
			further := slices.Clone(t.Levels)
			further[i] = next.level
			if next.level < len(s.Axes[i].Levels) {
				levels = append(levels, further)
			} else {
				others = append(others, further)
			}
		}
	}
	return append(levels, others...)
}

// Best returns the trial that holds all limits and is best: with a limit of size or time the one with the highest figure,
// else the smallest. nil if none holds them; what stands in the way is then said by Nearest.
func (s *Search) Best() *Trial {
	var best *Trial
	for i := range s.Trials {
		t := &s.Trials[i]
		if t.Failed != "" || s.misses(t) != "" || len(t.Collapsed) > 0 {
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
		if t.Failed != "" {
			continue
		}
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
		if s.Trials[i].Failed == "" {
			all = append(all, &s.Trials[i])
		}
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
