package hub

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/hub/hubtest"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// weights returns content of n bytes that nobody could guess.
func weights(n int) string {
	r := rand.NewChaCha8([32]byte{7})
	b := make([]byte, n)
	r.Read(b)
	return string(b)
}

// start gives a test a hub with one model, and a machine that has nothing yet.
func start(t *testing.T, m *hubtest.Model) *hubtest.Server {
	t.Helper()
	s := hubtest.New(t, map[string]*hubtest.Model{"tiny/encoder": m})
	home := t.TempDir()
	for name, value := range map[string]string{
		"HF_ENDPOINT": s.URL, "HF_HOME": home, "HF_HUB_CACHE": "", "HUGGINGFACE_HUB_CACHE": "", "HF_TOKEN": "", "HUGGING_FACE_HUB_TOKEN": "", "HF_TOKEN_PATH": "",
		"HF_HUB_OFFLINE": "", "TRANSFORMERS_OFFLINE": "", "HF_HUB_DISABLE_SYMLINKS": "",
		"MODELSCOPE_ENDPOINT": s.URL, "MODELSCOPE_CACHE": filepath.Join(home, "ms"), "MODELSCOPE_API_TOKEN": "", "MODELSCOPE_DOMAIN": "",
	} {
		t.Setenv(name, value)
	}
	return s
}

// atOnce are options for tests: no pauses between tries. The pauses that were asked for go to waited.
func atOnce(waited *[]time.Duration) Options {
	return Options{wait: func(ctx context.Context, d time.Duration) error {
		if waited != nil {
			*waited = append(*waited, d)
		}
		return ctx.Err()
	}}
}

func small() *hubtest.Model {
	return &hubtest.Model{Files: map[string]string{
		"config.json": `{"model_type":"bert"}`, "tokenizer.json": "{}", "model.safetensors": weights(1000), "README.md": "# tiny", ".gitattributes": "*",
		"pytorch_model.bin": "other", "tf_model.h5": "other", "onnx/model.onnx": "other", "modules.json": "[]", "1_Pooling/config.json": `{"a":1}`, "eval/log.txt": "x",
	}, Tags: map[string]string{"v1.0": "yes"}}
}

// contents reads the files below a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(rel)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// want fails unless a folder has exactly these files of a model.
func want(t *testing.T, dir string, m *hubtest.Model, names ...string) {
	t.Helper()
	got := contents(t, dir)
	for _, name := range names {
		if got[name] != m.Files[name] {
			t.Errorf("%s has %d bytes, want %d", name, len(got[name]), len(m.Files[name]))
		}
		delete(got, name)
	}
	for name := range got {
		t.Errorf("%s was loaded though nothing reads it", name)
	}
}

var ofSmall = []string{"config.json", "tokenizer.json", "model.safetensors", "README.md", "modules.json", "1_Pooling/config.json"}

func TestFoldersStayWhatTheyAre(t *testing.T) {
	for _, name := range []string{"models/reviews", "/a/b", "hf", "owner/name"} {
		if got, err := Resolve(t.Context(), name, Options{}); got != name || err != nil || IsReference(name) {
			t.Errorf("%q became %q, %v", name, got, err)
		}
	}
}

func TestNamesOfNoModelAreRefused(t *testing.T) {
	for ref, way := range map[string]string{
		"hf://":                               "hf://owner/name",
		"hf://a/b/c":                          "hf://a/b",
		"hf://a/..":                           "hf://owner/name",
		"hf://a/b--c":                         "hf://owner/name",
		"hf://a b/c":                          "hf://owner/name",
		"hf://a/b@":                           "a branch",
		"hf://a/b@../../x":                    "a branch",
		"ms://alone":                          "ms://owner/name",
		"https://huggingface.co/tiny/encoder": "hf://tiny/encoder",
		"https://modelscope.cn/models/tiny/other": "ms://tiny/other",
	} {
		_, err := Resolve(t.Context(), ref, Options{})
		if err == nil || !strings.Contains(hint.Way(err), way) {
			t.Errorf("%s: %v; %s", ref, err, hint.Way(err))
		}
	}
}

