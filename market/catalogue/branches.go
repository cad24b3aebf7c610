package catalogue

import (
	"context"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Branch is the kind of a ref that commits move; tags and versions stay where they are set.
const Branch = "branch"

// CreateRef makes a name that is not there yet: a branch, else a tag, or a version where it reads as one. ErrExists,
// ErrInvalid, ErrPublished.
func (c *Catalogue) CreateRef(ctx context.Context, who Caller, r *Repository, kind, name string, to *Target) error {
	if err := r.Needs(Write); err != nil {
		return err
	}
	name = canonical(name)
	if err := checkRef(name); err != nil {
		return err
	}
	if to.Revision == nil {
		return hint.Errorf("name a revision of a package", "%s is none: %w", to.Manifest.Digest, ErrInvalid)
	}
	if kind == Branch && IsVersion(name) {
		return hint.Errorf("make it a tag", "the branch %s: a version never moves: %w", name, ErrInvalid)
	}
	return wrap(c.update(ctx, func(q queries) error {
		if err := q.lockRepository(r.ID); err != nil {
			return err
		}
		var n int
		if err := q.row("SELECT COUNT(*) FROM refs WHERE repository_id = ? AND name = ?", []any{r.ID, name}, &n); err != nil {
			return err
		}
		if n > 0 {
			return hint.Errorf("choose another name, or delete it first", "%w", ErrExists)
		}
		if IsVersion(name) {
			if err := c.complete(q, to.Manifest.ID); err != nil {
				return err
			}
			if err := c.claimVersion(q, r.ID, Publication{Ref: name, Digest: to.Manifest.Digest}); err != nil {
				return err
			}
		}
		if err := c.setRef(q, r.ID, name, to.Manifest.ID, &to.Revision.ID); err != nil {
			return err
		}
		if kind == Branch {
			if _, err := q.exec("UPDATE refs SET kind = ? WHERE repository_id = ? AND name = ?", Branch, r.ID, name); err != nil {
				return err
			}
		}
		if err := c.followVersion(q, r, name, to.Manifest.ID, to.Revision.ID); err != nil {
			return err
		}
		if err := c.adoptFacts(q, r.ID); err != nil {
			return err
		}
		return c.audit(q, who.Name(), kind, r.FullName()+":"+name, to.Manifest.Digest.String())
	}), "naming %s:%s", r.FullName(), name)
}
