package compress

import (
	"context"
	"strings"
	"testing"
)

// landscape is a search over two axes whose outcomes follow from the moves.
func landscape(limits Limits) *Search {
	return &Search{Axes: []Axis{{Levels: []string{"", "layers=4", "layers=2"}, Hurts: true}, {Levels: []string{"heal=1"}, Heals: true}, {Levels: []string{"", "int8", "int4"}}}, Limits: limits}
}

var outcomes = map[string]Outcome{
	"":                     {Bytes: 1000, Milli: 10, Value: 0.90},
	"int8":                 {Bytes: 300, Milli: 8, Value: 0.899},
	"int4":                 {Bytes: 200, Milli: 12, Value: 0.897},
	"layers=4,heal=1":      {Bytes: 600, Milli: 6, Value: 0.898},
	"layers=4,heal=1,int8": {Bytes: 180, Milli: 5, Value: 0.896},
	"layers=4,heal=1,int4": {Bytes: 120, Milli: 5, Value: 0.880},
	"layers=2,heal=1":      {Bytes: 400, Milli: 3, Value: 0.85, Collapsed: []string{"rare"}},
	"layers=2,heal=1,int8": {Bytes: 100, Milli: 3, Value: 0.84},
	"layers=2,heal=1,int4": {Bytes: 80, Milli: 3, Value: 0.80},
}

