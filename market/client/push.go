package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// parallel is how many blobs are on their way at once.
const parallel = 4

// tries is how often a transfer is taken up again without a byte more having arrived.
const tries = 6

// small is up to which size a blob is sent with one request, in bytes.
const small = 1 << 20

// Watch hears how far a transfer is: of bytes that are there, of all that are needed. From several goroutines, one at a
// time. Fields may be nil.
type Watch struct {
	Progress func(done, total int64, file string)
	Warn     func(message string) // what the market says of a package without refusing it
}

// counter adds up what several transfers do.
type counter struct {
	mu          sync.Mutex
	done, total int64
	watch       Watch
}

func (c *counter) add(n int64, file string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done += n
	if c.watch.Progress != nil {
		c.watch.Progress(c.done, c.total, file)
	}
}

// Pushed is what a push has done.
type Pushed struct {
	Name   string        `json:"name"`
	Tag    string        `json:"tag"`
	Digest digest.Digest `json:"digest"`
	Kind   pack.Kind     `json:"kind"`
	Files  int           `json:"files"`
	Size   int64         `json:"size"`            // bytes of all files
	Sent   int64         `json:"sent"`            // bytes that the market did not have
	Notes  []string      `json:"notes,omitempty"` // what the market says of the package without refusing it

	SignedBy string `json:"signed_by,omitempty"` // fingerprint of the key, if Sign was called as well
}

// Push sends a packed folder and publishes it under a tag. What the market has is not sent again; after an interruption
// the same call goes on.
func (c *Client) Push(ctx context.Context, p *pack.Packed, to Reference, watch Watch) (*Pushed, error) {
	result := &Pushed{Name: to.Name, Tag: to.at(), Digest: p.Digest, Kind: p.Kind, Files: len(p.Files)}
	jobs := map[digest.Digest]source{digest.FromBytes(p.Config): {name: "configuration", size: int64(len(p.Config)), content: p.Config}}
	for _, f := range p.Files {
		result.Size += f.Size
		jobs[f.Digest] = source{name: f.Path, size: f.Size, file: filepath.Join(p.Dir, filepath.FromSlash(f.Path))}
	}
	answer, err := c.publish(ctx, p, to, jobs, result, watch)
	if err != nil {
		return nil, fmt.Errorf("pushing %s: %w", to, err)
	}
	answer.Body.Close()
	for _, w := range answer.Header.Values("Warning") {
		text, err := strconv.Unquote(strings.TrimPrefix(w, "299 - "))
		if err != nil {
			continue
		}
		result.Notes = append(result.Notes, text)
		if watch.Warn != nil {
			watch.Warn(text)
		}
	}
	if got := answer.Header.Get("Docker-Content-Digest"); got != p.Digest.String() {
		return nil, hint.Errorf("push it again", "the market has published %s and not %s", got, p.Digest)
	}
	return result, nil
}

// publish sends what the market lacks, then the manifest. A market that was told to keep blobs for a short time only may
// have removed some before the manifest came: those are sent again.
func (c *Client) publish(ctx context.Context, p *pack.Packed, to Reference, jobs map[digest.Digest]source, result *Pushed, watch Watch) (*http.Response, error) {
	for try := 1; ; try++ {
		count := &counter{watch: watch}
		for _, s := range jobs {
			count.total += s.size
		}
		var mu sync.Mutex
		err := each(ctx, jobs, func(ctx context.Context, d digest.Digest, s source) error {
			sent, err := c.pushBlob(ctx, to, d, s, count)
			mu.Lock()
			defer mu.Unlock()
			result.Sent += sent
			return err
		})
		if err != nil {
			return nil, err
		}
		answer, err := c.retry(ctx, func() (*http.Response, error) {
			return c.send(ctx, "PUT", to.path()+"/manifests/"+to.at(), bytes.NewReader(p.Manifest), http.Header{"Content-Type": {v1.MediaTypeImageManifest}}, http.StatusCreated)
		})
		var e *answerError
		if err == nil || try == 3 || !errors.As(err, &e) || e.code != "MANIFEST_BLOB_UNKNOWN" {
			return answer, err
		}
	}
}

// source is where a blob comes from: memory or a file.
type source struct {
	name    string
	size    int64
	content []byte
	file    string
}

func (s source) open() (io.ReadSeekCloser, error) {
	if s.file != "" {
		return os.Open(s.file)
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(s.content), io.NopCloser(nil)}, nil
}

