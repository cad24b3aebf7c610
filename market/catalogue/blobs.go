package catalogue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// A blob's row is there before its file and goes after it, so that no file is forgotten:
//
//	pending   somebody is about to store it
//	present   it is in the store
//	deleting  it is being removed; whoever wants to store it again waits until it is gone
//
// Rows know when somebody last had a use for the blob (touched). Only blobs that no manifest needs and that nobody has
// touched for a time of grace are removed: an upload under way, or a push between two of its requests, loses nothing.
const (
	pending  = "pending"
	present  = "present"
	deleting = "deleting"
)

// ErrDeleting is the cause where a blob is just being removed. It takes a moment.
var ErrDeleting = errors.New("it is just being removed")

// Reserve says that a blob is about to be stored, and keeps it from being removed for the time of grace.
func (c *Catalogue) Reserve(ctx context.Context, d digest.Digest, size int64) error {
	for try := 0; ; try++ {
		err := c.update(ctx, func(q queries) error {
			n, err := q.exec(`INSERT INTO blobs (digest, size, state, touched) VALUES (?, ?, ?, ?)
				ON CONFLICT (digest) DO UPDATE SET touched = excluded.touched WHERE blobs.state <> ?`, d, size, pending, stamp(c.now()), deleting)
			if err == nil && n == 0 {
				err = ErrDeleting
			}
			return err
		})
		if !errors.Is(err, ErrDeleting) || try == 50 {
			return wrap(err, "reserving blob %s", d)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Stored says that a reserved blob is in the store now, for a repository.
func (c *Catalogue) Stored(ctx context.Context, r *Repository, d digest.Digest, size int64) error {
	return wrap(c.update(ctx, func(q queries) error {
		n, err := q.exec("UPDATE blobs SET state = ?, size = ?, touched = ? WHERE digest = ? AND state <> ?", present, size, stamp(c.now()), d, deleting)
		if err == nil && n == 0 {
			err = ErrDeleting
		}
		if err != nil {
			return err
		}
		return c.link(q, r.ID, d)
	}), "noting blob %s of %s", d, r.FullName())
}

func (c *Catalogue) link(q queries, repository int64, d digest.Digest) error {
	_, err := q.exec("INSERT INTO repository_blobs (repository_id, digest, at) VALUES (?, ?, ?) ON CONFLICT (repository_id, digest) DO UPDATE SET at = excluded.at", repository, d, stamp(c.now()))
	return err
}

// Blob returns the size of a blob of a repository; ErrNotFound if it has none such.
func (c *Catalogue) Blob(ctx context.Context, r *Repository, d digest.Digest) (size int64, err error) {
	err = c.reading(ctx).row("SELECT b.size FROM blobs b JOIN repository_blobs l ON l.digest = b.digest WHERE l.repository_id = ? AND b.digest = ? AND b.state = ?",
		[]any{r.ID, d, present}, &size)
	return size, wrap(err, "blob %s of %s", d, r.FullName())
}

// Keep is Blob for who is about to publish it: it keeps the blob from being removed for the time of grace.
func (c *Catalogue) Keep(ctx context.Context, r *Repository, d digest.Digest) (size int64, err error) {
	if size, err = c.Blob(ctx, r, d); err != nil {
		return 0, err
	}
	return size, wrap(c.update(ctx, func(q queries) error {
		n, err := q.exec("UPDATE blobs SET touched = ? WHERE digest = ? AND state = ?", stamp(c.now()), d, present)
		if err == nil && n == 0 {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		return c.link(q, r.ID, d)
	}), "blob %s of %s", d, r.FullName())
}

// Mount makes a blob of a repository that who may read one of another, without its being sent; ErrNotFound where
// there is none.
func (c *Catalogue) Mount(ctx context.Context, from, to *Repository, d digest.Digest) (size int64, err error) {
	if size, err = c.Keep(ctx, from, d); err != nil {
		return 0, err
	}
	return size, wrap(c.update(ctx, func(q queries) error { return c.link(q, to.ID, d) }), "mounting blob %s in %s", d, to.FullName())
}

// Unlink takes a blob from a repository. ErrForbidden while a manifest needs it, ErrNotFound.
func (c *Catalogue) Unlink(ctx context.Context, r *Repository, d digest.Digest) error {
	if err := r.Needs(Write); err != nil {
		return err
	}
	return wrap(c.update(ctx, func(q queries) error {
		var needed int
		if err := q.row("SELECT COUNT(*) FROM manifest_blobs b JOIN manifests m ON m.id = b.manifest_id WHERE m.repository_id = ? AND b.digest = ?", []any{r.ID, d}, &needed); err != nil {
			return err
		}
		if needed > 0 {
			return hint.Errorf("delete the versions that need it first", "%d manifests need it: %w", needed, ErrForbidden)
		}
		n, err := q.exec("DELETE FROM repository_blobs WHERE repository_id = ? AND digest = ?", r.ID, d)
		if err == nil && n == 0 {
			err = ErrNotFound
		}
		return err
	}), "deleting blob %s of %s", d, r.FullName())
}

// Condemn marks blobs that nothing needs, and that nobody has touched since a time, as being removed, and returns them
// together with those that an interrupted collection has left so. Remove each from the store, then call Buried.
func (c *Catalogue) Condemn(ctx context.Context, since time.Time) (list []digest.Digest, err error) {
	err = c.update(ctx, func(q queries) error {
		if _, err := q.exec(`DELETE FROM repository_blobs WHERE at < ? AND NOT EXISTS (
			SELECT 1 FROM manifest_blobs b JOIN manifests m ON m.id = b.manifest_id WHERE b.digest = repository_blobs.digest AND m.repository_id = repository_blobs.repository_id)`, stamp(since)); err != nil {
			return err
		}
		_, err := q.exec("UPDATE blobs SET state = ? WHERE touched < ? AND state <> ? AND NOT EXISTS (SELECT 1 FROM manifest_blobs b WHERE b.digest = blobs.digest)", deleting, stamp(since), deleting)
		return err
	})
	if err == nil {
		err = c.reading(ctx).rows("SELECT digest FROM blobs WHERE state = ? ORDER BY digest", []any{deleting}, func(scan func(...any) error) error {
			var d digest.Digest
			err := scan(&d)
			list = append(list, d)
			return err
		})
	}
	return list, wrap(err, "looking for blobs that nothing needs")
}

// CondemnStray marks a blob of the store that the catalogue does not know as being removed, and tells whether it did:
// not if somebody is about to store it.
func (c *Catalogue) CondemnStray(ctx context.Context, d digest.Digest) (bool, error) {
	var n int64
	err := c.update(ctx, func(q queries) (err error) {
		n, err = q.exec("INSERT INTO blobs (digest, size, state, touched) VALUES (?, 0, ?, ?) ON CONFLICT DO NOTHING", d, deleting, stamp(c.now()))
		return err
	})
	return n > 0, wrap(err, "blob %s", d)
}

// Buried says that a condemned blob is in the store no more.
func (c *Catalogue) Buried(ctx context.Context, d digest.Digest) error {
	return wrap(c.update(ctx, func(q queries) error {
		_, err := q.exec("DELETE FROM blobs WHERE digest = ? AND state = ?", d, deleting)
		if err != nil {
			return err
		}
		_, err = q.exec("DELETE FROM repository_blobs WHERE digest = ?", d)
		return err
	}), "forgetting blob %s", d)
}

// Present calls f for every blob that should be in the store, in order of digests, with the number of repositories that
// it is published in.
func (c *Catalogue) Present(ctx context.Context, f func(d digest.Digest, size int64) error) error {
	after := digest.Digest("")
	for {
		var page []digest.Digest
		var sizes []int64
		err := c.reading(ctx).rows("SELECT digest, size FROM blobs WHERE state = ? AND digest > ? ORDER BY digest LIMIT 1000", []any{present, after}, func(scan func(...any) error) error {
			var d digest.Digest
			var size int64
			err := scan(&d, &size)
			page, sizes = append(page, d), append(sizes, size)
			return err
		})
		if err != nil {
			return wrap(err, "listing blobs")
		}
		for i, d := range page {
			if err := f(d, sizes[i]); err != nil {
				return err
			}
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1]
	}
}

// NeededBy names packages that need a blob, as owner/name@digest, ten at most.
func (c *Catalogue) NeededBy(ctx context.Context, d digest.Digest) (list []string, err error) {
	err = c.reading(ctx).rows(`SELECT a.name, r.name, m.digest FROM manifest_blobs b JOIN manifests m ON m.id = b.manifest_id
		JOIN repositories r ON r.id = m.repository_id JOIN accounts a ON a.id = r.owner_id WHERE b.digest = ? ORDER BY m.id LIMIT 10`, []any{d}, func(scan func(...any) error) error {
		var owner, name, manifest string
		err := scan(&owner, &name, &manifest)
		list = append(list, fmt.Sprintf("%s/%s@%s", owner, name, manifest))
		return err
	})
	return list, wrap(err, "who needs blob %s", d)
}

// BeginUpload notes to which repository an upload belongs.
func (c *Catalogue) BeginUpload(ctx context.Context, who Caller, r *Repository, id string) error {
	return wrap(c.update(ctx, func(q queries) error {
		_, err := q.exec("INSERT INTO uploads (id, repository_id, account_id, begun) VALUES (?, ?, ?, ?)", id, r.ID, who.Account.ID, stamp(c.now()))
		return err
	}), "beginning an upload to %s", r.FullName())
}

// HasUpload tells whether an upload belongs to a repository.
func (c *Catalogue) HasUpload(ctx context.Context, r *Repository, id string) (bool, error) {
	var n int
	err := c.reading(ctx).row("SELECT COUNT(*) FROM uploads WHERE id = ? AND repository_id = ?", []any{id, r.ID}, &n)
	return n > 0, wrap(err, "upload %s", id)
}

// EndUpload forgets an upload.
func (c *Catalogue) EndUpload(ctx context.Context, id string) error {
	return wrap(c.update(ctx, func(q queries) error {
		_, err := q.exec("DELETE FROM uploads WHERE id = ?", id)
		return err
	}), "ending upload %s", id)
}

// ExpireUploads forgets uploads that were begun before a time.
func (c *Catalogue) ExpireUploads(ctx context.Context, since time.Time) error {
	return wrap(c.update(ctx, func(q queries) error {
		_, err := q.exec("DELETE FROM uploads WHERE begun < ?", stamp(since))
		return err
	}), "ending old uploads")
}

// Sizes returns the sizes of those of the blobs that a repository has.
func (c *Catalogue) Sizes(ctx context.Context, r *Repository, blobs []digest.Digest) (map[digest.Digest]int64, error) {
	sizes := make(map[digest.Digest]int64, len(blobs))
	for some := range slices.Chunk(blobs, 500) {
		args := []any{r.ID, present}
		for _, d := range some {
			args = append(args, d)
		}
		err := c.reading(ctx).rows("SELECT b.digest, b.size FROM blobs b JOIN repository_blobs l ON l.digest = b.digest WHERE l.repository_id = ? AND b.state = ? AND b.digest IN (?"+strings.Repeat(", ?", len(some)-1)+")", args, func(scan func(...any) error) error {
			var d digest.Digest
			var size int64
			err := scan(&d, &size)
			sizes[d] = size
			return err
		})
		if err != nil {
			return nil, wrap(err, "blobs of %s", r.FullName())
		}
	}
	return sizes, nil
}

// Knows tells whether a blob has a row, in whatever state.
func (c *Catalogue) Knows(ctx context.Context, d digest.Digest) (bool, error) {
	var n int
	err := c.reading(ctx).row("SELECT COUNT(*) FROM blobs WHERE digest = ?", []any{d}, &n)
	return n > 0, wrap(err, "blob %s", d)
}

// Lost says that a blob that should be in the store is not, or is damaged: until somebody sends it again it counts as
// missing.
func (c *Catalogue) Lost(ctx context.Context, d digest.Digest) error {
	return wrap(c.update(ctx, func(q queries) error {
		_, err := q.exec("UPDATE blobs SET state = ?, touched = ? WHERE digest = ? AND state = ?", pending, stamp(c.now()), d, present)
		return err
	}), "noting the loss of blob %s", d)
}