func run(t *testing.T, s *Search, most int) []string {
	t.Helper()
	var tried []string
	err := s.Run(context.Background(), func() bool { return len(tried) < most }, func(_ context.Context, moves string) (*Outcome, error) {
		o, ok := outcomes[moves]
		if !ok {
			t.Fatalf("tried %q", moves)
		}
		tried = append(tried, moves)
		return &o, nil
	}, func(*Trial) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	return tried
}

func TestASearchPicksTheBestThatHoldsTheLimits(t *testing.T) {
	for _, c := range []struct {
		limits Limits
		want   string
	}{
		{Limits{MaxDrop: 0.005}, "layers=4,heal=1,int8"},
		{Limits{MaxDrop: 0.005, MaxSize: 350}, "int8"},
		{Limits{MaxDrop: 0.005, MaxLatency: 7}, "layers=4,heal=1"},
		{Limits{MaxDrop: 0.0001}, ""},
	} {
		s := landscape(c.limits)
		run(t, s, 100)
		best := s.Best()
		if best == nil || best.Moves != c.want {
			t.Errorf("%+v: %+v, want %q", c.limits, best, c.want)
		}
	}
	s := landscape(Limits{MaxDrop: 0.001, MaxSize: 100})
	run(t, s, 100)
	near, why := s.Nearest()
	if s.Best() != nil || near == nil || near.Bytes != 80 || !strings.Contains(why, "points are lost") {
		t.Errorf("limits that nothing holds: %+v, %+v %q", s.Best(), near, why)
	}
}

func TestASearchRefusesWhatIsSlowerOrSaysOneLabelLess(t *testing.T) {
	s := landscape(Limits{})
	run(t, s, 100)
	refused := map[string]string{}
	for _, trial := range s.Trials {
		refused[trial.Moves] = trial.Refused
	}
	if !strings.Contains(refused["int4"], "slower on this machine") || !strings.Contains(refused["layers=2,heal=1"], "never says rare") {
		t.Errorf("refused: %q", refused)
	}
	if refused["int8"] != "" {
		t.Errorf("int8 was refused: %s", refused["int8"])
	}
	for _, trial := range s.Trials {
		if trial.From == "int4" {
			t.Errorf("%s goes on from what was refused", trial.Moves)
		}
	}
}

func TestASearchGoesOn(t *testing.T) {
	whole := landscape(Limits{MaxDrop: 0.005})
	all := run(t, whole, 100)
	s := landscape(Limits{MaxDrop: 0.005})
	first := run(t, s, 3)
	rest := run(t, s, 100)
	if got := append(first, rest...); strings.Join(got, ";") != strings.Join(all, ";") {
		t.Errorf("in two parts %q, at once %q", got, all)
	}
	front := whole.Front(func(t *Trial) float64 { return float64(t.Bytes) })
	for i := 1; i < len(front); i++ {
		if front[i].Bytes < front[i-1].Bytes || front[i].Value <= front[i-1].Value {
			t.Errorf("no front: %+v", front)
		}
	}
}

// TestWhatIsLostIsWonBackInOtherWays goes on from whole numbers to ranges known beforehand, since those may be faster, and to
// training aware of bits only where the former lost something, even more than is allowed.
func TestWhatIsLostIsWonBackInOtherWays(t *testing.T) {
	bits := Axis{Levels: []string{"", "int8", "int4"}, Others: []Other{{Moves: "percentile8=99.9", After: 1}, {Moves: "minmax8", After: 3, Recovers: true}, {Moves: "qat8=1", After: 1, Recovers: true}, {Moves: "qat4=2", After: 2, Recovers: true, Trains: true}, {Moves: "rank=0.5,int8", After: 1}}}
	of := map[string]Outcome{
		"":                 {Bytes: 1000, Milli: 10, Value: 0.90},
		"int8":             {Bytes: 300, Milli: 8, Value: 0.90},
		"int4":             {Bytes: 200, Milli: 8, Value: 0.89},
		"percentile8=99.9": {Bytes: 300, Milli: 6, Value: 0.899},
		"minmax8":          {Bytes: 300, Milli: 6, Value: 0.90},
		"qat4=2":           {Bytes: 200, Milli: 8, Value: 0.90},
		"rank=0.5,int8":    {Failed: "no large matrix"},
	}
	for _, c := range []struct {
		limits Limits
		want   string
	}{
		{Limits{MaxDrop: 0.005}, "qat4=2"},
		{Limits{MaxDrop: 0.0005, MaxLatency: 7}, "minmax8"},
	} {
		s := &Search{Axes: []Axis{bits}, Limits: c.limits}
		tried := 0
		err := s.Run(context.Background(), func() bool { return tried < 50 }, func(_ context.Context, moves string) (*Outcome, error) {
			tried++
			o, ok := of[moves]
			if !ok {
				t.Errorf("%q was tried, though nothing was lost that it could win back", moves)
			}
			return &o, nil
		}, func(*Trial) error { return nil })
		if best := s.Best(); err != nil || best == nil || best.Moves != c.want {
			t.Errorf("%+v: %+v, %v, want %q of %+v", c.limits, best, err, c.want, s.Trials)
		}
	}
}

// TestStudentsAreTriedEarlyWhereTheLimitsAreFar asks for a twentieth of the size, which no layers less would give.
func TestStudentsAreTriedEarlyWhereTheLimitsAreFar(t *testing.T) {
	students := Axis{Levels: []string{""}, Others: []Other{{Moves: "student=ngram", Trains: true, Far: true}, {Moves: "student=ngram,grams=9", After: 1, Trains: true}}}
	for _, c := range []struct {
		size int64
		want string
	}{{50, ";student=ngram;student=ngram,int8;student=ngram,int4"}, {900, ";int8;int4;student=ngram,int4"}} {
		s := &Search{Axes: []Axis{students, {Levels: []string{"", "int8", "int4"}}}, Limits: Limits{MaxSize: c.size}}
		var tried []string
		err := s.Run(t.Context(), func() bool { return len(tried) < 6 }, func(_ context.Context, moves string) (*Outcome, error) {
			tried = append(tried, moves)
			return &Outcome{Bytes: 1000 / int64(len(tried)), Milli: 1, Value: 0.9}, nil
		}, func(*Trial) error { return nil })
		if got := strings.Join(tried, ";"); err != nil || !strings.HasPrefix(got, c.want) {
			t.Errorf("at most %d bytes: tried %q, want %q (%v)", c.size, got, c.want, err)
		}
	}
}

// TestEveryWayToASmallerModelIsTried makes a model of each level of each axis, and finds all kinds of moves among them.
func TestEveryWayToASmallerModelIsTried(t *testing.T) {
	have := map[string]bool{}
	for _, family := range []string{"transformer", "cnn", "lstm", "ngram"} {
		m, w := tiny(t, family)
		for _, a := range Axes(m, "heal=1", "distill=1") {
			for level := range len(a.Levels) + len(a.Others) {
				for move := range strings.SplitSeq(a.at(level), ",") {
					name, _, _ := strings.Cut(move, "=")
					have[name] = true
				}
				if move := a.at(level); move != "" && !strings.HasPrefix(move, "distill") {
					done(t, m, w, move)
				}
			}
		}
	}
	for _, name := range strings.Fields("student layers heads feed_forward units grams share share_first heal distill int8 int4 f16 minmax8 percentile8 entropy8 qat8 qat4 sparsity rank") {
		if !have[name] {
			t.Errorf("a search never tries %s", name)
		}
	}
}
