package bom

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// of makes a package of files.
func of(t *testing.T, kind pack.Kind, files map[string]string) Package {
	t.Helper()
	p := Package{Name: "ada/reviews", Version: "1.0.0", Digest: digest.FromString("manifest"), Open: func(name string) (io.ReadCloser, error) {
		text, there := files[name]
		if !there {
			return nil, fs.ErrNotExist
		}
		return io.NopCloser(strings.NewReader(text)), nil
	}}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		p.Files = append(p.Files, pack.File{Path: name, Digest: digest.FromString(files[name]), Size: int64(len(files[name]))})
	}
	facts, err := pack.ReadFacts(kind, p.Files, p.Open)
	if err != nil {
		t.Fatal(err)
	}
	p.Facts = facts
	return p
}

var model = map[string]string{
	"README.md":    "---\nlicense: gpl-3.0\nlanguage: [zh, en]\npipeline_tag: text-classification\nbase_model: bob/encoder\ndatasets: [bob/reviews]\n---\n# Reviews\n\nTells good reviews from bad ones.\n",
	"config.json":  `{"model_type":"bert","xiaoyu":{"family":"transformer"}}`,
	"lineage.json": `{"created":"2026-11-26T10:00:00Z","version":"1.2","system":"linux/amd64","data":{"reviews.csv":"sha256:` + strings.Repeat("ab", 32) + `"},"parent":"sha256:1","config":{"model":{"base":"bob/encoder"}}}`,
	"metrics.json": `{"n":100,"accuracy":0.91,"macro_f1":0.9,"intervals":{"accuracy":{"low":0.85,"high":0.96}}}`,
}

func TestABillSaysWhatThePackageSays(t *testing.T) {
	text, err := Make(of(t, pack.Model, model))
	if err != nil {
		t.Fatal(err)
	}
	var b bill
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	c := b.Metadata.Component
	if c.Type != "machine-learning-model" || c.Licences[0].Licence.ID != "GPL-3.0-only" || c.Card.Parameters.Task != "text-classification" || c.Card.Parameters.Family != "transformer" || len(c.Components) != 4 {
		t.Errorf("the package is %+v", c)
	}
	if m := c.Card.Analysis.Metrics; len(m) != 2 || m[0].Value != "0.9100" || m[0].Interval.Low != "0.8500" {
		t.Errorf("figures %+v", m)
	}
	var names []string
	for _, p := range b.Components {
		names = append(names, p.Type+" "+p.Name)
	}
	if got, want := strings.Join(names, ", "), "data reviews.csv, data bob/reviews, machine-learning-model bob/encoder"; got != want {
		t.Errorf("made of %s, want %s", got, want)
	}
	if len(b.Dependencies[0].On) != 3 || c.Pedigree.Ancestors[0].Properties[0].Value != "sha256:1" {
		t.Errorf("depends on %v, comes from %+v", b.Dependencies, c.Pedigree)
	}
	again, err := Make(of(t, pack.Model, model))
	if err != nil || !bytes.Equal(text, again) {
		t.Errorf("another bill of the same package: %v", err)
	}
}

func TestBillsOfOthersPackages(t *testing.T) {
	for _, files := range []map[string]string{
		{"README.md": "# Nothing\n"},
		{"README.md": "---\nlicense: my-own\n---\n# Mine\n", "config.json": "{}", "lineage.json": `["of another program"]`, "metrics.json": `{"n":"many"}`},
	} {
		text, err := Make(of(t, "", files))
		if err != nil || !json.Valid(text) {
			t.Errorf("%v: %v", files, err)
		}
	}
	if _, err := Make(of(t, "", map[string]string{"config.json": "{}", "lineage.json": "{"})); err == nil || !strings.Contains(err.Error(), "lineage.json is no JSON") {
		t.Error(err)
	}
}
