package export

import (
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/tflite"
)

// conv is a convolution over a picture of one row: [batch, 1, length, channels].
func (g *liteGraph) conv(n *graph.Node) (liteTensor, error) {
	x, v := g.value(n.In[0]), n.In[1]
	filters, width, in := v.Shape[0], v.Shape[1], v.Shape[2]
	length, channels := x.shape[1], x.shape[2]
	around := n.Pads == [2]int{(width - 1) / 2, width - 1 - (width-1)/2}
	x = g.shaped(x, []int{graph.Batch, 1, length, channels})
	if !around {
		padded := []int{graph.Batch, 1, length, channels} // a little longer, and as open
		pads := g.wholes("zeros around "+n.Out.Name, []int{0, 0, 0, 0, n.Pads[0], n.Pads[1], 0, 0}, 4, 2)
		x = g.float(tflite.Pad, padded, x, pads)
		g.Tensors[x.index].Shape[2] += n.Pads[0] + n.Pads[1]
	}
	out := []int{graph.Batch, 1, length, filters}
	name, data, kind, channel, shape := v.Name, v.Data, tflite.Conv2D(around), 0, []int{filters, 1, width, in}
	switch {
	case n.Groups == 1:
	case n.Groups == channels && filters == channels:
		data = make([]float32, len(v.Data)) // [width, channels]
		for c := range channels {
			for i := range width {
				data[i*channels+c] = v.Data[c*width+i]
			}
		}
		name, kind, channel, shape = v.Name+" turned", tflite.DepthwiseConv2D(around), 3, []int{1, 1, width, channels}
	default:
		return liteTensor{}, unsupported("tflite", n.Op, " of ", channels, " channels in ", n.Groups, " groups")
	}
	if g.static(n) {
		w, scales := g.whole8(name, data, channel, true, shape...)
		return g.shaped(g.staticLayer(n, kind.Since(3), out, x, w, scales), n.Out.Shape), nil
	}
	y := g.float(kind, out, x, g.floats(name, data, channel, shape...), g.value(n.In[2]))
	return g.shaped(y, n.Out.Shape), nil
}
