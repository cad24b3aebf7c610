package blob

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/s3"
)

// BucketUploads is Uploads in a bucket: what has arrived is an object in parts, with the rest that is too small for a
// part beside it, and a small object that says all of it.
//
//	uploads/ID/session   the session
//	uploads/ID/rest-…    what is less than a part
//	uploads/ID/whole     the object in parts, visible when it is complete
//
// The session is written after what it tells of, and names the content of each part. Where two servers write to one
// upload the last session written holds: a part whose content is another's cannot be completed, and a client that is told
// an earlier offset than it has seen goes on from there.
type BucketUploads struct {
	s3      *s3.Bucket
	writers writers
}

// Uploads returns the sessions that are kept in the bucket.
func (b *Bucket) Uploads() *BucketUploads { return &BucketUploads{s3: b.s3} }

const uploadsPrefix = "uploads/"

func uploadKey(id, name string) string { return uploadsPrefix + id + "/" + name }

// session is how far an upload has come.
type session struct {
	Upload string    `json:"upload"` // the object in parts; "" while there is none
	Parts  []s3.Part `json:"parts"`
	Rest   string    `json:"rest"` // name of the object that holds what follows the parts; "" for nothing
	Size   int64     `json:"size"` // bytes, of all
	Sum    []byte    `json:"sum"`  // SHA-256 of all, amid its computation
}

func (u *BucketUploads) load(ctx context.Context, id string) (*session, error) {
	if !idPattern.MatchString(id) {
		return nil, noUpload(id)
	}
	b, err := u.s3.Read(ctx, uploadKey(id, "session"))
	if errors.Is(err, s3.ErrNotFound) {
		return nil, noUpload(id)
	}
	s := &session{}
	if err == nil {
		err = json.Unmarshal(b, s)
	}
	return s, uploading(id, err)
}

func uploading(id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("upload %s: %w", id, remote(err))
}

func (u *BucketUploads) keep(ctx context.Context, id string, s *session) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return u.s3.Put(ctx, uploadKey(id, "session"), b)
}

// Begin is Uploads'.
func (u *BucketUploads) Begin(ctx context.Context) (id string, err error) {
	id = newID()
	sum, err := freeze(digest.SHA256.Hash())
	if err == nil {
		err = u.keep(ctx, id, &session{Sum: sum})
	}
	return id, uploading(id, err)
}

// freeze is the state of a digest that is being computed, and thaw goes on with it.
func freeze(h hash.Hash) ([]byte, error) { return h.(encoding.BinaryMarshaler).MarshalBinary() }

func thaw(state []byte) (hash.Hash, error) {
	h := digest.SHA256.Hash()
	return h, h.(encoding.BinaryUnmarshaler).UnmarshalBinary(state)
}

// Offset is Uploads'.
func (u *BucketUploads) Offset(ctx context.Context, id string) (int64, error) {
	s, err := u.load(ctx, id)
	if err != nil {
		return 0, err
	}
	return s.Size, nil
}

// every is after how many parts a session is written, so that a kill loses no more.
const every = 4

// Append is Uploads'.
func (u *BucketUploads) Append(ctx context.Context, id string, offset int64, r io.Reader) (int64, error) {
	if !idPattern.MatchString(id) {
		return 0, noUpload(id)
	}
	if err := u.writers.acquire(id); err != nil {
		return 0, err
	}
	defer u.writers.release(id)
	s, err := u.load(ctx, id)
	if err != nil {
		return 0, err
	}
	if offset >= 0 && offset != s.Size {
		return s.Size, misplaced(id, offset, s.Size)
	}
	cut, err := u.add(ctx, id, s, r)
	if err == nil {
		err = cut
	}
	return s.Size, uploading(id, err)
}

