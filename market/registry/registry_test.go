package registry_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/markettest"
)

// registry is a market with two people's tokens.
type registry struct {
	t        *testing.T
	url      string
	ada, eve string
}

func start(t *testing.T) *registry {
	m := markettest.Start(t, market.Options{})
	return &registry{t, m.URL, m.Token(t, "ada", catalogue.Write), m.Token(t, "eve", catalogue.Write)}
}

// answer is one, read to its end.
type answer struct {
	*http.Response
	body string
}

// ask sends a request, with headers as name, value, and fails the test with another status.
func (r *registry) ask(want int, token, method, path, body string, header ...string) answer {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	if token != "" {
		q.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer a.Body.Close()
	b, err := io.ReadAll(a.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if a.StatusCode != want {
		r.t.Fatalf("%s %s: %s, want %d\n%s", method, path, a.Status, want, b)
	}
	return answer{a, string(b)}
}

// code is that of the error of an answer.
func (a answer) code() string {
	var said struct {
		Errors []struct{ Code, Message string }
	}
	if json.Unmarshal([]byte(a.body), &said) != nil || len(said.Errors) != 1 || said.Errors[0].Message == "" {
		return a.body
	}
	return said.Errors[0].Code
}

// blob sends one whole and returns its digest.
func (r *registry) blob(repository, content string) string {
	r.t.Helper()
	d := digest.FromString(content).String()
	r.ask(http.StatusCreated, r.ada, "POST", "/v2/"+repository+"/blobs/uploads/?digest="+d, content)
	return d
}

// manifest publishes one that is no package, with a layer.
func (r *registry) manifest(repository, ref, layer string) string {
	r.t.Helper()
	config := r.blob(repository, "{}")
	m := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":%q,"size":2},"layers":[{"mediaType":"text/plain","digest":%q,"size":1}]}`, config, layer)
	return r.ask(http.StatusCreated, r.ada, "PUT", "/v2/"+repository+"/manifests/"+ref, m, "Content-Type", "application/vnd.oci.image.manifest.v1+json").Header.Get("Docker-Content-Digest")
}

func TestAnUploadInPartsTellsWhereItIs(t *testing.T) {
	r := start(t)
	begun := r.ask(http.StatusAccepted, r.ada, "POST", "/v2/ada/m/blobs/uploads/", "")
	at := begun.Header.Get("Location")
	if begun.Header.Get("Upload-Offset") != "0" || begun.Header.Get("Docker-Upload-UUID") == "" {
		t.Errorf("%v", begun.Header)
	}
	r.ask(http.StatusAccepted, r.ada, "PATCH", at, "0123", "Content-Range", "0-3")
	for _, c := range []struct{ ranges, body string }{{"0-3", "0123"}, {"5-6", "56"}, {"4-9", "45"}, {"x", "4"}} {
		a := r.ask(http.StatusRequestedRangeNotSatisfiable, r.ada, "PATCH", at, c.body, "Content-Range", c.ranges)
		if a.Header.Get("Upload-Offset") != "4" || a.Header.Get("Range") != "0-3" {
			t.Errorf("%s: %v", c.ranges, a.Header)
		}
	}
	if a := r.ask(http.StatusNoContent, r.ada, "GET", at, ""); a.Header.Get("Upload-Offset") != "4" {
		t.Errorf("%v", a.Header)
	}
	r.ask(http.StatusCreated, r.ada, "PUT", at+"?digest="+digest.FromString("012345").String(), "45", "Content-Range", "4-5")
	if a := r.ask(http.StatusPartialContent, "", "GET", "/v2/ada/m/blobs/"+digest.FromString("012345").String(), "", "Range", "bytes=2-3"); a.body != "23" || a.Header.Get("Content-Range") != "bytes 2-3/6" {
		t.Errorf("%q %v", a.body, a.Header)
	}
	if c := r.ask(http.StatusNotFound, r.ada, "GET", at, "").code(); c != "BLOB_UPLOAD_UNKNOWN" {
		t.Error(c)
	}
}

func TestErrorsAreToldByTheirCodes(t *testing.T) {
	r := start(t)
	d := r.blob("ada/m", "x")
	absent := digest.FromString("absent").String()
	r.manifest("ada/m", "1.0.0", d)
	upload := r.ask(http.StatusAccepted, r.ada, "POST", "/v2/ada/m/blobs/uploads/", "").Header.Get("Location")
	for _, c := range []struct {
		status                    int
		code, token, method, path string
		body                      string
	}{
		{401, "UNAUTHORIZED", "", "GET", "/v2/", ""},
		{401, "UNAUTHORIZED", "xy_wrong", "GET", "/v2/ada/m/tags/list", ""},
		{401, "UNAUTHORIZED", "", "POST", "/v2/ada/m/blobs/uploads/", ""},
		{401, "UNAUTHORIZED", "", "GET", "/v2/ada/none/tags/list", ""}, // it may be there for somebody
		{403, "DENIED", r.eve, "POST", "/v2/ada/m/blobs/uploads/", ""},
		{403, "DENIED", r.eve, "DELETE", "/v2/ada/m/manifests/1.0.0", ""},
		{404, "NAME_UNKNOWN", r.ada, "GET", "/v2/ada/none/tags/list", ""},
		{404, "NAME_UNKNOWN", r.ada, "GET", "/v2/one/two/three/tags/list", ""},
		{404, "BLOB_UNKNOWN", r.ada, "GET", "/v2/ada/m/blobs/" + absent, ""},
		{404, "MANIFEST_UNKNOWN", r.ada, "GET", "/v2/ada/m/manifests/9.9.9", ""},
		{404, "MANIFEST_UNKNOWN", r.ada, "GET", "/v2/ada/m/manifests/" + absent, ""},
		{404, "BLOB_UPLOAD_UNKNOWN", r.ada, "PATCH", "/v2/ada/m/blobs/uploads/" + strings.Repeat("0", 32), "x"},
		{404, "BLOB_UPLOAD_UNKNOWN", r.eve, "PATCH", strings.Replace(upload, "ada/m", "eve/m", 1), "x"}, // another's
		{400, "DIGEST_INVALID", r.ada, "GET", "/v2/ada/m/blobs/sha256:zz", ""},
		{400, "DIGEST_INVALID", r.ada, "POST", "/v2/ada/m/blobs/uploads/?digest=" + absent, "x"},
		{400, "MANIFEST_INVALID", r.ada, "PUT", "/v2/ada/m/manifests/2.0.0", "{"},
		{404, "MANIFEST_BLOB_UNKNOWN", r.ada, "PUT", "/v2/ada/m/manifests/2.0.0", `{"schemaVersion":2,"config":{"digest":"` + absent + `","size":1,"mediaType":"a/b"}}`},
		{409, "DENIED", r.ada, "PUT", "/v2/ada/m/manifests/1.0.0", `{"schemaVersion":2,"config":{"digest":"` + d + `","size":1,"mediaType":"a/b"}}`},
	} {
		if got := r.ask(c.status, c.token, c.method, c.path, c.body).code(); got != c.code {
			t.Errorf("%s %s: %s, want %s", c.method, c.path, got, c.code)
		}
	}
}

func TestBlobsAreMountedFromWhereTheyMayBeRead(t *testing.T) {
	r := start(t)
	d := r.blob("ada/m", "weights")
	r.ask(http.StatusCreated, r.ada, "POST", "/v2/ada/other/blobs/uploads/?mount="+d+"&from=ada/m", "")
	r.ask(http.StatusOK, r.ada, "HEAD", "/v2/ada/other/blobs/"+d, "")
	r.ask(http.StatusCreated, r.ada, "POST", "/api/v1/packages", `{"name":"ada/secret","kind":"model","private":true}`)
	secret := r.blob("ada/secret", "secret weights")
	a := r.ask(http.StatusAccepted, r.eve, "POST", "/v2/eve/m/blobs/uploads/?mount="+secret+"&from=ada/secret", "") // he sends it himself
	if !strings.Contains(a.Header.Get("Location"), "/blobs/uploads/") {
		t.Errorf("%v", a.Header)
	}
	r.ask(http.StatusNotFound, r.eve, "HEAD", "/v2/eve/m/blobs/"+secret, "")
}

func TestTagsComeInPages(t *testing.T) {
	r := start(t)
	d := r.blob("ada/m", "x")
	for _, tag := range []string{"a", "b", "c"} {
		r.manifest("ada/m", tag, d)
	}
	var seen []string
	for path := "/v2/ada/m/tags/list?n=2"; path != ""; {
		a := r.ask(http.StatusOK, "", "GET", path, "")
		var list struct{ Tags []string }
		if err := json.Unmarshal([]byte(a.body), &list); err != nil {
			t.Fatal(err)
		}
		seen = append(seen, list.Tags...)
		path = strings.Trim(strings.TrimSuffix(a.Header.Get("Link"), `; rel="next"`), "<>")
	}
	if fmt.Sprint(seen) != "[a b c]" {
		t.Errorf("%v", seen)
	}
}

func TestStrangersGetATokenThatIsNobodys(t *testing.T) {
	r := start(t)
	d := r.blob("ada/m", "x")
	if a := r.ask(http.StatusUnauthorized, "", "GET", "/v2/", ""); !strings.Contains(a.Header.Get("WWW-Authenticate"), r.url+"/v2/token") {
		t.Errorf("%v", a.Header)
	}
	var got struct{ Token string }
	if err := json.Unmarshal([]byte(r.ask(http.StatusOK, "", "GET", "/v2/token?service=x", "").body), &got); err != nil || got.Token == "" {
		t.Fatal(got, err)
	}
	r.ask(http.StatusOK, got.Token, "GET", "/v2/", "")
	r.ask(http.StatusOK, got.Token, "GET", "/v2/ada/m/blobs/"+d, "")
	r.ask(http.StatusUnauthorized, got.Token, "POST", "/v2/ada/m/blobs/uploads/", "")
}
