package checkpoint

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
)

// write puts a file into a folder and returns its path.
func write(t testing.TB, dir, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// safetensorsFile returns a file of the given tensors.
func safetensorsFile(t testing.TB, tensors ...safetensors.Tensor) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, tensors, map[string]string{"format": "pt"}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func vector(name string, values ...float32) safetensors.Tensor {
	return safetensors.FromFloat32(name, []int{len(values)}, values)
}

func open(t testing.TB, path string) *Set {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// same fails unless the set has exactly these numbers under that name.
func same(t *testing.T, s *Set, name string, shape []int, want ...float32) {
	t.Helper()
	got, err := s.Float32(name)
	if gotShape, _ := s.Shape(name); err != nil || !slices.Equal(gotShape, shape) || !slices.Equal(got, want) {
		t.Errorf("%s: %v of shape %v (%v), want %v of %v", name, got, gotShape, err, want, shape)
	}
}

// refused fails unless opening the path is refused with these words and a way out.
func refused(t *testing.T, path string, words ...string) {
	t.Helper()
	s, err := Open(path)
	if err == nil {
		s.Close()
		t.Errorf("%s was opened", path)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if hint.Way(err) == "" || strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has no way out, or several lines", err)
	}
}

func TestAFolderIsReadByWhatItHasBest(t *testing.T) {
	weights := func(v float32) []byte { return safetensorsFile(t, vector("a", v)) }
	index := func(file string) []byte { return []byte(`{"weight_map":{"a":"` + file + `"}}`) }
	for _, c := range []struct {
		name  string
		files map[string][]byte
		want  float32
	}{
		{"one file", map[string][]byte{"model.safetensors": weights(1), "pytorch_model.bin": []byte("x")}, 1},
		{"shards", map[string][]byte{"model.safetensors.index.json": index("m-1.safetensors"), "m-1.safetensors": weights(2), "pytorch_model.bin": []byte("x")}, 2},
		{"an only file with a name of its own", map[string][]byte{"static[1].safetensors": weights(3), "x.gguf": []byte("x")}, 3},
		{"ONNX in a folder of its own", map[string][]byte{"onnx/model.onnx": onnxFile(initialiser("a", []int64{1}, float32Bytes(4))), "x.gguf": []byte("x")}, 4},
		{"pytorch_model.bin before ONNX", map[string][]byte{"model.onnx": []byte("x"), "pytorch_model.bin": torchFile(t, stateOf("a", 1, 0, []int{1}, []int{1}), float32Bytes(5))}, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "[a]*")
			for name, data := range c.files {
				write(t, dir, name, data)
			}
			same(t, open(t, dir), "a", []int{1}, c.want)
		})
	}
}

func TestShardsMakeOneSet(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "model-00001-of-00002.safetensors", safetensorsFile(t, vector("a", 1, 2), vector("b", 3)))
	write(t, dir, "model-00002-of-00002.safetensors", safetensorsFile(t, vector("c", 4)))
	index := write(t, dir, "model.safetensors.index.json", []byte(`{"metadata":{"total_size":16},"weight_map":{
		"a":"model-00001-of-00002.safetensors","b":"model-00001-of-00002.safetensors","c":"model-00002-of-00002.safetensors"}}`))
	for _, path := range []string{dir, index} {
		s := open(t, path)
		if got := strings.Join(s.Names(), " "); got != "a b c" || s.Format() != "safetensors" {
			t.Errorf("names %s, format %s", got, s.Format())
		}
		same(t, s, "a", []int{2}, 1, 2)
		same(t, s, "c", []int{1}, 4)
	}
}

