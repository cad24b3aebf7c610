// Package hubapi answers the API of the Hugging Face hub (https://huggingface.co/docs/hub/api) over the same packages and
// the same blobs as the OCI distribution API, so that programs which know that hub work with a market by its address in
// HF_ENDPOINT alone: reading, searching, and publishing.
//
//	hub := hubapi.New(depot, log, 0)
//	if hubapi.Owns(r) { hub.ServeHTTP(w, r) }
//
// What the hub calls a commit is a revision here, with a manifest whose layers are the files; its main is `latest`, its
// tags are versions and tags, its spaces are applications. Each file is told of as one of its large ones (LFS), whose name is
// the SHA-256 that blobs have here. Xet, which would store files a second time in pieces, is not spoken: files up to
// [MaxRegular] come within the commit, larger ones by LFS, for which clients with Xet need HF_HUB_DISABLE_XET=1.
package hubapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Handler answers what [Owns] tells.
type Handler struct {
	depot    *depot.Depot
	log      *slog.Logger
	partSize int64
}

// PartSize is that of a large file's parts, in bytes; files up to it come in one piece.
const PartSize = 256 << 20

// New returns the handler for a depot. partSize is PartSize if 0.
func New(d *depot.Depot, log *slog.Logger, partSize int64) *Handler {
	if partSize == 0 {
		partSize = PartSize
	}
	return &Handler{d, log, partSize}
}

// Owns tells whether a request is one of the hub's API. /api/v1/ is the market's own.
func Owns(r *http.Request) bool {
	if strings.HasPrefix(r.URL.Path, "/api/v1/") {
		return false
	}
	_, ok := parse(r.URL)
	return ok
}

// kinds are those of the hub, as they stand in the paths of its API.
var kinds = map[string]pack.Kind{"models": pack.Model, "datasets": pack.Dataset, "spaces": pack.Application}

// typeOf is what the hub calls a kind in JSON.
func typeOf(k pack.Kind) string {
	switch k {
	case pack.Application:
		return "space"
	case pack.Dataset:
		return "dataset"
	}
	return "model"
}

// route is what a path names.
type route struct {
	kind   pack.Kind // "" where the path is of no repository
	name   string    // owner/name; "" for all of a kind
	action string    // such as tree, resolve or info/lfs; of the API without a kind all of the path
	rest   []string  // segments behind the action, unescaped
}

// parse takes the path of a request apart. Slashes within a segment are escaped, as in the name of a branch.
func parse(u *url.URL) (route, bool) {
	var parts []string
	for p := range strings.SplitSeq(strings.TrimPrefix(u.EscapedPath(), "/"), "/") {
		p, err := url.PathUnescape(p)
		if err != nil {
			return route{}, false
		}
		parts = append(parts, p)
	}
	if parts[0] == "api" {
		return parseAPI(parts[1:])
	}
	r := route{kind: pack.Model}
	if k, ok := kinds[parts[0]]; ok && parts[0] != "models" {
		r.kind, parts = k, parts[1:]
	}
	if len(parts) < 4 {
		return route{}, false
	}
	if name, ok := strings.CutSuffix(parts[1], ".git"); ok && parts[2] == "info" && parts[3] == "lfs" {
		r.name, r.action, r.rest = parts[0]+"/"+name, "lfs", parts[4:]
		return r, true
	}
	r.name, r.action, r.rest = parts[0]+"/"+parts[1], parts[2], parts[3:]
	return r, (r.action == "resolve" || r.action == "raw") && len(r.rest) > 1
}

func parseAPI(parts []string) (route, bool) {
	k, ok := kinds[append(parts, "")[0]]
	if !ok {
		return route{action: strings.Join(parts, "/"), rest: parts}, true
	}
	r := route{kind: k}
	parts = parts[1:]
	switch {
	case len(parts) == 0:
		return r, true
	case len(parts) == 1: // the hub has names without an owner; here nothing has
		r.name = parts[0]
		return r, true
	}
	r.name = parts[0] + "/" + parts[1]
	if len(parts) > 2 {
		r.action, r.rest = parts[2], parts[3:]
	}
	return r, true
}

