package catalogue

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// How much collections may hold. Lengths are in characters.
const (
	MostCollections = 200 // of an owner
	MostItems       = 500 // of a collection
	LongestTitle    = 100
	LongestAbout    = 1000 // a collection's description
	LongestNote     = 500
	longestSlug     = 80
)

// Collection is a list of packages that an account has put together.
type Collection struct {
	ID               int64
	Owner, Slug      string // by which it is named
	OwnerID          int64
	Title            string
	Description      string // plain text
	Private          bool   // for the owner and members of the organisation alone
	Created, Updated time.Time
	Items            int // those that the caller may see

	// May is what the caller may do with it whom it was looked up for.
	May Right
}

// FullName is owner/slug.
func (l *Collection) FullName() string { return l.Owner + "/" + l.Slug }

// Needs returns ErrForbidden where less than right is permitted.
func (l *Collection) Needs(right Right) error {
	if l.May < right {
		return hint.Errorf("use a token of somebody who may, with the scope write", "%s of the collection %s: %w", right, l.FullName(), ErrForbidden)
	}
	return nil
}

const collectionColumns = "l.id, a.name, l.slug, l.owner_id, l.title, l.description, l.private, l.created, l.updated"

func scanCollection(scan func(...any) error, more ...any) (*Collection, error) {
	var l Collection
	err := scan(append([]any{&l.ID, &l.Owner, &l.Slug, &l.OwnerID, &l.Title, &l.Description, &l.Private, timeColumn{&l.Created}, timeColumn{&l.Updated}}, more...)...)
	return &l, err
}

