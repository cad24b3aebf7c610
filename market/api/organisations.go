package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

// people mounts what is about organisations and the log of what was done.
func (a *API) people() {
	const name = "/api/v1/organisations/{name}"
	a.handle("GET /api/v1/organisations", a.organisations)
	a.handle("POST /api/v1/organisations", a.createOrganisation)
	a.handle("GET "+name, a.members)
	a.handle("PUT "+name+"/members/{member}", a.setMember)
	a.handle("DELETE "+name+"/members/{member}", a.setMember)
	a.handle("POST "+name+"/invitations", a.invite)
	a.handle("GET /api/v1/audit", a.audit)
}

func (a *API) organisations(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	if err := who.Needs(catalogue.Read); err != nil {
		return err
	}
	list, err := a.depot.Catalogue.Organisations(r.Context(), who.Account)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, members(list))
}

func members(list []catalogue.Member) []client.Member {
	out := []client.Member{}
	for _, m := range list {
		out = append(out, client.Member{Name: m.Account.Name, FullName: m.Account.FullName, Role: m.Role.String()})
	}
	return out
}

func (a *API) createOrganisation(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var n client.NewOrganisation
	if err := read(r, &n); err != nil {
		return err
	}
	o, err := a.depot.Catalogue.CreateOrganisation(r.Context(), who, n.Name, n.FullName)
	if err != nil {
		return err
	}
	return write(w, http.StatusCreated, client.Organisation{Name: o.Name, FullName: o.FullName, Members: []client.Member{{Name: who.Name(), Role: catalogue.Admin.String()}}})
}

// organisation is the one that a request is about, with its members; ErrNotFound for who is none of them.
func (a *API) organisation(r *http.Request, who catalogue.Caller) (*catalogue.Account, []catalogue.Member, error) {
	if err := who.Needs(catalogue.Read); err != nil {
		return nil, nil, err
	}
	absent := hint.Errorf("check the name, or ask one of its members", "the organisation %.60q: %w", r.PathValue("name"), catalogue.ErrNotFound)
	o, err := a.depot.Catalogue.Account(r.Context(), r.PathValue("name"))
	if errors.Is(err, catalogue.ErrNotFound) {
		return nil, nil, absent
	}
	if err != nil {
		return nil, nil, err
	}
	list, err := a.depot.Catalogue.Members(r.Context(), o)
	if err != nil {
		return nil, nil, err
	}
	if who.Account.Operator && o.Organisation {
		return o, list, nil
	}
	for _, m := range list {
		if m.Account.ID == who.Account.ID {
			return o, list, nil
		}
	}
	return nil, nil, absent
}

func (a *API) members(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	o, list, err := a.organisation(r, who)
	if err != nil {
		return err
	}
	u, err := a.depot.Catalogue.Usage(r.Context(), o.ID)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, client.Organisation{Name: o.Name, FullName: o.FullName, About: o.About, Link: o.Link, Members: members(list), Bytes: u.Bytes, Packages: u.Packages})
}

// setMember gives somebody a role, or takes it away.
func (a *API) setMember(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	role := catalogue.None
	if r.Method == http.MethodPut {
		var m client.Member
		err := read(r, &m)
		if err == nil {
			role, err = catalogue.ParseRight(m.Role)
		}
		if err != nil {
			return err
		}
	}
	o, _, err := a.organisation(r, who)
	if err != nil {
		return err
	}
	if !strings.EqualFold(r.PathValue("member"), who.Name()) { // before anything is said of names
		if err := a.depot.Catalogue.NeedsAdmin(r.Context(), who, o); err != nil {
			return err
		}
	}
	m, err := a.depot.Catalogue.Account(r.Context(), r.PathValue("member"))
	if err == nil {
		err = a.depot.Catalogue.SetMember(r.Context(), who, o, m, role)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) invite(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var i client.Invitation
	if err := read(r, &i); err != nil {
		return err
	}
	role, err := catalogue.ParseRight(i.Role)
	if err != nil {
		return err
	}
	o, _, err := a.organisation(r, who)
	if err != nil {
		return err
	}
	code, err := a.depot.Catalogue.Invite(r.Context(), who, o, role, i.Note)
	if err != nil {
		return err
	}
	i.Link = auth.Origin(r) + "/join/" + code
	return write(w, http.StatusCreated, i)
}

// mostEntries is how many entries of the log one answer may hold.
const mostEntries = 1000

func (a *API) audit(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	if err := who.Needs(catalogue.Admin); err != nil {
		return err
	}
	values := r.URL.Query()
	q := catalogue.AuditQuery{Actor: values.Get("actor"), Limit: 100}
	if text := values.Get("limit"); text != "" {
		var err error
		if q.Limit, err = strconv.Atoi(text); err != nil || q.Limit < 1 || q.Limit > mostEntries {
			return hint.Errorf("write a number from 1 to 1000", "limit=%.40q: %w", text, catalogue.ErrInvalid)
		}
	}
	if text := values.Get("before"); text != "" {
		var err error
		if q.Before, err = strconv.ParseInt(text, 10, 64); err != nil {
			return hint.Errorf("write the id of an entry", "before=%.40q: %w", text, catalogue.ErrInvalid)
		}
	}
	if owner := values.Get("owner"); owner != "" {
		var err error
		if q.Owner, err = a.depot.Catalogue.Administered(r.Context(), who, owner); err != nil {
			return err
		}
	}
	list, err := a.depot.Catalogue.AuditLog(r.Context(), who, q)
	if err != nil {
		return err
	}
	out := []client.Entry{}
	for _, e := range list {
		out = append(out, client.Entry{ID: e.ID, At: e.At, Actor: e.Actor, Action: e.Action, Object: e.Object, Detail: e.Detail})
	}
	return write(w, http.StatusOK, out)
}
