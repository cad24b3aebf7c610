package checkpoint

import (
	"slices"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// scale tells what 8-bit numbers stand for: (number − zero) · factor, with one factor for all, for each row or for
// each column.
type scale struct {
	factor []float32
	zero   []byte // of the numbers' type, one a factor; nil for none
	run    int    // how many numbers one after the other have the same factor
}

// widen returns the weights that I8 or U8 numbers stand for.
func (s *scale) widen(t safetensors.Tensor) []float32 {
	number := func(b byte) int32 { return int32(b) }
	if t.DType == safetensors.I8 {
		number = func(b byte) int32 { return int32(int8(b)) }
	}
	out := make([]float32, len(t.Data))
	for i, b := range t.Data {
		k := i / s.run % len(s.factor)
		zero := int32(0)
		if s.zero != nil {
			zero = number(s.zero[k])
		}
		out[i] = float32(number(b)-zero) * s.factor[k]
	}
	return out
}

// quantisedSuffix ends the names of weights that ONNX Runtime's quantiser has made whole numbers; their scale and
// zero point stand beside them as NAME_scale and NAME_zero_point.
const quantisedSuffix = "_quantized"

// joinQuantised brings weights that ONNX Runtime has quantised, their scales and zero points together under the
// weight's own name. A scale is for all or for a column (https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
func (s *Set) joinQuantised() {
	renamed := map[string]string{}
	for _, full := range slices.Clone(s.names) {
		name, ok := strings.CutSuffix(full, quantisedSuffix)
		weights, scales, zeros := s.tensors[full], s.tensors[name+"_scale"], s.tensors[name+"_zero_point"]
		if !ok || s.tensors[name] != nil || len(weights.shape) == 0 || scales == nil || zeros == nil ||
			scales.dtype != string(safetensors.F32) || zeros.dtype != weights.dtype || !weights.isByte() {
			continue
		}
		factor, err := scales.float32(name)
		columns := weights.shape[len(weights.shape)-1]
		if err != nil || len(factor) != len(zeros.stored) || (len(factor) != 1 && len(factor) != columns) || len(factor) == 0 {
			continue
		}
		weights.scale = &scale{factor: factor, zero: zeros.stored, run: 1}
		s.tensors[name] = weights
		renamed[full], renamed[name+"_scale"], renamed[name+"_zero_point"] = name, "", ""
	}
	s.rename(renamed)
}

// joinRowScales brings 8-bit weights as bitsandbytes saves them (NAME.weight, with the largest magnitude of each
// row in NAME.SCB: https://github.com/bitsandbytes-foundation/bitsandbytes) and their scales together.
func (s *Set) joinRowScales() {
	renamed := map[string]string{}
	for _, name := range s.names {
		module, ok := strings.CutSuffix(name, ".SCB")
		weights, scales := s.tensors[module+".weight"], s.tensors[name]
		if !ok || weights == nil || weights.dtype != string(safetensors.I8) || len(weights.shape) != 2 || weights.scale != nil {
			continue
		}
		rows, columns := weights.shape[0], weights.shape[1]
		largest, err := scales.float32(name)
		if err != nil || len(largest) != rows || rows == 0 || columns == 0 {
			continue
		}
		factor := make([]float32, rows)
		for i, v := range largest {
			factor[i] = v / 127
		}
		weights.scale = &scale{factor: factor, run: columns}
		renamed[name], renamed[module+".weight_format"] = "", ""
	}
	s.rename(renamed)
}

// isByte tells whether the numbers are whole and have 8 bits.
func (t *tensor) isByte() bool {
	return t.dtype == string(safetensors.I8) || t.dtype == string(safetensors.U8)
}
