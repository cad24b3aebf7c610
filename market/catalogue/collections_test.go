package catalogue

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// collected lists the names of what who sees in a collection.
func collected(t *testing.T, c *Catalogue, who Caller, l *Collection) (names []string) {
	t.Helper()
	items, err := c.CollectionItems(t.Context(), who, l, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		names = append(names, i.FullName())
	}
	return names
}

func TestACollectionShowsEachWhatHeMaySee(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		ada, bob, eve := person(t, c, "ada"), person(t, c, "bob"), person(t, c, "eve")
		open, secret := repository(t, c, ada, "ada/open", false), repository(t, c, ada, "ada/secret", true)
		other := repository(t, c, bob, "bob/other", false)
		l, err := c.CreateCollection(ctx, ada, NewCollection{Owner: "ada", Title: "客服 Models — 常用", Description: "What we use"})
		if err != nil || l.FullName() != "ada/客服-models-常用" || l.May != Admin {
			t.Fatal(l, err)
		}
		for i, r := range []*Repository{open, secret, other} {
			if err := c.AddToCollection(ctx, ada, l, r, fmt.Sprint("note ", i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := c.AddToCollection(ctx, ada, l, other, ""); !errors.Is(err, ErrExists) {
			t.Errorf("twice: %v", err)
		}
		for _, x := range []struct {
			who  Caller
			want []string
		}{{ada, []string{"ada/open", "ada/secret", "bob/other"}}, {bob, []string{"ada/open", "bob/other"}}, {Caller{}, []string{"ada/open", "bob/other"}}} {
			seen, err := c.Collection(ctx, x.who, "ADA/客服-models-常用")
			if err != nil {
				t.Fatal(err)
			}
			if got := collected(t, c, x.who, seen); !slices.Equal(got, x.want) || seen.Items != len(x.want) {
				t.Errorf("%q sees %v and %d, want %v", x.who.Name(), got, seen.Items, x.want)
			}
			with, _, err := c.Collections(ctx, x.who, CollectionFilter{With: other, Text: "客服 WHAT ada"})
			if err != nil || len(with) != 1 || with[0].Items != len(x.want) {
				t.Errorf("%q finds %v, %v", x.who.Name(), with, err)
			}
		}
		// A place counts those that are seen: bob, who may arrange it as a member, moves his behind ada/open.
		yes := true
		if err := c.ConfigureCollection(ctx, ada, l, CollectionSettings{Private: &yes}); err != nil {
			t.Fatal(err)
		}
		for _, who := range []Caller{bob, {}} {
			if _, err := c.Collection(ctx, who, l.FullName()); !errors.Is(err, ErrNotFound) {
				t.Errorf("%q sees a private collection: %v", who.Name(), err)
			}
			if list, _, err := c.Collections(ctx, who, CollectionFilter{}); err != nil || len(list) != 0 {
				t.Errorf("%q finds a private collection: %v, %v", who.Name(), list, err)
			}
		}
		no := false
		if err := c.ConfigureCollection(ctx, ada, l, CollectionSettings{Private: &no}); err != nil {
			t.Fatal(err)
		}
		seen, err := c.Collection(ctx, eve, l.FullName())
		if err != nil {
			t.Fatal(err)
		}
		title := "mine"
		for what, err := range map[string]error{
			"add": c.AddToCollection(ctx, eve, seen, open, ""), "remove": c.RemoveFromCollection(ctx, eve, seen, open), "arrange": c.ConfigureItem(ctx, eve, seen, open, ItemSettings{Note: &title}),
			"rename": c.ConfigureCollection(ctx, eve, seen, CollectionSettings{Title: &title}), "delete": c.DeleteCollection(ctx, eve, seen),
		} {
			if !errors.Is(err, ErrForbidden) {
				t.Errorf("a stranger may %s: %v", what, err)
			}
		}
		if _, err := c.CreateCollection(ctx, eve, NewCollection{Owner: "ada", Title: "x"}); !errors.Is(err, ErrForbidden) {
			t.Errorf("a collection under somebody else's name: %v", err)
		}
		if _, err := c.CreateCollection(ctx, Caller{Account: ada.Account, Scope: Read}, NewCollection{Owner: "ada", Title: "x"}); !errors.Is(err, ErrForbidden) {
			t.Errorf("a collection by a token that reads: %v", err)
		}
		// What is deleted leaves, what is yanked says so.
		if err := c.DeleteRepository(ctx, ada, open); err != nil {
			t.Fatal(err)
		}
		if got := collected(t, c, Caller{}, l); !slices.Equal(got, []string{"bob/other"}) {
			t.Errorf("after a deletion: %v", got)
		}
		log, err := c.AuditLog(ctx, ada, AuditQuery{Owner: ada.Account})
		if err != nil || !slices.ContainsFunc(log, func(e Entry) bool {
			return e.Action == "add" && e.Object == "ada/collections/"+l.Slug && e.Detail == "bob/other"
		}) {
			t.Errorf("the log says nothing: %v, %v", log, err)
		}
		if err := c.DeleteCollection(ctx, ada, l); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Collection(ctx, ada, l.FullName()); !errors.Is(err, ErrNotFound) {
			t.Errorf("it is still there: %v", err)
		}
	})
}

func TestACollectionIsArrangedByWhatOneSees(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		ada, bob := person(t, c, "ada"), person(t, c, "bob")
		lab, err := c.CreateOrganisation(ctx, ada, "lab", "")
		if err == nil {
			err = c.SetMember(ctx, ada, lab, bob.Account, Write)
		}
		if err != nil {
			t.Fatal(err)
		}
		l, err := c.CreateCollection(ctx, bob, NewCollection{Owner: "lab", Title: "Shared", Slug: "shared"})
		if err != nil || l.May != Write {
			t.Fatal(l, err)
		}
		list := map[string]*Repository{}
		for _, name := range []string{"a", "b", "hidden", "c", "d"} {
			list[name] = repository(t, c, ada, "ada/"+name, name == "hidden")
			if err := c.AddToCollection(ctx, ada, mustCollection(t, c, ada, "lab/shared"), list[name], ""); err != nil {
				t.Fatal(err)
			}
		}
		for _, x := range []struct {
			who   Caller
			move  string
			place int
			want  string // as ada sees it
		}{
			{bob, "d", 0, "d a b hidden c"}, {bob, "d", 3, "a b hidden c d"}, {bob, "a", 2, "b hidden c a d"}, {bob, "a", 99, "b hidden c d a"}, {ada, "hidden", 0, "hidden b c d a"}, {bob, "c", 0, "hidden c b d a"},
		} {
			if err := c.ConfigureItem(ctx, x.who, mustCollection(t, c, x.who, "lab/shared"), list[x.move], ItemSettings{Place: &x.place}); err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(strings.Join(collected(t, c, ada, l), " "), "ada/", ""); got != x.want {
				t.Errorf("%s to %d by %s: %s, want %s", x.move, x.place, x.who.Name(), got, x.want)
			}
		}
		if err := c.DeleteCollection(ctx, bob, l); !errors.Is(err, ErrForbidden) {
			t.Errorf("who writes deletes it: %v", err)
		}
		if err := c.RemoveFromCollection(ctx, bob, l, list["a"]); err != nil {
			t.Fatal(err)
		}
		if err := c.RemoveFromCollection(ctx, bob, l, list["a"]); !errors.Is(err, ErrNotFound) {
			t.Errorf("removed twice: %v", err)
		}
		// Who leaves the organisation loses it.
		if err := c.SetMember(ctx, ada, lab, bob.Account, None); err != nil {
			t.Fatal(err)
		}
		if err := c.RemoveFromCollection(ctx, bob, mustCollection(t, c, bob, "lab/shared"), list["b"]); !errors.Is(err, ErrForbidden) {
			t.Errorf("a former member: %v", err)
		}
	})
}

