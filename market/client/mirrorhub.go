package client

import (
	"cmp"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// hubClient speaks the API of the Hugging Face hub (https://huggingface.co/docs/hub/api) about one repository.
type hubClient struct {
	*Client
	place Place
}

func newHub(p Place, token, dir string) (*hubClient, error) {
	usual, err := New(Options{Market: first(os.Getenv("HF_ENDPOINT"), "https://huggingface.co"), Token: "-", Home: dir})
	if err != nil {
		return nil, hint.Wrap(err, "set HF_ENDPOINT to the hub's address", "HF_ENDPOINT")
	}
	c := usual
	if p.Host != "" {
		if c, err = New(Options{Market: p.Host, Token: "-", Home: dir}); err != nil {
			return nil, err
		}
	}
	if token == "" && c.base.Host == usual.base.Host { // no other hub sees that hub's token
		token = first(os.Getenv("HF_TOKEN"), os.Getenv("HUGGING_FACE_HUB_TOKEN"))
	}
	c.token = strings.TrimSpace(token)
	return &hubClient{c, p}, nil
}

// plural is the kind of the repository in the API's paths; prefix what stands before its name elsewhere.
func (h *hubClient) plural() string { return cmp.Or(h.place.Kind, "model") + "s" }

func (h *hubClient) prefix() string {
	if h.place.Kind == "" {
		return ""
	}
	return h.place.Kind + "s/"
}

func (h *hubClient) api() string { return "/api/" + h.plural() + "/" + h.place.Name }

// revisions lists the tags, and main.
func (h *hubClient) revisions(ctx context.Context) ([]string, error) {
	var refs struct {
		Branches, Tags []struct{ Name string }
	}
	if err := h.ask(ctx, "GET", h.api()+"/refs", nil, &refs); err != nil {
		return nil, err
	}
	var list []string
	for _, t := range refs.Tags {
		list = append(list, t.Name)
	}
	return append(list, "main"), nil
}

// hubFile is a file of a revision, as the hub lists it.
type hubFile struct {
	Name   string `json:"rfilename"`
	Size   int64
	BlobID string `json:"blobId"` // git's digest, of a file that lies in git
	LFS    *struct {
		SHA256 string
		Size   int64
	}
}

// files lists a revision, but for hidden files, which are the hub's own; nil where there is none.
func (h *hubClient) files(ctx context.Context, revision string) (commit string, list []hubFile, err error) {
	var info struct {
		SHA      string
		Siblings []hubFile
	}
	err = h.ask(ctx, "GET", h.api()+"/revision/"+url.PathEscape(revision)+"?blobs=true", nil, &info)
	for _, f := range info.Siblings {
		if strings.HasPrefix(f.Name, ".") || strings.Contains(f.Name, "/.") {
			continue
		}
		if f.LFS != nil {
			f.Size = f.LFS.Size
		}
		list = append(list, f)
	}
	return info.SHA, list, err
}

// digest is the SHA-256 of a file, where the hub tells it.
func (f *hubFile) digest() digest.Digest {
	if f.LFS == nil || len(f.LFS.SHA256) != 64 {
		return ""
	}
	return digest.NewDigestFromEncoded(digest.SHA256, f.LFS.SHA256)
}

// load brings a file of a commit into the cache, on from where an earlier call has come to, and verifies it.
func (h *hubClient) load(ctx context.Context, commit string, f hubFile, count *counter) (digest.Digest, error) {
	store, err := h.cache().store()
	if err != nil {
		return "", err
	}
	if d := f.digest(); d != "" {
		if _, err := store.Stat(ctx, d); err == nil {
			count.add(f.Size, f.Name)
			return d, nil
		}
	}
	// Until its digest is known, a file is known by where it comes from.
	part, unlock, err := h.cache().part(ctx, digest.FromString(h.Market()+h.prefix()+h.place.Name+commit+f.Name))
	if err != nil {
		return "", err
	}
	defer unlock()
	file, err := os.OpenFile(part, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return "", inCache(err)
	}
	defer file.Close()
	at, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return "", inCache(err)
	}
	count.add(at, f.Name)
	address := "/" + h.prefix() + h.place.Name + "/resolve/" + commit + "/" + (&url.URL{Path: f.Name}).EscapedPath()
	for failures := 0; ; {
		n, err := h.loadFrom(ctx, address, at, file, func(n int) { count.add(int64(n), f.Name) })
		if at += n; err == nil {
			break
		}
		if n > 0 {
			failures = 0
		}
		if failures++; ctx.Err() != nil || !passing(err) || failures >= tries {
			return "", fmt.Errorf("%s: %w", f.Name, err)
		}
		if err := h.wait(ctx, pause(failures)); err != nil {
			return "", err
		}
	}
	d, err := verify(file, f)
	if err != nil {
		return "", errors.Join(err, os.Remove(part))
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return "", inCache(err)
	}
	return d, store.Adopt(d, part)
}

