package checkpoint

import (
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
)

func appendMessage(b []byte, number protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, number, protowire.BytesType), message)
}

func appendVarint(b []byte, number protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, number, protowire.VarintType), v)
}

// tensorMessage is a TensorProto without its data.
func tensorMessage(name string, typ uint64, dims []int64) []byte {
	var b []byte
	for _, d := range dims {
		b = appendVarint(b, tensorDims, uint64(d))
	}
	return appendMessage(appendVarint(b, tensorType, typ), tensorName, []byte(name))
}

// initialiser is a field of the graph: a float tensor with its data.
func initialiser(name string, dims []int64, data []byte) []byte {
	return appendMessage(nil, graphInitializer, appendMessage(tensorMessage(name, 1, dims), tensorRaw, data))
}

// external is an initialiser whose data lies in another file.
func external(name, location string, offset, length int) []byte {
	b := tensorMessage(name, 1, []int64{2})
	for _, e := range [][2]string{{"location", location}, {"offset", strconv.Itoa(offset)}, {"length", strconv.Itoa(length)}} {
		b = appendMessage(b, tensorExternal, appendMessage(appendMessage(nil, entryKey, []byte(e[0])), entryValue, []byte(e[1])))
	}
	return appendMessage(nil, graphInitializer, appendVarint(b, tensorDataLocation, 1))
}

// node is a field of the graph: an operation.
func node(name, operator, inputs, outputs, scopes string) []byte {
	var b []byte
	for _, i := range strings.Fields(inputs) {
		b = appendMessage(b, nodeInput, []byte(i))
	}
	for _, o := range strings.Fields(outputs) {
		b = appendMessage(b, nodeOutput, []byte(o))
	}
	b = appendMessage(appendMessage(b, nodeName, []byte(name)), nodeOperator, []byte(operator))
	if scopes != "" {
		entry := appendMessage(nil, entryKey, []byte("pkg.torch.onnx.name_scopes"))
		b = appendMessage(b, nodeMetadata, appendMessage(entry, entryValue, []byte(scopes)))
	}
	return appendMessage(nil, graphNode, b)
}

func onnxFile(graph ...[]byte) []byte {
	return appendMessage(appendVarint(nil, 1, 8), modelGraph, slices.Concat(graph...))
}

func TestInitialisersAreReadHoweverTheyAreStored(t *testing.T) {
	numbers := float32Bytes(1, 2)
	packed := appendMessage(nil, graphInitializer, appendMessage(tensorMessage("packed", 1, []int64{2}), tensorFloats, numbers))
	single := tensorMessage("single", 1, []int64{2})
	for _, bits := range []uint32{0x3f800000, 0x40000000} {
		single = protowire.AppendFixed32(protowire.AppendTag(single, tensorFloats, protowire.Fixed32Type), bits)
	}
	halves := appendVarint(appendVarint(tensorMessage("halves", 10, []int64{2}), tensorInt32s, 0x3c00), tensorInt32s, 0xc000)
	negative := appendMessage(tensorMessage("negative", 3, []int64{1}), tensorInt32s, protowire.AppendVarint(nil, ^uint64(4)))
	words := appendMessage(tensorMessage("words", 8, []int64{1}), 6, []byte("text"))
	dir := t.TempDir()
	write(t, dir, "weights/model.bin", append([]byte("xxxx"), numbers...))
	s := open(t, write(t, dir, "model.onnx", onnxFile(
		initialiser("raw", []int64{1, 2}, numbers), packed,
		appendMessage(nil, graphInitializer, single), appendMessage(nil, graphInitializer, halves),
		appendMessage(nil, graphInitializer, negative), appendMessage(nil, graphInitializer, words),
		external("outside", "weights/model.bin", 4, 8))))
	if got := strings.Join(s.Names(), " "); got != "raw packed single halves negative outside" || s.Format() != "ONNX" {
		t.Fatalf("names %s of %s", got, s.Format())
	}
	same(t, s, "raw", []int{1, 2}, 1, 2)
	same(t, s, "packed", []int{2}, 1, 2)
	same(t, s, "single", []int{2}, 1, 2)
	same(t, s, "halves", []int{2}, 1, -2)
	same(t, s, "negative", []int{1}, -5)
	same(t, s, "outside", []int{2}, 1, 2)
}

