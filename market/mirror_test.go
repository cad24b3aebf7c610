package market_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/hub/hubtest"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

func place(t *testing.T, s string) client.Place {
	t.Helper()
	p, err := client.ParsePlace(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func host(address string) string { return strings.TrimPrefix(address, "http://") }

// attest puts something that refers to a manifest beside it, and returns its digest.
func attest(t *testing.T, m *markettest.Market, token, name string, subject digest.Digest, size int) digest.Digest {
	t.Helper()
	if answer, body := request(t, "POST", m.URL+"/v2/"+name+"/blobs/uploads/?digest="+digest.FromString("{}").String(), token, "application/octet-stream", []byte("{}")); answer.StatusCode != http.StatusCreated {
		t.Fatal(answer.Status, body)
	}
	manifest := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"application/vnd.example.signature","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":%d}}`, digest.FromString("{}"), subject, size)
	d := digest.FromString(manifest)
	if answer, body := request(t, "PUT", m.URL+"/v2/"+name+"/manifests/"+d.String(), token, "application/vnd.oci.image.manifest.v1+json", []byte(manifest)); answer.StatusCode != http.StatusCreated {
		t.Fatal(answer.Status, body)
	}
	return d
}

func TestAMirrorKeepsDigestsAndCopiesWhatIsMissing(t *testing.T) {
	from, to := markettest.Start(t, market.Options{}), markettest.Start(t, market.Options{})
	ada, eve := from.Token(t, "ada", catalogue.Write), to.Token(t, "eve", catalogue.Write)
	c := connect(t, from.URL, ada)
	dir := folder(t, 1, 2<<20)
	first := push(t, c, dir, "ada/model:1.0.0")
	signature := attest(t, from, ada, "ada/model", first.Digest, 1)
	if err := os.WriteFile(filepath.Join(dir, "README.md"), []byte(strings.Replace(markettest.Card, "# Test", "# Better", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	second := push(t, c, dir, "ada/model:1.1.0")
	source, target := place(t, "market://"+host(from.URL)+"/ada/model"), place(t, "market://"+host(to.URL)+"/eve/copy")
	options := client.MirrorOptions{ToToken: eve, Home: t.TempDir()}
	run := func(o client.MirrorOptions) *client.Mirrored {
		t.Helper()
		m, err := client.Mirror(t.Context(), source, target, o)
		if err != nil {
			t.Fatalf("%v; %s", err, hint.Way(err))
		}
		return m
	}

	plan := options
	plan.DryRun = true
	if m := run(plan); m.Copied == 0 || m.Bytes < 2<<20 || m.Versions[0].State != "missing" {
		t.Errorf("a plan: %+v", m)
	}
	if _, err := connect(t, to.URL, eve).Info(t.Context(), "eve/copy", ""); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("a plan has done something: %v", err)
	}
	one := options
	one.Tags = []string{"1.0.*"}
	if m := run(one); len(m.Versions) != 1 || m.Versions[0].State != "copied" || m.Versions[0].Digest != first.Digest || len(m.Refers) != 1 || m.Refers[0].Digest != signature {
		t.Errorf("one version: %+v", m)
	}
	m := run(options)
	if len(m.Versions) != 3 || m.Versions[0].State != "there" || m.Versions[1].State != "copied" || m.Versions[1].Digest != second.Digest || m.Versions[2].Tag != "latest" || m.Bytes > 2000 || len(m.Refers) != 0 {
		t.Errorf("the others: %+v", m)
	}
	if m := run(options); m.Copied != 0 || m.Versions[1].State != "there" {
		t.Errorf("once more: %+v", m)
	}
	out := filepath.Join(t.TempDir(), "out")
	if _, err := connect(t, to.URL, "").Pull(t.Context(), reference(t, "eve/copy:1.1.0"), out, false, client.Watch{}); err != nil {
		t.Fatal(err)
	}
	same(t, dir, out)
	if _, body := request(t, "GET", to.URL+"/v2/eve/copy/referrers/"+first.Digest.String(), eve, "", nil); !strings.Contains(body, signature.String()) {
		t.Errorf("referrers: %s", body)
	}
	if left, err := filepath.Glob(filepath.Join(options.Home, "cache", "blobs", "sha256", "*", "*")); err != nil || len(left) > 0 {
		t.Errorf("left in the cache: %v, %v", left, err)
	}
}

func TestAMirrorThatWasInterruptedGoesOn(t *testing.T) {
	from, to := markettest.Start(t, market.Options{}), markettest.Start(t, market.Options{})
	eve := to.Token(t, "eve", catalogue.Write)
	push(t, connect(t, from.URL, from.Token(t, "ada", catalogue.Write)), folder(t, 2, 6<<20), "ada/model:1.0.0")
	var served atomic.Int64
	counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from.ServeHTTP(countingAnswer{w, &served}, r)
	}))
	t.Cleanup(counting.Close)
	source, target := place(t, "oci://"+host(counting.URL)+"/ada/model:1.0.0"), place(t, "oci://"+host(to.URL)+"/eve/model")
	home := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := client.Mirror(ctx, source, target, client.MirrorOptions{ToToken: "eve:" + eve, Home: home, Watch: client.Watch{Progress: func(done, _ int64, _ string) {
		if done > 1<<20 {
			cancel()
		}
	}}})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("it was not interrupted: %v", err)
	}
	before := served.Load()
	m, err := client.Mirror(t.Context(), source, target, client.MirrorOptions{ToToken: "eve:" + eve, Home: home})
	if err != nil || m.Versions[0].State != "copied" {
		t.Fatalf("%+v, %v", m, err)
	}
	if again := served.Load() - before; before+again > 7<<20 {
		t.Errorf("%d bytes were loaded, then %d of 6 MB", before, again)
	}
	if _, err := connect(t, to.URL, "").Info(t.Context(), "eve/model", "1.0.0"); err != nil {
		t.Error(err)
	}
}

type countingAnswer struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c countingAnswer) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.n.Add(int64(n))
	return n, err
}

func TestAMirrorTellsOfWhatIsRefused(t *testing.T) {
	from, to := markettest.Start(t, market.Options{}), markettest.Start(t, market.Options{})
	ada, eve := from.Token(t, "ada", catalogue.Write), to.Token(t, "eve", catalogue.Write)
	c := connect(t, from.URL, ada)
	if _, err := tryPush(t, c, map[string]string{"README.md": "# Nothing said\n", "config.json": "{}"}, "ada/m:beta"); err != nil {
		t.Fatal(err)
	}
	m, err := client.Mirror(t.Context(), place(t, "market://"+host(from.URL)+"/ada/m:beta"), place(t, "market://"+host(to.URL)+"/eve/m:1.0.0"), client.MirrorOptions{ToToken: eve, Home: t.TempDir()})
	if !errors.Is(err, client.ErrRefused) || m.Versions[0].State != "refused" || !strings.Contains(m.Versions[0].Reason, "no licence") {
		t.Errorf("%+v, %v", m, err)
	}
	for _, c := range [][2]string{{"market://ada/m", "market://ada/m@" + digest.FromString("").String()}, {"hf://a/b", "hf://c/d"}} {
		t.Setenv("XIAOYU_MARKET", from.URL)
		t.Setenv("HF_ENDPOINT", from.URL)
		if _, err := client.Mirror(t.Context(), place(t, c[0]), place(t, c[1]), client.MirrorOptions{Home: t.TempDir()}); err == nil || hint.Way(err) == "" {
			t.Errorf("%v: %v; %s", c, err, hint.Way(err))
		}
	}
	for _, bad := range []string{"", "ada/m", "oci://host", "hf://a", "hf://a/b:c", "market://m", "ftp://a/b"} {
		if _, err := client.ParsePlace(bad); err == nil || hint.Way(err) == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestAHubIsCopiedToAMarketAndBack(t *testing.T) {
	weights := string(markettest.Weights(bytes.Repeat([]byte("weights "), 1000)))
	files := map[string]string{"README.md": markettest.Card, "config.json": `{"model_type":"bert"}`, "model.safetensors": weights, ".gitattributes": "hidden"}
	theirs := hubtest.New(t, map[string]*hubtest.Model{"bob/model": {Files: files}})
	m := markettest.Start(t, market.Options{})
	ada := m.Token(t, "ada", catalogue.Write)
	t.Setenv("HF_ENDPOINT", theirs.URL)
	t.Setenv("HF_TOKEN", "")
	home := t.TempDir()
	target := place(t, "market://"+host(m.URL)+"/ada/model:1.0.0")
	options := client.MirrorOptions{ToToken: ada, Home: home}
	got, err := client.Mirror(t.Context(), place(t, "hf://bob/model@main"), target, options)
	if err != nil || got.Versions[0].State != "copied" {
		t.Fatalf("%+v, %v; %s", got, err, hint.Way(err))
	}
	info, err := connect(t, m.URL, "").Info(t.Context(), "ada/model", "1.0.0")
	if err != nil || len(info.Files) != 3 || info.Files[2].Digest != digest.FromString(weights).String() {
		t.Errorf("%+v, %v", info, err)
	}
	theirs.Requests()
	if got, err = client.Mirror(t.Context(), place(t, "hf://bob/model@main"), target, options); err != nil || got.Versions[0].State != "there" {
		t.Errorf("%+v, %v", got, err)
	}
	for _, r := range theirs.Requests() {
		if strings.HasSuffix(r.Path, "model.safetensors") {
			t.Errorf("weights that are there were asked for: %+v", r)
		}
	}
	// A file that is not what the hub lists goes nowhere.
	theirs.Send = func(path, content string) string { return strings.Replace(content, "weights", "Weights", 1) }
	if _, err := client.Mirror(t.Context(), place(t, "hf://bob/model@main"), place(t, "market://"+host(m.URL)+"/ada/wrong:1.0.0"), client.MirrorOptions{ToToken: ada, Home: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "not the file that the hub lists") {
		t.Errorf("a changed file: %v", err)
	}

	// To a hub: a market is one, too. Large files go by LFS there.
	other := markettest.Start(t, market.Options{})
	t.Setenv("HF_ENDPOINT", other.URL)
	back, err := client.Mirror(t.Context(), place(t, "market://"+host(m.URL)+"/ada/model"), place(t, "hf://eve/model"), client.MirrorOptions{ToToken: other.Token(t, "eve", catalogue.Write), Home: home})
	if err != nil {
		t.Fatalf("%+v, %v; %s", back, err, hint.Way(err))
	}
	info, err = connect(t, other.URL, "").Info(t.Context(), "eve/model", "1.0.0")
	if err != nil || len(info.Files) != 3 || info.Files[2].Digest != digest.FromString(weights).String() {
		t.Errorf("%+v, %v", info, err)
	}
	again, err := client.Mirror(t.Context(), place(t, "market://"+host(m.URL)+"/ada/model"), place(t, "hf://eve/model"), client.MirrorOptions{ToToken: other.Token(t, "eve", catalogue.Write), Home: home})
	if err != nil || again.Copied != 0 {
		t.Errorf("%+v, %v", again, err)
	}
	for _, v := range again.Versions {
		if v.State != "there" {
			t.Errorf("%+v", v)
		}
	}
}

// TestAHubIsCopiedToAHub copies a repository between two hubs, of which one is a market, revision by revision.
func TestAHubIsCopiedToAHub(t *testing.T) {
	weights := string(markettest.Weights(bytes.Repeat([]byte("weights "), 1000)))
	theirs := hubtest.New(t, map[string]*hubtest.Model{"bob/model": {Files: map[string]string{"README.md": markettest.Card, "config.json": `{"model_type":"bert"}`, "model.safetensors": weights, ".gitattributes": "hidden"}}})
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "eve", catalogue.Write)
	t.Setenv("HF_ENDPOINT", theirs.URL)
	t.Setenv("HF_TOKEN", "hf_theirs")
	home := t.TempDir()
	from, to := place(t, "hf://bob/model@main"), place(t, "hf://"+host(m.URL)+"/eve/model")
	dry, err := client.Mirror(t.Context(), from, to, client.MirrorOptions{ToToken: token, Home: home, DryRun: true})
	if err != nil || dry.Copied != 3 || dry.Versions[0].State != "missing" {
		t.Fatalf("%+v, %v", dry, err)
	}
	got, err := client.Mirror(t.Context(), from, to, client.MirrorOptions{ToToken: token, Home: home})
	if err != nil || got.Versions[0].State != "copied" || got.Copied != 3 {
		t.Fatalf("%+v, %v; %s", got, err, hint.Way(err))
	}
	info, err := connect(t, m.URL, "").Info(t.Context(), "eve/model", "")
	if err != nil || len(info.Files) != 3 || info.Files[2].Digest != digest.FromString(weights).String() {
		t.Errorf("%+v, %v", info, err)
	}
	if got, err = client.Mirror(t.Context(), from, to, client.MirrorOptions{ToToken: token, Home: home}); err != nil || got.Versions[0].State != "there" || got.Copied != 0 {
		t.Errorf("again: %+v, %v", got, err)
	}
	if left, err := filepath.Glob(filepath.Join(home, "cache", "blobs", "sha256", "*", "*")); err != nil || len(left) != 0 {
		t.Errorf("%v are left in the cache, %v", left, err)
	}
	// The token of HF_ENDPOINT's hub is for that one alone; without its own the market lets nobody write.
	if _, err := client.Mirror(t.Context(), from, place(t, "hf://"+host(m.URL)+"/eve/other"), client.MirrorOptions{Home: home}); !errors.Is(err, client.ErrUnauthorized) {
		t.Errorf("without a token: %v", err)
	}
	if _, err := client.Mirror(t.Context(), from, place(t, "hf://"+host(m.URL)+"/datasets/eve/model"), client.MirrorOptions{ToToken: token, Home: home}); err == nil || !strings.Contains(hint.Way(err), "same kind") {
		t.Errorf("a model as a data set: %v", err)
	}
}

// tokenRegistry wants a token that its service gives out for a repository, as registries of others do.
func TestRegistriesOfOthersAreSpokenToAsTheyWant(t *testing.T) {
	m := markettest.Start(t, market.Options{})
	token := m.Token(t, "ada", catalogue.Write)
	push(t, connect(t, m.URL, token), folder(t, 3, 1000), "ada/model:1.0.0")
	var scopes []string
	var front *httptest.Server
	front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/tokens" {
			user, password, _ := r.BasicAuth()
			if user != "robot" || password != "secret" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			scopes = append(scopes, r.URL.Query().Get("scope"))
			json.NewEncoder(w).Encode(map[string]any{"access_token": "short", "expires_in": 300})
			return
		}
		if r.Header.Get("Authorization") != "Bearer short" {
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+front.URL+`/tokens",service="theirs"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		r.Header.Set("Authorization", "Bearer "+token)
		m.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	docker := t.TempDir()
	t.Setenv("DOCKER_CONFIG", docker)
	config := fmt.Sprintf(`{"auths":{%q:{"auth":"cm9ib3Q6c2VjcmV0"}}}`, host(front.URL)) // robot:secret
	if err := os.WriteFile(filepath.Join(docker, "config.json"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := client.Mirror(t.Context(), place(t, "oci://"+host(front.URL)+"/ada/model"), place(t, "oci://"+host(front.URL)+"/ada/again"), client.MirrorOptions{Home: t.TempDir()})
	if err != nil || len(got.Versions) != 2 || got.Versions[0].State != "copied" {
		t.Fatalf("%+v, %v; %s", got, err, hint.Way(err))
	}
	if all := strings.Join(scopes, " "); !strings.Contains(all, "repository:ada/model:pull") || !strings.Contains(all, "repository:ada/again:pull,push") {
		t.Errorf("scopes %q", scopes)
	}
	for i, config := range []string{fmt.Sprintf(`{"credHelpers":{%q:"ours"}}`, host(front.URL)), `{"credsStore":"ours"}`} { // a program keeps the password
		if runtime.GOOS == "windows" {
			break // a script is no program there
		}
		helper := "#!/bin/sh\nread registry\ncase $1,$registry in get," + host(front.URL) + `) echo '{"ServerURL":"x","Username":"robot","Secret":"secret"}';; *) echo credentials not found in native keychain; exit 1;; esac` + "\n"
		if err := errors.Join(os.WriteFile(filepath.Join(docker, "config.json"), []byte(config), 0o600), os.WriteFile(filepath.Join(docker, "docker-credential-ours"), []byte(helper), 0o700)); err != nil {
			t.Fatal(err)
		}
		t.Setenv("PATH", docker+":"+os.Getenv("PATH"))
		if _, err := client.Mirror(t.Context(), place(t, "oci://"+host(front.URL)+"/ada/model"), place(t, fmt.Sprintf("oci://%s/ada/helped%d", host(front.URL), i)), client.MirrorOptions{Home: t.TempDir()}); err != nil {
			t.Errorf("%s: %v; %s", config, err, hint.Way(err))
		}
	}
	for _, config := range []string{`{"credsStore":"absent"}`, `{"credsStore":"../ours"}`, `{"credsStore":`} {
		if err := os.WriteFile(filepath.Join(docker, "config.json"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Mirror(t.Context(), place(t, "oci://"+host(front.URL)+"/ada/model"), place(t, "oci://"+host(front.URL)+"/ada/fourth"), client.MirrorOptions{Home: t.TempDir()}); err == nil || !strings.Contains(hint.Way(err), "--from-token") {
			t.Errorf("%s: %v; %s", config, err, hint.Way(err))
		}
	}
	_, err = client.Mirror(t.Context(), place(t, "oci://"+host(front.URL)+"/ada/model"), place(t, "oci://"+host(front.URL)+"/ada/third"), client.MirrorOptions{FromToken: "robot:wrong", Home: t.TempDir()})
	if err == nil || !strings.Contains(hint.Way(err), "--from-token") {
		t.Errorf("a wrong password: %v; %s", err, hint.Way(err))
	}
}
