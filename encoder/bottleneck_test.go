package encoder

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// Bottlenecks change nothing at first; once they do, inference and training agree, and the gradients are those of the loss.
func TestBottlenecksOfEveryArchitecture(t *testing.T) {
	checkpoints(t, func(t *testing.T, c *checkpoint) {
		n := c.network(t)
		n.Config.Dropout, n.Config.AttentionDropout, n.Config.HeadDropout = 0, 0, 0
		tape := nn.NewTape(nil)
		tape.Begin(nn.Inference, 0, 0)
		plain := slices.Clone(n.Forward(tape, c.input).Data)
		before := len(n.params.All())
		n.AddBottlenecks(3, true)
		added := n.params.All()[before:]
		if distinct, _ := n.Config.distinct(); len(added) != 8*distinct || added[0].Layer != 2 {
			t.Fatalf("%d parameters were added, the first in layer %d", len(added), added[0].Layer)
		}
		for i, p := range added {
			p.Data = make([]float32, p.Size())
			n.params.Draw(p, uint64(i))
		}
		forward := func(mode nn.Mode) []float32 {
			tape.Begin(mode, 0, 0)
			return slices.Clone(n.Forward(tape, c.input).Data)
		}
		for i, v := range forward(nn.Inference) { // the same but for the order of sums
			if math.Abs(float64(v-plain[i])) > 1e-5*max(1, math.Abs(float64(plain[i]))) {
				t.Fatalf("fresh bottlenecks change what the network makes: %v, was %v", v, plain[i])
			}
		}
		for _, p := range added {
			for i := range p.Data {
				p.Data[i] += 0.3 * float32(math.Sin(float64(3*i+len(p.Name))))
			}
		}
		got, want := forward(nn.Inference), forward(nn.Training)
		for i, v := range want {
			if math.Abs(float64(got[i]-v)) > 1e-4*max(1, math.Abs(float64(v))) {
				t.Fatalf("inference makes %v, training %v", got[i], v)
			}
		}
		n.params.AllocateGradients()
		step(t, n, tape, c.input)
		for _, p := range added {
			g := slices.Clone(p.Gradient())
			size := math.Sqrt(norm2(g))
			if size < 1e-3 || !strings.HasPrefix(p.Name, BottleneckPrefix) {
				continue
			}
			old := slices.Clone(p.Data)
			move := func(by float64) float64 {
				for i, v := range g {
					p.Data[i] = old[i] + float32(by*float64(v)/size)
				}
				return float64(step(t, n, tape, c.input))
			}
			const by = 2.5e-4 // short, since relu has kinks
			slope := (move(by) - move(-by)) / (2 * by)
			copy(p.Data, old)
			if math.Abs(slope-size) > 0.03*size+1e-3 {
				t.Errorf("%s: the loss changes by %g, its gradient says %g", p.Name, slope, size)
			}
		}
	})
}
