package web

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/limit"
	"github.com/xiaoyu-slm/xiaoyu/market/oidc"
)

// Options say who may have an account of a market.
type Options struct {
	SignUp SignUp
	// Provider is one of OpenID Connect that people may sign in by; nil for none. Whom it knows may sign up without an
	// invitation if Vouches is set.
	Provider *oidc.Provider
	Vouches  bool
	Mailer   Mailer // sends links to people who have forgotten their passwords; nil for no mail
	URL      string // address of the market in mail, which no request can be believed to say
}

// provider is what people call it, "" for none.
func (o Options) provider() string {
	if o.Provider == nil {
		return ""
	}
	return o.Provider.Name()
}

// SignUp says who may sign up.
type SignUp string

// Who may. Invited, the zero value, is whoever has an invitation of somebody with an account, or of the holder of the data
// folder; Closed leaves it to the latter to make accounts.
const (
	Invited SignUp = ""
	Open    SignUp = "open"
	Closed  SignUp = "closed"
)

// attempts limit who guesses.
type attempts struct {
	address *limit.Limiter // attempts to sign in of a client
	name    *limit.Limiter // attempts to sign in to an account
	signUp  *limit.Limiter // attempts to sign up of a client, and invitations tried
}

func newAttempts() attempts {
	return attempts{limit.New(6*time.Second, 20), limit.New(30*time.Second, 10), limit.New(time.Minute, 20)}
}

// tooOften is the error of who has to wait.
type tooOften struct{ wait time.Duration }

func (t *tooOften) Error() string { return "too many attempts" }

func (t *tooOften) seconds() int { return int(t.wait/time.Second) + 1 }

// take counts an attempt; tooOften.
func take(l *limit.Limiter, key string) error {
	if wait := l.Take(key); wait > 0 {
		return &tooOften{wait}
	}
	return nil
}

func (h *Handler) mountAccounts() {
	// Cookies come with whatever a browser sends, whichever page made it do so. What changes something must come from a page
	// of this market: browsers say so in Sec-Fetch-Site or Origin.
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		say := vocabulary[lang(r)]
		h.answer(w, r, &reply{name: "error", status: http.StatusForbidden, title: say.T("Not permitted"), body: say.T("This came from another site. Open the page here and try again.")}, nil)
	}))
	h.guarded = guard.Handler(h.mux)
	h.form("GET /login", h.logInPage)
	h.form("POST /login", h.logIn)
	h.form("POST /logout", h.logOut)
	h.form("GET /signup", h.signUpPage)
	h.form("POST /signup", h.signUp)
	h.form("GET /join/{code}", h.invited)
	h.signedIn("POST /join/{code}", h.join)
	h.mountForgotten()
	h.mountMailbox()
	h.mountProvider()
	h.mountSettings()
	h.mountOrganisations()
	h.mountPackageSettings()
}

type visitorKey struct{}

// visitor is who looks at a page, by a session or a token; the zero Caller is a stranger. Every handler of this package
// may ask.
func visitor(r *http.Request) catalogue.Caller {
	who, _ := r.Context().Value(visitorKey{}).(catalogue.Caller)
	return who
}

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/-/") { // styles and scripts are nobody's
		h.mux.ServeHTTP(w, r)
		return
	}
	who, err := auth.Visitor(h.depot.Catalogue, r)
	if err != nil {
		h.answer(w, r, nil, err)
		return
	}
	h.guarded.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, who)))
}

// longestForm bounds what a form may send, in bytes.
const longestForm = 64 << 10

// form answers with what f says to a page's form, or the page.
func (h *Handler) form(pattern string, f func(http.ResponseWriter, *http.Request) (*reply, error)) {
	h.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, longestForm)
		if err := r.ParseForm(); err != nil {
			var large *http.MaxBytesError
			if !errors.As(err, &large) {
				err = hint.Errorf("send the form again", "reading a form: %w: %w", err, catalogue.ErrInvalid)
			}
			h.answer(w, r, nil, err)
			return
		}
		a, err := f(w, r)
		h.answer(w, r, a, err)
	})
}

