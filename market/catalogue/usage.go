package catalogue

import (
	"context"
	"errors"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// ErrQuota is the cause where an owner has as much as this market lets owners have.
var ErrQuota = errors.New("the quota is used up")

// Usage is how much the packages of an owner take.
type Usage struct {
	Bytes    int64 // of all files in all versions, each counted once however many need it
	Packages int
}

// Usage returns that of an account.
func (c *Catalogue) Usage(ctx context.Context, owner int64) (u Usage, err error) {
	q := c.reading(ctx)
	err = q.row(`SELECT COALESCE(SUM(size), 0) FROM blobs WHERE state = 'present' AND digest IN
		(SELECT b.digest FROM repository_blobs b JOIN repositories r ON r.id = b.repository_id WHERE r.owner_id = ?)`, []any{owner}, &u.Bytes)
	if err == nil {
		err = q.row("SELECT COUNT(*) FROM repositories WHERE owner_id = ?", []any{owner}, &u.Packages)
	}
	return u, wrap(err, "what an owner has")
}

// Owns tells whether some repository of an owner has a blob.
func (c *Catalogue) Owns(ctx context.Context, owner int64, d digest.Digest) (bool, error) {
	var n int
	err := c.reading(ctx).row("SELECT COUNT(*) FROM repository_blobs b JOIN repositories r ON r.id = b.repository_id JOIN blobs x ON x.digest = b.digest WHERE r.owner_id = ? AND b.digest = ? AND x.state = 'present'",
		[]any{owner, d}, &n)
	return n > 0, wrap(err, "whether an owner has %s", d)
}

// roomFor returns ErrQuota where an owner may have no further repository.
func (c *Catalogue) roomFor(q queries, o *Account) error {
	if c.MostPackages <= 0 {
		return nil
	}
	var n int
	if err := q.row("SELECT COUNT(*) FROM repositories WHERE owner_id = ?", []any{o.ID}, &n); err != nil {
		return err
	}
	if n >= c.MostPackages {
		return hint.Errorf("delete one, or ask who runs this market for more", "%s has %d packages, of %d at most: %w", o.Name, n, c.MostPackages, ErrQuota)
	}
	return nil
}
