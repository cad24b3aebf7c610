package checkpoint

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// drawn is a tensor of a shape with numbers of one seed.
func drawn(name string, shape ...int) safetensors.Tensor {
	r := rand.New(rand.NewPCG(1, uint64(len(name))))
	data := make([]float32, product(shape))
	for i := range data {
		data[i] = float32(r.NormFloat64())
	}
	return safetensors.FromFloat32(name, shape, data)
}

// TestWhatIsWrittenAsGGUFIsRead writes tensors of every architecture under every name that it knows: reading puts back
// names, layouts and numbers.
func TestWhatIsWrittenAsGGUFIsRead(t *testing.T) {
	const heads, keyHeads, width = 4, 2, 16
	for name, a := range ggufArchitectures {
		t.Run(name, func(t *testing.T) {
			var tensors []safetensors.Tensor
			for _, theirs := range a.global {
				tensors = append(tensors, drawn(theirs+".weight", 6, width), drawn(theirs+".bias", 6))
			}
			for _, theirs := range a.block {
				full := a.layer + ".1." + theirs
				tensors = append(tensors, drawn(full+".weight", 2*width, width), drawn(full+".bias", 2*width))
			}
			written, err := ToGGUF(name, heads, keyHeads, tensors)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			keys := map[string]any{"general.architecture": name, name + ".attention.head_count": uint32(heads), name + ".attention.head_count_kv": uint32(keyHeads)}
			if err := WriteGGUF(&b, keys, written); err != nil {
				t.Fatal(err)
			}
			s := open(t, write(t, t.TempDir(), "m.gguf", b.Bytes()))
			if len(s.Names()) != len(tensors) {
				t.Errorf("%d tensors, want %d", len(s.Names()), len(tensors))
			}
			for _, want := range tensors {
				numbers, _ := want.Float32()
				same(t, s, want.Name, want.Shape, numbers...)
			}
		})
	}
}

func TestKeysOfEveryTypeComeBack(t *testing.T) {
	keys := map[string]any{"general.architecture": "bert", "a": "好", "b": true, "c": uint32(7), "d": float32(0.5),
		"e": []string{"x", ""}, "f": []int32{-1, 2}, "g": []float32{1.5}, "h": []byte{0, 255}, "i": false}
	var b, again bytes.Buffer
	for _, w := range []io.Writer{&b, &again} {
		if err := WriteGGUF(w, keys, []GGUFTensor{{"token_embd.weight", []int{1, 3}, "F16", []float32{1, 2, 3}}}); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("the same content gives other bytes")
	}
	s := open(t, write(t, t.TempDir(), "m.gguf", b.Bytes()))
	want := map[string]any{"general.architecture": "bert", "a": "好", "b": true, "c": int64(7), "d": 0.5,
		"e": []string{"x", ""}, "f": []int64{-1, 2}, "g": []float64{1.5}, "h": []int64{0, 255}, "i": false}
	if !reflect.DeepEqual(s.Metadata(), want) {
		t.Errorf("%v, want %v", s.Metadata(), want)
	}
	same(t, s, "embeddings.word_embeddings.weight", []int{1, 3}, 1, 2, 3)
}

// TestBlocksAreWithinHalfAStep encodes blocks of many sizes, and decodes them: a number is off by half a step at most, and
// what the scale is rounded to a half adds, where that is a normal number; Q4_0's highest step may be one further.
func TestBlocksAreWithinHalfAStep(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for _, c := range []struct {
		typ         string
		steps, most float64
	}{{"Q8_0", 127, 0.51}, {"Q4_0", 8, 1.01}} {
		b := blocks[c.typ]
		for range 200 {
			in, out, stored := make([]float32, b.numbers), make([]float32, b.numbers), make([]byte, b.bytes)
			size, top := math.Exp(r.NormFloat64()), 0.0
			for i := range in {
				in[i] = float32(size * r.NormFloat64())
				top = max(top, math.Abs(float64(in[i])))
			}
			b.encode(stored, in)
			b.decode(out, stored)
			for i := range in {
				if off := math.Abs(float64(in[i]-out[i])) / (top / c.steps); off > c.most+c.steps/1000 {
					t.Fatalf("%s: %v became %v, %.3f steps off", c.typ, in[i], out[i], off)
				}
			}
		}
		zero := make([]byte, b.bytes)
		b.encode(zero, make([]float32, b.numbers))
		if out := make([]float32, b.numbers); true {
			b.decode(out, zero)
			if slices.ContainsFunc(out, func(v float32) bool { return v != 0 }) {
				t.Errorf("%s: zeros became %v", c.typ, out)
			}
		}
	}
}

func TestWhatGGUFCannotHoldIsRefused(t *testing.T) {
	one := func(typ string, shape ...int) []GGUFTensor {
		return []GGUFTensor{{"x", shape, typ, make([]float32, 64)}}
	}
	for want, c := range map[string]struct {
		keys    map[string]any
		tensors []GGUFTensor
	}{
		"values of type complex128": {map[string]any{"k": 1i}, nil},
		"blocks of 32":              {nil, one("Q8_0", 4, 16)},
		`the type "Q6_K"`:           {nil, one("Q6_K", 2, 32)},
		"numbers of shape [3]":      {nil, one("F32", 3)},
	} {
		if err := WriteGGUF(io.Discard, c.keys, c.tensors); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := WriteGGUF(failing{}, nil, one("F32", 64)); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	for want, x := range map[string][]safetensors.Tensor{
		"no name for tensor": {drawn("model.magic.weight", 2, 2)},
		"4 heads":            {drawn("model.layers.0.self_attn.q_proj.weight", 12, 2)},
	} {
		if _, err := ToGGUF("llama", 4, 4, x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := ToGGUF("mamba", 4, 4, nil); err == nil {
		t.Error("an unknown architecture is not refused")
	}
}

var errFull = fmt.Errorf("the disk is full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }
