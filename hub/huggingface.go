package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const hfEndpoint = "https://huggingface.co"

// huggingFace is the Hugging Face hub, or a mirror that answers like it
// (https://huggingface.co/docs/hub/api; the headers: https://huggingface.co/docs/huggingface_hub/package_reference/file_download).
type huggingFace struct {
	endpoint, cacheDir string
	token              bool // there is one
}

func newHuggingFace(c *client) (*huggingFace, error) {
	h := &huggingFace{endpoint: strings.TrimRight(cmp.Or(os.Getenv("HF_ENDPOINT"), hfEndpoint), "/")}
	endpoint, err := parseEndpoint("HF_ENDPOINT", h.endpoint)
	if err != nil {
		return nil, err
	}
	home, err := hfHome()
	if err != nil {
		return nil, err
	}
	h.cacheDir = expand(cmp.Or(os.Getenv("HF_HUB_CACHE"), os.Getenv("HUGGINGFACE_HUB_CACHE"), filepath.Join(home, "hub")))
	token := strings.TrimSpace(cmp.Or(os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN")))
	if token == "" {
		content, err := os.ReadFile(expand(cmp.Or(os.Getenv("HF_TOKEN_PATH"), filepath.Join(home, "token"))))
		if err == nil {
			token = strings.TrimSpace(string(content))
		}
	}
	h.token = token != ""
	c.authorise = func(r *http.Request) {
		// A mirror redirects what it may not give to the hub itself, whose token it is.
		if h.token && (sameOrigin(r.URL, endpoint) || r.URL.Scheme+"://"+r.URL.Host == hfEndpoint) {
			r.Header.Set("Authorization", "Bearer "+token)
		}
	}
	return h, nil
}

// hfHome is the folder of huggingface_hub: HF_HOME, or the user's cache.
func hfHome() (string, error) {
	if dir := os.Getenv("HF_HOME"); dir != "" {
		return expand(dir), nil
	}
	home, err := userCache("HF_HOME")
	return filepath.Join(home, "huggingface"), err
}

// userCache is the folder that both hubs' clients take for the user's cache, on every system.
func userCache(variable string) (string, error) {
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" && variable == "HF_HOME" {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", hint.Wrap(err, "set "+variable+" to a folder for models", "looking for the cache of models")
	}
	return filepath.Join(home, ".cache"), nil
}

// expand puts in what stands for a variable or the home folder.
func expand(path string) string {
	path = os.ExpandEnv(path)
	if rest, ok := strings.CutPrefix(path, "~"); ok && (rest == "" || os.IsPathSeparator(rest[0])) {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

func parseEndpoint(variable, endpoint string) (*url.URL, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		return nil, hint.Errorf("set it to an address such as "+hfEndpoint, "%s is %q, which is no address", variable, endpoint)
	}
	return u, nil
}

func sameOrigin(a, b *url.URL) bool { return a.Scheme == b.Scheme && a.Host == b.Host }

func (h *huggingFace) cache(r reference) cache {
	folder := "models--" + strings.ReplaceAll(r.name, "/", "--")
	return cache{dir: filepath.Join(h.cacheDir, folder), locks: filepath.Join(h.cacheDir, ".locks", folder), model: r}
}

func (h *huggingFace) found(reference) (string, bool) { return "", false }

func (h *huggingFace) unreachable() string {
	if h.endpoint != hfEndpoint {
		return "check HF_ENDPOINT (" + h.endpoint + ") and the network, and try again"
	}
	return "check the network, and HTTPS_PROXY if there is one, or set HF_ENDPOINT to a mirror that you trust"
}

// address quotes a path as the hub wants it: slashes within a revision are no separators.
func (h *huggingFace) address(r reference, l listing, path string) string {
	return h.endpoint + "/" + r.name + "/resolve/" + url.PathEscape(l.snapshot) + "/" + (&url.URL{Path: path}).EscapedPath()
}

// modelInfo is the part that matters here of what /api/models/NAME/revision/REVISION answers.
type modelInfo struct {
	SHA      string
	Siblings []struct {
		Name   string `json:"rfilename"`
		Size   *int64
		BlobID string `json:"blobId"`
		LFS    *struct {
			SHA256 string
			Size   int64
		}
	}
}

func (h *huggingFace) list(ctx context.Context, c *client, r reference) (listing, error) {
	var info modelInfo
	address := h.endpoint + "/api/models/" + r.name + "/revision/" + url.PathEscape(r.revision) + "?blobs=true"
	if err := c.answer(ctx, address, &info); err != nil {
		return listing{}, h.explain(ctx, c, r, err)
	}
	if !commitHash.MatchString(info.SHA) {
		return listing{}, hint.Errorf("check that HF_ENDPOINT is a hub's", "%s names no commit", h.endpoint)
	}
	if commitHash.MatchString(r.revision) && info.SHA != r.revision {
		return listing{}, hint.Errorf("use another endpoint", "asked for the commit %s, %s has %s", r.revision, h.endpoint, info.SHA)
	}
	l := listing{snapshot: info.SHA}
	undigested := map[string]bool{}
	for _, s := range info.Siblings {
		f := file{path: s.Name, digest: s.BlobID}
		if s.Size != nil {
			f.size = *s.Size
		}
		if s.LFS != nil {
			f.size, f.digest = s.LFS.Size, s.LFS.SHA256
		}
		if s.Size == nil && s.LFS == nil || !isDigest.MatchString(f.digest) || f.size < 0 {
			undigested[f.path] = true
		}
		l.files = append(l.files, f)
	}
	if len(undigested) == 0 {
		return l, nil
	}
	// Some mirrors list names alone: sizes and digests are in the headers of each file.
	chosen, err := choose(l.files, c.WithoutWeights)
	if err != nil {
		return listing{}, err
	}
	for i, f := range chosen {
		if undigested[f.path] {
			if chosen[i], err = h.describe(ctx, c, f.path, h.address(r, l, f.path)); err != nil {
				return listing{}, err
			}
		}
	}
	l.files = chosen
	return l, nil
}

var isDigest = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// describe asks for size and digest of a file: of what it is linked to, else of itself.
func (h *huggingFace) describe(ctx context.Context, c *client, path, address string) (file, error) {
	f := file{path: path}
	header, err := c.head(ctx, address)
	if err != nil {
		return f, err
	}
	f.digest = strings.Trim(strings.TrimPrefix(cmp.Or(header.Get("X-Linked-Etag"), header.Get("ETag")), "W/"), `"`)
	f.size, err = strconv.ParseInt(cmp.Or(header.Get("X-Linked-Size"), header.Get("Content-Length")), 10, 64)
	if err != nil || !isDigest.MatchString(f.digest) || f.size < 0 {
		return f, hint.Errorf("use another endpoint", "%s tells no digest or no size of %s, so that it could not be checked", h.endpoint, path)
	}
	return f, nil
}

// explain tells what a refusal means, and the way out.
func (h *huggingFace) explain(ctx context.Context, c *client, r reference, err error) error {
	var refused *statusError
	if !errors.As(err, &refused) {
		return err
	}
	switch {
	case refused.code == "GatedRepo" || refused.status == http.StatusForbidden:
		way := fmt.Sprintf("ask for access on %s/%s, then set HF_TOKEN to a token of that account (%s/settings/tokens)", hfEndpoint, r.name, hfEndpoint)
		if h.token {
			way = fmt.Sprintf("ask for access on %s/%s with the account of the token; the token needs the right to read gated models", hfEndpoint, r.name)
		}
		return hint.Errorf(way, "the model is gated: who uses it must have agreed to its terms")
	case refused.code == "RevisionNotFound":
		return hint.Errorf(h.otherRevisions(ctx, c, r), "the model has no revision %q", r.revision)
	case refused.code == "RepoNotFound", refused.status == http.StatusNotFound, refused.status == http.StatusUnauthorized:
		way := "check the name; if the model is private, set HF_TOKEN to a token that may read it"
		if h.token {
			way = "check the name, and that the token in HF_TOKEN or the token file is valid and may read the model"
		}
		if near := h.alike(ctx, c, r.name); near != "" {
			way = "did you mean " + hfScheme + near + "? else " + way
		}
		return hint.Errorf(way, "there is no such model, or it is private")
	}
	return err
}

// otherRevisions is the way out of a wrong revision: the one that looks alike, or all.
func (h *huggingFace) otherRevisions(ctx context.Context, c *client, r reference) string {
	var refs struct{ Branches, Tags []struct{ Name string } }
	if c.answer(ctx, h.endpoint+"/api/models/"+r.name+"/refs", &refs) != nil {
		return "check the name of the branch, the tag or the commit"
	}
	var names []string
	for _, ref := range slices.Concat(refs.Branches, refs.Tags) {
		names = append(names, ref.Name)
	}
	if near := hint.Nearest(r.revision, names); near != "" {
		return "did you mean @" + near + "?"
	}
	return "it has " + strings.Join(names[:min(len(names), 10)], ", ")
}

// alike finds the model whose name is nearest to a wrong one, or "".
func (h *huggingFace) alike(ctx context.Context, c *client, name string) string {
	var models []struct{ ID string }
	last := name[strings.LastIndexByte(name, '/')+1:]
	if c.answer(ctx, h.endpoint+"/api/models?limit=10&search="+url.QueryEscape(last), &models) != nil {
		return ""
	}
	var names []string
	for _, m := range models {
		if m.ID != name {
			names = append(names, m.ID)
		}
	}
	if near := hint.Nearest(name, names); near != "" {
		return near
	}
	for _, n := range names { // the right name with another owner
		if n[strings.LastIndexByte(n, '/')+1:] == last {
			return n
		}
	}
	return ""
}