// each runs f for every entry, some at once, until one fails.
func each[K comparable, V any](ctx context.Context, jobs map[K]V, f func(context.Context, K, V) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	places := make(chan struct{}, parallel)
	var wait sync.WaitGroup
	for k, v := range jobs {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		wait.Go(func() {
			defer func() { <-places }()
			if err := f(ctx, k, v); err != nil {
				cancel(err)
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

// pushBlob sends a blob that the market lacks, and returns how many bytes went.
func (c *Client) pushBlob(ctx context.Context, to Reference, d digest.Digest, s source, count *counter) (sent int64, err error) {
	answer, err := c.retry(ctx, func() (*http.Response, error) {
		return c.send(ctx, "HEAD", to.path()+"/blobs/"+d.String(), nil, nil, http.StatusOK, http.StatusNotFound, http.StatusUnauthorized, http.StatusForbidden)
	})
	if err != nil {
		return 0, err
	}
	answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		count.add(s.size, s.name)
		return 0, nil
	}
	if s.size <= small {
		answer, err := c.retry(ctx, func() (*http.Response, error) {
			r, err := s.open()
			if err != nil {
				return nil, err
			}
			defer r.Close()
			return c.send(ctx, "POST", to.path()+"/blobs/uploads/?digest="+url.QueryEscape(d.String()), io.LimitReader(r, s.size), contentOf(s.size), http.StatusCreated)
		})
		if err != nil {
			return 0, changed(err, s)
		}
		answer.Body.Close()
		count.add(s.size, s.name)
		return s.size, nil
	}
	return c.pushLarge(ctx, to, d, s, count)
}

// contentOf is the header of a body of a size. One of no bytes at all would be sent without its length otherwise.
func contentOf(size int64) http.Header {
	return http.Header{"Content-Type": {"application/octet-stream"}, "Content-Length": {strconv.FormatInt(size, 10)}}
}

// changed explains why a digest does not fit.
func changed(err error, s source) error {
	var e *answerError
	if errors.As(err, &e) && e.code == "DIGEST_INVALID" {
		return hint.Errorf("leave it alone and push again", "%s has changed while it was sent: %w", s.name, err)
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// pushLarge sends a blob in a session that it keeps note of, so that another call, or another process, goes on with it.
func (c *Client) pushLarge(ctx context.Context, to Reference, d digest.Digest, s source, count *counter) (sent int64, err error) {
	note := c.uploadNote(to, d)
	session, at := c.resumeUpload(ctx, note)
	if session == "" {
		answer, err := c.retry(ctx, func() (*http.Response, error) {
			return c.send(ctx, "POST", to.path()+"/blobs/uploads/", nil, contentOf(0), http.StatusAccepted)
		})
		if err != nil {
			return 0, err
		}
		answer.Body.Close()
		session = answer.Header.Get("Location")
		if err := keepNote(note, session); err != nil {
			return 0, err
		}
	}
	count.add(at, s.name)
	for failures := 0; at < s.size; {
		n, err := c.sendPart(ctx, session, s, at, count)
		if ctx.Err() != nil {
			return sent, ctx.Err()
		}
		now := at + n
		if err != nil {
			if !passing(err) {
				return sent, changed(err, s)
			}
			if failures++; failures >= tries {
				return sent, fmt.Errorf("%s: %w", s.name, err)
			}
			if err := c.wait(ctx, pause(failures)); err != nil {
				return sent, err
			}
			if now, err = c.uploadOffset(ctx, session); err != nil {
				if passing(err) {
					count.add(-n, s.name)
					continue
				}
				os.Remove(note)
				return sent, fmt.Errorf("%s: %w", s.name, err)
			}
			if now > at {
				failures = 0
			}
		}
		count.add(now-at-n, s.name) // what was written but has not arrived
		sent += now - at
		at = now
	}
	separator := "?"
	if strings.Contains(session, "?") {
		separator = "&"
	}
	answer, err := c.retry(ctx, func() (*http.Response, error) {
		return c.send(ctx, "PUT", session+separator+"digest="+url.QueryEscape(d.String()), nil, contentOf(0), http.StatusCreated)
	})
	if !passing(err) {
		os.Remove(note)
	}
	if err != nil {
		return sent, changed(err, s)
	}
	answer.Body.Close()
	return sent, nil
}

// sendPart sends the rest of a blob, and returns how many bytes were handed to the connection.
func (c *Client) sendPart(ctx context.Context, session string, s source, at int64, count *counter) (int64, error) {
	r, err := s.open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if _, err := r.Seek(at, io.SeekStart); err != nil {
		return 0, err
	}
	counted := &countingReader{r: io.LimitReader(r, s.size-at), add: func(n int64) { count.add(n, s.name) }}
	header := contentOf(s.size - at)
	header.Set("Content-Range", fmt.Sprintf("%d-%d", at, s.size-1))
	answer, err := c.send(ctx, "PATCH", session, counted, header, http.StatusAccepted)
	n := counted.stop()
	if err != nil {
		return n, err
	}
	answer.Body.Close()
	return n, nil
}

// countingReader counts what is read, until it is told to stop: a transport may go on reading after it has failed.
type countingReader struct {
	r       io.Reader
	add     func(int64)
	mu      sync.Mutex
	n       int64
	stopped bool
}

func (c *countingReader) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return 0, io.ErrClosedPipe
	}
	n, err := c.r.Read(p)
	c.n += int64(n)
	if n > 0 {
		c.add(int64(n))
	}
	return n, err
}

func (c *countingReader) stop() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	return c.n
}

// uploadNote is the file that remembers the session of a blob's upload.
func (c *Client) uploadNote(to Reference, d digest.Digest) string {
	sum := sha256.Sum256([]byte(c.Market() + " " + to.path() + " " + d.String()))
	return filepath.Join(c.home, "uploads", hex.EncodeToString(sum[:16])+".json")
}

type upload struct {
	Session string    `json:"session"`
	Begun   time.Time `json:"begun"`
}

func keepNote(file, session string) error {
	b, err := json.Marshal(upload{session, time.Now()})
	if err != nil {
		return err
	}
	err = os.MkdirAll(filepath.Dir(file), 0o700)
	if err == nil {
		err = os.WriteFile(file, b, 0o600)
	}
	if err != nil {
		return hint.Wrap(err, "set XIAOYU_HOME to a folder that can be written", "keeping note of an upload")
	}
	return nil
}

// resumeUpload returns the session of an earlier call and how far it has come; "" if there is none any more.
func (c *Client) resumeUpload(ctx context.Context, note string) (session string, at int64) {
	var u upload
	b, err := os.ReadFile(note)
	if err != nil || json.Unmarshal(b, &u) != nil || u.Session == "" {
		return "", 0
	}
	for try := 1; ; try++ {
		at, err = c.uploadOffset(ctx, u.Session)
		if err == nil {
			return u.Session, at
		}
		if try == tries || !passing(err) || c.wait(ctx, pause(try)) != nil {
			return "", 0
		}
	}
}

// uploadOffset asks how much of an upload has arrived.
func (c *Client) uploadOffset(ctx context.Context, session string) (int64, error) {
	answer, err := c.send(ctx, "GET", session, nil, nil, http.StatusNoContent)
	if err != nil {
		return 0, err
	}
	answer.Body.Close()
	if text := answer.Header.Get("Upload-Offset"); text != "" {
		return strconv.ParseInt(text, 10, 64)
	}
	_, last, _ := strings.Cut(answer.Header.Get("Range"), "-") // other registries say the last byte
	n, err := strconv.ParseInt(last, 10, 64)
	if err != nil {
		return 0, hint.Errorf("push again", "the registry does not say how much of an upload it has")
	}
	return n + 1, nil
}

// retry sends a request again where that may help.
func (c *Client) retry(ctx context.Context, send func() (*http.Response, error)) (*http.Response, error) {
	for try := 1; ; try++ {
		answer, err := send()
		if err == nil || try == tries || !passing(err) || ctx.Err() != nil {
			return answer, err
		}
		if err := c.wait(ctx, pause(try)); err != nil {
			return nil, err
		}
	}
}

func pause(try int) time.Duration { return 200 * time.Millisecond << min(try, 6) }

// passing tells an error that another try may not have.
func passing(err error) bool {
	var e *answerError
	if errors.As(err, &e) {
		switch e.status {
		case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusRequestedRangeNotSatisfiable:
			return e.code != "DENIED" // another content under a published version's name will not become right
		}
		return false
	}
	return errors.Is(err, ErrUnreachable) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errCut)
}

// errCut is the cause where a transfer has ended early.
var errCut = errors.New("the connection was cut")
