package web

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
)

func (h *Handler) mountOrganisations() {
	h.signedIn("GET /organisations/{name}", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.organisation(r, who, organisation{Done: r.URL.Query().Has("done")})
	})
	h.signedIn("POST /organisations/{name}", h.changeOrganisation)
	h.signedIn("GET /organisations/{name}/audit", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		o, err := h.depot.Catalogue.Account(r.Context(), r.PathValue("name"))
		if err != nil {
			return nil, err
		}
		return h.audit(r, who, o)
	})
	h.signedIn("GET /admin/audit", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.audit(r, who, nil)
	})
}

// organisation is the page of its members and settings.
type organisation struct {
	Of            *catalogue.Account
	Members       []catalogue.Member
	Invitations   []catalogue.Invitation // for administrators
	Administrator bool
	Usage         usage
	Done          bool
	Problem       string
	Secret        string // the link of an invitation, shown this once
}

func (h *Handler) organisation(r *http.Request, who catalogue.Caller, p organisation) (*reply, error) {
	ctx, c := r.Context(), h.depot.Catalogue
	var err error
	if p.Of, err = c.Account(ctx, r.PathValue("name")); err != nil {
		return nil, err
	}
	if p.Members, err = c.Members(ctx, p.Of); err != nil {
		return nil, err
	}
	p.Administrator = who.Account.Operator
	member := p.Administrator
	for _, m := range p.Members {
		if m.Account.ID == who.Account.ID {
			member, p.Administrator = true, p.Administrator || m.Role >= catalogue.Admin
		}
	}
	if !p.Of.Organisation || !member { // nobody else learns who is in it
		return nil, catalogue.ErrNotFound
	}
	if p.Administrator {
		if p.Invitations, err = c.Invitations(ctx, who, p.Of); err != nil {
			return nil, err
		}
	}
	if p.Usage, err = h.usageOf(r, p.Of); err != nil {
		return nil, err
	}
	a := &reply{name: "organisation", title: p.Of.Name, body: &p}
	if p.Problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

// changeOrganisation does what a form of the page asks for.
func (h *Handler) changeOrganisation(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	o, err := h.depot.Catalogue.Account(r.Context(), r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	secret, err := h.carryOut(r, who, o)
	if err == nil && secret == "" {
		return &reply{to: "/organisations/" + o.Name + "?done"}, nil
	}
	p := organisation{Secret: secret}
	if err != nil {
		if p.Problem, err = h.problem(vocabulary[lang(r)], err); err != nil {
			return nil, err
		}
	}
	return h.organisation(r, who, p)
}

func (h *Handler) carryOut(r *http.Request, who catalogue.Caller, o *catalogue.Account) (secret string, err error) {
	ctx, c := r.Context(), h.depot.Catalogue
	if done, err := h.uninvite(r, who, o); done {
		return "", err
	}
	role := catalogue.None
	if text := r.PostFormValue("role"); text != "" {
		if role, err = catalogue.ParseRight(text); err != nil {
			return "", err
		}
	}
	switch action := r.PostFormValue("action"); action {
	case "profile":
		return "", c.SetProfile(ctx, who, o, typedProfile(r))
	case "invite":
		code, err := c.Invite(ctx, who, o, role, strings.TrimSpace(r.PostFormValue("note")))
		if err != nil {
			return "", err
		}
		return auth.Origin(r) + "/join/" + code, nil
	case "member", "remove":
		if action == "remove" {
			role = catalogue.None
		} else if role == catalogue.None {
			return "", hint.Errorf("choose read, write or admin", "no role is named: %w", catalogue.ErrInvalid)
		}
		name := strings.TrimSpace(r.PostFormValue("name"))
		if !strings.EqualFold(name, who.Name()) {
			if err := c.NeedsAdmin(ctx, who, o); err != nil { // before anything is said of names
				return "", err
			}
		}
		m, err := c.Account(ctx, name)
		if err != nil {
			return "", hint.Errorf("check the name, or send an invitation", "there is nobody called %q here: %w", name, catalogue.ErrInvalid)
		}
		return "", c.SetMember(ctx, who, o, m, role)
	}
	return "", hint.Errorf("use the forms of the page", "the action %.40q: %w", r.PostFormValue("action"), catalogue.ErrInvalid)
}

// usage is what an owner has, and may have.
type usage struct {
	catalogue.Usage
	Limits depot.Quota
}

// Share is how much of the bytes that an owner may have are used, in percent.
func (u usage) Share() int {
	if u.Limits.OwnerBytes <= 0 {
		return 0
	}
	return int(min(100*u.Bytes/u.Limits.OwnerBytes, 100))
}

func (h *Handler) usageOf(r *http.Request, of *catalogue.Account) (usage, error) {
	u, err := h.depot.Catalogue.Usage(r.Context(), of.ID)
	return usage{u, h.depot.Quota}, err
}

// auditLog is a page of it.
type auditLog struct {
	Of      *catalogue.Account // nil for all of the market
	Actor   string
	Entries []catalogue.Entry
	Next    string // link
}

const auditLength = 50

func (h *Handler) audit(r *http.Request, who catalogue.Caller, of *catalogue.Account) (*reply, error) {
	q := r.URL.Query()
	before, _ := strconv.ParseInt(q.Get("before"), 10, 64) // what is no number is the beginning
	p := &auditLog{Of: of, Actor: strings.TrimSpace(q.Get("actor"))}
	var err error
	p.Entries, err = h.depot.Catalogue.AuditLog(r.Context(), who, catalogue.AuditQuery{Owner: of, Actor: p.Actor, Before: before, Limit: auditLength})
	if err != nil {
		return nil, err
	}
	if len(p.Entries) == auditLength {
		next := url.Values{"before": {strconv.FormatInt(p.Entries[auditLength-1].ID, 10)}}
		if p.Actor != "" {
			next.Set("actor", p.Actor)
		}
		p.Next = "?" + next.Encode()
	}
	return &reply{name: "account-audit", title: vocabulary[lang(r)].T("Audit log"), body: p}, nil
}
