package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/s3"
)

// Bucket is a Store in a bucket of an object store: blobs/sha256/ab/ab12…, an object a blob, named by its digest.
type Bucket struct{ s3 *s3.Bucket }

// OpenBucket returns the store at an address, see s3.Open. The bucket must be there.
func OpenBucket(ctx context.Context, address string) (*Bucket, error) {
	remote, err := s3.Open(address)
	if err != nil {
		return nil, err
	}
	b := &Bucket{remote}
	return b, b.Ping(ctx)
}

const blobsPrefix = "blobs/"

func blobKey(d digest.Digest) string {
	hex := d.Encoded()
	return blobsPrefix + d.Algorithm().String() + "/" + hex[:2] + "/" + hex
}

// Ping is Store's.
func (b *Bucket) Ping(ctx context.Context) error { return remote(b.s3.Ping(ctx)) }

// remote makes errors of the object store those of this package.
func remote(err error) error {
	switch {
	case errors.Is(err, s3.ErrNotFound):
		return fmt.Errorf("%w: %w", ErrNotFound, err)
	case errors.Is(err, s3.ErrUnavailable):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// Put is Store's. An object in parts is nothing before its end, so a blob of any size goes straight to its place.
func (b *Bucket) Put(ctx context.Context, want digest.Digest, r io.Reader) (int64, error) {
	if err := Check(want); err != nil {
		return 0, err
	}
	h := want.Algorithm().Hash()
	size, err := b.put(ctx, want, io.TeeReader(&interruptible{ctx, r}, h), h)
	if err != nil {
		return 0, fmt.Errorf("storing blob %s: %w", want, remote(err))
	}
	return size, nil
}

func (b *Bucket) put(ctx context.Context, want digest.Digest, r io.Reader, h hash.Hash) (size int64, err error) {
	verify := func() error { return compare(want, digest.NewDigest(want.Algorithm(), h)) }
	buffers := new(buffers)
	first, err := buffers.read(r, partSize(1))
	if err != nil {
		return 0, err
	}
	if int64(len(first)) < partSize(1) { // it was all
		if err := verify(); err != nil {
			return 0, err
		}
		return int64(len(first)), b.s3.Put(ctx, blobKey(want), first)
	}
	p := &sender{bucket: b.s3, key: blobKey(want)}
	defer func() {
		if err != nil {
			p.abort(ctx)
		}
	}()
	for content := first; len(content) > 0; {
		if err := p.send(ctx, content); err != nil {
			return 0, err
		}
		if content, err = buffers.read(r, partSize(p.next())); err != nil {
			return 0, err
		}
	}
	if err := p.wait(); err != nil {
		return 0, err
	}
	if err := verify(); err != nil {
		return 0, err
	}
	return p.size(), b.s3.Complete(ctx, p.key, p.upload, p.parts)
}

// partSize is that of the n-th part in bytes: small parts need little memory, larger ones later on let blobs have
// hundreds of gigabytes in s3.MaxParts.
func partSize(n int) int64 { return 8 << 20 << min((n-1)/1000, 4) }

// smallPart is up to which size memory grows with what is read, in bytes.
const smallPart = 256 << 10

// buffers are two, of which one is filled while the other is sent.
type buffers struct{ both [2]bytes.Buffer }

// read reads a part; one that is shorter is the last. What was read the last time but one is overwritten.
func (b *buffers) read(r io.Reader, size int64) ([]byte, error) {
	b.both[0], b.both[1] = b.both[1], b.both[0]
	part := &b.both[0]
	part.Reset()
	n, err := part.ReadFrom(io.LimitReader(r, smallPart))
	if n == smallPart && err == nil { // a large one: as much memory as it needs, and not the next power of two
		part.Grow(int(size-n) + bytes.MinRead)
		_, err = part.ReadFrom(io.LimitReader(r, size-n))
	}
	return part.Bytes(), err
}

// sender sends an object in parts, one on its way while the next is read.
type sender struct {
	bucket *s3.Bucket
	key    string
	upload string // begun with the first part
	parts  []s3.Part
	onWay  chan sent // nil if none is
}

type sent struct {
	part s3.Part
	err  error
}

// next is the number of the part that send will send.
func (p *sender) next() int {
	if p.onWay != nil {
		return len(p.parts) + 2
	}
	return len(p.parts) + 1
}

// send sends a part once the one before has arrived. content must not change until the next call of send or wait.
func (p *sender) send(ctx context.Context, content []byte) error {
	if err := p.wait(); err != nil {
		return err
	}
	if p.upload == "" {
		var err error
		if p.upload, err = p.bucket.Begin(ctx, p.key); err != nil {
			return err
		}
	}
	n, way := p.next(), make(chan sent, 1)
	if n > s3.MaxParts {
		return fmt.Errorf("a blob of more than %d bytes: %w", p.size(), ErrFull)
	}
	go func() {
		part, err := p.bucket.PutPart(ctx, p.key, p.upload, n, content)
		way <- sent{part, err}
	}()
	p.onWay = way
	return nil
}

// wait waits for the part that is on its way.
func (p *sender) wait() error {
	if p.onWay == nil {
		return nil
	}
	s := <-p.onWay
	p.onWay = nil
	if s.err == nil {
		p.parts = append(p.parts, s.part)
	}
	return s.err
}

// size is how many bytes have arrived.
func (p *sender) size() (n int64) {
	for _, part := range p.parts {
		n += part.Size
	}
	return n
}

// abort forgets what was sent. What cannot be forgotten now is removed by Expire.
func (p *sender) abort(ctx context.Context) {
	_ = p.wait()
	if p.upload != "" {
		_ = p.bucket.Abort(context.WithoutCancel(ctx), p.key, p.upload)
	}
}

// Open is Store's.
func (b *Bucket) Open(ctx context.Context, d digest.Digest) (Content, error) {
	info, err := b.Stat(ctx, d)
	if err != nil {
		return nil, err
	}
	return &object{ctx: ctx, bucket: b.s3, key: blobKey(d), size: info.Size}, nil
}

// Stat is Store's.
func (b *Bucket) Stat(ctx context.Context, d digest.Digest) (Info, error) {
	if err := Check(d); err != nil {
		return Info{}, err
	}
	info, err := b.s3.Head(ctx, blobKey(d))
	if err != nil {
		return Info{}, fmt.Errorf("blob %s: %w", d, remote(err))
	}
	return Info{d, info.Size, info.Modified}, nil
}

// Delete is Store's.
func (b *Bucket) Delete(ctx context.Context, d digest.Digest) error {
	if err := Check(d); err != nil {
		return err
	}
	if err := b.s3.Delete(ctx, blobKey(d)); err != nil {
		return fmt.Errorf("removing blob %s: %w", d, remote(err))
	}
	return nil
}

// Walk is Store's.
func (b *Bucket) Walk(ctx context.Context, each func(Info) error) error {
	return remote(b.s3.List(ctx, blobsPrefix, func(o s3.Info) error {
		algorithm, rest, _ := strings.Cut(strings.TrimPrefix(o.Key, blobsPrefix), "/")
		_, hex, _ := strings.Cut(rest, "/")
		d := digest.NewDigestFromEncoded(digest.Algorithm(algorithm), hex)
		if Check(d) != nil || blobKey(d) != o.Key {
			return nil // another's
		}
		return each(Info{d, o.Size, o.Modified})
	}))
}

// Address returns where whoever has it may read a blob without asking here, until it expires.
func (b *Bucket) Address(d digest.Digest, expires time.Duration) string {
	return b.s3.Presign(blobKey(d), expires)
}

// object is a blob that is being read: what is read after a Seek is asked for from there.
type object struct {
	ctx    context.Context
	bucket *s3.Bucket
	key    string
	size   int64
	at     int64
	body   io.ReadCloser // from at on; nil if nothing was asked for yet
}

func (o *object) Size() int64 { return o.size }

// Read goes on where a connection has broken off.
func (o *object) Read(p []byte) (int, error) {
	if o.at >= o.size {
		return 0, io.EOF
	}
	for try := 1; ; try++ {
		if o.body == nil {
			body, err := o.bucket.Get(o.ctx, o.key, o.at, -1)
			if err != nil {
				return 0, remote(err)
			}
			o.body = body
		}
		n, err := o.body.Read(p)
		o.at += int64(n)
		if err != nil && o.at < o.size { // cut
			o.Close()
		}
		if n > 0 || err == nil {
			return n, nil
		}
		if try == 3 {
			return 0, fmt.Errorf("%w: reading %s: %w", ErrUnavailable, o.key, err)
		}
	}
}

func (o *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += o.at
	case io.SeekEnd:
		offset += o.size
	}
	if offset < 0 {
		return o.at, errors.New("a place before the beginning")
	}
	if offset != o.at {
		o.Close()
		o.at = offset
	}
	return o.at, nil
}

// Close may be called more than once.
func (o *object) Close() error {
	body := o.body
	if o.body = nil; body == nil {
		return nil
	}
	return body.Close()
}