// add adds what r holds. cut is the error of r, which does not matter to what has arrived before.
func (u *BucketUploads) add(ctx context.Context, id string, s *session, r io.Reader) (cut, err error) {
	h, err := thaw(s.Sum)
	if err != nil {
		return nil, err
	}
	// What is kept when the client has gone must be kept all the same.
	kept := context.WithoutCancel(ctx)
	in := &lenient{r: io.TeeReader(&interruptible{ctx, r}, h)}
	from := io.Reader(in)
	before := s.Rest
	if before != "" {
		rest, err := u.s3.Get(kept, uploadKey(id, before), 0, -1)
		if err != nil {
			return nil, err
		}
		defer rest.Close()
		from = io.MultiReader(rest, in)
	}
	buffers, p := new(buffers), &sender{bucket: u.s3, key: uploadKey(id, "whole"), upload: s.Upload, parts: s.Parts}
	for {
		content, err := buffers.read(from, partSize(p.next()))
		if err != nil {
			return nil, errors.Join(err, p.wait())
		}
		last := int64(len(content)) < partSize(p.next())
		if !last {
			if err := p.send(kept, content); err != nil {
				return nil, err
			}
			if p.next()%every != 0 {
				continue
			}
		}
		if err := p.wait(); err != nil {
			return nil, err
		}
		next := session{Upload: p.upload, Parts: p.parts, Size: p.size()}
		if last && len(content) > 0 {
			next.Rest, next.Size = "rest-"+newID(), next.Size+int64(len(content))
			if err := u.s3.Put(kept, uploadKey(id, next.Rest), content); err != nil {
				return nil, err
			}
		}
		if next.Sum, err = freeze(h); err != nil {
			return nil, err
		}
		if err := u.keep(kept, id, &next); err != nil {
			return nil, err
		}
		*s = next
		if last {
			break
		}
	}
	if before != "" && before != s.Rest {
		err = u.s3.Delete(kept, uploadKey(id, before))
	}
	return in.err, err
}

// lenient is a reader whose errors are remembered and look like its end.
type lenient struct {
	r   io.Reader
	err error
}

func (l *lenient) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if err != nil && err != io.EOF {
		l.err, err = err, io.EOF
	}
	return n, err
}

// Commit is Uploads'.
func (u *BucketUploads) Commit(ctx context.Context, id string, want digest.Digest) (size int64, err error) {
	if err := Check(want); err != nil {
		return 0, err
	}
	if err := u.writers.acquire(id); err != nil {
		return 0, err
	}
	defer u.writers.release(id)
	s, err := u.load(ctx, id)
	if err != nil {
		return 0, err
	}
	if want.Algorithm() == digest.SHA256 {
		h, err := thaw(s.Sum)
		if err == nil {
			err = compare(want, digest.NewDigest(digest.SHA256, h))
		}
		if err != nil {
			return 0, u.spoilt(ctx, id, s, err)
		}
	}
	if len(s.Parts) == 0 {
		err = u.commitRest(ctx, id, s, want)
	} else {
		err = u.commitParts(ctx, id, s, want)
	}
	if err != nil {
		return 0, u.spoilt(ctx, id, s, err)
	}
	// The blob is there. What is left of the session expires if it cannot be removed now.
	_ = u.remove(context.WithoutCancel(ctx), id, s)
	return s.Size, nil
}

// spoilt removes a session whose content is not what it should be.
func (u *BucketUploads) spoilt(ctx context.Context, id string, s *session, err error) error {
	if errors.Is(err, ErrDigest) {
		err = errors.Join(err, u.remove(context.WithoutCancel(ctx), id, s))
	}
	return uploading(id, err)
}

// commitRest stores an upload that is smaller than a part.
func (u *BucketUploads) commitRest(ctx context.Context, id string, s *session, want digest.Digest) error {
	var content []byte
	var err error
	if s.Rest != "" {
		if content, err = u.s3.Read(ctx, uploadKey(id, s.Rest)); err != nil {
			return err
		}
	}
	if err := compare(want, want.Algorithm().FromBytes(content)); err != nil {
		return err
	}
	return u.s3.Put(ctx, blobKey(want), content)
}

