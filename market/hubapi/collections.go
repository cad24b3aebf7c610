package hubapi

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// collections are the hub's lists of repositories, by method and what stands behind a collection's name.
var collections = map[string]handler{
	"GET ":         (*Handler).collection,
	"PATCH ":       (*Handler).configureCollection,
	"DELETE ":      (*Handler).deleteCollection,
	"POST items":   (*Handler).collect,
	"PATCH items":  (*Handler).configureItem,
	"DELETE items": (*Handler).uncollect,
}

// onCollections answers what is asked of /api/collections: all of them, or one.
func (h *Handler) onCollections(w http.ResponseWriter, r *request, method string) error {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	switch {
	case len(r.rest) == 1 && method == http.MethodGet:
		return h.listCollections(w, r)
	case len(r.rest) == 1 && method == http.MethodPost:
		return h.createCollection(w, r)
	case len(r.rest) >= 3:
		r.name, r.action, r.rest = r.rest[1]+"/"+r.rest[2], strings.Join(r.rest[3:min(len(r.rest), 4)], ""), r.rest[min(len(r.rest), 4):]
		if f := collections[method+" "+r.action]; f != nil {
			return f(h, w, r)
		}
	}
	return hint.Wrap(errNoSuch, "see docs/market.md for what the market answers", "%s %.200s", r.Method, r.URL.Path)
}

// described is a collection as the hub tells of it, with so many of its packages at most; all if 0.
func (h *Handler) described(r *request, l *catalogue.Collection, most int) (map[string]any, error) {
	found, err := h.depot.Catalogue.CollectionItems(r.Context(), r.who, l, 0, most)
	if err != nil {
		return nil, err
	}
	items := []map[string]any{}
	for n, i := range found {
		item := map[string]any{"_id": fmt.Sprintf("%024x", i.ID), "id": i.FullName(), "type": typeOf(i.Kind), "position": n, "author": i.Owner, "private": i.Private, "downloads": i.Downloads, "likes": i.Likes,
			"lastModified": timeText(i.Updated), "repoType": typeOf(i.Kind)}
		if i.Note != "" {
			item["note"] = map[string]string{"text": i.Note}
		}
		items = append(items, item)
	}
	kind := "user"
	if o, err := h.depot.Catalogue.Account(r.Context(), l.Owner); err == nil && o.Organisation {
		kind = "org"
	}
	return map[string]any{"slug": l.FullName(), "title": l.Title, "description": l.Description, "owner": map[string]any{"name": l.Owner, "type": kind}, "items": items, "lastUpdated": timeText(l.Updated),
		"private": l.Private, "theme": "green", "upvotes": 0, "gating": false}, nil
}

// answerCollection sends a collection with all of its packages.
func (h *Handler) answerCollection(w http.ResponseWriter, r *request, l *catalogue.Collection) error {
	out, err := h.described(r, l, 0)
	if err != nil {
		return err
	}
	out["position"] = 0
	return answer(w, http.StatusOK, out)
}

// shownItems is how many packages of each collection a list tells of.
const shownItems = 4

func (h *Handler) listCollections(w http.ResponseWriter, r *request) error {
	offset, limit, err := page(r, 20, 100)
	if err != nil {
		return err
	}
	q, c := r.URL.Query(), h.depot.Catalogue
	f := catalogue.CollectionFilter{Text: q.Get("q"), Offset: offset, Limit: limit}
	if len(q["owner"]) > 1 || len(q["item"]) > 1 {
		return hint.Errorf("ask once for each", "collections of several owners or packages: %w", errRequest)
	}
	if name := q.Get("owner"); name != "" {
		f.Owner, err = c.Account(r.Context(), name)
	}
	if item := q.Get("item"); item != "" && err == nil {
		of, name, _ := strings.Cut(item, "/")
		if _, ok := kinds[of]; !ok {
			return hint.Errorf("write it as in models/ada/reviews", "the item %.120q: %w", item, errRequest)
		}
		f.With, err = c.Repository(r.Context(), r.who, name)
	}
	list := []map[string]any{}
	if errors.Is(err, catalogue.ErrNotFound) {
		return answer(w, http.StatusOK, list)
	}
	var found []*catalogue.Collection
	var more bool
	if err == nil {
		found, more, err = c.Collections(r.Context(), r.who, f)
	}
	if err != nil {
		return err
	}
	for _, l := range found {
		one, err := h.described(r, l, shownItems)
		if err != nil {
			return err
		}
		list = append(list, one)
	}
	if more {
		next(w, r, offset+limit)
	}
	return answer(w, http.StatusOK, list)
}

