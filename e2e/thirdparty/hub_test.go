package thirdparty

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/hub"
	"github.com/xiaoyu-slm/xiaoyu/hub/hubtest"
)

// hubCheck is what hub_check.py prints.
type hubCheck struct {
	Folder, Tagged        string
	Files, Again          map[string]string
	Warnings, Repos, Refs []string
}

// startHub gives a test a hub with one model, and an empty cache for huggingface_hub and us.
func startHub(t *testing.T) (*hubtest.Server, *hubtest.Model) {
	m := &hubtest.Model{Files: map[string]string{
		"config.json": `{"model_type":"bert"}`, "tokenizer.json": "{}", "1_Pooling/config.json": "{}", "modules.json": "[]",
		"model.safetensors": strings.Repeat("weights ", 3<<20), "README.md": "# tiny\n",
	}, Tags: map[string]string{"v1.0": "yes"}}
	s := hubtest.New(t, map[string]*hubtest.Model{"tiny/encoder": m})
	for name, value := range map[string]string{
		"HF_ENDPOINT": s.URL, "HF_HOME": t.TempDir(), "HF_HUB_CACHE": "", "HF_TOKEN": "", "HF_HUB_OFFLINE": "", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1",
	} {
		if t.Setenv(name, value); value == "" {
			os.Unsetenv(name)
		}
	}
	return s, m
}

func runHubCheck(t *testing.T, args ...string) hubCheck {
	var got hubCheck
	if err := json.Unmarshal([]byte(python(t, "hub_check.py", args...)), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestHuggingfaceHubFindsWhatWeLoaded has the real huggingface_hub look into a cache that we filled.
func TestHuggingfaceHubFindsWhatWeLoaded(t *testing.T) {
	s, m := startHub(t)
	var dir string
	for _, ref := range []string{"hf://tiny/encoder@v1.0", "hf://tiny/encoder"} {
		var err error
		if dir, err = hub.Resolve(t.Context(), ref, hub.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	s.Requests()
	var paths []string
	for path := range m.Files {
		paths = append(paths, path)
	}
	got := runHubCheck(t, append([]string{"look", "tiny/encoder"}, paths...)...)
	if got.Folder != dir || got.Tagged != dir || len(got.Warnings) > 0 || strings.Join(got.Repos, " ") != "tiny/encoder" || strings.Join(got.Refs, " ") != "main v1.0" {
		t.Errorf("huggingface_hub sees %+v, want %s", got, dir)
	}
	for _, path := range paths {
		if want := filepath.Join(dir, filepath.FromSlash(path)); got.Files[path] != want || got.Again[path] != want {
			t.Errorf("%s: found as %q, loaded as %q", path, got.Files[path], got.Again[path])
		}
	}
	for _, r := range s.Requests() {
		if r.Method == "GET" && strings.Contains(r.Path, "/resolve/") || r.Host == s.StoreURL {
			t.Errorf("huggingface_hub loaded %s again", r.Path)
		}
	}
}

// TestWeFindWhatHuggingfaceHubLoaded looks into a cache that the real huggingface_hub filled.
func TestWeFindWhatHuggingfaceHubLoaded(t *testing.T) {
	s, m := startHub(t)
	folder := runHubCheck(t, "fill", "tiny/encoder").Folder
	s.Requests()
	for _, o := range []hub.Options{{Offline: true}, {}} {
		dir, err := hub.Resolve(t.Context(), "hf://tiny/encoder", o)
		if err != nil || dir != folder {
			t.Errorf("%q, %v; want %s", dir, err, folder)
		}
	}
	if r := s.Requests(); len(r) != 1 {
		t.Errorf("asked for more than the list of files: %+v", r)
	}
	content, err := os.ReadFile(filepath.Join(folder, "model.safetensors"))
	if err != nil || string(content) != m.Files["model.safetensors"] {
		t.Errorf("%d bytes of weights, %v", len(content), err)
	}
}
