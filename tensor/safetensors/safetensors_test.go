package safetensors

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// file builds a file from a header and a number of data bytes.
func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), make([]byte, data)...)
}

func TestParseRefusesMalformedFiles(t *testing.T) {
	const good = `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	if _, err := Parse(file(good, 8)); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"empty":                      nil,
		"header beyond the end":      file(good, 8)[:20],
		"huge header":                binary.LittleEndian.AppendUint64(nil, 1<<62),
		"header over the limit":      append(binary.LittleEndian.AppendUint64(nil, maxHeader+1), make([]byte, 100)...),
		"no JSON":                    file("hello", 0),
		"a list":                     file("[]", 0),
		"text behind the object":     file(good+"x", 8),
		"truncated data":             file(good, 7),
		"data that is no tensor's":   file(good, 9),
		"unknown type":               file(`{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}`, 8),
		"unknown key":                file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"code":"x"}}`, 8),
		"negative shape":             file(`{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}`, 8),
		"overflowing shape":          file(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0]}}`, 0),
		"overflow to a small size":   file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, 0),
		"offsets too short":          file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}`, 8),
		"offsets that fall":          file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}`, 8),
		"negative offsets":           file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}`, 8),
		"size unlike the shape":      file(`{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}`, 8),
		"overlap":                    file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}`, 12),
		"hole":                       file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}`, 12),
		"a name twice":               file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
		"metadata that is no text":   file(`{"__metadata__":{"a":1}}`, 0),
		"shape of fractions":         file(`{"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}}`, 4),
		"a value that is no mapping": file(`{"a":3}`, 0),
	} {
		if _, err := Parse(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	values := []float32{1, -2.5, float32(math.Inf(1)), 0}
	tensors := []Tensor{
		FromFloat32("b", []int{2, 2}, values),
		{Name: "scalar", DType: I64, Shape: nil, Data: make([]byte, 8)},
		{Name: "empty", DType: F32, Shape: []int{0, 3}},
		{Name: "flags \"é\"", DType: Bool, Shape: []int{3}, Data: []byte{1, 0, 1}},
		{Name: "half", DType: F16, Shape: []int{4}, Data: []byte{0, 0x3c, 0, 0xc0, 1, 0, 0, 0x7c}}, // 1, -2, 2⁻²⁴, ∞
		{Name: "brain", DType: BF16, Shape: []int{1}, Data: []byte{0x80, 0x3f}},
	}
	path := filepath.Join(t.TempDir(), "x.safetensors")
	if err := WriteFile(path, tensors, map[string]string{"format": "pt", "note": "好"}); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Metadata()["note"] != "好" {
		t.Errorf("metadata %v", f.Metadata())
	}
	for _, want := range tensors {
		got, ok := f.Tensor(want.Name)
		if !ok || got.DType != want.DType || !slices.Equal(got.Shape, want.Shape) || !bytes.Equal(got.Data, want.Data) {
			t.Errorf("%q: got %+v, want %+v", want.Name, got, want)
		}
	}
	for name, want := range map[string][]float32{"b": values, "half": {1, -2, 0x1p-24, float32(math.Inf(1))}, "brain": {1}} {
		tensor, _ := f.Tensor(name)
		got, err := tensor.Float32()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	b, _ := f.Tensor("b")
	if err := b.CheckFinite(); err == nil || !strings.Contains(err.Error(), `"b"`) {
		t.Errorf("an infinite weight was not named: %v", err)
	}
	flags, _ := f.Tensor("scalar")
	if _, err := flags.Float32(); err == nil {
		t.Error("integers were taken for weights")
	}
	first, _ := os.ReadFile(path)
	var again bytes.Buffer
	if err := Write(&again, tensors, map[string]string{"note": "好", "format": "pt"}); err != nil || !bytes.Equal(first, again.Bytes()) {
		t.Errorf("the same content gives other bytes (%v)", err)
	}
}

func TestUnalignedDataIsCopied(t *testing.T) {
	data := file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}}`, 5)
	copy(data[len(data)-4:], []byte{0, 0, 0x80, 0x3f})
	f, err := Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := f.Tensor("b")
	if got, err := b.Float32(); err != nil || got[0] != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestOpenRefusesWhatIsNoFile(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, empty, filepath.Join(dir, "missing")} {
		if _, err := Open(path); err == nil {
			t.Errorf("%s: opened", path)
		}
	}
}

func TestWriteRefusesWhatItCouldNotRead(t *testing.T) {
	for name, tensors := range map[string][]Tensor{
		"size unlike the shape": {{Name: "a", DType: F32, Shape: []int{2}, Data: make([]byte, 4)}},
		"a name twice":          {FromFloat32("a", []int{1}, []float32{1}), FromFloat32("a", []int{1}, []float32{1})},
		"unknown type":          {{Name: "a", DType: "F8", Shape: []int{1}, Data: make([]byte, 1)}},
	} {
		if err := Write(&bytes.Buffer{}, tensors, nil); err == nil {
			t.Errorf("%s: written", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	var b bytes.Buffer
	if err := Write(&b, []Tensor{FromFloat32("a", []int{2}, []float32{1, 2})}, map[string]string{"k": "v"}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse(data)
		if err != nil {
			return
		}
		total := 0
		for _, name := range file.Names() {
			tensor, ok := file.Tensor(name)
			n := sizes[tensor.DType]
			for _, d := range tensor.Shape {
				n *= d
			}
			if !ok || n != len(tensor.Data) {
				t.Fatalf("%q: %d bytes for %v", name, len(tensor.Data), tensor.Shape)
			}
			total += n
		}
		if total > len(data) {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(data))
		}
	})
}
