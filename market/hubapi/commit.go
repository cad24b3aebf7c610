package hubapi

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/xiaoyu-slm/xiaoyu/internal/hint"
	"github.com/xiaoyu-slm/xiaoyu/market/catalogue"
	"github.com/xiaoyu-slm/xiaoyu/market/depot"
	"github.com/xiaoyu-slm/xiaoyu/market/pack"
)

// MaxRegular is the size up to which files come within a commit, in bytes. Clients that have Xet installed know no other way
// but Xet for what is larger, unless HF_HUB_DISABLE_XET=1 is set.
const MaxRegular = 64 << 20

// maxCommit is how long the lines of a commit may be in all, in bytes.
const maxCommit = 64 << 30

// preupload says how each file is to be sent.
func (h *Handler) preupload(w http.ResponseWriter, r *request) error {
	var q struct {
		Files []struct {
			Path string
			Size int64
		}
	}
	if err := read(r, &q); err != nil {
		return err
	}
	if _, err := h.branch(r); err != nil {
		return err
	}
	list := []map[string]any{}
	for _, f := range q.Files {
		if err := pack.CheckPath(f.Path); err != nil {
			return err
		}
		mode := "regular"
		if f.Size > MaxRegular {
			mode = "lfs"
			w.Header().Set("X-HF-Warning", fmt.Sprintf("xet; This market takes files of more than %d MB by LFS and does not speak Xet: if the upload fails, set HF_HUB_DISABLE_XET=1 and try again.", MaxRegular>>20))
		}
		list = append(list, map[string]any{"path": f.Path, "uploadMode": mode, "shouldIgnore": false})
	}
	return answer(w, http.StatusOK, map[string]any{"files": list})
}

// branch is the repository that a request writes to, whose revision must be a branch.
func (h *Handler) branch(r *request) (*catalogue.Repository, error) {
	repository, err := h.writable(r)
	if err != nil {
		return nil, err
	}
	if truth(r.URL.Query().Get("create_pr")) {
		return nil, hint.Errorf("commit to a branch instead", "pull requests are not taken here: %w", catalogue.ErrInvalid)
	}
	kind, err := h.refKind(r, repository, r.of("main"))
	if err == nil && kind != catalogue.Branch {
		err = hint.Errorf("commit to main or to a branch", "%s is a %s, which stays as it is: %w", r.of("main"), kind, catalogue.ErrInvalid)
	}
	return repository, err
}

// operation is what a commit does to a path.
type operation struct {
	path   string
	folder bool      // with all that is below
	file   pack.File // to put there; to delete if it has no digest
}

// commit makes a revision of a branch: all of what it says, or nothing.
func (h *Handler) commit(w http.ResponseWriter, r *request) error {
	repository, err := h.branch(r)
	if err != nil {
		return err
	}
	c := depot.Change{Kind: r.kind, Request: depot.Request{Who: r.who, Repository: repository, Ref: r.of("main"), Commit: true}}
	operations, err := h.receive(r, repository, &c, http.MaxBytesReader(w, r.Body, maxCommit))
	if err != nil {
		return err
	}
	asked := c.Parent
	var result *depot.Result
	for try := 0; ; try++ {
		s, err := h.at(r, repository, r.of("main"))
		if err != nil {
			return err
		}
		if asked != "" && asked != s.commit {
			return hint.Errorf("fetch it and commit again", "%s is at %s and not at %s: %w", r.of("main"), s.commit, asked, catalogue.ErrConflict)
		}
		c.Parent = s.commit
		if c.Files, err = apply(s.files, operations); err != nil {
			return err
		}
		result, err = h.depot.Commit(r.Context(), c)
		if err == nil {
			break
		}
		// Somebody else has committed meanwhile; who does not mind what is there gets his turn on top of it.
		if !errors.Is(err, catalogue.ErrConflict) || asked != "" || try == 10 {
			return err
		}
	}
	for _, f := range result.Findings {
		w.Header().Add("X-HF-Warning", headerText("package; "+f.Sentence()))
	}
	return answer(w, http.StatusOK, map[string]any{"success": true, "commitOid": result.Revision.Commit, "commitUrl": address(r, repository, r.kind) + "/commit/" + result.Revision.Commit, "hookOutput": ""})
}

// receive reads a commit, and stores the files that come with it. They are the repository's from then on, but visible
// only once a revision has them.
func (h *Handler) receive(r *request, repository *catalogue.Repository, c *depot.Change, body io.Reader) (operations []operation, err error) {
	var content pack.File // of the line that is being read
	lines := &lineReader{r: bufio.NewReaderSize(body, 64<<10)}
	lines.content = func(from io.Reader) (err error) {
		content, err = h.store(r.Context(), r.who, repository, from)
		return err
	}
	headed := false
	for {
		content = pack.File{}
		l, err := lines.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading the commit: %w", err)
		}
		if l.Key == "header" {
			c.Message, c.Description, c.Parent = l.Value["summary"], l.Value["description"], l.Value["parentCommit"]
			headed = true
			continue
		}
		o, err := h.operation(r.Context(), repository, l, content)
		if err != nil {
			return nil, err
		}
		operations = append(operations, o)
	}
	if !headed || c.Message == "" {
		return nil, hint.Errorf("send a header with a summary first", "the commit has no summary: %w", errRequest)
	}
	return operations, nil
}

