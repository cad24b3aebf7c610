// Package blob keeps content by its digest: what is stored under a name is what the name says, for ever.
//
//	store, err := blob.OpenFolder("data/blobs")
//	size, err := store.Put(ctx, want, reader)       // whole and verified, or not there
//	content, err := store.Open(ctx, want)           // a stream that can seek
//
// Nothing here knows who may read what or what refers to what: that is the catalogue's. A [Store] holds whole blobs;
// [Uploads] collects the parts of those under way, in sessions that survive a restart. Both come in a [Folder] of a file
// system and in a [Bucket] of an object store.
//
// Digests are those of the OCI image specification
// (https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests), sha256 and sha512.
package blob

import (
	"context"
	_ "crypto/sha256" // the algorithms that digests may name
	_ "crypto/sha512"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// What callers can act upon.
var (
	ErrNotFound = errors.New("not in the store")
	ErrDigest   = errors.New("the content has another digest")
	ErrInvalid  = errors.New("not a digest")
	ErrFull     = errors.New("no space left for it")

	// ErrUnavailable means that nothing is known: the disk is not mounted, the object store does not answer.
	ErrUnavailable = errors.New("the store of blobs cannot be reached")
)

// Store holds blobs. Its methods may be called from several goroutines, and from several processes on one store. Where it
// cannot be reached they return ErrUnavailable, and never ErrNotFound.
//
// A blob is visible from the moment it is whole, verified and safe on disk, never before.
type Store interface {
	// Put stores what r holds and returns its size. ErrDigest means that it was something else, ErrFull that there was no
	// room; in both cases, and when r fails, nothing is kept. A blob that is there already is read and verified all the
	// same, so that nobody can claim a content that he does not have.
	Put(ctx context.Context, want digest.Digest, r io.Reader) (size int64, err error)
	// Open returns the content, to be closed; ErrNotFound if there is none.
	Open(ctx context.Context, d digest.Digest) (Content, error)
	// Stat returns size and age; ErrNotFound if there is none.
	Stat(ctx context.Context, d digest.Digest) (Info, error)
	// Delete removes a blob; one that is not there is no error.
	Delete(ctx context.Context, d digest.Digest) error
	// Walk calls f for each blob, in no order, until f fails.
	Walk(ctx context.Context, f func(Info) error) error
	// Ping returns ErrUnavailable where the store cannot be reached.
	Ping(ctx context.Context) error
}

// Info is what is known of a blob without reading it.
type Info struct {
	Digest digest.Digest
	Size   int64     // bytes
	Stored time.Time // when it was
}

// Content is a blob that is being read.
type Content interface {
	io.ReadSeekCloser
	Size() int64 // bytes
}

// Check returns ErrInvalid, with the reason, for what is no digest that a store can hold.
func Check(d digest.Digest) error {
	if err := d.Validate(); err != nil {
		return hint.Errorf("write sha256: and 64 hexadecimal digits", "%.80q: %w", string(d), ErrInvalid)
	}
	if a := d.Algorithm(); a != digest.SHA256 && a != digest.SHA512 {
		return hint.Errorf("use sha256", "%s: %w of an algorithm that is known here", d, ErrInvalid)
	}
	return nil
}

// Verify reads the blob d of a store and tells whether it is still what it should be: ErrDigest if not.
func Verify(ctx context.Context, s Store, d digest.Digest) error {
	content, err := s.Open(ctx, d)
	if err != nil {
		return err
	}
	defer content.Close()
	h := d.Algorithm().Hash()
	if _, err := io.Copy(h, &interruptible{ctx, content}); err != nil {
		return fmt.Errorf("reading blob %s: %w", d, err)
	}
	return compare(d, digest.NewDigest(d.Algorithm(), h))
}

func compare(want, got digest.Digest) error {
	if got != want {
		return hint.Errorf("send it again", "blob %s: %w, %s", want, ErrDigest, got)
	}
	return nil
}

// interruptible ends a long read with its context.
type interruptible struct {
	ctx context.Context
	r   io.Reader
}

func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.Read(p)
}
