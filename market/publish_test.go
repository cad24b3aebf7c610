package market_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// written is a folder with files.
func written(t *testing.T, files map[string]string) string {
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

// tryPush pushes files without looking into them first, as another program would.
func tryPush(t *testing.T, c *client.Client, files map[string]string, name string) (*client.Pushed, error) {
	t.Helper()
	p, err := pack.Folder(t.Context(), written(t, files), pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c.Push(t.Context(), p, reference(t, name), client.Watch{})
}

// request sends one with a token, and returns status, headers and body.
func request(t *testing.T, method, address, token, contentType string, body []byte) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(method, address, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", contentType)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(b)
}

const pickle = "cos\nsystem\n(S'true'\ntR."

func TestAHostilePackageIsRefusedByBothProtocolsAndNeverSeen(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	c := connect(t, m.URL, token)
	files := map[string]string{"README.md": markettest.Card, "config.json": "{}", "notes.txt": pickle}
	_, err := tryPush(t, c, files, "ada/bad:1.0.0")
	if err == nil || !strings.Contains(err.Error(), "notes.txt: a Python pickle") || !strings.Contains(hint.Way(err), "safetensors") {
		t.Errorf("pushed: %v; %s", err, hint.Way(err))
	}

	// The registry's own form of an error has the list of what was found.
	p, err := pack.Folder(t.Context(), written(t, files), pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, reference := range []string{"1.0.0", "beta", p.Digest.String()} {
		answer, body := request(t, "PUT", m.URL+"/v2/ada/bad/manifests/"+reference, token, "application/vnd.oci.image.manifest.v1+json", p.Manifest)
		var said struct {
			Errors []struct {
				Code, Message string
				Detail        []inspect.Finding
			}
		}
		if err := json.Unmarshal([]byte(body), &said); err != nil || answer.StatusCode != http.StatusBadRequest || said.Errors[0].Code != "MANIFEST_INVALID" || len(said.Errors[0].Detail) == 0 || said.Errors[0].Detail[0].Rule != "pickle" || said.Errors[0].Detail[0].Path != "notes.txt" {
			t.Errorf("%s: %d %s (%v)", reference, answer.StatusCode, body, err)
		}
		if got, _ := request(t, "GET", m.URL+"/v2/ada/bad/manifests/"+reference, token, "", nil); got.StatusCode != http.StatusNotFound {
			t.Errorf("%s can be pulled: %d", reference, got.StatusCode)
		}
	}

	// A commit of the hub's clients.
	request(t, "POST", m.URL+"/api/repos/create", token, "application/json", []byte(`{"name":"hub"}`))
	lines := []string{`{"key":"header","value":{"summary":"bad"}}`, commitLine("config.json", "{}"), commitLine("a/weights.bin", pickle)}
	answer, body := request(t, "POST", m.URL+"/api/models/ada/hub/commit/main", token, "application/x-ndjson", []byte(strings.Join(lines, "\n")))
	if said := answer.Header.Get("X-Error-Message"); answer.StatusCode != http.StatusBadRequest || !strings.Contains(said, "a/weights.bin: a Python pickle") || !strings.Contains(body, "pickle") {
		t.Errorf("committed: %d %q %s", answer.StatusCode, said, body)
	}
	if got, _ := request(t, "GET", m.URL+"/ada/hub/resolve/main/config.json", token, "", nil); got.StatusCode != http.StatusNotFound {
		t.Errorf("half of the commit is there: %d", got.StatusCode)
	}
}

func commitLine(path, content string) string {
	return fmt.Sprintf(`{"key":"file","value":{"path":%q,"encoding":"base64","content":%q}}`, path, base64.StdEncoding.EncodeToString([]byte(content)))
}

func TestARepositoryGrowsFileByFileAndAVersionWantsAllOfIt(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	request(t, "POST", m.URL+"/api/repos/create", token, "application/json", []byte(`{"name":"m"}`))
	commit := func(lines ...string) *http.Response {
		lines = append([]string{`{"key":"header","value":{"summary":"more"}}`}, lines...)
		answer, body := request(t, "POST", m.URL+"/api/models/ada/m/commit/main", token, "application/x-ndjson", []byte(strings.Join(lines, "\n")))
		if answer.StatusCode != http.StatusOK {
			t.Fatalf("%d %s", answer.StatusCode, body)
		}
		return answer
	}
	if warned := strings.Join(commit(commitLine("config.json", "{}")).Header.Values("X-HF-Warning"), "\n"); !strings.Contains(warned, "no card") {
		t.Errorf("warned %q", warned)
	}
	tag := func() int {
		answer, _ := request(t, "POST", m.URL+"/api/models/ada/m/tag/main", token, "application/json", []byte(`{"tag":"1.0.0"}`))
		return answer.StatusCode
	}
	if got := tag(); got != http.StatusBadRequest {
		t.Errorf("a version without a card: %d", got)
	}
	if warned := commit(commitLine("README.md", markettest.Card)).Header.Values("X-HF-Warning"); len(warned) > 0 {
		t.Errorf("a whole card is warned of: %q", warned)
	}
	if got := tag(); got != http.StatusOK {
		t.Errorf("a version that lacks nothing: %d", got)
	}
}

func TestWhatIsOnlyNotedIsKeptAndShown(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	c := connect(t, m.URL, m.Token(t, "ada", catalogue.Write))
	pushed, err := tryPush(t, c, map[string]string{"README.md": markettest.Card, "rows.jsonl": `{"text":"zhang.san@mail.cn"}` + "\n"}, "ada/rows:1.0.0")
	if err != nil || len(pushed.Notes) != 1 || !strings.Contains(pushed.Notes[0], "1 e-mail address (line 1)") {
		t.Fatalf("%+v, %v", pushed, err)
	}
	info, err := c.Info(t.Context(), "ada/rows", "1.0.0")
	if err != nil || len(info.Findings) != 1 || info.Findings[0].Rule != "personal" || info.Findings[0].Path != "rows.jsonl" {
		t.Errorf("%+v, %v", info, err)
	}
	for language, says := range map[string][]string{"en": {"Personal data", "1 e-mail address"}, "zh": {"个人信息", "1 个电子邮箱"}} {
		_, page := request(t, "GET", m.URL+"/ada/rows?lang="+language, "", "", nil)
		if !strings.Contains(page, says[0]) || !strings.Contains(page, says[1]) || strings.Contains(page, "zhang.san") {
			t.Errorf("the page in %s does not show it", language)
		}
	}
}

func TestLicencesOfParentsOnTheMarketAreHeeded(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	c := connect(t, m.URL, m.Token(t, "ada", catalogue.Write))
	parent := strings.Replace(markettest.Card, "license: mit", "license: cc-by-nc-sa-4.0", 1)
	if _, err := tryPush(t, c, map[string]string{"README.md": parent, "config.json": "{}"}, "ada/parent:1.0.0"); err != nil {
		t.Fatal(err)
	}
	child := strings.Replace(markettest.Card, "license: mit", "license: mit\nbase_model: ada/parent", 1)
	if _, err := tryPush(t, c, map[string]string{"README.md": child, "config.json": "{}"}, "ada/child:1.0.0"); err == nil || !strings.Contains(err.Error(), "cc-by-nc-sa-4.0") || !strings.Contains(hint.Way(err), "publish it under") {
		t.Errorf("%v; %s", err, hint.Way(err))
	}
	child = strings.Replace(child, "license: mit", "license: cc-by-nc-sa-4.0", 1)
	if _, err := tryPush(t, c, map[string]string{"README.md": child, "config.json": "{}"}, "ada/child:1.0.0"); err != nil {
		t.Error(err)
	}
}

const appCard = "---\nlicense: mit\nlanguage: zh\n---\n# Desk\n"

func application(version, needs string) map[string]string {
	return map[string]string{"README.md": appCard, "app.yaml": "name: desk\nversion: " + version + "\ninputs: {question: text}\noutputs: {answer: label}\ndependencies:\n  first: " + needs + "\n"}
}

func TestApplicationsNeedWhatIsThere(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	c := connect(t, m.URL, m.Token(t, "ada", catalogue.Write))
	model, err := tryPush(t, c, map[string]string{"README.md": markettest.Card, "config.json": "{}"}, "ada/model:1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryPush(t, c, map[string]string{"README.md": strings.Replace(markettest.Card, "# Test", "# Other", 1), "config.json": "{}"}, "ada/model:2.0.0"); err != nil {
		t.Fatal(err)
	}
	ok := "ada/model:1.0.0@" + model.Digest.String()
	for name, c2 := range map[string]struct{ version, needs, says string }{
		"another package":   {"1.0.0", "ada/none@" + model.Digest.String(), "ada/none is not on this market"},
		"another digest":    {"1.0.0", "ada/model@" + digest.FromString("none").String(), "has no package"},
		"another version":   {"1.0.0", "ada/model:2.0.0@" + model.Digest.String(), "and not"},
		"no such version":   {"1.0.0", "ada/model:3.0.0@" + model.Digest.String(), "no version 3.0.0"},
		"under another tag": {"1.0.1", ok, "it says 1.0.1 and is to be published as 1.0.0"},
	} {
		if _, err := tryPush(t, c, application(c2.version, c2.needs), "ada/desk:1.0.0"); err == nil || !strings.Contains(err.Error(), c2.says) || hint.Way(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	desk, err := tryPush(t, c, application("1.0.0", ok), "ada/desk:1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	info, err := c.Info(t.Context(), "ada/desk", "")
	if err != nil || info.Kind != "application" || strings.Join(info.Labels["dependency"], " ") != "ada/model" {
		t.Errorf("%+v, %v", info, err)
	}
	if _, page := request(t, "GET", m.URL+"/ada/desk", "", "", nil); !strings.Contains(page, `<a href="/ada/model">ada/model</a>`) {
		t.Error("the page does not show what the application needs")
	}
	// One that needs the first may be needed by anything but the first.
	other, err := tryPush(t, c, application("1.0.0", "ada/desk@"+desk.Digest.String()), "ada/other:1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryPush(t, c, application("1.1.0", "ada/other@"+other.Digest.String()), "ada/desk:1.1.0"); err == nil || !strings.Contains(err.Error(), "which it is part of") {
		t.Errorf("a circle: %v", err)
	}
}

func TestWhatIsNoPackageIsStoredAsItIs(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	layer := "\x7fELF\x02" + strings.Repeat("\x00", 60)
	for _, content := range []string{layer, "{}"} {
		answer, body := request(t, "POST", m.URL+"/v2/ada/image/blobs/uploads/?digest="+digest.FromString(content).String(), token, "application/octet-stream", []byte(content))
		if answer.StatusCode != http.StatusCreated {
			t.Fatal(answer.Status, body)
		}
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":%q,"size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":%q,"size":%d}]}`, digest.FromString("{}"), digest.FromString(layer), len(layer))
	if answer, body := request(t, "PUT", m.URL+"/v2/ada/image/manifests/1.0.0", token, "application/vnd.oci.image.manifest.v1+json", []byte(manifest)); answer.StatusCode != http.StatusCreated {
		t.Error(answer.Status, body)
	}
}
