package inspect

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Bounds of an ONNX file.
const (
	mostONNXFields = 8 << 20 // fields that are looked at
	mostONNXDepth  = 16      // graphs within graphs
	mostONNXText   = 64 << 10
)

// wire is a field of a message of protocol buffers: a number, or a place in the file.
type wire struct {
	number   protowire.Number
	value    uint64
	from, to int64 // of bytes
	isBytes  bool
}

// proto reads messages at their places in a file, without holding them.
type proto struct {
	s      *source
	left   int // fields
	nodes  int
	graphs int
	beside func(name string) (int64, bool)
}

// fields calls do for every field of the message between two places.
func (p *proto) fields(from, to int64, do func(wire) error) error {
	for from < to {
		if p.left--; p.left < 0 {
			return malformed("it has more fields than can be looked at")
		}
		tag, n, err := p.varint(from, to)
		if err != nil {
			return err
		}
		from += n
		number, typ := protowire.DecodeTag(tag)
		if number < 1 || number > protowire.MaxValidNumber {
			return malformed("a field has the number %d", number)
		}
		w := wire{number: number}
		switch typ {
		case protowire.VarintType:
			w.value, n, err = p.varint(from, to)
		case protowire.Fixed32Type:
			n = 4
		case protowire.Fixed64Type:
			n = 8
		case protowire.BytesType:
			var length uint64
			if length, n, err = p.varint(from, to); err == nil {
				if length > uint64(to-from-n) {
					return malformed("a field ends beyond its message, at byte %d", from)
				}
				w.from, w.to, w.isBytes = from+n, from+n+int64(length), true
				n += int64(length)
			}
		default:
			return malformed("a field at byte %d has a type that there is not", from)
		}
		if err != nil {
			return err
		}
		if from += n; from > to {
			return malformed("a field ends beyond its message, at byte %d", from)
		}
		if err := do(w); err != nil {
			return err
		}
	}
	return nil
}

func (p *proto) varint(from, to int64) (v uint64, n int64, err error) {
	var b [binary.MaxVarintLen64]byte
	k := min(int64(len(b)), to-from)
	if _, err := p.s.ReadAt(b[:k], from); err != nil && !errors.Is(err, io.EOF) {
		return 0, 0, err
	}
	v, read := binary.Uvarint(b[:k])
	if read <= 0 {
		return 0, 0, malformed("a number at byte %d is cut off", from)
	}
	return v, int64(read), nil
}

// text reads a short text.
func (p *proto) text(w wire) (string, error) {
	if w.to-w.from > mostONNXText {
		return "", malformed("a name of %d bytes", w.to-w.from)
	}
	b := make([]byte, w.to-w.from)
	_, err := p.s.ReadAt(b, w.from)
	return string(b), err
}

// The field numbers of onnx.proto (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) that are looked into.
const (
	onnxModelIR, onnxModelGraph, onnxModelFunctions                                    = 1, 7, 25
	onnxGraphNode, onnxGraphInitializer, onnxGraphSparse                               = 1, 5, 15
	onnxNodeOp, onnxNodeAttr, onnxFunctionNode                                         = 4, 5, 7
	onnxAttrTensor, onnxAttrGraph, onnxAttrTensors, onnxAttrGraphs                     = 5, 6, 10, 11
	onnxSparseValues, onnxSparseIndices                                                = 1, 2
	onnxTensorDims, onnxTensorType, onnxTensorFloats, onnxTensorName                   = 1, 2, 4, 8
	onnxTensorRaw, onnxTensorOutside, onnxTensorLocation, onnxEntryKey, onnxEntryValue = 9, 13, 14, 1, 2
)

// onnxSizes are the bytes of a number, by the types of tensors; of half numbers two share a byte.
var onnxSizes = map[uint64]int64{1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 8, 15: 16, 16: 2, 17: 1, 18: 1, 19: 1, 20: 1}

