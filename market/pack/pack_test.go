package pack

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const card = "---\nlicense: Apache-2.0\nlanguage: [zh, EN]\npipeline_tag: text-classification\ntags:\n- sentiment\nbase_model: bert\nmodel-index: [{name: x}]\n---\n# 情感\n\nTells *good* from bad.\nOn one machine.\n\n## More\n"

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestAFolderAndItsManifestHoldTheSameFiles(t *testing.T) {
	dir := write(t, map[string]string{"README.md": card, "config.json": `{"xiaoyu": {"family": "cnn"}}`, "model.safetensors": "weights", "onnx/model.onnx": "graph", ".git/config": "hidden", ".DS_Store": "hidden"})
	p, err := Folder(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(p.Manifest)
	if err != nil {
		t.Fatal(err)
	}
	if m.Kind != Model || !slices.Equal(m.Files, p.Files) {
		t.Errorf("%s %v, want the files %v", m.Kind, m.Files, p.Files)
	}
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Path)
	}
	if want := []string{"README.md", "config.json", "model.safetensors", "onnx/model.onnx"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if f := m.Files[2]; f.Digest != digest.FromString("weights") || f.Size != 7 {
		t.Errorf("%v: a layer's digest is not the file's", f)
	}
	if m.Config.Digest != digest.FromBytes(p.Config) || p.Digest != digest.FromBytes(p.Manifest) || len(m.Blobs()) != 5 || m.Size() != p.Files[0].Size+p.Files[1].Size+12 {
		t.Errorf("%+v", m)
	}
	f := p.Facts
	if f.Title != "情感" || f.Description != "Tells *good* from bad. On one machine." || f.Licence != "apache-2.0" || f.Task != "text-classification" || f.Family != "cnn" || f.Library != "xiaoyu" ||
		!slices.Equal(f.Languages, []string{"zh", "en"}) || !slices.Equal(f.Tags, []string{"sentiment"}) || !slices.Equal(f.BaseModels, []string{"bert"}) {
		t.Errorf("%+v", f)
	}
	again, err := Folder(t.Context(), dir, Options{})
	if err != nil || !bytes.Equal(again.Manifest, p.Manifest) {
		t.Errorf("the same files gave another manifest (%v)", err)
	}
}

