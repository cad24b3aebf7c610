package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// What callers of Uploads can act upon.
var (
	ErrNoUpload = errors.New("no such upload")
	ErrOffset   = errors.New("the part does not begin where the upload has come to")
	ErrBusy     = errors.New("another request is writing to it")
)

// Uploads collects blobs that arrive in parts, a file each, and hands them to a store when they are whole.
//
// How far an upload has come is the length of its file and nothing else, so that it survives kills and restarts. The
// digest of what has arrived is carried along in memory; after a restart it is computed once more.
type Uploads struct {
	dir   string
	store Store

	mu   sync.Mutex
	open map[string]*upload
}

// upload is a session that this process knows something of.
type upload struct {
	busy   bool
	hashed int64     // how many bytes sum has seen
	sum    hash.Hash // SHA-256 of those; nil if it is not known
}

// adopter is a Store that can take over a file.
type adopter interface {
	Adopt(d digest.Digest, file string) error
}

// OpenUploads returns the sessions kept in dir, which is made if need be. For a [Folder] it should be on the same file
// system, so that a finished upload changes its name and is not copied.
func OpenUploads(dir string, store Store) (*Uploads, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose a folder that can be written", "opening the uploads")
	}
	return &Uploads{dir: dir, store: store, open: map[string]*upload{}}, nil
}

// Begin starts a session and returns its name: 32 hexadecimal digits, which nobody can guess.
func (u *Uploads) Begin(context.Context) (id string, err error) {
	id = newID()
	file, err := os.OpenFile(u.path(id), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return "", fmt.Errorf("beginning an upload: %w", full(err))
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open[id] = &upload{sum: digest.SHA256.Hash()}
	return id, file.Close()
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

var idPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (u *Uploads) path(id string) string { return filepath.Join(u.dir, id) }

// Offset returns how many bytes of an upload have arrived; ErrNoUpload if there is none.
func (u *Uploads) Offset(_ context.Context, id string) (int64, error) {
	if !idPattern.MatchString(id) {
		return 0, noUpload(id)
	}
	info, err := os.Stat(u.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, noUpload(id)
	}
	if err != nil {
		return 0, fmt.Errorf("upload %s: %w", id, err)
	}
	return info.Size(), nil
}

func noUpload(id string) error {
	return hint.Errorf("begin again: it has ended, or was left alone for too long", "%w as %.40q", ErrNoUpload, id)
}

// acquire makes the caller the only writer of a session.
func (u *Uploads) acquire(id string) (*upload, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	up := u.open[id]
	if up == nil {
		up = &upload{}
		u.open[id] = up
	}
	if up.busy {
		return nil, hint.Errorf("wait for it", "upload %s: %w", id, ErrBusy)
	}
	up.busy = true
	return up, nil
}

func (u *Uploads) release(up *upload) {
	u.mu.Lock()
	defer u.mu.Unlock()
	up.busy = false
}

func (u *Uploads) forget(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, id)
}

// Append adds what r holds to an upload that has come to offset, ErrOffset if it has not; offset -1 means wherever it
// is. What has arrived when r fails stays, and the new offset is returned beside the error. After ErrFull the session
// is as it was before.
func (u *Uploads) Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error) {
	at, err := u.Offset(ctx, id)
	if err != nil {
		return 0, err
	}
	up, err := u.acquire(id)
	if err != nil {
		return at, err
	}
	defer u.release(up)
	if at, err = u.Offset(ctx, id); err != nil { // it may have grown, or ended, before we were its only writer
		return 0, err
	}
	if offset >= 0 && offset != at {
		return at, hint.Errorf(fmt.Sprintf("go on at byte %d", at), "upload %s at byte %d: %w", id, offset, ErrOffset)
	}
	file, err := os.OpenFile(u.path(id), os.O_WRONLY, 0)
	if err != nil {
		return at, fmt.Errorf("upload %s: %w", id, err)
	}
	defer file.Close()
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		return at, fmt.Errorf("upload %s: %w", id, err)
	}
	var to io.Writer = file
	if up.sum != nil && up.hashed == at {
		to = io.MultiWriter(file, up.sum)
	} else {
		up.sum = nil
	}
	n, err := io.Copy(to, &interruptible{ctx, r})
	up.hashed = at + n
	if errors.Is(full(err), ErrFull) {
		up.sum = nil
		return at, errors.Join(fmt.Errorf("upload %s: %w", id, full(err)), file.Truncate(at))
	}
	if err != nil {
		up.sum = nil // a part may have reached the file that was not counted
		if now, statErr := u.Offset(ctx, id); statErr == nil {
			return now, fmt.Errorf("upload %s: %w", id, err)
		}
		return at, fmt.Errorf("upload %s: %w", id, err)
	}
	return at + n, nil
}

// Commit ends an upload: what has arrived is in the store under its digest and safe on disk. After ErrDigest the
// session is gone, since what it holds is of no use.
func (u *Uploads) Commit(ctx context.Context, id string, want digest.Digest) (size int64, err error) {
	if err := Check(want); err != nil {
		return 0, err
	}
	if _, err := u.Offset(ctx, id); err != nil {
		return 0, err
	}
	up, err := u.acquire(id)
	if err != nil {
		return 0, err
	}
	defer u.release(up)
	file, err := os.OpenFile(u.path(id), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, noUpload(id)
	}
	if err != nil {
		return 0, fmt.Errorf("upload %s: %w", id, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return 0, fmt.Errorf("upload %s: %w", id, err)
	}
	sum := up.sum
	if want.Algorithm() != digest.SHA256 || sum == nil || up.hashed != info.Size() {
		sum = want.Algorithm().Hash()
		if _, err := io.Copy(sum, &interruptible{ctx, file}); err != nil {
			return 0, fmt.Errorf("upload %s: %w", id, err)
		}
	}
	if err := compare(want, digest.NewDigest(want.Algorithm(), sum)); err != nil {
		return 0, errors.Join(err, u.remove(id))
	}
	if a, ok := u.store.(adopter); ok {
		if err := errors.Join(file.Sync(), file.Close()); err != nil {
			return 0, storing(want, err)
		}
		if err := a.Adopt(want, u.path(id)); err != nil {
			return 0, err
		}
		u.forget(id)
		return info.Size(), nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("upload %s: %w", id, err)
	}
	if _, err := u.store.Put(ctx, want, file); err != nil {
		return 0, err
	}
	return info.Size(), u.remove(id)
}

// Abort ends an upload without a result; ErrNoUpload if there is none.
func (u *Uploads) Abort(ctx context.Context, id string) error {
	if _, err := u.Offset(ctx, id); err != nil {
		return err
	}
	return u.remove(id)
}

func (u *Uploads) remove(id string) error {
	u.forget(id)
	if err := os.Remove(u.path(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("upload %s: %w", id, err)
	}
	return nil
}

// Expire ends the uploads to which nothing has been added since a time, and returns how many there were.
func (u *Uploads) Expire(ctx context.Context, since time.Time) (n int, err error) {
	entries, err := os.ReadDir(u.dir)
	if err != nil {
		return 0, fmt.Errorf("looking for old uploads: %w", err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !idPattern.MatchString(e.Name()) || info.ModTime().After(since) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return n, err
		}
		if err := u.remove(e.Name()); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// sweep removes what is no blob and was left by a killed process.
func sweep(path string, info fs.FileInfo) error {
	if !atomicfile.IsTemporary(path) || time.Since(info.ModTime()) < 24*time.Hour {
		return nil
	}
	return os.Remove(path)
}
