package depot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
)

// Copied is what a backup or a restoration has copied.
type Copied struct {
	Blobs int   `json:"blobs"` // that were not there before
	Bytes int64 `json:"bytes"`
	Known int   `json:"known"` // that were
}

// Backup copies a market into a folder while it serves: first the catalogue, as it is at one moment, then the blobs that
// it lists. Blobs that an earlier backup has put there are not copied again. The folder can be served as it is.
func (d *Depot) Backup(ctx context.Context, to string, progress func(Copied)) (Copied, error) {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return Copied{}, hint.Wrap(err, "choose a folder that can be written", "backing up")
	}
	// The new catalogue takes the old one's place last: until then the old backup is whole.
	snapshot := filepath.Join(to, ".new-"+DatabaseFile)
	if err := os.Remove(snapshot); err != nil && !errors.Is(err, os.ErrNotExist) {
		return Copied{}, fmt.Errorf("backing up: %w", err)
	}
	defer os.Remove(snapshot)
	if err := d.Catalogue.Snapshot(ctx, snapshot); err != nil {
		return Copied{}, fmt.Errorf("backing up: %w", err)
	}
	store, err := blob.OpenFolder(filepath.Join(to, "blobs"))
	if err != nil {
		return Copied{}, err
	}
	copied, err := copyBlobs(ctx, snapshot, d.Blobs, store, progress)
	if err != nil {
		return copied, fmt.Errorf("backing up: %w", err)
	}
	for _, left := range []string{DatabaseFile + "-wal", DatabaseFile + "-shm", IndexFile} { // of a market that was served from the backup
		if err := os.Remove(filepath.Join(to, left)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return copied, fmt.Errorf("backing up: %w", err)
		}
	}
	if err := os.Rename(snapshot, filepath.Join(to, DatabaseFile)); err != nil {
		return copied, fmt.Errorf("backing up: %w", err)
	}
	return copied, atomicfile.SyncDir(to)
}

// Restore makes a market of a backup: in a folder that must be empty or not there, in an empty database, and in an object
// store, as the options say. Every blob is verified, and is there before the catalogue says so.
func Restore(ctx context.Context, from string, o Options, progress func(Copied)) (c Copied, err error) {
	if entries, err := os.ReadDir(o.Data); err == nil && len(entries) > 0 {
		return c, hint.Errorf("choose a new folder with --data", "restoring: the folder %s is not empty", o.Data)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return c, fmt.Errorf("restoring: %w", err)
	}
	if _, err := os.Stat(filepath.Join(from, DatabaseFile)); err != nil {
		return c, hint.Wrap(err, "name a folder that `xiaoyu market backup` has written", "restoring")
	}
	d, err := Open(ctx, Options{Data: from})
	if err != nil {
		return c, err
	}
	defer d.Close()
	if o.Database == "" && o.Store == "" {
		return d.Backup(ctx, o.Data, progress)
	}
	to, err := Open(ctx, o)
	if err != nil {
		return c, err
	}
	defer to.Close()
	if c, err = copyBlobs(ctx, filepath.Join(from, DatabaseFile), d.Blobs, to.Blobs, progress); err == nil {
		err = to.Catalogue.Load(ctx, filepath.Join(from, DatabaseFile))
	}
	if err != nil {
		return c, fmt.Errorf("restoring: %w", err)
	}
	return c, nil
}

// copyBlobs copies the blobs that a catalogue lists from one store into another.
func copyBlobs(ctx context.Context, list string, from, to blob.Store, progress func(Copied)) (c Copied, err error) {
	known, err := catalogue.Open(ctx, list)
	if err != nil {
		return c, err
	}
	defer known.Close()
	err = known.Present(ctx, func(b digest.Digest, size int64) error {
		if i, err := to.Stat(ctx, b); err == nil && i.Size == size {
			c.Known++
			return nil
		}
		content, err := from.Open(ctx, b)
		if errors.Is(err, blob.ErrNotFound) {
			needed, err := known.NeededBy(ctx, b)
			if err != nil || len(needed) == 0 { // garbage that was collected meanwhile
				return err
			}
			return hint.Errorf("back up again, or see `xiaoyu market scrub` if that does not help", "blob %s, which %s needs, is not in the store", b, needed[0])
		}
		if err != nil {
			return err
		}
		defer content.Close()
		n, err := to.Put(ctx, b, content) // verifies it
		c.Blobs++
		c.Bytes += n
		progress(c)
		return err
	})
	return c, err
}
