package web

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// mostSaid is how many reviews and replies a person's page shows.
const mostSaid = 10

// publisher is what a name's page tells: a person's or an organisation's.
type publisher struct {
	*catalogue.Account
	Packages      []*catalogue.Repository
	More          string // link; "" if these are all
	Collections   []*catalogue.Collection
	MoreLists     bool
	Said          []catalogue.Said   // what the person has said lately
	Members       []catalogue.Member // of an organisation, for its members; of a person, what he is a member of
	Administrator bool               // the visitor may change the organisation
	Self          bool               // the visitor is the person
}

func (h *Handler) publisher(r *http.Request) (string, string, any, error) {
	ctx, c, who := r.Context(), h.depot.Catalogue, visitor(r)
	a, err := c.Account(ctx, r.PathValue("owner"))
	if err != nil {
		return "", "", nil, err
	}
	p := &publisher{Account: a, Self: who.Account != nil && who.Account.ID == a.ID}
	found, err := h.list(r, catalogue.Query{Facets: map[string]string{"owner": a.Name}, Sort: catalogue.ByUpdated, Limit: 100})
	if err != nil {
		return "", "", nil, err
	}
	p.Packages = found.Packages
	if found.Total > len(found.Packages) {
		p.More = "/search?" + url.Values{"owner": {a.Name}}.Encode()
	}
	if p.Collections, p.MoreLists, err = c.Collections(ctx, who, catalogue.CollectionFilter{Owner: a, Limit: 2 * mostLists}); err != nil {
		return "", "", nil, err
	}
	if !a.Organisation {
		if p.Said, err = c.SaidBy(ctx, who, a, mostSaid); err != nil {
			return "", "", nil, err
		}
	}
	member := p.Self
	if a.Organisation && who.Account != nil {
		members, err := c.Members(ctx, a)
		if err != nil {
			return "", "", nil, err
		}
		if err = c.NeedsAdmin(ctx, who, a); err == nil {
			p.Administrator = true
		} else if !errors.Is(err, catalogue.ErrForbidden) {
			return "", "", nil, err
		}
		member = p.Administrator
		for _, m := range members {
			member = member || m.Account.ID == who.Account.ID
		}
		if member {
			p.Members = members
		}
	}
	if !member && len(p.Packages) == 0 && len(p.Collections)+len(p.Said) == 0 && a.About == "" && a.Link == "" { // nobody learns whether there is an account that shows nothing
		return "", "", nil, catalogue.ErrNotFound
	}
	return "publisher", a.Name, p, nil
}
