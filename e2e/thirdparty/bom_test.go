package thirdparty

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market/bom"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// TestBillsHoldTheSchema has CycloneDX's own library judge bills of a model, of data and of an application.
func TestBillsHoldTheSchema(t *testing.T) {
	dir := t.TempDir()
	digest := "sha256:" + strings.Repeat("ab", 32)
	var bills []string
	for kind, files := range map[string]map[string]string{
		"model": {
			"README.md":    "---\nlicense: apache-2.0\nlanguage: [zh, en]\npipeline_tag: text-classification\nbase_model: bob/encoder\ndatasets: [bob/reviews]\n---\n# Reviews 评论\n\nTells good from bad.\n",
			"config.json":  `{"model_type":"bert"}`,
			"lineage.json": `{"created":"2026-11-26T10:00:00.5Z","version":"1.2","system":"linux/amd64","data":{"reviews.csv":"` + digest + `"},"config":{"model":{"base":"bob/encoder"}},"taught":{"teacher":"bob/large"}}`,
			"metrics.json": `{"n":100,"accuracy":0.91,"macro_f1":0.9,"intervals":{"accuracy":{"low":0.85,"high":0.96}}}`,
		},
		"own-licence": {"README.md": "---\nlicense: of-our-own\n---\n# M\n", "config.json": "{}"},
		"data":        {"README.md": "---\nlicense: cc-by-4.0\n---\n# Rows\n", "train.jsonl": "{}\n"},
		"application": {"README.md": "# App\n", "app.yaml": "name: app\nversion: 1.0.0\ninputs: {question: text}\noutputs: {answer: text}\ndependencies: {classifier: 'ada/reviews:1.0.0@" + digest + "'}\n"},
	} {
		folder := filepath.Join(dir, kind)
		for name, text := range files {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		p, err := pack.Folder(t.Context(), folder, pack.Options{})
		if err != nil {
			t.Fatal(err)
		}
		text, err := bom.Make(bom.Package{Name: "ada/" + kind, Version: "1.0.0", Digest: p.Digest, Files: p.Files, Facts: p.Facts, Open: func(path string) (io.ReadCloser, error) {
			return os.Open(filepath.Join(folder, path))
		}})
		if err != nil {
			t.Fatal(err)
		}
		bill := filepath.Join(dir, kind+".cdx.json")
		if err := os.WriteFile(bill, text, 0o644); err != nil {
			t.Fatal(err)
		}
		bills = append(bills, bill)
	}
	const wrong = "no-serial-number"
	broken := filepath.Join(dir, "broken.json")
	if err := os.WriteFile(broken, []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","serialNumber":"`+wrong+`"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(python(t, "bom_check.py", append([]string{broken}, bills...)...), "\n")
	if !strings.Contains(lines[0], wrong) {
		t.Fatalf("the judge takes everything: %q", lines[0])
	}
	for _, line := range lines[1:] {
		if line != "" {
			t.Error(line)
		}
	}
}
