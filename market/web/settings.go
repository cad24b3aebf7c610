package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// section is a page of somebody's settings: show finds what it tells, act does what its forms ask for.
type section struct {
	Name, Title string
	show        func(*Handler, *http.Request, catalogue.Caller) (any, error)
	act         func(*Handler, http.ResponseWriter, *http.Request, catalogue.Caller) (secret string, err error)
}

// sections in the order of their menu.
var sections = []section{
	{"profile", "Profile", (*Handler).profile, (*Handler).setProfile},
	{"tokens", "Tokens", (*Handler).tokens, (*Handler).changeTokens},
	{"organisations", "Organisations", (*Handler).organisations, (*Handler).createOrganisation},
	{"invitations", "Invitations", (*Handler).invitations, (*Handler).changeInvitations},
	{"usage", "Storage", (*Handler).ownUsage, nil},
	{"password", "Sign-in", (*Handler).password, (*Handler).setPassword},
	{"sessions", "Sessions", (*Handler).sessions, (*Handler).changeSessions},
}

// settings is what the template of each section gets.
type settings struct {
	Section  string
	Sections []section
	Done     bool       // the form was carried out
	Problem  string     // why not
	Secret   string     // a token or a link that is shown this once
	Typed    url.Values // what stood in the form
	Body     any
}

func (h *Handler) mountSettings() {
	h.signedIn("GET /settings", func(http.ResponseWriter, *http.Request, catalogue.Caller) (*reply, error) {
		return &reply{to: "/settings/" + sections[0].Name}, nil
	})
	for _, s := range sections {
		h.signedIn("GET /settings/"+s.Name, func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
			return h.settings(r, who, s, settings{Done: r.URL.Query().Has("done")})
		})
		if s.act == nil {
			continue
		}
		h.signedIn("POST /settings/"+s.Name, func(w http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
			secret, err := s.act(h, w, r, who)
			if err == nil && secret == "" {
				return &reply{to: "/settings/" + s.Name + "?done"}, nil
			}
			p := settings{Secret: secret, Done: err == nil}
			if err != nil {
				p.Typed = r.PostForm
				if p.Problem, err = h.problem(vocabulary[lang(r)], err); err != nil {
					return nil, err
				}
			}
			return h.settings(r, who, s, p)
		})
	}
}

