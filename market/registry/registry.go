// Package registry answers the OCI distribution API (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md)
// under /v2/: pull, push in one piece or in parts, mounts, tags, referrers, deletion.
//
//	http.Handle("/v2/", registry.New(depot, log))
//
// Names are owner/name. Who may do what is the catalogue's to say; credentials are the market's tokens, as Bearer or as the
// password of Basic authentication. A token service in the form that registries have
// (https://distribution.github.io/distribution/spec/auth/token/) hands clients what they have shown, or a token that stands
// for nobody, so that every client finds its way to public packages.
package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
)

// Registry is the handler of /v2/.
type Registry struct {
	depot *depot.Depot
	log   *slog.Logger
	mux   *http.ServeMux
}

// New returns the handler for a depot.
func New(d *depot.Depot, log *slog.Logger) *Registry {
	s := &Registry{depot: d, log: log, mux: http.NewServeMux()}
	const repository = "/v2/{owner}/{name}"
	s.mux.HandleFunc("GET /v2/{$}", s.ping)
	s.mux.HandleFunc("GET /v2/token", s.token)
	s.handle("GET "+repository+"/manifests/{reference}", s.getManifest)
	s.handle("PUT "+repository+"/manifests/{reference}", s.putManifest)
	s.handle("DELETE "+repository+"/manifests/{reference}", s.deleteManifest)
	s.handle("GET "+repository+"/blobs/{digest}", s.getBlob)
	s.handle("DELETE "+repository+"/blobs/{digest}", s.deleteBlob)
	s.handle("POST "+repository+"/blobs/uploads", s.beginUpload)
	s.handle("POST "+repository+"/blobs/uploads/{$}", s.beginUpload)
	s.handle("GET "+repository+"/blobs/uploads/{upload}", s.getUpload)
	s.handle("PATCH "+repository+"/blobs/uploads/{upload}", s.patchUpload)
	s.handle("PUT "+repository+"/blobs/uploads/{upload}", s.putUpload)
	s.handle("DELETE "+repository+"/blobs/uploads/{upload}", s.deleteUpload)
	s.handle("GET "+repository+"/tags/list", s.tags)
	s.handle("GET "+repository+"/referrers/{digest}", s.referrers)
	s.mux.HandleFunc("/v2/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, hint.Wrap(catalogue.ErrNotFound, "names are owner/name", "%.200s", r.URL.Path))
	})
	return s
}

// ServeHTTP answers one request.
func (s *Registry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0") // what some clients look for
	s.mux.ServeHTTP(w, r)
}

// request is one about a repository, with who sends it.
type request struct {
	*http.Request
	who  catalogue.Caller
	name string // owner/name
}

