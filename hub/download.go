package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

const (
	chunkSize   = 8 << 20 // bytes that one request asks for
	connections = 4       // requests at a time
)

// download brings the content of one file. While it is incomplete it lies beside its place, always as the first bytes of
// the whole, so that any later attempt can go on behind them, of whichever program.
type download struct {
	*client
	file     file
	address  string
	path     string // of the blob
	progress *progress

	mu    sync.Mutex
	moved string // where the address led to
}

func (d *download) run(ctx context.Context) error {
	incomplete := d.path + ".incomplete"
	resumed, err := d.complete(ctx, incomplete)
	var wrong *digestError
	if errors.As(err, &wrong) {
		os.Remove(incomplete)
		d.progress.add(-d.file.size, d.file.path)
		if resumed { // what was there may have been of another source
			_, err = d.complete(ctx, incomplete)
		}
		if errors.As(err, &wrong) {
			os.Remove(incomplete)
			return hint.Wrap(wrong, "try again; if it stays so, use another endpoint", "loading %s", d.file.path)
		}
	}
	if errors.Is(err, syscall.ENOSPC) {
		return hint.Wrap(err, "make room, or name a folder on another disk by HF_HUB_CACHE or MODELSCOPE_CACHE; the same command goes on where it was",
			"loading %s (%d MB) into %s", d.file.path, d.file.size>>20, filepath.Dir(d.path))
	}
	if errors.Is(err, context.Canceled) {
		return hint.Wrap(err, "the same command goes on where it was", "loading %s", d.file.path)
	}
	if err != nil {
		return fmt.Errorf("loading %s: %w", d.file.path, err)
	}
	return os.Rename(incomplete, d.path)
}

// complete appends what is missing to the incomplete file, and checks the whole. It tells whether there was a beginning.
func (d *download) complete(ctx context.Context, incomplete string) (resumed bool, err error) {
	out, err := os.OpenFile(incomplete, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return false, err
	}
	defer out.Close()
	h := newDigest(d.file)
	have, err := io.Copy(h, out)
	if err != nil {
		return false, err
	}
	if have > d.file.size {
		if err := out.Truncate(0); err != nil {
			return false, err
		}
		if _, err := out.Seek(0, io.SeekStart); err != nil {
			return false, err
		}
		h, have = newDigest(d.file), 0
	}
	d.progress.add(have, d.file.path)
	both := io.MultiWriter(out, h)
	err = d.chunks(ctx, both, have)
	if errors.Is(err, errNoRanges) {
		err = d.stream(ctx, both, have)
	}
	if err == nil {
		err = out.Sync()
	}
	if err == nil && h.sum() != d.file.digest {
		err = &digestError{got: h.sum(), want: d.file.digest}
	}
	return have > 0, errors.Join(err, out.Close())
}

// chunks loads the bytes from have on, several ranges at a time, and writes them in their order. Of what fails, the bytes
// before the gap are written.
func (d *download) chunks(ctx context.Context, out io.Writer, have int64) error {
	type chunk struct {
		bytes []byte
		err   error
	}
	ctx, cancel := context.WithCancel(ctx)
	var under sync.WaitGroup
	defer under.Wait()
	defer cancel()
	first := make(chan struct{}) // closed when the server has shown that it knows ranges
	coming := make(chan chan chunk, connections-1)
	under.Go(func() {
		defer close(coming)
		for from := have; from < d.file.size; from += chunkSize {
			c := make(chan chunk, 1)
			select {
			case coming <- c:
			case <-ctx.Done():
				return
			}
			to := min(from+chunkSize, d.file.size)
			under.Go(func() {
				if from > have {
					select {
					case <-first:
					case <-ctx.Done():
						c <- chunk{err: ctx.Err()}
						return
					}
				}
				bytes, err := d.part(ctx, from, to)
				c <- chunk{bytes, err}
			})
		}
	})
	var started sync.Once
	for c := range coming {
		got := <-c
		started.Do(func() { close(first) })
		if _, err := out.Write(got.bytes); err != nil {
			return err
		}
		if got.err != nil {
			return got.err
		}
	}
	return ctx.Err()
}

