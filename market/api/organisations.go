package api

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func (a *API) organisationRoutes() []route {
	const one, member = "/organisations/{name}", "/organisations/{name}/members/{member}"
	entries := []parameter{text("owner", "what was done to this account and its packages alone"), text("actor", "what this account did alone"), beforeParameter, whole("limit", "how many there may be in the answer", 1, mostEntries)}
	return []route{
		{"GET /organisations", "listOrganisations", "Lists those that the account is a member of, with its role in each.", catalogue.Read, nil, answers(a.organisations)},
		{"POST /organisations", "createOrganisation", "Makes an organisation, whose first administrator the account is.", catalogue.Admin, nil, exchanges(http.StatusCreated, a.createOrganisation)},
		{"GET " + one, "getOrganisation", "Tells of an organisation that the account is a member of.", catalogue.Read, nil, answers(a.members)},
		{"PUT " + member, "setMember", "Gives somebody a role in an organisation.", catalogue.Admin, nil, reads(a.addMember)},
		{"DELETE " + member, "removeMember", "Takes it away.", catalogue.Admin, nil, does(a.removeMember)},
		{"POST " + one + "/invitations", "invite", "Makes an invitation to an organisation, whose link is told this once.", catalogue.Admin, nil, exchanges(http.StatusCreated, a.invite)},
		{"GET /audit", "listAuditLog", "Lists what was done, the newest first: of an owner that the account administers, or of all, for operators.", catalogue.Admin, entries, answers(a.audit)},
	}
}

func (a *API) organisations(r *http.Request, who catalogue.Caller) ([]client.Member, error) {
	list, err := a.depot.Catalogue.Organisations(r.Context(), who.Account)
	return members(list), err
}

func members(list []catalogue.Member) []client.Member {
	out := []client.Member{}
	for _, m := range list {
		out = append(out, client.Member{Name: m.Account.Name, FullName: m.Account.FullName, Role: m.Role.String()})
	}
	return out
}

func (a *API) createOrganisation(r *http.Request, who catalogue.Caller, n client.NewOrganisation) (*client.Organisation, error) {
	o, err := a.depot.Catalogue.CreateOrganisation(r.Context(), who, n.Name, n.FullName)
	if err != nil {
		return nil, err
	}
	return &client.Organisation{Name: o.Name, FullName: o.FullName, Members: []client.Member{{Name: who.Name(), Role: catalogue.Admin.String()}}}, nil
}

// organisation is the one that a request is about, with its members; ErrNotFound for who is none of them.
func (a *API) organisation(r *http.Request, who catalogue.Caller) (*catalogue.Account, []catalogue.Member, error) {
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

func (a *API) members(r *http.Request, who catalogue.Caller) (*client.Organisation, error) {
	o, list, err := a.organisation(r, who)
	if err != nil {
		return nil, err
	}
	u, err := a.depot.Catalogue.Usage(r.Context(), o.ID)
	return &client.Organisation{Name: o.Name, FullName: o.FullName, About: o.About, Link: o.Link, Members: members(list), Bytes: u.Bytes, Packages: u.Packages}, err
}

func (a *API) addMember(r *http.Request, who catalogue.Caller, m client.NewMember) error {
	role, err := catalogue.ParseRight(m.Role)
	if err != nil {
		return err
	}
	return a.setMember(r, who, role)
}

func (a *API) removeMember(r *http.Request, who catalogue.Caller) error {
	return a.setMember(r, who, catalogue.None)
}

// setMember gives somebody a role, or takes it away.
func (a *API) setMember(r *http.Request, who catalogue.Caller, role catalogue.Right) error {
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
	if err != nil {
		return err
	}
	return a.depot.Catalogue.SetMember(r.Context(), who, o, m, role)
}

func (a *API) invite(r *http.Request, who catalogue.Caller, i client.NewInvitation) (*client.Invitation, error) {
	role, err := catalogue.ParseRight(i.Role)
	if err != nil {
		return nil, err
	}
	o, _, err := a.organisation(r, who)
	if err != nil {
		return nil, err
	}
	code, err := a.depot.Catalogue.Invite(r.Context(), who, o, role, i.Note)
	if err != nil {
		return nil, err
	}
	return &client.Invitation{Role: i.Role, Note: i.Note, Link: auth.Origin(r) + "/join/" + code}, nil
}

// mostEntries is how many entries of the log one answer may hold.
const mostEntries = 1000

func (a *API) audit(r *http.Request, who catalogue.Caller) ([]client.Entry, error) {
	values := r.URL.Query()
	q := catalogue.AuditQuery{Actor: values.Get("actor"), Limit: cmp.Or(int(number(r, "limit")), 100), Before: number(r, "before")}
	if owner := values.Get("owner"); owner != "" {
		var err error
		if q.Owner, err = a.depot.Catalogue.Administered(r.Context(), who, owner); err != nil {
			return nil, err
		}
	}
	list, err := a.depot.Catalogue.AuditLog(r.Context(), who, q)
	out := []client.Entry{}
	for _, e := range list {
		out = append(out, client.Entry{ID: e.ID, At: e.At, Actor: e.Actor, Action: e.Action, Object: e.Object, Detail: e.Detail})
	}
	return out, err
}