func TestAModelIsLoadedOnceIntoTheLayoutOfHuggingfaceHub(t *testing.T) {
	m := small()
	s := start(t, m)
	var last, total int64
	o := atOnce(nil)
	o.Progress = func(done, all int64, _ string) { last, total = done, all }
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", o)
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
	if last != total || total == 0 {
		t.Errorf("progress ended at %d of %d bytes", last, total)
	}
	repo := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--tiny--encoder")
	if dir != filepath.Join(repo, "snapshots", m.SHA()) {
		t.Errorf("it lies in %s", dir)
	}
	if target, _ := os.Readlink(filepath.Join(dir, "1_Pooling", "config.json")); target != filepath.Join("..", "..", "..", "blobs", hubtest.Blob(`{"a":1}`)) {
		t.Errorf("1_Pooling/config.json points at %s", target)
	}
	if target, _ := os.Readlink(filepath.Join(dir, "model.safetensors")); filepath.Base(target) != hubtest.SHA256(m.Files["model.safetensors"]) {
		t.Errorf("model.safetensors points at %s", target)
	}
	if ref, _ := os.ReadFile(filepath.Join(repo, "refs", "main")); string(ref) != m.SHA() {
		t.Errorf("refs/main is %q", ref)
	}
	s.Requests()
	if _, err := Resolve(t.Context(), "hf://tiny/encoder@v1.0", o); err != nil {
		t.Fatal(err)
	}
	if r := s.Requests(); len(r) != 1 {
		t.Errorf("what is there was asked for again: %v", r)
	}
}

func TestWhatIsThereIsFoundWithoutTheHub(t *testing.T) {
	m := small()
	s := start(t, m)
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	s.Requests()
	t.Setenv("HF_HUB_OFFLINE", "1")
	for _, ref := range []string{"hf://tiny/encoder", "hf://tiny/encoder@" + m.SHA()} {
		if got, err := Resolve(t.Context(), ref, Options{}); got != dir || err != nil {
			t.Errorf("%s: %q, %v", ref, got, err)
		}
	}
	_, err = Resolve(t.Context(), "hf://tiny/encoder@v1.0", Options{})
	if err == nil || !strings.Contains(hint.Way(err), "@main") {
		t.Errorf("a revision that is not there: %v; %s", err, hint.Way(err))
	}
	if len(s.Requests()) > 0 {
		t.Error("the hub was asked")
	}
	t.Setenv("HF_HUB_OFFLINE", "")
	s.Fault = func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true }
	o := atOnce(nil)
	noted := ""
	o.Note = func(format string, args ...any) { noted = fmt.Sprintf(format, args...) }
	if got, err := Resolve(t.Context(), "hf://tiny/encoder", o); got != dir || err != nil || !strings.Contains(noted, "502") {
		t.Errorf("a hub that is down: %q, %v, note %q", got, err, noted)
	}
	if err := os.Remove(filepath.Join(dir, "model.safetensors")); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(t.Context(), "hf://tiny/encoder", Options{Offline: true}); err == nil || !strings.Contains(err.Error(), "in parts only") {
		t.Errorf("a snapshot without weights: %v", err)
	}
}

func TestLargeFilesComeInRangesAndTheTokenStaysWithTheHub(t *testing.T) {
	m := small()
	m.Files["model.safetensors"] = weights(3*chunkSize + 17)
	m.Gated = true
	s := start(t, m)
	t.Setenv("HF_TOKEN", s.Token)
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
	ranges := 0
	for _, r := range s.Requests() {
		if r.Host == s.StoreURL {
			if r.Authorization != "" {
				t.Error("the token went to the store")
			}
			if r.Range != "" {
				ranges++
			}
		} else if r.Authorization != "Bearer "+s.Token {
			t.Errorf("%s came without the token", r.Path)
		}
	}
	if ranges != 4 {
		t.Errorf("%d ranges", ranges)
	}
}

func TestTheTokenIsReadFromItsFile(t *testing.T) {
	m := small()
	m.Gated = true
	s := start(t, m)
	if err := os.WriteFile(filepath.Join(os.Getenv("HF_HOME"), "token"), []byte(s.Token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil)); err != nil {
		t.Error(err)
	}
}

func TestACutIsTakenUpAgain(t *testing.T) {
	m := small()
	content := weights(2*chunkSize + 5)
	m.Files["model.safetensors"] = content
	s := start(t, m)
	cuts := 0
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if "http://"+r.Host != s.StoreURL || cuts == 6 { // more cuts than tries in a row are allowed
			return false
		}
		cuts++
		var from, to int
		fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &from, &to)
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to, len(content)))
		w.Header().Set("Content-Length", fmt.Sprint(to-from+1))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write([]byte(content[from : from+1000]))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
}

