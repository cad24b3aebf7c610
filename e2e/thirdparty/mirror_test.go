package thirdparty

import (
	"bufio"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// startRegistry starts go-containerregistry's registry, and returns its host and port.
func startRegistry(t *testing.T) string {
	t.Helper()
	cmd := exec.Command(ociTool(t, "registry"), "-port", "0")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if _, port, ok := strings.Cut(lines.Text(), "serving on port "); ok {
			go func() {
				for lines.Scan() { // or it blocks
				}
			}()
			return "localhost:" + port
		}
	}
	t.Fatal("the registry did not start")
	return ""
}

// TestAMirrorGoesThroughARegistryOfOthers copies a package with what refers to it to a registry that is not ours, and from
// there to another market: it installs, and its digest has stayed.
func TestAMirrorGoesThroughARegistryOfOthers(t *testing.T) {
	registry := startRegistry(t)
	m, token, _, p := published(t)
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.example.note","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"` + digest.FromString("{}").String() +
		`","size":2},"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"` + p.Digest.String() + `","size":1}}`
	send(t, "POST", m.URL+"/v2/ada/model/blobs/uploads/?digest="+digest.FromString("{}").String(), token, "{}")
	send(t, "PUT", m.URL+"/v2/ada/model/manifests/"+digest.FromString(manifest).String(), token, manifest)

	other := markettest.Start(t, market.Options{})
	eve := other.Token(t, "eve", catalogue.Write)
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	theirs := "oci://" + registry + "/mirror/of/model"
	copied := func(from, to string, o client.MirrorOptions) *client.Mirrored {
		t.Helper()
		a, err := client.ParsePlace(from)
		if err != nil {
			t.Fatal(err)
		}
		b, err := client.ParsePlace(to)
		if err != nil {
			t.Fatal(err)
		}
		o.Home = t.TempDir()
		done, err := client.Mirror(t.Context(), a, b, o)
		if err != nil {
			t.Fatalf("%v; %s", err, hint.Way(err))
		}
		return done
	}
	there := copied("market://"+strings.TrimPrefix(m.URL, "http://")+"/ada/model", theirs, client.MirrorOptions{})
	if len(there.Versions) != 2 || there.Versions[0].Digest != p.Digest || there.Versions[0].State != "copied" || len(there.Refers) != 1 {
		t.Errorf("to the registry: %+v", there)
	}
	if again := copied("market://"+strings.TrimPrefix(m.URL, "http://")+"/ada/model", theirs, client.MirrorOptions{}); again.Copied != 0 || again.Versions[0].State != "there" {
		t.Errorf("again: %+v", again)
	}
	back := copied(theirs+":1.0.0", "market://"+strings.TrimPrefix(other.URL, "http://")+"/eve/model", client.MirrorOptions{ToToken: eve})
	if back.Versions[0].Digest != p.Digest || len(back.Refers) != 1 || back.Refers[0].Digest != digest.FromString(manifest) {
		t.Errorf("from the registry: %+v", back)
	}
	installs(t, other, "eve/model", "1.0.0", p)
}

func send(t *testing.T, method, address, token, body string) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		t.Fatal(answer.Status)
	}
}
