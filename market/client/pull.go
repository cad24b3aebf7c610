package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Pulled is what a pull has done.
type Pulled struct {
	Name     string        `json:"name"`
	Digest   digest.Digest `json:"digest"`
	Kind     pack.Kind     `json:"kind"`
	Dir      string        `json:"dir"`
	Files    int           `json:"files"`
	Size     int64         `json:"size"`                // bytes of all files
	Received int64         `json:"received"`            // bytes that were not in the cache
	SignedBy string        `json:"signed_by,omitempty"` // fingerprint of the key whose signature is right

	Advisories []Advisory `json:"advisories,omitempty"` // that hold for it
}

// Pull writes a package into a new folder, which appears whole or not at all. A folder that is there already is replaced
// if replace is set, and refused otherwise.
func (c *Client) Pull(ctx context.Context, from Reference, dir string, replace bool, watch Watch) (*Pulled, error) {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 && !replace {
		return nil, hint.Errorf("choose another with --out, or pass --force to replace it", "pulling %s: the folder %s is there already", from, dir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, hint.Wrap(err, "choose another with --out", "pulling %s to %s", from, dir)
	}
	result, m, err := c.fetch(ctx, from, watch)
	if err == nil {
		err = c.lay(ctx, m, dir, copyFile)
	}
	if err != nil {
		return nil, fmt.Errorf("pulling %s: %w", from, err)
	}
	result.Dir = dir
	if err := c.notePulled(result); err != nil && watch.Warn != nil { // the package is there
		watch.Warn("`xiaoyu audit` will not know of " + dir + ": " + err.Error())
	}
	if c.token != "" {
		// The package is there; a market that cannot note it is no reason to fail.
		_ = c.installed(ctx, from.Name, result.Digest.String())
	}
	return result, nil
}

// fetch brings all blobs of a package into the cache.
func (c *Client) fetch(ctx context.Context, from Reference, watch Watch) (*Pulled, *pack.Manifest, error) {
	content, d, err := c.manifest(ctx, from)
	if err != nil {
		return nil, nil, err
	}
	m, err := pack.Parse(content)
	if errors.Is(err, pack.ErrNotPackage) {
		return nil, nil, hint.Errorf("pull it with a program for what it is, such as oras or skopeo", "%s is %w", from, err)
	}
	if err != nil {
		return nil, nil, err
	}
	store, err := c.cache().store()
	if err != nil {
		return nil, nil, err
	}
	result := &Pulled{Name: from.Name, Digest: d, Kind: m.Kind, Files: len(m.Files), Size: m.Size()}
	if result.SignedBy, err = c.verify(ctx, from, d, m.Files); err != nil {
		return nil, nil, err
	}
	c.warn(ctx, result, watch)
	missing := map[digest.Digest]pack.File{}
	count := &counter{watch: watch}
	for _, f := range m.Files {
		if _, err := store.Stat(ctx, f.Digest); errors.Is(err, blob.ErrNotFound) && missing[f.Digest].Path == "" {
			missing[f.Digest] = f
			count.total += f.Size
		} else if err != nil && !errors.Is(err, blob.ErrNotFound) {
			return nil, nil, err
		}
	}
	var mu sync.Mutex
	err = each(ctx, missing, func(ctx context.Context, d digest.Digest, f pack.File) error {
		n, err := c.download(ctx, from, f, count)
		mu.Lock()
		defer mu.Unlock()
		result.Received += n
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		return nil
	})
	return result, m, err
}

// manifest asks for a manifest and verifies its digest, as far as the reference or the market names one.
func (c *Client) manifest(ctx context.Context, from Reference) ([]byte, digest.Digest, error) {
	answer, err := c.retry(ctx, func() (*http.Response, error) {
		return c.send(ctx, "GET", from.path()+"/manifests/"+from.at(), nil, http.Header{"Accept": {v1.MediaTypeImageManifest}}, http.StatusOK)
	})
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, pack.MaxManifest+1))
	if err != nil {
		return nil, "", fmt.Errorf("reading the manifest: %w: %w", errCut, err)
	}
	if len(content) > pack.MaxManifest {
		return nil, "", hint.Errorf("check that it is a package", "the manifest has more than %d MB", pack.MaxManifest>>20)
	}
	d := digest.FromBytes(content)
	want := from.Digest
	if want == "" {
		want = digest.Digest(answer.Header.Get("Docker-Content-Digest"))
	}
	if want != "" && want != d {
		return nil, "", hint.Errorf("try again, and distrust the market if that does not help", "the manifest has the digest %s, not %s", d, want)
	}
	return content, d, nil
}

