package export

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"github.com/xiaoyu-slm/xiaoyu/graph"
	"github.com/xiaoyu-slm/xiaoyu/internal/kernel"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// How weights are stored in each precision, and what linear layers and tables do with them.

// least is how many numbers a weight needs to be worth storing in another type, and the least width of a table's rows
// that a scale of their own pays for.
const least, leastWidth = 1024, 16

func floatBytes(data []float32) []byte { return safetensors.FromFloat32("", nil, data).Data }

// floats stores a weight and returns what stands for its numbers as float32. channel is the dimension that has scales of
// its own.
func (w *onnxWriter) floats(name string, data []float32, channel int, dims ...int) string {
	key := name + " as float"
	if w.stored[key] != "" {
		return w.stored[key]
	}
	switch {
	case len(data) < least || w.precision == F32:
		w.stored[key] = w.weight(name, onnx.Float, floatBytes(data), dims...)
	case w.precision == F16:
		w.stored[key] = w.node("", "Cast", attrs{"to": onnx.IntAttr(int64(onnx.Float))}, w.half(name, data, dims...))
	default:
		q, scales := quantize(data, channel, dims)
		w.weight(name, onnx.Int8, q, dims...)
		w.weight(name+" scales", onnx.Float, floatBytes(scales), len(scales))
		w.stored[key] = w.node("", "DequantizeLinear", attrs{"axis": onnx.IntAttr(int64(channel))}, name, name+" scales")
	}
	return w.stored[key]
}

// half stores a weight as float16.
func (w *onnxWriter) half(name string, data []float32, dims ...int) string {
	if w.stored[name] != "" {
		return name
	}
	return w.weight(name, onnx.Float16, halfBytes(data), dims...)
}

// halfBytes are numbers as float16.
func halfBytes(data []float32) []byte {
	numbers := make([]uint16, len(data))
	kernel.ToF16(numbers, data)
	raw := make([]byte, 0, 2*len(data))
	for _, v := range numbers {
		raw = binary.LittleEndian.AppendUint16(raw, v)
	}
	return raw
}

// quantize rounds each channel to whole numbers from -127 to 127 times a scale.
func quantize(data []float32, channel int, dims []int) (q []byte, scales []float32) {
	inner, channels := 1, dims[channel]
	for _, d := range dims[channel+1:] {
		inner *= d
	}
	scales = make([]float32, channels)
	for i, v := range data {
		c := i / inner % channels
		scales[c] = max(scales[c], v, -v)
	}
	for c := range scales {
		scales[c] = max(scales[c]/127, math.SmallestNonzeroFloat32*(1<<24))
	}
	q = make([]byte, len(data))
	for i, v := range data {
		q[i] = byte(int8(math.RoundToEven(float64(v / scales[i/inner%channels]))))
	}
	return q, scales
}

// whole8 tells that weights are int8.
func (w *onnxWriter) whole8() bool { return w.precision != F32 && w.precision != F16 }

// gather looks up rows in the type that they are stored in, and makes float32 of these alone.
func (w *onnxWriter) gather(n *graph.Node) {
	table, index := n.In[0], w.name(n.In[1])
	large := len(table.Data) >= least && len(table.Shape) == 2
	toFloat := attrs{"to": onnx.IntAttr(int64(onnx.Float))}
	switch {
	case large && w.precision == F16:
		rows := w.node("", "Gather", nil, w.half(table.Name, table.Data, table.Shape...), index)
		w.node(n.Out.Name, "Cast", toFloat, rows)
	case large && w.whole8() && table.Shape[1] >= leastWidth:
		name, scales := w.rows8(table)
		rows := w.node("", "Cast", toFloat, w.node("", "Gather", nil, name, index))
		w.node(n.Out.Name, "Mul", nil, rows, w.node("", "Gather", nil, w.node("", "Unsqueeze", nil, scales, w.ints(1)), index))
	default:
		w.node(n.Out.Name, "Gather", nil, w.name(table), index)
	}
}

// rows8 stores a matrix as int8 with a scale for each row.
func (w *onnxWriter) rows8(v *graph.Value) (name, scales string) {
	scales = v.Name + " scales"
	if w.stored[v.Name] == "" {
		q, s := quantize(v.Data, 0, v.Shape)
		w.weight(v.Name, onnx.Int8, q, v.Shape...)
		w.weight(scales, onnx.Float, floatBytes(s), len(s))
	}
	return v.Name, scales
}

// linear is a product with the transposed weights, stored so, but for tables that are looked up as well.
func (w *onnxWriter) linear(n *graph.Node) {
	x, v := w.name(n.In[0]), n.In[1]
	out := n.Out.Name
	if len(n.In) > 2 {
		out = ""
	}
	var y string
	switch {
	case w.whole8() && len(v.Data) >= least && !(w.gathered[v] && v.Shape[1] < leastWidth):
		y = w.linear8(out, x, v)
	default:
		y = w.node(out, "MatMul", nil, x, w.transposed(v))
	}
	if len(n.In) > 2 {
		w.node(n.Out.Name, "Add", nil, y, w.name(n.In[2]))
	}
}

// transposed returns weights [in, out] as float32.
func (w *onnxWriter) transposed(v *graph.Value) string {
	key := v.Name + " transposed"
	if !w.gathered[v] {
		data, in, out := transpose(v)
		return w.floats(key, data, 1, in, out)
	}
	if w.stored[key] == "" {
		name := ""
		switch {
		case w.precision == F16 && len(v.Data) >= least:
			name = w.node("", "Cast", attrs{"to": onnx.IntAttr(int64(onnx.Float))}, w.half(v.Name, v.Data, v.Shape...))
		default:
			name = w.name(v)
		}
		w.stored[key] = w.node("", "Transpose", attrs{"perm": onnx.IntsAttr(1, 0)}, name)
	}
	return w.stored[key]
}

