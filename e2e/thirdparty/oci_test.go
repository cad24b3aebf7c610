package thirdparty

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// ociTool returns a program that was built from the module in oci/, or skips the test.
func ociTool(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("XIAOYU_OCI_TOOLS")
	if dir == "" {
		t.Skip("set XIAOYU_OCI_TOOLS to a folder with the programs of e2e/thirdparty/oci: go build -C e2e/thirdparty/oci -o FOLDER tool")
	}
	return filepath.Join(dir, name)
}

// runIn runs a program and fails the test with what it printed.
func runIn(t *testing.T, dir string, environment []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), environment...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(program), strings.Join(args, " "), err, out)
	}
	return string(out)
}

// TestTheRegistryConforms runs the distribution specification's own suite over pull, push, content discovery and content
// management, with the optional checks that are off by themselves: digests in headers, and uploads that are given up.
func TestTheRegistryConforms(t *testing.T) {
	suite := ociTool(t, "conformance")
	m := markettest.Start(t, market.Options{})
	dir := t.TempDir()
	out := runIn(t, dir, []string{
		"OCI_REGISTRY=" + strings.TrimPrefix(m.URL, "http://"), "OCI_TLS=disabled", "OCI_USERNAME=conformance", "OCI_PASSWORD=" + m.Token(t, "conformance", catalogue.Write), "OCI_RESULTS_DIR=" + dir,
		"OCI_API_BLOBS_DIGEST_HEADER=true", "OCI_API_MANIFESTS_DIGEST_HEADER=true", "OCI_API_BLOBS_UPLOAD_CANCEL=true",
	}, suite)
	// The suite counts what a registry does not support as no failure; ours supports all of it but the mount without a
	// source, which is a hint.
	passed := 0
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasSuffix(line, ": Pass"):
			passed++
		case strings.HasSuffix(line, ": Skip") && !strings.Contains(line, "mount anonymous"), strings.HasSuffix(line, ": FAIL"), strings.HasSuffix(line, ": Error"):
			t.Error(line)
		}
	}
	if passed < 200 {
		t.Errorf("only %d checks have passed: has the form of the report changed?\n%s", passed, out)
	}
}