// download brings a blob into the cache: on from where an earlier call has come to, and verified before it gets its name.
func (c *Client) download(ctx context.Context, from Reference, f pack.File, count *counter) (received int64, err error) {
	part, unlock, err := c.cache().part(ctx, f.Digest)
	if err != nil {
		return 0, err
	}
	defer unlock()
	store, err := c.cache().store()
	if err != nil {
		return 0, err
	}
	if _, err := store.Stat(ctx, f.Digest); err == nil { // another process was faster
		count.add(f.Size, f.Path)
		return 0, nil
	}
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return 0, inCache(err)
	}
	defer file.Close()
	sum := f.Digest.Algorithm().Hash()
	at, err := io.Copy(sum, file) // what an interruption has left
	if err != nil {
		return 0, inCache(err)
	}
	if at > f.Size {
		at = 0
	}
	count.add(at, f.Path)
	for failures := 0; at < f.Size; {
		if at == 0 {
			sum.Reset()
			if err := file.Truncate(0); err != nil {
				return received, inCache(err)
			}
		}
		if _, err := file.Seek(at, io.SeekStart); err != nil {
			return received, inCache(err)
		}
		n, err := c.receive(ctx, from, f, at, io.MultiWriter(file, sum), count)
		at += n
		received += n
		if ctx.Err() != nil {
			return received, ctx.Err()
		}
		if n > 0 {
			failures = 0
		}
		if err == nil {
			continue
		}
		if failures++; !passing(err) || failures >= tries {
			return received, err
		}
		if err := c.wait(ctx, pause(failures)); err != nil {
			return received, err
		}
	}
	if got := digest.NewDigest(f.Digest.Algorithm(), sum); got != f.Digest {
		return received, errors.Join(hint.Errorf("pull it again; if that does not help, the market's copy is damaged", "what arrived has the digest %s, not %s", got, f.Digest), os.Remove(part))
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return received, inCache(err)
	}
	return received, store.Adopt(f.Digest, part)
}

// inCache explains what went wrong on this machine's side.
func inCache(err error) error {
	return hint.Wrap(err, "free some space, or set XIAOYU_HOME to a folder on another disk", "writing to the cache")
}

// receive copies a blob from an offset on.
func (c *Client) receive(ctx context.Context, from Reference, f pack.File, at int64, to io.Writer, count *counter) (int64, error) {
	header := http.Header{}
	want := http.StatusOK
	if at > 0 {
		header.Set("Range", "bytes="+strconv.FormatInt(at, 10)+"-")
		want = http.StatusPartialContent
	}
	answer, err := c.send(ctx, "GET", from.path()+"/blobs/"+f.Digest.String(), nil, header, want)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	if at > 0 && !strings.HasPrefix(answer.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(at, 10)+"-") {
		return 0, hint.Errorf("pull it again", "the market sent the range %q", answer.Header.Get("Content-Range"))
	}
	out := &writeErrors{w: to}
	n, err := io.Copy(out, io.TeeReader(io.LimitReader(answer.Body, f.Size-at), progressWriter(func(n int) { count.add(int64(n), f.Path) })))
	switch {
	case out.err != nil:
		return n, inCache(out.err)
	case err != nil:
		return n, fmt.Errorf("%w: %w", errCut, err)
	case n < f.Size-at:
		return n, errCut
	}
	return n, nil
}

// writeErrors remembers what went wrong with writing, to tell it from what went wrong with reading.
type writeErrors struct {
	w   io.Writer
	err error
}

func (w *writeErrors) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil {
		w.err = err
	}
	return n, err
}

type progressWriter func(n int)

func (p progressWriter) Write(b []byte) (int, error) {
	p(len(b))
	return len(b), nil
}

// lay writes the files of a package, all of whose blobs are in the cache, into a folder: first beside it, then in its
// place. place copies or links a file.
func (c *Client) lay(ctx context.Context, m *pack.Manifest, dir string, place func(from, to string) error) error {
	store, err := c.cache().store()
	if err != nil {
		return err
	}
	dir = filepath.Clean(dir)
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return hint.Wrap(err, "choose another folder", "writing %s", dir)
	}
	temporary, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".*.xiaoyu-tmp")
	if err != nil {
		return hint.Wrap(err, "choose another folder", "writing %s", dir)
	}
	defer os.RemoveAll(temporary)
	for _, f := range m.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := filepath.Join(temporary, filepath.FromSlash(f.Path))
		err := os.MkdirAll(filepath.Dir(to), 0o755)
		if err == nil {
			err = place(store.Path(f.Digest), to)
		}
		if err != nil {
			return hint.Wrap(err, "free some space, or choose another folder", "writing %s", filepath.Join(dir, f.Path))
		}
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", dir, err)
	}
	return swap(temporary, dir)
}

// swap puts a folder in the place of another, which may not be there.
func swap(from, to string) error {
	old := from + "-old"
	err := os.Rename(to, old)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("replacing %s: %w", to, err)
	}
	if renamed := os.Rename(from, to); renamed != nil {
		if err == nil {
			renamed = errors.Join(renamed, os.Rename(old, to))
		}
		return fmt.Errorf("writing %s: %w", to, renamed)
	}
	return os.RemoveAll(old)
}

// copyFile copies a file; where the file system can, without reading it.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// linkFile makes another name of a file, or a copy where that cannot be.
func linkFile(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	return copyFile(from, to)
}