// operation is what a line says.
func (h *Handler) operation(ctx context.Context, repository *catalogue.Repository, l *line, content pack.File) (operation, error) {
	o := operation{path: l.Value["path"]}
	if err := pack.CheckPath(strings.TrimSuffix(o.path, "/")); err != nil {
		return o, err
	}
	switch l.Key {
	case "file":
		if content.Digest == "" {
			return o, hint.Errorf("send it", "%s has no content: %w", o.path, errRequest)
		}
		if e := l.Value["encoding"]; e != "" && e != "base64" && l.Value["decoded"] != "" {
			return o, hint.Errorf("send it as base64, or the encoding before the content", "the encoding %.40q of %s: %w", e, o.path, errRequest)
		}
		o.file = content
	case "lfsFile":
		d := digestOf(l.Value["oid"])
		if a := l.Value["algo"]; a != "" && a != "sha256" || d.Validate() != nil {
			return o, hint.Errorf("name it by its SHA-256", "%s: %w", o.path, errRequest)
		}
		size, err := h.depot.Catalogue.Keep(ctx, repository, d)
		if errors.Is(err, catalogue.ErrNotFound) {
			return o, hint.Wrap(&catalogue.MissingBlobs{Digests: []digest.Digest{d}}, "send it first, by LFS", "%s", o.path)
		}
		if err != nil {
			return o, err
		}
		o.file = pack.File{Digest: d, Size: size}
	case "deletedFile":
	case "deletedFolder":
		o.folder = true
	default:
		return o, hint.Errorf("send file, lfsFile, deletedFile or deletedFolder", "the operation %.40q: %w", l.Key, errRequest)
	}
	o.path = strings.TrimSuffix(o.path, "/")
	o.file.Path = o.path
	return o, nil
}

// apply returns files as they are after some operations.
func apply(files []catalogue.File, operations []operation) ([]pack.File, error) {
	after := map[string]pack.File{}
	for _, f := range files {
		after[f.Path] = f
	}
	for _, o := range operations {
		switch {
		case o.file.Digest != "":
			after[o.path] = o.file
		case o.folder:
			before := len(after)
			maps.DeleteFunc(after, func(path string, _ pack.File) bool { return strings.HasPrefix(path, o.path+"/") })
			if len(after) == before {
				return nil, hint.Errorf("see its folders", "deleting the folder %s: %w", o.path, errNoEntry)
			}
		default:
			if _, ok := after[o.path]; !ok {
				return nil, hint.Errorf("see its files", "deleting %s: %w", o.path, errNoEntry)
			}
			delete(after, o.path)
		}
	}
	return slices.Collect(maps.Values(after)), nil
}

// small is what is held in memory rather than written as an upload, in bytes.
const small = 1 << 20

// store keeps a file whose digest is not known before it is read.
func (h *Handler) store(ctx context.Context, who catalogue.Caller, repository *catalogue.Repository, from io.Reader) (pack.File, error) {
	head, err := io.ReadAll(io.LimitReader(from, small))
	if err != nil {
		return pack.File{}, err
	}
	if len(head) < small {
		d := digest.FromBytes(head)
		_, err := h.depot.Receive(ctx, repository, d, int64(len(head)), bytes.NewReader(head))
		return pack.File{Digest: d, Size: int64(len(head))}, err
	}
	upload, err := h.depot.Begin(ctx, who, repository)
	if err != nil {
		return pack.File{}, err
	}
	sum := digest.SHA256.Digester()
	size, err := h.depot.Append(ctx, repository, upload, 0, io.TeeReader(io.LimitReader(io.MultiReader(bytes.NewReader(head), from), MaxRegular+1), sum.Hash()))
	if err == nil && size > MaxRegular {
		err = fmt.Errorf("%w: %w", hint.Errorf("send it by LFS: with huggingface_hub, set HF_HUB_DISABLE_XET=1", "a file of more than %d MB within a commit", MaxRegular>>20), &http.MaxBytesError{Limit: MaxRegular})
	}
	if err == nil {
		_, err = h.depot.Finish(ctx, repository, upload, sum.Digest())
	}
	if err != nil {
		return pack.File{}, errors.Join(err, h.depot.Abort(context.WithoutCancel(ctx), repository, upload))
	}
	return pack.File{Digest: sum.Digest(), Size: size}, nil
}
