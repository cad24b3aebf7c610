package export

import (
	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/tflite"
)

// How TFLite files store weights in each precision, and what layers and tables do with them.

// half stores a weight as float16.
func (g *liteGraph) half(name string, data []float32, shape ...int) liteTensor {
	return g.constant(name+" f16", tflite.Float16, shape, func() []byte { return halfBytes(data) })
}

// whole8 stores a weight as int8. Scales, one for each place along channel, belong to the tensor where layers read it; a
// table that is looked up is plain whole numbers, with the same buffer.
func (g *liteGraph) whole8(name string, data []float32, channel int, scaled bool, shape ...int) (x liteTensor, scales []float32) {
	key := name + " int8"
	if g.w.scales[key] == nil {
		q, s := quantize(data, channel, shape)
		g.w.scales[key], g.w.buffers[key] = s, g.w.model.Buffer(q)
	}
	scales = g.w.scales[key]
	as := key
	if scaled {
		as += ", scaled"
		g.w.buffers[as] = g.w.buffers[key]
	}
	x = g.constant(as, tflite.Int8, shape, nil)
	if scaled {
		g.Tensors[x.index].Scales, g.Tensors[x.index].Channel = scales, channel
	}
	return x, scales
}

// floats stores a weight and returns its numbers as float32. channel is the dimension that has scales of its own.
func (g *liteGraph) floats(name string, data []float32, channel int, shape ...int) liteTensor {
	if len(data) < least || g.w.precision == F32 || g.w.precision == Int8QDQ { // microcontrollers widen no channels
		return g.numbers(name, data, shape...)
	}
	key := name + " as float"
	if x, ok := g.stored[key]; ok {
		return x
	}
	var x liteTensor
	if g.w.precision == F16 {
		x = g.float(tflite.Dequantize.Since(3), shape, g.half(name, data, shape...))
	} else {
		q, _ := g.whole8(name, data, channel, true, shape...)
		x = g.float(tflite.Dequantize.Since(5), shape, q)
	}
	g.stored[key] = x
	return x
}

// gather looks up rows in the type that they are stored in, and makes float32 of these alone.
func (g *liteGraph) gather(n *graph.Node) liteTensor {
	table, index, out := n.In[0], g.value(n.In[1]), n.Out.Shape
	rows := tflite.Gather(0, 0)
	large := len(table.Data) >= least && len(table.Shape) == 2
	switch {
	case large && g.w.precision == F16:
		return g.float(tflite.Cast(tflite.Float16, tflite.Float32).Since(5), out, g.op(rows, tflite.Float16, out, g.half(table.Name, table.Data, table.Shape...), index))
	case large && g.w.precision != F32 && table.Shape[1] >= leastWidth:
		q, s := g.whole8(table.Name, table.Data, 0, false, table.Shape...)
		found := g.float(tflite.Cast(tflite.Int8, tflite.Float32).Since(3), out, g.op(rows.Since(2), tflite.Int8, out, q, index))
		scales := g.numbers(table.Name+" scales", s, len(s), 1)
		return g.float(tflite.Mul, out, found, g.float(rows, append(index.shape[:len(index.shape):len(index.shape)], 1), scales, index))
	}
	return g.op(rows, liteType(table.Type), out, g.value(table), index)
}

// linear is FULLY_CONNECTED, with int8 weights the hybrid form: inputs are rounded row by row as it runs.
func (g *liteGraph) linear(n *graph.Node) liteTensor {
	if v := n.In[1]; g.static(n) && !g.narrow(v) {
		w, scales := g.whole8(v.Name, v.Data, 0, true, v.Shape[0], len(v.Data)/v.Shape[0])
		return g.staticLayer(n, tflite.FullyConnected(), n.Out.Shape, g.value(n.In[0]), w, scales)
	}
	var bias *graph.Value
	if len(n.In) > 2 {
		bias = n.In[2]
	}
	return g.layer(g.value(n.In[0]), n.In[1], bias, n.Out.Shape)
}

// narrow tells of a table that is stored as floats: its rows are not worth scales of their own.
func (g *liteGraph) narrow(v *graph.Value) bool {
	return g.w.gathered[v] && len(v.Data)/v.Shape[0] < leastWidth
}

// layer is x·vᵀ + bias; bias may be nil.
func (g *liteGraph) layer(x liteTensor, v, bias *graph.Value, shape []int) liteTensor {
	k, in := tflite.FullyConnected(), []liteTensor{x}
	rows := []int{v.Shape[0], len(v.Data) / v.Shape[0]}
	if g.w.precision == Int8 && len(v.Data) >= least && !g.narrow(v) {
		w, _ := g.whole8(v.Name, v.Data, 0, true, rows...)
		k, in = tflite.HybridFullyConnected(), append(in, w)
	} else {
		in = append(in, g.floats(v.Name, v.Data, 0, rows...))
	}
	if bias != nil {
		in = append(in, g.numbers(bias.Name, bias.Data, bias.Shape...))
	} else {
		k = k.Since(6)
	}
	return g.float(k, shape, in...)
}
