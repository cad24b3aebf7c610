package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/oidc"
)

// attemptCookie leads to what the market keeps of an attempt to sign in by a provider, for attemptLasts.
const (
	attemptCookie = "xiaoyu_attempt"
	attemptLasts  = 15 * time.Minute
)

// attempt is kept while somebody is at the provider, and then until he has chosen a name.
type attempt struct {
	oidc.Attempt
	Next   string
	Link   int64        // ID of the account that the identity is to be linked to; 0 for none
	Person *oidc.Person // once he has come back
}

func (h *Handler) mountProvider() {
	if h.options.Provider == nil {
		return
	}
	h.form("GET /login/oidc", h.toProvider)
	h.form("GET /login/oidc/callback", h.fromProvider)
}

// callback is where the provider sends people.
func callback(r *http.Request) string { return auth.Origin(r) + "/login/oidc/callback" }

// toProvider sends a browser to the provider: to sign in, or to link an account where somebody is signed in.
func (h *Handler) toProvider(w http.ResponseWriter, r *http.Request) (*reply, error) {
	if err := take(h.attempts.address, auth.Address(r)); err != nil {
		return nil, err
	}
	a := attempt{Next: local(r.FormValue("next"))}
	if who := visitor(r); who.Account != nil {
		a.Link, a.Next = who.Account.ID, "/settings/password?done"
	}
	to, begun, err := h.options.Provider.Begin(r.Context(), callback(r))
	if err != nil {
		return h.notVouchedFor(r, a.Next, err)
	}
	a.Attempt = begun
	return &reply{to: to}, h.keep(w, r, a)
}

// keep keeps an attempt for a browser.
func (h *Handler) keep(w http.ResponseWriter, r *http.Request, a attempt) error {
	content, err := json.Marshal(a)
	if err != nil {
		return err
	}
	cookie, err := h.depot.Catalogue.PutNote(r.Context(), string(content), attemptLasts)
	if err == nil {
		h.setAttempt(w, r, cookie, int(attemptLasts/time.Second))
	}
	return err
}

func (h *Handler) setAttempt(w http.ResponseWriter, r *http.Request, value string, age int) {
	http.SetCookie(w, &http.Cookie{Name: attemptCookie, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(auth.Origin(r), "https:")})
}

// kept is what keep has kept for a browser; ErrNotFound. With take it is forgotten.
func (h *Handler) kept(r *http.Request, take bool) (*attempt, error) {
	cookie, err := r.Cookie(attemptCookie)
	if err != nil {
		return nil, catalogue.ErrNotFound
	}
	content, err := h.depot.Catalogue.Note(r.Context(), cookie.Value, take)
	if err != nil {
		return nil, err
	}
	var a attempt
	return &a, json.Unmarshal([]byte(content), &a)
}

// fromProvider takes who comes back from the provider.
func (h *Handler) fromProvider(w http.ResponseWriter, r *http.Request) (*reply, error) {
	a, err := h.kept(r, true)
	if errors.Is(err, catalogue.ErrNotFound) || err == nil && a.Person != nil {
		return signInAgain(r, "/", "late"), nil
	}
	if err != nil {
		return nil, err
	}
	p, err := h.options.Provider.Finish(r.Context(), a.Attempt, callback(r), r.URL.Query())
	if err != nil {
		return h.notVouchedFor(r, a.Next, err)
	}
	return h.welcome(w, r, a, p)
}

// notVouchedFor leads back who could not sign in by the provider.
func (h *Handler) notVouchedFor(r *http.Request, next string, err error) (*reply, error) {
	if r.Context().Err() != nil {
		return nil, err
	}
	why, level := "away", slog.LevelError
	switch {
	case errors.Is(err, oidc.ErrCancelled):
		why, level = "cancelled", slog.LevelInfo
	case errors.Is(err, oidc.ErrStale):
		why, level = "stale", slog.LevelInfo
	case errors.Is(err, oidc.ErrRefused):
		why, level = "refused", slog.LevelInfo
	}
	h.log.Log(r.Context(), level, "signing in by the provider", "error", err)
	return signInAgain(r, next, why), nil
}

// signInAgain leads to the form to sign in, and from there to next; who is signed in and wanted to link an account, to the
// page that this began on. There providerProblem says why.
func signInAgain(r *http.Request, next, why string) *reply {
	if visitor(r).Account != nil {
		return &reply{to: "/settings/password?" + url.Values{"provider": {why}}.Encode()}
	}
	return &reply{to: "/login?" + url.Values{"provider": {why}, "next": {next}}.Encode()}
}

// providerProblem is why nobody has signed in by the provider, on the page to which that has led; "" for others.
func (h *Handler) providerProblem(r *http.Request) string {
	if h.options.Provider == nil {
		return ""
	}
	say, name := vocabulary[lang(r)], h.options.Provider.Name()
	switch r.URL.Query().Get("provider") {
	case "late":
		return say.T("Signing in took too long, or began in another browser. Try again.")
	case "cancelled":
		return fmt.Sprintf(say.T("Signing in was cancelled at %s. Try again, or sign in in another way."), name)
	case "stale":
		return fmt.Sprintf(say.T("What %s answers has expired, or belongs to another attempt to sign in. Try again."), name)
	case "refused":
		return fmt.Sprintf(say.T("%s has not said who you are. Try again."), name)
	case "away":
		return fmt.Sprintf(say.T("Nobody can sign in by %s at the moment. Try again later, or sign in in another way."), name)
	}
	return ""
}

// welcome signs in, links, or leads to the choice of a name.
func (h *Handler) welcome(w http.ResponseWriter, r *http.Request, a *attempt, p *oidc.Person) (*reply, error) {
	c, identity := h.depot.Catalogue, catalogue.Identity{Issuer: p.Issuer, Subject: p.Subject}
	if a.Link != 0 {
		who := visitor(r)
		if who.Account == nil || who.Account.ID != a.Link { // who has begun is not who has come back
			return nil, catalogue.ErrForbidden
		}
		err := c.LinkIdentity(r.Context(), who, identity)
		if errors.Is(err, catalogue.ErrExists) {
			return &reply{to: "/settings/password?taken"}, nil
		}
		return &reply{to: a.Next}, err
	}
	account, err := c.Identified(r.Context(), identity)
	if err == nil {
		h.setAttempt(w, r, "", -1)
		return &reply{to: a.Next}, h.begin(w, r, account)
	}
	if !errors.Is(err, catalogue.ErrNotFound) {
		return nil, err
	}
	return &reply{to: "/signup"}, h.keep(w, r, attempt{Next: a.Next, Person: p})
}

// newcomer is who has come from the provider and has no account yet; nil for others.
func (h *Handler) newcomer(r *http.Request) (*oidc.Person, error) {
	if h.options.Provider == nil {
		return nil, nil
	}
	a, err := h.kept(r, false)
	if errors.Is(err, catalogue.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return a.Person, nil
}
