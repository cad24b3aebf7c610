package encoder

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/adapter"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// logits runs a checkpoint's texts through the network.
func logits(n *Network, in Input) []float32 {
	tape := nn.NewTape(nil)
	tape.Begin(nn.Inference, 0, 0)
	return slices.Clone(n.Logits(tape, n.Forward(tape, in), in.Tokens.Offsets).Data)
}

// TestLowRankChangesOfACheckpoint trains changes of every linear layer for a step and uses them in the three ways there
// are: beside the network, merged into it, and from their files over the checkpoint.
func TestLowRankChangesOfACheckpoint(t *testing.T) {
	checkpoints(t, func(t *testing.T, c *checkpoint) {
		if config, err := ReadConfig(c.config); err != nil || config.Head == Bare {
			return // there are no logits to compare
		}
		load := func(w Weights) (*Network, *nn.Params) {
			config, err := ReadConfig(c.config)
			if err != nil {
				t.Fatal(err)
			}
			config.Dropout, config.AttentionDropout, config.HeadDropout = 0, 0, 0
			ps := new(nn.Params)
			n := New(config, ps)
			if err := n.Load(w); err != nil {
				t.Fatal(err)
			}
			return n, ps
		}
		n, ps := load(FromFile(c.weights))
		before := logits(n, c.input)
		l, err := adapter.New(adapter.Config{Rank: 2, Alpha: 8, Targets: adapter.Targets{Expression: adapter.AllLinear}}, n.Modules(), ps, 1)
		if err != nil {
			t.Fatal(err)
		}
		if !near(before, logits(n, c.input), 1e-6) {
			t.Fatal("changes of nothing change something")
		}
		ps.AllocateGradients()
		tape := nn.NewTape(nil)
		tape.Begin(nn.Training, 1, 1)
		ps.ZeroGradients()
		y := n.Logits(tape, n.Forward(tape, c.input), c.input.Tokens.Offsets)
		y.Gradient()[1] = 1
		tape.BackwardFrom()
		moved := 0
		for _, p := range ps.All() {
			if p.Frozen {
				continue
			}
			if strings.HasSuffix(p.Name, "lora_B.weight") && slices.Max(p.Gradient()) != 0 {
				moved++
			}
			for i, g := range p.Gradient() {
				p.Data[i] -= 0.1 * g
			}
		}
		if distinct, _ := n.Config.distinct(); moved < 3*distinct {
			t.Errorf("only %d changes have a gradient", moved)
		}
		trained := logits(n, c.input)
		if near(before, trained, 1e-3) {
			t.Fatal("a step changes nothing")
		}
		dir := t.TempDir()
		if err := l.Adapter(n.Learnt()).Write(dir); err != nil {
			t.Fatal(err)
		}
		l.Merge()
		if !near(trained, logits(n, c.input), 1e-4) {
			t.Error("merged changes differ")
		}
		a, err := adapter.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		over, err := a.Over(FromFile(c.weights))
		if err != nil {
			t.Fatal(err)
		}
		again, _ := load(over)
		if !near(trained, logits(again, c.input), 1e-4) {
			t.Error("changes from their files differ")
		}
	})
}

// near tells whether two results differ by at most a share of the larger one's largest number.
func near(a, b []float32, tolerance float64) bool {
	largest, difference := 0.0, 0.0
	for i := range a {
		largest = max(largest, math.Abs(float64(a[i])), math.Abs(float64(b[i])))
		difference = max(difference, math.Abs(float64(a[i]-b[i])))
	}
	return len(a) == len(b) && difference <= tolerance*largest
}
