package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/client"
)

func (a *API) mountCollections() {
	const one = "/api/v1/collections/{owner}/{slug}"
	a.handle("GET /api/v1/collections", a.collections)
	a.handle("POST /api/v1/collections", a.createCollection)
	a.handle("GET "+one, a.collectionInfo)
	a.handle("PATCH "+one, a.configureCollection)
	a.handle("DELETE "+one, a.deleteCollection)
	a.handle("PUT "+one+"/items/{package_owner}/{name}", a.collect)
	a.handle("DELETE "+one+"/items/{package_owner}/{name}", a.uncollect)
}

// bounds reads numbers of a request's query: limit and offset.
func bounds(r *http.Request, limit, offset *int, mostOffset int) error {
	for _, n := range []struct {
		key  string
		into *int
		most int
	}{{"limit", limit, mostAtOnce}, {"offset", offset, mostOffset}} {
		if value := r.URL.Query().Get(n.key); value != "" {
			v, err := strconv.Atoi(value)
			if err != nil || v < 0 || v > n.most {
				return &badRequest{fmt.Errorf("%s: %.40q is no number from 0 to %d", n.key, value, n.most)}
			}
			*n.into = v
		}
	}
	return nil
}

func describeCollection(l *catalogue.Collection) client.Collection {
	return client.Collection{Name: l.FullName(), Title: l.Title, Description: l.Description, Private: l.Private, Count: l.Items, Created: l.Created, Updated: l.Updated}
}

func (a *API) collections(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	values, c := r.URL.Query(), a.depot.Catalogue
	f := catalogue.CollectionFilter{Text: values.Get("q")}
	err := bounds(r, &f.Limit, &f.Offset, catalogue.Deep)
	if name := values.Get("owner"); name != "" && err == nil {
		f.Owner, err = c.Account(r.Context(), name)
	}
	if name := values.Get("package"); name != "" && err == nil {
		f.With, err = c.Repository(r.Context(), who, name)
	}
	out := client.Collections{Collections: []client.Collection{}}
	if errors.Is(err, catalogue.ErrNotFound) { // of what nobody has there is none: nobody learns which names there are
		return write(w, http.StatusOK, out)
	}
	var list []*catalogue.Collection
	if err == nil {
		list, out.More, err = c.Collections(r.Context(), who, f)
	}
	if err != nil {
		return err
	}
	for _, l := range list {
		out.Collections = append(out.Collections, describeCollection(l))
	}
	return write(w, http.StatusOK, out)
}

func (a *API) createCollection(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var n client.NewCollection
	if err := read(r, &n); err != nil {
		return err
	}
	l, err := a.depot.Catalogue.CreateCollection(r.Context(), who, catalogue.NewCollection{Owner: cmp.Or(n.Owner, who.Name()), Slug: n.Slug, Title: n.Title, Description: n.Description, Private: n.Private})
	if err != nil {
		return err
	}
	return write(w, http.StatusCreated, describeCollection(l))
}

// collection is the one that a request is about.
func (a *API) collection(r *http.Request, who catalogue.Caller) (*catalogue.Collection, error) {
	return a.depot.Catalogue.Collection(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("slug"))
}

func (a *API) collectionInfo(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	l, err := a.collection(r, who)
	if err != nil {
		return err
	}
	items, err := a.depot.Catalogue.CollectionItems(r.Context(), who, l, 0, 0)
	if err != nil {
		return err
	}
	out := describeCollection(l)
	for _, i := range items {
		out.Items = append(out.Items, client.Item{Package: describe(i.Repository), Note: i.Note, Added: i.Added, Gone: i.Gone})
	}
	return write(w, http.StatusOK, out)
}

// onCollection does something to the collection of a request.
func (a *API) onCollection(w http.ResponseWriter, r *http.Request, who catalogue.Caller, do func(*catalogue.Collection) error) error {
	l, err := a.collection(r, who)
	if err == nil {
		err = who.Needs(catalogue.Write)
	}
	if err == nil {
		err = do(l)
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (a *API) configureCollection(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var s client.CollectionSettings
	if err := read(r, &s); err != nil {
		return err
	}
	return a.onCollection(w, r, who, func(l *catalogue.Collection) error {
		return a.depot.Catalogue.ConfigureCollection(r.Context(), who, l, catalogue.CollectionSettings{Title: s.Title, Description: s.Description, Private: s.Private})
	})
}

func (a *API) deleteCollection(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	return a.onCollection(w, r, who, func(l *catalogue.Collection) error {
		return a.depot.Catalogue.DeleteCollection(r.Context(), who, l)
	})
}

// collected is the package that a request puts into a collection, or takes out.
func (a *API) collected(r *http.Request, who catalogue.Caller) (*catalogue.Repository, error) {
	return a.depot.Catalogue.Repository(r.Context(), who, r.PathValue("package_owner")+"/"+r.PathValue("name"))
}

// collect puts a package into a collection, or changes its note and its place there.
func (a *API) collect(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	var s client.ItemSettings
	if err := read(r, &s); err != nil {
		return err
	}
	return a.onCollection(w, r, who, func(l *catalogue.Collection) error {
		c := a.depot.Catalogue
		p, err := a.collected(r, who)
		if err != nil {
			return err
		}
		var note string
		if s.Note != nil {
			note = *s.Note
		}
		err = c.AddToCollection(r.Context(), who, l, p, note)
		if there := errors.Is(err, catalogue.ErrExists); there || err == nil && s.Place != nil {
			err = c.ConfigureItem(r.Context(), who, l, p, catalogue.ItemSettings{Note: s.Note, Place: s.Place})
		}
		return err
	})
}

func (a *API) uncollect(w http.ResponseWriter, r *http.Request, who catalogue.Caller) error {
	return a.onCollection(w, r, who, func(l *catalogue.Collection) error {
		p, err := a.collected(r, who)
		if err != nil {
			return err
		}
		return a.depot.Catalogue.RemoveFromCollection(r.Context(), who, l, p)
	})
}
