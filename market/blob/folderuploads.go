package blob

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// FolderUploads is Uploads in a folder, a file each, for a Folder on the same file system: a finished upload changes its
// name and is not copied.
//
// How far an upload has come is the length of its file and nothing else, so that it survives kills and restarts. The
// digest of what has arrived is carried along in memory; where another process has written, it is computed once more.
type FolderUploads struct {
	dir     string
	store   *Folder
	writers writers

	mu   sync.Mutex
	sums map[string]sum
}

// sum is the digest of what has arrived of a session, as far as this process knows it.
type sum struct {
	hash.Hash       // SHA-256
	at        int64 // how many bytes it has seen
}

// OpenUploads returns the sessions kept in dir, which is made if need be.
func OpenUploads(dir string, store *Folder) (*FolderUploads, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose a folder that can be written", "opening the uploads")
	}
	if err := mark(dir); err != nil {
		return nil, err
	}
	return &FolderUploads{dir: dir, store: store, sums: map[string]sum{}}, nil
}

// Begin is Uploads'.
func (u *FolderUploads) Begin(context.Context) (id string, err error) {
	id = newID()
	if err := gone(u.dir, fs.ErrNotExist); errors.Is(err, ErrUnavailable) {
		return "", fmt.Errorf("beginning an upload: %w", err)
	}
	file, err := os.OpenFile(u.path(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", fmt.Errorf("beginning an upload: %w", full(gone(u.dir, err)))
	}
	u.remember(id, sum{digest.SHA256.Hash(), 0})
	return id, file.Close()
}

func (u *FolderUploads) remember(id string, s sum) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sums[id] = s
}

// recall takes the digest of a session's bytes up to an offset; nil if it is not known.
func (u *FolderUploads) recall(id string, at int64) hash.Hash {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.sums[id]
	delete(u.sums, id)
	if s.at != at {
		return nil
	}
	return s.Hash
}

func (u *FolderUploads) path(id string) string { return filepath.Join(u.dir, id) }

// Offset is Uploads'.
func (u *FolderUploads) Offset(_ context.Context, id string) (int64, error) {
	if !idPattern.MatchString(id) {
		return 0, noUpload(id)
	}
	info, err := os.Stat(u.path(id))
	if err != nil {
		return 0, u.absent(id, err)
	}
	return info.Size(), nil
}

// absent makes ErrNoUpload of an error that says that there is no file, unless the whole folder has gone.
func (u *FolderUploads) absent(id string, err error) error {
	if err = gone(u.dir, err); errors.Is(err, fs.ErrNotExist) {
		return noUpload(id)
	}
	return fmt.Errorf("upload %s: %w", id, err)
}

// acquire makes the caller the only writer of a session, among all processes.
func (u *FolderUploads) acquire(id string) (release func(), err error) {
	if err := u.writers.acquire(id); err != nil {
		return nil, err
	}
	lock := flock.New(u.path(id) + lockSuffix)
	ok, err := lock.TryLock()
	if err == nil && ok {
		return func() {
			lock.Unlock()
			if _, err := os.Stat(u.path(id)); errors.Is(err, fs.ErrNotExist) { // it has ended
				os.Remove(lock.Path())
			}
			u.writers.release(id)
		}, nil
	}
	u.writers.release(id)
	if err != nil {
		return nil, fmt.Errorf("upload %s: %w", id, full(gone(u.dir, err)))
	}
	return nil, busy(id)
}

// lockSuffix ends the names of the files by which processes keep each other from a session.
const lockSuffix = ".lock"

// Append is Uploads'.
func (u *FolderUploads) Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error) {
	at, err := u.Offset(ctx, id)
	if err != nil {
		return 0, err
	}
	release, err := u.acquire(id)
	if err != nil {
		return at, err
	}
	defer release()
	if at, err = u.Offset(ctx, id); err != nil { // it may have grown, or ended, before we were its only writer
		return 0, err
	}
	if offset >= 0 && offset != at {
		return at, misplaced(id, offset, at)
	}
	file, err := os.OpenFile(u.path(id), os.O_WRONLY, 0)
	if err != nil {
		return at, u.absent(id, err)
	}
	defer file.Close()
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		return at, fmt.Errorf("upload %s: %w", id, err)
	}
	var to io.Writer = file
	h := u.recall(id, at)
	if h != nil {
		to = io.MultiWriter(file, h)
	}
	n, err := io.Copy(to, &interruptible{ctx, r})
	switch {
	case err == nil && h != nil:
		u.remember(id, sum{h, at + n})
	case errors.Is(full(err), ErrFull):
		return at, errors.Join(fmt.Errorf("upload %s: %w", id, full(err)), file.Truncate(at))
	}
	if err != nil {
		if now, statErr := u.Offset(ctx, id); statErr == nil { // a part may have reached the file that was not counted
			return now, fmt.Errorf("upload %s: %w", id, err)
		}
		return at, fmt.Errorf("upload %s: %w", id, err)
	}
	return at + n, nil
}

// Commit is Uploads'.
func (u *FolderUploads) Commit(ctx context.Context, id string, want digest.Digest) (size int64, err error) {
	if err := Check(want); err != nil {
		return 0, err
	}
	if _, err := u.Offset(ctx, id); err != nil {
		return 0, err
	}
	release, err := u.acquire(id)
	if err != nil {
		return 0, err
	}
	defer release()
	file, err := os.OpenFile(u.path(id), os.O_RDWR, 0)
	if err != nil {
		return 0, u.absent(id, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("upload %s: %w", id, err)
	}
	h := u.recall(id, info.Size())
	if want.Algorithm() != digest.SHA256 || h == nil {
		h = want.Algorithm().Hash()
		if _, err := io.Copy(h, &interruptible{ctx, file}); err != nil {
			return 0, fmt.Errorf("upload %s: %w", id, err)
		}
	}
	if err := compare(want, digest.NewDigest(want.Algorithm(), h)); err != nil {
		return 0, errors.Join(err, u.remove(id))
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return 0, storing(want, err)
	}
	return info.Size(), u.store.Adopt(want, u.path(id))
}

// Abort is Uploads'.
func (u *FolderUploads) Abort(ctx context.Context, id string) error {
	if _, err := u.Offset(ctx, id); err != nil {
		return err
	}
	return u.remove(id)
}

func (u *FolderUploads) remove(id string) error {
	u.recall(id, -1)
	for _, path := range []string{u.path(id), u.path(id) + lockSuffix} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("upload %s: %w", id, err)
		}
	}
	return nil
}

// Expire is Uploads'.
func (u *FolderUploads) Expire(ctx context.Context, since time.Time) (n int, err error) {
	entries, err := os.ReadDir(u.dir)
	if err != nil {
		return 0, fmt.Errorf("looking for old uploads: %w", gone(u.dir, err))
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.ModTime().After(since) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if name := e.Name(); filepath.Ext(name) == lockSuffix { // of a session that has ended amid it
			if _, err := os.Stat(u.path(name[:len(name)-len(lockSuffix)])); errors.Is(err, fs.ErrNotExist) {
				os.Remove(u.path(name))
			}
			continue
		}
		if !idPattern.MatchString(e.Name()) {
			continue
		}
		if err := u.remove(e.Name()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
