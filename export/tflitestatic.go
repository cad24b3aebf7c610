package export

import (
	"encoding/binary"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/tflite"
)

// Static int8 (Int8QDQ), which microcontrollers have as well: linear layers and convolutions read and make whole numbers,
// within ranges that calibration has found.

// static tells that a layer with these weights computes in whole numbers. Without any ranges all do: sizes are asked for.
func (g *liteGraph) static(n *graph.Node) bool {
	_, reads := g.w.ranges[n.In[0].Name]
	_, makes := g.w.ranges[n.Out.Name]
	return g.w.precision == Int8QDQ && len(n.In[1].Data) >= least && (len(g.w.ranges) == 0 || reads && makes)
}

// step is by how much the numbers of a range differ that stand for -128 to 127, and zero which of these stands for 0.
func (w *liteWriter) step(name string) (step float32, zero int) {
	r := w.ranges[name]
	lo, hi := min(r[0], 0), max(r[1], 0)
	step = max((hi-lo)/255, 1e-12)
	return step, int(min(max(math.RoundToEven(float64(-lo/step))-128, -128), 127))
}

// whole makes a tensor of int8 that stand for numbers within the range of a value.
func (g *liteGraph) whole(k tflite.Kind, value string, shape []int, in ...liteTensor) liteTensor {
	y := g.op(k, tflite.Int8, shape, in...)
	step, zero := g.w.step(value)
	t := &g.Tensors[y.index]
	t.Scales, t.Zero = []float32{step}, zero
	return y
}

// rounded is x, which stands for a value, as whole numbers.
func (g *liteGraph) rounded(x liteTensor, value string) liteTensor {
	return g.whole(tflite.Quantize, value, x.shape, x)
}

// counted is a bias in whole numbers: of each channel in steps of its weights times those of the layer's input.
func (g *liteGraph) counted(n *graph.Node, weights []float32) liteTensor {
	bias := make([]float32, len(weights))
	if len(n.In) > 2 {
		copy(bias, n.In[2].Data)
	}
	step, _ := g.w.step(n.In[0].Name)
	scales := make([]float32, len(weights))
	x := g.constant("bias of "+n.Out.Name, tflite.Int32, []int{len(bias)}, func() []byte {
		raw := make([]byte, 0, 4*len(bias))
		for i, v := range bias {
			count := math.RoundToEven(float64(v) / (float64(step) * float64(weights[i])))
			raw = binary.LittleEndian.AppendUint32(raw, uint32(int32(min(max(count, math.MinInt32), math.MaxInt32))))
		}
		return raw
	})
	for i, s := range weights {
		scales[i] = step * s
	}
	g.Tensors[x.index].Scales = scales
	return x
}

// staticLayer is a layer in whole numbers: k of x, whole weights and bias, whose result has that shape.
func (g *liteGraph) staticLayer(n *graph.Node, k tflite.Kind, shape []int, x, weights liteTensor, scales []float32) liteTensor {
	y := g.whole(k, n.Out.Name, shape, g.rounded(x, n.In[0].Name), weights, g.counted(n, scales))
	return g.float(tflite.Dequantize.Since(2), shape, y)
}
