package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

func (h *Handler) mountPackageSettings() {
	const name = "/{owner}/{name}"
	h.signedIn("GET "+name+"/settings", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.packageSettings(r, who, packageSettings{Done: r.URL.Query().Has("done")})
	})
	h.signedIn("POST "+name+"/settings", h.changePackage)
	h.signedIn("POST "+name+"/like", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.onPackage(r, who, func(p *catalogue.Repository) error {
			return h.depot.Catalogue.Like(r.Context(), who, p, r.PostFormValue("like") == "1")
		})
	})
	h.signedIn("POST "+name+"/access", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.onPackage(r, who, func(p *catalogue.Repository) error {
			_, err := h.depot.Catalogue.RequestAccess(r.Context(), who, p)
			return err
		})
	})
}

// onPackage does something to the package of a request and leads to its page.
func (h *Handler) onPackage(r *http.Request, who catalogue.Caller, do func(*catalogue.Repository) error) (*reply, error) {
	p, err := h.depot.Catalogue.Repository(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("name"))
	if err == nil {
		err = do(p)
	}
	if err != nil {
		return nil, err
	}
	return &reply{to: "/" + p.FullName()}, nil
}

// mine is what a package's page has for who is signed in.
type mine struct {
	*catalogue.Repository
	Likes  bool   // the visitor likes it
	Closed bool   // its files are for others
	Ask    bool   // the visitor may ask for access
	State  string // of what he has asked
	Edit   bool   // the visitor may change something
}

func (h *Handler) mine(r *http.Request, p *catalogue.Repository) (m mine, err error) {
	who := visitor(r)
	m = mine{Repository: p, Edit: p.May >= catalogue.Write}
	if err := h.depot.Catalogue.MayDownload(r.Context(), who, p); errors.Is(err, catalogue.ErrGated) {
		m.Closed = true
	} else if err != nil {
		return m, err
	}
	if who.Account == nil {
		return m, nil
	}
	if m.Likes, err = h.depot.Catalogue.Likes(r.Context(), who.Account, p); err != nil {
		return m, err
	}
	if m.Closed {
		m.Ask = true
		m.State, err = h.depot.Catalogue.AccessState(r.Context(), who.Account, p)
	}
	return m, err
}

// packageSettings is the page of a package's settings.
type packageSettings struct {
	*catalogue.Repository
	Versions []catalogue.Ref
	Requests []catalogue.AccessRequest
	Admin    bool // all settings, not versions alone
	Done     bool
	Problem  string
}

func (h *Handler) packageSettings(r *http.Request, who catalogue.Caller, p packageSettings) (*reply, error) {
	ctx, c := r.Context(), h.depot.Catalogue
	var err error
	if p.Repository, err = c.Repository(ctx, who, r.PathValue("owner")+"/"+r.PathValue("name")); err != nil {
		return nil, err
	}
	if err := p.Needs(catalogue.Write); err != nil {
		return nil, err
	}
	refs, err := c.Refs(ctx, p.Repository)
	if err != nil {
		return nil, err
	}
	for _, f := range refs {
		if f.Kind == "version" {
			p.Versions = append(p.Versions, f)
		}
	}
	if p.Admin = p.May >= catalogue.Admin; p.Admin && p.Gated != "" {
		if p.Requests, err = c.AccessRequests(ctx, p.Repository, catalogue.Pending); err != nil {
			return nil, err
		}
	}
	a := &reply{name: "package-settings", title: p.FullName(), body: &p}
	if p.Problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

func (h *Handler) changePackage(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	p, err := h.depot.Catalogue.Repository(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	to, err := h.change(r, who, p)
	if err == nil {
		return &reply{to: to}, nil
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	return h.packageSettings(r, who, packageSettings{Problem: problem})
}

// change does what a form asks for, and returns where to go then.
func (h *Handler) change(r *http.Request, who catalogue.Caller, p *catalogue.Repository) (to string, err error) {
	ctx, c := r.Context(), h.depot.Catalogue
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	to = "/" + p.FullName() + "/settings?done"
	switch action := field("action"); action {
	case "settings":
		private, gated := field("private") != "", field("gated")
		return to, c.Configure(ctx, who, p, catalogue.Settings{Private: &private, Gated: &gated})
	case "describe":
		description := field("description")
		return to, c.Configure(ctx, who, p, catalogue.Settings{Description: &description})
	case "version":
		return to, c.Retire(ctx, who, p, field("version"), field("state"), field("reason"), field("successor"))
	case "unpublish":
		t, err := c.Resolve(ctx, p, field("version"))
		if err != nil {
			return "", err
		}
		return to, c.DeleteManifest(ctx, who, p, t.Manifest.Digest)
	case "access":
		a, err := c.Account(ctx, field("name"))
		if err != nil {
			return "", err
		}
		return to, c.SetAccess(ctx, who, p, a, field("state"))
	case "move":
		name := field("to")
		if !strings.Contains(name, "/") {
			name = p.Owner + "/" + name
		}
		return "/" + name + "/settings?done", c.MoveRepository(ctx, who, p, name)
	case "delete":
		if err := p.Needs(catalogue.Admin); err != nil {
			return "", err
		}
		if field("confirm") != p.FullName() {
			return "", hint.Errorf(fmt.Sprintf("write %s", p.FullName()), "the name was not confirmed: %w", catalogue.ErrInvalid)
		}
		return "/" + p.Owner, c.DeleteRepository(ctx, who, p)
	}
	return "", unknownAction(r)
}

// unknownAction is the error of a form that no page has.
func unknownAction(r *http.Request) error {
	return hint.Errorf("use the forms of the page", "the action %.40q: %w", r.PostFormValue("action"), catalogue.ErrInvalid)
}
