package checkpoint

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A pickle is written here as the instructions that torch.save would write.

func pickleText(s string) string {
	return "X" + string(binary.LittleEndian.AppendUint32(nil, uint32(len(s)))) + s
}

func pickleInt(n int) string {
	return "J" + string(binary.LittleEndian.AppendUint32(nil, uint32(n)))
}

func pickleInts(numbers []int) string {
	var b strings.Builder
	for _, n := range numbers {
		b.WriteString(pickleInt(n))
	}
	return "(" + b.String() + "t"
}

// pickleStorage refers to storage key of count numbers of a class.
func pickleStorage(class, key string, count int) string {
	return "(" + pickleText("storage") + "ctorch\n" + class + "\n" + pickleText(key) + pickleText("cpu") + pickleInt(count) + "tQ"
}

// pickleTensor is a call of _rebuild_tensor_v2.
func pickleTensor(storage string, offset int, sizes, strides []int) string {
	return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pickleInt(offset) + pickleInts(sizes) + pickleInts(strides) +
		"\x89ccollections\nOrderedDict\n)RtR"
}

// pickleDict is an OrderedDict of names and values in turn.
func pickleDict(items ...string) string {
	return "\x80\x02ccollections\nOrderedDict\n)R(" + strings.Join(items, "") + "u."
}

// stateOf is the pickle of one float tensor over storage 0.
func stateOf(name string, count, offset int, sizes, strides []int) string {
	return pickleDict(pickleText(name), pickleTensor(pickleStorage("FloatStorage", "0", count), offset, sizes, strides))
}

// torchFile is an archive of a pickle and its storages.
func torchFile(t testing.TB, pickle string, storages ...[]byte) []byte {
	t.Helper()
	files := map[string][]byte{"data.pkl": []byte(pickle), "byteorder": []byte("little")}
	for i, data := range storages {
		files[fmt.Sprint("data/", i)] = data
	}
	return torchArchiveOf(t, zip.Store, files)
}

func torchArchiveOf(t testing.TB, method uint16, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: "archive/" + name, Method: method})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTensorsOfPicklesAreViewsOfStorages(t *testing.T) {
	shared := pickleStorage("FloatStorage", "0", 6)
	pickle := pickleDict(
		pickleText("plain"), pickleTensor(shared, 0, []int{2, 3}, []int{3, 1}),
		pickleText("transposed"), pickleTensor(shared, 0, []int{3, 2}, []int{1, 3}),
		pickleText("column"), pickleTensor(shared, 1, []int{2}, []int{3}),
		pickleText("tail"), pickleTensor(shared, 4, []int{2}, []int{1}),
		pickleText("scalar"), pickleTensor(shared, 5, nil, nil),
		pickleText("empty"), pickleTensor(shared, 6, []int{0, 7}, []int{7, 1}),
		pickleText("repeated"), pickleTensor(shared, 2, []int{2, 1}, []int{0, 1}),
		pickleText("parameter"), "ctorch._utils\n_rebuild_parameter\n("+pickleTensor(shared, 0, []int{1}, []int{1})+"\x89}tR",
		pickleText("typed"), "ctorch._utils\n_rebuild_tensor_v3\n("+pickleStorage("BFloat16Storage", "1", 2)+pickleInt(1)+
			pickleInts([]int{1})+pickleInts([]int{1})+"\x89}ctorch\nfloat16\ntR",
		pickleText("step"), pickleInt(7),
		pickleText("rate"), "G\x3f\xf0\x00\x00\x00\x00\x00\x00",
		pickleText("note"), "N",
	)
	s := open(t, write(t, t.TempDir(), "pytorch_model.bin", torchFile(t, pickle, float32Bytes(1, 2, 3, 4, 5, 6), []byte{0, 0, 0, 0x3c})))
	want := []string{"plain", "transposed", "column", "tail", "scalar", "empty", "repeated", "parameter", "typed"}
	if got := s.Names(); !slices.Equal(got, want) || s.Format() != "PyTorch" {
		t.Fatalf("names %v of %s", got, s.Format())
	}
	same(t, s, "plain", []int{2, 3}, 1, 2, 3, 4, 5, 6)
	same(t, s, "transposed", []int{3, 2}, 1, 4, 2, 5, 3, 6)
	same(t, s, "column", []int{2}, 2, 5)
	same(t, s, "tail", []int{2}, 5, 6)
	same(t, s, "scalar", nil, 6)
	same(t, s, "empty", []int{0, 7})
	same(t, s, "repeated", []int{2, 1}, 3, 3)
	same(t, s, "parameter", []int{1}, 1)
	same(t, s, "typed", []int{1}, 1)
}

func TestAStateDictWithinACheckpointIsFound(t *testing.T) {
	inner := "}(" + pickleText("a") + pickleTensor(pickleStorage("FloatStorage", "0", 1), 0, []int{1}, []int{1}) + "u"
	data := torchFile(t, pickleDict(pickleText("epoch"), pickleInt(3), pickleText("state_dict"), inner), float32Bytes(8))
	same(t, open(t, write(t, t.TempDir(), "model.pt", data)), "a", []int{1}, 8)
}