func TestShardsThatAreNotWhole(t *testing.T) {
	for _, c := range []struct {
		name, index string
		words       []string
	}{
		{"a missing shard", `{"weight_map":{"a":"1.safetensors","z":"9.safetensors"}}`, []string{"1 are missing: 9.safetensors"}},
		{"a missing tensor", `{"weight_map":{"a":"1.safetensors","z":"1.safetensors"}}`, []string{`"z" is not in 1.safetensors`}},
		{"a tensor in two", `{"weight_map":{"a":"1.safetensors","b":"2.safetensors"}}`, []string{`"a" stands twice`}},
		{"a way out of the folder", `{"weight_map":{"a":"../secret.safetensors"}}`, []string{`"../secret.safetensors"`}},
		{"an absolute path", `{"weight_map":{"a":"/etc/passwd"}}`, []string{`"/etc/passwd"`}},
		{"a way into the folder", `{"weight_map":{"a":"sub/1.safetensors"}}`, []string{`"sub/1.safetensors"`}},
		{"no tensors", `{"weight_map":{}}`, []string{"no tensors"}},
		{"no JSON", `{"weight_map":`, []string{"unexpected EOF"}},
		{"other types", `{"weight_map":{"a":1}}`, []string{"weight_map"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "1.safetensors", safetensorsFile(t, vector("a", 1)))
			write(t, dir, "2.safetensors", safetensorsFile(t, vector("a", 1), vector("b", 1)))
			write(t, dir, "sub/1.safetensors", safetensorsFile(t, vector("a", 1)))
			write(t, dir, "model.safetensors.index.json", []byte(c.index))
			refused(t, dir, c.words...)
		})
	}
}

func TestFoldersWithoutReadableWeights(t *testing.T) {
	dir := t.TempDir()
	refused(t, dir, "has no weights")
	refused(t, filepath.Join(dir, "absent"), "no such file")
	write(t, dir, "tf_model.h5", []byte("x"))
	refused(t, dir, "as tf_model.h5 alone")
	write(t, dir, "q4.gguf", []byte("x"))
	write(t, dir, "q8.gguf", []byte("x"))
	refused(t, dir, "2 .gguf files")
	refused(t, write(t, dir, "notes.txt", []byte("hello")), "no known format")
	refused(t, write(t, dir, "empty.txt", nil), "no known format")
	refused(t, write(t, dir, "cut.safetensors", safetensorsFile(t, vector("a", 1, 2))[:60]), "malformed")
	refused(t, write(t, dir, "old.bin", []byte("\x80\x02\x8a\x0a")), "PyTorch before 1.6")
}

func TestNumbersOfEveryTypeAreWidened(t *testing.T) {
	s := open(t, write(t, t.TempDir(), "x.safetensors", safetensorsFile(t,
		vector("f32", 1, -2),
		safetensors.Tensor{Name: "f64", DType: safetensors.F64, Shape: []int{1}, Data: []byte{0, 0, 0, 0, 0, 0, 0xf8, 0x3f}},
		safetensors.Tensor{Name: "f16", DType: safetensors.F16, Shape: []int{2}, Data: []byte{0, 0x3c, 0, 0xc0}},
		safetensors.Tensor{Name: "bf16", DType: safetensors.BF16, Shape: []int{1}, Data: []byte{0x80, 0x3f}},
		safetensors.Tensor{Name: "i8", DType: safetensors.I8, Shape: []int{2}, Data: []byte{0xff, 3}},
		safetensors.Tensor{Name: "i64", DType: safetensors.I64, Shape: []int{1}, Data: make([]byte, 8)},
	)))
	same(t, s, "f32", []int{2}, 1, -2)
	same(t, s, "f64", []int{1}, 1.5)
	same(t, s, "f16", []int{2}, 1, -2)
	same(t, s, "bf16", []int{1}, 1)
	same(t, s, "i8", []int{2}, -1, 3)
	for _, name := range []string{"i64", "absent"} {
		if _, err := s.Float32(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s.DType("bf16") != "BF16" || s.DType("absent") != "" {
		t.Error("wrong types")
	}
	if _, ok := s.Shape("absent"); ok {
		t.Error("an absent tensor has a shape")
	}
	if s.Metadata()["format"] != "pt" {
		t.Errorf("metadata %v", s.Metadata())
	}
	raw, err := s.Tensor("f16")
	if err != nil || raw.DType != safetensors.F16 || !bytes.Equal(raw.Data, []byte{0, 0x3c, 0, 0xc0}) {
		t.Errorf("f16 as stored: %+v, %v", raw, err)
	}
}

func TestEightBitRowsAreScaled(t *testing.T) {
	s := open(t, write(t, t.TempDir(), "x.safetensors", safetensorsFile(t,
		safetensors.Tensor{Name: "l.weight", DType: safetensors.I8, Shape: []int{2, 3}, Data: []byte{127, 0x81, 0, 1, 2, 3}},
		vector("l.SCB", 2, 127),
		safetensors.Tensor{Name: "l.weight_format", DType: safetensors.U8, Data: []byte{0}},
	)))
	if got := s.Names(); !slices.Equal(got, []string{"l.weight"}) {
		t.Errorf("names %v", got)
	}
	same(t, s, "l.weight", []int{2, 3}, 2, -2, 0, 1, 2, 3)
}

func TestPyTorchAndSafetensorsOfOneModelAreEqual(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "golden", "hf", "bert_seqcls")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("needs ../shared/golden/hf")
	}
	want, got := open(t, filepath.Join(dir, "model.safetensors")), open(t, filepath.Join(dir, "pytorch_model.bin"))
	if len(want.Names()) == 0 || len(got.Names()) != len(want.Names()) {
		t.Fatalf("%d tensors, want %d", len(got.Names()), len(want.Names()))
	}
	for _, name := range want.Names() {
		a, err := want.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := got.Tensor(name)
		if err != nil || a.DType != b.DType || !slices.Equal(a.Shape, b.Shape) || !bytes.Equal(a.Data, b.Data) {
			t.Errorf("%s differs: %v", name, err)
		}
	}
}

