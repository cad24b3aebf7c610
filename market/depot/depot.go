// Package depot is store and catalogue together: it receives blobs, publishes packages, and removes what nobody needs.
//
//	d, err := depot.Open(ctx, depot.Options{Data: "data"})
//	err = d.Receive(ctx, repository, digest, size, body)
//	result, err := d.Publish(ctx, depot.Request{Who: who, Repository: repository, Manifest: manifest, Ref: "1.0.0"})
//
// Every protocol of the market ends here, so that what is true of one is true of all: nothing is visible before it is
// whole, a package is checked before it is published, and what is acknowledged is safe on disk.
package depot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/inspect"
)

// Grace is how long what nothing needs is kept, since an upload may be about to need it.
const Grace = 24 * time.Hour

// Options say where a depot is.
type Options struct {
	Data     string        // folder
	Database string        // address of PostgreSQL; "" for SQLite in the folder
	Store    string        // address of an object store, see blob.OpenBucket; "" for files in the folder
	Grace    time.Duration // Grace if 0
	Limits   inspect.Limits
	Quota    Quota
	Checks   []Check // what packages must pass beside what package inspect wants of them
}

// Depot is an open one. Its methods may be called from several goroutines, and several processes may have one open.
type Depot struct {
	Blobs     blob.Store
	Uploads   blob.Uploads
	Catalogue *catalogue.Catalogue
	Quota     Quota // do not change it once it serves

	grace     time.Duration
	inspector *inspect.Inspector
	checks    []Check
}

// Files in the data folder: the catalogue's, and the one in which a server keeps its index of words from one run to the
// next, which may be deleted.
const (
	DatabaseFile = "market.db"
	IndexFile    = "search.index"
)

// Open opens the depot in a folder, which is made if need be.
func Open(ctx context.Context, o Options) (*Depot, error) {
	if err := os.MkdirAll(o.Data, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose a folder that can be written with --data", "opening the market's data")
	}
	d := &Depot{grace: o.Grace, inspector: inspect.New(o.Limits), checks: o.Checks, Quota: o.Quota}
	if d.grace == 0 {
		d.grace = Grace
	}
	if err := d.openStore(ctx, o); err != nil {
		return nil, err
	}
	var err error
	source := o.Database
	if source == "" {
		source = filepath.Join(o.Data, DatabaseFile)
	}
	if d.Catalogue, err = catalogue.Open(ctx, source); err != nil {
		return nil, err
	}
	d.Catalogue.MostPackages = o.Quota.OwnerPackages
	return d, nil
}

func (d *Depot) openStore(ctx context.Context, o Options) error {
	if o.Store != "" {
		bucket, err := blob.OpenBucket(ctx, o.Store)
		if err != nil {
			return fmt.Errorf("opening the market's store: %w", err)
		}
		d.Blobs, d.Uploads = bucket, bucket.Uploads()
		return nil
	}
	folder, err := blob.OpenFolder(filepath.Join(o.Data, "blobs"))
	if err != nil {
		return err
	}
	d.Blobs = folder
	d.Uploads, err = blob.OpenUploads(filepath.Join(o.Data, "uploads"), folder)
	return err
}

// Unavailable tells an error that passes by itself once store or catalogue answer again.
func Unavailable(err error) bool {
	return errors.Is(err, blob.ErrUnavailable) || errors.Is(err, catalogue.ErrUnavailable)
}

// Full tells an error of a disk without room.
func Full(err error) bool { return errors.Is(err, blob.ErrFull) || errors.Is(err, catalogue.ErrFull) }

// RetryAfter is what clients are told to wait while something is unavailable, in seconds, as HTTP's header has it.
const RetryAfter = "5"

// Close closes the catalogue.
func (d *Depot) Close() error { return d.Catalogue.Close() }

// Receive stores a blob for a repository, whole: see blob.Store's Put. size may be -1 where it is not known yet.
func (d *Depot) Receive(ctx context.Context, r *catalogue.Repository, want digest.Digest, size int64, content io.Reader) (int64, error) {
	if err := blob.Check(want); err != nil {
		return 0, err
	}
	if size < 0 {
		left, why, err := d.room(ctx, r)
		if err != nil {
			return 0, err
		}
		if left >= 0 {
			content = &bounded{content, left, why}
		}
	}
	return d.take(ctx, r, want, size, func() (int64, error) { return d.Blobs.Put(ctx, want, content) })
}

// Finish ends an upload: what has arrived is a blob of the repository, see blob.Uploads' Commit.
func (d *Depot) Finish(ctx context.Context, r *catalogue.Repository, upload string, want digest.Digest) (int64, error) {
	size, err := d.Uploads.Offset(ctx, upload)
	if err == nil {
		err = blob.Check(want)
	}
	if err != nil {
		return 0, err
	}
	size, err = d.take(ctx, r, want, size, func() (int64, error) { return d.Uploads.Commit(ctx, upload, want) })
	if err == nil || errors.Is(err, blob.ErrDigest) {
		err = errors.Join(err, d.Catalogue.EndUpload(ctx, upload))
	}
	return size, err
}

// take has a blob stored between two notes in the catalogue, see there. The second one is made even if who sent the blob
// has gone meanwhile: the blob is there.
func (d *Depot) take(ctx context.Context, r *catalogue.Repository, want digest.Digest, size int64, store func() (int64, error)) (int64, error) {
	err := d.admit(ctx, r, want, size)
	if err == nil {
		err = d.Catalogue.Reserve(ctx, want, size)
	}
	if err != nil {
		return 0, err
	}
	size, err = store()
	if err != nil {
		return 0, err
	}
	return size, d.Catalogue.Stored(context.WithoutCancel(ctx), r, want, size)
}

// Begin starts an upload to a repository.
func (d *Depot) Begin(ctx context.Context, who catalogue.Caller, r *catalogue.Repository) (upload string, err error) {
	if upload, err = d.Uploads.Begin(ctx); err != nil {
		return "", err
	}
	return upload, d.Catalogue.BeginUpload(ctx, who, r, upload)
}

// Upload tells how far an upload to a repository has come; blob.ErrNoUpload for none, or another's.
func (d *Depot) Upload(ctx context.Context, r *catalogue.Repository, upload string) (int64, error) {
	ok, err := d.Catalogue.HasUpload(ctx, r, upload)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, hint.Errorf("begin again", "upload %.40q to %s: %w", upload, r.FullName(), blob.ErrNoUpload)
	}
	return d.Uploads.Offset(ctx, upload)
}

// Abort ends an upload without a result.
func (d *Depot) Abort(ctx context.Context, r *catalogue.Repository, upload string) error {
	if _, err := d.Upload(ctx, r, upload); err != nil {
		return err
	}
	return errors.Join(d.Uploads.Abort(ctx, upload), d.Catalogue.EndUpload(ctx, upload))
}

// Open returns the content of a blob of a repository; catalogue.ErrNotFound if it has none such.
func (d *Depot) Open(ctx context.Context, r *catalogue.Repository, of digest.Digest) (blob.Content, error) {
	if _, err := d.Catalogue.Blob(ctx, r, of); err != nil {
		return nil, err
	}
	content, err := d.Blobs.Open(ctx, of)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, fmt.Errorf("the store lacks what the catalogue lists, see `xiaoyu market scrub`: %w", err)
	}
	return content, err
}
