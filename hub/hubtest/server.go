// Package hubtest is a hub for tests: it answers as Hugging Face's and ModelScope's do, as far as models are loaded, and
// has the faults that networks and hubs have.
package hubtest

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Model is one that the server has.
type Model struct {
	Files    map[string]string   // of the revision main (ModelScope: master), by path
	Tags     map[string]string   // name → commit, of the same files
	Commit   string              // 40 hexadecimal digits; made from the files where empty
	Stored   func(p string) bool // whether a file lies in the store, as large ones do; nil: weights do
	Gated    bool                // to those without the token
	NameOnly bool                // the list has no sizes and digests, as some mirrors'
}

// Request is one that was made.
type Request struct {
	Method, Host, Path, Query, Range, Authorization, Cookie string
}

// Server is a hub and, under another address, the store that it redirects to.
type Server struct {
	URL, StoreURL string
	Token         string // that opens gated models
	Models        map[string]*Model
	// Fault may answer a request in the server's place: then it returns true.
	Fault func(w http.ResponseWriter, r *http.Request) bool
	// Send may change what is sent of a file.
	Send func(path, content string) string

	mu       sync.Mutex
	requests []Request
}

// Folder returns a model with the files below a folder.
func Folder(dir string) (*Model, error) {
	m := &Model{Files: map[string]string{}}
	return m, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		m.Files[filepath.ToSlash(name)] = string(content)
		return err
	})
}

// New starts a hub with models by owner/name; it ends with the test.
func New(t testing.TB, models map[string]*Model) *Server {
	s := &Server{Models: models, Token: "hf_right"}
	hub, store := httptest.NewServer(http.HandlerFunc(s.hub)), httptest.NewServer(http.HandlerFunc(s.store))
	t.Cleanup(hub.Close)
	t.Cleanup(store.Close)
	s.URL, s.StoreURL = hub.URL, store.URL
	return s
}

// Requests returns what was asked for so far, and forgets it.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.requests
	s.requests = nil
	return seen
}

// note remembers a request, and lets Fault have it.
func (s *Server) note(w http.ResponseWriter, r *http.Request) (done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, Request{r.Method, "http://" + r.Host, r.URL.Path, r.URL.RawQuery, r.Header.Get("Range"), r.Header.Get("Authorization"), r.Header.Get("Cookie")})
	return s.Fault != nil && s.Fault(w, r)
}

// SHA returns the commit of a model.
func (m *Model) SHA() string {
	if m.Commit != "" {
		return m.Commit
	}
	h := sha1.New()
	for _, name := range slices.Sorted(maps.Keys(m.Files)) {
		fmt.Fprintf(h, "%s\x00%s\x00", name, m.Files[name])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (m *Model) stored(path string) bool {
	if m.Stored != nil {
		return m.Stored(path)
	}
	return strings.HasSuffix(path, ".safetensors") || strings.HasSuffix(path, ".bin") || strings.HasSuffix(path, ".onnx")
}

// SHA256 is the digest of a stored content, Blob that of one which lies in git.
func SHA256(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// Blob is git's digest of a content.
func Blob(content string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "blob %d\x00%s", len(content), content))
	return hex.EncodeToString(sum[:])
}

func (s *Server) hub(w http.ResponseWriter, r *http.Request) {
	if s.note(w, r) {
		return
	}
	path := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(path, "/api/v1/models/"):
		s.modelScope(w, r)
	case path == "/api/models":
		var found []map[string]string
		for _, name := range slices.Sorted(maps.Keys(s.Models)) {
			if strings.Contains(name, r.FormValue("search")) {
				found = append(found, map[string]string{"id": name})
			}
		}
		answer(w, found)
	case strings.HasPrefix(path, "/api/models/"):
		s.about(w, r, strings.Split(strings.TrimPrefix(path, "/api/models/"), "/"))
	default:
		s.resolve(w, r, strings.Split(path[1:], "/"))
	}
}

// model finds the model of a path's beginning, and its revision; or answers why not.
func (s *Server) model(w http.ResponseWriter, r *http.Request, name, revision string) *Model {
	m := s.Models[name]
	authorised := r.Header.Get("Authorization") == "Bearer "+s.Token
	switch {
	case m == nil:
		refuse(w, map[bool]int{true: http.StatusNotFound, false: http.StatusUnauthorized}[authorised], "RepoNotFound", "Repository not found")
	case m.Gated && !authorised:
		refuse(w, http.StatusUnauthorized, "GatedRepo", "Access to model "+name+" is restricted")
	case revision != "main" && revision != m.SHA() && m.Tags[revision] == "":
		refuse(w, http.StatusNotFound, "RevisionNotFound", "Invalid rev id: "+revision)
	default:
		return m
	}
	return nil
}

