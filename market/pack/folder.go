package pack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
)

// Options change how a folder is packed; the zero value is sound.
type Options struct {
	Kind     Kind                                 // "" to find out
	Progress func(done, total int64, file string) // hears of bytes whose digest is computed
}

// Packed is a folder as a package.
type Packed struct {
	Dir      string
	Digest   digest.Digest // of the manifest: the package's
	Manifest []byte
	Config   []byte
	Kind     Kind
	Facts    *Facts
	Files    []File
}

// Folder packs a folder: all its files but hidden ones (whose names begin with a dot). Links are refused, since nobody
// can tell what they bring along.
func Folder(ctx context.Context, dir string, o Options) (*Packed, error) {
	const way = "name a folder with a model, a data set or an application"
	info, err := os.Stat(dir)
	if err != nil {
		return nil, hint.Wrap(err, way, "packing %s", dir)
	}
	if !info.IsDir() {
		return nil, hint.Errorf(way, "packing %s: it is no folder", dir)
	}
	p := &Packed{Dir: dir}
	var total int64
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		if strings.HasPrefix(entry.Name(), ".") {
			if entry.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		if entry.IsDir() {
			return nil
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		if !entry.Type().IsRegular() {
			return hint.Errorf("put the file itself there, or remove it", "%s is a link or a device", filepath.ToSlash(rel))
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		total += info.Size()
		f := File{Path: filepath.ToSlash(rel), Size: info.Size()}
		p.Files = append(p.Files, f)
		return CheckPath(f.Path)
	})
	if err != nil {
		return nil, fmt.Errorf("packing %s: %w", dir, err)
	}
	var done int64
	for i := range p.Files {
		f := &p.Files[i]
		f.Digest, f.Size, err = sum(ctx, filepath.Join(dir, filepath.FromSlash(f.Path)), func(n int64) {
			done += n
			if o.Progress != nil {
				o.Progress(done, total, f.Path)
			}
		})
		if err != nil {
			return nil, fmt.Errorf("packing %s: %w", dir, err)
		}
	}
	p.Facts, err = ReadFacts(o.Kind, p.Files, func(name string) (io.ReadCloser, error) { return os.Open(filepath.Join(dir, name)) })
	if err == nil {
		p.Kind = p.Facts.Kind
		p.Manifest, p.Config, err = Build(p.Files, *p.Facts)
	}
	if err != nil {
		return nil, fmt.Errorf("packing %s: %w", dir, err)
	}
	p.Digest = digest.FromBytes(p.Manifest)
	return p, nil
}

// sum computes digest and size of a file.
func sum(ctx context.Context, name string, progress func(n int64)) (digest.Digest, int64, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", 0, err
	}
	defer file.Close()
	d := digest.SHA256.Digester()
	var size int64
	buffer := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", 0, err
		}
		n, err := file.Read(buffer)
		d.Hash().Write(buffer[:n])
		size += int64(n)
		progress(int64(n))
		if errors.Is(err, io.EOF) {
			return d.Digest(), size, nil
		}
		if err != nil {
			return "", 0, err
		}
	}
}
