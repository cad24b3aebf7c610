package hub

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const msEndpoint = "https://modelscope.cn"

// modelScope is ModelScope, by the interface that its Python package uses (https://github.com/modelscope/modelscope_hub).
type modelScope struct {
	endpoint, cacheDir string
	token              bool
}

func newModelScope(c *client) (*modelScope, error) {
	m := &modelScope{endpoint: strings.TrimRight(cmp.Or(os.Getenv("MODELSCOPE_ENDPOINT"), os.Getenv("MODELSCOPE_DOMAIN"), msEndpoint), "/")}
	if !strings.Contains(m.endpoint, "://") {
		m.endpoint = "https://" + m.endpoint
	}
	endpoint, err := parseEndpoint("MODELSCOPE_ENDPOINT", m.endpoint)
	if err != nil {
		return nil, err
	}
	if m.cacheDir = expand(os.Getenv("MODELSCOPE_CACHE")); m.cacheDir == "" {
		home, err := userCache("MODELSCOPE_CACHE")
		if err != nil {
			return nil, err
		}
		m.cacheDir = filepath.Join(home, "modelscope")
	}
	token := strings.TrimSpace(os.Getenv("MODELSCOPE_API_TOKEN"))
	m.token = token != ""
	c.authorise = func(r *http.Request) {
		if m.token && sameOrigin(r.URL, endpoint) {
			r.Header.Set("Authorization", "Bearer "+token)
			r.AddCookie(&http.Cookie{Name: "m_session_id", Value: token}) // what older parts of the service look for
		}
	}
	return m, nil
}

// cache is the folder of the modelscope package (since 1.38), whose snapshots are named after branches. Contents lie beside
// them as those of huggingface_hub do.
func (m *modelScope) cache(r reference) cache {
	folder := strings.ReplaceAll(r.name, "/", "--")
	return cache{dir: filepath.Join(m.cacheDir, "models", folder), locks: filepath.Join(m.cacheDir, "models", folder, "locks"), model: r, movable: true}
}

// found looks where the modelscope package kept models before 1.38: without revisions, and with ___ for dots.
func (m *modelScope) found(r reference) (string, bool) {
	owner, name, _ := strings.Cut(r.name, "/")
	for _, base := range []string{m.cacheDir, filepath.Join(m.cacheDir, "hub")} {
		dir := filepath.Join(base, "models", owner, strings.ReplaceAll(name, ".", "___"))
		if _, err := os.Stat(filepath.Join(dir, "config.json")); err == nil && r.revision == r.mainRevision() {
			return dir, true
		}
	}
	return "", false
}

func (m *modelScope) unreachable() string {
	return "check the network, and MODELSCOPE_ENDPOINT and HTTPS_PROXY if they are set, and try again"
}

func (m *modelScope) address(r reference, l listing, path string) string {
	return m.endpoint + "/api/v1/models/" + r.name + "/repo?" + url.Values{"Revision": {l.snapshot}, "FilePath": {path}}.Encode()
}

func (m *modelScope) list(ctx context.Context, c *client, r reference) (listing, error) {
	var answer struct {
		Success *bool
		Message string
		Data    struct {
			Files []struct {
				Path, Type, Sha256 string
				Size               int64
			}
		}
	}
	address := m.endpoint + "/api/v1/models/" + r.name + "/repo/files?" + url.Values{"Revision": {r.revision}, "Recursive": {"True"}}.Encode()
	if err := c.answer(ctx, address, &answer); err != nil {
		return listing{}, m.explain(r, err)
	}
	if answer.Success != nil && !*answer.Success {
		return listing{}, m.explain(r, &statusError{address: m.endpoint, status: http.StatusNotFound, message: answer.Message})
	}
	l := listing{snapshot: r.revision}
	for _, f := range answer.Data.Files {
		if f.Type == "tree" {
			continue
		}
		l.files = append(l.files, file{path: f.Path, size: f.Size, digest: strings.ToLower(f.Sha256)})
	}
	chosen, err := choose(l.files, c.WithoutWeights)
	if err != nil {
		return listing{}, err
	}
	for _, f := range chosen {
		if !isDigest.MatchString(f.digest) || f.size < 0 {
			return listing{}, hint.Errorf("load it from another hub", "%s tells no digest of %s, so that it could not be checked", m.endpoint, f.path)
		}
	}
	l.files = chosen
	return l, nil
}

// explain tells what a refusal means, and the way out.
func (m *modelScope) explain(r reference, err error) error {
	var refused *statusError
	if !errors.As(err, &refused) {
		return err
	}
	page := msEndpoint + "/models/" + r.name
	switch refused.status {
	case http.StatusNotFound:
		return hint.Errorf("look at "+page+"; a private model needs MODELSCOPE_API_TOKEN", "there is no such model, or it has no revision %q", r.revision)
	case http.StatusUnauthorized, http.StatusForbidden:
		way := "ask for access on " + page + ", then set MODELSCOPE_API_TOKEN to a token of that account (" + msEndpoint + "/my/myaccesstoken)"
		if m.token {
			way = "ask for access on " + page + " with the account of the token in MODELSCOPE_API_TOKEN"
		}
		return hint.Errorf(way, "the model may not be read without permission")
	}
	return err
}
