package sign

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Digest is a SHA-256.
type Digest [sha256.Size]byte

// String returns 64 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest is the opposite of [Digest.String].
func ParseDigest(s string) (d Digest, err error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(d) {
		return d, fmt.Errorf("%.80q is no SHA-256 of %d hexadecimal digits", s, 2*len(d))
	}
	return Digest(b), nil
}

// File is a file of a model, by its name within the folder: parts separated by slashes, none of them "..".
type File struct {
	Name   string
	Digest Digest
}

// Manifest is what a signature speaks of: every file of a folder.
type Manifest struct {
	Model   string // the folder's name
	Files   []File // in the order of their names, part by part
	Ignored []string
}

// gitPaths are left out of what is signed, wherever a folder has them at its top: what a repository adds is no model.
var gitPaths = []string{".git", ".gitattributes", ".github", ".gitignore"}

// Sort brings files into the order in which their digests are summed up: that of their names' parts.
func (m *Manifest) Sort() {
	slices.SortFunc(m.Files, func(a, b File) int {
		return slices.Compare(strings.Split(a.Name, "/"), strings.Split(b.Name, "/"))
	})
}

// Root is the digest of all files' digests, by which other documents name the model.
func (m *Manifest) Root() Digest {
	h := sha256.New()
	for _, f := range m.Files {
		h.Write(f.Digest[:])
	}
	return Digest(h.Sum(nil))
}

// Options of reading a folder.
type Options struct {
	Ignore   []string                // names within the folder that are left out, with all that lies under them
	Progress func(done, total int64) // bytes; may be called from several goroutines
}

// Folder computes the digests of all files of a folder, several at once. Links are refused: nobody can tell what they bring
// along.
func Folder(ctx context.Context, dir string, o Options) (*Manifest, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	m := &Manifest{Model: filepath.Base(full), Ignored: ignored(o.Ignore)}
	total, err := m.list(dir)
	if err != nil {
		return nil, hint.Wrap(err, "name the folder of a model", "reading %s to sign or to verify it", dir)
	}
	m.Sort()
	if err := m.hash(ctx, dir, total, o.Progress); err != nil {
		return nil, err
	}
	return m, nil
}

// ignored are the given names and those of git.
func ignored(names []string) []string {
	all := slices.Clone(gitPaths)
	for _, name := range names {
		if name = path.Clean(filepath.ToSlash(name)); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return all
}

// list finds the files and returns how many bytes they have.
func (m *Manifest) list(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		switch {
		case slices.Contains(m.Ignored, name):
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return hint.Errorf("put the file itself there", "%s is no plain file", name)
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		m.Files = append(m.Files, File{Name: name})
		return nil
	})
	if err == nil && len(m.Files) == 0 {
		err = fmt.Errorf("there is no file in it")
	}
	return total, err
}

// hash fills in the digests.
func (m *Manifest) hash(ctx context.Context, dir string, total int64, progress func(done, total int64)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var done sync.Mutex
	var read int64
	count := func(n int) error {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if progress != nil {
			done.Lock()
			defer done.Unlock()
			read += int64(n)
			progress(read, total)
		}
		return nil
	}
	work := make(chan *File)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(m.Files)) {
		workers.Go(func() {
			for f := range work {
				if err := f.hash(filepath.Join(dir, filepath.FromSlash(f.Name)), count); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range m.Files {
		work <- &m.Files[i]
	}
	close(work)
	workers.Wait()
	return context.Cause(ctx)
}

// hash reads the file; count hears of its bytes and may end it.
func (f *File) hash(name string, count func(int) error) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	h := sha256.New()
	buffer := make([]byte, 1<<20)
	for {
		n, err := file.Read(buffer)
		h.Write(buffer[:n])
		if err := count(n); err != nil {
			return err
		}
		if err == io.EOF {
			f.Digest = Digest(h.Sum(nil))
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
	}
}

// Compare returns an error that names a file which is not as the signature says, and how many there are; m is what was
// signed, is what is there.
func (m *Manifest) Compare(is *Manifest) error {
	found := map[string]Digest{}
	for _, f := range is.Files {
		found[f.Name] = f.Digest
	}
	var wrong []string
	for _, f := range m.Files {
		digest, there := found[f.Name]
		switch {
		case !there:
			wrong = append(wrong, f.Name+" is missing")
		case digest != f.Digest:
			wrong = append(wrong, f.Name+" was changed")
		}
		delete(found, f.Name)
	}
	for _, f := range is.Files {
		if _, surplus := found[f.Name]; surplus {
			wrong = append(wrong, f.Name+" was not signed")
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	const way = "get the model anew from whom you trust, and do not use this one"
	if len(wrong) == 1 {
		return hint.Errorf(way, "it is not what was signed: %s", wrong[0])
	}
	return hint.Errorf(way, "it is not what was signed: %s, and %d more", wrong[0], len(wrong)-1)
}
