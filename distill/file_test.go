package distill

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/model"
	"github.com/xiaoyu-slm/xiaoyu/text"
)

func softFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "soft.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAFileOfSoftLabelsTeaches(t *testing.T) {
	id := sha256.Sum256([]byte("kept elsewhere"))
	path := softFile(t,
		`{"text": "房间还行", "probabilities": {"good": 0.7, "bad": 0.3}, "label": "good"}`,
		`{"review": "Ａ  room", "probabilities": {"good": 3e-1, "bad": 0.3}}`,
		``,
		`{"id": "`+hex.EncodeToString(id[:])+`", "probabilities": {"bad": 1}}`)
	clean := text.CleanConfig{Unicode: "none", FullWidth: true, Space: true}
	f, err := NewFile(context.Background(), path, FileOptions{Text: "review", Clean: &clean}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if a := f.About(); !slices.Equal(a.Labels, []string{"bad", "good"}) || a.Slow || !strings.HasPrefix(a.Digest, "sha256:") {
		t.Errorf("%+v", a)
	}
	said, err := Ask(context.Background(), f, []string{"good", "bad"}, queriesOf("房间还行", "A room", "kept elsewhere", "never seen"), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []float64{0.7, 0.5, 0} {
		if said[i].Logits == nil {
			t.Errorf("no opinion of text %d", i)
			continue
		}
		if got := Probabilities(model.ClassHead, said[i].Logits)[0]; math.Abs(float64(got)-want) > 1e-4 {
			t.Errorf("text %d: good is %.4f, want %.4f", i, got, want)
		}
	}
	if said[3].Logits != nil {
		t.Errorf("an opinion of a text that the file does not have: %v", said[3])
	}
}

func TestABrokenFileOfSoftLabelsIsRefusedByItsLine(t *testing.T) {
	good := `{"text": "a", "probabilities": {"x": 1, "y": 0}}`
	for want, line := range map[string]string{
		"line 2: it is not a JSON object":           `["a"]`,
		"line 2: there is neither a text nor an id": `{"probabilities": {"x": 1}}`,
		"line 2: probabilities: there are none":     `{"text": "a"}`,
		`line 2: probabilities: that of "x" is 1.5`: `{"text": "a", "probabilities": {"x": 1.5}}`,
		`line 2: id: "beef"`:                        `{"id": "beef", "probabilities": {"x": 1}}`,
		"line 2: probabilities: no label is probab": `{"text": "a", "probabilities": {"x": 0}}`,
		"line 2: text: json":                        `{"text": 3, "probabilities": {"x": 1}}`,
	} {
		_, err := NewFile(context.Background(), softFile(t, good, line), FileOptions{}, nil)
		if err == nil || !strings.Contains(err.Error(), want) || hint.Way(err) == "" {
			t.Errorf("%s: %v; %s", want, err, hint.Way(err))
		}
	}
	if _, err := NewFile(context.Background(), softFile(t, good), FileOptions{Head: model.RegressionHead}, nil); err == nil || hint.Way(err) == "" {
		t.Errorf("%v", err)
	}
	if _, err := NewFile(context.Background(), softFile(t), FileOptions{}, nil); err == nil || !strings.Contains(err.Error(), "no lines") {
		t.Errorf("%v", err)
	}
}

func FuzzSoftLabels(f *testing.F) {
	f.Add([]byte(`{"text": "a", "probabilities": {"x": 1, "y": 0}}`))
	f.Add([]byte(`{"id": "00", "pair": 1, "probabilities": {"x": 1e999}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseSoft(line, &FileOptions{Text: "review"})
		if err == nil && (len(r.Probabilities) == 0 || len(r.keys(nil)) == 0) {
			t.Errorf("%q is a row without content", line)
		}
	})
}