func mustCollection(t *testing.T, c *Catalogue, who Caller, full string) *Collection {
	t.Helper()
	l, err := c.Collection(t.Context(), who, full)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestCollectionsHaveBounds(t *testing.T) {
	each(t, func(t *testing.T, c *Catalogue) {
		ctx := t.Context()
		ada := person(t, c, "ada")
		for _, n := range []NewCollection{{Title: "  "}, {Title: strings.Repeat("长", LongestTitle+1)}, {Title: "a\nb"}, {Title: "a", Description: strings.Repeat("x", LongestAbout+1)}, {Title: "a", Slug: "Not A Slug"}, {Title: "a", Slug: "a/b"}, {Title: "\xff"}} {
			n.Owner = "ada"
			if _, err := c.CreateCollection(ctx, ada, n); !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v: %v", n, err)
			}
		}
		for i := range MostCollections {
			l, err := c.CreateCollection(ctx, ada, NewCollection{Owner: "ada", Title: "——", Slug: fmt.Sprint("collection-", i)})
			if err != nil || l.Slug != fmt.Sprint("collection-", i) {
				t.Fatal(l, err)
			}
			if i > 0 {
				continue
			}
			if _, err := c.CreateCollection(ctx, ada, NewCollection{Owner: "ada", Title: "Collection 0!"}); !errors.Is(err, ErrExists) {
				t.Errorf("a title that makes the same name: %v", err)
			}
		}
		if _, err := c.CreateCollection(ctx, ada, NewCollection{Owner: "ada", Title: "one more"}); !errors.Is(err, ErrQuota) {
			t.Errorf("one more than an owner may have: %v", err)
		}
		l := mustCollection(t, c, ada, "ada/collection-7")
		r := repository(t, c, ada, "ada/a", false)
		note := strings.Repeat("n", LongestNote+1)
		if err := c.AddToCollection(ctx, ada, l, r, note); !errors.Is(err, ErrInvalid) {
			t.Errorf("a long note: %v", err)
		}
		if err := c.update(ctx, func(q queries) error {
			for i := range MostItems {
				if _, err := q.exec("INSERT INTO repositories (owner_id, key, name, kind, created, updated) VALUES (?, ?, ?, 'model', 0, 0)", ada.Account.ID, fmt.Sprint("m", i), fmt.Sprint("m", i)); err != nil {
					return err
				}
			}
			_, err := q.exec("INSERT INTO collection_items (collection_id, repository_id, place, added) SELECT ?, id, id, 0 FROM repositories WHERE id <> ?", l.ID, r.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if err := c.AddToCollection(ctx, ada, l, r, ""); !errors.Is(err, ErrQuota) {
			t.Errorf("one more than a collection may have: %v", err)
		}
		if list, more, err := c.Collections(ctx, ada, CollectionFilter{Limit: 10, Offset: 190}); err != nil || more || len(list) != 10 {
			t.Errorf("the last page: %d, %t, %v", len(list), more, err)
		}
		if items, err := c.CollectionItems(ctx, ada, l, 490, 50); err != nil || len(items) != 10 {
			t.Errorf("the last packages: %d, %v", len(items), err)
		}
	})
}