func (h *Handler) settings(r *http.Request, who catalogue.Caller, s section, p settings) (*reply, error) {
	var err error
	if p.Body, err = s.show(h, r, who); err != nil {
		return nil, err
	}
	p.Section, p.Sections = s.Name, sections
	a := &reply{name: "account-" + s.Name, title: vocabulary[lang(r)].T(s.Title), body: &p}
	if p.Problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

func (h *Handler) setProfile(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (string, error) {
	return "", h.depot.Catalogue.SetProfile(r.Context(), who, who.Account, typedProfile(r))
}

func typedProfile(r *http.Request) catalogue.Account {
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	return catalogue.Account{FullName: field("full_name"), Email: field("email"), About: strings.ReplaceAll(field("about"), "\r\n", "\n"), Link: field("link")}
}

// owned is what one of somebody's names takes.
type owned struct {
	Of  *catalogue.Account
	Has usage
}

// ownUsage tells what the packages of somebody, and of his organisations, take.
func (h *Handler) ownUsage(r *http.Request, who catalogue.Caller) (any, error) {
	list := []owned{{Of: who.Account}}
	members, err := h.depot.Catalogue.Organisations(r.Context(), who.Account)
	for _, m := range members {
		list = append(list, owned{Of: m.Account})
	}
	for i := range list {
		if err == nil {
			list[i].Has, err = h.usageOf(r, list[i].Of)
		}
	}
	return list, err
}

// passwordPage is what the page of signing in tells.
type passwordPage struct {
	Has        bool // a password
	Identities []catalogue.Identity
	Provider   string // by which one more could be linked; "" for none
	Taken      bool   // an identity was another account's
	Problem    string // why none could be linked
}

func (h *Handler) password(r *http.Request, who catalogue.Caller) (any, error) {
	has, err := h.depot.Catalogue.HasPassword(r.Context(), who.Account)
	if err != nil {
		return nil, err
	}
	identities, err := h.depot.Catalogue.Identities(r.Context(), who.Account)
	return &passwordPage{has, identities, h.options.provider(), r.URL.Query().Has("taken"), h.providerProblem(r)}, err
}

// setPassword changes the password of who knows the old one, and begins a new session: all others have ended.
func (h *Handler) setPassword(w http.ResponseWriter, r *http.Request, who catalogue.Caller) (string, error) {
	ctx, c := r.Context(), h.depot.Catalogue
	if r.PostFormValue("action") == "unlink" {
		return "", c.UnlinkIdentity(ctx, who, catalogue.Identity{Issuer: r.PostFormValue("issuer"), Subject: r.PostFormValue("subject")})
	}
	has, err := c.HasPassword(ctx, who.Account)
	if err != nil {
		return "", err
	}
	if has {
		if err := take(h.attempts.name, strings.ToLower(who.Name())); err != nil {
			return "", err
		}
		if _, err := c.LogIn(ctx, who.Name(), r.PostFormValue("old")); errors.Is(err, catalogue.ErrUnauthenticated) {
			return "", hint.Errorf("write the one that you sign in with now", "the old password is wrong: %w", catalogue.ErrInvalid)
		} else if err != nil {
			return "", err
		}
	}
	if err := c.SetPassword(ctx, who.Account, r.PostFormValue("new")); err != nil {
		return "", err
	}
	return "", h.begin(w, r, who.Account)
}

func (h *Handler) tokens(r *http.Request, who catalogue.Caller) (any, error) {
	return h.depot.Catalogue.Tokens(r.Context(), who.Account)
}

// changeTokens makes a token or ends one.
func (h *Handler) changeTokens(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (secret string, err error) {
	if id := r.PostFormValue("revoke"); id != "" {
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil {
			return "", catalogue.ErrNotFound
		}
		return "", h.depot.Catalogue.RevokeToken(r.Context(), who.Account, n)
	}
	scope, err := catalogue.ParseRight(r.PostFormValue("scope"))
	if err != nil {
		return "", err
	}
	days, err := strconv.Atoi(cmp.Or(r.PostFormValue("days"), "0"))
	if err != nil || days < 0 || days > 3650 {
		return "", hint.Errorf("write a number of days, or 0 for none", "an end in %.20q days: %w", r.PostFormValue("days"), catalogue.ErrInvalid)
	}
	var expires time.Time
	if days > 0 {
		expires = time.Now().AddDate(0, 0, days)
	}
	return h.depot.Catalogue.CreateToken(r.Context(), who.Account, cmp.Or(strings.TrimSpace(r.PostFormValue("name")), "browser"), scope, expires)
}

// sessionRow is a session, and whether it is the one that looks at it.
type sessionRow struct {
	catalogue.Session
	Current bool
}

func (h *Handler) sessions(r *http.Request, who catalogue.Caller) (any, error) {
	list, err := h.depot.Catalogue.Sessions(r.Context(), who.Account)
	current := ""
	if cookie, err := r.Cookie(auth.SessionCookie); err == nil {
		current = catalogue.SessionID(cookie.Value)
	}
	var rows []sessionRow
	for _, s := range list {
		rows = append(rows, sessionRow{s, s.ID == current})
	}
	return rows, err
}

// Browser says in a few words what a session's browser is, such as Firefox, Linux.
func (s sessionRow) Browser() string {
	find := func(names ...string) string {
		for _, n := range names {
			if part, label, _ := strings.Cut(n, "="); strings.Contains(s.Agent, part) {
				return cmp.Or(label, part)
			}
		}
		return ""
	}
	// Browsers name those that they want to be taken for as well, so the order matters.
	browser := find("Edg=Edge", "OPR=Opera", "MicroMessenger=WeChat", "Firefox", "Chromium", "Chrome", "Safari", "curl")
	system := find("Android", "iPhone", "iPad", "Windows", "Mac OS=macOS", "Linux")
	return strings.Trim(browser+", "+system, ", ")
}

// changeSessions ends one of the sessions, or all.
func (h *Handler) changeSessions(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (string, error) {
	id := r.PostFormValue("end")
	if id == "" {
		return "", hint.Errorf("choose one", "no session is named: %w", catalogue.ErrInvalid)
	}
	if id == "all" {
		id = ""
	}
	return "", h.depot.Catalogue.EndSessions(r.Context(), who.Account, id)
}

// invitationsPage tells of invitations to sign up.
type invitationsPage struct {
	Mode SignUp
	List []catalogue.Invitation
	Now  time.Time
}

func (h *Handler) invitations(r *http.Request, who catalogue.Caller) (any, error) {
	list, err := h.depot.Catalogue.Invitations(r.Context(), who, who.Account)
	return &invitationsPage{h.options.SignUp, list, time.Now()}, err
}

// changeInvitations makes an invitation, whose link is shown once, or takes one back.
func (h *Handler) changeInvitations(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (secret string, err error) {
	if done, err := h.uninvite(r, who, who.Account); done {
		return "", err
	}
	if h.options.SignUp == Closed {
		return "", hint.Errorf("ask who runs it for an account", "nobody can sign up on this market: %w", catalogue.ErrInvalid)
	}
	code, err := h.depot.Catalogue.Invite(r.Context(), who, nil, catalogue.None, strings.TrimSpace(r.PostFormValue("note")))
	if err != nil {
		return "", err
	}
	return auth.Origin(r) + "/join/" + code, nil
}

// uninvite takes an invitation of an account back, if that is what a form asks for.
func (h *Handler) uninvite(r *http.Request, who catalogue.Caller, of *catalogue.Account) (done bool, err error) {
	text := r.PostFormValue("uninvite")
	if text == "" {
		return false, nil
	}
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return true, catalogue.ErrNotFound
	}
	return true, h.depot.Catalogue.Uninvite(r.Context(), who, of, id)
}

func (h *Handler) organisations(r *http.Request, who catalogue.Caller) (any, error) {
	return h.depot.Catalogue.Organisations(r.Context(), who.Account)
}

func (h *Handler) createOrganisation(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (string, error) {
	_, err := h.depot.Catalogue.CreateOrganisation(r.Context(), who, strings.TrimSpace(r.PostFormValue("name")), strings.TrimSpace(r.PostFormValue("full_name")))
	return "", err
}

// pageOf, profileOf and invitationsOf are what templates within pages get.
type pageOf struct {
	Page *page
	Body any
}

type usageOf struct {
	Page *page
	usage
}

type profileOf struct {
	*page
	Of *catalogue.Account
}

type invitationsOf struct {
	Page *page
	List []catalogue.Invitation
	To   string // where its forms go
	Now  time.Time
}
