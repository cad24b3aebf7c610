package catalogue

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Item is a package in a collection.
type Item struct {
	*Repository
	Note  string
	Added time.Time
	Gone  bool // all of its versions were taken back
}

// CollectionItems lists those of a collection that who may see, in its order, from offset on; limit 0 is all.
func (c *Catalogue) CollectionItems(ctx context.Context, who Caller, l *Collection, offset, limit int) (list []Item, err error) {
	if limit <= 0 {
		limit = MostItems
	}
	where, args := visible(who)
	q := c.reading(ctx)
	err = q.rows("SELECT "+repositoryColumns+`, i.note, i.added,
		EXISTS (SELECT 1 FROM versions v WHERE v.repository_id = r.id AND v.state = 'yanked') AND NOT EXISTS (SELECT 1 FROM refs f WHERE f.repository_id = r.id AND f.name = 'latest')`+
		" FROM collection_items i JOIN repositories r ON r.id = i.repository_id JOIN accounts a ON a.id = r.owner_id WHERE i.collection_id = ? AND "+strings.Join(where, " AND ")+
		" ORDER BY i.place, i.repository_id LIMIT ? OFFSET ?", append(append([]any{l.ID}, args...), limit, offset), func(scan func(...any) error) error {
		var i Item
		var err error
		i.Repository, err = scanRepository(func(into ...any) error { return scan(append(into, &i.Note, timeColumn{&i.Added}, &i.Gone)...) })
		list = append(list, i)
		return err
	})
	for _, i := range list {
		if err == nil {
			i.May, err = c.rights(q, who, i.Repository)
		}
	}
	return list, wrap(err, "packages of the collection %s", l.FullName())
}

// AddToCollection puts a package at the end of a collection. ErrExists where it is there; ErrQuota.
func (c *Catalogue) AddToCollection(ctx context.Context, who Caller, l *Collection, r *Repository, note string) error {
	err := l.Needs(Write)
	if err == nil {
		err = checkText("the note", note, LongestNote, true)
	}
	if err == nil && r.Kind == "" {
		err = hint.Errorf("publish a version first", "nothing has been published as %s: %w", r.FullName(), ErrInvalid)
	}
	if err != nil {
		return wrap(err, "adding %s to the collection %s", r.FullName(), l.FullName())
	}
	return c.onCollection(ctx, who, l, "add", r.FullName(), func(q queries) error {
		var has, last int
		if err := q.row("SELECT COUNT(*), COALESCE(MAX(place), 0) FROM collection_items WHERE collection_id = ?", []any{l.ID}, &has, &last); err != nil {
			return err
		}
		if has >= MostItems {
			return hint.Errorf("remove some, or make another collection", "it has %d packages, as many as it may: %w", has, ErrQuota)
		}
		added, err := q.exec("INSERT INTO collection_items (collection_id, repository_id, place, note, added) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", l.ID, r.ID, last+1, note, stamp(c.now()))
		if err == nil && added == 0 {
			err = hint.Errorf("change its note instead", "%s is in it: %w", r.FullName(), ErrExists)
		}
		return err
	})
}

// RemoveFromCollection takes a package out; ErrNotFound where it is not in it.
func (c *Catalogue) RemoveFromCollection(ctx context.Context, who Caller, l *Collection, r *Repository) error {
	if err := l.Needs(Write); err != nil {
		return err
	}
	return c.onCollection(ctx, who, l, "remove", r.FullName(), func(q queries) error {
		n, err := q.exec("DELETE FROM collection_items WHERE collection_id = ? AND repository_id = ?", l.ID, r.ID)
		if err == nil && n == 0 {
			err = hint.Wrap(ErrNotFound, "see what it holds", "%s in it", r.FullName())
		}
		return err
	})
}

// ItemSettings are what may be changed of a package in a collection; nil leaves as it is.
type ItemSettings struct {
	Note  *string
	Place *int // in the order, from 0 on, among those that the caller sees; more than there are is the end
}

// ConfigureItem changes the note or the place of a package in a collection; ErrNotFound where it is not in it.
func (c *Catalogue) ConfigureItem(ctx context.Context, who Caller, l *Collection, r *Repository, s ItemSettings) error {
	err := l.Needs(Write)
	if err == nil && s.Note != nil {
		err = checkText("the note", *s.Note, LongestNote, true)
	}
	if err == nil && s.Place != nil && *s.Place < 0 {
		err = hint.Errorf("write a number from 0 on", "the place %d: %w", *s.Place, ErrInvalid)
	}
	if err != nil {
		return wrap(err, "%s in the collection %s", r.FullName(), l.FullName())
	}
	return c.onCollection(ctx, who, l, "arrange", r.FullName(), func(q queries) error {
		if s.Note != nil {
			if _, err := q.exec("UPDATE collection_items SET note = ? WHERE collection_id = ? AND repository_id = ?", *s.Note, l.ID, r.ID); err != nil {
				return err
			}
		}
		order, err := c.order(q, who, l)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(order, func(p placed) bool { return p.id == r.ID })
		if at < 0 {
			return hint.Wrap(ErrNotFound, "see what it holds", "%s in it", r.FullName())
		}
		if s.Place == nil {
			return nil
		}
		return rearrange(q, l, order, at, *s.Place)
	})
}

// placed is a package in the order of a collection.
type placed struct {
	id, place int64
	seen      bool // by who arranges it
}

func (c *Catalogue) order(q queries, who Caller, l *Collection) (list []placed, err error) {
	where, args := visible(who)
	err = q.rows("SELECT r.id, i.place, "+strings.Join(where, " AND ")+" FROM collection_items i JOIN repositories r ON r.id = i.repository_id WHERE i.collection_id = ? ORDER BY i.place, r.id", append(args, l.ID), func(scan func(...any) error) error {
		var p placed
		err := scan(&p.id, &p.place, &p.seen)
		list = append(list, p)
		return err
	})
	return list, err
}

// rearrange moves the package at a place of the whole order to another one among those that are seen.
func rearrange(q queries, l *Collection, order []placed, at, to int) error {
	moved := order[at]
	order = slices.Delete(order, at, at+1)
	before := len(order)
	for i, p := range order {
		if !p.seen {
			continue
		}
		if to == 0 {
			before = i
			break
		}
		to--
	}
	for i, p := range slices.Insert(order, before, moved) {
		if p.place == int64(i+1) {
			continue
		}
		if _, err := q.exec("UPDATE collection_items SET place = ? WHERE collection_id = ? AND repository_id = ?", i+1, l.ID, p.id); err != nil {
			return err
		}
	}
	return nil
}
