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
	bias := g.value(n.In[2])
	var y liteTensor
	switch {
	case n.Groups == 1:
		y = g.float(tflite.Conv2D(around), out, x, g.floats(v.Name, v.Data, 0, filters, 1, width, in), bias)
	case n.Groups == channels && filters == channels:
		data := make([]float32, len(v.Data)) // [width, channels]
		for c := range channels {
			for i := range width {
				data[i*channels+c] = v.Data[c*width+i]
			}
		}
		y = g.float(tflite.DepthwiseConv2D(around), out, x, g.floats(v.Name+" turned", data, 3, 1, 1, width, channels), bias)
	default:
		return liteTensor{}, unsupported("tflite", n.Op, " of ", channels, " channels in ", n.Groups, " groups")
	}
	return g.shaped(y, n.Out.Shape), nil
}
