package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/atomicfile"
	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Folder is a Store in a folder of a file system: sha256/ab/ab12…, a file a blob, named by its digest.
type Folder struct{ root string }

// OpenFolder returns the store in a folder, which is made if need be.
func OpenFolder(root string) (*Folder, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, hint.Wrap(err, "choose a folder that can be written", "opening the store of blobs")
	}
	if err := mark(root); err != nil {
		return nil, err
	}
	return &Folder{root}, nil
}

// marker is a file by which a folder is known to be there: what is below a mount point is something else while nothing is
// mounted, and must not be taken for a store that has lost everything.
const marker = ".store"

func mark(dir string) error {
	file, err := os.OpenFile(filepath.Join(dir, marker), os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return hint.Wrap(err, "choose a folder that can be written", "opening the store of blobs")
	}
	return file.Close()
}

// gone makes ErrUnavailable of an error that says that there is no file, where the folder of all of them is not there.
func gone(dir string, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, markerErr := os.Stat(filepath.Join(dir, marker)); markerErr == nil {
		return err
	}
	return hint.Errorf("mount its disk, or put the folder back", "%w: the folder %s is not there", ErrUnavailable, dir)
}

// Ping is Store's.
func (f *Folder) Ping(context.Context) error {
	_, err := os.Stat(filepath.Join(f.root, marker))
	return gone(f.root, err)
}

// Path is the file of a blob, whether or not it is there. It must not be written to.
func (f *Folder) Path(d digest.Digest) string {
	hex := d.Encoded()
	return filepath.Join(f.root, d.Algorithm().String(), hex[:2], hex)
}

// makeDir makes a folder of blobs, and sees to it that a loss of power does not take it, with what will be in it.
func (f *Folder) makeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := f.Ping(context.Background()); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return errors.Join(atomicfile.SyncDir(filepath.Dir(dir)), atomicfile.SyncDir(f.root))
}

// Put is Store's.
func (f *Folder) Put(ctx context.Context, want digest.Digest, r io.Reader) (int64, error) {
	if err := Check(want); err != nil {
		return 0, err
	}
	path := f.Path(want)
	if err := f.makeDir(filepath.Dir(path)); err != nil {
		return 0, storing(want, err)
	}
	w, err := atomicfile.Create(path)
	if err != nil {
		return 0, storing(want, gone(f.root, err))
	}
	defer w.Abort()
	h := want.Algorithm().Hash()
	size, err := io.Copy(io.MultiWriter(w.File, h), &interruptible{ctx, r})
	if err == nil {
		err = compare(want, digest.NewDigest(want.Algorithm(), h))
	}
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		return 0, storing(want, err)
	}
	return size, nil
}

// Adopt takes a file over whose content is known to have the digest, and is synced to disk. It must be on the same file
// system.
func (f *Folder) Adopt(d digest.Digest, file string) error {
	path := f.Path(d)
	if err := f.makeDir(filepath.Dir(path)); err != nil {
		return storing(d, err)
	}
	if err := os.Rename(file, path); err != nil {
		return storing(d, gone(f.root, err))
	}
	return atomicfile.SyncDir(filepath.Dir(path))
}

// storing says what failed, and ErrFull where that is why.
func storing(d digest.Digest, err error) error {
	return fmt.Errorf("storing blob %s: %w", d, full(err))
}

func full(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return hint.Errorf("free some space on the market's disk, or run `xiaoyu market gc`", "%w: %w", ErrFull, err)
	}
	return err
}

// Open is Store's.
func (f *Folder) Open(_ context.Context, d digest.Digest) (Content, error) {
	if err := Check(d); err != nil {
		return nil, err
	}
	file, err := os.Open(f.Path(d))
	if err != nil {
		return nil, f.reading(d, err)
	}
	info, err := file.Stat()
	if err != nil {
		file.Close()
		return nil, f.reading(d, err)
	}
	return &openFile{file, info.Size()}, nil
}

// openFile keeps *os.File in sight, so that a copy to a connection needs no memory of ours (sendfile).
type openFile struct {
	*os.File
	size int64
}

func (o *openFile) Size() int64 { return o.size }

func (f *Folder) reading(d digest.Digest, err error) error {
	if err = gone(f.root, err); errors.Is(err, fs.ErrNotExist) {
		err = ErrNotFound
	}
	return fmt.Errorf("blob %s: %w", d, err)
}

// Stat is Store's.
func (f *Folder) Stat(_ context.Context, d digest.Digest) (Info, error) {
	if err := Check(d); err != nil {
		return Info{}, err
	}
	info, err := os.Stat(f.Path(d))
	if err != nil {
		return Info{}, f.reading(d, err)
	}
	return Info{d, info.Size(), info.ModTime()}, nil
}

// Delete is Store's.
func (f *Folder) Delete(_ context.Context, d digest.Digest) error {
	if err := Check(d); err != nil {
		return err
	}
	if err := gone(f.root, os.Remove(f.Path(d))); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing blob %s: %w", d, err)
	}
	return nil
}

// Walk is Store's. What a killed process has left half-written is swept up on the way, once it is a day old.
func (f *Folder) Walk(ctx context.Context, each func(Info) error) error {
	if err := f.Ping(ctx); err != nil {
		return err
	}
	return filepath.WalkDir(f.root, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // deleted since its folder was read
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		part, err := filepath.Rel(f.root, path)
		if err != nil {
			return err
		}
		algorithm, rest, _ := strings.Cut(filepath.ToSlash(part), "/")
		_, hex, _ := strings.Cut(rest, "/")
		d := digest.NewDigestFromEncoded(digest.Algorithm(algorithm), hex)
		if Check(d) != nil {
			return sweep(path, info)
		}
		return each(Info{d, info.Size(), info.ModTime()})
	})
}

// sweep removes what is no blob and was left by a killed process.
func sweep(path string, info fs.FileInfo) error {
	if !atomicfile.IsTemporary(path) || time.Since(info.ModTime()) < 24*time.Hour {
		return nil
	}
	return os.Remove(path)
}
