package hub

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/hub/hubtest"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// TestFaultsAreOneClearLine tries what hubs and machines do wrong, and that nothing of it stays.
func TestFaultsAreOneClearLine(t *testing.T) {
	everything := func(status int, header map[string]string) func(*hubtest.Server) {
		return func(s *hubtest.Server) {
			s.Fault = func(w http.ResponseWriter, _ *http.Request) bool {
				for k, v := range header {
					w.Header().Set(k, v)
				}
				w.WriteHeader(status)
				return true
			}
		}
	}
	for _, c := range []struct {
		name, ref, says, way string
		wrong                func(s *hubtest.Server)
	}{
		{"an endpoint that is down", "", "connection refused", "HF_ENDPOINT", func(*hubtest.Server) { os.Setenv("HF_ENDPOINT", "http://127.0.0.1:1") }},
		{"an endpoint that fails", "", "500 Internal Server Error", "HF_ENDPOINT", everything(500, nil)},
		{"one that wants a long pause", "", "wait for 1h0m0s", "again in 1h0m0s", everything(429, map[string]string{"Retry-After": "3600"})},
		{"a page instead of a hub", "", "no JSON", "endpoint is a hub's", everything(200, nil)},
		{"no address at all", "", "no address", "such as https://", func(*hubtest.Server) { os.Setenv("HF_ENDPOINT", "mirror") }},
		{"a gated model", "", "gated", "set HF_TOKEN", func(s *hubtest.Server) { s.Models["tiny/encoder"].Gated = true }},
		{"a gated model and a token without access", "", "gated", "account of the token", func(s *hubtest.Server) {
			s.Models["tiny/encoder"].Gated = true
			os.Setenv("HF_TOKEN", "hf_wrong")
		}},
		{"a model that is not there", "hf://tiny/encodr", "no such model", "check the name", func(*hubtest.Server) {}},
		{"a model of another owner", "hf://huge/encoder", "no such model", "did you mean hf://tiny/encoder?", func(*hubtest.Server) {}},
		{"a revision that is not there", "hf://tiny/encoder@v1.1", `no revision "v1.1"`, "did you mean @v1.0?", func(*hubtest.Server) {}},
		{"a revision like no other", "hf://tiny/encoder@experiment", "no revision", "it has main, v1.0", func(*hubtest.Server) {}},
		{"a model without weights", "", "no weights that can be read; it has tf_model.h5", "safetensors", func(s *hubtest.Server) {
			for _, name := range []string{"model.safetensors", "pytorch_model.bin", "onnx/model.onnx"} {
				delete(s.Models["tiny/encoder"].Files, name)
			}
		}},
		{"a missing shard", "", "model-00002-of-00002.safetensors of its weights is missing", "published", func(s *hubtest.Server) {
			files := s.Models["tiny/encoder"].Files
			delete(files, "model.safetensors")
			files["model.safetensors.index.json"], files["model-00001-of-00002.safetensors"] = "{}", "x"
		}},
		{"wrong content", "", "has the digest", "another endpoint", func(s *hubtest.Server) {
			s.Send = func(path, content string) string { return strings.Replace(content, content[:1], "?", 1) }
		}},
		{"too much content", "", "the hub lists 1000 bytes, the server has 1001", "another endpoint", func(s *hubtest.Server) {
			s.Send = func(path, content string) string {
				return content + map[bool]string{true: "?"}[path == "model.safetensors"]
			}
		}},
		{"a name outside of the model", "", "outside of the model", "endpoint", func(s *hubtest.Server) {
			s.Models["tiny/encoder"].Files["../../manifest.json"] = "{}"
			s.Models["tiny/encoder"].Files["manifest.json"] = "{}"
		}},
		{"redirects in a circle", "", "redirected more than", "endpoint", func(s *hubtest.Server) {
			s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, r.URL.String(), http.StatusFound)
				return true
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, small())
			c.wrong(s)
			if c.ref == "" {
				c.ref = "hf://tiny/encoder"
			}
			_, err := Resolve(t.Context(), c.ref, atOnce(nil))
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(hint.Way(err), c.way) || strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "signature") {
				t.Errorf("%v; %s", err, hint.Way(err))
			}
			repo := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--tiny--encoder")
			if _, err := os.Stat(filepath.Join(repo, "snapshots")); err == nil {
				t.Error("half a model is there")
			}
			blobs, _ := filepath.Glob(filepath.Join(repo, "blobs", "*"))
			for _, blob := range blobs {
				if c.name == "wrong content" && !strings.HasSuffix(blob, ".incomplete") {
					t.Errorf("wrong content stays: %s", blob)
				}
			}
		})
	}
}