// request is one with who sends it and what it names.
type request struct {
	*http.Request
	route
	who catalogue.Caller
}

// of returns the segment behind the action, or what stands for it where there is none.
func (r *request) of(otherwise string) string {
	if len(r.rest) == 0 || r.rest[0] == "" {
		return otherwise
	}
	return r.rest[0]
}

// path is what stands behind the revision.
func (r *request) path() string {
	if len(r.rest) < 2 {
		return ""
	}
	return strings.Trim(strings.Join(r.rest[1:], "/"), "/")
}

type handler func(h *Handler, w http.ResponseWriter, r *request) error

// actions of a repository, by method and action.
var actions = map[string]handler{
	"GET ":                     (*Handler).info,
	"GET revision":             (*Handler).info,
	"GET tree":                 (*Handler).tree,
	"POST paths-info":          (*Handler).pathsInfo,
	"GET refs":                 (*Handler).refs,
	"GET commits":              (*Handler).commits,
	"GET resolve":              (*Handler).resolve,
	"GET raw":                  (*Handler).resolve,
	"GET auth-check":           (*Handler).authCheck,
	"PUT settings":             (*Handler).settings,
	"POST branch":              (*Handler).createBranch,
	"DELETE branch":            (*Handler).deleteBranch,
	"POST tag":                 (*Handler).createTag,
	"DELETE tag":               (*Handler).deleteTag,
	"POST like":                (*Handler).like,
	"DELETE like":              (*Handler).like,
	"POST preupload":           (*Handler).preupload,
	"POST commit":              (*Handler).commit,
	"POST lfs":                 (*Handler).lfsPost,
	"PUT lfs":                  (*Handler).lfsPut,
	"POST ask-access":          (*Handler).askAccess,
	"GET user-access-request":  (*Handler).accessRequests,
	"POST user-access-request": (*Handler).handleAccess,
}

