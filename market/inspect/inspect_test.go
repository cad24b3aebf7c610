package inspect

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
	"github.com/xiaoyu-slm/xiaoyu/onnx"
	"github.com/xiaoyu-slm/xiaoyu/tensor/checkpoint"
	"github.com/xiaoyu-slm/xiaoyu/tensor/safetensors"
	"github.com/xiaoyu-slm/xiaoyu/tflite"
)

const goodCard = "---\nlicense: apache-2.0\nlanguage: [zh, en]\npipeline_tag: text-classification\n---\n# Test\n"

// packed makes a package of files in memory.
func packed(kind pack.Kind, files map[string]string) *Package {
	p := &Package{Kind: kind, Final: true}
	for name, content := range files {
		p.Files = append(p.Files, pack.File{Path: name, Digest: digest.FromString(content), Size: int64(len(content))})
	}
	p.Open = func(name string) (File, error) {
		content, ok := files[name]
		if !ok {
			return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		}
		return memory{bytes.NewReader([]byte(content))}, nil
	}
	facts, err := pack.ReadFacts(kind, p.Files, func(name string) (io.ReadCloser, error) { return p.Open(name) })
	if err == nil {
		p.Facts = facts
	}
	return p
}

func findings(t *testing.T, p *Package) []Finding {
	t.Helper()
	list, err := New(Limits{}).Inspect(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		if f.Message == "" || f.Way == "" || f.Rule == "" || rank(f.Severity) < 0 || strings.ContainsAny(f.Message, "\n\r") {
			t.Errorf("a finding that says too little: %+v", f)
		}
	}
	return list
}

