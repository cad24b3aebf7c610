// Package api answers the market's own API under /api/v1/, which its command line speaks. What it says is package client's.
//
//	GET  /api/v1/whoami
//	GET  /api/v1/packages?q=&kind=&task=&sort=…                    finds packages
//	POST /api/v1/packages                                        takes a name
//	GET  /api/v1/packages/{owner}/{name}?version=                what is known of a package
//	DELETE /api/v1/packages/{owner}/{name}
//	PUT  /api/v1/packages/{owner}/{name}/versions/{version}/state  yanks, deprecates
//	DELETE /api/v1/packages/{owner}/{name}/versions/{version}
//	PATCH /api/v1/packages/{owner}/{name}                         settings, another name
//	PUT, DELETE /api/v1/packages/{owner}/{name}/like
//	POST /api/v1/packages/{owner}/{name}/installs                notes an install
//	PUT, DELETE /api/v1/packages/{owner}/{name}/rating           rates a version; takes that back
//	GET  /api/v1/packages/{owner}/{name}/reviews?stars=&before=&limit=  what people say
//	GET  /api/v1/packages/{owner}/{name}/reviews.jsonl           all of it, a line each
//	POST /api/v1/packages/{owner}/{name}/reviews/{id}/replies
//	POST /api/v1/packages/{owner}/{name}/reports                 tells moderators of it, or of what was said of it
//	POST /api/v1/packages/{owner}/{name}/appeals                 what its author has against a decision
//	GET, POST /api/v1/packages/{owner}/{name}/advisories?of=     what is dangerous about it; publishes an advisory
//	DELETE /api/v1/packages/{owner}/{name}/advisories/{id}
//	GET, POST /api/v1/moderation                                 what waits for a moderator; decides
//	GET  /api/v1/moderation/decisions?before=
//	GET  /api/v1/moderation/export.jsonl                         all that people say and moderators decide, a line each
//	GET  /api/v1/packages/{owner}/{name}/bom?version=            what a package is made of, as CycloneDX
//	GET, POST /api/v1/collections?q=&owner=&package=             lists collections; makes one
//	GET, PATCH, DELETE /api/v1/collections/{owner}/{slug}
//	PUT, DELETE /api/v1/collections/{owner}/{slug}/items/{owner}/{name}  a package in it, its note and its place
//	GET, POST /api/v1/organisations                              those of the account; makes one
//	GET  /api/v1/organisations/{name}                            its members
//	PUT, DELETE /api/v1/organisations/{name}/members/{member}
//	POST /api/v1/organisations/{name}/invitations
//	GET  /api/v1/audit?owner=&actor=&before=&limit=                what was done
//	GET  /api/v1/keys/{owner}                                    public keys of an account
//	POST /api/v1/keys/{owner}                                    adds one
//	DELETE /api/v1/keys/{owner}/{fingerprint}
//	POST /api/v1/packages/{owner}/{name}/predict?version=        asks a model, here
//	GET  /api/v1/benchmarks                                      what models are measured by
//	GET  /api/v1/benchmarks/{name}                               one, with its leaderboard
//	GET, POST /api/v1/packages/{owner}/{name}/verifications?version=  what was measured; measures anew
//	GET  /api/v1/verification-key                                by which the records of that are checked
package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/try"
)

// API is the handler of /api/v1/.
type API struct {
	depot *depot.Depot
	desk  *try.Desk
	log   *slog.Logger
	mux   *http.ServeMux
}

// New returns the handler for a depot, whose models are asked at a desk.
func New(d *depot.Depot, desk *try.Desk, log *slog.Logger) *API {
	a := &API{depot: d, desk: desk, log: log, mux: http.NewServeMux()}
	const name = "/api/v1/packages/{owner}/{name}"
	a.handle("GET /api/v1/whoami", a.whoami)
	a.handle("GET /api/v1/packages", a.search)
	a.handle("POST /api/v1/packages", a.create)
	a.handle("GET "+name, a.info)
	a.handle("DELETE "+name, a.delete)
	a.handle("PUT "+name+"/versions/{version}/state", a.retire)
	a.handle("POST "+name+"/installs", a.install)
	a.handle("GET "+name+"/bom", a.bom)
	a.handle("PATCH "+name, a.configure)
	a.handle("DELETE "+name+"/versions/{version}", a.deleteVersion)
	a.handle("PUT "+name+"/like", a.like)
	a.handle("DELETE "+name+"/like", a.like)
	a.people()
	a.mountCollections()
	a.mountReviews()
	a.mountModeration()
	a.handle("GET /api/v1/keys/{owner}", a.keys)
	a.handle("POST /api/v1/keys/{owner}", a.addKey)
	a.handle("DELETE /api/v1/keys/{owner}/{fingerprint}", a.removeKey)
	a.handle("POST "+name+"/predict", a.predict)
	a.verifications(name)
	a.handle("/api/v1/", func(w http.ResponseWriter, r *http.Request, _ catalogue.Caller) error {
		return hint.Wrap(catalogue.ErrNotFound, "see docs/market.md for what there is", "%s %.200s", r.Method, r.URL.Path)
	})
	return a
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

func (a *API) handle(pattern string, f func(http.ResponseWriter, *http.Request, catalogue.Caller) error) {
	a.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, longestBody)
		who, err := auth.Caller(a.depot.Catalogue, r)
		if err == nil {
			err = f(w, r, who)
		}
		if err != nil {
			a.fail(w, r, err)
		}
	})
}