func TestKindsAreFoundOut(t *testing.T) {
	for _, c := range []struct {
		files map[string]string
		kind  Kind
		layer string // media type of the last file
	}{
		{map[string]string{"README.md": card, "model.safetensors": ""}, Model, WeightType},
		{map[string]string{"README.md": card, "train.jsonl": ""}, Dataset, DatasetType},
		{map[string]string{"README.md": card, "app.yaml": app, "logo.svg": ""}, Application, WeightSettings},
	} {
		p, err := Folder(t.Context(), write(t, c.files), Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(p.Manifest)
		if err != nil || p.Kind != c.kind || m.Kind != c.kind {
			t.Errorf("%s, %s, %v; want %s", p.Kind, m.Kind, err, c.kind)
		}
		var raw struct{ Layers []struct{ MediaType string } }
		if err := json.Unmarshal(p.Manifest, &raw); err != nil || raw.Layers[len(raw.Layers)-1].MediaType != c.layer {
			t.Errorf("%s: %v, want %s", c.kind, raw.Layers, c.layer)
		}
		without := strings.Replace(string(p.Manifest), KindAnnotation, "other", 1) // as other programs write it
		if m, err := Parse([]byte(without)); err != nil || m.Kind != c.kind {
			t.Errorf("without the annotation %v, %v; want %s", m, err, c.kind)
		}
	}
}

func TestManifestsThatWouldLeaveTheirFolder(t *testing.T) {
	p, err := Folder(t.Context(), write(t, map[string]string{"README.md": card, "b.bin": "x"}), Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"../b", "/etc/passwd", "a/../../b", `a\\b`, "", "./b", "a//b", "C:b", "con", "aux.txt", "a/lpt1", "b.", "a/.git/config", "b\u0000", "b\u202e\u0007", "readme.MD", "README.md/b", strings.Repeat("a", 600)} {
		quoted, _ := json.Marshal(name)
		bad := strings.Replace(string(p.Manifest), `"org.cncf.model.filepath":"b.bin"`, `"org.cncf.model.filepath":`+string(quoted), 1)
		if bad == string(p.Manifest) {
			t.Fatal("nothing was replaced")
		}
		if _, err := Parse([]byte(bad)); !errors.Is(err, ErrInvalid) || hint.Way(err) == "" {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, image := range []string{`{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json"}}`, `{}`} {
		if _, err := Parse([]byte(image)); !errors.Is(err, ErrNotPackage) {
			t.Errorf("%s: %v", image, err)
		}
	}
	tar := strings.Replace(string(p.Manifest), WeightType, "application/vnd.cncf.model.weight.v1.tar", 1)
	if _, err := Parse([]byte(tar)); !errors.Is(err, ErrInvalid) {
		t.Errorf("an archive: %v", err)
	}
}

func TestLinksAndMissingFoldersAreRefused(t *testing.T) {
	dir := write(t, map[string]string{"README.md": card})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "data.txt")); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{dir, filepath.Join(dir, "README.md"), filepath.Join(dir, "absent"), t.TempDir()} {
		if _, err := Folder(t.Context(), name, Options{}); err == nil || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const app = `name: desk
version: 1.0.0
inputs: {question: text}
outputs: {answer: text, score: number}
permissions: [history]
dependencies:
  classifier: ada/sentiment:1.0.0@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
`

func TestApplicationsAreStrict(t *testing.T) {
	a, err := ReadApp([]byte(app))
	if err != nil {
		t.Fatal(err)
	}
	needs, err := a.Needs()
	if err != nil || len(needs) != 1 || needs[0] != (Dependency{"classifier", "ada/sentiment", "1.0.0", digest.FromString("")}) {
		t.Errorf("%v, %v", needs, err)
	}
	for _, c := range []struct{ from, to, says, way string }{
		{"permissions:", "permisions:", "unknown key permisions", "permissions"},
		{"answer: text", "answer: txt", `type "txt"`, "text"},
		{"[history]", "[root]", "root", "network"},
		{"version: 1.0.0", "version: one", "version", "1.0.0"},
		{"name: desk", "name: Desk!", "name", "small letters"},
		{"inputs: {question: text}", "inputs: {}", "inputs", "inputs"},
		{"@sha256:e3", "@sha256:", "dependencies.classifier", "owner/name"},
		{"ada/sentiment:1.0.0@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "latest", "dependencies.classifier", "owner/name"},
	} {
		bad := strings.Replace(app, c.from, c.to, 1)
		if bad == app {
			t.Fatalf("%q does not occur", c.from)
		}
		if _, err := ReadApp([]byte(bad)); err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(hint.Way(err), c.way) {
			t.Errorf("%q: %v; %s", c.to, err, hint.Way(err))
		}
	}
}

func TestCardsOfAllSorts(t *testing.T) {
	for _, c := range []struct {
		text, licence, title, summary string
	}{
		{"", "", "", ""},
		{"no front matter", "", "", "no front matter"},
		{"\ufeff---\r\nlicense: mit\r\n---\r\n# T\r\n\r\nwords\r\n", "mit", "T", "words"},
		{"---\n---\n# T", "", "T", ""},
		{"---\nlicense: [mit, gpl]\n---", "mit", "", ""},
		{"---\nlicense:\nlanguage: {a: b}\n---\n![picture](x.png)\n\nText", "", "", "Text"},
		{"---\nnever closed", "", "", "never closed"},
		{"# T\n```\ncode\n```\ntext", "", "T", "text"},
	} {
		got, err := ReadCard([]byte(c.text))
		if err != nil || got.Licence != c.licence || got.Title != c.title || got.Summary != c.summary {
			t.Errorf("%q: %+v, %v", c.text, got, err)
		}
	}
	if _, err := ReadCard([]byte("---\na: [b\n---\n")); err == nil || hint.Way(err) == "" {
		t.Errorf("broken front matter: %v", err)
	}
}

func TestFactsOfFilesThatAreTooLargeOrBroken(t *testing.T) {
	files := []File{{Path: "config.json"}}
	for name, content := range map[string]string{"config.json": "{", "README.md": strings.Repeat("x", maxText+1)} {
		_, err := ReadFacts("", files, func(n string) (io.ReadCloser, error) {
			if n != name {
				return nil, fs.ErrNotExist
			}
			return io.NopCloser(strings.NewReader(content)), nil
		})
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"schemaVersion":2,"artifactType":"` + ArtifactType + `","config":{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},"layers":[{"digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","annotations":{"org.cncf.model.filepath":"a/b"}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Parse(b)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if !filepath.IsLocal(filepath.FromSlash(file.Path)) {
				t.Errorf("%q leaves its folder", file.Path)
			}
		}
	})
}

func FuzzCard(f *testing.F) {
	f.Add([]byte(card), []byte(app))
	f.Fuzz(func(t *testing.T, b, a []byte) {
		ReadCard(b)
		if app, err := ReadApp(a); err == nil {
			if _, err := app.Needs(); err != nil {
				t.Error(err)
			}
		}
	})
}
