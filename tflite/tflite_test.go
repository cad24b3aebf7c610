package tflite

import (
	"bytes"
	"strings"
	"testing"

	flatbuffers "github.com/google/flatbuffers/go"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// at follows the field of a table that points at another table, a vector or a string.
func at(t *testing.T, table flatbuffers.Table, slot int) flatbuffers.UOffsetT {
	t.Helper()
	o := table.Offset(flatbuffers.VOffsetT(4 + 2*slot))
	if o == 0 {
		t.Fatalf("field %d is not there", slot)
	}
	return flatbuffers.UOffsetT(o)
}

// elements are the tables of a vector.
func elements(t *testing.T, table flatbuffers.Table, slot int) []flatbuffers.Table {
	t.Helper()
	o := at(t, table, slot)
	var list []flatbuffers.Table
	for i := range table.VectorLen(o) {
		pos := table.Vector(o) + flatbuffers.UOffsetT(4*i)
		list = append(list, flatbuffers.Table{Bytes: table.Bytes, Pos: table.Indirect(pos)})
	}
	return list
}

func numbers(t *testing.T, table flatbuffers.Table, slot int) []int32 {
	t.Helper()
	o := at(t, table, slot)
	var list []int32
	for i := range table.VectorLen(o) {
		list = append(list, table.GetInt32(table.Vector(o)+flatbuffers.UOffsetT(4*i)))
	}
	return list
}

func small() *Model {
	m := &Model{Description: "small", Buffers: [][]byte{nil}}
	g := m.Add("main")
	x := g.Tensor(Tensor{Name: "x", Type: Float32, Shape: []int{1, 4}, Open: []int{1, -1}})
	w := g.Tensor(Tensor{Name: "w", Type: Int8, Shape: []int{3, 1}, Buffer: m.Buffer([]byte{1, 2, 3}), Scales: []float32{.5, .25, 2}, Zero: -7})
	y := g.Tensor(Tensor{Name: "y", Type: Float32, Shape: []int{1, 4}, Open: []int{1, -1}})
	m.Buffer(bytes.Repeat([]byte{7}, 33))
	g.Do(Gelu(true), []int{x}, y)
	g.Do(Concatenation(1), []int{x, w, -1}, y)
	g.Inputs, g.Outputs = []int{x}, []int{y}
	return m
}

func TestAFileHasTheFieldsOfTheSchema(t *testing.T) {
	data, err := small().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if string(data[4:8]) != "TFL3" {
		t.Fatalf("the file begins with %q", data[:8])
	}
	root := flatbuffers.Table{Bytes: data, Pos: flatbuffers.GetUOffsetT(data)}
	if v := root.GetUint32(root.Pos + at(t, root, 0)); v != 3 {
		t.Errorf("version %d of the schema", v)
	}
	codes := elements(t, root, 1)
	if len(codes) != 2 {
		t.Fatalf("%d kinds of operations", len(codes))
	}
	// GELU is number 150: the old field, a byte, says 127 for it.
	if old, number := codes[0].GetInt8(codes[0].Pos+at(t, codes[0], 0)), codes[0].GetInt32(codes[0].Pos+at(t, codes[0], 3)); old != 127 || number != 150 {
		t.Errorf("GELU is %d, %d", old, number)
	}
	g := elements(t, root, 2)[0]
	tensors, ops := elements(t, g, 0), elements(t, g, 3)
	if len(tensors) != 3 || len(ops) != 2 {
		t.Fatalf("%d tensors and %d operations", len(tensors), len(ops))
	}
	if now, open := numbers(t, tensors[0], 0), numbers(t, tensors[0], 7); now[1] != 4 || open[1] != -1 {
		t.Errorf("shapes %v and %v", now, open)
	}
	q := flatbuffers.Table{Bytes: data, Pos: tensors[1].Indirect(tensors[1].Pos + at(t, tensors[1], 4))}
	if o := at(t, q, 2); q.VectorLen(o) != 3 || q.GetFloat32(q.Vector(o)+8) != 2 {
		t.Error("scales are not those of the tensor")
	}
	if o := at(t, q, 3); q.VectorLen(o) != 3 || q.GetInt64(q.Vector(o)+16) != -7 {
		t.Error("zero points are not those of the tensor")
	}
	if in := numbers(t, ops[1], 1); len(in) != 3 || in[2] != -1 {
		t.Errorf("inputs %v", in)
	}
	options := flatbuffers.Table{Bytes: data, Pos: ops[1].Indirect(ops[1].Pos + at(t, ops[1], 4))}
	if axis := options.GetInt32(options.Pos + at(t, options, 0)); axis != 1 || ops[1].GetByte(ops[1].Pos+at(t, ops[1], 3)) != 10 {
		t.Errorf("axis %d", axis)
	}
}

func TestBuffersBeginAtMultiplesOfSixteen(t *testing.T) {
	data, err := small().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	root := flatbuffers.Table{Bytes: data, Pos: flatbuffers.GetUOffsetT(data)}
	buffers := elements(t, root, 4)
	for i, want := range [][]byte{nil, {1, 2, 3}, bytes.Repeat([]byte{7}, 33)} {
		if want == nil {
			if buffers[i].Offset(4) != 0 {
				t.Error("the first buffer, which stands for none, has bytes")
			}
			continue
		}
		o := at(t, buffers[i], 0)
		start := buffers[i].Vector(o)
		if start%16 != 0 || !bytes.Equal(data[start:int(start)+buffers[i].VectorLen(o)], want) {
			t.Errorf("buffer %d begins at %d", i, start)
		}
	}
}

func TestAModelThatOffsetsCannotReachIsRefused(t *testing.T) {
	large := make([]byte, 1<<30) // never touched
	m := &Model{Buffers: [][]byte{nil, large, large}}
	m.Add("main")
	_, err := m.Marshal()
	if err == nil || !strings.Contains(err.Error(), "2.1 GB") || !strings.Contains(hint.Way(err), "int8") {
		t.Errorf("%v; %s", err, hint.Way(err))
	}
}