func TestTransposedWeightsGetTheirNamesBack(t *testing.T) {
	matrix := float32Bytes(1, 2, 3, 4, 5, 6) // [2, 3]: of a layer from 2 to 3
	weight := func(name string) []byte { return initialiser(name, []int64{2, 3}, matrix) }
	bias := initialiser("pooler.dense.bias", []int64{3}, float32Bytes(0, 0, 0))
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"by the path of the node", onnxFile(weight("onnx::MatMul_7"), node("/encoder/layer.0/query/MatMul", "MatMul", "x onnx::MatMul_7", "y", "")), "encoder.layer.0.query.weight"},
		{"by scopes in metadata", onnxFile(weight("val_3"), node("node_MatMul_3", "MatMul", "x val_3", "y", "['', 'encoder', 'encoder.layer.0.key', 'linear_1']")), "encoder.layer.0.key.weight"},
		{"by the bias that is added", onnxFile(weight("123"), bias, node("MatMul_4", "MatMul", "x 123", "y", ""), node("Add_5", "Add", "pooler.dense.bias y", "z", "")), "pooler.dense.weight"},
	} {
		s := open(t, write(t, t.TempDir(), "model.onnx", c.file))
		same(t, s, c.want, []int{3, 2}, 1, 4, 2, 5, 3, 6)
		if s.Names()[0] != c.want {
			t.Errorf("%s: names %v", c.name, s.Names())
		}
	}
	kept := open(t, write(t, t.TempDir(), "model.onnx", onnxFile(weight("onnx::MatMul_7"), weight("projection"),
		node("MatMul_4", "MatMul", "x onnx::MatMul_7", "y", ""), node("/a/MatMul", "MatMul", "x projection", "y", ""))))
	same(t, kept, "onnx::MatMul_7", []int{2, 3}, 1, 2, 3, 4, 5, 6) // nothing tells its name
	same(t, kept, "projection", []int{2, 3}, 1, 2, 3, 4, 5, 6)     // a parameter that was used as it is
}

func TestQuantisedInitialisersAreWidened(t *testing.T) {
	bytesOf := func(name string, typ uint64, dims []int64, data ...byte) []byte {
		return appendMessage(nil, graphInitializer, appendMessage(tensorMessage(name, typ, dims), tensorRaw, data))
	}
	s := open(t, write(t, t.TempDir(), "model.onnx", onnxFile(
		bytesOf("table_quantized", 2, []int64{2, 2}, 128, 130, 127, 0),
		initialiser("table_scale", nil, float32Bytes(0.5)), bytesOf("table_zero_point", 2, nil, 128),
		bytesOf("onnx::MatMul_9_quantized", 3, []int64{2, 2}, 1, 2, 0xff, 4),
		initialiser("onnx::MatMul_9_scale", []int64{2}, float32Bytes(1, 10)), bytesOf("onnx::MatMul_9_zero_point", 3, []int64{2}, 0, 1),
		node("/pooler/dense/MatMul_quant", "MatMulInteger", "x onnx::MatMul_9_quantized z onnx::MatMul_9_zero_point", "y", ""))))
	if got := strings.Join(s.Names(), " "); got != "table pooler.dense.weight" {
		t.Errorf("names %s", got)
	}
	same(t, s, "table", []int{2, 2}, 0, 1, -0.5, -64)
	same(t, s, "pooler.dense.weight", []int{2, 2}, 1, -1, 10, 30)
}

func TestGraphsThatContradictThemselves(t *testing.T) {
	two := float32Bytes(1, 2)
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"fewer numbers than the shape", onnxFile(initialiser("a", []int64{3}, two)), "larger than what the file holds"},
		{"more numbers than the shape", onnxFile(initialiser("a", []int64{1}, two)), "do not hold shape [1]"},
		{"an absurd shape", onnxFile(initialiser("a", []int64{1 << 40, 1 << 40}, two)), "larger than what the file holds"},
		{"a negative shape", onnxFile(initialiser("a", []int64{-2}, two)), "negative"},
		{"a name twice", onnxFile(initialiser("a", []int64{2}, two), initialiser("a", []int64{2}, two)), `"a" stands twice`},
		{"no weights", onnxFile(node("n", "Add", "a b", "c", "")), "no weights"},
		{"no graph", appendVarint(nil, 1, 8), "0 graphs"},
		{"a cut file", onnxFile(initialiser("a", []int64{2}, two))[:20], "beyond its message"},
		{"no protobuf", []byte("hello"), "malformed"},
		{"a file outside of the folder", onnxFile(external("a", "../secret", 0, 8)), `"../secret"`},
		{"a missing file", onnxFile(external("a", "absent", 0, 8)), "lies in absent"},
		{"data behind its end", onnxFile(external("a", "data", 9, 8)), "behind the end of data"},
		{"more data than there is", onnxFile(external("a", "data", 4, 8)), "behind the end of data"},
		{"a negative place", onnxFile(external("a", "data", -1, 8)), `"-1"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "data", two)
			refused(t, write(t, dir, "model.onnx", c.data), c.says)
		})
	}
}

func FuzzONNX(f *testing.F) {
	f.Add(onnxFile(initialiser("onnx::MatMul_1", []int64{1, 2}, float32Bytes(1, 2)), node("/a/MatMul", "MatMul", "x onnx::MatMul_1", "y", "")))
	f.Add(onnxFile(external("a", filepath.Join("..", "x"), 0, 8)))
	f.Add(onnxFile(appendMessage(nil, graphInitializer, appendVarint(tensorMessage("a_quantized", 3, []int64{1}), tensorInt32s, 7)),
		initialiser("a_scale", nil, float32Bytes(1)), appendMessage(nil, graphInitializer, appendVarint(tensorMessage("a_zero_point", 3, nil), tensorInt32s, 1))))
	fuzzFormat(f, (*Set).parseONNX)
}
