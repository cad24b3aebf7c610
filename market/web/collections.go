package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/auth"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// mostLists is how many collections stand on pages of something else, and collectionLength how many packages of one a page
// shows.
const mostLists, collectionLength = 4, 50

func (h *Handler) mountCollections() {
	h.handle("GET /collections", h.collections)
	h.handle("GET /collections/{owner}", h.collections)
	h.signedIn("GET /collections/new", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.newCollectionReply(r, who, "")
	})
	h.signedIn("POST /collections/new", h.createCollection)
	const one = "/collections/{owner}/{slug}"
	h.handle("GET "+one, h.collection)
	h.plain("GET "+one+"/feed.atom", "application/atom+xml; charset=utf-8", h.collectionFeed)
	h.signedIn("GET "+one+"/edit", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.collectionSettings(r, who, collectionPage{Done: r.URL.Query().Has("done")})
	})
	h.signedIn("POST "+one+"/edit", h.changeCollection)
	h.signedIn("GET /{owner}/{name}/collect", func(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
		return h.collectReply(r, who, "")
	})
	h.signedIn("POST /{owner}/{name}/collect", h.collect)
}

// listsOf is what the template of lists of collections gets.
type listsOf struct {
	Page *page
	List []*catalogue.Collection
}

// collectionList is a page of the list of all collections, or of an owner's.
type collectionList struct {
	List           []*catalogue.Collection
	Owner          string // "" for all
	Mine           bool   // the owner's page is the visitor's
	Text           string // what was searched for
	Previous, Next string // links; "" for none
}

// offsetOf reads where a list begins; what is no number is its beginning.
func offsetOf(r *http.Request) int {
	n, err := strconv.Atoi(r.URL.Query().Get("offset"))
	if err != nil || n < 0 || n > catalogue.Deep {
		return 0
	}
	return n
}

// turn returns the links to the pages before and after one of a list.
func turn(r *http.Request, offset, length int, more bool) (previous, next string) {
	link := func(to int) string {
		q := url.Values{}
		if text := r.URL.Query().Get("q"); text != "" {
			q.Set("q", text)
		}
		if to > 0 {
			q.Set("offset", strconv.Itoa(to))
		}
		return strings.TrimSuffix(r.URL.EscapedPath()+"?"+q.Encode(), "?")
	}
	if offset > 0 {
		previous = link(max(offset-length, 0))
	}
	if more {
		next = link(offset + length)
	}
	return previous, next
}

func (h *Handler) collections(r *http.Request) (string, string, any, error) {
	c, who, offset := h.depot.Catalogue, visitor(r), offsetOf(r)
	p := &collectionList{Text: r.URL.Query().Get("q")}
	f := catalogue.CollectionFilter{Text: p.Text, Offset: offset, Limit: pageLength}
	if name := r.PathValue("owner"); name != "" {
		var err error
		if f.Owner, err = c.Account(r.Context(), name); err != nil {
			return "", "", nil, err
		}
		p.Owner, p.Mine = f.Owner.Name, who.Account != nil && who.Account.ID == f.Owner.ID
	}
	list, more, err := c.Collections(r.Context(), who, f)
	if err == nil && f.Owner != nil && !p.Mine && len(list) == 0 { // nobody learns whether there is such an account
		err = catalogue.ErrNotFound
	}
	if err != nil {
		return "", "", nil, err
	}
	p.List = list
	p.Previous, p.Next = turn(r, offset, pageLength, more)
	return "collections", vocabulary[lang(r)].T("Collections"), p, nil
}

// collectionPage is the page of a collection, and that of its settings.
type collectionPage struct {
	*catalogue.Collection
	Items          []catalogue.Item
	First          int    // place of the first of these
	Edit, Admin    bool   // what the visitor may do
	Previous, Next string // links; "" for none
	Done           bool
	Problem        string
}

// collectionOf finds the collection of a request with a part of its packages.
func (h *Handler) collectionOf(r *http.Request, who catalogue.Caller, p *collectionPage, length int) (err error) {
	c := h.depot.Catalogue
	if p.Collection, err = c.Collection(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("slug")); err != nil {
		return err
	}
	if length > 0 {
		p.First = offsetOf(r)
	}
	if p.Collection.Items > 0 {
		if p.Items, err = c.CollectionItems(r.Context(), who, p.Collection, p.First, length); err != nil {
			return err
		}
	}
	p.Edit, p.Admin = p.May >= catalogue.Write, p.May >= catalogue.Admin
	p.Previous, p.Next = turn(r, p.First, length, length > 0 && p.First+length < p.Collection.Items)
	return nil
}

