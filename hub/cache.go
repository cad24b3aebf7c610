package hub

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// cache is the folder of one model, laid out as huggingface_hub does:
//
//	blobs/DIGEST                  contents, each once
//	snapshots/COMMIT/config.json  → ../../blobs/DIGEST
//	refs/main                     the commit that main was
type cache struct {
	dir   string // of the model
	locks string // of the model's locks
	model reference
	// movable says that snapshots are named after branches, so that what is there may be of yesterday.
	movable bool
}

func (k cache) snapshot(name string) string { return filepath.Join(k.dir, "snapshots", name) }

func (k cache) blob(f file) string { return filepath.Join(k.dir, "blobs", f.digest) }

var commitHash = regexp.MustCompile(`^[0-9a-f]{40}$`)

// remember notes which commit a revision is.
func (k cache) remember(revision, snapshot string) error {
	if revision == snapshot {
		return nil
	}
	path := filepath.Join(k.dir, "refs", filepath.FromSlash(revision))
	if old, err := os.ReadFile(path); err == nil && string(old) == snapshot {
		return nil // the cache may be one that others may only read
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return atomicfile.WriteFile(path, []byte(snapshot), 0o644)
}

// whole returns the snapshot of a revision if it has all that is read of a model; lean leaves weights out.
func (k cache) whole(revision string, lean bool) (dir string, err error) {
	name := revision
	if !k.movable && !commitHash.MatchString(revision) {
		commit, err := os.ReadFile(filepath.Join(k.dir, "refs", filepath.FromSlash(revision)))
		if err != nil {
			return "", k.missing()
		}
		name = strings.TrimSpace(string(commit))
	}
	dir = k.snapshot(name)
	var files []file
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if _, err := os.Stat(path); err != nil {
			return nil // a link to a blob that is gone
		}
		rel, err := filepath.Rel(dir, path)
		files = append(files, file{path: filepath.ToSlash(rel)})
		return err
	})
	if err != nil {
		return "", k.missing()
	}
	if _, err := choose(files, lean); err != nil {
		return "", hint.Errorf("load it whole: run the command where the hub can be reached, without HF_HUB_OFFLINE", "%s is in the cache in parts only: %v", k.model, err)
	}
	return dir, nil
}

func (k cache) missing() error {
	way := "run the command once where the hub can be reached, without HF_HUB_OFFLINE"
	var have []string
	refs := filepath.Join(k.dir, "refs")
	_ = filepath.WalkDir(refs, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			if rel, err := filepath.Rel(refs, path); err == nil {
				have = append(have, "@"+filepath.ToSlash(rel))
			}
		}
		return nil
	})
	if len(have) > 0 {
		way = "the cache has it as " + strings.Join(have, ", ") + "; else " + way
	}
	return hint.Errorf(way, "%s is not in the cache (%s), and nobody may be asked for it", k.model, k.dir)
}

// fill loads what is missing of a snapshot. The snapshot's names appear when all its contents are there.
func (k cache) fill(ctx context.Context, c *client, l listing, address func(path string) string) error {
	var missing []file
	total := int64(0)
	for _, f := range l.files {
		if !filepath.IsLocal(filepath.FromSlash(f.path)) {
			return hint.Errorf("do not use this endpoint", "the hub lists a file outside of the model: %q", f.path)
		}
		if !k.holds(l.snapshot, f) {
			missing = append(missing, f)
			total += f.size
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Join(k.dir, "blobs"), 0o777); err != nil {
		return err
	}
	p := &progress{tell: c.Progress, total: total}
	// Small files beside each other, since each costs a round trip; large ones one by one, since each uses all connections.
	var small sync.WaitGroup
	var mu sync.Mutex
	var failed error
	places := make(chan struct{}, connections)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, f := range missing {
		if f.size > chunkSize {
			continue
		}
		places <- struct{}{}
		small.Go(func() {
			defer func() { <-places }()
			if err := k.loadBlob(ctx, c, f, address(f.path), p); err != nil {
				mu.Lock()
				defer mu.Unlock()
				if failed == nil {
					failed = err
				}
				cancel()
			}
		})
	}
	small.Wait()
	if failed != nil {
		return failed
	}
	for _, f := range missing {
		if f.size > chunkSize {
			if err := k.loadBlob(ctx, c, f, address(f.path), p); err != nil {
				return err
			}
		}
	}
	for _, f := range missing {
		if err := k.link(l.snapshot, f); err != nil {
			return fmt.Errorf("putting %s in place: %w", f.path, err)
		}
	}
	return nil
}

// holds tells whether a snapshot has a file already. In a commit's, a name that is there is right; its size is looked at
// since a copy may have been cut.
func (k cache) holds(snapshot string, f file) bool {
	path := filepath.Join(k.snapshot(snapshot), filepath.FromSlash(f.path))
	info, err := os.Stat(path)
	if err != nil || info.Size() != f.size {
		return false
	}
	if !k.movable {
		return true
	}
	if target, err := os.Readlink(path); err == nil && filepath.Base(target) == f.digest {
		return true
	}
	content, err := os.Open(path)
	if err != nil {
		return false
	}
	defer content.Close()
	h := newDigest(f)
	_, err = io.Copy(h, content)
	return err == nil && h.sum() == f.digest
}

// loadBlob brings a file's content, unless another process or another revision has brought it.
func (k cache) loadBlob(ctx context.Context, c *client, f file, address string, p *progress) error {
	blob := k.blob(f)
	if info, err := os.Stat(blob); err == nil && info.Size() == f.size {
		p.add(f.size, f.path)
		return nil
	}
	if err := os.MkdirAll(k.locks, 0o777); err != nil {
		return err
	}
	lock := flock.New(filepath.Join(k.locks, f.digest+".lock"))
	if locked, err := lock.TryLockContext(ctx, 200*time.Millisecond); locked {
		defer lock.Close()
	} else if ctx.Err() != nil {
		return ctx.Err()
	} else if err != nil {
		c.note("note: %s cannot be locked (%v); load models by one process at a time", k.locks, err)
	}
	if info, err := os.Stat(blob); err == nil && info.Size() == f.size {
		p.add(f.size, f.path)
		return nil
	}
	d := &download{client: c, file: f, address: address, path: blob, progress: p}
	return d.run(ctx)
}

// link gives a blob its name in a snapshot: a symbolic link, or where there are none, another name or a copy.
func (k cache) link(snapshot string, f file) error {
	blob, path := k.blob(f), filepath.Join(k.snapshot(snapshot), filepath.FromSlash(f.path))
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	next := fmt.Sprintf("%s.%08x.next", path, rand.Uint32()) // of its own: another process may be at the same name
	defer os.Remove(next)                                    // a failure leaves it behind, and so does a rename of one hard link to another of the same file
	if err := point(blob, next); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// point makes path stand for blob.
func point(blob, path string) error {
	target, err := filepath.Rel(filepath.Dir(path), blob)
	if err != nil {
		return err
	}
	if os.Getenv("HF_HUB_DISABLE_SYMLINKS") == "" {
		if os.Symlink(target, path) == nil {
			return nil
		}
	}
	if os.Link(blob, path) == nil {
		return nil
	}
	from, err := os.Open(blob)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