// loadFrom copies a file from an offset on.
func (h *hubClient) loadFrom(ctx context.Context, address string, at int64, to io.Writer, progress progressWriter) (int64, error) {
	header := http.Header{}
	if at > 0 {
		header.Set("Range", "bytes="+strconv.FormatInt(at, 10)+"-")
	}
	answer, err := h.send(ctx, "GET", address, nil, header, http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusRequestedRangeNotSatisfiable && at > 0: // all of it was there
		return 0, nil
	case at > 0 && !strings.HasPrefix(answer.Header.Get("Content-Range"), "bytes "+strconv.FormatInt(at, 10)+"-"):
		return 0, hint.Errorf("try again", "the hub sent the range %q", answer.Header.Get("Content-Range"))
	}
	n, err := io.Copy(to, io.TeeReader(answer.Body, progress))
	if err != nil {
		return n, fmt.Errorf("%w: %w", errCut, err)
	}
	return n, nil
}

// verify compares a file with the digest that the hub has listed, git's or its SHA-256, and returns the latter.
func verify(file *os.File, f hubFile) (digest.Digest, error) {
	size, err := file.Seek(0, io.SeekCurrent)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return "", inCache(err)
	}
	sum, git := digest.SHA256.Digester(), sha1.New()
	fmt.Fprintf(git, "blob %d\x00", size)
	if _, err := io.Copy(io.MultiWriter(sum.Hash(), git), file); err != nil {
		return "", inCache(err)
	}
	d := sum.Digest()
	want := f.digest()
	if want != "" && want != d || want == "" && len(f.BlobID) == 40 && f.BlobID != hex.EncodeToString(git.Sum(nil)) {
		return "", hint.Errorf("try again, and distrust the hub if that does not help", "%s is not the file that the hub lists", f.Name)
	}
	return d, nil
}

// fromHub makes a package of a revision's files, and publishes it.
func (m *mirror) fromHub(ctx context.Context, revision, under string) (digest.Digest, string, error) {
	if under == "main" {
		under = "latest"
	}
	p, files, err := m.revision(ctx, revision)
	if err != nil {
		return "", "", err
	}
	defer p.forget(ctx)
	kind := map[string]pack.Kind{"": pack.Model, "dataset": pack.Dataset, "space": pack.Application}[m.from.Kind]
	facts, err := pack.ReadFacts(kind, files, func(name string) (io.ReadCloser, error) { return p.open(ctx, name) })
	if err != nil {
		return "", "", at(m.from, err)
	}
	packed := &pack.Packed{Kind: kind, Facts: facts, Files: files}
	if packed.Manifest, packed.Config, err = pack.Build(files, *facts); err != nil {
		return "", "", at(m.from, err)
	}
	packed.Digest = digest.FromBytes(packed.Manifest)
	if has, err := m.target.hasManifest(ctx, m.to, under); err != nil || has == packed.Digest {
		return packed.Digest, "there", at(m.to, err)
	}
	missing, err := p.missing(ctx, files)
	if err != nil {
		return "", "", err
	}
	if m.options.DryRun {
		return packed.Digest, "missing", nil
	}
	jobs := map[digest.Digest]source{digest.FromBytes(packed.Config): {name: "configuration", size: int64(len(packed.Config)), content: packed.Config}}
	for _, f := range missing {
		path, err := p.path(ctx, f.Path)
		if err != nil {
			return "", "", at(m.from, err)
		}
		jobs[f.Digest] = source{name: f.Path, size: f.Size, file: path}
	}
	answer, err := m.target.publish(ctx, packed, Reference{Name: m.to.Name, Tag: under}, jobs, &Pushed{}, m.options.Watch)
	if err != nil {
		return packed.Digest, "", at(m.to, err)
	}
	return packed.Digest, "copied", answer.Body.Close()
}