// checkONNX walks over an ONNX file and checks that every message lies within the one around it, and that tensors have
// the bytes which their shapes ask for, here or in a file beside it, whose size beside tells.
func checkONNX(s *source, beside func(name string) (int64, bool)) error {
	p := &proto{s: s, left: mostONNXFields, beside: beside}
	ir := uint64(0)
	err := p.fields(0, s.size, func(w wire) error {
		switch {
		case w.number == onnxModelIR:
			ir = w.value
		case w.number == onnxModelGraph && w.isBytes:
			p.graphs++
			return p.graph(w, 0)
		case w.number == onnxModelFunctions && w.isBytes:
			return p.fields(w.from, w.to, func(w wire) error {
				if w.number == onnxFunctionNode && w.isBytes {
					return p.node(w, 0)
				}
				return nil
			})
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case p.graphs != 1:
		return malformed("it has %d graphs, not one", p.graphs)
	case ir == 0 || ir > 1000:
		return malformed("it does not say of which version it is")
	}
	return nil
}

func (p *proto) graph(g wire, depth int) error {
	if depth > mostONNXDepth {
		return malformed("graphs within graphs without an end")
	}
	return p.fields(g.from, g.to, func(w wire) error {
		switch {
		case !w.isBytes:
		case w.number == onnxGraphNode:
			return p.node(w, depth)
		case w.number == onnxGraphInitializer:
			return p.tensor(w)
		case w.number == onnxGraphSparse:
			return p.sparse(w)
		}
		return nil
	})
}

func (p *proto) node(n wire, depth int) error {
	p.nodes++
	named := false
	err := p.fields(n.from, n.to, func(w wire) error {
		switch {
		case w.number == onnxNodeOp:
			named = w.isBytes && w.to > w.from
		case w.number == onnxNodeAttr && w.isBytes:
			return p.fields(w.from, w.to, func(w wire) error {
				switch {
				case !w.isBytes:
				case w.number == onnxAttrTensor || w.number == onnxAttrTensors:
					return p.tensor(w)
				case w.number == onnxAttrGraph || w.number == onnxAttrGraphs:
					return p.graph(w, depth+1)
				}
				return nil
			})
		}
		return nil
	})
	if err == nil && !named {
		err = malformed("node %d has no operation", p.nodes)
	}
	return err
}

func (p *proto) sparse(t wire) error {
	return p.fields(t.from, t.to, func(w wire) error {
		if w.isBytes && (w.number == onnxSparseValues || w.number == onnxSparseIndices) {
			return p.tensor(w)
		}
		return nil
	})
}

// onnxTensor is what is noted of a tensor.
type onnxTensor struct {
	name    string
	typ     uint64
	numbers int64
	raw     int64 // bytes; -1 where its numbers are not kept raw
	floats  int64 // bytes
	outside bool
	entries map[string]string
}

func (p *proto) tensor(t wire) error {
	o := onnxTensor{numbers: 1, raw: -1, entries: map[string]string{}}
	err := p.fields(t.from, t.to, func(w wire) (err error) {
		switch w.number {
		case onnxTensorDims:
			return p.dims(w, &o)
		case onnxTensorType:
			o.typ = w.value
		case onnxTensorName:
			o.name, err = p.text(w)
		case onnxTensorRaw:
			o.raw = w.to - w.from
		case onnxTensorFloats:
			o.floats += max(w.to-w.from, 4)
		case onnxTensorLocation:
			o.outside = w.value == 1
		case onnxTensorOutside:
			return p.entry(w, &o)
		}
		return err
	})
	if err != nil {
		return err
	}
	return p.compare(&o)
}

// dims reads dimensions, one by one or packed.
func (p *proto) dims(w wire, o *onnxTensor) error {
	add := func(d uint64) error {
		if d > math.MaxInt32*1024 || d > 0 && o.numbers > 1<<50/int64(d) {
			return malformed("tensor %q has a dimension of %d", o.name, int64(d))
		}
		o.numbers *= int64(d)
		return nil
	}
	if !w.isBytes {
		return add(w.value)
	}
	if w.to-w.from > 1<<10 {
		return malformed("tensor %q has too many dimensions", o.name)
	}
	for at := w.from; at < w.to; {
		d, n, err := p.varint(at, w.to)
		if err != nil {
			return err
		}
		if err := add(d); err != nil {
			return err
		}
		at += n
	}
	return nil
}

// entry reads a key and a value about numbers that are kept in another file.
func (p *proto) entry(w wire, o *onnxTensor) error {
	var key, value string
	err := p.fields(w.from, w.to, func(w wire) (err error) {
		switch w.number {
		case onnxEntryKey:
			key, err = p.text(w)
		case onnxEntryValue:
			value, err = p.text(w)
		}
		return err
	})
	o.entries[key] = value
	return err
}

// compare checks that a tensor has the bytes that its shape asks for.
func (p *proto) compare(o *onnxTensor) error {
	each, ok := onnxSizes[o.typ]
	switch {
	case o.outside:
		return p.outside(o, each*o.numbers)
	case o.typ == 8 || o.typ >= 21 && o.typ <= 30: // texts, and numbers of which several share a byte
		return nil
	case !ok:
		return malformed("tensor %q has numbers of the unknown type %d", o.name, o.typ)
	case o.raw >= 0 && o.raw != each*o.numbers:
		return malformed("tensor %q needs %d bytes and has %d", o.name, each*o.numbers, o.raw)
	case o.raw < 0 && o.typ == 1 && o.floats > 0 && o.floats != 4*o.numbers:
		return malformed("tensor %q needs %d numbers and has %d", o.name, o.numbers, o.floats/4)
	}
	return nil
}

// errNotBeside is the cause where a file that should be there is not; it may still come.
var errNotBeside = errors.New("which the package does not have")

// outside checks that numbers in another file lie beside this one, within the package and within that file.
func (p *proto) outside(o *onnxTensor, want int64) error {
	name := o.entries["location"]
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return malformed("tensor %q lies in %q, outside of the package", o.name, name)
	}
	size, ok := p.beside(name)
	if !ok {
		return fmt.Errorf("tensor %q lies in %q, %w", o.name, name, errNotBeside)
	}
	var place [2]int64
	for i, key := range []string{"offset", "length"} {
		if v := o.entries[key]; v != "" {
			n, err := strconv.ParseInt(v, 10, 64)
			if err != nil || n < 0 {
				return malformed("tensor %q has the %s %q", o.name, key, v)
			}
			place[i] = n
		}
	}
	if length := max(place[1], want); place[0] > size || length > size-place[0] {
		return malformed("tensor %q ends beyond the end of %q", o.name, name)
	}
	return nil
}
