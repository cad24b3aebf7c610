package depot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/market/blob"
)

// Collected is what a collection of garbage has removed.
type Collected struct {
	Blobs   int   `json:"blobs"`
	Bytes   int64 `json:"bytes"`
	Uploads int   `json:"uploads"` // that were left alone
}

// Collect removes blobs that no package needs, and uploads that were left alone, once they are older than the time of
// grace. It may run while the market serves, and after a collection that was interrupted.
func (d *Depot) Collect(ctx context.Context) (Collected, error) {
	return d.CollectOlder(ctx, time.Now().Add(-d.grace))
}

// CollectOlder is Collect of what nobody has had a use for since a time.
func (d *Depot) CollectOlder(ctx context.Context, since time.Time) (c Collected, err error) {
	if c.Uploads, err = d.Uploads.Expire(ctx, since); err != nil {
		return c, err
	}
	if err := d.Catalogue.ExpireUploads(ctx, since); err != nil {
		return c, err
	}
	if err := d.bury(ctx, since, &c); err != nil {
		return c, err
	}
	// Blobs without a row come from elsewhere: a restored database that is older than the store, say.
	err = d.Blobs.Walk(ctx, func(i blob.Info) error {
		if i.Stored.After(since) {
			return nil
		}
		known, err := d.Catalogue.Knows(ctx, i.Digest)
		if err != nil || known {
			return err
		}
		condemned, err := d.Catalogue.CondemnStray(ctx, i.Digest)
		if err != nil || !condemned {
			return err
		}
		return d.remove(ctx, i.Digest, &c)
	})
	return c, err
}

func (d *Depot) bury(ctx context.Context, since time.Time, c *Collected) error {
	list, err := d.Catalogue.Condemn(ctx, since)
	for _, b := range list {
		if err == nil {
			err = d.remove(ctx, b, c)
		}
	}
	return err
}

// remove takes a condemned blob from the store, then from the catalogue.
func (d *Depot) remove(ctx context.Context, b digest.Digest, c *Collected) error {
	info, err := d.Blobs.Stat(ctx, b)
	if err == nil {
		err = d.Blobs.Delete(ctx, b)
		c.Blobs++
		c.Bytes += info.Size
	}
	if err != nil && !errors.Is(err, blob.ErrNotFound) {
		return err
	}
	return d.Catalogue.Buried(ctx, b)
}

// Damage is a blob that is not what it should be.
type Damage struct {
	Digest   digest.Digest `json:"digest"`
	Problem  string        `json:"problem"`
	NeededBy []string      `json:"needed_by"` // packages, ten at most
}

// Scrub reads every blob and compares it with its digest. What is damaged or missing counts as missing from then on, so
// that the next push of a package that needs it sends it again. progress hears of bytes read.
func (d *Depot) Scrub(ctx context.Context, progress func(blobs int, bytes int64)) (damages []Damage, err error) {
	blobs, bytes := 0, int64(0)
	err = d.Catalogue.Present(ctx, func(b digest.Digest, size int64) error {
		err := blob.Verify(ctx, d.Blobs, b)
		blobs++
		bytes += size
		progress(blobs, bytes)
		if err == nil {
			return nil
		}
		if !errors.Is(err, blob.ErrDigest) && !errors.Is(err, blob.ErrNotFound) {
			return err
		}
		if known, knowsErr := d.Catalogue.Knows(ctx, b); knowsErr != nil || !known { // collected meanwhile
			return knowsErr
		}
		needed, needErr := d.Catalogue.NeededBy(ctx, b)
		damages = append(damages, Damage{b, err.Error(), needed})
		return errors.Join(needErr, d.Catalogue.Lost(ctx, b))
	})
	if err != nil {
		return damages, fmt.Errorf("scrubbing: %w", err)
	}
	return damages, nil
}