func TestHostilePicklesAreRefusedByName(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, pickle, says string }{
		{"a shell command", "\x80\x02cposix\nsystem\n" + pickleText("rm -rf /") + "\x85R.", `"posix.system"`},
		{"in protocol 4", "\x80\x04\x8c\x02os\x8c\x06system\x93" + pickleText("id") + "\x85R.", `"os.system"`},
		{"a builtin", "\x80\x02c__builtin__\neval\n" + pickleText("1") + "\x85R.", `"__builtin__.eval"`},
		{"after harmless tensors", pickleDict(pickleText("a"), "cbuiltins\nexec\n"+pickleText("x")+"\x85R"), `"builtins.exec"`},
		{"a module of torch that is none of ours", "\x80\x02ctorch.hub\nload\n)R.", `"torch.hub.load"`},
		{"INST", "\x80\x02(" + pickleText("id") + "ios\nsystem\n.", "instruction 0x69"},
		{"an extension", "\x80\x02\x82\x01.", "instruction 0x82"},
		{"a call of a type", "\x80\x02ctorch\nFloatStorage\n)R.", "not a function of ours"},
		{"attributes of a function", "\x80\x02ctorch._utils\n_rebuild_parameter\n}b.", "what is not a dictionary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, write(t, dir, "pytorch_model.bin", torchFile(t, c.pickle)), c.says)
		})
	}
}

func TestArchivesThatContradictThemselves(t *testing.T) {
	four := float32Bytes(1, 2, 3, 4)
	state := func(count, offset int, sizes, strides []int) string {
		return stateOf("a", count, offset, sizes, strides)
	}
	for _, c := range []struct {
		name string
		data []byte
		says string
	}{
		{"a view beyond the storage", torchFile(t, state(4, 3, []int{2}, []int{1}), four), "beyond its storage"},
		{"an offset beyond it", torchFile(t, state(4, 5, []int{1}, []int{1}), four), "beyond its storage"},
		{"a stride beyond it", torchFile(t, state(4, 0, []int{2, 2}, []int{1 << 30, 1}), four), "beyond its storage"},
		{"an absurd shape", torchFile(t, state(4, 0, []int{1 << 30, 1 << 30, 1 << 30}, []int{0, 0, 0}), four), "larger than what the file holds"},
		{"a negative shape", torchFile(t, state(4, 0, []int{-1}, []int{1}), four), "negative"},
		{"a negative stride", torchFile(t, state(4, 0, []int{2}, []int{-1}), four), "stride of -1"},
		{"sizes without strides", torchFile(t, state(4, 0, []int{2}, nil), four), "1 sizes and 0 strides"},
		{"a storage of another length", torchFile(t, state(5, 0, []int{1}, []int{1}), four), "holds 16 bytes"},
		{"a missing storage", torchFile(t, state(4, 0, []int{4}, []int{1})), "no archive/data/0"},
		{"a compressed archive", torchArchiveOf(t, zip.Deflate, map[string][]byte{"data.pkl": []byte(state(4, 0, nil, nil))}), "is compressed"},
		{"another archive", torchArchiveOf(t, zip.Store, map[string][]byte{"readme": nil}), "not one that torch.save writes"},
		{"the other byte order", torchArchiveOf(t, zip.Store, map[string][]byte{"data.pkl": nil, "byteorder": []byte("big")}), `the order "big"`},
		{"a truncated archive", torchFile(t, state(4, 0, []int{4}, []int{1}), four)[:80], "zip"},
		{"a truncated pickle", torchFile(t, state(4, 0, []int{4}, []int{1})[:60], four), "malformed"},
		{"no pickle", torchFile(t, "", four), "no end"},
		{"no tensors", torchFile(t, "\x80\x02N.", four), "no dictionary of tensors"},
		{"a text longer than the pickle", torchFile(t, "\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), "are there"},
		{"a number of many digits", torchFile(t, "\x80\x02\x8a\x09123456789."), "a number of 9 bytes"},
		{"a name twice", torchFile(t, pickleDict(
			pickleText("a"), pickleTensor(pickleStorage("FloatStorage", "0", 4), 0, []int{4}, []int{1}),
			pickleText("a"), pickleTensor(pickleStorage("FloatStorage", "0", 4), 0, []int{4}, []int{1})), four), `"a" stands twice`},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, write(t, t.TempDir(), "pytorch_model.bin", c.data), c.says)
		})
	}
}

func TestNegativeNumbersOfPickles(t *testing.T) {
	for pickle, want := range map[string]int64{
		"\x8a\x00.":                     0,
		"\x8a\x01\xff.":                 -1,
		"\x8a\x02\x00\x80.":             -32768,
		"\x8a\x05\x00\x00\x00\x80\x00.": 1 << 31,
		"J\xfe\xff\xff\xff.":            -2,
		"M\xff\xff.":                    65535,
	} {
		if got, err := unpickle([]byte(pickle), nil); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %d", pickle, got, err, want)
		}
	}
}

func FuzzPickle(f *testing.F) {
	f.Add([]byte(stateOf("a", 1, 0, []int{1}, []int{1})))
	f.Add([]byte("\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00\x00]\x94(K\x01K\x02e}\x94\x8c\x01a\x88s\x86."))
	f.Add([]byte("\x80\x02cposix\nsystem\n\x8c\x02id\x85R."))
	f.Fuzz(func(t *testing.T, data []byte) {
		unpickle(data, func(id any) (any, error) { return &storage{dtype: "F32", data: make([]byte, 64)}, nil })
	})
}

func FuzzTorch(f *testing.F) {
	f.Add(torchFile(f, stateOf("a", 4, 0, []int{2, 2}, []int{1, 2}), float32Bytes(1, 2, 3, 4)))
	f.Add(torchFile(f, stateOf("a", 4, 3, []int{2}, []int{1}), float32Bytes(1, 2, 3, 4)))
	fuzzFormat(f, (*Set).parseTorch)
}

func TestPathsWithinArchivesStayThere(t *testing.T) {
	pickle := pickleDict(pickleText("a"), pickleTensor(pickleStorage("FloatStorage", "../../etc/passwd", 1), 0, []int{1}, []int{1}))
	refused(t, write(t, t.TempDir(), filepath.Join("x", "pytorch_model.bin"), torchFile(t, pickle)), "the archive has no")
}