// about answers /api/models/OWNER/NAME/revision/REVISION, …/tree/REVISION and …/refs.
func (s *Server) about(w http.ResponseWriter, r *http.Request, parts []string) {
	revision := "main"
	if len(parts) > 3 {
		revision, _ = url.PathUnescape(parts[3])
	}
	m := s.model(w, r, strings.Join(parts[:min(2, len(parts))], "/"), revision)
	if m == nil {
		return
	}
	what := "revision"
	if len(parts) > 2 {
		what = parts[2]
	}
	switch what {
	case "refs":
		tags := []map[string]string{}
		for _, tag := range slices.Sorted(maps.Keys(m.Tags)) {
			tags = append(tags, map[string]string{"name": tag})
		}
		answer(w, map[string]any{"branches": []map[string]string{{"name": "main"}}, "tags": tags})
	case "tree":
		list := []map[string]any{}
		for _, path := range slices.Sorted(maps.Keys(m.Files)) {
			list = append(list, map[string]any{"type": "file", "path": path, "size": len(m.Files[path]), "oid": Blob(m.Files[path])})
			if m.stored(path) {
				list[len(list)-1]["lfs"] = map[string]any{"oid": SHA256(m.Files[path]), "size": len(m.Files[path]), "pointerSize": 130}
			}
		}
		answer(w, list)
	default:
		siblings := []map[string]any{}
		for _, path := range slices.Sorted(maps.Keys(m.Files)) {
			entry := map[string]any{"rfilename": path}
			if r.FormValue("blobs") != "" && !m.NameOnly {
				entry["size"], entry["blobId"] = len(m.Files[path]), Blob(m.Files[path])
				if m.stored(path) {
					entry["lfs"] = map[string]any{"sha256": SHA256(m.Files[path]), "size": len(m.Files[path]), "pointerSize": 130}
				}
			}
			siblings = append(siblings, entry)
		}
		answer(w, map[string]any{"id": parts[0] + "/" + parts[1], "sha": m.SHA(), "siblings": siblings, "tags": []string{}})
	}
}

// resolve answers /OWNER/NAME/resolve/REVISION/PATH.
func (s *Server) resolve(w http.ResponseWriter, r *http.Request, parts []string) {
	if len(parts) < 5 || parts[2] != "resolve" {
		http.NotFound(w, r)
		return
	}
	revision, _ := url.PathUnescape(parts[3])
	m := s.model(w, r, parts[0]+"/"+parts[1], revision)
	if m == nil {
		return
	}
	path, _ := url.PathUnescape(strings.Join(parts[4:], "/"))
	content, ok := m.Files[path]
	if !ok {
		w.Header().Set("X-Repo-Commit", m.SHA())
		refuse(w, http.StatusNotFound, "EntryNotFound", "Entry not found")
		return
	}
	w.Header().Set("X-Repo-Commit", m.SHA())
	if m.stored(path) {
		w.Header().Set("X-Linked-Etag", `"`+SHA256(content)+`"`)
		w.Header().Set("X-Linked-Size", fmt.Sprint(len(content)))
		http.Redirect(w, r, s.StoreURL+"/"+parts[0]+"/"+parts[1]+"/"+path+"?signature=secret", http.StatusFound)
		return
	}
	w.Header().Set("ETag", `"`+Blob(content)+`"`)
	s.send(w, r, path, content)
}

// store sends what the hub redirects to.
func (s *Server) store(w http.ResponseWriter, r *http.Request) {
	if s.note(w, r) {
		return
	}
	parts := strings.SplitN(r.URL.Path[1:], "/", 3)
	m := s.Models[parts[0]+"/"+parts[1]]
	if m == nil || r.FormValue("signature") != "secret" || r.Header.Get("Authorization") != "" {
		http.Error(w, "SignatureDoesNotMatch", http.StatusForbidden)
		return
	}
	s.send(w, r, parts[2], m.Files[parts[2]])
}

func (s *Server) send(w http.ResponseWriter, r *http.Request, path, content string) {
	if s.Send != nil {
		content = s.Send(path, content)
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, strings.NewReader(content))
}

// modelScope answers /api/v1/models/OWNER/NAME/repo/files and …/repo.
func (s *Server) modelScope(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/models/"), "/")
	m := s.Models[strings.Join(parts[:min(2, len(parts))], "/")]
	if m == nil || r.FormValue("Revision") != "master" && m.Tags[r.FormValue("Revision")] == "" {
		w.WriteHeader(http.StatusNotFound)
		answer(w, map[string]any{"Code": 10010205001, "Message": "record not found", "Success": false})
		return
	}
	if m.Gated && r.Header.Get("Authorization") != "Bearer "+s.Token {
		w.WriteHeader(http.StatusForbidden)
		answer(w, map[string]any{"Code": 10010205002, "Message": "no permission", "Success": false})
		return
	}
	if parts[len(parts)-1] == "files" {
		var files []map[string]any
		for _, path := range slices.Sorted(maps.Keys(m.Files)) {
			files = append(files, map[string]any{"Path": path, "Name": path[strings.LastIndexByte(path, '/')+1:], "Type": "blob", "Size": len(m.Files[path]), "Sha256": SHA256(m.Files[path])})
		}
		files = append(files, map[string]any{"Path": "assets", "Name": "assets", "Type": "tree"})
		answer(w, map[string]any{"Code": 200, "Success": true, "Data": map[string]any{"Files": files}})
		return
	}
	path := r.FormValue("FilePath")
	content, ok := m.Files[path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if m.stored(path) {
		http.Redirect(w, r, s.StoreURL+"/"+parts[0]+"/"+parts[1]+"/"+path+"?signature=secret", http.StatusFound)
		return
	}
	s.send(w, r, path, content)
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("X-Error-Code", code)
	w.Header().Set("X-Error-Message", message)
	w.WriteHeader(status)
}

// Cut sends the first n bytes of a content and breaks the connection.
func Cut(w http.ResponseWriter, content string, n int) {
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	_, _ = w.Write([]byte(content[:n]))
	w.(http.Flusher).Flush()
	panic(http.ErrAbortHandler)
}