func (h *Handler) createCollection(w http.ResponseWriter, r *request) error {
	var q struct {
		Title, Namespace, Description string
		Private                       bool
		Item                          *hubItem
	}
	if err := read(r, &q); err != nil {
		return err
	}
	if q.Namespace == "" {
		q.Namespace = r.who.Name()
	}
	l, err := h.depot.Catalogue.CreateCollection(r.Context(), r.who, catalogue.NewCollection{Owner: q.Namespace, Title: q.Title, Description: q.Description, Private: q.Private})
	if errors.Is(err, catalogue.ErrExists) { // clients read which one
		w.Header().Set("X-Error-Message", headerText(err.Error()))
		return answer(w, http.StatusConflict, map[string]string{"error": err.Error(), "slug": q.Namespace + "/" + catalogue.CollectionSlug(q.Title)})
	}
	if err == nil && q.Item != nil {
		err = h.add(r, l, *q.Item, "")
	}
	if err != nil {
		return err
	}
	return h.answerCollection(w, r, l)
}

// theCollection is the one that a request names.
func (h *Handler) theCollection(r *request) (*catalogue.Collection, error) {
	l, err := h.depot.Catalogue.Collection(r.Context(), r.who, r.name)
	if errors.Is(err, catalogue.ErrNotFound) { // clients take the codes of missing repositories for these alone
		err = hint.Wrap(errNoSuch, "check the name, or log in if it is private", "the collection %.200q", r.name)
	}
	if err == nil && r.Method != http.MethodGet && r.Method != http.MethodHead {
		err = r.who.Needs(catalogue.Write)
	}
	return l, err
}

func (h *Handler) collection(w http.ResponseWriter, r *request) error {
	l, err := h.theCollection(r)
	if err != nil {
		return err
	}
	return h.answerCollection(w, r, l)
}

func (h *Handler) configureCollection(w http.ResponseWriter, r *request) error {
	var q struct {
		Title, Description *string
		Private            *bool
	}
	if err := read(r, &q); err != nil {
		return err
	}
	l, err := h.theCollection(r)
	if err == nil {
		err = h.depot.Catalogue.ConfigureCollection(r.Context(), r.who, l, catalogue.CollectionSettings{Title: q.Title, Description: q.Description, Private: q.Private})
	}
	if err == nil {
		l, err = h.theCollection(r)
	}
	if err != nil {
		return err
	}
	out, err := h.described(r, l, 0)
	if err != nil {
		return err
	}
	out["position"] = 0
	return answer(w, http.StatusOK, map[string]any{"success": true, "data": out})
}

func (h *Handler) deleteCollection(w http.ResponseWriter, r *request) error {
	l, err := h.theCollection(r)
	if err == nil {
		err = h.depot.Catalogue.DeleteCollection(r.Context(), r.who, l)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"success": true})
}

// hubItem is how a request names what it adds.
type hubItem struct{ ID, Type string }

func (h *Handler) add(r *request, l *catalogue.Collection, i hubItem, note string) error {
	kind, err := kindOf(i.Type)
	if err != nil {
		return err
	}
	p, err := h.depot.Catalogue.Repository(r.Context(), r.who, i.ID)
	if err == nil && p.Kind != kind {
		err = hint.Errorf(fmt.Sprintf("say %q", typeOf(p.Kind)), "%s is no %s: %w", p.FullName(), i.Type, catalogue.ErrNotFound)
	}
	if err != nil {
		return err
	}
	return h.depot.Catalogue.AddToCollection(r.Context(), r.who, l, p, note)
}

func (h *Handler) collect(w http.ResponseWriter, r *request) error {
	var q struct {
		Item hubItem
		Note string
	}
	if err := read(r, &q); err != nil {
		return err
	}
	l, err := h.theCollection(r)
	if err == nil {
		err = h.add(r, l, q.Item, q.Note)
	}
	if err != nil {
		return err
	}
	return h.answerCollection(w, r, l)
}

// item is the package of a collection that a request names by its number.
func (h *Handler) item(r *request) (*catalogue.Collection, *catalogue.Repository, error) {
	l, err := h.theCollection(r)
	if err != nil {
		return nil, nil, err
	}
	items, err := h.depot.Catalogue.CollectionItems(r.Context(), r.who, l, 0, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, i := range items {
		if fmt.Sprintf("%024x", i.ID) == r.of("") {
			return l, i.Repository, nil
		}
	}
	return nil, nil, hint.Wrap(errNoSuch, "ask for the collection again", "the item %.40q of %s", r.of(""), l.FullName())
}

func (h *Handler) configureItem(w http.ResponseWriter, r *request) error {
	var q struct {
		Note     *string
		Position *int
	}
	if err := read(r, &q); err != nil {
		return err
	}
	l, p, err := h.item(r)
	if err == nil {
		err = h.depot.Catalogue.ConfigureItem(r.Context(), r.who, l, p, catalogue.ItemSettings{Note: q.Note, Place: q.Position})
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"success": true})
}

func (h *Handler) uncollect(w http.ResponseWriter, r *request) error {
	l, p, err := h.item(r)
	if err == nil {
		err = h.depot.Catalogue.RemoveFromCollection(r.Context(), r.who, l, p)
	}
	if err != nil {
		return err
	}
	return answer(w, http.StatusOK, map[string]any{"success": true})
}
