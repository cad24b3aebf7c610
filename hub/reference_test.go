package hub

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

func TestNamesAreOfLettersAndNotTooLong(t *testing.T) {
	for part, good := range map[string]bool{"bert-base_zh.v2": true, "模型9": true, strings.Repeat("长", mostInPart): true,
		strings.Repeat("长", mostInPart+1): false, strings.Repeat("a", mostInPart+1): false, ".hidden": false, "-a": false, "a b": false, "a\xff": false, "a--b": false} {
		if _, err := parse(hfScheme + "owner/" + part); (err == nil) != good {
			t.Errorf("%q: %v", part, err)
		}
	}
}

// FuzzReference tries names that users and configurations may have: none may lead out of the cache, and each that is
// refused has a way out.
func FuzzReference(f *testing.F) {
	for _, seed := range []string{"hf://a/b", "hf://a", "ms://a/b@v1/x", "hf://a/b@refs/pr/1", "hf://../x", "ms://a/..@..", "hf://a/b@a\\..\\b", "hf://a/b@c:d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, ref string) {
		if !IsReference(ref) {
			return
		}
		r, err := parse(ref)
		if err != nil {
			if hint.Way(err) == "" {
				t.Errorf("%q is refused without a way out: %v", ref, err)
			}
			return
		}
		for _, s := range []site{&huggingFace{cacheDir: "cache"}, &modelScope{cacheDir: "cache"}} {
			k := s.cache(r)
			ref := filepath.Join(k.dir, "refs", filepath.FromSlash(r.revision))
			if !strings.HasPrefix(k.dir, "cache"+string(filepath.Separator)) || !strings.HasPrefix(ref, filepath.Join(k.dir, "refs")+string(filepath.Separator)) {
				t.Errorf("%q leads to %s", ref, k.dir)
			}
			if !strings.HasPrefix(k.snapshot(r.revision), filepath.Join(k.dir, "snapshots")+string(filepath.Separator)) {
				t.Errorf("%q leads to %s", ref, k.snapshot(r.revision))
			}
		}
	})
}