// transpose returns the weights [out, in…] as [in, out].
func transpose(v *graph.Value) (data []float32, in, out int) {
	out = v.Shape[0]
	in = len(v.Data) / out
	data = make([]float32, len(v.Data))
	const block = 32 // rows and columns at a time, so that both stay in cache
	for i := 0; i < out; i += block {
		for j := 0; j < in; j += block {
			for r := i; r < min(i+block, out); r++ {
				for c := j; c < min(j+block, in); c++ {
					data[c*out+r] = v.Data[r*in+c]
				}
			}
		}
	}
	return data, in, out
}

// linear8 multiplies with int8 weights.
func (w *onnxWriter) linear8(out, x string, v *graph.Value) string {
	if w.precision == Int8Weights {
		name, scales := w.columns8(v)
		weights := w.node("", "DequantizeLinear", attrs{"axis": onnx.IntAttr(1)}, name, scales)
		return w.node(out, "MatMul", nil, x, weights)
	}
	name, scales := w.unsigned8(v)
	switch w.precision {
	case Int8:
		// Each row of x has a scale of its own, as in the runtime of this project: DynamicQuantizeLinear would have one
		// for the batch, and a text's answer would depend on what stands beside it, padding included.
		most := w.node("", "ReduceMax", attrs{"axes": onnx.IntsAttr(-1), "keepdims": onnx.IntAttr(1)}, w.node("", "Abs", nil, x))
		scale := w.node("", "Div", nil, w.node("", "Max", nil, most, w.number(1e-30)), w.number(127))
		rounded := w.node("", "Add", nil, w.node("", "Round", nil, w.node("", "Div", nil, x, scale)), w.number(middle))
		q := w.node("", "Cast", attrs{"to": onnx.IntAttr(int64(onnx.Uint8))}, rounded)
		product := w.node("", "MatMulInteger", nil, q, name, w.middle(), w.middle())
		y := w.node("", "Cast", attrs{"to": onnx.IntAttr(int64(onnx.Float))}, product)
		return w.node(out, "Mul", nil, w.node("", "Mul", nil, y, scale), scales)
	default:
		zeros := w.weight(v.Name+" zero points", onnx.Uint8, bytes.Repeat([]byte{middle}, v.Shape[0]), v.Shape[0])
		weights := w.node("", "DequantizeLinear", attrs{"axis": onnx.IntAttr(1)}, name, scales, zeros)
		return w.node(out, "MatMul", nil, w.static8(x), weights)
	}
}

// middle is what stands for 0 where numbers from -127 to 127 are kept without sign. Products of unsigned numbers with
// signed ones saturate on processors without VNNI (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html);
// those of two unsigned ones do not.
const middle = 128

func (w *onnxWriter) middle() string { return w.weight("zero point", onnx.Uint8, []byte{middle}) }

// unsigned8 stores weights [in, out] without sign, with a scale for each column.
func (w *onnxWriter) unsigned8(v *graph.Value) (name, scales string) {
	if w.gathered[v] { // the table's own numbers are signed
		rows, scales := w.columns8(v)
		key := v.Name + " unsigned"
		if w.stored[key] == "" {
			cast := func(x string, to onnx.DType) string {
				return w.node("", "Cast", attrs{"to": onnx.IntAttr(int64(to))}, x)
			}
			w.stored[key] = cast(w.node("", "Add", nil, cast(rows, onnx.Int64), w.whole(middle)), onnx.Uint8)
		}
		return w.stored[key], scales
	}
	name, scales = v.Name+" unsigned", v.Name+" scales"
	if w.stored[name] == "" {
		data, in, out := transpose(v)
		q, s := quantize(data, 1, []int{in, out})
		for i := range q {
			q[i] += middle
		}
		w.weight(name, onnx.Uint8, q, in, out)
		w.weight(scales, onnx.Float, floatBytes(s), out)
	}
	return name, scales
}

// columns8 stores weights [in, out] as int8 with a scale for each column.
func (w *onnxWriter) columns8(v *graph.Value) (name, scales string) {
	if w.gathered[v] {
		rows, scales := w.rows8(v)
		key := v.Name + " turned"
		if w.stored[key] == "" {
			w.stored[key] = w.node("", "Transpose", attrs{"perm": onnx.IntsAttr(1, 0)}, rows)
		}
		return w.stored[key], scales
	}
	name, scales = v.Name+" transposed", v.Name+" scales"
	if w.stored[name] == "" {
		data, in, out := transpose(v)
		q, s := quantize(data, 1, []int{in, out})
		w.weight(name, onnx.Int8, q, in, out)
		w.weight(scales, onnx.Float, floatBytes(s), out)
	}
	return name, scales
}

// static8 rounds x to 256 steps within the range that calibration has seen.
func (w *onnxWriter) static8(x string) string {
	r := w.ranges[x]
	lo, hi := min(r[0], 0), max(r[1], 0)
	scale := max((hi-lo)/255, 1e-12)
	zero := uint8(min(max(math.RoundToEven(float64(-lo/scale)), 0), 255))
	key := fmt.Sprintf("%s static", x)
	if w.stored[key] == "" {
		s := w.weight(x+" scale", onnx.Float, floatBytes([]float32{scale}))
		z := w.weight(x+" zero point", onnx.Uint8, []byte{zero})
		w.stored[key] = w.node("", "DequantizeLinear", nil, w.node("", "QuantizeLinear", nil, x, s, z), s, z)
	}
	return w.stored[key]
}