func (s *Registry) handle(pattern string, f func(w http.ResponseWriter, r *request) error) {
	s.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		who, err := auth.Caller(s.depot.Catalogue, r)
		if err == nil {
			err = f(w, &request{r, who, r.PathValue("owner") + "/" + r.PathValue("name")})
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

// repository is the one that a request reads.
func (s *Registry) repository(r *request) (*catalogue.Repository, error) {
	return s.depot.Catalogue.Repository(r.Context(), r.who, r.name)
}

// writable is the one that a request writes to, made if need be.
func (s *Registry) writable(r *request) (*catalogue.Repository, error) {
	return s.depot.Catalogue.ForPush(r.Context(), r.who, r.name)
}

// ping tells clients that this is a registry, and strangers how to introduce themselves.
func (s *Registry) ping(w http.ResponseWriter, r *http.Request) {
	who, err := auth.Caller(s.depot.Catalogue, r)
	if err == nil && who.Account == nil && auth.Token(r) != auth.Anonymous {
		err = who.Needs(catalogue.Read)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, "{}\n")
}

// token hands back the token that was shown, once it is known to be right, or one that stands for nobody.
func (s *Registry) token(w http.ResponseWriter, r *http.Request) {
	if _, err := auth.Caller(s.depot.Catalogue, r); err != nil {
		s.fail(w, r, err)
		return
	}
	token := auth.Token(r)
	if token == "" {
		token = auth.Anonymous
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(map[string]any{"token": token, "access_token": token, "expires_in": 300, "issued_at": time.Now().UTC().Format(time.RFC3339)})
}

// The codes of errors
// (https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#error-codes).
type code struct {
	status int
	name   string
}

func codeOf(err error) code {
	var missing *catalogue.MissingBlobs
	var rejected *depot.Rejected
	var absent *unknown
	var large *http.MaxBytesError
	switch {
	case depot.Unavailable(err):
		return code{http.StatusServiceUnavailable, "UNAVAILABLE"}
	case depot.Full(err):
		return code{http.StatusInsufficientStorage, "BLOB_UPLOAD_INVALID"}
	case errors.Is(err, catalogue.ErrUnauthenticated):
		return code{http.StatusUnauthorized, "UNAUTHORIZED"}
	case errors.As(err, &missing):
		return code{http.StatusNotFound, "MANIFEST_BLOB_UNKNOWN"}
	case errors.Is(err, blob.ErrNoUpload):
		return code{http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN"}
	case errors.As(err, &absent):
		return code{http.StatusNotFound, absent.code}
	case errors.Is(err, catalogue.ErrNotFound):
		return code{http.StatusNotFound, "NAME_UNKNOWN"}
	case errors.Is(err, blob.ErrDigest), errors.Is(err, blob.ErrInvalid):
		return code{http.StatusBadRequest, "DIGEST_INVALID"}
	case errors.Is(err, blob.ErrOffset):
		return code{http.StatusRequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID"}
	case errors.Is(err, blob.ErrBusy), errors.Is(err, catalogue.ErrConflict):
		return code{http.StatusConflict, "BLOB_UPLOAD_INVALID"}
	case errors.Is(err, depot.ErrTooLarge):
		return code{http.StatusRequestEntityTooLarge, "SIZE_INVALID"}
	case errors.Is(err, catalogue.ErrQuota):
		return code{http.StatusForbidden, "DENIED"}
	case errors.Is(err, catalogue.ErrPublished):
		return code{http.StatusConflict, "DENIED"}
	case errors.Is(err, catalogue.ErrForbidden), errors.Is(err, catalogue.ErrGated):
		return code{http.StatusForbidden, "DENIED"}
	case errors.As(err, &rejected), errors.Is(err, catalogue.ErrInvalid):
		return code{http.StatusBadRequest, "MANIFEST_INVALID"}
	case errors.As(err, &large):
		return code{http.StatusRequestEntityTooLarge, "SIZE_INVALID"}
	}
	return code{http.StatusInternalServerError, "UNKNOWN"}
}

// unknown is an error of something that was not found, with the code for what it is.
type unknown struct {
	error
	code string
}

func (u *unknown) Unwrap() error { return u.error }

// orUnknown gives an error the code, if it says that something was not found in a repository.
func orUnknown(err error, code string) error {
	if errors.Is(err, catalogue.ErrNotFound) {
		return &unknown{err, code}
	}
	return err
}

// fail answers with an error: one line for people, with the way out, and a code for programs.
func (s *Registry) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // the client has gone
	}
	c := codeOf(err)
	if (c.status == http.StatusNotFound || c.status == http.StatusForbidden) && auth.Token(r) == "" {
		c = code{http.StatusUnauthorized, "UNAUTHORIZED"} // it may be there for somebody
	}
	message := err.Error()
	if way := hint.Way(err); way != "" {
		message += "; " + way
	}
	detail := any(nil)
	var rejected *depot.Rejected
	if errors.As(err, &rejected) {
		detail = rejected.Findings
	}
	switch c.status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/v2/token",service="xiaoyu market"`, auth.Origin(r)))
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", depot.RetryAfter)
		s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		message = "the market cannot reach its store or its catalogue; try again in a moment"
	case http.StatusInternalServerError:
		s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		message = "the market has failed; try again, and tell who runs it if that does not help"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(c.status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]any{"code": c.name, "message": message, "detail": detail}}})
}

// parseDigest reads a digest of a path or query.
func parseDigest(s string) (digest.Digest, error) {
	d := digest.Digest(s)
	return d, blob.Check(d)
}