// fail answers with an error in the form that the OCI distribution API has as well.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return
	}
	status, code := http.StatusInternalServerError, "UNKNOWN"
	var syntax *badRequest
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		status, code = http.StatusRequestEntityTooLarge, "SIZE_INVALID"
	case depot.Unavailable(err):
		status, code = http.StatusServiceUnavailable, "UNAVAILABLE"
		w.Header().Set("Retry-After", depot.RetryAfter)
	case depot.Full(err):
		status, code = http.StatusInsufficientStorage, "FULL"
	case errors.Is(err, catalogue.ErrUnauthenticated):
		status, code = http.StatusUnauthorized, "UNAUTHORIZED"
	case errors.Is(err, catalogue.ErrNotFound):
		status, code = http.StatusNotFound, "NAME_UNKNOWN"
	case errors.Is(err, catalogue.ErrForbidden), errors.Is(err, catalogue.ErrQuota), errors.Is(err, catalogue.ErrGated):
		status, code = http.StatusForbidden, "DENIED"
	case errors.Is(err, catalogue.ErrExists):
		status, code = http.StatusConflict, "EXISTS"
	case errors.Is(err, catalogue.ErrInvalid), errors.As(err, &syntax), errors.Is(err, try.ErrQuestion):
		status, code = http.StatusBadRequest, "INVALID"
	case errors.Is(err, try.ErrBusy):
		status, code = http.StatusTooManyRequests, "TOOMANYREQUESTS"
	case errors.Is(err, try.ErrModel), errors.Is(err, try.ErrTime), errors.Is(err, try.ErrMemory), errors.Is(err, try.ErrCrash), errors.Is(err, try.ErrForbidden):
		status, code = http.StatusUnprocessableEntity, "UNSUPPORTED"
	}
	message := err.Error()
	if way := hint.Way(err); way != "" {
		message += "; " + way
	}
	switch status {
	case http.StatusServiceUnavailable:
		a.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		message = "the market cannot reach its store or its catalogue; try again in a moment"
	case http.StatusInternalServerError:
		a.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		message = "the market has failed; try again, and tell who runs it if that does not help"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"errors": []any{map[string]string{"code": code, "message": message}}})
}

type badRequest struct{ error }

// longestBody bounds what a request may send, in bytes.
const longestBody = 1 << 20

// read reads a body: one value of JSON, with no keys that are not known.
func read(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = cmp.Or(more, errors.New("something follows the value"))
		}
	}
	var large *http.MaxBytesError
	if err != nil && !errors.As(err, &large) {
		err = &badRequest{err}
	}
	if err != nil {
		err = fmt.Errorf("reading the request: %w", err)
	}
	return err
}

func write(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(b, '\n'))
	return nil
}

func (a *API) whoami(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	if err := who.Needs(catalogue.Read); err != nil {
		return err
	}
	p := client.Person{Name: who.Name(), FullName: who.Account.FullName, Scope: who.Scope.String(), Token: who.Token, Organisations: map[string]string{}}
	list, err := a.depot.Catalogue.Organisations(r.Context(), who.Account)
	if err != nil {
		return err
	}
	for _, m := range list {
		p.Organisations[m.Account.Name] = m.Role.String()
	}
	return write(w, http.StatusOK, p)
}

// mostAtOnce is how many packages one answer to a search may hold.
const mostAtOnce = 100

func (a *API) search(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	values := r.URL.Query()
	s := catalogue.Query{Text: values.Get("q"), Sort: catalogue.Order(values.Get("sort")), Facets: map[string]string{}}
	if err := bounds(r, &s.Limit, &s.Offset, catalogue.Deep); err != nil {
		return err
	}
	for facet := range catalogue.Facets {
		if v := values.Get(facet); v != "" {
			s.Facets[facet] = v
		}
	}
	list, err := a.depot.Catalogue.Search(r.Context(), who, s)
	if err != nil {
		return err
	}
	found := client.Found{Packages: []client.Package{}, Total: list.Total, Estimated: list.Estimated, Instead: list.Instead, Counts: map[string]map[string]int{}}
	for _, p := range list.Packages {
		found.Packages = append(found.Packages, describe(p))
	}
	for facet, counts := range list.Counts {
		found.Counts[facet] = map[string]int{}
		for _, c := range counts {
			found.Counts[facet][c.Value] = c.N
		}
	}
	return write(w, http.StatusOK, found)
}