func zipOf(t testing.TB, entries ...any) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		h := &zip.FileHeader{Name: entries[i].(string), Method: zip.Deflate}
		if strings.HasSuffix(h.Name, "@") {
			h.Name = strings.TrimSuffix(h.Name, "@")
			h.SetMode(fs.ModeSymlink | 0o777)
		}
		e, err := w.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(e, entries[i+1].(string))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tarOf(t testing.TB, headers []tar.Header, contents ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i, h := range headers {
		h.Mode, h.Size = 0o644, int64(len(contents[i]))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, contents[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

func zstded(s string) string {
	e, _ := zstd.NewWriter(nil)
	return string(e.EncodeAll([]byte(s), nil))
}

func zlibbed(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	io.WriteString(w, s)
	w.Close()
	return b.String()
}

// Pickles that call os.system, by every protocol; none is ever read by anything but the inspection.
const (
	pickle0     = "cos\nsystem\n(S'true'\ntR."
	pickle0list = "(lp0\nI1\naS'a'\np1\na(S'true'\nios\nsystem\np2\na."
	pickle2     = "\x80\x02cos\nsystem\nq\x00X\x04\x00\x00\x00trueq\x01\x85q\x02Rq\x03."
	pickle4     = "\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94."
)

func npy(descr string) string {
	header := "{'descr': " + descr + ", 'fortran_order': False, 'shape': (1,), }"
	header += strings.Repeat(" ", 117-len(header)) + "\n"
	return "\x93NUMPY\x01\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(header)))) + header
}

func TestWhatRunsIsRefusedWhateverItIsCalled(t *testing.T) {
	elf := "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 100)
	for name, c := range map[string]struct{ file, content, rule, says string }{
		"ELF":                   {"model.bin", elf, "program", "ELF"},
		"ELF as a card":         {"notes.md", elf, "program", "ELF"},
		"a library":             {"lib/libm.so", elf, "program", "ELF"},
		"PE":                    {"a.dat", "MZ\x90\x00\x03" + strings.Repeat("\x00", 60), "program", "Windows"},
		"Mach-O":                {"a", "\xcf\xfa\xed\xfe" + strings.Repeat("\x00", 60), "program", "Mach-O"},
		"a class":               {"A.txt", "\xca\xfe\xba\xbe\x00\x00\x004", "program", "Java"},
		"wasm":                  {"a.csv", "\x00asm\x01\x00\x00\x00", "program", "WebAssembly"},
		"a script":              {"run.txt", "#!/bin/sh\ntrue\n", "program", "#!"},
		"a script with a mark":  {"run", "\xef\xbb\xbf#! /usr/bin/env python3\n", "program", "#!"},
		"an exe by its name":    {"setup.exe", "text", "program", "Windows"},
		"compiled Python":       {"a.dat", "\xa7\r\r\n\x00\x00\x00\x00" + strings.Repeat("\x01", 20), "program", "Python"},
		"an object library":     {"a.a", "!<arch>\nfile", "program", "ar"},
		"a jar":                 {"a.zip", zipOf(t, "META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n"), "program", "Java"},
		"in a zip":              {"data.zip", zipOf(t, "a.txt", "text", "b.txt", elf), "program", "b.txt in it is"},
		"in a zip in a tar.gz":  {"data.tar.gz", gzipped(tarOf(t, []tar.Header{{Name: "a.zip"}}, zipOf(t, "b", elf))), "program", "b in it is"},
		"in a gz":               {"data.jsonl.gz", gzipped(elf), "program", "ELF"},
		"in a zst":              {"data.jsonl.zst", zstded("#!/bin/sh\n"), "program", "#!"},
		"behind a picture":      {"logo.png", "\x89PNG\r\n\x1a\n" + zipOf(t, "b", elf), "program", "b in it is"},
		"pickle 0":              {"data.txt", pickle0, "pickle", "pickle"},
		"pickle 0 in a list":    {"data.txt", pickle0list, "pickle", "pickle"},
		"pickle 2":              {"model.safetensors", pickle2, "pickle", "pickle"},
		"pickle 4":              {"vocab.json", pickle4, "pickle", "pickle"},
		"pickle by name":        {"a.joblib", "anything", "pickle", "by its name"},
		"torch":                 {"pytorch_model.bin", zipOf(t, "archive/data.pkl", pickle2, "archive/data/0", "1234"), "pickle", "data.pkl in it is"},
		"joblib":                {"a.z", zlibbed(pickle4), "pickle", "joblib"},
		"gz joblib":             {"a.dat", gzipped(pickle4), "pickle", "pickle"},
		"an array of objects":   {"a.npy", npy("'|O'"), "pickle", "NumPy"},
		"npz":                   {"a.npz", zipOf(t, "x.npy", npy("[('a', '<f4'), ('b', '|O')]")), "pickle", "x.npy in it is"},
		"foreign weights":       {"model.h5", "\x89HDF\r\n\x1a\n\x00\x00", "weights", "none of safetensors"},
		"leaves its folder":     {"a.zip", zipOf(t, "../../etc/passwd", "x"), "archive", "leaves the folder"},
		"an absolute path":      {"a.tar", tarOf(t, []tar.Header{{Name: "/etc/passwd"}}, "x"), "archive", "leaves the folder"},
		"a path for Windows":    {"a.zip", zipOf(t, `a\..\..\b`, "x"), "archive", "leaves the folder"},
		"a link":                {"a.zip", zipOf(t, "link@", "/etc/passwd"), "archive", "link"},
		"a link in a tar":       {"a.tar", tarOf(t, []tar.Header{{Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/etc"}}, ""), "archive", "link"},
		"a hard link in a tar":  {"a.tgz", gzipped(tarOf(t, []tar.Header{{Name: "l", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"}}, "")), "archive", "link"},
		"a bomb in gz":          {"a.gz", gzipped(strings.Repeat("\x00", 8<<20)), "archive", "times its size"},
		"a bomb in zst":         {"a.jsonl.zst", zstded(strings.Repeat("{}\n", 4<<20)), "archive", "times its size"},
		"a bomb in zip":         {"a.zip", zipOf(t, "a", strings.Repeat("\x00", 20<<20)), "archive", "unpacks to"},
		"an archive of another": {"a.7z", "7z\xbc\xaf\x27\x1c\x00\x04", "archive", "7z"},
		"xz":                    {"a.jsonl.xz", "\xfd7zXZ\x00\x00\x04", "archive", "xz"},
		"a broken zip":          {"a.zip", zipOf(t, "a", "text")[:40], "archive", "broken zip"},
		"a broken gz":           {"a.gz", gzipped(strings.Repeat("text", 1000))[:30], "archive", "broken gzip"},
		"too deep":              {"a.gz", gzipped(gzipped(gzipped(gzipped(gzipped("x"))))), "archive", "within archives"},
	} {
		list := findings(t, packed(pack.Model, map[string]string{"README.md": goodCard, c.file: c.content}))
		if len(list) == 0 || list[0].Severity != Refused || list[0].Rule != c.rule || list[0].Path != c.file || !strings.Contains(list[0].Message, c.says) {
			t.Errorf("%s: %+v, want %s: …%s…", name, list, c.rule, c.says)
		}
	}
}

func TestWhatIsHarmlessPasses(t *testing.T) {
	files := map[string]string{
		"README.md": goodCard, "config.json": `{"model_type": "bert"}`, "tokenizer.json": "{}", "vocab.txt": "cat\ndog\n(one\n", "merges.txt": "#version: 0.2\nc at\n",
		"I.txt": "I am text.\nSo is this.", "c.txt": "cos\nsin\n(tan\n.", "notes.txt": "(S is not quoted\n.", "logo.png": "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "numbers.npy": npy("'<f4'"),
		"data.zip": zipOf(t, "a.csv", "text,label\nx,y\n", "b/", ""), "data.tar.gz": gzipped(tarOf(t, []tar.Header{{Name: "a.jsonl"}, {Name: "d", Typeflag: tar.TypeDir}}, "{}\n", "")),
		"rows.jsonl.zst": zstded("{\"text\": \"好\"}\n"), "rows.jsonl.gz": gzipped("{\"text\": \"好\"}\n"), "gbk.csv": "\xba\xc3,\xbb\xb5\n", "MZ.txt": "MZ is a group.\n", "empty.txt": "", "page.html": "<!doctype html>",
		"sentencepiece.model": "\x0a\x0e\x0a\x05<unk>" + strings.Repeat("\x00\x01", 1<<20), "model.safetensors": weights(t),
	}
	if list := findings(t, packed(pack.Model, files)); len(list) > 0 {
		t.Errorf("%+v", list)
	}
	if list := findings(t, packed(pack.Model, map[string]string{"README.md": goodCard, "use.py": "print(1)\n"})); len(list) != 1 || list[0].Severity != Warned || list[0].Rule != "source" {
		t.Errorf("source code: %+v", list)
	}
}

func weights(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	if err := safetensors.Write(&b, []safetensors.Tensor{safetensors.FromFloat32("a", []int{2, 3}, make([]float32, 6)), safetensors.FromFloat32("b", []int{1}, []float32{1})}, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func ggufFile(t testing.TB) string {
	t.Helper()
	var b bytes.Buffer
	err := checkpoint.WriteGGUF(&b, map[string]any{"general.architecture": "bert", "tokenizer.ggml.tokens": []string{"a", "b"}, "bert.block_count": uint32(1), "scores": []float32{1, 2}},
		[]checkpoint.GGUFTensor{{Name: "a", Shape: []int{2, 32}, Type: "Q8_0", Data: make([]float32, 64)}, {Name: "b", Shape: []int{3}, Type: "F32", Data: make([]float32, 3)}})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func tfliteFile(t testing.TB) string {
	t.Helper()
	m := &tflite.Model{Buffers: [][]byte{nil}}
	g := m.Add("main")
	x := g.Tensor(tflite.Tensor{Name: "x", Type: tflite.Float32, Shape: []int{1, 4}})
	k := g.Tensor(tflite.Tensor{Name: "k", Type: tflite.Float32, Shape: []int{4}, Buffer: m.Buffer(make([]byte, 16))})
	y := g.Tensor(tflite.Tensor{Name: "y", Type: tflite.Float32, Shape: []int{1, 4}})
	g.Do(tflite.Relu, []int{x}, y)
	g.Inputs, g.Outputs = []int{x, k}, []int{y}
	data, err := m.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func onnxFile() string {
	m := &onnx.Model{IR: 8, Opset: 17, Graph: onnx.Graph{Name: "g", Nodes: []*onnx.Node{{Name: "n", Op: "Add", In: []string{"x", "w"}, Out: []string{"y"}, Attrs: map[string]onnx.Attr{"axis": onnx.IntAttr(1)}}},
		Weights: []*onnx.Tensor{{Name: "w", Type: 1, Dims: []int64{2, 2}, Raw: make([]byte, 16)}}, Inputs: []*onnx.Info{{Name: "x", Type: 1, Dims: []int64{2, 2}, Names: []string{"", ""}}}, Outputs: []*onnx.Info{{Name: "y", Type: 1, Dims: []int64{2, 2}, Names: []string{"", ""}}}}}
	return string(m.Marshal())
}

// withOutside is an ONNX file whose numbers lie in another.
func withOutside(location, length string) string {
	entry := func(k, v string) string { return lengthed(0x6a, lengthed(0x0a, k)+lengthed(0x12, v)) }
	tensor := "\x08\x04\x10\x01" + lengthed(0x42, "w") + entry("location", location) + entry("offset", "0") + entry("length", length) + "\x70\x01"
	return "\x08\x08" + lengthed(0x3a, lengthed(0x2a, tensor))
}

func lengthed(tag byte, s string) string { return string([]byte{tag, byte(len(s))}) + s }

func TestWeightsAreReadByTheirTables(t *testing.T) {
	for form, content := range map[string]string{"safetensors": weights(t), "gguf": ggufFile(t), "tflite": tfliteFile(t), "onnx": onnxFile()} {
		name := "model." + form
		if list := findings(t, packed(pack.Model, map[string]string{"README.md": goodCard, name: content})); len(list) > 0 {
			t.Errorf("%s: %+v", form, list)
		}
		refused := 0
		for _, cut := range []string{content[:len(content)/2], content[:len(content)-1], "x" + content[1:]} {
			for _, f := range findings(t, packed(pack.Model, map[string]string{"README.md": goodCard, name: cut})) {
				if f.Severity == Refused && f.Rule == "weights" && f.Path == name {
					refused++
				}
			}
		}
		if refused < 2 { // the last byte of a LiteRT file may be one of padding
			t.Errorf("%s: only %d of 3 damages were noticed", form, refused)
		}
	}
	for name, c := range map[string]struct{ content, says string }{
		"bytes for no tensor":   {weights(t) + "tail", "belong to no tensor"},
		"a header without end":  {"\xff\xff\xff\xff\xff\xff\xff\x7f{}", "a header of"},
		"a tensor twice":        {safetensorsOf(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x"), "twice"},
		"tensors over another":  {safetensorsOf(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, "x"), "begins at byte"},
		"a shape that is large": {safetensorsOf(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,1]}}`, "x"), "overflows"},
	} {
		list := findings(t, packed(pack.Model, map[string]string{"README.md": goodCard, "m.safetensors": c.content}))
		if len(list) != 1 || list[0].Rule != "weights" || !strings.Contains(list[0].Message, c.says) {
			t.Errorf("%s: %+v", name, list)
		}
	}
	for name, c := range map[string]struct {
		content  string
		severity Severity
		says     string
	}{
		"beside":       {withOutside("w.data", "16"), "", ""},
		"too long":     {withOutside("w.data", "17"), Refused, "beyond the end"},
		"outside":      {withOutside("../w.data", "16"), Refused, "outside of the package"},
		"not there":    {withOutside("v.data", "16"), Incomplete, "does not have"},
		"a wrong size": {strings.Replace(onnxFile(), "\x4a\x10", "\x4a\x0f", 1), Refused, "ONNX"},
	} {
		list := findings(t, packed(pack.Model, map[string]string{"README.md": goodCard, "onnx/m.onnx": c.content, "onnx/w.data": strings.Repeat("\x01", 16)}))
		if c.severity == "" && len(list) == 0 {
			continue
		}
		if len(list) != 1 || list[0].Severity != c.severity || !strings.Contains(list[0].Message, c.says) {
			t.Errorf("%s: %+v", name, list)
		}
	}
}

func safetensorsOf(header, data string) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + data
}

func TestCardsAreAskedForWhatPeopleNeed(t *testing.T) {
	for name, c := range map[string]struct {
		card string
		kind pack.Kind
		says []string // of what a version lacks
	}{
		"whole":         {goodCard, pack.Model, nil},
		"nothing":       {"# A\n", pack.Model, []string{"no licence", "no language", "no task"}},
		"no task":       {"---\nlicense: mit\nlanguage: zh\n---\n", pack.Dataset, []string{"no task"}},
		"an app":        {"---\nlicense: mit\nlanguage: zh\n---\n", pack.Application, nil},
		"a data set":    {"---\nlicense: mit\nlanguage: zh\ntask_categories: [text-classification]\n---\n", pack.Dataset, nil},
		"a new licence": {"---\nlicense: mine\nlanguage: chinese\npipeline_tag: x\n---\n", pack.Model, nil},
	} {
		files := map[string]string{"README.md": c.card}
		if c.kind == pack.Application {
			files[pack.AppFile] = "name: a\nversion: 1.0.0\ninputs: {a: text}\noutputs: {b: text}\n"
		}
		list := findings(t, packed(c.kind, files))
		var lacks []Finding
		for _, f := range list {
			if f.Severity == Incomplete {
				lacks = append(lacks, f)
			}
		}
		if len(lacks) != len(c.says) || Refuses(list, true) != (len(c.says) > 0) || Refuses(list, false) {
			t.Errorf("%s: %+v", name, list)
			continue
		}
		for i, says := range c.says {
			if !strings.Contains(lacks[i].Message, says) {
				t.Errorf("%s: %+v, want %q", name, lacks[i], says)
			}
		}
		if name == "a new licence" && len(list) != 2 {
			t.Errorf("%s: %+v, want warnings about licence and language", name, list)
		}
	}
	if list := findings(t, packed(pack.Application, map[string]string{"README.md": goodCard})); len(list) != 1 || list[0].Rule != "application" || list[0].Severity != Incomplete {
		t.Errorf("no app.yaml: %+v", list)
	}
	if list := findings(t, packed(pack.Model, map[string]string{"config.json": "{}"})); len(list) != 1 || list[0].Message != "the package has no card" {
		t.Errorf("no card: %+v", list)
	}
}

func TestLicencesGoWithThoseOfTheirParents(t *testing.T) {
	for _, c := range []struct {
		parent, child string
		ok            bool
	}{
		{"apache-2.0", "mit", true}, {"mit", "cc-by-nc-4.0", true}, {"cc0-1.0", "gpl-3.0", true}, {"lgpl-3.0", "mit", true},
		{"gpl-3.0", "gpl-3.0", true}, {"gpl-3.0", "agpl-3.0", true}, {"gpl-3.0", "gpl-3.0-only", true}, {"gpl-3.0", "mit", false}, {"agpl-3.0", "gpl-3.0", false}, {"gpl-2.0", "gpl-3.0", false}, {"gpl-2.0-or-later", "gpl-3.0", true},
		{"cc-by-sa-4.0", "cc-by-sa-4.0", true}, {"cc-by-sa-4.0", "cc-by-4.0", false}, {"cc-by-sa-4.0", "gpl-3.0", true}, {"cc-by-sa-3.0", "cc-by-sa-4.0", true},
		{"cc-by-nc-4.0", "cc-by-nc-4.0", true}, {"cc-by-nc-4.0", "apache-2.0", false}, {"cc-by-nc-4.0", "cc-by-nc-sa-4.0", true}, {"cc-by-nc-sa-4.0", "cc-by-nc-4.0", false}, {"cc-by-nc-sa-4.0", "cc-by-sa-4.0", false},
		{"cc-by-nd-4.0", "cc-by-nd-4.0", false}, {"cc-by-nc-nd-4.0", "mit", false},
		{"openrail", "openrail", true}, {"bigscience-bloom-rail-1.0", "apache-2.0", false}, {"llama3.1", "llama3.1", true}, {"gemma", "mit", false}, {"gemma", "other", true},
	} {
		p := packed(pack.Model, map[string]string{"README.md": strings.Replace(goodCard, "apache-2.0", c.child+"\nbase_model: ada/parent", 1)})
		p.Licence = func(_ context.Context, name string) (string, bool, error) { return c.parent, name == "ada/parent", nil }
		list := findings(t, p)
		if refused := Refuses(list, true); refused == c.ok || refused && (!strings.Contains(list[0].Message, c.parent) || list[0].Rule != "licence") {
			t.Errorf("%s made of %s: %+v", c.child, c.parent, list)
		}
	}
	p := packed(pack.Model, map[string]string{"README.md": strings.Replace(goodCard, "pipeline", "datasets: [ada/rows, ada/absent]\nbase_model: ada/odd\npipeline", 1)})
	p.Licence = func(_ context.Context, name string) (string, bool, error) {
		return map[string]string{"ada/rows": "cc-by-nc-4.0", "ada/odd": "other"}[name], name != "ada/absent", nil
	}
	if list := findings(t, p); len(list) != 2 || Refuses(list, true) || !strings.Contains(list[0].Message, "not known") || !strings.Contains(list[1].Message, "its data ada/rows") {
		t.Errorf("data and odd parents are warned about: %+v", list)
	}
}

func TestPersonalDataIsCountedAndNeverRepeated(t *testing.T) {
	secrets := []string{"zhang.san@mail.cn", "13912345678", "+49 30 1234567", "11010519491231002X", "4111 1111 1111 1111", "8.8.8.8", "2606:4700:4700::1111"}
	rows := []string{`{"text": "a"}`, `{"text": "写给 zhang.san@mail.cn 或打 13912345678"}`, `{"text": "+49 30 1234567"}`, `{"id": "11010519491231002X"}`, `{"card": "4111 1111 1111 1111"}`, `{"ip": "8.8.8.8", "v6": "2606:4700:4700::1111"}`}
	harmless := []string{"ada@example.com 127.0.0.1 192.168.1.1 192.0.2.7 version 1.2.3.4.5 v10.0.0.1", "110105194912310021 4111111111111112 12345678901 3.14159265358979", "2026-01-01T00:00:00 1700000000000 sha1234567890123456 00000000000000000", "订单 202601011234567", "time 12:30:45"}
	for name, content := range map[string]string{"rows.jsonl": strings.Join(rows, "\n"), "rows.jsonl.gz": gzipped(strings.Join(rows, "\n")), "rows.csv.zst": zstded(strings.Join(rows, "\r\n"))} {
		list := findings(t, packed(pack.Dataset, map[string]string{"README.md": strings.Replace(goodCard, "pipeline_tag", "task_categories", 1), name: content}))
		var said []string
		for _, f := range list {
			if f.Severity != Warned || f.Rule != "personal" || f.Path != name {
				t.Errorf("%+v", f)
			}
			said = append(said, f.Message)
			for _, s := range secrets {
				if strings.Contains(f.Sentence(), s) {
					t.Errorf("%q repeats what it has found", f.Sentence())
				}
			}
		}
		want := "1 e-mail address (line 2)|2 telephone numbers (lines 2, 3)|1 Chinese identity number (line 4)|1 bank card number (line 5)|2 IP addresses (line 6 and more)"
		if got := strings.Join(said, "|"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if list := findings(t, packed(pack.Dataset, map[string]string{"README.md": goodCard, "rows.txt": strings.Join(harmless, "\n")})); len(list) != 0 {
		t.Errorf("harmless: %+v", list)
	}
}

func TestLimitsAreSaidBeforeAnythingIsRead(t *testing.T) {
	p := packed(pack.Model, map[string]string{"README.md": goodCard, "a.txt": "12345"})
	p.Open = func(string) (File, error) { t.Error("a file was opened"); return nil, fs.ErrNotExist }
	for name, l := range map[string]Limits{"files": {Files: 1}, "a file": {File: 100, Package: 1 << 20}, "all": {Package: 10, File: 1 << 20}} {
		if name == "a file" {
			p.Files[0].Size = 200
		}
		list, err := New(l).Inspect(t.Context(), p)
		if err != nil || len(list) == 0 || list[0].Rule != "size" || list[0].Severity != Refused {
			t.Errorf("%s: %+v, %v", name, list, err)
		}
	}
}

// failing is a file of a store that breaks down.
type failing struct{ memory }

var errStore = errors.New("the store is away")

func (failing) Read([]byte) (int, error) { return 0, errStore }

func TestAStoreThatFailsIsNoVerdict(t *testing.T) {
	p := packed(pack.Model, map[string]string{"README.md": goodCard, "m.safetensors": weights(t)})
	open := p.Open
	p.Open = func(name string) (File, error) {
		f, err := open(name)
		if name == "m.safetensors" {
			return failing{f.(memory)}, err
		}
		return f, err
	}
	if list, err := New(Limits{}).Inspect(t.Context(), p); !errors.Is(err, errStore) {
		t.Errorf("%+v, %v", list, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(Limits{}).Inspect(ctx, p); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestARepositoryThatGrowsIsNotReadAgain(t *testing.T) {
	i := New(Limits{})
	p := packed(pack.Model, map[string]string{"README.md": goodCard, "a.txt": "#!/bin/sh", "m.safetensors": weights(t)})
	reads := 0
	open := p.Open
	p.Open = func(name string) (File, error) { reads++; return open(name) }
	first, err := i.Inspect(t.Context(), p)
	if err != nil || reads != 3 {
		t.Fatal(reads, err)
	}
	second, err := i.Inspect(t.Context(), p)
	if err != nil || reads != 3 || len(first) != len(second) || first[0] != second[0] {
		t.Errorf("%d reads, %v, %v, %v", reads, first, second, err)
	}
}

func FuzzInspect(f *testing.F) {
	for _, s := range []string{weights(f), ggufFile(f), tfliteFile(f), onnxFile(), withOutside("w", "4"), zipOf(f, "a", "b", "c/d", pickle2), gzipped(tarOf(f, []tar.Header{{Name: "a"}}, "x")), zstded("text"), pickle0, pickle2, pickle4, npy("'|O'"), "PAR1PAR1", "a@b.cn 13912345678"} {
		for _, name := range []string{"m.safetensors", "m.gguf", "m.onnx", "m.tflite", "a.jsonl", "a.parquet"} {
			f.Add(name, []byte(s))
		}
	}
	i := New(Limits{Unpacked: 1 << 20})
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		for _, kind := range []pack.Kind{pack.Model, pack.Dataset} {
			p := &Package{Kind: kind, Files: []pack.File{{Path: name, Size: int64(len(content))}}, Open: func(string) (File, error) { return memory{bytes.NewReader(content)}, nil }}
			list, err := i.Inspect(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range list {
				if f.Message == "" || strings.ContainsAny(f.Sentence(), "\n\r") && !strings.ContainsAny(name, "\n\r") {
					t.Errorf("%q", f.Sentence())
				}
			}
		}
	})
}