func (h *Handler) collection(r *http.Request) (string, string, any, error) {
	var p collectionPage
	err := h.collectionOf(r, visitor(r), &p, collectionLength)
	if err != nil {
		return "", "", nil, err
	}
	return "collection", p.Title + " · " + p.Owner, &p, nil
}

func (h *Handler) collectionSettings(r *http.Request, who catalogue.Caller, p collectionPage) (*reply, error) {
	if err := h.collectionOf(r, who, &p, 0); err != nil {
		return nil, err
	}
	if err := p.Needs(catalogue.Write); err != nil {
		return nil, err
	}
	a := &reply{name: "collection-edit", title: p.Title, body: &p}
	if p.Problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

// changeCollection does what a form of a collection's settings asks for.
func (h *Handler) changeCollection(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	l, err := h.depot.Catalogue.Collection(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("slug"))
	if err == nil {
		err = l.Needs(catalogue.Write)
	}
	if err != nil {
		return nil, err
	}
	to, err := h.arrange(r, who, l)
	if err == nil {
		return &reply{to: to}, nil
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	return h.collectionSettings(r, who, collectionPage{Problem: problem})
}

// arrange carries out a form, and returns where to go then.
func (h *Handler) arrange(r *http.Request, who catalogue.Caller, l *catalogue.Collection) (to string, err error) {
	ctx, c := r.Context(), h.depot.Catalogue
	here := "/collections/" + l.FullName() + "/edit"
	switch action := r.PostFormValue("action"); action {
	case "settings":
		title, about, private := r.PostFormValue("title"), lines(r, "description"), r.PostFormValue("private") != ""
		return here + "?done", c.ConfigureCollection(ctx, who, l, catalogue.CollectionSettings{Title: &title, Description: &about, Private: &private})
	case "delete":
		if r.PostFormValue("confirm") == "" {
			return "", hint.Errorf("tick the box", "the end of the collection was not confirmed: %w", catalogue.ErrInvalid)
		}
		return "/" + l.Owner, c.DeleteCollection(ctx, who, l)
	case "add", "note", "remove", "place":
		name := strings.TrimSpace(r.PostFormValue("package"))
		p, err := c.Repository(ctx, who, name)
		if errors.Is(err, catalogue.ErrNotFound) {
			err = hint.Errorf("write owner/name", "there is no package %.120q: %w", name, catalogue.ErrInvalid)
		}
		if err != nil {
			return "", err
		}
		note := lines(r, "note")
		to = here + "#" + url.PathEscape(p.FullName())
		switch action {
		case "add":
			if err = c.AddToCollection(ctx, who, l, p, note); errors.Is(err, catalogue.ErrExists) {
				err = nil
			}
			return to, err
		case "note":
			return to, c.ConfigureItem(ctx, who, l, p, catalogue.ItemSettings{Note: &note})
		case "remove":
			return here, c.RemoveFromCollection(ctx, who, l, p)
		}
		place, err := strconv.Atoi(r.PostFormValue("to"))
		if err != nil {
			return "", hint.Errorf("write a number", "the place %.20q: %w", r.PostFormValue("to"), catalogue.ErrInvalid)
		}
		return to, c.ConfigureItem(ctx, who, l, p, catalogue.ItemSettings{Place: &place})
	}
	return "", hint.Errorf("use the forms of the page", "the action %.40q: %w", r.PostFormValue("action"), catalogue.ErrInvalid)
}

// lines is a field of several lines as it was typed.
func lines(r *http.Request, name string) string {
	return strings.TrimSpace(strings.ReplaceAll(r.PostFormValue(name), "\r\n", "\n"))
}

// collector is what forms for a new collection need to know.
type collector struct {
	Names   []string // that the visitor may make collections under
	Typed   url.Values
	Problem string
}

func (h *Handler) collector(r *http.Request, who catalogue.Caller, problem string) (collector, error) {
	out := collector{Names: []string{who.Name()}, Typed: r.PostForm, Problem: problem}
	list, err := h.depot.Catalogue.Organisations(r.Context(), who.Account)
	for _, m := range list {
		if m.Role >= catalogue.Write {
			out.Names = append(out.Names, m.Account.Name)
		}
	}
	return out, err
}

func (h *Handler) newCollectionReply(r *http.Request, who catalogue.Caller, problem string) (*reply, error) {
	body, err := h.collector(r, who, problem)
	a := &reply{name: "collection-new", title: vocabulary[lang(r)].T("New collection"), body: &body}
	if problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, err
}

// typedCollection makes the collection that a form asks for.
func (h *Handler) typedCollection(r *http.Request, who catalogue.Caller) (*catalogue.Collection, error) {
	return h.depot.Catalogue.CreateCollection(r.Context(), who, catalogue.NewCollection{Owner: cmp.Or(r.PostFormValue("owner"), who.Name()), Title: r.PostFormValue("title"),
		Description: lines(r, "description"), Private: r.PostFormValue("private") != ""})
}

func (h *Handler) createCollection(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	l, err := h.typedCollection(r, who)
	if err == nil {
		return &reply{to: "/collections/" + l.FullName() + "/edit"}, nil
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	return h.newCollectionReply(r, who, problem)
}

// collecting is the page on which a package is put into a collection.
type collecting struct {
	collector
	*catalogue.Repository
	In, Others []*catalogue.Collection // of the visitor: those that have it, and those that do not
}

func (h *Handler) collectReply(r *http.Request, who catalogue.Caller, problem string) (*reply, error) {
	ctx, c := r.Context(), h.depot.Catalogue
	var p collecting
	var err error
	if p.Repository, err = c.Repository(ctx, who, r.PathValue("owner")+"/"+r.PathValue("name")); err != nil {
		return nil, err
	}
	if p.collector, err = h.collector(r, who, problem); err != nil {
		return nil, err
	}
	f := catalogue.CollectionFilter{By: who.Account, With: p.Repository, Limit: catalogue.MostCollections}
	if p.In, _, err = c.Collections(ctx, who, f); err != nil {
		return nil, err
	}
	f.With = nil
	all, _, err := c.Collections(ctx, who, f)
	if err != nil {
		return nil, err
	}
	has := map[int64]bool{}
	for _, l := range p.In {
		has[l.ID] = true
	}
	for _, l := range all {
		if !has[l.ID] {
			p.Others = append(p.Others, l)
		}
	}
	a := &reply{name: "collect", title: vocabulary[lang(r)].T("Add to a collection"), body: &p}
	if problem != "" {
		a.status = http.StatusBadRequest
	}
	return a, nil
}

// collect puts a package into a collection, which is made if the form says so.
func (h *Handler) collect(_ http.ResponseWriter, r *http.Request, who catalogue.Caller) (*reply, error) {
	c := h.depot.Catalogue
	p, err := c.Repository(r.Context(), who, r.PathValue("owner")+"/"+r.PathValue("name"))
	if err != nil {
		return nil, err
	}
	var l *catalogue.Collection
	if name := r.PostFormValue("collection"); name != "" {
		l, err = c.Collection(r.Context(), who, name)
	} else {
		l, err = h.typedCollection(r, who)
	}
	if err == nil {
		if err = c.AddToCollection(r.Context(), who, l, p, lines(r, "note")); err == nil || errors.Is(err, catalogue.ErrExists) {
			return &reply{to: "/collections/" + l.FullName()}, nil
		}
	}
	problem, err := h.problem(vocabulary[lang(r)], err)
	if err != nil {
		return nil, err
	}
	return h.collectReply(r, who, problem)
}

// collectionFeed tells what was put into a collection, as everybody may see it.
func (h *Handler) collectionFeed(w http.ResponseWriter, r *http.Request) error {
	c, everybody := h.depot.Catalogue, catalogue.Caller{}
	l, err := c.Collection(r.Context(), everybody, r.PathValue("owner")+"/"+r.PathValue("slug"))
	if err != nil {
		return err
	}
	items, err := c.CollectionItems(r.Context(), everybody, l, 0, 0)
	if err != nil {
		return err
	}
	origin, page := auth.Origin(r), (&url.URL{Path: "/collections/" + l.FullName()}).EscapedPath()
	f := newFeed(origin, l.Title, page+"/feed.atom", page)
	f.Author, f.Updated = l.Owner, moment(l.Updated)
	slices.SortStableFunc(items, func(a, b catalogue.Item) int { return b.Added.Compare(a.Added) })
	for _, i := range items[:min(len(items), feedLength)] {
		at := origin + "/" + i.FullName()
		f.add(entry{ID: at, Title: i.FullName(), Author: i.Owner, Link: link{"alternate", "text/html", at}, Summary: strings.TrimSpace(i.Note + "\n" + i.Title)}, i.Added)
	}
	return writeXML(w, f)
}