func (a *API) create(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var n client.NewPackage
	if err := read(r, &n); err != nil {
		return err
	}
	created, err := a.depot.Catalogue.CreateRepository(r.Context(), who, catalogue.NewRepository{FullName: n.Name, Kind: catalogue.Kind(n.Kind), Private: n.Private})
	if err != nil {
		return err
	}
	return write(w, http.StatusCreated, describe(created))
}

// repository is the one that a request is about.
func (a *API) repository(r *http.Request, who catalogue.Caller) (*catalogue.Repository, error) {
	return a.depot.Catalogue.Repository(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("name"))
}

// writable is repository for a request that changes it: a stranger who may see it is asked to log in.
func (a *API) writable(r *http.Request, who catalogue.Caller) (*catalogue.Repository, error) {
	found, err := a.repository(r, who)
	if err == nil {
		err = who.Needs(catalogue.Write)
	}
	return found, err
}

func describe(r *catalogue.Repository) client.Package {
	return client.Package{Name: r.FullName(), Kind: string(r.Kind), Private: r.Private, Title: r.Title, Description: r.Description, Licence: r.Licence, Task: r.Task, Family: r.Family,
		Labels: r.Labels, Size: r.Size, Downloads: r.Downloads, Likes: r.Likes, Rating: r.Mean(), Ratings: r.Ratings, Created: r.Created, Updated: r.Updated}
}

func (a *API) info(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	p := describe(repository)
	refs, err := a.depot.Catalogue.Refs(r.Context(), repository)
	if err != nil {
		return err
	}
	for _, f := range refs {
		p.Versions = append(p.Versions, client.Version{Name: f.Name, Kind: f.Kind, Digest: f.Digest.String(), Commit: f.Commit, Updated: f.Updated, State: f.State, Reason: f.Reason, Successor: f.Successor})
	}
	version := r.URL.Query().Get("version")
	t, err := a.depot.Catalogue.Resolve(r.Context(), repository, version)
	if errors.Is(err, catalogue.ErrNotFound) && version == "" { // nothing has been published yet
		return write(w, http.StatusOK, p)
	}
	if err != nil {
		return err
	}
	p.Digest = t.Manifest.Digest.String()
	files, err := a.depot.Catalogue.Files(r.Context(), &t.Manifest)
	if err != nil {
		return err
	}
	if p.Findings, err = a.depot.Catalogue.Findings(r.Context(), &t.Manifest); err != nil {
		return err
	}
	for _, f := range files {
		p.Files = append(p.Files, client.File{Path: f.Path, Digest: f.Digest.String(), Size: f.Size})
	}
	signatures, err := a.depot.Catalogue.Signatures(r.Context(), &t.Manifest)
	if err != nil {
		return err
	}
	for _, s := range signatures {
		p.Signatures = append(p.Signatures, client.Signature{Key: s.Fingerprint, Digest: s.Digest.String(), At: s.At})
	}
	return write(w, http.StatusOK, p)
}

func (a *API) delete(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	repository, err := a.writable(r, who)
	if err == nil {
		err = a.depot.Catalogue.DeleteRepository(r.Context(), who, repository)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) retire(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var q client.Retirement
	if err := read(r, &q); err != nil {
		return err
	}
	repository, err := a.writable(r, who)
	if err == nil {
		err = a.depot.Catalogue.Retire(r.Context(), who, repository, r.PathValue("version"), q.State, q.Reason, q.Successor)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) install(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	if err := who.Needs(catalogue.Read); err != nil {
		return err
	}
	var i client.Install
	if err := read(r, &i); err != nil {
		return err
	}
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	c := a.depot.Catalogue
	t, err := c.Resolve(r.Context(), repository, digest.Digest(i.Digest).String())
	if err == nil {
		err = c.MayDownload(r.Context(), who, repository)
	}
	if err != nil {
		return err
	}
	sent, err := c.Downloaded(r.Context(), repository, auth.Client(who, r)) // whoever has installed it may rate it
	if err == nil && !sent {
		err = hint.Errorf("pull it with the same account first", "an install of %s, of which nothing was sent to %s: %w", repository.FullName(), who.Name(), catalogue.ErrForbidden)
	}
	if err == nil {
		err = c.RecordInstall(r.Context(), who.Account, repository, t.Manifest.Digest)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) predict(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var q try.Question
	if err := read(r, &q); err != nil {
		return err
	}
	repository, err := a.repository(r, who)
	if err != nil {
		return err
	}
	answer, err := a.desk.Ask(r.Context(), auth.Client(who, r), repository, r.URL.Query().Get("version"), q)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, answer)
}
