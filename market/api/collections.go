package api

import (
	"cmp"
	"errors"
	"net/http"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func (a *API) collectionRoutes() []route {
	const one, item = "/collections/{owner}/{slug}", "/items/{package_owner}/{name}"
	list := []parameter{text("q", "words to find"), text("owner", "those of this account alone"), text("package", "those that have this owner/name alone"), limitParameter, offsetParameter}
	return []route{
		{"GET /collections", "listCollections", "Lists collections, the last changed first.", catalogue.None, list, answers(a.collections)},
		{"POST /collections", "createCollection", "Makes an empty collection.", catalogue.Write, nil, exchanges(http.StatusCreated, a.createCollection)},
		{"GET " + one, "getCollection", "Tells of a collection, with its packages.", catalogue.None, nil, answers(a.collectionInfo)},
		{"PATCH " + one, "configureCollection", "Changes settings of a collection.", catalogue.Write, nil, reads(a.configureCollection)},
		{"DELETE " + one, "deleteCollection", "Removes a collection; its packages stay.", catalogue.Write, nil, does(a.deleteCollection)},
		{"PUT " + one + item, "collect", "Puts a package into a collection, or changes its note and its place there.", catalogue.Write, nil, reads(a.collect)},
		{"DELETE " + one + item, "uncollect", "Takes a package out of a collection.", catalogue.Write, nil, does(a.uncollect)},
	}
}

func describeCollection(l *catalogue.Collection) client.Collection {
	return client.Collection{Name: l.FullName(), Title: l.Title, Description: l.Description, Private: l.Private, Count: l.Items, Created: l.Created, Updated: l.Updated}
}

func (a *API) collections(r *http.Request, who catalogue.Caller) (*client.Collections, error) {
	values, c := r.URL.Query(), a.depot.Catalogue
	f := catalogue.CollectionFilter{Text: values.Get("q"), Limit: int(number(r, "limit")), Offset: int(number(r, "offset"))}
	out := &client.Collections{Collections: []client.Collection{}}
	var err error
	if name := values.Get("owner"); name != "" {
		f.Owner, err = c.Account(r.Context(), name)
	}
	if name := values.Get("package"); name != "" && err == nil {
		f.With, err = c.Repository(r.Context(), who, name)
	}
	if errors.Is(err, catalogue.ErrNotFound) { // of what nobody has there is none: nobody learns which names there are
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	list, more, err := c.Collections(r.Context(), who, f)
	for _, l := range list {
		out.Collections = append(out.Collections, describeCollection(l))
	}
	out.More = more
	return out, err
}

func (a *API) createCollection(r *http.Request, who catalogue.Caller, n client.NewCollection) (client.Collection, error) {
	l, err := a.depot.Catalogue.CreateCollection(r.Context(), who, catalogue.NewCollection{Owner: cmp.Or(n.Owner, who.Name()), Slug: n.Slug, Title: n.Title, Description: n.Description, Private: n.Private})
	if err != nil {
		return client.Collection{}, err
	}
	return describeCollection(l), nil
}

// collection is the one that a request is about.
func (a *API) collection(r *http.Request, who catalogue.Caller) (*catalogue.Collection, error) {
	return a.depot.Catalogue.Collection(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("slug"))
}

func (a *API) collectionInfo(r *http.Request, who catalogue.Caller) (*client.Collection, error) {
	l, err := a.collection(r, who)
	if err != nil {
		return nil, err
	}
	items, err := a.depot.Catalogue.CollectionItems(r.Context(), who, l, 0, 0)
	if err != nil {
		return nil, err
	}
	out := describeCollection(l)
	for _, i := range items {
		out.Items = append(out.Items, client.Item{Package: describe(i.Repository), Note: i.Note, Added: i.Added, Gone: i.Gone})
	}
	return &out, nil
}

func (a *API) configureCollection(r *http.Request, who catalogue.Caller, s client.CollectionSettings) error {
	l, err := a.collection(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.ConfigureCollection(r.Context(), who, l, catalogue.CollectionSettings{Title: s.Title, Description: s.Description, Private: s.Private})
}

func (a *API) deleteCollection(r *http.Request, who catalogue.Caller) error {
	l, err := a.collection(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.DeleteCollection(r.Context(), who, l)
}

// collected is the collection of a request, and the package that it puts there or takes out.
func (a *API) collected(r *http.Request, who catalogue.Caller) (*catalogue.Collection, *catalogue.Repository, error) {
	l, err := a.collection(r, who)
	if err != nil {
		return nil, nil, err
	}
	p, err := a.depot.Catalogue.Repository(r.Context(), who, r.PathValue("package_owner")+"/"+r.PathValue("name"))
	return l, p, err
}

// collect puts a package into a collection, or changes its note and its place there.
func (a *API) collect(r *http.Request, who catalogue.Caller, s client.ItemSettings) error {
	l, p, err := a.collected(r, who)
	if err != nil {
		return err
	}
	var note string
	if s.Note != nil {
		note = *s.Note
	}
	c := a.depot.Catalogue
	err = c.AddToCollection(r.Context(), who, l, p, note)
	if there := errors.Is(err, catalogue.ErrExists); there || err == nil && s.Place != nil {
		err = c.ConfigureItem(r.Context(), who, l, p, catalogue.ItemSettings{Note: s.Note, Place: s.Place})
	}
	return err
}

func (a *API) uncollect(r *http.Request, who catalogue.Caller) error {
	l, p, err := a.collected(r, who)
	if err != nil {
		return err
	}
	return a.depot.Catalogue.RemoveFromCollection(r.Context(), who, l, p)
}
