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
	copied, err := copyBlobs(ctx, snapshot, d.Blobs, to, progress)
	if err != nil {
		return copied, fmt.Errorf("backing up: %w", err)
	}
	for _, left := range []string{"-wal", "-shm"} { // of a market that was served from the backup
		if err := os.Remove(filepath.Join(to, DatabaseFile+left)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return copied, fmt.Errorf("backing up: %w", err)
		}
	}
	if err := os.Rename(snapshot, filepath.Join(to, DatabaseFile)); err != nil {
		return copied, fmt.Errorf("backing up: %w", err)
	}
	return copied, atomicfile.SyncDir(to)
}

// Restore makes a market's data of a backup, in a folder that must be empty or not there. Every blob is verified.
func Restore(ctx context.Context, from, data string, progress func(Copied)) (Copied, error) {
	if entries, err := os.ReadDir(data); err == nil && len(entries) > 0 {
		return Copied{}, hint.Errorf("choose a new folder with --data", "restoring: the folder %s is not empty", data)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Copied{}, fmt.Errorf("restoring: %w", err)
	}
	if _, err := os.Stat(filepath.Join(from, DatabaseFile)); err != nil {
		return Copied{}, hint.Wrap(err, "name a folder that `xiaoyu market backup` has written", "restoring")
	}
	d, err := Open(ctx, Options{Data: from})
	if err != nil {
		return Copied{}, err
	}
	defer d.Close()
	return d.Backup(ctx, data, progress)
}

// copyBlobs copies the blobs that a catalogue lists from a store into a folder.
func copyBlobs(ctx context.Context, list string, from blob.Store, to string, progress func(Copied)) (c Copied, err error) {
	known, err := catalogue.Open(ctx, list)
	if err != nil {
		return c, err
	}
	defer known.Close()
	store, err := blob.OpenFolder(filepath.Join(to, "blobs"))
	if err != nil {
		return c, err
	}
	err = known.Present(ctx, func(b digest.Digest, size int64) error {
		if i, err := store.Stat(ctx, b); err == nil && i.Size == size {
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
		n, err := store.Put(ctx, b, content) // verifies it
		c.Blobs++
		c.Bytes += n
		progress(c)
		return err
	})
	return c, err
}
