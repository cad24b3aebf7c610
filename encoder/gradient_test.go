package encoder

import (
	"math"
	"slices"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// step computes the mean square of what a network makes, and its gradient.
func step(t *testing.T, n *Network, tape *nn.Tape, in Input) float32 {
	t.Helper()
	tape.Begin(nn.Training, 1, 1)
	y := n.Forward(tape, in)
	switch {
	case n.Config.Head != Bare:
		y = n.Logits(tape, y, in.Tokens.Offsets)
	case n.Config.Pooler:
		y = n.Pooled(tape, y, in.Tokens.Offsets)
	}
	loss := tape.Regression(y, make([]float32, len(y.Data)), 0, nil)
	n.params.ZeroGradients()
	tape.Backward(loss)
	return loss.Data[0]
}

// TestGradientsOfEveryArchitecture moves each parameter along its gradient: the loss has to change as that says.
func TestGradientsOfEveryArchitecture(t *testing.T) {
	checkpoints(t, func(t *testing.T, c *checkpoint) {
		n := c.network(t)
		n.Config.Dropout, n.Config.AttentionDropout, n.Config.HeadDropout = 0, 0, 0
		n.params.AllocateGradients()
		tape := nn.NewTape(nil)
		step(t, n, tape, c.input)
		gradients := map[*nn.Param][]float32{}
		total := 0.0
		for _, p := range n.params.All() {
			gradients[p] = slices.Clone(p.Gradient())
			total += norm2(gradients[p])
		}
		for _, p := range n.params.All() {
			g := gradients[p]
			size := math.Sqrt(norm2(g))
			if size < 1e-4*math.Sqrt(total) {
				continue // rounding would decide
			}
			move := func(by float64) {
				for i, v := range g {
					p.Data[i] += float32(by * float64(v) / size)
				}
			}
			const by = 1e-3
			before := slices.Clone(p.Data)
			move(by)
			up := step(t, n, tape, c.input)
			copy(p.Data, before)
			move(-by)
			down := step(t, n, tape, c.input)
			copy(p.Data, before)
			slope := float64(up-down) / (2 * by)
			if math.Abs(slope-size) > 0.02*size+2e-4*math.Sqrt(total) {
				t.Errorf("%s: the loss changes by %g, its gradient says %g", p.Name, slope, size)
			}
		}
	})
}

func norm2(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

func TestLayersComputedAgainGiveTheSameGradients(t *testing.T) {
	checkpoints(t, func(t *testing.T, c *checkpoint) {
		n := c.network(t)
		n.Config.Dropout, n.Config.AttentionDropout = 0.1, 0.1
		n.params.AllocateGradients()
		gradients := func(again bool) [][]float32 {
			tape := nn.NewTape(nil)
			tape.Recompute = again
			step(t, n, tape, c.input)
			var list [][]float32
			for _, p := range n.params.All() {
				list = append(list, slices.Clone(p.Gradient()))
			}
			return list
		}
		want, got := gradients(false), gradients(true)
		for i, p := range n.params.All() {
			if !slices.Equal(got[i], want[i]) {
				t.Errorf("%s has another gradient", p.Name)
			}
		}
	})
}

func TestLayersBelowTheLowestTrainedAreLeft(t *testing.T) {
	checkpoints(t, func(t *testing.T, c *checkpoint) {
		n := c.network(t)
		n.params.AllocateGradients()
		top := n.params.Layers()
		for _, p := range n.params.All() {
			p.Frozen = p.Layer > 0 && p.Layer < top
		}
		tape := nn.NewTape(nil)
		step(t, n, tape, c.input)
		trained := 0
		for _, p := range n.params.All() {
			switch moved := norm2(p.Gradient()) > 0; {
			case p.Frozen && moved:
				t.Errorf("%s is frozen and has a gradient", p.Name)
			case !p.Frozen && moved:
				trained++
			}
		}
		if trained == 0 {
			t.Error("nothing is trained")
		}
	})
}
