package compress

import (
	"fmt"
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/quant"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Axis is one way to make a model smaller: levels from none at all to the strongest, each one step further than the one
// before, and others beside them. Axes are applied in their order.
type Axis struct {
	Levels []string `json:"levels"` // moves as Parse reads them; "" first
	Others []Other  `json:"others,omitempty"`
	Hurts  bool     `json:"hurts,omitempty"` // what is cut off is to be made up for by training
	Heals  bool     `json:"heals,omitempty"` // it is that training: made where something was cut off before
}

// Other is another way to come one step further than a level. Others are counted behind the levels.
type Other struct {
	Moves    string `json:"moves"`
	After    int    `json:"after"`              // the level, or the number of another, that it is one step further than
	Recovers bool   `json:"recovers,omitempty"` // it wins back what is lost there: tried where something was lost
	Trains   bool   `json:"trains,omitempty"`   // it trains by itself
	Far      bool   `json:"far,omitempty"`      // it is tried early where the limits are far from the original
}

// at returns the moves of a level.
func (a *Axis) at(level int) string {
	if level < len(a.Levels) {
		return a.Levels[level]
	}
	return a.Others[level-len(a.Levels)].Moves
}

// trains tells whether a level makes up by itself for what it cuts off.
func (a *Axis) trains(level int) bool {
	return level >= len(a.Levels) && a.Others[level-len(a.Levels)].Trains
}

// step is a level that comes after another.
type step struct {
	level    int
	recovers bool
}

// after returns the steps that go on from a level, the next level first.
func (a *Axis) after(level int) []step {
	var steps []step
	if level+1 < len(a.Levels) {
		steps = append(steps, step{level: level + 1})
	}
	for i, o := range a.Others {
		if o.After == level {
			steps = append(steps, step{len(a.Levels) + i, o.Recovers})
		}
	}
	return steps
}

// Axes returns the ways in which a model can be made smaller. healing are moves that make up for what was cut off, of which
// each is tried where the one before has lost something.
func Axes(m *model.Model, healing ...string) []Axis {
	var axes []Axis
	add := func(a Axis) {
		if len(a.Levels)+len(a.Others) > 1 {
			axes = append(axes, a)
		}
	}
	parts := m.Parts()
	if parts.Layers > 0 && !m.Config.Pair && !model.Unlabelled(m.Config.Head) && m.Config.Head != model.AnswerHead {
		add(studentAxis(m))
	}
	if parts.Layers > 1 {
		add(layerAxis(parts.Layers))
	}
	if parts.Heads > 1 && parts.Inner > 1 {
		a := Axis{Levels: []string{""}, Hurts: true}
		for _, s := range []float64{0.75, 0.5, 0.25} {
			h, f := max(int(s*float64(parts.Heads)), 1), max(int(s*float64(parts.Inner)), 1)
			a.Levels = append(a.Levels, fmt.Sprintf("heads=%d,feed_forward=%d", h, f))
		}
		add(a)
	}
	if parts.Units > 1 {
		add(Axis{Levels: counted("units", parts.Units, 0.5, 0.25), Hurts: true})
	}
	if norms := m.GramNorms(); norms != nil {
		add(Axis{Levels: counted("grams", len(norms), 0.25, 0.125, 0.0625, 0.03125)})
	}
	if m.Tokenizer.VocabSize() > 500 {
		add(Axis{Levels: counted("vocabulary", m.Tokenizer.VocabSize(), 0.5, 0.25, 0.125), Hurts: m.Linear() == nil})
	}
	hurts := slices.ContainsFunc(axes, func(a Axis) bool { return a.Hurts })
	if hurts && len(healing) > 0 {
		a := Axis{Levels: healing[:1], Heals: true}
		for i, move := range healing[1:] {
			a.Others = append(a.Others, Other{Moves: move, After: i, Recovers: true})
		}
		axes = append(axes, a)
	}
	return append(axes, bitsAxis(m))
}

// counted are levels that keep shares of so many parts.
func counted(name string, have int, shares ...float64) []string {
	levels := []string{""}
	for _, s := range shares {
		n := int(s*float64(have) + 0.5)
		level := name + "=" + itoa(n)
		if n >= 1 && n < have && !slices.Contains(levels, level) {
			levels = append(levels, level)
		}
	}
	return levels
}

// layerAxis takes layers out, or lets them share their weights: as small then, no faster, and often better.
func layerAxis(layers int) Axis {
	a := Axis{Levels: counted("layers", layers, 0.75, 0.5, 1.0/3), Hurts: true}
	from := 0
	for _, move := range counted("share", layers, 0.5, 0.25)[1:] {
		average := len(a.Levels) + len(a.Others)
		a.Others = append(a.Others,
			Other{Moves: move, After: from, Trains: true},
			Other{Moves: strings.Replace(move, "share", "share_first", 1), After: average, Recovers: true, Trains: true})
		from = average
	}
	return a
}

// bitsAxis keeps weights in fewer bits. Ranges of inputs that are known beforehand make whole numbers faster, where layers
// are multiplied with; training that is aware of bits wins back what they lose; zeros and thin products take fewer bytes than
// 8 bits of each weight.
func bitsAxis(m *model.Model) Axis {
	a := Axis{Levels: []string{"", "pack,int8"}}
	if m.GramNorms() == nil {
		a.Levels = append(a.Levels, "pack,int4")
	}
	next := func() int { return len(a.Levels) + len(a.Others) }
	a.Others = append(a.Others, Other{Moves: "pack,f16"})
	linear, matrices, thin := kindsOfWeights(m)
	if linear {
		percentile := next()
		a.Others = append(a.Others,
			Other{Moves: "pack,percentile8=99.9", After: 1},
			Other{Moves: "pack,minmax8", After: percentile, Recovers: true},
			Other{Moves: "pack,entropy8", After: percentile, Recovers: true})
	}
	if matrices && m.Linear() == nil {
		a.Others = append(a.Others, Other{Moves: "pack,qat8=1", After: 1, Recovers: true, Trains: true})
		if m.GramNorms() == nil {
			a.Others = append(a.Others, Other{Moves: "pack,qat4=2", After: 2, Recovers: true, Trains: true})
		}
		sparse := next()
		a.Others = append(a.Others,
			Other{Moves: "pack,sparsity=0.7,int8", After: 1, Trains: true},
			Other{Moves: "pack,sparsity=0.9,int8", After: sparse, Trains: true})
	}
	if thin {
		half := next()
		a.Others = append(a.Others, Other{Moves: "pack,rank=0.5,int8", After: 1}, Other{Moves: "pack,rank=0.25,int8", After: half})
	}
	return a
}

// kindsOfWeights tells whether a model has layers that multiply in whole numbers, large matrices or tables at all, and such
// that may become products of two.
func kindsOfWeights(m *model.Model) (linear, matrices, thin bool) {
	for _, p := range m.Params.All() {
		linear = linear || weights(quant.Int8).of(p) == quant.Int8 && p.Thin() && !table(p)
		matrices = matrices || large(p)
		thin = thin || large(p) && p.Thin()
	}
	return linear, matrices, thin
}

// table tells of weights that are looked up by rows.
func table(p *nn.Param) bool { return !p.Decay }

// moves joins the moves of levels. Where something was cut off that hurts, training follows.
func moves(axes []Axis, levels []int) string {
	var list []string
	hurt := false
	for i := range axes {
		a := &axes[i]
		move := a.at(levels[i])
		if move == "" || a.Heals && !hurt {
			continue
		}
		list = append(list, move)
		hurt = hurt || a.Hurts && !a.trains(levels[i])
	}
	return strings.Join(list, ",")
}
