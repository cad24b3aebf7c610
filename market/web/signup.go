package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/oidc"
)

// signUpForm is what was typed there, but for the password.
type signUpForm struct {
	Name, FullName, Email string
	Code                  string // of the invitation
	Invitation            *catalogue.Invitation
	Mode                  SignUp
	Person                *oidc.Person // who the provider says it is; nil for none
	Provider              string
	Problem               string
}

func (h *Handler) signUpPage(_ http.ResponseWriter, r *http.Request) (*reply, error) {
	if visitor(r).Account != nil {
		return &reply{to: "/"}, nil
	}
	f := signUpForm{Code: r.FormValue("invitation")}
	p, err := h.newcomer(r)
	if err != nil {
		return nil, err
	}
	if p != nil {
		f.Name, f.FullName, f.Email = p.Username, p.Name, p.Email
	}
	return h.signUpReply(r, f, nil)
}

// mode is who may sign up, for one whom the provider knows or does not know.
func (h *Handler) mode(p *oidc.Person) SignUp {
	if p != nil && h.options.Vouches {
		return Open
	}
	return h.options.SignUp
}

// signUpReply is the form, with what was wrong with what was typed.
func (h *Handler) signUpReply(r *http.Request, f signUpForm, problem error) (*reply, error) {
	p, err := h.newcomer(r)
	if err != nil {
		return nil, err
	}
	f.Mode, f.Person, f.Provider = h.mode(p), p, h.options.provider()
	say := vocabulary[lang(r)]
	a := &reply{name: "account-signup", title: say.T("Sign up")}
	if f.Code != "" && f.Mode != Closed && problem == nil {
		if err := take(h.attempts.signUp, auth.Address(r)); err != nil {
			return nil, err
		}
		f.Invitation, problem = h.depot.Catalogue.Invitation(r.Context(), f.Code)
	}
	switch {
	case f.Mode == Closed:
		a.status = http.StatusForbidden
	case problem != nil:
		text, err := h.problem(say, problem)
		if err != nil {
			return nil, err
		}
		f.Problem, a.status = text, http.StatusBadRequest
		if errors.Is(problem, catalogue.ErrInvitation) {
			f.Code = ""
		}
	}
	a.body = f
	return a, nil
}

// problem is what to say of an error that who has filled in a form can do something about; others are returned.
func (h *Handler) problem(say words, err error) (string, error) {
	switch {
	case errors.Is(err, catalogue.ErrExists):
		return say.T("This name cannot be taken. Choose another."), nil
	case errors.Is(err, catalogue.ErrLink):
		return say.T("This link is not valid, or no longer. Ask for a new one."), nil
	case errors.Is(err, catalogue.ErrInvitation):
		return say.T("This invitation is not valid, or no longer. Ask for a new one."), nil
	case errors.Is(err, catalogue.ErrInvalid), errors.Is(err, catalogue.ErrQuota):
		return fmt.Sprintf(say.T("This cannot be done: %s."), say.sentence(err)), nil
	}
	return "", err
}

func (h *Handler) signUp(w http.ResponseWriter, r *http.Request) (*reply, error) {
	f := signUpForm{Name: strings.TrimSpace(r.PostFormValue("name")), FullName: strings.TrimSpace(r.PostFormValue("full_name")), Email: strings.TrimSpace(r.PostFormValue("email")), Code: strings.TrimSpace(r.PostFormValue("invitation"))}
	p, err := h.newcomer(r)
	if err != nil {
		return nil, err
	}
	if h.mode(p) == Closed {
		return h.signUpReply(r, f, nil)
	}
	if err := take(h.attempts.signUp, auth.Address(r)); err != nil {
		return nil, err
	}
	if f.Code == "" && h.mode(p) != Open {
		return h.signUpReply(r, f, catalogue.ErrInvitation)
	}
	s := catalogue.SignUp{Account: catalogue.Account{Name: f.Name, FullName: f.FullName, Email: f.Email}, Password: r.PostFormValue("password"), Invitation: f.Code}
	if p != nil {
		s.Identity, s.Password = &catalogue.Identity{Issuer: p.Issuer, Subject: p.Subject}, ""
	}
	a, err := h.depot.Catalogue.SignUp(r.Context(), s)
	if err != nil {
		return h.signUpReply(r, f, err)
	}
	if p != nil {
		h.setAttempt(w, r, "", -1)
		if _, err := h.kept(r, true); err != nil && !errors.Is(err, catalogue.ErrNotFound) {
			return nil, err
		}
	}
	return &reply{to: "/settings/tokens?welcome=1"}, h.begin(w, r, a)
}

// invited is the page of an invitation.
type invited struct {
	*catalogue.Invitation
	Code    string
	Problem string
}

func (h *Handler) invited(_ http.ResponseWriter, r *http.Request) (*reply, error) {
	if err := take(h.attempts.signUp, auth.Address(r)); err != nil {
		return nil, err
	}
	say, code := vocabulary[lang(r)], r.PathValue("code")
	a := &reply{name: "account-invited", title: say.T("Invitation")}
	i, err := h.depot.Catalogue.Invitation(r.Context(), code)
	body := invited{Invitation: i, Code: code}
	if err != nil {
		if body.Problem, err = h.problem(say, err); err != nil {
			return nil, err
		}
		a.status = http.StatusNotFound
	}
	a.body = body
	return a, nil
}

// join makes somebody who has an account a member of the organisation that an invitation is to.
func (h *Handler) join(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	o, err := h.depot.Catalogue.Accept(r.Context(), who, r.PathValue("code"))
	if errors.Is(err, catalogue.ErrInvitation) {
		return h.invited(nil, r)
	}
	if err != nil {
		return nil, err
	}
	return &reply{to: "/" + o.Name}, nil
}
