package tflite

// Kind is an operation with its options, as the schema numbers them: BuiltinOperator, the version that has what is asked
// of it (https://github.com/google-ai-edge/LiteRT/blob/main/tflite/tools/versioning/op_version.cc), and the fields of its
// table of BuiltinOptions in their order.
type Kind struct {
	number, version int
	options         uint8 // which table of options; 0 for none
	fields          []any
}

// Since returns the operation in that version at least, for what earlier ones did not have.
func (k Kind) Since(version int) Kind {
	k.version = max(k.version, version)
	return k
}

// The operations without choices. Those of two inputs broadcast.
var (
	Add               = Kind{number: 0, options: 11}
	Mul               = Kind{number: 18, options: 21}
	Sub               = Kind{number: 41, options: 28}
	Div               = Kind{number: 42, options: 29}
	Maximum           = Kind{number: 55, options: 39}
	Minimum           = Kind{number: 57, options: 39}
	SquaredDifference = Kind{number: 99, options: 76}
	Less              = Kind{number: 58, options: 41}
	GreaterEqual      = Kind{number: 62, options: 45}

	Relu     = Kind{number: 19}
	Tanh     = Kind{number: 28}
	Logistic = Kind{number: 14}
	Abs      = Kind{number: 101, options: 78}
	Sqrt     = Kind{number: 75}
	Rsqrt    = Kind{number: 76}
	Log      = Kind{number: 73}
	Sin      = Kind{number: 66}
	Cos      = Kind{number: 108, options: 84}

	Reshape            = Kind{number: 22, options: 17} // x, whole numbers: the shape, one of which may be -1
	Transpose          = Kind{number: 39, options: 26} // x, whole numbers: the order
	Slice              = Kind{number: 65, options: 48} // x, where it begins, sizes: -1 for what is left
	ExpandDims         = Kind{number: 70, options: 52} // x, whole number: the place of the new dimension
	Pad                = Kind{number: 34, options: 22} // x, [dimensions, 2]: zeros before and behind
	ZerosLike          = Kind{number: 93, options: 67}
	Quantize           = Kind{number: 114, options: 89}
	Dequantize         = Kind{number: 6, options: 38}
	DynamicUpdateSlice = Kind{number: 151, options: 117} // x, what replaces a part of it, where that begins
)

// Concatenation joins along an axis.
func Concatenation(axis int) Kind {
	return Kind{number: 2, options: 10, fields: []any{int32(axis)}}
}

// FullyConnected is x·wᵀ + b over the last dimension, of x [..., in], w [out, in] and perhaps b [out].
func FullyConnected() Kind {
	const keepDims = true
	return Kind{number: 9, version: 5, options: 8, fields: []any{nil, nil, keepDims}}
}

// HybridFullyConnected is the same of int8 weights with a scale for each row: x is rounded to int8 row by row as it runs,
// between its least and its greatest number.
func HybridFullyConnected() Kind {
	k := FullyConnected().Since(12)
	const asymmetric = true
	k.fields = append(k.fields, asymmetric)
	return k
}

// Softmax is over the last dimension.
func Softmax() Kind { return Kind{number: 25, options: 9, fields: []any{float32(1)}} }

// Gather takes x at indices along an axis; the first batch dimensions of both go together.
func Gather(axis, batch int) Kind {
	k := Kind{number: 36, options: 23, fields: []any{int32(axis), int32(batch)}}
	if batch > 0 {
		k.version = 5
	}
	return k
}

// The reductions read x and the axes, which stay as 1.
var (
	Mean      = reducer(40)
	Sum       = reducer(74)
	ReduceMax = reducer(82)
)

func reducer(number int) Kind { return Kind{number: number, options: 27, fields: []any{true}} }

// Squeeze drops dimensions of size 1.
func Squeeze(axes ...int) Kind {
	return Kind{number: 43, options: 30, fields: []any{narrow(axes)}}
}

// Split reads an axis and x and makes n equal parts.
func Split(n int) Kind { return Kind{number: 49, options: 35, fields: []any{int32(n)}} }

// Cast changes the type.
func Cast(from, to Type) Kind {
	return Kind{number: 53, options: 37, fields: []any{int8(from), int8(to)}}
}

// BatchMatMul multiplies the last two dimensions, those of y turned if transposed says so.
func BatchMatMul(transposed bool) Kind {
	return Kind{number: 126, options: 101, fields: []any{false, transposed}}
}

// CumulativeSum adds up along an axis, x and that; each place has the sum of those before it.
func CumulativeSum() Kind { return Kind{number: 128, options: 102, fields: []any{true}} }

// Gelu is x·Φ(x), or its approximation by tanh.
func Gelu(approximate bool) Kind { return Kind{number: 150, options: 116, fields: []any{approximate}} }

// The paddings of convolutions.
const (
	same  = int8(0)
	valid = int8(1)
)

func padding(around bool) int8 {
	if around {
		return same
	}
	return valid
}

// Conv2D is of x [batch, rows, columns, in], w [out, height, width, in] and b [out], with steps of 1. With around, zeros
// stand around x so that its size stays: (width-1)/2 before, the rest behind.
func Conv2D(around bool) Kind {
	return Kind{number: 3, options: 1, fields: []any{padding(around), int32(1), int32(1), nil, int32(1), int32(1)}}
}

// DepthwiseConv2D is the same for each channel by itself: w [1, height, width, channels].
func DepthwiseConv2D(around bool) Kind {
	return Kind{number: 4, options: 2, fields: []any{padding(around), int32(1), int32(1), int32(1), nil, int32(1), int32(1)}}
}

// While runs the graph body on its inputs, again on what it gives, and so on, as long as the graph condition says so of
// them.
func While(condition, body int) Kind {
	return Kind{number: 119, options: 93, fields: []any{int32(condition), int32(body)}}
}
