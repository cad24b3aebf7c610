package client

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/home"
	"github.com/xiaoyu-slm/xiaoyu/market/blob"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Cache is what was pulled, in $XIAOYU_HOME/cache:
//
//	blobs/sha256/ab/ab12…   files by digest, each once
//	parts/…                 those that are on their way
//	packages/…              folders of packages, whose files are links to the blobs, with a record beside each
//	names/…                 which package a name stood for when the market was last asked
type Cache struct{ dir string }

// OpenCache returns the cache in a home folder, "" for $XIAOYU_HOME or ~/.xiaoyu.
func OpenCache(in string) (*Cache, error) {
	if in == "" {
		var err error
		if in, err = home.Dir(); err != nil {
			return nil, err
		}
	}
	return &Cache{filepath.Join(in, "cache")}, nil
}

func (c *Client) cache() *Cache { return &Cache{filepath.Join(c.home, "cache")} }

// Dir is the cache's folder.
func (c *Cache) Dir() string { return c.dir }

func (c *Cache) store() (*blob.Folder, error) { return blob.OpenFolder(filepath.Join(c.dir, "blobs")) }

// part returns the file of an unfinished blob, which no other process touches until unlock is called.
func (c *Cache) part(ctx context.Context, d digest.Digest) (file string, unlock func(), err error) {
	dir := filepath.Join(c.dir, "parts")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", nil, inCache(err)
	}
	file = filepath.Join(dir, d.Encoded())
	lock := flock.New(file + ".lock")
	if _, err := lock.TryLockContext(ctx, 200*time.Millisecond); err != nil {
		return "", nil, inCache(err)
	}
	return file, func() { lock.Unlock() }, nil
}

// Cached is a package in the cache.
type Cached struct {
	Market string        `json:"market"`
	Name   string        `json:"name"`
	Digest digest.Digest `json:"digest"`
	Kind   pack.Kind     `json:"kind"`
	Files  []pack.File   `json:"files"`
	Size   int64         `json:"size"`
	Used   time.Time     `json:"used"`
	Dir    string        `json:"dir"`
}

const recordEnding = ".json"

// packageDir is where a package lies; its record is beside it.
func (c *Cache) packageDir(market *url.URL, name string, d digest.Digest) string {
	return filepath.Join(c.dir, "packages", hostFolder(market), filepath.FromSlash(strings.ToLower(name)), d.Encoded())
}

// hostFolder names a market by a folder: a colon is not allowed everywhere.
func hostFolder(market *url.URL) string {
	return market.Scheme + "-" + strings.NewReplacer(":", "-", "[", "", "]", "").Replace(market.Host)
}

// Resolve returns the folder of a package in the cache, pulled if need be. Where the market cannot be reached, the package
// that the name stood for before will do, and note says so. Nothing in the folder may be changed.
func (c *Client) Resolve(ctx context.Context, ref Reference, watch Watch, note func(format string, args ...any)) (dir string, err error) {
	cache := c.cache()
	if ref.Digest != "" {
		dir := cache.packageDir(c.base, ref.Name, ref.Digest)
		if cache.use(dir) == nil {
			return dir, nil
		}
	}
	name := filepath.Join(cache.dir, "names", hostFolder(c.base), filepath.FromSlash(strings.ToLower(ref.Name)), ref.at())
	_, d, err := c.manifest(ctx, ref)
	if errors.Is(err, ErrUnreachable) {
		if before, readErr := os.ReadFile(name); readErr == nil {
			dir := cache.packageDir(c.base, ref.Name, digest.Digest(before))
			if cache.use(dir) == nil {
				note("note: %v; going on with %s as it was pulled before", err, ref)
				return dir, nil
			}
		}
	}
	if err != nil {
		return "", fmt.Errorf("pulling %s: %w", ref, err)
	}
	dir = cache.packageDir(c.base, ref.Name, d)
	if cache.use(dir) != nil {
		pulled, m, err := c.fetch(ctx, Reference{Name: ref.Name, Digest: d}, watch)
		if err == nil {
			err = c.lay(ctx, m, dir, linkFile)
		}
		if err == nil {
			err = cache.record(Cached{Market: c.Market(), Name: ref.Name, Digest: d, Kind: m.Kind, Files: m.Files, Size: pulled.Size, Used: time.Now(), Dir: dir})
		}
		if err != nil {
			return "", fmt.Errorf("pulling %s: %w", ref, err)
		}
		if c.token != "" {
			_ = c.installed(ctx, ref.Name, d.String()) // as in Pull
		}
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return "", inCache(err)
	}
	return dir, atomicfile.WriteFile(name, []byte(d), 0o644)
}