// others are those without a repository, by method and path.
var others = map[string]handler{
	"GET whoami-v2":       (*Handler).whoami,
	"POST repos/create":   (*Handler).create,
	"DELETE repos/delete": (*Handler).delete,
	"POST repos/move":     (*Handler).move,
	"POST validate-yaml":  (*Handler).validateCard,
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := &request{Request: r}
	q.route, _ = parse(r.URL)
	if err := h.serve(w, q); err != nil {
		h.fail(w, q, err)
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *request) (err error) {
	who := auth.Caller
	if r.action == "resolve" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		who = auth.Visitor // pages link to files
	}
	if r.who, err = who(h.depot.Catalogue, r.Request); err != nil {
		return err
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	table, key := actions, method+" "+r.action
	switch {
	case r.kind == "" && len(r.rest) == 3 && r.rest[0] == "users" && r.rest[2] == "likes" && method == http.MethodGet:
		return h.likes(w, r)
	case r.kind == "" && r.rest[0] == "collections":
		return h.onCollections(w, r, method)
	case r.kind == "":
		table = others
	case r.name == "" && method == http.MethodGet:
		return h.list(w, r)
	}
	f := table[key]
	if f == nil {
		return hint.Wrap(errNoSuch, "the market answers the part of the hub's API that docs/market.md names", "%s %.200s", r.Method, r.URL.Path)
	}
	if r.action != "commit" && r.action != "lfs" { // these set limits of their own
		r.Body = http.MaxBytesReader(w, r.Body, 16<<20)
	}
	return f(h, w, r)
}

// What the hub tells apart beside the catalogue's errors.
var (
	errNoSuch     = errors.New("there is nothing here")
	errNoRevision = errors.New("no such revision")
	errNoEntry    = errors.New("no such file")
	errRequest    = errors.New("the request cannot be read")
)

// repository is the one that a request names; ErrNotFound for one of another kind as well.
func (h *Handler) repository(r *request) (*catalogue.Repository, error) {
	found, err := h.depot.Catalogue.Repository(r.Context(), r.who, r.name)
	if err == nil && found.Kind != "" && found.Kind != r.kind {
		err = hint.Errorf(fmt.Sprintf("it is a %s: say so to the client, as in repo_type=%q", found.Kind, typeOf(found.Kind)), "the %s %s: %w", r.kind, r.name, catalogue.ErrNotFound)
	}
	return found, err
}

// writable is the repository that a request writes to.
func (h *Handler) writable(r *request) (*catalogue.Repository, error) {
	found, err := h.repository(r)
	if err == nil {
		err = r.who.Needs(catalogue.Write)
	}
	if err == nil {
		err = found.Needs(catalogue.Write)
	}
	return found, err
}

// state is a repository at a revision; without files before the first one.
type state struct {
	*catalogue.Repository
	commit string
	target *catalogue.Target // nil before the first revision
	files  []catalogue.File  // by path
}

// at finds a revision of a repository; errNoRevision.
func (h *Handler) at(r *request, repository *catalogue.Repository, revision string) (*state, error) {
	s := &state{Repository: repository, commit: catalogue.Root}
	if revision == "HEAD" { // as the client for JavaScript says it
		revision = "main"
	}
	t, err := h.depot.Catalogue.Resolve(r.Context(), repository, revision)
	if errors.Is(err, catalogue.ErrNotFound) {
		if revision == catalogue.Root || revision == "main" || revision == catalogue.Latest {
			return s, nil
		}
		return nil, hint.Errorf(hint.Way(err), "%s at %.140q: %w", repository.FullName(), revision, errNoRevision)
	}
	if err != nil {
		return nil, err
	}
	if t.Revision == nil {
		return nil, hint.Errorf("fetch it with a client of the OCI distribution API", "%s at %.140q is no package of files: %w", repository.FullName(), revision, errNoRevision)
	}
	s.target, s.commit = t, t.Revision.Commit
	s.files, err = h.depot.Catalogue.Files(r.Context(), &t.Manifest)
	return s, err
}

// find is at for the repository and the revision that a request names.
func (h *Handler) find(r *request) (*state, error) {
	repository, err := h.repository(r)
	if err != nil {
		return nil, err
	}
	return h.at(r, repository, r.of("main"))
}

// code is what the hub answers an error with: status, and the name by which clients tell errors apart
// (https://huggingface.co/docs/huggingface_hub/package_reference/utilities#http-errors).
func (h *Handler) code(r *request, err error) (status int, name string) {
	var missing *catalogue.MissingBlobs
	var rejected *depot.Rejected
	var large *http.MaxBytesError
	known := auth.Token(r.Request) != "" || r.who.Account != nil
	switch {
	case depot.Unavailable(err):
		return http.StatusServiceUnavailable, ""
	case depot.Full(err):
		return http.StatusInsufficientStorage, ""
	case errors.Is(err, catalogue.ErrUnauthenticated):
		return http.StatusUnauthorized, ""
	case errors.Is(err, depot.ErrTooLarge):
		return http.StatusRequestEntityTooLarge, ""
	case errors.Is(err, catalogue.ErrQuota):
		return http.StatusForbidden, ""
	case errors.Is(err, catalogue.ErrGated) && known:
		return http.StatusForbidden, "GatedRepo"
	case errors.Is(err, catalogue.ErrGated):
		return http.StatusUnauthorized, "GatedRepo"
	case errors.Is(err, errNoRevision):
		return http.StatusNotFound, "RevisionNotFound"
	case errors.Is(err, errNoEntry):
		return http.StatusNotFound, "EntryNotFound"
	case errors.Is(err, errNoSuch), errors.Is(err, blob.ErrNoUpload):
		return http.StatusNotFound, ""
	case errors.As(err, &missing), errors.As(err, &rejected), errors.Is(err, catalogue.ErrInvalid), errors.Is(err, pack.ErrInvalid), errors.Is(err, errRequest),
		errors.Is(err, blob.ErrDigest), errors.Is(err, blob.ErrInvalid):
		return http.StatusBadRequest, ""
	case errors.Is(err, catalogue.ErrNotFound) && known:
		return http.StatusNotFound, "RepoNotFound"
	case errors.Is(err, catalogue.ErrNotFound): // it may be there for somebody
		return http.StatusUnauthorized, "RepoNotFound"
	case errors.Is(err, catalogue.ErrForbidden):
		return http.StatusForbidden, ""
	case errors.Is(err, catalogue.ErrExists), errors.Is(err, catalogue.ErrPublished):
		return http.StatusConflict, ""
	case errors.Is(err, catalogue.ErrConflict):
		return http.StatusPreconditionFailed, ""
	case errors.Is(err, blob.ErrBusy), errors.Is(err, blob.ErrOffset):
		return http.StatusServiceUnavailable, "" // clients try again
	case errors.As(err, &large):
		return http.StatusRequestEntityTooLarge, ""
	}
	return http.StatusInternalServerError, ""
}

// fail answers with an error: one line for people, with the way out, and a code for programs.
func (h *Handler) fail(w http.ResponseWriter, r *request, err error) {
	if r.Context().Err() != nil {
		return // the client has gone
	}
	status, name := h.code(r, err)
	message := err.Error()
	if way := hint.Way(err); way != "" {
		message += "; " + way
	}
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", depot.RetryAfter)
	}
	if depot.Unavailable(err) {
		h.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		message = "the market cannot reach its store or its catalogue; try again in a moment"
	}
	if status == http.StatusInternalServerError {
		h.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		message = "the market has failed; try again, and tell who runs it if that does not help"
	}
	if status == http.StatusUnauthorized && name == "" && auth.Token(r.Request) != "" {
		message = "Invalid credentials in Authorization header" // the words that clients look for
	}
	if name != "" {
		w.Header().Set("X-Error-Code", name)
	}
	w.Header().Set("X-Error-Message", headerText(message))
	answer(w, status, map[string]string{"error": message})
}

