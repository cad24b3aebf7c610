package hubapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/hub"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// visitor speaks to a market as somebody.
type visitor struct {
	t     *testing.T
	url   string
	token string // "" for a stranger
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

// json reads the body, after a status of 200.
func (r reply) json(t *testing.T) (v any) {
	t.Helper()
	if r.status != http.StatusOK {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if err := json.Unmarshal([]byte(r.body), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func (v visitor) do(method, path, body string, headers ...string) reply {
	v.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = v.url + path
	}
	r, err := http.NewRequestWithContext(v.t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	c := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	a, err := c.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return reply{a.StatusCode, a.Header, string(b)}
}

// file is a line of a commit.
func file(path, content string) string {
	return fmt.Sprintf(`{"key":"file","value":{"content":%q,"path":%q,"encoding":"base64"}}`, base64.StdEncoding.EncodeToString([]byte(content)), path)
}

// commit commits lines to main and returns the id.
func (v visitor) commit(repository string, lines ...string) string {
	v.t.Helper()
	return v.tryCommit(repository, "main", "", lines...).json(v.t).(map[string]any)["commitOid"].(string)
}

func (v visitor) tryCommit(repository, branch, parent string, lines ...string) reply {
	v.t.Helper()
	header := fmt.Sprintf(`{"key":"header","value":{"summary":"change","parentCommit":%q}}`, parent)
	return v.do("POST", "/api/"+repository+"/commit/"+branch, strings.Join(append([]string{header}, lines...), "\n"), "Content-Type", "application/x-ndjson")
}

// start starts a market with ada, who may write, and a stranger.
func start(t *testing.T) (m *markettest.Market, ada, stranger visitor) {
	m = markettest.Start(t, market.Options{})
	return m, visitor{t, m.URL, m.Token(t, "ada", catalogue.Write)}, visitor{t, m.URL, ""}
}

const card = "---\nlicense: mit\nlanguage: [zh]\npipeline_tag: text-classification\ntags: [reviews]\n---\n# Reviews\n"

func TestACommitIsReadBackByBothProtocols(t *testing.T) {
	m, ada, stranger := start(t)
	if got := ada.do("POST", "/api/repos/create", `{"name":"reviews","organization":null,"type":"model"}`).json(t).(map[string]any); got["url"] != m.URL+"/ada/reviews" {
		t.Errorf("created %v", got)
	}
	if got := stranger.do("GET", "/api/models/ada/reviews", "").json(t).(map[string]any); got["sha"] != catalogue.Root || len(got["siblings"].([]any)) != 0 {
		t.Errorf("empty repository: %v", got)
	}
	weights := string(markettest.Weights([]byte(strings.Repeat("weights ", 300_000)))) // more than what is held in memory
	first := ada.commit("models/ada/reviews", file("README.md", card), file("config.json", `{"model_type":"bert"}`), file("model.safetensors", weights), file("onnx/empty.txt", ""))
	second := ada.commit("models/ada/reviews", file("notes.txt", "one"), `{"key":"deletedFolder","value":{"path":"onnx/"}}`)
	if len(second) != 40 || first == second {
		t.Fatalf("commits %s and %s", first, second)
	}

	info := stranger.do("GET", "/api/models/ada/reviews?blobs=True", "").json(t).(map[string]any)
	if info["sha"] != second || info["pipeline_tag"] != "text-classification" || info["id"] != "ada/reviews" {
		t.Errorf("info %v", info)
	}
	if got := fmt.Sprint(info["tags"]); got != "[text-classification reviews zh license:mit]" {
		t.Errorf("tags %s", got)
	}
	var names []string
	for _, s := range info["siblings"].([]any) {
		names = append(names, s.(map[string]any)["rfilename"].(string))
	}
	if fmt.Sprint(names) != "[README.md config.json model.safetensors notes.txt]" {
		t.Errorf("files %v", names)
	}

	sum := sha256.Sum256([]byte(weights))
	got := stranger.do("GET", "/ada/reviews/resolve/main/model.safetensors", "")
	if got.status != http.StatusOK || got.body != weights || got.header.Get("X-Repo-Commit") != second || got.header.Get("ETag") != `"`+hex.EncodeToString(sum[:])+`"` ||
		got.header.Get("X-Linked-Etag") != got.header.Get("ETag") || got.header.Get("X-Linked-Size") != fmt.Sprint(len(weights)) {
		t.Errorf("%d, %d bytes, %v", got.status, len(got.body), got.header)
	}
	got = stranger.do("GET", "/ada/reviews/resolve/"+first+"/model.safetensors", "", "Range", "bytes=2500000-")
	if got.status != http.StatusRequestedRangeNotSatisfiable {
		t.Errorf("a range behind the end: %d", got.status)
	}
	got = stranger.do("GET", "/ada/reviews/resolve/"+first+"/model.safetensors", "", "Range", "bytes=10-16")
	if got.status != http.StatusPartialContent || got.body != "weights" {
		t.Errorf("a range: %d %q", got.status, got.body)
	}

	// The other protocol has the same files, by the name that stands for main there.
	c, err := client.New(client.Options{Market: m.URL, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := client.ParseReference("ada/reviews:latest")
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out")
	_, err = c.Pull(t.Context(), ref, out, false, client.Watch{})
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(out, "model.safetensors"))
	if err != nil || string(content) != weights {
		t.Errorf("%d bytes, %v", len(content), err)
	}
}

func TestWhatIsPushedAsAnArtifactIsReadByTheHubsClients(t *testing.T) {
	m, ada, _ := start(t)
	dir := t.TempDir()
	for name, content := range map[string]string{"README.md": card, "config.json": `{"model_type":"bert"}`, "model.safetensors": string(markettest.Weights([]byte("weights"))), "tokenizer.json": "{}"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{Market: m.URL, Token: ada.token, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	ref, err := client.ParseReference("ada/reviews:1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Push(t.Context(), p, ref, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"HF_ENDPOINT": m.URL, "HF_HOME": t.TempDir(), "HF_HUB_CACHE": "", "HUGGINGFACE_HUB_CACHE": "", "HF_TOKEN": "", "HUGGING_FACE_HUB_TOKEN": "", "HF_TOKEN_PATH": ""} {
		t.Setenv(name, value)
	}
	for _, ref := range []string{"hf://ada/reviews", "hf://ada/reviews@1.0.0"} {
		loaded, err := hub.Resolve(t.Context(), ref, hub.Options{})
		if err != nil {
			t.Fatal(ref, err)
		}
		content, err := os.ReadFile(filepath.Join(loaded, "model.safetensors"))
		if err != nil || !strings.HasSuffix(string(content), "weights") {
			t.Errorf("%s: %q, %v", ref, content, err)
		}
	}
	if _, err := hub.Resolve(t.Context(), "hf://ada/reviewz", hub.Options{}); err == nil || !strings.Contains(err.Error(), "no such model") {
		t.Errorf("a wrong name: %v", err)
	}
	refs := ada.do("GET", "/api/models/ada/reviews/refs", "").json(t)
	if s := fmt.Sprint(refs); !strings.Contains(s, "refs/heads/main") || !strings.Contains(s, "refs/tags/1.0.0") {
		t.Errorf("refs %s", s)
	}
}

func TestErrorsAreToldApartByTheirCode(t *testing.T) {
	m, ada, stranger := start(t)
	eve := visitor{t, m.URL, m.Token(t, "eve", catalogue.Write)}
	bad := visitor{t, m.URL, "xy_wrong"}
	ada.do("POST", "/api/repos/create", `{"name":"secret","visibility":"private"}`).json(t)
	ada.do("POST", "/api/repos/create", `{"name":"open"}`).json(t)
	ada.commit("models/ada/secret", file("a.txt", "a"), file("config.json", "{}"))
	ada.commit("models/ada/open", file("a.txt", "a"), file("config.json", "{}"))
	for _, c := range []struct {
		who          visitor
		method, path string
		status       int
		code         string
	}{
		{stranger, "GET", "/api/models/ada/none", 401, "RepoNotFound"},
		{stranger, "GET", "/api/models/ada/secret", 401, "RepoNotFound"},
		{stranger, "HEAD", "/ada/secret/resolve/main/a.txt", 401, "RepoNotFound"},
		{eve, "GET", "/api/models/ada/none", 404, "RepoNotFound"},
		{eve, "GET", "/api/models/ada/secret", 404, "RepoNotFound"},
		{eve, "GET", "/ada/secret/resolve/main/a.txt", 404, "RepoNotFound"},
		{eve, "POST", "/api/models/ada/secret/preupload/main", 404, "RepoNotFound"},
		{eve, "PUT", "/api/models/ada/open/settings", 403, ""},
		{stranger, "PUT", "/api/models/ada/open/settings", 401, ""},
		{bad, "GET", "/api/models/ada/open", 401, ""},
		{ada, "GET", "/api/datasets/ada/open", 404, "RepoNotFound"},
		{ada, "GET", "/api/models/ada/open/revision/none", 404, "RevisionNotFound"},
		{ada, "GET", "/ada/open/resolve/none/a.txt", 404, "RevisionNotFound"},
		{ada, "GET", "/ada/open/resolve/main/b.txt", 404, "EntryNotFound"},
		{ada, "GET", "/ada/open/resolve/main/../../../../etc/passwd", 404, "EntryNotFound"},
		{ada, "GET", "/api/models/ada/open/tree/main/folder", 404, "EntryNotFound"},
		{ada, "GET", "/api/models/nobody", 404, "RepoNotFound"},
		{ada, "GET", "/api/nonsense", 404, ""},
		{ada, "DELETE", "/api/models/ada/open/branch/main", 400, ""},
		{ada, "GET", "/ada/secret/resolve/main/a.txt", 200, ""},
	} {
		got := c.who.do(c.method, c.path, `{"files":[]}`)
		if got.status != c.status || got.header.Get("X-Error-Code") != c.code {
			t.Errorf("%s %s: %d %q, want %d %q; %s", c.method, c.path, got.status, got.header.Get("X-Error-Code"), c.status, c.code, got.body)
		}
		if c.status >= 400 && got.header.Get("X-Error-Message") == "" {
			t.Errorf("%s %s: no message", c.method, c.path)
		}
	}
}

func TestGatedFilesAreForThoseWhoWereLetIn(t *testing.T) {
	m, ada, stranger := start(t)
	eve := visitor{t, m.URL, m.Token(t, "eve", catalogue.Read)}
	ada.do("POST", "/api/repos/create", `{"name":"gated"}`).json(t)
	ada.commit("models/ada/gated", file("a.txt", "a"), file("config.json", "{}"))
	ada.do("PUT", "/api/models/ada/gated/settings", `{"gated":"manual"}`).json(t)
	fetch := func(v visitor) string {
		got := v.do("GET", "/ada/gated/resolve/main/a.txt", "")
		return fmt.Sprint(got.status, got.header.Get("X-Error-Code"))
	}
	if got := fetch(stranger) + fetch(eve) + fetch(ada); got != "401GatedRepo403GatedRepo200" {
		t.Errorf("before: %s", got)
	}
	sum := sha256.Sum256([]byte("a"))
	blob := "/v2/ada/gated/blobs/sha256:" + hex.EncodeToString(sum[:])
	if a, b := eve.do("GET", blob, "").status, ada.do("GET", blob, "").status; a != http.StatusForbidden || b != http.StatusOK {
		t.Errorf("by the other protocol: %d, %d", a, b)
	}
	if got := eve.do("GET", "/api/models/ada/gated", "").json(t).(map[string]any); got["gated"] != "manual" {
		t.Errorf("info %v", got)
	}
	if got := eve.do("POST", "/api/models/ada/gated/ask-access", "{}").json(t).(map[string]any); got["status"] != "pending" {
		t.Errorf("asked: %v", got)
	}
	if got := eve.do("GET", "/api/models/ada/gated/user-access-request/pending", ""); got.status != http.StatusForbidden {
		t.Errorf("eve sees who asked: %d", got.status)
	}
	if got := fmt.Sprint(ada.do("GET", "/api/models/ada/gated/user-access-request/pending", "").json(t)); !strings.Contains(got, "eve") {
		t.Errorf("requests: %s", got)
	}
	ada.do("POST", "/api/models/ada/gated/user-access-request/handle", `{"user":"eve","status":"accepted"}`).json(t)
	if got := fetch(eve); got != "200" {
		t.Errorf("after: %s", got)
	}
	ada.do("PUT", "/api/models/ada/gated/settings", `{"gated":false}`).json(t)
	if got := fetch(stranger); got != "200" {
		t.Errorf("open again: %s", got)
	}
}

func TestListsAreFilteredSortedAndPaged(t *testing.T) {
	_, ada, stranger := start(t)
	for i, task := range []string{"text-classification", "fill-mask", "text-classification"} {
		name := fmt.Sprintf("ada/m%d", i)
		ada.do("POST", "/api/repos/create", fmt.Sprintf(`{"name":"m%d"}`, i)).json(t)
		ada.commit("models/"+name, file("README.md", "---\npipeline_tag: "+task+"\nlicense: MIT\ndatasets: [ada/d]\n---\n"), file("config.json", "{}"))
	}
	ada.do("POST", "/api/repos/create", `{"name":"hidden","private":true}`).json(t)
	ada.do("POST", "/api/models/ada/m1/like", "").json(t)
	list := func(v visitor, query string) string {
		var names []string
		for path := "/api/models?" + query; path != ""; {
			got := v.do("GET", path, "")
			for _, m := range got.json(t).([]any) {
				names = append(names, m.(map[string]any)["id"].(string))
			}
			path, _, _ = strings.Cut(strings.TrimPrefix(got.header.Get("Link"), "<"), ">")
		}
		return strings.ReplaceAll(strings.Join(names, " "), "ada/", "")
	}
	for query, want := range map[string]string{
		"sort=createdAt":                              "m2 m1 m0",
		"sort=createdAt&limit=1":                      "m2 m1 m0",
		"sort=createdAt&direction=1&limit=2":          "m0 m1 m2",
		"sort=likes&limit=1":                          "m1 m2 m0",
		"sort=id&filter=text-classification":          "m0 m2",
		"sort=id&filter=license:mit&filter=fill-mask": "m1",
		"sort=id&filter=dataset:ada/d,fill-mask":      "m1",
		"sort=id&filter=dataset:none":                 "",
		"sort=id&search=M2":                           "m2",
		"sort=id&author=nobody":                       "",
		"sort=id&pipeline_tag=fill-mask&full=true":    "m1",
		"sort=id&gated=false":                         "m0 m1 m2",
	} {
		if got := list(stranger, query); got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
	if got := list(ada, "sort=id"); got != "hidden m0 m1 m2" {
		t.Errorf("ada sees %q", got)
	}
	if got := stranger.do("GET", "/api/models?sort=beauty", ""); got.status != http.StatusBadRequest {
		t.Errorf("a wrong order: %d", got.status)
	}
	if got := fmt.Sprint(stranger.do("GET", "/api/users/ada/likes", "").json(t)); !strings.Contains(got, "ada/m1") {
		t.Errorf("likes %s", got)
	}
}

func TestTreesListFilesAndFolders(t *testing.T) {
	_, ada, _ := start(t)
	ada.do("POST", "/api/repos/create", `{"name":"data","type":"dataset"}`).json(t)
	first := ada.commit("datasets/ada/data", file("README.md", "# D\n"), file("data/train.jsonl", "{}\n"), file("data/more/test.jsonl", "{}\n"))
	second := ada.commit("datasets/ada/data", file("data/train.jsonl", "{}{}\n"))
	paths := func(path string) string {
		var list []string
		for _, e := range ada.do("GET", "/api/datasets/ada/data/tree/"+path, "").json(t).([]any) {
			e := e.(map[string]any)
			list = append(list, e["type"].(string)[:1]+":"+e["path"].(string))
		}
		return strings.Join(list, " ")
	}
	for path, want := range map[string]string{
		"main":                  "f:README.md d:data",
		"main?recursive=True":   "f:README.md d:data d:data/more f:data/more/test.jsonl f:data/train.jsonl",
		"main/data":             "d:data/more f:data/train.jsonl",
		"main/data%2Fmore":      "f:data/more/test.jsonl",
		"main?limit=1&cursor=1": "d:data",
	} {
		if got := paths(path); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, form := range [][2]string{{"application/x-www-form-urlencoded", "paths=data%2Ftrain.jsonl&paths=none&paths=data%2Fmore&expand=True"}, {"application/json", `{"paths":["data/train.jsonl","none","data/more"],"expand":true}`}} {
		list := ada.do("POST", "/api/datasets/ada/data/paths-info/main", form[1], "Content-Type", form[0]).json(t).([]any)
		if len(list) != 2 {
			t.Fatalf("%v", list)
		}
		changed := map[string]any{}
		for _, e := range list {
			e := e.(map[string]any)
			changed[e["path"].(string)] = e["lastCommit"].(map[string]any)["id"]
		}
		if changed["data/train.jsonl"] != second || changed["data/more"] != first {
			t.Errorf("changed last: %v, commits %s, %s", changed, first, second)
		}
	}
	var ids []string
	for _, c := range ada.do("GET", "/api/datasets/ada/data/commits/main", "").json(t).([]any) {
		ids = append(ids, c.(map[string]any)["id"].(string))
	}
	if fmt.Sprint(ids) != fmt.Sprint([]string{second, first}) {
		t.Errorf("commits %v", ids)
	}
	if got := ada.do("GET", "/datasets/ada/data/resolve/"+first+"/data/train.jsonl", ""); got.body != "{}\n" {
		t.Errorf("the first state: %d %q", got.status, got.body)
	}
}

func TestACommitIsWholeOrNotThere(t *testing.T) {
	_, ada, _ := start(t)
	ada.do("POST", "/api/repos/create", `{"name":"m"}`).json(t)
	before := ada.commit("models/ada/m", file("config.json", "{}"))
	missing := strings.Repeat("a", 64)
	for name, lines := range map[string][]string{
		"a cut":               {file("b.txt", "b"), `{"key":"file","value":{"content":"aGVs`},
		"no base64":           {file("b.txt", "b"), `{"key":"file","value":{"content":"a!","path":"x","encoding":"base64"}}`},
		"a path outside":      {file("b.txt", "b"), file("../x", "x")},
		"a missing object":    {file("b.txt", "b"), fmt.Sprintf(`{"key":"lfsFile","value":{"path":"w.safetensors","algo":"sha256","oid":%q,"size":1}}`, missing)},
		"a wrong deletion":    {file("b.txt", "b"), `{"key":"deletedFile","value":{"path":"none"}}`},
		"a file and a folder": {file("b", "b"), file("b/c", "c")},
		"a broken card":       {file("README.md", "---\na: [\n---\n")},
		"nothing left":        {`{"key":"deletedFile","value":{"path":"config.json"}}`},
		"an unknown key":      {file("b.txt", "b"), `{"key":"renamed","value":{"path":"b.txt"}}`},
	} {
		if got := ada.tryCommit("models/ada/m", "main", "", lines...); got.status < 400 || got.status >= 500 {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if got := ada.do("GET", "/api/models/ada/m", "").json(t).(map[string]any); got["sha"] != before {
			t.Fatalf("%s left %v", name, got)
		}
	}
	if got := ada.tryCommit("models/ada/m", "main", catalogue.Root, file("b.txt", "b")); got.status != http.StatusPreconditionFailed {
		t.Errorf("a wrong parent: %d %s", got.status, got.body)
	}
	if got := ada.tryCommit("models/ada/m", "main", before, file("b.txt", "b")); got.status != http.StatusOK {
		t.Errorf("the right parent: %d %s", got.status, got.body)
	}
}

func TestCommitsAtOnceLoseNothing(t *testing.T) {
	_, ada, _ := start(t)
	ada.do("POST", "/api/repos/create", `{"name":"m"}`).json(t)
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			if got := ada.tryCommit("models/ada/m", "main", "", file(fmt.Sprintf("f%d.txt", i), "x"), file("config.json", "{}")); got.status != http.StatusOK {
				t.Errorf("%d: %d %s", i, got.status, got.body)
			}
		})
	}
	group.Wait()
	if got := ada.do("GET", "/api/models/ada/m", "").json(t).(map[string]any)["siblings"].([]any); len(got) != 9 {
		t.Errorf("%d files: %v", len(got), got)
	}
	if got := ada.do("GET", "/api/models/ada/m/commits/main", "").json(t).([]any); len(got) != 8 {
		t.Errorf("%d commits", len(got))
	}
}

func TestBranchesMoveAndTagsStay(t *testing.T) {
	_, ada, _ := start(t)
	ada.do("POST", "/api/repos/create", `{"name":"m"}`).json(t)
	if got := ada.do("POST", "/api/models/ada/m/branch/dev", "{}"); got.status != http.StatusBadRequest {
		t.Errorf("a branch of nothing: %d", got.status)
	}
	first := ada.commit("models/ada/m", file("config.json", "{}"))
	ada.do("POST", "/api/models/ada/m/tag/main", `{"tag":"v1"}`).json(t)
	ada.do("POST", "/api/models/ada/m/branch/dev", `{"startingPoint":"v1"}`).json(t)
	if got := ada.do("POST", "/api/models/ada/m/branch/dev", `{}`); got.status != http.StatusConflict {
		t.Errorf("the same branch again: %d", got.status)
	}
	dev := ada.tryCommit("models/ada/m", "dev", first, file("dev.txt", "d")).json(t).(map[string]any)["commitOid"]
	at := func(revision string) any {
		return ada.do("GET", "/api/models/ada/m/revision/"+revision, "").json(t).(map[string]any)["sha"]
	}
	if at("dev") != dev || at("main") != first || at("v1") != first {
		t.Errorf("dev %v, main %v, v1 %v", at("dev"), at("main"), at("v1"))
	}
	if got := ada.tryCommit("models/ada/m", "v1", "", file("x", "x")); got.status != http.StatusBadRequest {
		t.Errorf("a commit to a tag: %d", got.status)
	}
	if got := ada.tryCommit("models/ada/m", "none", "", file("x", "x")); got.status != http.StatusNotFound || got.header.Get("X-Error-Code") != "RevisionNotFound" {
		t.Errorf("a commit to nothing: %d", got.status)
	}
	if got := ada.do("DELETE", "/api/models/ada/m/branch/v1", ""); got.status != http.StatusNotFound {
		t.Errorf("a tag deleted as a branch: %d", got.status)
	}
	ada.do("DELETE", "/api/models/ada/m/branch/dev", "").json(t)
	ada.do("DELETE", "/api/models/ada/m/tag/v1", "").json(t)
	if got := ada.do("GET", "/api/models/ada/m/revision/dev", ""); got.header.Get("X-Error-Code") != "RevisionNotFound" {
		t.Errorf("a deleted branch: %d", got.status)
	}
}

func TestMovedRepositoriesRedirectWithinTheMarket(t *testing.T) {
	_, ada, stranger := start(t)
	ada.do("POST", "/api/repos/create", `{"name":"old","type":"dataset"}`).json(t)
	ada.commit("datasets/ada/old", file("a b.txt", "a"))
	ada.do("POST", "/api/repos/move", `{"fromRepo":"ada/old","toRepo":"ada/new","type":"dataset"}`).json(t)
	got := stranger.do("HEAD", "/datasets/ada/old/resolve/main/a%20b.txt", "")
	if got.status != http.StatusTemporaryRedirect || got.header.Get("Location") != "/datasets/ada/new/resolve/main/a%20b.txt" {
		t.Errorf("%d to %q", got.status, got.header.Get("Location"))
	}
	if got := stranger.do("GET", got.header.Get("Location"), ""); got.body != "a" {
		t.Errorf("%d %s", got.status, got.body)
	}
	ada.do("DELETE", "/api/repos/delete", `{"name":"new","organization":"ada","type":"dataset"}`)
	if got := ada.do("GET", "/api/datasets/ada/new", ""); got.status != http.StatusForbidden && got.header.Get("X-Error-Code") != "RepoNotFound" {
		t.Errorf("deleted: %d", got.status)
	}
}

func TestLargeFilesComeByLFS(t *testing.T) {
	_, ada, stranger := start(t)
	ada.do("POST", "/api/repos/create", `{"name":"m"}`).json(t)
	modes := fmt.Sprint(ada.do("POST", "/api/models/ada/m/preupload/main", `{"files":[{"path":"s","size":67108864,"sample":""},{"path":"l","size":67108865,"sample":""}]}`).json(t))
	if !strings.Contains(modes, "path:s shouldIgnore:false uploadMode:regular") || !strings.Contains(modes, "path:l shouldIgnore:false uploadMode:lfs") {
		t.Errorf("modes %s", modes)
	}
	content := bytes.Repeat([]byte("large "), 1000)
	sum := sha256.Sum256(content)
	oid := hex.EncodeToString(sum[:])
	batch := func() map[string]any {
		body := fmt.Sprintf(`{"operation":"upload","transfers":["basic","multipart"],"objects":[{"oid":%q,"size":%d}],"hash_algo":"sha256"}`, oid, len(content))
		return ada.do("POST", "/ada/m.git/info/lfs/objects/batch", body).json(t).(map[string]any)["objects"].([]any)[0].(map[string]any)
	}
	actions := batch()["actions"].(map[string]any)
	href := actions["upload"].(map[string]any)["href"].(string)
	if got := stranger.do("PUT", href, "something else"); got.status != http.StatusBadRequest {
		t.Errorf("another content: %d %s", got.status, got.body)
	}
	if got := stranger.do("PUT", href, string(content)); got.status != http.StatusOK { // as clients do, without a token
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := ada.do("POST", actions["verify"].(map[string]any)["href"].(string), fmt.Sprintf(`{"oid":%q,"size":%d}`, oid, len(content))); got.status != http.StatusOK {
		t.Errorf("verify: %d %s", got.status, got.body)
	}
	if again := batch(); again["actions"] != nil {
		t.Errorf("to be sent again: %v", again)
	}
	ada.commit("models/ada/m", file("config.json", "{}"), fmt.Sprintf(`{"key":"lfsFile","value":{"path":"w.bin","algo":"sha256","oid":%q,"size":%d}}`, oid, len(content)))
	if got := stranger.do("GET", "/ada/m/resolve/main/w.bin", ""); got.body != string(content) {
		t.Errorf("%d, %d bytes", got.status, len(got.body))
	}
	if got := stranger.do("POST", "/ada/m.git/info/lfs/objects/batch", `{"operation":"upload","objects":[]}`); got.status != http.StatusUnauthorized {
		t.Errorf("a stranger uploads: %d", got.status)
	}
	if got := stranger.do("PUT", strings.Replace(href, "/uploads/", "/uploads/0", 1), "x"); got.status != http.StatusNotFound {
		t.Errorf("an upload that nobody began: %d", got.status)
	}
}
