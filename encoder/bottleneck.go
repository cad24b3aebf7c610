package encoder

import (
	"fmt"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/nn"
)

// bottleneck is a small network behind a part of a layer, before its residual sum: x + up(relu(down(x))) (Houlsby et al.
// 2019, "Parameter-Efficient Transfer Learning for NLP").
type bottleneck struct{ down, up linear }

// BottleneckPrefix begins the names of their weights.
const BottleneckPrefix = "adapters."

// AddBottlenecks declares bottlenecks of a width behind the feed-forward part of each layer (Pfeiffer et al. 2021,
// "AdapterFusion"), and with attention behind that as well. At first they change nothing: up is 0. Layers that share their
// weights share them. Call it once, after the layers are declared.
func (n *Layers) AddBottlenecks(width int, attention bool) {
	d, seen := declaring{n.Config, n.params}, map[*layer]bool{}
	for i := range n.places {
		l := n.places[i].layer
		if seen[l] {
			continue
		}
		seen[l] = true
		prefix := fmt.Sprintf("%s%d.", BottleneckPrefix, l.number-2)
		if attention {
			l.out.behind = d.bottleneck(prefix+"attention", width)
		}
		l.down.behind = d.bottleneck(prefix+"output", width)
		d.number(l.number, prefix)
	}
}

func (d declaring) bottleneck(name string, width int) *bottleneck {
	b := &bottleneck{down: d.linear(name+".down", width, d.config.Hidden, true), up: linear{w: d.params.Add(name+".up.weight", nn.Zeros, d.config.Hidden, width)}}
	b.up.b = d.params.Add(name+".up.bias", nn.Zeros, d.config.Hidden)
	return b
}

// forward is x, [tokens, hidden], where there is none.
func (b *bottleneck) forward(t *nn.Tape, x *nn.Var) *nn.Var {
	if b == nil {
		return x
	}
	return t.Add(x, b.up.forward(t, b.down.forward(t, x, nn.ReLU), nn.Identity))
}

func (b *bottleneck) lower(t *graph.Text, x *graph.Value) *graph.Value {
	if b == nil {
		return x
	}
	return t.Add(x, b.up.lower(t, b.down.lower(t, x, nn.ReLU), nn.Identity))
}