// commitParts completes the object in parts and has the store copy it to its place.
func (u *BucketUploads) commitParts(ctx context.Context, id string, s *session, want digest.Digest) error {
	whole, parts := uploadKey(id, "whole"), s.Parts
	if s.Rest != "" {
		content, err := u.s3.Read(ctx, uploadKey(id, s.Rest))
		if err != nil {
			return err
		}
		part, err := u.s3.PutPart(ctx, whole, s.Upload, len(parts)+1, content)
		if err != nil && !s3.IsNoUpload(err) {
			return err
		}
		parts = append(parts, part)
	}
	err := u.s3.Complete(ctx, whole, s.Upload, parts)
	if s3.IsNoUpload(err) || errors.Is(err, s3.ErrNotFound) { // it was completed before, perhaps
		var info s3.Info
		if info, err = u.s3.Head(ctx, whole); err == nil && info.Size != s.Size {
			err = noUpload(id)
		}
	}
	if s3.IsOtherPart(err) {
		return hint.Errorf("send it again", "two clients have written to it, %w", ErrDigest)
	}
	if err != nil {
		return err
	}
	if want.Algorithm() != digest.SHA256 {
		if err := u.verify(ctx, whole, s.Size, want); err != nil {
			return err
		}
	}
	return u.s3.Copy(ctx, whole, blobKey(want), s.Size)
}

func (u *BucketUploads) verify(ctx context.Context, key string, size int64, want digest.Digest) error {
	content := &object{ctx: ctx, bucket: u.s3, key: key, size: size}
	defer content.Close()
	h := want.Algorithm().Hash()
	if _, err := io.Copy(h, content); err != nil {
		return err
	}
	return compare(want, digest.NewDigest(want.Algorithm(), h))
}

// Abort is Uploads'.
func (u *BucketUploads) Abort(ctx context.Context, id string) error {
	s, err := u.load(ctx, id)
	if err != nil {
		return err
	}
	return uploading(id, u.remove(ctx, id, s))
}

// remove removes the session last: until then it can be found, and removed again.
func (u *BucketUploads) remove(ctx context.Context, id string, s *session) error {
	if s.Upload != "" {
		if err := u.s3.Abort(ctx, uploadKey(id, "whole"), s.Upload); err != nil {
			return err
		}
	}
	var keys []string
	err := u.s3.List(ctx, uploadKey(id, ""), func(o s3.Info) error {
		if o.Key != uploadKey(id, "session") {
			keys = append(keys, o.Key)
		}
		return nil
	})
	for _, key := range append(keys, uploadKey(id, "session")) {
		if err == nil {
			err = u.s3.Delete(ctx, key)
		}
	}
	return err
}

// Expire is Uploads'. Objects in parts that killed servers have left are forgotten as well.
func (u *BucketUploads) Expire(ctx context.Context, since time.Time) (n int, err error) {
	last := map[string]time.Time{}
	err = u.s3.List(ctx, uploadsPrefix, func(o s3.Info) error {
		id, _, _ := strings.Cut(strings.TrimPrefix(o.Key, uploadsPrefix), "/")
		if o.Modified.After(last[id]) {
			last[id] = o.Modified
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("looking for old uploads: %w", remote(err))
	}
	for id, at := range last {
		if at.After(since) {
			continue
		}
		s, err := u.load(ctx, id)
		if errors.Is(err, ErrNoUpload) {
			s, err = &session{}, nil
		}
		if err == nil {
			err = u.remove(ctx, id, s)
		}
		if err != nil {
			return n, uploading(id, err)
		}
		delete(last, id)
		n++
	}
	return n, u.forget(ctx, since, last)
}

// forget ends objects in parts that were begun before a time, but those of sessions that go on.
func (u *BucketUploads) forget(ctx context.Context, since time.Time, alive map[string]time.Time) error {
	for _, prefix := range []string{uploadsPrefix, blobsPrefix} {
		list, err := u.s3.Uploads(ctx, prefix)
		for _, o := range list {
			id, _, _ := strings.Cut(strings.TrimPrefix(o.Key, prefix), "/")
			if _, ok := alive[id]; err != nil || ok && prefix == uploadsPrefix || o.Begun.After(since) {
				continue
			}
			err = u.s3.Abort(ctx, o.Key, o.ID)
		}
		if err != nil {
			return fmt.Errorf("looking for old uploads: %w", remote(err))
		}
	}
	return nil
}