// revision lists the files of a hub's revision with their digests.
func (m *mirror) revision(ctx context.Context, revision string) (*hubPackage, []pack.File, error) {
	commit, listed, err := m.hubFrom.files(ctx, revision)
	if err != nil {
		return nil, nil, at(m.from, err)
	}
	if len(listed) == 0 {
		return nil, nil, at(m.from, hint.Errorf("copy another revision", "%s has no files", revision))
	}
	p := &hubPackage{mirror: m, commit: commit, byPath: map[string]hubFile{}, loaded: map[string]digest.Digest{}}
	files, err := p.digests(ctx, listed)
	if err != nil {
		p.forget(ctx)
	}
	return p, files, err
}

// hubToHub makes the files of a hub's revision those of another hub's.
func (m *mirror) hubToHub(ctx context.Context, revision, under string) (string, error) {
	if m.from.Kind != m.to.Kind {
		return "", hint.Errorf("write both with the same kind, as in hf://datasets/owner/name", "a %s does not become a %s", cmp.Or(m.from.Kind, "model"), cmp.Or(m.to.Kind, "model"))
	}
	p, files, err := m.revision(ctx, revision)
	if err != nil {
		return "", err
	}
	defer p.forget(ctx)
	u := &hubUpload{mirror: m, files: files, fetch: func(ctx context.Context, f pack.File) (string, error) { return p.path(ctx, f.Path) }}
	return u.put(ctx, "Copy "+m.from.Name+" at "+revision, under)
}

// hubPackage is a revision that becomes a package.
type hubPackage struct {
	*mirror
	commit string
	byPath map[string]hubFile

	mu     sync.Mutex
	loaded map[string]digest.Digest // by path
}

// digests makes files of what the hub lists; those whose digests it does not tell are loaded for that.
func (p *hubPackage) digests(ctx context.Context, listed []hubFile) ([]pack.File, error) {
	unknown := map[string]hubFile{}
	for _, f := range listed {
		p.byPath[f.Name] = f
		if f.digest() == "" {
			unknown[f.Name] = f
		}
	}
	if err := each(ctx, unknown, func(ctx context.Context, name string, f hubFile) error {
		_, err := p.path(ctx, name)
		return err
	}); err != nil {
		return nil, at(p.from, err)
	}
	var files []pack.File
	for _, f := range listed {
		file := pack.File{Path: f.Name, Digest: f.digest(), Size: f.Size}
		if d := p.loaded[f.Name]; d != "" {
			file.Digest = d
			store, err := p.hubFrom.cache().store()
			if err != nil {
				return nil, err
			}
			info, err := store.Stat(ctx, d)
			if err != nil {
				return nil, err
			}
			file.Size = info.Size
		}
		if err := pack.CheckPath(file.Path); err != nil {
			return nil, at(p.from, err)
		}
		files = append(files, file)
	}
	slices.SortFunc(files, func(a, b pack.File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// path is where a file lies in the cache, loaded if need be.
func (p *hubPackage) path(ctx context.Context, name string) (string, error) {
	f, ok := p.byPath[name]
	if !ok {
		return "", fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	store, err := p.hubFrom.cache().store()
	if err != nil {
		return "", err
	}
	p.mu.Lock()
	d := p.loaded[name]
	p.mu.Unlock()
	if d == "" {
		if d, err = p.hubFrom.load(ctx, p.commit, f, &counter{}); err != nil {
			return "", err
		}
		p.mu.Lock()
		p.loaded[name] = d
		p.mu.Unlock()
	}
	return store.Path(d), nil
}

func (p *hubPackage) open(ctx context.Context, name string) (io.ReadCloser, error) {
	path, err := p.path(ctx, name)
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// missing lists the files that the other side lacks.
func (p *hubPackage) missing(ctx context.Context, files []pack.File) (list []pack.File, err error) {
	for _, f := range files {
		has, err := p.target.hasBlob(ctx, p.to, f.Digest)
		if err != nil {
			return nil, at(p.to, err)
		}
		if !has {
			list = append(list, f)
			p.result.Copied++
			p.result.Bytes += f.Size
		}
	}
	return list, nil
}

// forget takes what was loaded out of the cache: it was on its way only.
func (p *hubPackage) forget(ctx context.Context) {
	store, err := p.hubFrom.cache().store()
	if err != nil {
		return
	}
	for _, d := range p.loaded {
		_ = store.Delete(context.WithoutCancel(ctx), d) // what stays is found by `xiaoyu cache prune`
	}
}