// headerText makes a text fit for a header: one line of ASCII.
func headerText(s string) string {
	quoted := strconv.QuoteToASCII(s)
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// answer sends JSON.
func answer(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
	return nil
}

// read reads a body of JSON. The hub's clients send all sorts of keys; those that are not known here do not matter.
func read(r *request, into any) error {
	if err := json.NewDecoder(r.Body).Decode(into); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return fmt.Errorf("%w: %w", errRequest, err)
	}
	return nil
}

// timeText is a time as the hub writes it.
func timeText(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// address is a repository's page.
func address(r *request, repository *catalogue.Repository, kind pack.Kind) string {
	prefix := map[pack.Kind]string{pack.Dataset: "datasets/", pack.Application: "spaces/"}[kind]
	return auth.Origin(r.Request) + "/" + prefix + repository.FullName()
}

// next tells where the next page of a list is.
func next(w http.ResponseWriter, r *request, cursor int) {
	q := r.URL.Query()
	q.Set("cursor", strconv.Itoa(cursor))
	w.Header().Set("Link", fmt.Sprintf(`<%s%s?%s>; rel="next"`, auth.Origin(r.Request), r.URL.EscapedPath(), q.Encode()))
}

// page reads which part of a list is asked for.
func page(r *request, size, most int) (offset, limit int, err error) {
	limit = size
	for name, into := range map[string]*int{"cursor": &offset, "limit": &limit} {
		text := r.URL.Query().Get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > 1<<30 || name == "limit" && n == 0 {
			return 0, 0, hint.Errorf("write a number, or follow the Link of the page before", "%s=%.40q: %w", name, text, errRequest)
		}
		*into = n
	}
	return offset, min(limit, most), nil
}