// use notes that a package in the cache is used; an error if it is not there.
func (c *Cache) use(dir string) error {
	r, err := readRecord(dir + recordEnding)
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		return err
	}
	if time.Since(r.Used) < time.Hour {
		return nil
	}
	r.Used = time.Now()
	return c.record(r)
}

func (c *Cache) record(r Cached) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return atomicfile.WriteFile(r.Dir+recordEnding, b, 0o644)
}

func readRecord(file string) (r Cached, err error) {
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &r)
	}
	r.Dir = strings.TrimSuffix(file, recordEnding) // the folder may have been moved as a whole
	return r, err
}

// List returns the packages in the cache, the one used last first.
func (c *Cache) List() (list []Cached, err error) {
	err = filepath.WalkDir(filepath.Join(c.dir, "packages"), func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.IsDir() && len(e.Name()) == 64 { // a package's own files
			return filepath.SkipDir
		}
		if e.IsDir() || len(e.Name()) != 64+len(recordEnding) {
			return nil
		}
		r, err := readRecord(path)
		if err != nil {
			return hint.Wrap(err, "remove the file", "reading %s", path)
		}
		list = append(list, r)
		return nil
	})
	slices.SortFunc(list, func(a, b Cached) int {
		return cmp.Or(b.Used.Compare(a.Used), strings.Compare(a.Name, b.Name), strings.Compare(string(a.Digest), string(b.Digest)))
	})
	return list, err
}

// Pruned is what Prune has removed.
type Pruned struct {
	Packages int   `json:"packages"`
	Blobs    int   `json:"blobs"`
	Bytes    int64 `json:"bytes"`
}

// Prune removes packages that were not used since a time, and files that no package in the cache has.
func (c *Cache) Prune(ctx context.Context, since time.Time) (p Pruned, err error) {
	list, err := c.List()
	if err != nil {
		return p, err
	}
	kept := map[digest.Digest]bool{}
	for _, r := range list {
		if r.Used.After(since) {
			for _, f := range r.Files {
				kept[f.Digest] = true
			}
			continue
		}
		// The record goes first: a folder without one is no package, and Resolve lays it anew.
		if err := errors.Join(os.Remove(r.Dir+recordEnding), os.RemoveAll(r.Dir)); err != nil {
			return p, fmt.Errorf("removing %s from the cache: %w", r.Name, err)
		}
		p.Packages++
	}
	store, err := c.store()
	if err != nil {
		return p, err
	}
	err = store.Walk(ctx, func(i blob.Info) error {
		if kept[i.Digest] || i.Stored.After(since) {
			return nil
		}
		p.Blobs++
		p.Bytes += i.Size
		return store.Delete(ctx, i.Digest)
	})
	parts, readErr := os.ReadDir(filepath.Join(c.dir, "parts"))
	if readErr != nil && !errors.Is(readErr, fs.ErrNotExist) {
		err = errors.Join(err, readErr)
	}
	for _, e := range parts {
		if info, statErr := e.Info(); statErr == nil && info.ModTime().Before(since) {
			err = errors.Join(err, os.Remove(filepath.Join(c.dir, "parts", e.Name())))
		}
	}
	return p, err
}

// Verify reads every file of the cache and returns those whose content is another than it was, which are removed with the
// packages that have them: they are pulled again when they are wanted.
func (c *Cache) Verify(ctx context.Context, progress func(bytes int64)) (bad []digest.Digest, err error) {
	store, err := c.store()
	if err != nil {
		return nil, err
	}
	var done int64
	damaged := map[digest.Digest]bool{}
	err = store.Walk(ctx, func(i blob.Info) error {
		err := blob.Verify(ctx, store, i.Digest)
		done += i.Size
		progress(done)
		if errors.Is(err, blob.ErrDigest) {
			bad, damaged[i.Digest] = append(bad, i.Digest), true
			return store.Delete(ctx, i.Digest)
		}
		return err
	})
	if err != nil || len(bad) == 0 {
		return bad, err
	}
	list, err := c.List()
	for _, r := range list {
		if slices.ContainsFunc(r.Files, func(f pack.File) bool { return damaged[f.Digest] }) {
			err = errors.Join(err, os.Remove(r.Dir+recordEnding), os.RemoveAll(r.Dir))
		}
	}
	return bad, err
}
