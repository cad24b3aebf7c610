package depot

import (
	"context"
	"errors"
	"io"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// ErrTooLarge is the cause where a file or a package is larger than this market takes.
var ErrTooLarge = errors.New("too large for this market")

// Quota bounds what is published, whatever it is; 0 is no limit.
type Quota struct {
	File          int64 // bytes of one file
	Package       int64 // bytes of all files of a version
	OwnerBytes    int64 // of all files of an owner, each counted once
	OwnerPackages int   // of an owner
}

// room returns how many bytes one more file of a repository may have, and why no more: ErrTooLarge or catalogue.ErrQuota.
// -1 is any number.
func (d *Depot) room(ctx context.Context, r *catalogue.Repository) (left int64, why error, err error) {
	left = -1
	if d.Quota.File > 0 {
		left, why = d.Quota.File, hint.Errorf("leave it out, or split it", "a file of more than %s: %w", size.Bytes(d.Quota.File), ErrTooLarge)
	}
	if d.Quota.OwnerBytes > 0 {
		u, err := d.Catalogue.Usage(ctx, r.OwnerID)
		if err != nil {
			return 0, nil, err
		}
		if rest := max(d.Quota.OwnerBytes-u.Bytes, 0); left < 0 || rest < left {
			left, why = rest, hint.Errorf("delete versions that nobody needs, or ask who runs this market for more", "%s has %s, of %s at most: %w", r.Owner, size.Bytes(u.Bytes), size.Bytes(d.Quota.OwnerBytes), catalogue.ErrQuota)
		}
	}
	return left, why, nil
}

// admit returns why a blob may not become one of a repository; one that its owner has already takes no room.
func (d *Depot) admit(ctx context.Context, r *catalogue.Repository, want digest.Digest, bytes int64) error {
	left, why, err := d.room(ctx, r)
	if err != nil || left < 0 || bytes <= left {
		return err
	}
	if errors.Is(why, catalogue.ErrQuota) {
		if has, err := d.Catalogue.Owns(ctx, r.OwnerID, want); has || err != nil {
			return err
		}
	}
	return why
}

// Append adds to an upload to a repository, see blob.Uploads' Append, as much as there is room for.
func (d *Depot) Append(ctx context.Context, r *catalogue.Repository, upload string, from int64, content io.Reader) (int64, error) {
	left, why, err := d.room(ctx, r)
	if err != nil {
		return 0, err
	}
	if left >= 0 {
		offset, err := d.Uploads.Offset(ctx, upload)
		if err != nil {
			return 0, err
		}
		content = &bounded{content, left - offset, why}
	}
	return d.Uploads.Append(ctx, upload, from, content)
}

// Mount makes a blob of one repository one of another, see the catalogue's Mount.
func (d *Depot) Mount(ctx context.Context, from, to *catalogue.Repository, of digest.Digest) error {
	bytes, err := d.Catalogue.Blob(ctx, from, of)
	if err == nil {
		err = d.admit(ctx, to, of, bytes)
	}
	if err == nil {
		_, err = d.Catalogue.Mount(ctx, from, to, of)
	}
	return err
}

// bounded is a reader that fails with why after left bytes.
type bounded struct {
	io.Reader
	left int64
	why  error
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > max(b.left, 0)+1 {
		p = p[:max(b.left, 0)+1]
	}
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, b.why
	}
	return n, err
}