// CollectionSlug makes a name for addresses of a title: its letters and digits, with hyphens between words.
func CollectionSlug(title string) string {
	words := strings.FieldsFunc(strings.ToLower(norm.NFKC.String(title)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	slug := []rune(strings.Join(words, "-"))
	return cmp.Or(strings.Trim(string(slug[:min(len(slug), longestSlug)]), "-"), "collection")
}

// checkText refuses what is too long or cannot be shown.
func checkText(what, text string, most int, lines bool) error {
	if n := utf8.RuneCountInString(text); n > most {
		return hint.Errorf("make it shorter", "%s has %d characters, of %d at most: %w", what, n, most, ErrInvalid)
	}
	control := func(r rune) bool { return unicode.IsControl(r) && !(lines && (r == '\n' || r == '\r' || r == '\t')) }
	if !utf8.ValidString(text) || strings.ContainsFunc(text, control) {
		return hint.Errorf("write plain text", "%s has characters that cannot be shown: %w", what, ErrInvalid)
	}
	return nil
}

func checkCollection(title, description string) error {
	if strings.TrimSpace(title) == "" {
		return hint.Errorf("say in a few words what it holds", "a collection without a title: %w", ErrInvalid)
	}
	return errors.Join(checkText("the title", title, LongestTitle, false), checkText("the description", description, LongestAbout, true))
}

// NewCollection is one to make.
type NewCollection struct {
	Owner              string
	Slug               string // made of the title if ""
	Title, Description string
	Private            bool
}

// CreateCollection makes an empty collection. ErrForbidden where who may not publish under the owner's name; ErrExists where
// there is one with the slug; ErrQuota.
func (c *Catalogue) CreateCollection(ctx context.Context, who Caller, n NewCollection) (*Collection, error) {
	n.Title = strings.TrimSpace(n.Title)
	err := who.Needs(Write)
	if err == nil {
		err = checkCollection(n.Title, n.Description)
	}
	if n.Slug == "" {
		n.Slug = CollectionSlug(n.Title)
	}
	if err == nil && CollectionSlug(n.Slug) != n.Slug {
		err = hint.Errorf(fmt.Sprintf("use small letters and digits with '-' between them, %d characters at most", longestSlug), "the name %.120q: %w", n.Slug, ErrInvalid)
	}
	if err != nil {
		return nil, wrap(err, "creating a collection")
	}
	err = c.update(ctx, func(q queries) error {
		o, err := c.publisher(q, who, n.Owner, fmt.Sprintf("make it as %s, or as an organisation that you are a member of", who.Name()))
		if err != nil {
			return err
		}
		var has int
		if err := q.row("SELECT COUNT(*) FROM collections WHERE owner_id = ?", []any{o.ID}, &has); err != nil {
			return err
		}
		if has >= MostCollections {
			return hint.Errorf("delete one", "%s has %d collections, as many as an owner may have: %w", o.Name, has, ErrQuota)
		}
		now := stamp(c.now())
		added, err := q.exec("INSERT INTO collections (owner_id, slug, title, description, private, folded, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
			o.ID, n.Slug, n.Title, n.Description, n.Private, foldedCollection(n.Title, n.Description), now, now)
		if err == nil && added == 0 {
			err = hint.Errorf("choose another title, or a name beside it", "%s/%s: %w", o.Name, n.Slug, ErrExists)
		}
		if err != nil {
			return err
		}
		n.Owner = o.Name
		return c.audit(q, who.Name(), "collect", o.Name+"/collections/"+n.Slug, n.Title)
	})
	if err != nil {
		return nil, wrap(err, "creating a collection")
	}
	return c.Collection(ctx, who, n.Owner+"/"+n.Slug)
}

func foldedCollection(title, description string) string { return folded(title + "\n" + description) }

// Collection returns the collection owner/slug for who asks; ErrNotFound if there is none, or none that he may see, without
// a difference.
func (c *Catalogue) Collection(ctx context.Context, who Caller, full string) (l *Collection, err error) {
	owner, slug, _ := strings.Cut(full, "/")
	q := c.reading(ctx)
	items, args := visibleItems(who)
	err = q.rows("SELECT "+collectionColumns+", "+items+" FROM collections l JOIN accounts a ON a.id = l.owner_id WHERE a.key = ? AND l.slug = ?", append(args, key(owner), key(slug)), func(scan func(...any) error) error {
		var n int
		l, err = scanCollection(scan, &n)
		l.Items = n
		return err
	})
	if err == nil && l != nil {
		l.May, err = c.rightsUnder(q, who, l.OwnerID, l.Private)
	}
	if err == nil && (l == nil || l.May < Read) {
		err = hint.Wrap(ErrNotFound, "check the name, or log in if it is private", "the collection %.200q", full)
	}
	if err != nil {
		return nil, wrap(err, "looking for a collection")
	}
	return l, nil
}

// visibleItems is an expression for how many packages of the collection l who may see.
func visibleItems(who Caller) (expression string, args []any) {
	where, args := visible(who)
	return "(SELECT COUNT(*) FROM collection_items i JOIN repositories r ON r.id = i.repository_id WHERE i.collection_id = l.id AND " + strings.Join(where, " AND ") + ")", args
}

// CollectionSettings are what may be changed of a collection; nil leaves as it is.
type CollectionSettings struct {
	Title, Description *string
	Private            *bool
}

// ConfigureCollection changes settings of a collection. Its slug stays, so that links to it do.
func (c *Catalogue) ConfigureCollection(ctx context.Context, who Caller, l *Collection, s CollectionSettings) error {
	if err := l.Needs(Write); err != nil {
		return err
	}
	title, description, private := l.Title, l.Description, l.Private
	if s.Title != nil {
		title = strings.TrimSpace(*s.Title)
	}
	if s.Description != nil {
		description = *s.Description
	}
	if s.Private != nil {
		private = *s.Private
	}
	if err := checkCollection(title, description); err != nil {
		return wrap(err, "settings of the collection %s", l.FullName())
	}
	return c.onCollection(ctx, who, l, "settings", fmt.Sprintf("title=%s private=%t", title, private), func(q queries) error {
		_, err := q.exec("UPDATE collections SET title = ?, description = ?, private = ?, folded = ? WHERE id = ?", title, description, private, foldedCollection(title, description), l.ID)
		return err
	})
}

// DeleteCollection removes a collection; its packages stay.
func (c *Catalogue) DeleteCollection(ctx context.Context, who Caller, l *Collection) error {
	if err := l.Needs(Admin); err != nil {
		return err
	}
	return c.onCollection(ctx, who, l, "delete", "", func(q queries) error {
		_, err := q.exec("DELETE FROM collections WHERE id = ?", l.ID)
		return err
	})
}

// onCollection changes a collection in a transaction, and notes it.
func (c *Catalogue) onCollection(ctx context.Context, who Caller, l *Collection, action, detail string, change func(queries) error) error {
	return wrap(c.update(ctx, func(q queries) error {
		n, err := q.exec("UPDATE collections SET updated = ? WHERE id = ?", stamp(c.now()), l.ID) // keeps others from changing it until this ends
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		if err == nil {
			err = change(q)
		}
		if err != nil {
			return err
		}
		return c.audit(q, who.Name(), action, l.Owner+"/collections/"+l.Slug, detail)
	}), "the collection %s", l.FullName())
}

// CollectionFilter says which collections to list. Zero fields do not matter.
type CollectionFilter struct {
	Text   string // all of its words are in the title, the description or the owner's name
	Owner  *Account
	With   *Repository // has this package
	By     *Account    // whom it may be changed by: his own, and those of organisations that he writes for
	Offset int
	Limit  int // 20 if 0
}

// forEverybody is the condition of a collection that lists show to everybody.
const forEverybody = "NOT l.private AND EXISTS (SELECT 1 FROM collection_items i WHERE i.collection_id = l.id)"

// Collections lists those that who may see, the last changed first, and tells whether there is more. Of other people's, empty ones are left out.
func (c *Catalogue) Collections(ctx context.Context, who Caller, f CollectionFilter) (list []*Collection, more bool, err error) {
	items, args := visibleItems(who)
	var where []string
	is := func(condition string, values ...any) { where, args = append(where, condition), append(args, values...) }
	const mine = "l.owner_id = ? OR l.owner_id IN (SELECT organisation_id FROM members WHERE account_id = ?)"
	switch {
	case who.Account == nil || who.Scope < Read:
		is(forEverybody)
	case !who.Account.Operator:
		is("("+forEverybody+" OR "+mine+")", who.Account.ID, who.Account.ID)
	}
	if f.Owner != nil {
		is("l.owner_id = ?", f.Owner.ID)
	}
	if f.With != nil {
		is("EXISTS (SELECT 1 FROM collection_items i WHERE i.collection_id = l.id AND i.repository_id = ?)", f.With.ID)
	}
	if f.By != nil {
		is("(l.owner_id = ? OR l.owner_id IN (SELECT organisation_id FROM members WHERE account_id = ? AND role IN ('write', 'admin')))", f.By.ID, f.By.ID)
	}
	for _, word := range strings.Fields(folded(f.Text)) {
		part := "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(word) + "%"
		is(`(l.folded LIKE ? ESCAPE '\' OR a.key LIKE ? ESCAPE '\')`, part, part)
	}
	if f.Limit <= 0 {
		f.Limit = 20
	}
	statement := "SELECT " + collectionColumns + ", " + items + " FROM collections l JOIN accounts a ON a.id = l.owner_id"
	if len(where) > 0 {
		statement += " WHERE " + strings.Join(where, " AND ")
	}
	q := c.reading(ctx)
	err = q.rows(statement+" ORDER BY l.updated DESC, l.id DESC LIMIT ? OFFSET ?", append(args, f.Limit+1, f.Offset), func(scan func(...any) error) error {
		var n int
		l, err := scanCollection(scan, &n)
		l.Items = n
		list = append(list, l)
		return err
	})
	if more = len(list) > f.Limit; more {
		list = list[:f.Limit]
	}
	for _, l := range list {
		if err == nil {
			l.May, err = c.rightsUnder(q, who, l.OwnerID, l.Private)
		}
	}
	return list, more, wrap(err, "listing collections")
}

// LastCollection is the highest number that a collection has had.
func (c *Catalogue) LastCollection(ctx context.Context) (id int64, err error) {
	return id, wrap(c.reading(ctx).row("SELECT COALESCE(MAX(id), 0) FROM collections", nil, &id), "listing collections")
}

// EachPublicCollection calls f for each collection that lists show to everybody, of those with the numbers from on to below to.
func (c *Catalogue) EachPublicCollection(ctx context.Context, from, to int64, f func(owner, slug string, updated time.Time) error) error {
	statement := "SELECT a.name, l.slug, l.updated FROM collections l JOIN accounts a ON a.id = l.owner_id WHERE " + forEverybody + " AND l.id >= ? AND l.id < ? ORDER BY l.id"
	return wrap(c.reading(ctx).rows(statement, []any{from, to}, func(scan func(...any) error) error {
		var owner, slug string
		var updated time.Time
		if err := scan(&owner, &slug, timeColumn{&updated}); err != nil {
			return err
		}
		return f(owner, slug, updated)
	}), "listing collections")
}
