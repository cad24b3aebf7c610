// Package inspect looks at packages before anybody else can: whether they are what they say they are, and whether there is
// anything in them that could harm who installs them.
//
//	findings, err := inspector.Inspect(ctx, &inspect.Package{Kind: kind, Files: files, Facts: facts, Open: open})
//	if inspect.Refuses(findings, true) { … }
//
// What a file is, its content tells and not its name. Weights are safetensors, ONNX, GGUF or LiteRT; their tables are read
// and every place that they name must lie within the file. Programs and pickles are refused wherever they lie, within
// archives and behind compression as well. A card has a licence that goes with that of its parent, a task and a language.
// Personal data in samples of data is pointed out.
//
// Files may be of any size and come from anybody: only their beginnings and their tables are read, no length is believed,
// and what one inspection may read and hold is bounded ([Limits]). The rules are listed in docs/market.md.
package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/internal/size"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// Severity says what a finding means for the package.
type Severity string

// The severities.
const (
	Refused    Severity = "refused"    // the package may not be published
	Incomplete Severity = "incomplete" // not as a version, which never changes; as a channel or on a branch it may
	Warned     Severity = "warned"     // worth knowing
)

// Finding is something about a package that its publisher should know.
type Finding struct {
	Severity Severity `json:"severity"`
	Rule     string   `json:"rule"` // its name in docs/market.md
	Path     string   `json:"path,omitempty"`
	Message  string   `json:"message"`
	Way      string   `json:"way"` // what to do about it
}

// Sentence is the finding for people, with its file in front and its way out behind.
func (f Finding) Sentence() string {
	s := f.Message
	if f.Path != "" {
		s = f.Path + ": " + s
	}
	if f.Way != "" {
		s += "; " + f.Way
	}
	return s
}

// Refuses tells whether findings forbid a package. final is a version, which never changes.
func Refuses(list []Finding, final bool) bool {
	return slices.ContainsFunc(list, func(f Finding) bool { return f.Severity == Refused || final && f.Severity == Incomplete })
}

// Package is what is to be inspected.
type Package struct {
	Kind  pack.Kind
	Files []pack.File
	Facts *pack.Facts
	Final bool // about to become a version, which never changes
	// Open returns the content of a file; fs.ErrNotExist if there is none of the name.
	Open func(path string) (File, error)
	// Licence returns the licence of another package of the market, ok = false where it is not known. May be nil.
	Licence func(ctx context.Context, name string) (licence string, ok bool, err error)
}

// File is one of a package that is being read.
type File interface {
	io.ReadSeekCloser
	Size() int64
}

// Limits bound packages, and what an inspection takes. Zero fields are those of Defaults.
type Limits struct {
	Files    int   // of a package
	File     int64 // bytes of the largest
	Package  int64 // bytes of all
	Unpacked int64 // bytes that are unpacked of compressed files, in one inspection
	Sample   int64 // bytes of each file of data that are searched for personal data
	Samples  int64 // bytes of all of them
}

// Defaults are the limits where nothing else is said.
var Defaults = Limits{Files: 100_000, File: 1 << 40, Package: 4 << 40, Unpacked: 256 << 20, Sample: 4 << 20, Samples: 32 << 20}

// Inspector inspects packages, from several goroutines if need be. It remembers what it has found in files, so that a
// repository that grows file by file is not read again with every commit.
type Inspector struct {
	limits Limits

	mu    sync.Mutex
	known map[string][]Finding // by digest and what else decides
}

// remembered is how many files an inspector remembers.
const remembered = 50_000

// New returns an inspector.
func New(l Limits) *Inspector {
	d := Defaults
	l.Files, l.File, l.Package = cmp.Or(l.Files, d.Files), cmp.Or(l.File, d.File), cmp.Or(l.Package, d.Package)
	l.Unpacked, l.Sample, l.Samples = cmp.Or(l.Unpacked, d.Unpacked), cmp.Or(l.Sample, d.Sample), cmp.Or(l.Samples, d.Samples)
	return &Inspector{limits: l, known: map[string][]Finding{}}
}

// mostFindings bounds a list, so that a package of a hundred thousand programs is not told of one by one.
const mostFindings = 100

// Inspect looks at a package. The worst findings come first; errors are for failures of the inspection itself.
func (i *Inspector) Inspect(ctx context.Context, p *Package) ([]Finding, error) {
	all := i.measures(p)
	if Refuses(all, p.Final) { // too large to look into
		return all, nil
	}
	unpacked, samples := i.limits.Unpacked, i.limits.Samples
	for _, f := range p.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, err := i.file(ctx, p, f, &unpacked, &samples)
		if err != nil {
			return nil, fmt.Errorf("looking into %s: %w", f.Path, err)
		}
		if all = append(all, found...); len(all) >= mostFindings {
			break
		}
	}
	all = append(all, card(p)...)
	licences, err := licences(ctx, p)
	if err != nil {
		return nil, err
	}
	all = append(all, licences...)
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(rank(a.Severity), rank(b.Severity)) })
	return all[:min(len(all), mostFindings)], nil
}

func rank(s Severity) int { return slices.Index([]Severity{Refused, Incomplete, Warned}, s) }

