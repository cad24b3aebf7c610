// Package api answers the market's own API under /api/v1/, which its command line speaks. What it says is package client's.
//
// Its routes are rows of tables, which stand above the handlers of each subject: method and path, the scope that a token must
// have, what may stand in the query, and an endpoint, whose types of what is read and of what is answered are those of the
// handler. By these rows requests are checked and answered, and the document is written that /api/v1/openapi.json serves:
//
//	go test ./market/api -run TestTheDocument -update
package api

import (
	"cmp"
	_ "embed" // the document
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

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

// Document is the API as an OpenAPI 3.1 document (https://spec.openapis.org/oas/v3.1.1).
//
//go:embed openapi.json
var Document []byte

// New returns the handler for a depot, whose models are asked at a desk.
func New(d *depot.Depot, desk *try.Desk, log *slog.Logger) *API {
	a := &API{depot: d, desk: desk, log: log, mux: http.NewServeMux()}
	for _, t := range a.routes() {
		method, path, _ := strings.Cut(t.pattern, " ")
		a.mux.HandleFunc(method+" "+Root+path, func(w http.ResponseWriter, r *http.Request) { a.answer(w, r, &t) })
	}
	a.mux.HandleFunc(Root+"/", func(w http.ResponseWriter, r *http.Request) { a.fail(w, r, a.nowhere(w, r)) })
	return a
}

// routes are all that there are.
func (a *API) routes() []route {
	return slices.Concat(a.ownRoutes(), a.packageRoutes(), a.reviewRoutes(), a.moderationRoutes(), a.verificationRoutes(), a.collectionRoutes(), a.organisationRoutes(), a.keyRoutes())
}

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Vary", "Authorization")
	a.mux.ServeHTTP(w, r)
}

// answer answers a request of a route.
func (a *API) answer(w http.ResponseWriter, r *http.Request, t *route) {
	r.Body = http.MaxBytesReader(w, r.Body, longestBody)
	who, err := auth.Caller(a.depot.Catalogue, r)
	if who.Account != nil {
		w.Header().Set("Cache-Control", "private, no-store")
	}
	if err == nil && t.needs > catalogue.None {
		err = who.Needs(t.needs)
	}
	if err == nil {
		err = t.check(r)
	}
	if err == nil {
		err = t.serve(w, r, who)
	}
	if err != nil {
		a.fail(w, r, err)
	}
}

// errMethod is of a path that is there for other methods.
var errMethod = errors.New("the method is not allowed")

// nowhere tells what is wrong with a request that is none of the routes'.
func (a *API) nowhere(w http.ResponseWriter, r *http.Request) error {
	var allowed []string
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
		if _, pattern := a.mux.Handler(&http.Request{Method: method, URL: r.URL, Host: r.Host}); strings.HasPrefix(pattern, method) {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) == 0 {
		return hint.Wrap(catalogue.ErrNotFound, "see "+Root+"/openapi.json for what there is", "%s %.200s", r.Method, r.URL.Path)
	}
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	return hint.Wrap(errMethod, "ask by "+strings.Join(allowed, ", "), "%s %.200s", r.Method, r.URL.Path)
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
		w.Header().Set("WWW-Authenticate", `Bearer realm="xiaoyu"`)
	case errors.Is(err, errMethod):
		status, code = http.StatusMethodNotAllowed, "UNSUPPORTED"
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
	json.NewEncoder(w).Encode(client.Errors{Errors: []client.Error{{Code: code, Message: message}}})
}

// badRequest is of a request that cannot be read.
type badRequest struct{ error }

func (b *badRequest) Unwrap() error { return b.error }

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

func (a *API) ownRoutes() []route {
	return []route{
		{"GET /whoami", "whoAmI", "Tells whose the token is.", catalogue.Read, nil, answers(a.whoami)},
		{"GET /openapi.json", "document", "This document.", catalogue.None, nil, writes[map[string]any](jsonMedia, a.document)},
	}
}

func (a *API) whoami(r *http.Request, who catalogue.Caller) (*client.Person, error) {
	p := &client.Person{Name: who.Name(), FullName: who.Account.FullName, Scope: who.Scope.String(), Token: who.Token, Organisations: map[string]string{}}
	list, err := a.depot.Catalogue.Organisations(r.Context(), who.Account)
	if err != nil {
		return nil, err
	}
	for _, m := range list {
		p.Organisations[m.Account.Name] = m.Role.String()
	}
	return p, nil
}

func (a *API) document(w http.ResponseWriter, _ *http.Request, _ catalogue.Caller) error {
	w.Header().Set("Content-Type", jsonMedia)
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, err := w.Write(Document)
	return err
}