// published is a market with a package of ours, and its folder.
func published(t *testing.T) (m *markettest.Market, token, dir string, p *pack.Packed) {
	t.Helper()
	m = markettest.Start(t, market.Options{})
	token = m.Token(t, "ada", catalogue.Write)
	dir = t.TempDir()
	for name, content := range map[string]string{"README.md": markettest.Card, "config.json": `{"model_type":"bert"}`, "model.safetensors": string(markettest.Weights([]byte(strings.Repeat("weights ", 1<<18)))), "onnx/model.onnx": "\x08\x08\x3a\x00"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pack.Folder(t.Context(), dir, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := connected(t, m, token).Push(t.Context(), p, client.Reference{Name: "ada/model", Tag: "1.0.0"}, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	return m, token, dir, p
}

func connected(t *testing.T, m *markettest.Market, token string) *client.Client {
	t.Helper()
	c, err := client.New(client.Options{Market: m.URL, Token: token, Home: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// installs pulls a package that another program has pushed, and compares it with what it was made of.
func installs(t *testing.T, m *markettest.Market, name, tag string, want *pack.Packed) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	if _, err := connected(t, m, "").Pull(t.Context(), client.Reference{Name: name, Tag: tag}, out, false, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	got, err := pack.Folder(t.Context(), out, pack.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest != want.Digest {
		t.Errorf("%s:%s came back as another package", name, tag)
	}
}

// TestSkopeoCopiesAPackageOutAndIn copies by Debian's skopeo: as a stranger to a folder, from there to another name, and
// from name to name, where blobs are mounted.
func TestSkopeoCopiesAPackageOutAndIn(t *testing.T) {
	ociTool(t, "")
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skopeo is not installed")
	}
	m, token, _, p := published(t)
	host := strings.TrimPrefix(m.URL, "http://")
	dir := t.TempDir()
	environment := []string{"REGISTRY_AUTH_FILE=" + filepath.Join(dir, "none.json"), "HOME=" + dir}
	policy := filepath.Join(dir, "policy.json")
	if err := os.WriteFile(policy, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(args ...string) {
		runIn(t, dir, environment, skopeo, append([]string{"--policy", policy}, args...)...)
	}
	run("copy", "--src-tls-verify=false", "docker://"+host+"/ada/model:1.0.0", "dir:"+filepath.Join(dir, "out"))
	run("copy", "--dest-tls-verify=false", "--dest-creds=ada:"+token, "dir:"+filepath.Join(dir, "out"), "docker://"+host+"/ada/again:2.0.0")
	installs(t, m, "ada/again", "2.0.0", p)
	run("copy", "--src-tls-verify=false", "--dest-tls-verify=false", "--dest-creds=ada:"+token, "docker://"+host+"/ada/again:2.0.0", "docker://"+host+"/ada/third:beta")
	installs(t, m, "ada/third", "beta", p)
	manifest := runIn(t, dir, environment, skopeo, "--policy", policy, "inspect", "--raw", "--tls-verify=false", "docker://"+host+"/ada/third:beta")
	if manifest != string(p.Manifest) {
		t.Errorf("the manifest has changed on its way: %s", manifest)
	}
}

// TestOrasPullsAndPushesPackages has oras write the files of a package, push them as an artifact of its own making, copy
// ours, and list what there is.
func TestOrasPullsAndPushesPackages(t *testing.T) {
	oras := ociTool(t, "oras")
	m, token, dir, p := published(t)
	host := strings.TrimPrefix(m.URL, "http://")
	home := t.TempDir()
	environment := []string{"HOME=" + home, "DOCKER_CONFIG=" + home}
	login := exec.Command(oras, "login", "--plain-http", host, "-u", "ada", "--password-stdin")
	login.Stdin, login.Env = strings.NewReader(token), append(os.Environ(), environment...)
	if out, err := login.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	runIn(t, dir, environment, oras, "push", "--plain-http", "--artifact-type", pack.ArtifactType, host+"/ada/theirs:1.0.0", "README.md:"+pack.DocumentType, "config.json:"+pack.WeightSettings, "model.safetensors:"+pack.WeightType, "onnx/model.onnx:"+pack.WeightType)
	installs(t, m, "ada/theirs", "1.0.0", p)
	if info, err := connected(t, m, "").Info(t.Context(), "ada/theirs", ""); err != nil || info.Kind != "model" || info.Licence != "mit" {
		t.Errorf("%+v, %v", info, err)
	}
	out := t.TempDir()
	runIn(t, out, environment, oras, "pull", "--plain-http", host+"/ada/theirs:1.0.0")
	if b, err := os.ReadFile(filepath.Join(out, "onnx", "model.onnx")); err != nil || string(b) != "\x08\x08\x3a\x00" {
		t.Errorf("%q, %v", b, err)
	}
	runIn(t, out, environment, oras, "cp", "--from-plain-http", "--to-plain-http", host+"/ada/model:1.0.0", host+"/ada/copied:stable")
	installs(t, m, "ada/copied", "stable", p)
	var tags struct{ Tags []string }
	if err := json.Unmarshal([]byte(runIn(t, out, environment, oras, "repo", "tags", "--plain-http", "--format", "json", host+"/ada/model")), &tags); err != nil || strings.Join(tags.Tags, " ") != "1.0.0 latest" {
		t.Errorf("%v, %v", tags, err)
	}
	blob := filepath.Join(out, "weights")
	runIn(t, out, environment, oras, "blob", "fetch", "--plain-http", "--output", blob, host+"/ada/model@"+p.Files[2].Digest.String())
	if info, err := os.Stat(blob); err != nil || info.Size() != p.Files[2].Size {
		t.Errorf("%v, %v", info, err)
	}
	manifest := exec.Command(oras, "manifest", "delete", "--plain-http", "--force", host+"/ada/copied:stable")
	manifest.Env = append(os.Environ(), environment...)
	if out, err := manifest.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if _, err := connected(t, m, "").Info(t.Context(), "ada/copied", "stable"); err == nil {
		t.Error("what oras deleted is there")
	}
}