func TestAnInterruptedLoadGoesOnWhereItWas(t *testing.T) {
	m := small()
	content := weights(3 * chunkSize)
	m.Files["model.safetensors"] = content
	s := start(t, m)
	ctx, interrupt := context.WithCancel(t.Context())
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasPrefix(r.Header.Get("Range"), fmt.Sprintf("bytes=%d-", chunkSize)) {
			interrupt()
			<-r.Context().Done()
		}
		return false
	}
	_, err := Resolve(ctx, "hf://tiny/encoder", atOnce(nil))
	if !errors.Is(err, context.Canceled) || !strings.Contains(hint.Way(err), "goes on where it was") {
		t.Fatalf("%v; %s", err, hint.Way(err))
	}
	repo := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--tiny--encoder")
	if _, err := os.Stat(filepath.Join(repo, "snapshots")); err == nil {
		t.Error("a snapshot of half a model is there")
	}
	kept, err := os.Stat(filepath.Join(repo, "blobs", hubtest.SHA256(content)+".incomplete"))
	if err != nil || kept.Size() < chunkSize {
		t.Fatalf("%v bytes were kept, %v", kept, err)
	}
	s.Fault = nil
	s.Requests()
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
	for _, r := range s.Requests() {
		if strings.HasPrefix(r.Range, "bytes=0-") {
			t.Error("it began anew")
		}
	}
}

func TestServersWithoutRangesAreReadAsAWhole(t *testing.T) {
	m := small()
	m.Files["model.safetensors"] = weights(chunkSize + 100)
	s := start(t, m)
	s.Fault = func(_ http.ResponseWriter, r *http.Request) bool { r.Header.Del("Range"); return false }
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
}

func TestExpiredAddressesOfTheStoreAreAskedForAgain(t *testing.T) {
	m := small()
	m.Files["model.safetensors"] = weights(3 * chunkSize)
	s := start(t, m)
	n := 0
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		if "http://"+r.Host == s.StoreURL {
			if n++; n == 2 {
				http.Error(w, "expired", http.StatusForbidden)
				return true
			}
		}
		return false
	}
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
}

func TestBusyHubsAreAskedAgainWhenTheySay(t *testing.T) {
	m := small()
	s := start(t, m)
	n := 0
	s.Fault = func(w http.ResponseWriter, r *http.Request) bool {
		n++
		switch n {
		case 1:
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case 2:
			w.Header().Set("RateLimit", `"api";r=0;t=9`)
			w.WriteHeader(http.StatusTooManyRequests)
		case 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			return false
		}
		return true
	}
	var waited []time.Duration
	if _, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(&waited)); err != nil {
		t.Fatal(err)
	}
	if len(waited) != 3 || waited[0] < 7*time.Second || waited[1] < 9*time.Second || waited[2] <= 0 {
		t.Errorf("it waited for %v", waited)
	}
}

func TestSilenceIsGivenUp(t *testing.T) {
	m := small()
	s := start(t, m)
	s.Fault = func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	c := newClient(atOnce(nil))
	c.stall = 20 * time.Millisecond
	var v any
	if err := c.answer(t.Context(), s.URL+"/x", &v); !errors.Is(err, errSilent) || !errors.As(err, new(*unreachableError)) {
		t.Errorf("%v", err)
	}
}

func TestABeginningOfOtherContentIsLoadedAnew(t *testing.T) {
	m := small()
	start(t, m)
	blobs := filepath.Join(os.Getenv("HF_HOME"), "hub", "models--tiny--encoder", "blobs")
	if err := os.MkdirAll(blobs, 0o777); err != nil {
		t.Fatal(err)
	}
	for name, left := range map[string]string{"model.safetensors": "not the beginning", "README.md": "longer than the whole file is"} {
		digest := hubtest.SHA256(m.Files[name])
		if name == "README.md" {
			digest = hubtest.Blob(m.Files[name])
		}
		if err := os.WriteFile(filepath.Join(blobs, digest+".incomplete"), []byte(left), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
}

func TestMirrorsThatListNamesAloneAreAskedForHeaders(t *testing.T) {
	m := small()
	m.NameOnly = true
	start(t, m)
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
}

func TestWithoutSymbolicLinksNamesAreFiles(t *testing.T) {
	m := small()
	start(t, m)
	t.Setenv("HF_HUB_DISABLE_SYMLINKS", "1")
	dir, err := Resolve(t.Context(), "hf://tiny/encoder", atOnce(nil))
	if err != nil {
		t.Fatal(err)
	}
	want(t, dir, m, ofSmall...)
	if info, err := os.Lstat(filepath.Join(dir, "config.json")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("config.json is %v, %v", info, err)
	}
}

func TestTwoAtATimeLoadOnce(t *testing.T) {
	m := small()
	s := start(t, m)
	failed := make(chan error)
	for range 2 {
		go func() {
			_, err := Resolve(context.Background(), "hf://tiny/encoder", Options{})
			failed <- err
		}()
	}
	for range 2 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	loaded := 0
	for _, r := range s.Requests() {
		if strings.HasSuffix(r.Path, "model.safetensors") && r.Host == s.StoreURL {
			loaded++
		}
	}
	if loaded != 1 {
		t.Errorf("the weights were loaded %d times", loaded)
	}
}