// signedIn is form for people who are signed in; others are sent to do so.
func (h *Handler) signedIn(pattern string, f func(http.ResponseWriter, *http.Request, catalogue.Caller) (*reply, error)) {
	h.form(pattern, func(w http.ResponseWriter, r *http.Request) (*reply, error) {
		who := visitor(r)
		if who.Account == nil {
			next := r.URL.RequestURI()
			if r.Method != http.MethodGet {
				next = back(r)
			}
			return &reply{to: "/login?" + url.Values{"next": {next}}.Encode()}, nil
		}
		if err := who.Needs(catalogue.Admin); err != nil {
			return nil, err
		}
		return f(w, r, who)
	})
}

// back is the page of this market that a form stood on, the home page if that is not known.
func back(r *http.Request) string {
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return "/"
	}
	return local(u.RequestURI())
}

// local is an address within this market, "/" for any other.
func local(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}

// logInForm is what was typed there.
type logInForm struct {
	Name, Next, Problem string
	Changed             bool // the password, just now
	SignUp              SignUp
	Provider            string // what people call it; "" for none
}

func (h *Handler) logInPage(_ http.ResponseWriter, r *http.Request) (*reply, error) {
	next := local(r.FormValue("next"))
	if visitor(r).Account != nil {
		return &reply{to: next}, nil
	}
	return h.logInReply(r, logInForm{Next: next, Changed: r.URL.Query().Has("changed"), Problem: h.providerProblem(r)}), nil
}

func (h *Handler) logInReply(r *http.Request, f logInForm) *reply {
	f.SignUp, f.Provider = h.options.SignUp, h.options.provider()
	return &reply{name: "account-login", title: vocabulary[lang(r)].T("Sign in"), body: f}
}

func (h *Handler) logIn(w http.ResponseWriter, r *http.Request) (*reply, error) {
	name, next := strings.TrimSpace(r.PostFormValue("name")), local(r.PostFormValue("next"))
	if err := take(h.attempts.address, auth.Address(r)); err != nil {
		return nil, err
	}
	if err := take(h.attempts.name, strings.ToLower(name)); err != nil {
		return nil, err
	}
	a, err := h.depot.Catalogue.LogIn(r.Context(), name, r.PostFormValue("password"))
	if errors.Is(err, catalogue.ErrUnauthenticated) {
		p := h.logInReply(r, logInForm{Name: name, Next: next, Problem: vocabulary[lang(r)].T("The name or the password is wrong.")})
		p.status = http.StatusUnauthorized
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	return &reply{to: next}, h.begin(w, r, a)
}

// begin begins a session of an account: always a new one, so that nobody knows its cookie who has known an earlier one.
func (h *Handler) begin(w http.ResponseWriter, r *http.Request, a *catalogue.Account) error {
	if err := h.end(r); err != nil {
		return err
	}
	cookie, err := h.depot.Catalogue.CreateSession(r.Context(), a, r.UserAgent(), auth.Address(r))
	if err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{Name: auth.SessionCookie, Value: cookie, Path: "/", MaxAge: int(catalogue.SessionLasts / time.Second),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(auth.Origin(r), "https:")})
	return nil
}

// end ends the session that a request came with.
func (h *Handler) end(r *http.Request) error {
	cookie, err := r.Cookie(auth.SessionCookie)
	if err != nil || cookie.Value == "" {
		return nil
	}
	return h.depot.Catalogue.EndSession(r.Context(), cookie.Value)
}

func (h *Handler) logOut(w http.ResponseWriter, r *http.Request) (*reply, error) {
	http.SetCookie(w, &http.Cookie{Name: auth.SessionCookie, Path: "/", MaxAge: -1, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(auth.Origin(r), "https:")})
	w.Header().Set("Clear-Site-Data", `"cache"`)
	return &reply{to: "/"}, h.end(r)
}
