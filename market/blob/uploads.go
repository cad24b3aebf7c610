package blob

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// What callers of Uploads can act upon.
var (
	ErrNoUpload = errors.New("no such upload")
	ErrOffset   = errors.New("the part does not begin where the upload has come to")
	ErrBusy     = errors.New("another request is writing to it")
)

// Uploads collects blobs that arrive in parts, and hands them to a store when they are whole. A session that one process
// has begun may be gone on with by another on the same store.
type Uploads interface {
	// Begin starts a session and returns its name: 32 hexadecimal digits, which nobody can guess.
	Begin(ctx context.Context) (id string, err error)
	// Offset returns how many bytes of an upload have arrived; ErrNoUpload if there is none.
	Offset(ctx context.Context, id string) (int64, error)
	// Append adds what r holds to an upload that has come to offset, ErrOffset if it has not; offset -1 means wherever it
	// is. What has arrived when r fails stays, and the new offset is returned beside the error. After ErrFull the session
	// is as it was before.
	Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error)
	// Commit ends an upload: what has arrived is in the store under its digest and safe on disk. After ErrDigest the
	// session is gone, since what it holds is of no use.
	Commit(ctx context.Context, id string, want digest.Digest) (size int64, err error)
	// Abort ends an upload without a result; ErrNoUpload if there is none.
	Abort(ctx context.Context, id string) error
	// Expire ends the uploads to which nothing has been added since a time, and returns how many there were.
	Expire(ctx context.Context, since time.Time) (n int, err error)
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

var idPattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

func noUpload(id string) error {
	return hint.Errorf("begin again: it has ended, or was left alone for too long", "%w as %.40q", ErrNoUpload, id)
}

// misplaced is the error of a part that does not begin where the upload has come to.
func misplaced(id string, offset, at int64) error {
	return hint.Errorf(fmt.Sprintf("go on at byte %d", at), "upload %s at byte %d: %w", id, offset, ErrOffset)
}

// writers sees to it that a session has one writer in this process.
type writers struct {
	mu   sync.Mutex
	busy map[string]bool
}

func (w *writers) acquire(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy[id] {
		return busy(id)
	}
	if w.busy == nil {
		w.busy = map[string]bool{}
	}
	w.busy[id] = true
	return nil
}

func busy(id string) error { return hint.Errorf("wait for it", "upload %s: %w", id, ErrBusy) }

func (w *writers) release(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.busy, id)
}