// part loads a range, taking up again what was cut. It returns what it has even if it fails.
func (d *download) part(ctx context.Context, from, to int64) ([]byte, error) {
	part := make([]byte, 0, to-from)
	err := d.retry(ctx, func() (bool, error) {
		before := len(part)
		body, err := d.open(ctx, from+int64(before), to)
		if err != nil {
			return false, err
		}
		defer body.Close()
		for len(part) < cap(part) {
			n, err := body.Read(part[len(part):cap(part)])
			part = part[:len(part)+n]
			d.progress.add(int64(n), d.file.path)
			if err == io.EOF && len(part) < cap(part) {
				err = io.ErrUnexpectedEOF
			}
			if err != nil && len(part) < cap(part) {
				return len(part) > before, &transientError{err: err}
			}
		}
		return true, nil
	})
	return part, err
}

// stream loads all bytes in one request after the other, from servers that know no ranges, and writes those from have on.
func (d *download) stream(ctx context.Context, out io.Writer, have int64) error {
	return d.retry(ctx, func() (bool, error) {
		body, err := d.open(ctx, 0, d.file.size)
		if err != nil {
			return false, err
		}
		defer body.Close()
		if _, err := io.CopyN(io.Discard, body, have); err != nil {
			return false, &transientError{err: err}
		}
		before := have
		buffer := make([]byte, 64<<10)
		for have < d.file.size {
			n, err := body.Read(buffer[:min(int64(len(buffer)), d.file.size-have)])
			if _, err := out.Write(buffer[:n]); err != nil {
				return false, err
			}
			have += int64(n)
			d.progress.add(int64(n), d.file.path)
			if err == io.EOF && have < d.file.size {
				err = io.ErrUnexpectedEOF
			}
			if err != nil && have < d.file.size {
				return have > before, &transientError{err: err}
			}
		}
		return true, nil
	})
}

// open asks for the bytes in [from, to).
func (d *download) open(ctx context.Context, from, to int64) (io.ReadCloser, error) {
	header := http.Header{}
	ranged := from > 0 || to < d.file.size
	if ranged {
		header.Set("Range", fmt.Sprintf("bytes=%d-%d", from, to-1))
	}
	d.mu.Lock()
	address := d.address
	if d.moved != "" {
		address = d.moved
	}
	d.mu.Unlock()
	r, err := d.follow(ctx, http.MethodGet, address, header)
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.moved != "" { // addresses of stores are valid for a while
			d.moved = ""
			return nil, &transientError{err: err}
		}
		return nil, err
	}
	if final := r.Request.URL.String(); final != address {
		d.mu.Lock()
		d.moved = final
		d.mu.Unlock()
	}
	if err := d.check(r, ranged, from, to); err != nil {
		r.Body.Close()
		return nil, err
	}
	return r.Body, nil
}

// check compares what an answer says about sizes with what was listed.
func (d *download) check(r *http.Response, ranged bool, from, to int64) error {
	size := r.ContentLength
	want := to - from
	switch {
	case ranged && r.StatusCode == http.StatusOK:
		return errNoRanges
	case ranged:
		var first, last, all int64
		if _, err := fmt.Sscanf(strings.ReplaceAll(r.Header.Get("Content-Range"), "*", "-1"), "bytes %d-%d/%d", &first, &last, &all); err != nil || first != from {
			return hint.Errorf("use another endpoint", "the server answers the range %d-%d with %q", from, to-1, r.Header.Get("Content-Range"))
		}
		if all >= 0 && all != d.file.size {
			size, want = all, d.file.size
		}
	}
	if size >= 0 && size != want {
		return hint.Errorf("try again later; if it stays so, use another endpoint", "the hub lists %d bytes, the server has %d", d.file.size, size)
	}
	return nil
}

// errNoRanges says that a server sends files as a whole only.
var errNoRanges = errors.New("the server knows no ranges")

// digestError is content that is not what was listed.
type digestError struct{ got, want string }

func (e *digestError) Error() string {
	return fmt.Sprintf("its content has the digest %.12s…, the hub lists %.12s…", e.got, e.want)
}

// digest is the kind of sum that a listing has for a file.
type digest struct{ hash.Hash }

func (d digest) sum() string { return hex.EncodeToString(d.Sum(nil)) }

// newDigest begins the sum of a file's content: SHA-256 where the listing has that (Git LFS, ModelScope), else git's
// (https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
func newDigest(f file) digest {
	if len(f.digest) == 2*sha256.Size {
		return digest{sha256.New()}
	}
	h := sha1.New()
	fmt.Fprintf(h, "blob %d\x00", f.size)
	return digest{h}
}

// progress adds up the bytes of several files.
type progress struct {
	mu          sync.Mutex
	done, total int64
	tell        func(done, total int64, file string)
}

func (p *progress) add(n int64, file string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += n
	if p.tell != nil {
		p.tell(p.done, p.total, file)
	}
}
