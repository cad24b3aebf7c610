package encoder

import (
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// A network of its lowest layers alone makes what the whole one has made so far, before a last norm; and what is written
// of it reads as the same network.
func TestFewerLayersMakeWhatTheWholeNetworkHasMadeSoFar(t *testing.T) {
	checkpoints(t, func(t *testing.T, c *checkpoint) {
		whole := c.network(t)
		fewer, err := whole.Config.WithLayers([]int{1})
		if whole.Config.Groups > 1 || whole.Config.Inner > 1 {
			if err == nil || !strings.Contains(err.Error(), "share weights") {
				t.Errorf("layers of groups were taken apart: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		ps := new(nn.Params)
		thin := New(fewer, ps)
		for _, p := range ps.All() {
			p.Data = whole.params.Get(p.Name).Data
		}
		thin.global, thin.local = whole.global, whole.local // angles that a checkpoint may keep as a table
		want := whole.States(nn.NewTape(nil), c.input).Layers
		got := thin.States(nn.NewTape(nil), c.input).Layers
		if len(got) != 2 {
			t.Fatalf("%d states", len(got))
		}
		if whole.Config.PreNorm { // the last state is behind the last norm
			want[1] = whole.final.forward(nn.NewTape(nil), want[1])
		}
		for i := range got {
			for j, v := range want[i].Data {
				if d := got[i].Data[j] - v; d > 1e-5 || d < -1e-5 {
					t.Fatalf("state %d: %v, want %v", i, got[i].Data[j], v)
				}
			}
		}
		for _, wrong := range [][]int{nil, {0}, {2, 1}, {1, 1}, {1, 99}} {
			if _, err := whole.Config.WithLayers(wrong); err == nil {
				t.Errorf("layers %v are taken", wrong)
			}
		}
	})
}