// readAll asks a set for everything that it has, as fuzzing does with what it could open.
func readAll(t *testing.T, s *Set, size int) {
	for _, name := range s.Names() {
		shape, ok := s.Shape(name)
		elements := product(shape)
		got, err := s.Float32(name)
		if !ok || err == nil && len(got) != elements {
			t.Fatalf("%q: %d numbers of shape %v", name, len(got), shape)
		}
		raw, err := s.Tensor(name)
		if err != nil || len(raw.Data) != elements*raw.DType.Size() || !slices.Equal(raw.Shape, shape) {
			t.Fatalf("%q: %d bytes of %s for shape %v: %v", name, len(raw.Data), raw.DType, shape, err)
		}
		if elements > maxSharing*size*8 {
			t.Fatalf("%q: %d numbers in a file of %d bytes", name, elements, size)
		}
	}
}

// fuzzFormat fuzzes one parser on content alone.
func fuzzFormat(f *testing.F, parse func(*Set, string, []byte) error) {
	f.Fuzz(func(t *testing.T, data []byte) {
		s := &Set{tensors: map[string]*tensor{}, metadata: map[string]any{}, held: len(data)}
		defer s.Close()
		if err := parse(s, filepath.Join(t.TempDir(), "x"), data); err == nil {
			readAll(t, s, len(data))
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte(`{"weight_map":{"a":"1.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../1.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		index, err := parseIndex(data)
		if err != nil {
			return
		}
		for _, file := range index.files() {
			if filepath.Base(file) != file || !filepath.IsLocal(file) {
				t.Fatalf("%q was let pass", file)
			}
		}
	})
}

func TestAViewThatFillsMemoryIsRefused(t *testing.T) {
	s := &Set{tensors: map[string]*tensor{}, held: 100}
	if err := s.add("a", &tensor{dtype: "F32", shape: []int{4}, stored: make([]byte, 16)}); err != nil {
		t.Fatal(err)
	}
	if err := s.add("b", &tensor{dtype: "F32", shape: []int{400}, stored: make([]byte, 1600)}); !errors.Is(err, ErrMalformed) {
		t.Errorf("error %v", err)
	}
}

func float32Bytes(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		u := math.Float32bits(v)
		b = append(b, byte(u), byte(u>>8), byte(u>>16), byte(u>>24))
	}
	return b
}
