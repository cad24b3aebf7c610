package hub

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func TestModelScope(t *testing.T) {
	m := small()
	s := start(t, m)
	dir, err := Resolve(t.Context(), "ms://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
	if dir != filepath.Join(os.Getenv("MODELSCOPE_CACHE"), "models", "tiny--encoder", "snapshots", "master") {
		t.Errorf("it lies in %s", dir)
	}
	s.Requests()
	if _, err := Resolve(t.Context(), "ms://tiny/encoder", atOnce(nil)); err != nil || len(s.Requests()) != 1 {
		t.Errorf("what is there was asked for again, or %v", err)
	}
	m.Files["config.json"] = `{"model_type":"gpt2"}`
	if _, err := Resolve(t.Context(), "ms://tiny/encoder", atOnce(nil)); err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
	if got, err := Resolve(t.Context(), "ms://tiny/encoder", Options{Offline: true}); got != dir || err != nil {
		t.Errorf("offline: %q, %v", got, err)
	}
	for _, c := range []struct {
		ref, says, way string
		gated          bool
	}{
		{"ms://tiny/other", "no such model", "modelscope.cn/models/tiny/other", false},
		{"ms://tiny/encoder@v9", `no revision "v9"`, "MODELSCOPE_API_TOKEN", false},
		{"ms://tiny/encoder", "without permission", "MODELSCOPE_API_TOKEN", true},
	} {
		m.Gated = c.gated
		_, err := Resolve(t.Context(), c.ref, atOnce(nil))
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(hint.Way(err), c.way) {
			t.Errorf("%s: %v; %s", c.ref, err, hint.Way(err))
		}
	}
	t.Setenv("MODELSCOPE_API_TOKEN", s.Token)
	s.Requests()
	if _, err := Resolve(t.Context(), "ms://tiny/encoder", atOnce(nil)); err != nil {
		t.Error(err)
	}
	if r := s.Requests(); !strings.Contains(r[0].Cookie, s.Token) {
		t.Errorf("cookie %q", r[0].Cookie)
	}
}

func TestModelsOfOlderModelScopeAreFound(t *testing.T) {
	start(t, small())
	dir := filepath.Join(os.Getenv("MODELSCOPE_CACHE"), "hub", "models", "tiny", "encoder-v1___5")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got, err := Resolve(t.Context(), "ms://tiny/encoder-v1.5", Options{Offline: true}); got != dir || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