// measures compares a package with the limits.
func (i *Inspector) measures(p *Package) (all []Finding) {
	if len(p.Files) > i.limits.Files {
		all = append(all, Finding{Refused, "size", "", fmt.Sprintf("%d files are more than the %d that a package may have", len(p.Files), i.limits.Files), "put small files together, as JSON lines or Parquet"})
	}
	var total int64
	for _, f := range p.Files {
		total += f.Size
		if f.Size > i.limits.File {
			all = append(all, Finding{Refused, "size", f.Path, fmt.Sprintf("%s are more than the %s that a file may have", size.Bytes(f.Size), size.Bytes(i.limits.File)), "cut it into several files"})
		}
	}
	if total > i.limits.Package {
		all = append(all, Finding{Refused, "size", "", fmt.Sprintf("%s are more than the %s that a package may have", size.Bytes(total), size.Bytes(i.limits.Package)), "publish parts of it as packages of their own"})
	}
	return all
}

// file looks into one file, or remembers what it has found there.
func (i *Inspector) file(ctx context.Context, p *Package, f pack.File, unpacked, samples *int64) ([]Finding, error) {
	key := strings.Join([]string{f.Digest.String(), strings.ToLower(path.Ext(f.Path)), string(p.Kind)}, " ")
	own := strings.HasSuffix(f.Path, ".onnx") // may name other files, which change
	i.mu.Lock()
	found, ok := i.known[key]
	i.mu.Unlock()
	if !ok || own || f.Digest == "" {
		var err error
		if found, err = i.read(ctx, p, f, unpacked, samples); err != nil {
			return nil, err
		}
		i.mu.Lock()
		if len(i.known) >= remembered {
			clear(i.known)
		}
		i.known[key] = found
		i.mu.Unlock()
	}
	out := slices.Clone(found)
	for n := range out {
		out[n].Path = f.Path
	}
	return out, nil
}

func (i *Inspector) read(ctx context.Context, p *Package, f pack.File, unpacked, samples *int64) ([]Finding, error) {
	content, err := p.Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer content.Close()
	s := &source{ctx: ctx, file: content, size: content.Size()}
	l := &look{ctx: ctx, pkg: p, name: f.Path, unpacked: unpacked}
	if err := l.at(s, f.Path, 0); err != nil {
		return nil, err
	}
	if s.err != nil { // the store's, not the file's
		return nil, s.err
	}
	if sampled(p.Kind, f.Path) && *samples > 0 && !Refuses(l.found, true) {
		n := min(i.limits.Sample, *samples)
		*samples -= min(n, s.size)
		found, err := personal(s, f.Path, n)
		if err != nil || s.err != nil {
			return nil, errors.Join(err, s.err)
		}
		l.found = append(l.found, found...)
	}
	return l.found, nil
}

// source reads a file at any place, a page at a time, and remembers what the file's store did wrong apart from what the
// file itself does wrong.
type source struct {
	ctx  context.Context
	file File
	size int64
	page [64 << 10]byte
	from int64 // of the page
	n    int   // bytes in it
	err  error
}

// ReadAt fills b with what lies at a place; io.EOF where the file ends before.
func (s *source) ReadAt(b []byte, at int64) (done int, err error) {
	for done < len(b) {
		if at < 0 || at >= s.size {
			return done, io.EOF
		}
		if at < s.from || at >= s.from+int64(s.n) {
			if err := s.load(at); err != nil {
				return done, err
			}
		}
		n := copy(b[done:], s.page[at-s.from:s.n])
		done, at = done+n, at+int64(n)
	}
	return done, nil
}

func (s *source) load(at int64) error {
	err := s.ctx.Err()
	if err == nil && (at != s.from+int64(s.n) || s.n == 0) {
		_, err = s.file.Seek(at, io.SeekStart)
	}
	if err == nil {
		s.from = at
		s.n, err = io.ReadFull(s.file, s.page[:min(int64(len(s.page)), s.size-at)])
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("it has fewer bytes than the store says: %w", io.ErrUnexpectedEOF)
		}
	}
	if err != nil {
		s.n = 0
		s.err = errors.Join(s.err, err)
	}
	return err
}

// head is the beginning of a file, n bytes at most.
func (s *source) head(n int) ([]byte, error) {
	b := make([]byte, min(int64(n), s.size))
	_, err := s.ReadAt(b, 0)
	return b, err
}

// stream reads a file from its beginning.
func (s *source) stream() io.Reader { return io.NewSectionReader(s, 0, s.size) }

// Folder inspects a folder before it is sent, as a market will.
func (i *Inspector) Folder(ctx context.Context, p *pack.Packed, final bool) ([]Finding, error) {
	found, err := i.Inspect(ctx, &Package{Kind: p.Kind, Files: p.Files, Facts: p.Facts, Final: final, Open: func(name string) (File, error) { return openIn(p.Dir, name) }})
	if err != nil {
		return nil, hint.Wrap(err, "check that the files can be read and that nothing changes them", "inspecting %s", p.Dir)
	}
	return found, nil
}

// exists tells whether a package has a file, and how large it is.
func (p *Package) exists(name string) (int64, bool) {
	i := slices.IndexFunc(p.Files, func(f pack.File) bool { return f.Path == name })
	if i < 0 {
		return 0, false
	}
	return p.Files[i].Size, true
}
